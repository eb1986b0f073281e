"""Keys that sign tokens, sealed, in the registry of clients: what one process changes, all others see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from careloom.errors import Conflict
from careloom.store import bulk
from careloom.store.access_registry import AccessRegistry
from careloom.store.audit_log import microseconds, time_of

_FIELDS = ("number", "purpose", "kid", "sealed", "created", "signs", "until")
_COLUMNS = ", ".join(_FIELDS)


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key for one purpose.

    kid    the thumbprint of its public half; empty for a key that an earlier version made
    signs  from when it signs; before that it is only shown
    until  when it stops being shown and its signatures stop holding, None for the newest
    """

    number: int
    purpose: str
    kid: str
    sealed: bytes = field(repr=False)
    created: datetime
    signs: datetime
    until: datetime | None = None


class KeptKeys:
    """All keys of an installation."""

    def __init__(self, registry: AccessRegistry) -> None:
        self._registry = registry

    def held(self, now: datetime) -> list[KeptKey]:
        """Those whose signatures hold, or will, newest first."""
        sql = f"SELECT {_COLUMNS} FROM signing_key WHERE until IS NULL OR until > ? ORDER BY number DESC"  # noqa: S608
        return [_key(row) for row in self._registry.look(sql, (microseconds(now),))]

    def add(self, key: KeptKey, now: datetime, others_until: datetime) -> bool:
        """Keeps a new key as the newest of its purpose; false if another of that number was added meanwhile."""
        with self._registry.writing() as connection:
            if not _is_added(connection, key):
                return False
            sql = "UPDATE signing_key SET until = ? WHERE until IS NULL AND purpose = ? AND number < ?"
            bulk.run(connection, sql, [(microseconds(others_until), key.purpose, key.number)])
            bulk.run(connection, "DELETE FROM signing_key WHERE until < ?", [(microseconds(now),)])
        return True

    def remove(self, key: KeptKey, now: datetime, substitute: KeptKey) -> bool:
        """Removes a key for good; the newest that is left signs on, and at once where nothing else would.

        substitute  is kept where none is left
        returns     false if somebody else removed it
        raises      Conflict if another key of the substitute's number was added meanwhile; then nothing is removed
        """
        with self._registry.writing() as connection:
            sql = "DELETE FROM signing_key WHERE number = ? AND kid = ?"
            if _count(connection, sql, key.number, key.kid) != 1:
                return False
            sql = f"SELECT {_COLUMNS} FROM signing_key WHERE purpose = ? ORDER BY number DESC"  # noqa: S608 our own names
            left = [_key(row) for row in bulk.fetch(connection, sql, (key.purpose,))]
            left = [one for one in left if one.until is None or now < one.until]
            if not left and not _is_added(connection, substitute):
                raise Conflict("somebody else made a new key at this moment", "Look at the keys, and revoke again.")
            if left:
                signs = left[0].signs if any(one.signs <= now for one in left) else now
                sql = "UPDATE signing_key SET until = NULL, signs = ? WHERE number = ?"
                bulk.run(connection, sql, [(microseconds(signs), left[0].number)])
        return True


def _is_added(connection: Connection, key: KeptKey) -> bool:
    marks = ", ".join("?" * len(_FIELDS))
    sql = f"INSERT INTO signing_key ({_COLUMNS}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 our own names
    values = [getattr(key, name) for name in _FIELDS]
    return _count(connection, sql, *(microseconds(one) if isinstance(one, datetime) else one for one in values)) == 1


def _count(connection: Connection, sql: str, *values: object) -> int:
    if bulk.is_postgresql(connection):
        sql = sql.replace("?", "%s")
    count: int = connection.exec_driver_sql(sql, values).rowcount
    return count


def _key(row: Sequence[Any]) -> KeptKey:
    number, purpose, kid, sealed, created, signs, until = row
    ends = None if until is None else time_of(until)
    return KeptKey(number, purpose, kid, bytes(sealed), time_of(created), time_of(signs), ends)
