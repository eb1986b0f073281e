"""The database of who may come in, opened at first use: clients and accounts read and write it through here.

SQLite in ``<data directory>/access/access.db``, or tables beside a zone's on PostgreSQL (database ``{zone}`` = access).
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect

from careloom.errors import SetupError
from careloom.store import access_tables, bulk, row_policies
from careloom.store.engine import translated, writing
from careloom.store.shared_engine import SharedEngine
from careloom.store.table_texts import make_tables

FILE_NAME = "access.db"
_ZONE = "access"


class AccessRegistry(SharedEngine):
    """Threads may share it; a forked process opens its own connections."""

    def __init__(self, place: Path | str) -> None:
        """place  the data directory, or a PostgreSQL URL, as for a zone's store"""
        super().__init__(place, _ZONE, FILE_NAME, _prepare)

    def look(self, sql: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        """All rows of a query with ``?`` placeholders."""
        engine = self.opened()
        if engine.dialect.name == "postgresql":
            with translated(), engine.connect() as connection:
                return bulk.fetch(connection, sql, values)
        # Every request looks here: without SQLAlchemy's transaction around one statement it costs a third.
        with translated(), closing(engine.raw_connection()) as plain:
            rows: list[tuple[Any, ...]] = plain.cursor().execute(sql, tuple(values)).fetchall()
            return rows

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only looks."""
        with translated(), self.opened().connect() as connection:
            yield connection


def _prepare(engine: Engine) -> None:
    """Makes the tables if they are not there. raises SetupError if they are of another version."""
    with writing(engine) as connection:
        if not inspect(connection).has_table("access_version"):
            make_tables(connection, access_tables.metadata)
            bulk.insert(connection, access_tables.access_version, [(access_tables.VERSION,)])
        found = access_tables.upgrade(connection)
        if bulk.is_postgresql(connection):
            bare = [name for name in access_tables.metadata.tables if not row_policies.is_protected(connection, name)]
            if bare:
                row_policies.protect(connection, bare, _ZONE)
    if found != access_tables.VERSION:
        raise SetupError("the registry of clients is of another version of Careloom", "Run the version that made it.")
