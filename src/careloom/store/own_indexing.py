"""The indexing of own search parameters: pages of what was stored before, a count anew, and only then the switch.

Writers index a parameter from the moment it is registered, under the zone's one write lock; a page indexes what was
there before. So whatever a kill interrupts, the next run goes on behind the last page.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.errors import Conflict, IntegrityError
from careloom.fhir.drafts import Resource
from careloom.fhir.search_parameters import Parameter
from careloom.store import bulk
from careloom.store.own_parameters import Own, OwnIndex, State, read, row_of
from careloom.store.own_tables import own_parameter
from careloom.store.reads import Reader
from careloom.store.resources import WriteTools
from careloom.store.rows import IndexRows
from careloom.store.schema import idx_eq, idx_range, token_system

PAGE = 500
"""Resources of one page."""
NUMBERED_BEFORE = 1_000
"""Numbers up to this one are those of parameters that come with a zone."""
_SAVE = "UPDATE own_parameter SET state = ?, mark = ?, counts = ?, changed = ? WHERE number = ?"
_RIDS = "SELECT rid FROM resource WHERE type = ? AND rid > ? AND NOT deleted ORDER BY rid LIMIT ?"
_COUNT = "SELECT count(*) FROM resource WHERE type = ? AND NOT deleted"
_HOLDERS = "SELECT count(*) FROM idx_eq WHERE key = ?"
_FORGET_EQ = "DELETE FROM idx_eq WHERE key = ? AND rid = ?"
_FORGET_RANGE = "DELETE FROM idx_range WHERE key = ? AND low = ? AND high = ? AND unit = ? AND rid = ?"
_FOUND = {
    "idx_eq": "SELECT count(*) FROM {rows} JOIN idx_eq k ON k.key = d.key AND k.rid = d.rid",
    "idx_range": "SELECT count(*) FROM {rows} JOIN idx_range k ON k.key = d.key AND k.low = d.low AND k.high = d.high "
    "AND k.unit = d.unit AND k.rid = d.rid",
}
_COLUMNS = {
    "idx_eq": (("key", "bigint"), ("rid", "bigint")),
    "idx_range": (("key", "bigint"), ("low", "float8"), ("high", "float8"), ("unit", "bigint"), ("rid", "bigint")),
}


class OwnWriter:
    """Changes own parameters within one transaction."""

    def __init__(self, tools: WriteTools, reader: Reader) -> None:
        self._tools = tools
        self._connection = tools.connection
        self._reader = reader

    def define(self, parameters: Sequence[Parameter], resource: str, url: str) -> list[Own]:
        """Makes these the parameters that a SearchParameter defines; those that it had and has no more go.

        A new one is on where its type has no resources, else it waits. returns  what is new
        """
        held = [one for one in self._now().all if one.resource == resource and one.state != "removing"]
        wanted = {(one.resource_type, one.code): one for one in parameters}
        kept = {
            (one.parameter.resource_type, one.parameter.code)
            for one in held
            if replace(one.parameter, uses=()) == wanted.get((one.parameter.resource_type, one.parameter.code))
            and one.url == url
        }
        for one in held:
            if (one.parameter.resource_type, one.parameter.code) not in kept:
                self._save(one, "removing", mark=0, counts={})
        made = []
        for name, parameter in wanted.items():
            if name not in kept:
                number = self._tools.count("parameters", 1) + NUMBERED_BEFORE
                is_empty = bulk.fetch(self._connection, _COUNT, (parameter.resource_type,))[0][0] == 0
                row = row_of(number, parameter, resource, url, "on" if is_empty else "waiting", self._tools.now)
                bulk.insert(self._connection, own_parameter, [row])
                made.append(number)
        return [one for one in self._now().all if one.number in made]

    def all(self) -> tuple[Own, ...]:
        """All of them, as they are in this step."""
        return self._now().all

    def again(self, own: Own) -> None:
        """Lets a parameter be indexed from the start; until that is done it is not searched."""
        self._save(own, "waiting", mark=0, counts={})

    def index_page(self, own: Own) -> Own | None:
        """Writes the entries of the next page, or takes them away where it is being removed; None when none is left."""
        own = self._current(own)
        if own.state not in ("waiting", "removing"):
            return None
        found = list(_page(self._connection, self._reader, own, PAGE))
        if not found:
            return None
        eq: list[tuple[int, int]] = []
        ranges: list[tuple[int, float, float, int, int]] = []
        systems: set[tuple[str, str, str]] = set()
        index = self._now()
        for rid, resource in found:
            rows = index.rows_of(resource, [own])
            eq += [(key, rid) for key in rows.eq]
            ranges += [(*entry, rid) for entry in rows.ranges]
            systems.update(rows.systems)
        if own.state == "removing":
            bulk.run(self._connection, _FORGET_EQ, eq)
            bulk.run(self._connection, _FORGET_RANGE, ranges)
        else:
            bulk.insert(self._connection, idx_eq, sorted(eq), ignore=True)
            bulk.insert(self._connection, idx_range, sorted(ranges), ignore=True)
            bulk.insert(self._connection, token_system, sorted(systems), ignore=True)
        seen, written = own.counts.get("seen", 0) + len(found), own.counts.get("written", 0) + len(eq) + len(ranges)
        return self._save(own, own.state, mark=found[-1][0], counts={"seen": seen, "written": written})

    def settle(self, own: Own, counted: "Verified") -> Own:
        """Lets searches find by it where all was counted to be right; else it has failed.

        own     as its last page left it
        raises  Conflict if it was changed meanwhile
        """
        now = self._current(own)
        if (now.state, now.mark) != ("waiting", own.mark):
            raise Conflict("the search parameter was changed while it was indexed", "It is indexed again.")
        return self._save(
            now, "on" if counted.is_whole else "failed", mark=now.mark, counts=now.counts | counted.as_json()
        )

    def forget(self, own: Own) -> None:
        """Removes a parameter of which no entry is left."""
        slot = own.parameter.uses[0].slot
        sql = "DELETE FROM token_system WHERE type = ? AND param IN (?, ?)"
        bulk.run(self._connection, sql, [(own.parameter.resource_type, slot, f"{slot}:identifier")])
        bulk.run(self._connection, "DELETE FROM own_parameter WHERE number = ?", [(own.number,)])
        self._tools.count("parameters", 1)

    def _now(self) -> OwnIndex:
        return read(self._connection, OwnIndex(rows=self._tools.own.rows), 0)

    def _current(self, own: Own) -> Own:
        found = next((one for one in self._now().all if one.number == own.number), None)
        if found is None:
            raise IntegrityError("an own search parameter vanished while it was indexed", "Look at the list again.")
        return found

    def _save(self, own: Own, state: State, *, mark: int, counts: dict[str, int]) -> Own:
        values = (state, mark, orjson.dumps(counts).decode(), self._tools.now, own.number)
        bulk.run(self._connection, _SAVE, [values])
        self._tools.count("parameters", 1)
        return replace(own, state=state, mark=mark, counts=counts)


@dataclass(frozen=True, slots=True)
class Verified:
    """What one committed state of the zone holds of a parameter.

    resources  current ones of its type; `seen` of them were read
    entries    rows that their content asks for, of which `found` are in the index
    holders    resources that have a value; `held` have the row that says so
    """

    resources: int
    seen: int
    entries: int
    found: int
    holders: int
    held: int

    @property
    def is_whole(self) -> bool:
        """True when all was read, and the index holds what it must, and no holder more."""
        return self.resources == self.seen and self.entries == self.found and self.holders == self.held

    def as_json(self) -> dict[str, int]:
        """All counts by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def verified(connection: Connection, reader: Reader, index: OwnIndex, own: Own) -> Verified:
    """Reads every resource of the type again, and looks each entry up, in the state that the connection sees."""
    kind, slot = own.parameter.resource_type, own.parameter.uses[0].slot
    (resources,) = bulk.fetch(connection, _COUNT, (kind,))[0]
    (presence,) = index.rows(kind, [("o", slot)]).eq
    (held,) = bulk.fetch(connection, _HOLDERS, (presence,))[0]
    seen = entries = found = holders = 0
    at = replace(own, mark=0)
    while page := list(_page(connection, reader, at, PAGE)):
        made = [(rid, index.rows_of(resource, [own])) for rid, resource in page]
        seen += len(page)
        holders += sum(presence in rows.eq for _, rows in made)
        wanted = _wanted(made)
        entries += sum(len(rows) for rows in wanted.values())
        found += sum(_found(connection, name, rows) for name, rows in wanted.items())
        at = replace(at, mark=page[-1][0])
    return Verified(resources, seen, entries, found, holders, held)


