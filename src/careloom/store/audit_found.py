"""Rows of an audit chain by what their events say, newest first, a page at a time."""

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.audit_subject import About

_BEYOND = (1 << 63) - 1
_SAID = ("actor", "operation", "outcome", "zone")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows; what is empty or None asks for nothing.

    zone          that the event is about: landing tells its events to the chain of identified
    subject       keyed pseudonym of a patient
    since, until  microseconds since 1970, half-open
    before        only rows with a smaller number
    """

    actor: str = ""
    operation: str = ""
    outcome: str = ""
    zone: str = ""
    subject: str = ""
    since: int | None = None
    until: int | None = None
    before: int | None = None


def newest(connection: Connection, wanted: Wanted, limit: int) -> list[About]:
    """At most `limit` rows, newest first. The database finds them: what nobody asks for is not read."""
    found: list[About] = []
    before = _BEYOND if wanted.before is None else wanted.before
    while len(found) < limit:
        sql, values = _query(wanted, before, limit)
        rows = bulk.fetch(connection, sql, values)
        read = [About(seq, time, orjson.loads(body), digest) for seq, time, body, digest in rows]
        found += [one for one in read if _is_wanted(one.event, wanted)]
        if len(rows) < limit:
            break
        before = rows[-1][0]
    return found[:limit]


def _query(wanted: Wanted, before: int, limit: int) -> tuple[str, tuple[Any, ...]]:
    """Canonical JSON holds each member as one text; a detail may hold the same, so each row is looked at again."""
    asked, values = ["seq < ?"], [before]
    for name, bound in (("time >= ?", wanted.since), ("time < ?", wanted.until)):
        if bound is not None:
            asked.append(name)
            values.append(bound)
    texts = [f'"{name}":{orjson.dumps(getattr(wanted, name)).decode()}' for name in _SAID if getattr(wanted, name)]
    texts += [orjson.dumps(wanted.subject).decode()] if wanted.subject else []
    asked += ["body LIKE ? ESCAPE '!'" for _ in texts]
    sql = f"SELECT seq, time, body, hash FROM audit WHERE {' AND '.join(asked)} ORDER BY seq DESC LIMIT ?"  # noqa: S608
    return sql, (*values, *(f"%{_plain(text)}%" for text in texts), limit)


def _plain(text: str) -> str:
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return text


def _is_wanted(event: dict[str, Any], wanted: Wanted) -> bool:
    is_said = all(getattr(wanted, name) in ("", event[name]) for name in _SAID)
    return is_said and (not wanted.subject or wanted.subject in event["subjects"])
