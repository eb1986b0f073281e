"""Passkeys of people, and challenges that wait for an answer of one. In the registry of clients.

A public key is here sealed by whoever hands it in, with whose it is: who can write to this file can add nobody's key.
A challenge is here as a hash only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.store import access_tables, bulk
from careloom.store.access_registry import AccessRegistry
from careloom.store.audit_log import microseconds, time_of
from careloom.store.grants import mark_of

_FIELDS = [column.name for column in access_tables.passkey.columns]
_COLUMNS = ", ".join(_FIELDS)
Purpose = Literal["make", "use"]


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a person.

    client      id of the person in the registry of clients
    name        as the person calls it
    credential  as the authenticator calls it
    public_key  sealed
    sign_count  as the authenticator told last; 0 where it does not count
    is_synced   it may be copied to other devices of the person
    used        when the person last signed in with it
    """

    id: str
    client: str
    name: str
    credential: bytes = field(repr=False)
    public_key: str = field(repr=False)
    sign_count: int
    is_synced: bool
    created: datetime
    used: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a challenge was for: one person, one purpose, one browser (the hash of its cookie)."""

    person: str
    purpose: Purpose
    browser: bytes = field(repr=False)


class Passkeys:
    """In the registry of clients."""

    def __init__(self, registry: AccessRegistry) -> None:
        self._registry = registry

    def of(self, client_id: str) -> list[Passkey]:
        """Those of one person, the oldest first."""
        sql = f"SELECT {_COLUMNS} FROM passkey WHERE client = ? ORDER BY created, id"  # noqa: S608 our own names
        return [_read(row) for row in self._registry.look(sql, (client_id,))]

    def counts(self) -> dict[str, int]:
        """How many people have, by id of the person; nobody who has none."""
        return dict(self._registry.look("SELECT client, COUNT(*) FROM passkey GROUP BY client"))

    def keep_challenge(self, challenge: str, asked: Asked, now: datetime, expires: datetime) -> None:
        """Keeps that a challenge waits for an answer, until it is used or over."""
        row = (mark_of(challenge), asked.person, asked.purpose, asked.browser, microseconds(expires))
        with self._registry.writing() as connection:
            bulk.run(connection, "DELETE FROM passkey_challenge WHERE expires < ?", [(microseconds(now),)])
            bulk.insert(connection, access_tables.passkey_challenge, [row])

    def use_challenge(self, challenge: str, now: datetime) -> Asked | None:
        """What a challenge was for; of any number of uses at once exactly one is told, and none once it is over."""
        with self._registry.writing() as connection:
            sql = "DELETE FROM passkey_challenge WHERE mark = ? RETURNING person, purpose, browser, expires"
            rows = bulk.fetch(connection, sql, (mark_of(challenge),))
        if not rows or microseconds(now) >= rows[0][3]:
            return None
        return Asked(rows[0][0], rows[0][1], bytes(rows[0][2]))

    def is_counted(self, passkey_id: str, sign_count: int, now: datetime) -> bool:
        """Keeps that a passkey was used; False, and nothing is kept, where its count did not grow as it must.

        An authenticator that does not count says 0 for ever. Of two answers at once with one count one is refused.
        """
        sql = (
            "UPDATE passkey SET sign_count = ?, used = ? "
            "WHERE id = ? AND (sign_count < ? OR (sign_count = 0 AND ? = 0)) RETURNING id"
        )
        values = (sign_count, microseconds(now), passkey_id, sign_count, sign_count)
        with self._registry.writing() as connection:
            return bool(bulk.fetch(connection, sql, values))


def add(connection: Connection, passkey: Passkey) -> bool:
    """Keeps a passkey; False if its credential is known already, whosever it is."""
    if bulk.fetch(connection, "SELECT 1 FROM passkey WHERE credential = ?", (passkey.credential,)):
        return False
    values = [getattr(passkey, name) for name in _FIELDS]
    row = tuple(
        microseconds(value) if isinstance(value, datetime) else int(value) if isinstance(value, bool) else value
        for value in values
    )
    bulk.insert(connection, access_tables.passkey, [row])
    return True


def remove(connection: Connection, client_id: str, passkey_id: str) -> bool:
    """Removes a passkey of a person; False if the person has none of this id."""
    sql = "DELETE FROM passkey WHERE client = ? AND id = ? RETURNING id"
    return bool(bulk.fetch(connection, sql, (client_id, passkey_id)))


def remove_all(connection: Connection, client_id: str) -> None:
    """Removes all of a person, and what waits for an answer of one."""
    bulk.run(connection, "DELETE FROM passkey WHERE client = ?", [(client_id,)])
    bulk.run(connection, "DELETE FROM passkey_challenge WHERE person = ?", [(client_id,)])


def _read(row: Sequence[Any]) -> Passkey:
    fields: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    fields |= {"credential": bytes(fields["credential"]), "is_synced": bool(fields["is_synced"])}
    for name in ("created", "used"):
        fields[name] = None if fields[name] is None else time_of(fields[name])
    return Passkey(**fields)
