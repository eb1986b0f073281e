"""The registry of who may come in: clients and people, assertions seen, tokens revoked. It holds nothing of a patient.

Secrets are here as Argon2id hashes only, so that whoever reads the file cannot sign in with it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.errors import Conflict, NotFound
from careloom.runtime import Runtime
from careloom.store import access_tables, bulk
from careloom.store.access_registry import AccessRegistry
from careloom.store.audit_log import microseconds, time_of
from careloom.store.erasure import rewrite

ClientKind = Literal["client", "person", "app"]
ERASED = "erased"
"""In place of the patient to whom a client was bound: no stored id is so short."""
_FIELDS = [column.name for column in access_tables.client.columns]
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
        self.registry = AccessRegistry(place)
        self._runtime = runtime

    def close(self) -> None:
        """Closes all connections."""
        self.registry.close()

    def find(self, client_id: str) -> Client | None:
        """The client that calls itself so."""
        rows = self.registry.look(f"SELECT {_COLUMNS} FROM client WHERE id = ?", (client_id,))  # noqa: S608 our own names
        return _read(rows[0]) if rows else None

    def find_with_token(self, client_id: str, jti: str, kid: str) -> tuple[Client, bool, bool] | None:
        """(the client that calls itself so, whether the token with this id was revoked, whether the key that signed it
        holds), in one look."""
        rows = self.registry.look(_WITH_TOKEN, (jti, kid, microseconds(self._runtime.now()), client_id))
        return (_read(rows[0][:-2]), bool(rows[0][-2]), bool(rows[0][-1])) if rows else None

    def named(self, name: str) -> Client:
        """The client of that name. raises NotFound."""
        with self.registry.reading() as connection:
            return _named(connection, name)

    def listed(self) -> list[Client]:
        """All, by name."""
        return [_read(row) for row in self.registry.look(f"SELECT {_COLUMNS} FROM client ORDER BY name")]  # noqa: S608 our own

    @contextmanager
    def change(self) -> Iterator["Change"]:
        """Changes who may come in; durable when the block ends, undone when it raises."""
        with self.registry.writing() as connection:
            yield Change(connection)

    def unbind(self, patient_id: str) -> int:
        """Stops who is bound to a patient who is erased, and forgets whose they were; how many."""
        now = microseconds(self._runtime.now())
        with self.registry.writing() as connection:
            sql = "SELECT count(*) FROM client WHERE patient = ?"
            count: int = bulk.fetch(connection, sql, (patient_id,))[0][0]
            sql = f"UPDATE client SET patient = '{ERASED}', disabled = COALESCE(disabled, ?) WHERE patient = ?"  # noqa: S608
            bulk.run(connection, sql, [(now, patient_id)] if count else [])
        if count:
            rewrite(self.registry.opened(), ["client"])
        return count

    def is_first_use(self, client_id: str, jti: str, expires: datetime) -> bool:
        """True once for an assertion's id; of any number of uses at once exactly one gets True.

        expires  until when it must be remembered
        """
        mark = sha256(f"{len(client_id)}:{client_id}{jti}".encode()).digest()
        with self.registry.writing() as connection:
            self._purge(connection, "assertion_seen")
            return _is_added(connection, _SEE, (mark, client_id, microseconds(expires)))

    def revoke(self, jti: str, expires: datetime) -> None:
        """Makes a token worthless; it is remembered until it would have expired anyway."""
        with self.registry.writing() as connection:
            self._purge(connection, "token_revoked")
            _is_added(connection, _REVOKE, (jti, microseconds(expires)))

    def _purge(self, connection: Connection, table: Literal["assertion_seen", "token_revoked"]) -> None:
        sql = f"DELETE FROM {table} WHERE expires < ?"  # noqa: S608 our own names
        bulk.run(connection, sql, [(microseconds(self._runtime.now()),)])


_WITH_TOKEN = (
    f"SELECT {_COLUMNS}, EXISTS (SELECT 1 FROM token_revoked WHERE jti = ?), "  # noqa: S608 our own names
    "EXISTS (SELECT 1 FROM signing_key WHERE kid = ? AND (until IS NULL OR until > ?)) "
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
        bulk.insert(self._connection, access_tables.client, [_row(client)])

    def replace(self, client: Client) -> None:
        """Puts `client` in the place of the one with its id."""
        sql = f"UPDATE client SET {', '.join(f'{name} = ?' for name in _FIELDS[1:])} WHERE id = ?"  # noqa: S608 our own names
        first, *rest = _row(client)
        bulk.run(self._connection, sql, [(*rest, first)])


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
