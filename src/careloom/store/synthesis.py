"""Fitted generators and what was drawn of them, as the store keeps them: names, states and facts, never a row.

It decides nothing: which state may follow which is for who writes, within the step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from careloom.errors import NotFound
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.resources import WriteTools
from careloom.store.synthesis_tables import synthesis

Kind = Literal["model", "sample"]
_ROWS = "SELECT name, kind, parent, state, created, changed, body FROM synthesis "


@dataclass(frozen=True, slots=True)
class Work:
    """One model or sample; see `careloom.store.synthesis_tables.synthesis`."""

    name: str
    kind: Kind
    parent: str
    state: str
    created: datetime
    changed: datetime
    body: dict[str, Any]


def find(connection: Connection, name: str, kind: Kind) -> Work:
    """One of them. raises NotFound"""
    rows = bulk.fetch(connection, _ROWS + "WHERE name = ? AND kind = ?", (name, kind))
    if not rows:
        raise NotFound(f"there is no such {kind}", "List them: careloom synthesize list.")
    return _work(rows[0])


def listed(connection: Connection, kind: Kind, parent: str = "") -> list[Work]:
    """All of a kind, or those of one model; newest first."""
    rows = bulk.fetch(connection, _ROWS + "WHERE kind = ? ORDER BY created DESC, name DESC", (kind,))
    return [_work(row) for row in rows if parent in ("", row[2])]


def unfinished(connection: Connection) -> list[Work]:
    """What was begun and is not ended, newest first: somebody is at work on it, or its process died."""
    return _in(connection, ("fitting", "drawing", "releasing"))


def unused(connection: Connection, before: datetime) -> list[Work]:
    """Samples whose rows lie sealed and that nobody drew, judged or asked the gate about since a moment."""
    return [one for one in _in(connection, ("staged", "judged", "refused")) if one.changed < before]


def left(connection: Connection) -> list[Work]:
    """What is over, newest first: no file of it is needed any more, and none has to be there."""
    return _in(connection, ("failed", "discarded", "released", "withdrawn"))


def _in(connection: Connection, states: Sequence[str]) -> list[Work]:
    marks = ", ".join("?" for _ in states)
    sql = f"{_ROWS}WHERE state IN ({marks}) ORDER BY created DESC, name DESC"
    return [_work(row) for row in bulk.fetch(connection, sql, tuple(states))]


class SynthesisWriter:
    """Adds and changes them within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools

    def add(self, name: str, kind: Kind, parent: str, state: str, body: Mapping[str, Any]) -> Work:
        """Keeps a new one."""
        now = self._tools.now
        bulk.insert(self._tools.connection, synthesis, [(name, kind, parent, state, now, now, _text(body))])
        return self.find(name, kind)

    def change(self, name: str, state: str, body: Mapping[str, Any]) -> None:
        """Gives one another state and body."""
        sql = "UPDATE synthesis SET state = ?, changed = ?, body = ? WHERE name = ?"
        bulk.run(self._tools.connection, sql, [(state, self._tools.now, _text(body), name)])

    def find(self, name: str, kind: Kind) -> Work:
        """One as it is within this step. raises NotFound"""
        return find(self._tools.connection, name, kind)


def _text(body: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(body), option=orjson.OPT_SORT_KEYS).decode()


def _work(row: Any) -> Work:
    name, kind, parent, state, created, changed, body = row
    return Work(name, kind, parent, state, time_of(created), time_of(changed), orjson.loads(body))
