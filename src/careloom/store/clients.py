"""The registry of who may come in: clients and people, assertions seen, tokens revoked. It holds nothing of a patient.

SQLite in ``<data directory>/access/access.db``, or tables beside a zone's on PostgreSQL (database ``{zone}`` = access).
Secrets are here as Argon2id hashes only, so that whoever reads the file cannot sign in with it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, LargeBinary, MetaData, Table, Text, inspect

from careloom.errors import Conflict, NotFound, SetupError
from careloom.runtime import Runtime
from careloom.store import bulk, row_policies
from careloom.store.audit_log import microseconds, time_of
from careloom.store.engine import open_engine, translated, writing
from careloom.store.erasure import rewrite
from careloom.store.table_texts import make_tables

ClientKind = Literal["client", "person"]
FILE_NAME = "access.db"
ERASED = "erased"
"""In place of the patient to whom a client was bound: no stored id is so short."""
_ZONE = "access"
_VERSION = 2
"""Of these tables. The migrations of the zones know nothing of them: they are few and small, and whoever opens a
registry of an earlier version adds what it lacks (`_FROM`)."""

_metadata = MetaData()
_client = Table(
    "client",
    _metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("zones", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("jwks", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("disabled", BigInteger),
    Column("patient", Text, nullable=False, server_default=""),
    Column("actors", Text, nullable=False, server_default=""),
    Column("purposes", Text, nullable=False, server_default=""),
)
_FROM: dict[int, tuple[str, ...]] = {
    1: tuple(
        f"ALTER TABLE client ADD COLUMN {name} TEXT NOT NULL DEFAULT ''" for name in ("patient", "actors", "purposes")
    )
}
"""Version -> statements that make the next one of it."""
_assertion_seen = Table(
    "assertion_seen",
    _metadata,
    Column("jti_hash", LargeBinary, primary_key=True),
    Column("client", Text, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
)
_token_revoked = Table(
    "token_revoked",
    _metadata,
    Column("jti", Text, primary_key=True),
    Column("expires", BigInteger, nullable=False, index=True),
)
_access_version = Table("access_version", _metadata, Column("version", Integer, primary_key=True))
_FIELDS = [column.name for column in _client.columns]
_COLUMNS = ", ".join(f"client.{name}" for name in _FIELDS)


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may come in.

    id           what it calls itself (``client_id``)
    name         what the audit chain calls it
    roles, zones, scopes   sorted, divided by spaces
    secret_hash  empty for who signs with a key of their own
    jwks         their public keys as JSON, empty for who has a secret
    generation   of what it signs in with; tokens of an earlier one are worth nothing
    patient      stored id of the Patient to whom it is bound, empty for nobody
    actors       what FHIR calls it, ``Practitioner/<stored id>`` and the like, sorted, divided by spaces
    purposes     purposes of use that it may name at most, sorted, divided by spaces; empty for all that its roles may
    """

    id: str
    name: str
    kind: ClientKind
    roles: str
    zones: str
    scopes: str
    secret_hash: str = field(repr=False)
    jwks: str = field(repr=False)
    generation: int
    created: datetime
    expires: datetime | None
    disabled: datetime | None
    patient: str = field(default="", repr=False)
    actors: str = ""
    purposes: str = ""

    def is_active(self, now: datetime) -> bool:
        """True when neither disabled nor expired."""
        return self.disabled is None and (self.expires is None or now < self.expires)


