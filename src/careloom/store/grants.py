"""Applications in which people sign in, the browsers where they are, and what they let applications do.

Codes, cookies and refresh tokens are here as hashes only: whoever reads the file can use none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection, Table

from careloom.store import access_tables, bulk
from careloom.store.access_registry import AccessRegistry
from careloom.store.audit_log import microseconds, time_of


@dataclass(frozen=True, slots=True)
class App:
    """An application in which people sign in.

    client     its id in the registry of clients
    title      as people are asked about it
    redirects  addresses that a code may be sent to, each whole
    context    what it may ask beside resources: openid, fhirUser, offline_access, launch/patient; divided by spaces
    is_public  true where it can keep no secret
    """

    client: str
    title: str
    redirects: tuple[str, ...]
    context: str
    is_public: bool


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser in which somebody is signed in.

    is_whole  once the second factor was there too
    ways      how the person signed in, as ``amr`` has it (RFC 8176), divided by spaces
    provider  by which other provider, empty for none
    hint      sealed: what that provider knows the sign-in by, where a sign-out leads there
    """

    person: str
    generation: int
    is_whole: bool
    created: datetime
    seen: datetime
    ways: str = ""
    provider: str = ""
    hint: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person let an application do.

    generation  of what the person signs in with: a later one ends it
    scopes      of resources and the platform, divided by spaces
    context     as `App.context`
    patient     stored id of the patient to whom it is narrowed, empty for nobody
    signed_in   when the person did
    ways        how, as `Browser.ways`
    """

    id: str
    app: str
    person: str
    generation: int
    scopes: str
    context: str
    patient: str = field(repr=False)
    signed_in: datetime
    created: datetime
    expires: datetime
    revoked: datetime | None = None
    ways: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: where it was sent, and the challenge that its sender has to meet."""

    app_grant: str
    redirect: str
    challenge: str = field(repr=False)
    nonce: str = field(repr=False)
    expires: datetime
    used: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token; `used` once there is a newer one."""

    app_grant: str
    expires: datetime
    used: datetime | None = None


class Grants:
    """In the registry of clients."""

    def __init__(self, registry: AccessRegistry) -> None:
        self._registry = registry

    def app(self, client_id: str) -> App | None:
        """The application of a client."""
        rows = self._look(access_tables.app, "client", client_id)
        return _app(rows[0]) if rows else None

    def apps(self) -> list[App]:
        """All, by id."""
        rows = self._registry.look("SELECT client, title, redirects, context, is_public FROM app ORDER BY client")
        return [_app(row) for row in rows]

    def browser(self, cookie: str) -> Browser | None:
        """The browser that keeps this cookie."""
        rows = self._look(access_tables.browser_session, "mark", mark_of(cookie))
        return _browser(rows[0]) if rows else None

    def keep_browser(self, cookie: str, browser: Browser, *, instead_of: str = "") -> None:
        """Keeps who is signed in with a cookie; another cookie of the same browser ends."""
        row = (
            mark_of(cookie), browser.person, browser.generation, int(browser.is_whole), microseconds(browser.created),
            microseconds(browser.seen), browser.ways, browser.provider, browser.hint,
        )  # fmt: skip
        with self._registry.writing() as connection:
            _remove_browsers(connection, [mark_of(cookie), mark_of(instead_of)])
            bulk.insert(connection, access_tables.browser_session, [row])

    def forget_browser(self, cookie: str) -> None:
        """Nobody is signed in with this cookie any more."""
        with self._registry.writing() as connection:
            _remove_browsers(connection, [mark_of(cookie)])

    def forget_browsers(self, person: str, created: datetime) -> bool:
        """True where somebody was signed in since this very moment: nobody is any more."""
        sql = "DELETE FROM browser_session WHERE person = ? AND created = ?"
        with self._registry.writing() as connection:
            return _changed(connection, sql, (person, microseconds(created))) > 0

    def browsers_of(self, person: str) -> list[Browser]:
        """The browsers in which a person is signed in, the last one seen first; some may be over by now."""
        sql = "SELECT * FROM browser_session WHERE person = ? ORDER BY seen DESC"
        return [_browser(row) for row in self._registry.look(sql, (person,))]

    def end_all_of(self, person: str, now: datetime) -> tuple[int, int]:
        """(browsers, grants) of a person that end by this."""
        with self._registry.writing() as connection:
            browsers = _changed(connection, "DELETE FROM browser_session WHERE person = ?", (person,))
            sql = "UPDATE app_grant SET revoked = ? WHERE person = ? AND revoked IS NULL AND expires > ?"
            return browsers, _changed(connection, sql, (microseconds(now), person, microseconds(now)))

    def purge(self, now: datetime, sessions_before: datetime) -> None:
        """Removes what has long been over: browsers not seen since, codes, refresh tokens and grants that expired."""
        with self._registry.writing() as connection:
            sql = "DELETE FROM browser_session WHERE seen < ?"
            bulk.run(connection, sql, [(microseconds(sessions_before),)])
            for table in ("grant_code", "refresh_token", "app_grant"):
                sql = f"DELETE FROM {table} WHERE expires < ?"  # noqa: S608 our own names
                bulk.run(connection, sql, [(microseconds(now),)])

    def grant(self, grant_id: str) -> Grant | None:
        """What was let be done under this id."""
        rows = self._look(access_tables.app_grant, "id", grant_id)
        return _grant(rows[0]) if rows else None

    def of_person(self, person: str, now: datetime) -> list[Grant]:
        """What a person lets applications do now, newest first."""
        found = [_grant(row) for row in self._look(access_tables.app_grant, "person", person)]
        held = [grant for grant in found if grant.revoked is None and now < grant.expires]
        return sorted(held, key=lambda grant: grant.created, reverse=True)

    def add(self, grant: Grant, code: str, sent: Code) -> None:
        """Lets an application do something, once it shows the code."""
        with self._registry.writing() as connection:
            bulk.insert(connection, access_tables.app_grant, [_row(grant)])
            bulk.insert(connection, access_tables.grant_code, [(mark_of(code), *_row(sent))])

    def revoke(self, grant_id: str, now: datetime) -> None:
        """Ends what was let be done, with every code and token of it."""
        with self._registry.writing() as connection:
            sql = "UPDATE app_grant SET revoked = COALESCE(revoked, ?) WHERE id = ?"
            bulk.run(connection, sql, [(microseconds(now), grant_id)])

    def use_code(self, code: str, now: datetime) -> tuple[Code, bool] | None:
        """(the code, true for the first use); of any number of uses at once exactly one is the first."""
        with self._registry.writing() as connection:
            is_first = _is_used(connection, "grant_code", code, now)
            sql = "SELECT app_grant, redirect, challenge, nonce, expires, used FROM grant_code WHERE mark = ?"
            rows = bulk.fetch(connection, sql, (mark_of(code),))
        if not rows:
            return None
        grant_id, redirect, challenge, nonce, expires, used = rows[0]
        return Code(grant_id, redirect, challenge, nonce, time_of(expires), time_of(used)), is_first

    def keep_refresh(self, token: str, grant_id: str, expires: datetime) -> None:
        """Keeps a new refresh token."""
        with self._registry.writing() as connection:
            row = (mark_of(token), grant_id, microseconds(expires), None)
            bulk.insert(connection, access_tables.refresh_token, [row])

    def refresh(self, token: str) -> Refresh | None:
        """The refresh token, as it is kept."""
        rows = self._look(access_tables.refresh_token, "mark", mark_of(token))
        if not rows:
            return None
        _, grant_id, expires, used = rows[0]
        return Refresh(grant_id, time_of(expires), None if used is None else time_of(used))

    def is_first_refresh(self, token: str, now: datetime) -> bool:
        """True once for a refresh token; of any number of uses at once exactly one gets True."""
        with self._registry.writing() as connection:
            return _is_used(connection, "refresh_token", token, now)

    def _look(self, table: Table, column: str, value: object) -> Sequence[tuple[Any, ...]]:
        names = ", ".join(one.name for one in table.columns)
        return self._registry.look(f"SELECT {names} FROM {table.name} WHERE {column} = ?", (value,))  # noqa: S608 our own


def put_app(connection: Connection, app: App) -> None:
    """Keeps an application beside its client."""
    redirects = orjson.dumps(app.redirects).decode()
    bulk.run(connection, "DELETE FROM app WHERE client = ?", [(app.client,)])
    bulk.insert(connection, access_tables.app, [(app.client, app.title, redirects, app.context, int(app.is_public))])


def mark_of(text: str) -> bytes:
    """Under what a code, cookie or token of 128 bits or more is kept."""
    return sha256(text.encode()).digest()


def _app(row: Sequence[Any]) -> App:
    client, title, redirects, context, is_public = row
    return App(client, title, tuple(orjson.loads(redirects)), context, bool(is_public))


def _browser(row: Sequence[Any]) -> Browser:
    _, person, generation, is_whole, created, seen, ways, provider, hint = row
    return Browser(person, generation, bool(is_whole), time_of(created), time_of(seen), ways, provider, hint)


def _grant(row: Sequence[Any]) -> Grant:
    names = [column.name for column in access_tables.app_grant.columns]
    fields: dict[str, Any] = dict(zip(names, row, strict=True))
    for name in ("signed_in", "created", "expires", "revoked"):
        fields[name] = None if fields[name] is None else time_of(fields[name])
    return Grant(**fields)


def _row(held: Grant | Code) -> tuple[Any, ...]:
    values = [getattr(held, name) for name in type(held).__slots__]
    return tuple(microseconds(value) if isinstance(value, datetime) else value for value in values)


def _remove_browsers(connection: Connection, marks: Sequence[bytes]) -> None:
    bulk.run(connection, "DELETE FROM browser_session WHERE mark = ?", [(mark,) for mark in marks])


def _is_used(connection: Connection, table: str, secret: str, now: datetime) -> bool:
    sql = f"UPDATE {table} SET used = ? WHERE mark = ? AND used IS NULL"  # noqa: S608 our own names
    return _changed(connection, sql, (microseconds(now), mark_of(secret))) == 1


def _changed(connection: Connection, sql: str, values: tuple[Any, ...]) -> int:
    if bulk.is_postgresql(connection):
        sql = sql.replace("?", "%s")
    count: int = connection.exec_driver_sql(sql, values).rowcount
    return count
