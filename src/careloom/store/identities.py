"""Whom other providers call what, and sign-ins that are under way there. In the registry of clients.

An identity is an issuer and its subject, and no address of mail: those change hands. The state of a sign-in is here as
a hash only, and what belongs to it sealed by whoever hands it in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from careloom.errors import Conflict
from careloom.store import access_tables, bulk
from careloom.store.access_registry import AccessRegistry
from careloom.store.audit_log import microseconds, time_of
from careloom.store.grants import mark_of

_FIELDS = [column.name for column in access_tables.account_identity.columns]
_COLUMNS = ", ".join(_FIELDS)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a person is at another provider.

    issuer, subject  as its tokens have them; together they are one person's for ever
    client           id of the person in the registry of clients
    provider         its name in the settings when it was linked
    is_managed       true where the person was registered by it, and roles follow what it says
    """

    issuer: str
    subject: str = field(repr=False)
    client: str
    provider: str
    is_managed: bool
    created: datetime


class Identities:
    """In the registry of clients."""

    def __init__(self, registry: AccessRegistry) -> None:
        self._registry = registry

    def find(self, issuer: str, subject: str) -> Identity | None:
        """Who this is, if somebody here is."""
        sql = f"SELECT {_COLUMNS} FROM account_identity WHERE issuer = ? AND subject = ?"  # noqa: S608 our own names
        rows = self._registry.look(sql, (issuer, subject))
        return _read(rows[0]) if rows else None

    def by_client(self) -> dict[str, list[str]]:
        """Names of providers by whom people sign in, by id of the person, sorted."""
        found: dict[str, list[str]] = {}
        sql = "SELECT client, provider FROM account_identity ORDER BY provider"
        for client, provider in self._registry.look(sql):
            found.setdefault(client, []).append(provider)
        return found

    def of(self, client_id: str) -> list[str]:
        """Names of providers by whom one person signs in, sorted."""
        sql = "SELECT provider FROM account_identity WHERE client = ? ORDER BY provider"
        return [provider for (provider,) in self._registry.look(sql, (client_id,))]

    def keep_attempt(self, state: str, sealed: bytes, now: datetime, expires: datetime) -> None:
        """Keeps a sign-in that is under way, until it is used or over."""
        with self._registry.writing() as connection:
            bulk.run(connection, "DELETE FROM provider_attempt WHERE expires < ?", [(microseconds(now),)])
            bulk.insert(connection, access_tables.provider_attempt, [(mark_of(state), sealed, microseconds(expires))])

    def use_attempt(self, state: str, now: datetime) -> bytes | None:
        """What was kept for a state; of any number of uses at once exactly one gets it, and none once it is over."""
        with self._registry.writing() as connection:
            sql = "DELETE FROM provider_attempt WHERE mark = ? RETURNING sealed, expires"
            rows = bulk.fetch(connection, sql, (mark_of(state),))
        return bytes(rows[0][0]) if rows and microseconds(now) < rows[0][1] else None


def link(connection: Connection, identity: Identity) -> None:
    """Keeps who a person is. raises Conflict if it is somebody already"""
    sql = "SELECT 1 FROM account_identity WHERE issuer = ? AND subject = ?"
    if bulk.fetch(connection, sql, (identity.issuer, identity.subject)):
        raise Conflict("this account of the provider is somebody's already", "Sign in with it, or use another.")
    values = [getattr(identity, name) for name in _FIELDS]
    row = tuple(
        microseconds(value) if isinstance(value, datetime) else int(value) if isinstance(value, bool) else value
        for value in values
    )
    bulk.insert(connection, access_tables.account_identity, [row])


def unlink(connection: Connection, client_id: str) -> None:
    """Forgets who a person is elsewhere."""
    bulk.run(connection, "DELETE FROM account_identity WHERE client = ?", [(client_id,)])


def _read(row: Sequence[Any]) -> Identity:
    issuer, subject, client, provider, is_managed, created = row
    return Identity(issuer, subject, client, provider, bool(is_managed), time_of(created))