class Clients:
    """The registry, opened at first use. Threads may share it; a forked process opens its own connections."""

    def __init__(self, place: Path | str, runtime: Runtime) -> None:
        """place  the data directory, or a PostgreSQL URL, as for a zone's store"""
        self._place = place
        self._runtime = runtime
        self._opening = Lock()
        self._engine: Engine | None = None
        self._owner = 0

    def close(self) -> None:
        """Closes all connections."""
        if self._engine is not None:
            self._engine.dispose(close=self._owner == os.getpid())
            self._engine = None

    def find(self, client_id: str) -> Client | None:
        """The client that calls itself so."""
        rows = self._look(f"SELECT {_COLUMNS} FROM client WHERE id = ?", (client_id,))  # noqa: S608 our own names
        return _read(rows[0]) if rows else None

    def find_with_token(self, client_id: str, jti: str) -> tuple[Client, bool] | None:
        """(the client that calls itself so, whether the token with this id was revoked), in one look."""
        rows = self._look(_WITH_TOKEN, (jti, client_id))
        return (_read(rows[0][:-1]), bool(rows[0][-1])) if rows else None

    def named(self, name: str) -> Client:
        """The client of that name. raises NotFound."""
        with translated(), self._opened().connect() as connection:
            return _named(connection, name)

    def listed(self) -> list[Client]:
        """All, by name."""
        return [_read(row) for row in self._look(f"SELECT {_COLUMNS} FROM client ORDER BY name")]  # noqa: S608 our own

    @contextmanager
    def change(self) -> Iterator["Change"]:
        """Changes who may come in; durable when the block ends, undone when it raises."""
        with self._writing() as connection:
            yield Change(connection)

    def unbind(self, patient_id: str) -> int:
        """Stops who is bound to a patient who is erased, and forgets whose they were; how many."""
        now = microseconds(self._runtime.now())
        with self._writing() as connection:
            sql = "SELECT count(*) FROM client WHERE patient = ?"
            count: int = bulk.fetch(connection, sql, (patient_id,))[0][0]
            sql = f"UPDATE client SET patient = '{ERASED}', disabled = COALESCE(disabled, ?) WHERE patient = ?"  # noqa: S608
            bulk.run(connection, sql, [(now, patient_id)] if count else [])
        if count:
            rewrite(self._opened(), ["client"])
        return count

    def is_first_use(self, client_id: str, jti: str, expires: datetime) -> bool:
        """True once for an assertion's id; of any number of uses at once exactly one gets True.

        expires  until when it must be remembered
        """
        mark = sha256(f"{len(client_id)}:{client_id}{jti}".encode()).digest()
        with self._writing() as connection:
            self._purge(connection, "assertion_seen")
            return _is_added(connection, _SEE, (mark, client_id, microseconds(expires)))

    def revoke(self, jti: str, expires: datetime) -> None:
        """Makes a token worthless; it is remembered until it would have expired anyway."""
        with self._writing() as connection:
            self._purge(connection, "token_revoked")
            _is_added(connection, _REVOKE, (jti, microseconds(expires)))

    def _purge(self, connection: Connection, table: Literal["assertion_seen", "token_revoked"]) -> None:
        sql = f"DELETE FROM {table} WHERE expires < ?"  # noqa: S608 our own names
        bulk.run(connection, sql, [(microseconds(self._runtime.now()),)])

    def _look(self, sql: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        engine = self._opened()
        if engine.dialect.name == "postgresql":
            with translated(), engine.connect() as connection:
                return bulk.fetch(connection, sql, values)
        # Every request looks here: without SQLAlchemy's transaction around one statement it costs a third.
        with translated(), closing(engine.raw_connection()) as plain:
            rows: list[tuple[Any, ...]] = plain.cursor().execute(sql, tuple(values)).fetchall()
            return rows

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        # Not engine.writing: its advisory lock is the one that a zone's audit chain takes while we hold this open.
        with translated(), self._opened().connect() as plain:
            connection = plain.execution_options(careloom_writes=True)
            with connection.begin():
                yield connection

    def _opened(self) -> Engine:
        engine = self._engine
        if engine is not None and self._owner == os.getpid():
            return engine
        with self._opening:
            if self._engine is not None and self._owner != os.getpid():
                self._engine.dispose(close=False)  # the connections belong to the process that we were forked from
                self._engine = None
            if self._engine is None:
                engine = open_engine(self._place, _ZONE, FILE_NAME)
                _prepare(engine)
                self._engine, self._owner = engine, os.getpid()
            return self._engine


_WITH_TOKEN = (
    f"SELECT {_COLUMNS}, EXISTS (SELECT 1 FROM token_revoked WHERE jti = ?) "  # noqa: S608 our own names
    "FROM client WHERE id = ?"
)
_SEE = "INSERT INTO assertion_seen (jti_hash, client, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_REVOKE = "INSERT INTO token_revoked (jti, expires) VALUES (?, ?) ON CONFLICT DO NOTHING"


class Change:
    """One change of the registry, under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def named(self, name: str) -> Client:
        """The client of that name, which nobody else changes before this change ends. raises NotFound."""
        return _named(self._connection, name, is_locked=True)

    def add(self, client: Client) -> None:
        """Lets a new client in. raises Conflict if its id or name is taken."""
        sql = "SELECT 1 FROM client WHERE id = ? OR name = ?"
        if bulk.fetch(self._connection, sql, (client.id, client.name)):
            raise Conflict("there is a client of this name already", "Choose another name.")
        bulk.insert(self._connection, _client, [_row(client)])

    def replace(self, client: Client) -> None:
        """Puts `client` in the place of the one with its id."""
        sql = f"UPDATE client SET {', '.join(f'{name} = ?' for name in _FIELDS[1:])} WHERE id = ?"  # noqa: S608 our own names
        first, *rest = _row(client)
        bulk.run(self._connection, sql, [(*rest, first)])


def _prepare(engine: Engine) -> None:
    """Makes the tables if they are not there. raises SetupError if they are of another version."""
    with writing(engine) as connection:
        if not inspect(connection).has_table("access_version"):
            make_tables(connection, _metadata)
            bulk.insert(connection, _access_version, [(_VERSION,)])
        found = [version for (version,) in bulk.fetch(connection, "SELECT version FROM access_version")]
        while len(found) == 1 and found[0] in _FROM:
            for statement in _FROM[found[0]]:
                connection.exec_driver_sql(statement)
            found = [found[0] + 1]
            bulk.run(connection, "UPDATE access_version SET version = ?", [(found[0],)])
        if bulk.is_postgresql(connection) and not row_policies.is_protected(connection, _client.name):
            row_policies.protect(connection, _metadata.tables, _ZONE)
    if found != [_VERSION]:
        raise SetupError("the registry of clients is of another version of Careloom", "Run the version that made it.")


def _named(connection: Connection, name: str, *, is_locked: bool = False) -> Client:
    lock = " FOR UPDATE" if is_locked and bulk.is_postgresql(connection) else ""
    rows = bulk.fetch(connection, f"SELECT {_COLUMNS} FROM client WHERE name = ?{lock}", (name,))  # noqa: S608 our own
    if not rows:
        raise NotFound("there is no client of this name", "List them with careloom clients list.")
    return _read(rows[0])


def _is_added(connection: Connection, sql: str, values: tuple[Any, ...]) -> bool:
    if bulk.is_postgresql(connection):
        sql = sql.replace("?", "%s")
    return connection.exec_driver_sql(sql, values).rowcount == 1


def _row(client: Client) -> tuple[Any, ...]:
    values = [getattr(client, name) for name in _FIELDS]
    return tuple(microseconds(value) if isinstance(value, datetime) else value for value in values)


def _read(row: Sequence[Any]) -> Client:
    fields = dict(zip(_FIELDS, row, strict=True))
    for name in ("created", "expires", "disabled"):
        fields[name] = None if fields[name] is None else time_of(fields[name])
    return Client(**fields)
