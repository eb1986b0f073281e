"""Accounts of people: what each signs in with, and how often somebody tried to without success.

Passwords and codes are here as hashes only, the secret of a second factor sealed by whoever hands it in.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from careloom.errors import NotFound
from careloom.store import access_tables, bulk
from careloom.store.access_registry import AccessRegistry
from careloom.store.audit_log import microseconds, time_of

FORGOTTEN_AFTER = timedelta(hours=24)
"""Since the last try: then nothing is known of the tries before."""
_FIELDS = [column.name for column in access_tables.account.columns]
_COLUMNS = ", ".join(_FIELDS)
_PUT = (
    f"INSERT INTO account ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))}) ON CONFLICT (client) DO UPDATE SET "  # noqa: S608 our own names
    + ", ".join(f"{name} = excluded.{name}" for name in _FIELDS[1:])
)
_TIMES = ("invited_until", "created", "changed", "signed_in")


@dataclass(frozen=True, slots=True)
class Account:
    """What a person signs in with.

    client         id of the person in the registry of clients
    full_name      as pages greet the person
    password_hash  empty as long as the invitation was not accepted
    second_factor  sealed secret of one-time codes, empty as long as none was confirmed
    last_step      time step of the last one-time code that was used: no code holds twice
    recovery       hashes of the recovery codes that are left, divided by spaces
    invitation     hash of the code that lets the person choose a password once, empty where there is none
    changed        when the password was chosen
    signed_in      when the person last signed in
    """

    client: str
    full_name: str
    created: datetime
    password_hash: str = field(default="", repr=False)
    second_factor: str = field(default="", repr=False)
    last_step: int = 0
    recovery: str = field(default="", repr=False)
    invitation: str = field(default="", repr=False)
    invited_until: datetime | None = None
    changed: datetime | None = None
    signed_in: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How often may be tried before it takes longer and longer.

    free            tries without delay
    first_seconds   delay after them, doubled by each further one
    longest_seconds of a delay
    """

    free: int
    first_seconds: int
    longest_seconds: int

    def delay(self, tries: int) -> timedelta:
        """How long after this many tries the next one has to wait."""
        if tries < self.free:
            return timedelta(0)
        return timedelta(seconds=min(self.longest_seconds, self.first_seconds * 2 ** min(tries - self.free, 30)))


class Accounts:
    """Accounts in the registry of clients."""

    def __init__(self, registry: AccessRegistry) -> None:
        self._registry = registry

    def find(self, client_id: str) -> Account | None:
        """The account of a person."""
        rows = self._registry.look(f"SELECT {_COLUMNS} FROM account WHERE client = ?", (client_id,))  # noqa: S608 our own names
        return _read(rows[0]) if rows else None

    def listed(self) -> dict[str, Account]:
        """All, by id of the person."""
        found = [_read(row) for row in self._registry.look(f"SELECT {_COLUMNS} FROM account")]  # noqa: S608 our own names
        return {account.client: account for account in found}

    def change(
        self, client_id: str, how: Callable[[Account], Account], beside: Callable[[Connection], None] | None = None
    ) -> Account:
        """Changes one account, which nobody else changes meanwhile; an error of `how` leaves it as it was.

        beside  what changes together with it
        raises  NotFound
        """
        with self._registry.writing() as connection:
            lock = " FOR UPDATE" if bulk.is_postgresql(connection) else ""
            sql = f"SELECT {_COLUMNS} FROM account WHERE client = ?{lock}"  # noqa: S608 our own names
            rows = bulk.fetch(connection, sql, (client_id,))
            if not rows:
                raise NotFound("this person has no account", "Invite the person with careloom people invite.")
            changed = how(_read(rows[0]))
            put(connection, changed)
            if beside is not None:
                beside(connection)
        return changed

    def try_at(self, marks: Sequence[tuple[bytes, Pace]], now: datetime) -> datetime | None:
        """Counts one try for each mark, unless one of them has to wait: then until when, and nothing is counted.

        The try is counted before its outcome is known, so that many at once are no way around the delay.
        """
        with self._registry.writing() as connection:
            _lock(connection, [mark for mark, _ in marks])
            _forget(connection, now)
            known = {mark: _tries(connection, mark) for mark, _ in marks}
            waits = [until for tries, until in known.values() if until > microseconds(now)]
            if waits:
                return time_of(max(waits))
            for mark, pace in marks:
                tries = known[mark][0] + 1
                _keep(connection, mark, tries, now + pace.delay(tries), now)
        return None

    def passed(self, whole: Sequence[bytes], shared: Sequence[bytes], now: datetime) -> None:
        """Forgets the tries of marks that belong to one person, and gives one try back to shared ones."""
        with self._registry.writing() as connection:
            bulk.run(connection, "DELETE FROM sign_in_pace WHERE mark = ?", [(mark,) for mark in whole])
            _lock(connection, shared)
            for mark in shared:
                tries, _ = _tries(connection, mark)
                _keep(connection, mark, max(0, tries - 1), now, now)

    def lift(self, marks: Sequence[bytes], now: datetime) -> None:
        """Takes the delay away, and keeps the count: what was tried was right, and more is to come."""
        rows = [(microseconds(now), mark) for mark in marks]
        with self._registry.writing() as connection:
            bulk.run(connection, "UPDATE sign_in_pace SET until = ? WHERE mark = ?", rows)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in which an account changes together with its client."""
        with self._registry.writing() as connection:
            yield connection


def put(connection: Connection, account: Account) -> None:
    """Puts the account in the place of the one of the same person, or beside the others."""
    values = [getattr(account, name) for name in _FIELDS]
    row = tuple(microseconds(value) if isinstance(value, datetime) else value for value in values)
    bulk.run(connection, _PUT, [row])


def _lock(connection: Connection, marks: Sequence[bytes]) -> None:
    """Nobody else counts for these marks before the transaction ends; on SQLite nobody else writes anyway."""
    if bulk.is_postgresql(connection):
        for number in sorted(int.from_bytes(mark[:8], "big", signed=True) for mark in marks):
            bulk.fetch(connection, "SELECT pg_advisory_xact_lock(?)", (number,))


def _forget(connection: Connection, now: datetime) -> None:
    bulk.run(connection, "DELETE FROM sign_in_pace WHERE seen < ?", [(microseconds(now - FORGOTTEN_AFTER),)])


def _tries(connection: Connection, mark: bytes) -> tuple[int, int]:
    rows = bulk.fetch(connection, "SELECT tries, until FROM sign_in_pace WHERE mark = ?", (mark,))
    return (rows[0][0], rows[0][1]) if rows else (0, 0)


def _keep(connection: Connection, mark: bytes, tries: int, until: datetime, now: datetime) -> None:
    sql = (
        "INSERT INTO sign_in_pace (mark, tries, until, seen) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (mark) DO UPDATE SET tries = excluded.tries, until = excluded.until, seen = excluded.seen"
    )
    bulk.run(connection, sql, [(mark, tries, microseconds(until), microseconds(now))])


def _read(row: Sequence[Any]) -> Account:
    fields = dict(zip(_FIELDS, row, strict=True))
    for name in _TIMES:
        fields[name] = None if fields[name] is None else time_of(fields[name])
    return Account(**fields)