def _wanted(made: Sequence[tuple[int, IndexRows]]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "idx_eq": [(key, rid) for rid, rows in made for key in rows.eq],
        "idx_range": [(*entry, rid) for rid, rows in made for entry in rows.ranges],
    }


def _found(connection: Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """How many of the rows a table holds, in one statement."""
    if not rows:
        return 0
    columns = _COLUMNS[name]
    if bulk.is_postgresql(connection):
        arrays = ", ".join(f"?::{kind}[]" for _, kind in columns)
        source = f"unnest({arrays}) AS d({', '.join(column for column, _ in columns)})"
        values: tuple[Any, ...] = tuple(list(column) for column in zip(*rows, strict=True))
        return int(bulk.fetch(connection, _FOUND[name].replace("{rows}", source), values)[0][0])
    if name == "idx_range":  # JSON has no infinite numbers
        sql = "SELECT 1 FROM idx_range WHERE key = ? AND low = ? AND high = ? AND unit = ? AND rid = ?"
        return sum(bool(bulk.fetch(connection, sql, row)) for row in rows)
    parts = ", ".join(f"value ->> {number} AS {column}" for number, (column, _) in enumerate(columns))
    source = f"(SELECT {parts} FROM json_each(?)) AS d"  # noqa: S608 our own names
    return int(bulk.fetch(connection, _FOUND[name].replace("{rows}", source), (json.dumps(rows),))[0][0])


def _page(connection: Connection, reader: Reader, own: Own, limit: int) -> Iterator[tuple[int, Resource]]:
    """(row id, content) of the next current resources of the type behind the mark, by row id."""
    rids = [rid for (rid,) in bulk.fetch(connection, _RIDS, (own.parameter.resource_type, own.mark, limit))]
    for stored in reader.many(connection, rids):
        yield stored.rid, orjson.loads(stored.content)
