"""A zone's own search parameters, as they are kept: what every write writes, and what searches may find by.

A parameter is searched only while it is ``on``, and it is turned on only once its entries were counted anew
(`careloom.store.own_indexing`). Each generation has a slot of its own, so a changed definition never mixes with the one
before.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from careloom.fhir.drafts import Resource
from careloom.fhir.search_interpret import Entry
from careloom.fhir.search_own import PERSONS, PHONETIC, OwnParameters, entries_of, own_parameter, slotted
from careloom.fhir.search_parameters import Parameter
from careloom.store import bulk
from careloom.store.rows import IndexRows

State = Literal["waiting", "on", "failed", "removing"]
WHY_OFF = {
    "waiting": "what was stored before it is not indexed yet",
    "failed": "its entries are not those that the resources have",
}
EntryRows = Callable[[str, Sequence[Entry]], IndexRows]
"""(resource type, entries) -> rows under the zone's index key: `careloom.store.blind_index.BlindIndex.rows`."""
_SELECT = "SELECT number, type, code, resource, definition, state, mark, counts FROM own_parameter ORDER BY number"
_VERSION = "SELECT value FROM meta WHERE name = 'counter.parameters'"
_NONE = IndexRows(())


def no_entry_rows(_type: str, _entries: Sequence[Entry]) -> IndexRows:
    """No rows: for zones and tests that do not search."""
    return _NONE


@dataclass(frozen=True, slots=True)
class Own:
    """One generation of an own parameter of one type.

    resource  id of the SearchParameter that defines it; empty for one that comes with the zone
    url       canonical address of that
    mark      the last row id that the indexing has looked at
    counts    what the indexing counted: ``seen``, ``written``; then those of `careloom.store.own_indexing.Verified`
    """

    number: int
    parameter: Parameter
    resource: str
    url: str
    state: State
    mark: int = 0
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnIndex:
    """The own parameters of a zone in the order in which they came; `version` grows with every change of them."""

    version: int = -1
    all: tuple[Own, ...] = ()
    rows: EntryRows = no_entry_rows
    types: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", frozenset(one.parameter.resource_type for one in self.all))

    def of(self, resource_type: str, *, is_leaving: bool = False) -> list[Own]:
        """Those of which a resource of the type has entries; with `is_leaving`, those that are being removed too."""
        return [
            one
            for one in self.all
            if one.parameter.resource_type == resource_type and (is_leaving or one.state != "removing")
        ]

    def added(
        self, rows: IndexRows, resource_type: str, content: Callable[[], Resource], *, is_leaving: bool = False
    ) -> IndexRows:
        """The rows of a resource and those of its own parameters; `content` is only asked where there are any."""
        if resource_type not in self.types:
            return rows
        found = self.of(resource_type, is_leaving=is_leaving)
        return _joined(rows, self.rows_of(content(), found)) if found else rows

    def rows_of(self, resource: Resource, some: Iterable[Own]) -> IndexRows:
        """The rows of some own parameters."""
        entries = [entry for one in some for entry in entries_of(resource, one.parameter)]
        return self.rows(str(resource["resourceType"]), entries) if entries else _NONE


def _joined(one: IndexRows, other: IndexRows) -> IndexRows:
    return IndexRows([*one.eq, *other.eq], [*one.ranges, *other.ranges], [*one.systems, *other.systems])


def read(connection: Connection, known: OwnIndex, version: int = -1) -> OwnIndex:
    """The own parameters as they are now; `known` itself where nothing has changed since.

    version  the counter, where the caller has read it
    """
    now = version if version >= 0 else int(bulk.fetch(connection, _VERSION)[0][0])
    if now == known.version:
        return known
    return OwnIndex(now, tuple(map(_own, bulk.fetch(connection, _SELECT))), known.rows)


def as_searched(index: OwnIndex) -> OwnParameters:
    """The same as a search takes them: of several generations of one code, the one that is on."""
    on: dict[str, dict[str, Parameter]] = {}
    off: dict[str, dict[str, str]] = {}
    for one in index.all:
        kind, code = one.parameter.resource_type, one.parameter.code
        if one.state == "on":
            on.setdefault(kind, {})[code] = one.parameter
        elif one.state != "removing":
            off.setdefault(kind, {})[code] = WHY_OFF[one.state]
    return OwnParameters(on, off)


def built_in(now: int) -> list[tuple[Any, ...]]:
    """The rows of the parameters that come with a new zone: nothing is stored, so they are on."""
    made = (own_parameter(kind, PHONETIC, "string") for kind in PERSONS)
    return [row_of(number, one, "", "", "on", now) for number, one in enumerate(made, 1)]


def row_of(number: int, parameter: Parameter, resource: str, url: str, state: State, now: int) -> tuple[Any, ...]:
    """A row of the table."""
    expression = "" if parameter.emits == (PHONETIC,) else parameter.expression
    told = {"kind": parameter.kind, "targets": parameter.targets, "url": url, "expression": expression}
    definition = orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()
    return number, parameter.resource_type, parameter.code, resource, definition, state, 0, "{}", now


def _own(row: tuple[Any, ...]) -> Own:
    number, kind, code, resource, definition, state, mark, counts = row
    told = orjson.loads(definition)
    made = own_parameter(kind, code, told["kind"], told["expression"], tuple(told["targets"]))
    return Own(number, slotted(made, number), resource, told["url"], state, mark, orjson.loads(counts))
