"""Answers that are kept so that a request that comes twice is done once; sealed by whoever keeps them.

SQLite in ``<data directory>/access/answers.db``, or a table beside the registry of clients on PostgreSQL. Neither the
name of a request nor what it asked for is here: both are keyed hashes.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, Table, inspect

from careloom.runtime import Runtime
from careloom.store import bulk, row_policies
from careloom.store.audit_log import microseconds, time_of
from careloom.store.engine import writing
from careloom.store.shared_engine import SharedEngine
from careloom.store.table_texts import make_tables

FILE_NAME = "answers.db"
_ZONE = "access"
_metadata = MetaData()
_answer = Table(
    "kept_answer",
    _metadata,
    Column("name", LargeBinary, primary_key=True),
    Column("asked", LargeBinary, nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
    Column("answer", LargeBinary),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a request that came before.

    asked   the keyed hash of what it asked for
    begun   when it came
    answer  sealed; None while it is under way, or where it ended without one
    """

    asked: bytes
    begun: datetime
    answer: bytes | None


class KeptAnswers:
    """The answers, opened at first use; threads and processes may share them."""

    def __init__(self, place: Path | str, runtime: Runtime) -> None:
        """place  the data directory, or a PostgreSQL URL, as for a zone's store"""
        self._runtime = runtime
        self._shared = SharedEngine(place, _ZONE, FILE_NAME, _prepare)

    def close(self) -> None:
        """Closes all connections."""
        self._shared.close()

    def begin(self, name: bytes, asked: bytes, expires: datetime) -> Kept | None:
        """None where this is the first request of its name, of any number at once exactly one; else what is known."""
        now = microseconds(self._runtime.now())
        with self._shared.writing() as connection:
            bulk.run(connection, "DELETE FROM kept_answer WHERE expires < ?", [(now,)])
            sql = "INSERT INTO kept_answer (name, asked, begun, expires) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            if bulk.is_postgresql(connection):
                sql = sql.replace("?", "%s")
            if connection.exec_driver_sql(sql, (name, asked, now, microseconds(expires))).rowcount == 1:
                return None
            sql = "SELECT asked, begun, answer FROM kept_answer WHERE name = ?"
            found, begun, answer = bulk.fetch(connection, sql, (name,))[0]
        return Kept(bytes(found), time_of(begun), None if answer is None else bytes(answer))

    def keep(self, name: bytes, answer: bytes) -> None:
        """Keeps the sealed answer of a request that began."""
        with self._shared.writing() as connection:
            bulk.run(connection, "UPDATE kept_answer SET answer = ? WHERE name = ?", [(answer, name)])

    def release(self, name: bytes) -> None:
        """Forgets a request that had no effect: its name may come again."""
        with self._shared.writing() as connection:
            bulk.run(connection, "DELETE FROM kept_answer WHERE name = ?", [(name,)])


def _prepare(engine: Engine) -> None:
    with writing(engine) as connection:
        if not inspect(connection).has_table(_answer.name):
            make_tables(connection, _metadata)
        if bulk.is_postgresql(connection) and not row_policies.is_protected(connection, _answer.name):
            row_policies.protect(connection, _metadata.tables, _ZONE)
