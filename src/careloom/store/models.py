"""Versions of models, who of them answers, what was counted of it, and runs of pipelines, as the store keeps them.

It decides nothing: which state may follow which is for who writes, within the step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from careloom.errors import NotFound
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.models_tables import model_work
from careloom.store.resources import WriteTools

Kind = Literal["version", "traffic", "count", "run", "mirror", "card"]
_ROWS = "SELECT kind, name, parent, state, created, changed, body FROM model_work "


@dataclass(frozen=True, slots=True)
class ModelWork:
    """One of them; see `careloom.store.models_tables.model_work`."""

    kind: Kind
    name: str
    parent: str
    state: str
    created: datetime
    changed: datetime
    body: dict[str, Any]


def find(connection: Connection, kind: Kind, name: str) -> ModelWork:
    """One of them. raises NotFound"""
    rows = bulk.fetch(connection, _ROWS + "WHERE kind = ? AND name = ?", (kind, name))
    if not rows:
        called = {"version": "model version", "run": "run of a pipeline"}.get(kind, "model")
        raise NotFound(f"there is no such {called}", "List them: careloom models list.")
    return _work(rows[0])


def listed(connection: Connection, kind: Kind, parent: str = "") -> list[ModelWork]:
    """All of a kind, or those of one parent; newest first."""
    where, given = ("AND parent = ? ", (kind, parent)) if parent else ("", (kind,))
    rows = bulk.fetch(connection, f"{_ROWS}WHERE kind = ? {where}ORDER BY created DESC, name DESC", given)
    return [_work(row) for row in rows]


class ModelWriter:
    """Adds, changes and removes them within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools

    def add(self, kind: Kind, name: str, parent: str, state: str, body: Mapping[str, Any]) -> ModelWork:
        """Keeps a new one."""
        now = self._tools.now
        bulk.insert(self._tools.connection, model_work, [(kind, name, parent, state, now, now, _text(body))])
        return self.find(kind, name)

    def change(self, kind: Kind, name: str, state: str, body: Mapping[str, Any]) -> ModelWork:
        """Gives one another state and body."""
        sql = "UPDATE model_work SET state = ?, changed = ?, body = ? WHERE kind = ? AND name = ?"
        bulk.run(self._tools.connection, sql, [(state, self._tools.now, _text(body), kind, name)])
        return self.find(kind, name)

    def found(self, kind: Kind, name: str) -> ModelWork | None:
        """One as it is within this step, where it is there."""
        rows = bulk.fetch(self._tools.connection, _ROWS + "WHERE kind = ? AND name = ?", (kind, name))
        return _work(rows[0]) if rows else None

    def names(self, kind: Kind, parent: str) -> list[str]:
        """What those of a kind and a parent are called."""
        sql = "SELECT name FROM model_work WHERE kind = ? AND parent = ?"
        return [name for (name,) in bulk.fetch(self._tools.connection, sql, (kind, parent))]

    def drop(self, kind: Kind, names: Iterable[str]) -> None:
        """Removes some of a kind."""
        sql = "DELETE FROM model_work WHERE kind = ? AND name = ?"
        bulk.run(self._tools.connection, sql, [(kind, name) for name in names])

    def remove(self, kind: Kind, parent: str) -> None:
        """Removes all of a kind and a parent."""
        bulk.run(self._tools.connection, "DELETE FROM model_work WHERE kind = ? AND parent = ?", [(kind, parent)])

    def find(self, kind: Kind, name: str) -> ModelWork:
        """One as it is within this step. raises NotFound"""
        return find(self._tools.connection, kind, name)

    def listed(self, kind: Kind, parent: str = "") -> list[ModelWork]:
        """Several as they are within this step; see `listed`."""
        return listed(self._tools.connection, kind, parent)


def _text(body: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(body), option=orjson.OPT_SORT_KEYS).decode()


def _work(row: Any) -> ModelWork:
    kind, name, parent, state, created, changed, body = row
    return ModelWork(kind, name, parent, state, time_of(created), time_of(changed), orjson.loads(body))
