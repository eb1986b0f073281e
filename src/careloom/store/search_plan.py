"""What a search asks of the index: sets of keys to hold or to lack, and conditions on ranges."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from careloom.errors import QueryError
from careloom.fhir.phonetic import sounds_alike
from careloom.fhir.search_birthdate import birth_query
from careloom.fhir.search_own import PHONETIC
from careloom.fhir.search_parameters import Parameter, Use, slots
from careloom.fhir.search_query import (
    Chain,
    Criterion,
    MissingValue,
    NumberValue,
    Prefix,
    QuantityValue,
    Query,
    ReferenceValue,
    Reverse,
    TextValue,
    TimeValue,
    TokenValue,
    UriValue,
    Value,
)
from careloom.fhir.search_units import Bounds, bounds_by_unit, bounds_of
from careloom.fhir.search_values import normal_text
from careloom.store import bulk
from careloom.store.blind_index import NARROW_DAYS, PRESENT, BlindIndex

MapId = Callable[[str, str], Sequence[str]]
"""The ids under which a (type, id) of a request may be stored: keyed ids of source ids, or the id itself."""

MOST_KEYS = 20_000
MOST_MARKS = 100
"""A longer list of values is one parameter of its statement, not a question mark for each."""
_NARROW_MS = NARROW_DAYS * 86_400_000.0
_IDENTIFIERS = frozenset({"Identifier", "ContactPoint"})
_CODED = frozenset({"Coding", "CodeableConcept"})
_PLAIN = frozenset({"code", "boolean", "Deceased"})
_TIMES = {
    "eq": ("q.low >= ? AND q.high <= ?", ("first", "end")),
    "ne": ("(q.low < ? OR q.high > ?)", ("first", "end")),
    "gt": ("q.high > ?", ("end",)),
    "lt": ("q.low < ?", ("first",)),
    "ge": ("(q.low >= ? OR q.high > ?)", ("first", "end")),
    "le": ("(q.low < ? OR q.high <= ?)", ("first", "end")),
    "sa": ("q.low >= ?", ("end",)),
    "eb": ("q.high <= ?", ("first",)),
    "ap": ("q.low < ? AND q.high > ?", ("late", "early")),
}
"""The comparisons of FHIR R4 3.1.1.4.8 between a stored range and the asked one, both half-open."""
_NUMBERS = {
    "eq": ("q.low >= ? AND q.{high} < ?", ("low", "high")),
    "ne": ("(q.low < ? OR q.{high} >= ?)", ("low", "high")),
    "gt": ("q.{high} > ?", ("asked",)),
    "lt": ("q.low < ?", ("asked",)),
    "ge": ("q.{high} >= ?", ("asked",)),
    "le": ("q.low <= ?", ("asked",)),
    "sa": ("q.low > ?", ("asked",)),
    "eb": ("q.{high} < ?", ("asked",)),
    "ap": ("q.low <= ? AND q.{high} >= ?", ("over", "under")),
}
"""The same for closed ranges of numbers; order comparisons take the asked number as exact."""


class Term(NamedTuple):
    """A piece of SQL and the values of its question marks; a range is called ``q`` in it.

    ``{ints}`` and ``{texts}`` stand for ``IN`` and a list, which is one value: see `careloom.store.search_rows.fetch`.
    """

    sql: str
    values: tuple[Any, ...] = ()


def one_of(column: str, values: Sequence[Any]) -> Term:
    """The column has one of these values."""
    if len(values) == 1:
        return Term(f"{column} = ?", tuple(values))
    if len(values) > MOST_MARKS:
        return Term(f"{column} {{{'texts' if isinstance(values[0], str) else 'ints'}}}", (list(values),))
    return Term(f"{column} IN ({', '.join('?' * len(values))})", tuple(values))


def joined(word: str, terms: Sequence[Term]) -> Term:
    """The terms with a word (AND, OR, UNION) between them."""
    return Term(f" {word} ".join(term.sql for term in terms), tuple(v for term in terms for v in term.values))


def within(before: str, term: Term, behind: str = "") -> Term:
    """A term between two pieces of SQL."""
    return Term(before + term.sql + behind, term.values)


def any_of(terms: Sequence[Term]) -> Term:
    """At least one of the terms holds."""
    return within("(", joined("OR", terms), ")")


class Arm(NamedTuple):
    """One condition on ``idx_range q``, and what of it says which rows of the index are read for it."""

    matches: Term
    read: Term


@dataclass(slots=True)
class Plan:
    """All must hold for a resource.

    keys    each a set of keys of which it has one; an empty set: nothing can match
    lacking each a set of keys of which it has none
    ranges  each a list of conditions on ``idx_range q``, one of which a row of it meets
    ids     stored ids of which it has one; None: any

    sort_keys  keys of the ranges that rows are sorted by
    hidden     numbers of data keys: what they seal does not match
    chained    chains that are followed from each row, each with the plan of every one of its queries
    pointed    ``_has`` that is asked of each row, with the plan of its query
    """

    keys: list[tuple[int, ...]] = field(default_factory=list)
    lacking: list[tuple[int, ...]] = field(default_factory=list)
    ranges: list[list[Arm]] = field(default_factory=list)
    ids: tuple[str, ...] | None = None
    sort_keys: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    chained: list[tuple[Chain, tuple["Plan", ...]]] = field(default_factory=list)
    pointed: list[tuple[Reverse, "Plan"]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """True when nothing can match."""
        return self.ids == () or not all(self.keys)


def plan(connection: Connection, query: Query, blind: BlindIndex, map_id: MapId) -> Plan:
    """The plan of a query under the zone's index key. raises QueryError."""
    seen = Seen(connection, query.resource_type)
    result = Plan()
    for asked in query.ids:
        found = {stored for one in asked for stored in map_id(query.resource_type, one)}
        result.ids = tuple(sorted(found if result.ids is None else found & set(result.ids)))
    for criterion in query.criteria:
        _plan_criterion(result, criterion, _Keys(query.resource_type, blind, seen, map_id))
    if any(len(keys) > MOST_KEYS for keys in result.keys + result.lacking):
        raise QueryError("a value of the search stands for too many index entries", "name a system with each code")
    if query.sort_by is not None:
        pairs = (blind.range_keys(query.resource_type, use.slot) for use in query.sort_by.uses)
        result.sort_keys = tuple(key for pair in pairs for key in pair)
    return result


class Seen:
    """The code systems and sets of filled slots that the index has met, read once per search."""

    def __init__(self, connection: Connection, resource_type: str) -> None:
        self._connection = connection
        self._type = resource_type
        self._systems: dict[str, list[str]] = {}

    def systems(self, slot: str) -> list[str]:
        """The systems of a slot (`PRESENT`: the sets of slots), sorted."""
        if slot not in self._systems:
            sql = "SELECT system FROM token_system WHERE type = ? AND param = ?"
            self._systems[slot] = sorted(row[0] for row in bulk.fetch(self._connection, sql, (self._type, slot)))
        return self._systems[slot]


def _plan_criterion(result: Plan, criterion: Criterion, keys: "_Keys") -> None:
    kind = criterion.parameter.kind
    if criterion.modifier == "missing" and criterion.parameter.expression:
        _plan_presence(result, criterion, keys)
    elif criterion.modifier == "missing" or kind not in ("date", "number", "quantity"):
        found = tuple(dict.fromkeys(key for value in criterion.values for key in keys.of(criterion, value)))
        if criterion.modifier != "not":
            result.keys.append(found)
        elif found:
            result.lacking.append(found)
    elif "BirthDate" in criterion.parameter.emits:
        result.keys.append(
            tuple(dict.fromkeys(key for value in criterion.values for key in keys.births(criterion, value)))
        )
    else:
        uses = criterion.parameter.uses
        result.ranges.append([arm for value in criterion.values for use in uses for arm in keys.arms(use, value)])


def _plan_presence(result: Plan, criterion: Criterion, keys: "_Keys") -> None:
    """``:missing`` of an own parameter: no set of slots names its slot; there is a key where it has a value."""
    key = keys.blind.own(keys.type, criterion.parameter.uses[0].slot)
    asked = {value.missing for value in criterion.values if isinstance(value, MissingValue)}
    if asked == {True}:
        result.lacking.append((key,))
    elif asked == {False}:
        result.keys.append((key,))


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys and range conditions of one value of one search."""

    type: str
    blind: BlindIndex
    seen: Seen
    map_id: MapId

    def of(self, criterion: Criterion, value: Value) -> Iterator[int]:
        if isinstance(value, MissingValue):
            yield from self._presence({use.slot for use in criterion.parameter.uses}, value.missing)
            return
        for use in criterion.parameter.uses:
            if isinstance(value, TokenValue):
                if criterion.modifier == "identifier":
                    yield self.blind.identifier(self.type, use.slot + ":identifier", value.system, value.code)
                else:
                    yield from self._token(criterion.parameter, use, value)
            elif isinstance(value, ReferenceValue):
                yield from self._reference(criterion.parameter, use, value)
            elif isinstance(value, TextValue):
                yield from self._text(criterion, use, value.text)
            elif isinstance(value, UriValue):
                yield self.blind.uri(self.type, use.slot, value.uri)

    def _presence(self, wanted: set[str], missing: bool) -> Iterator[int]:
        for names in self.seen.systems(PRESENT):
            if wanted.isdisjoint(names.split(",")) is missing:
                yield self.blind.presence(self.type, names)

    def _emits(self, parameter: Parameter, slot: str) -> set[str]:
        if parameter.expression:
            return set(parameter.emits)
        return {program.emits for program in slots(self.type)[slot].programs}

    def _token(self, parameter: Parameter, use: Use, value: TokenValue) -> Iterator[int]:
        emits, implied = self._emits(parameter, use.slot), parameter.systems
        if emits & _IDENTIFIERS and not (use.only and value.system not in (None, use.only)):
            yield self.blind.identifier(self.type, use.slot, use.only or value.system, value.code)
        systems: set[str] = set()
        if emits & _CODED:
            systems.update(self.seen.systems(use.slot) if value.system is None else [value.system])
        if emits & _PLAIN and (not value.system or value.system in implied):
            systems.add("")
        for system in sorted(systems):
            yield self.blind.token(self.type, use.slot, system, value.code)

    def _reference(self, parameter: Parameter, use: Use, value: ReferenceValue) -> Iterator[int]:
        emits = self._emits(parameter, use.slot)
        if value.url:
            yield self.blind.reference(self.type, use.slot, value.url)
            if "canonical" in emits:
                yield self.blind.uri(self.type, use.slot, value.url)
            return
        for target in value.types:
            if use.only in ("", target):
                for stored in self.map_id(target, value.id):
                    yield self.blind.reference(self.type, use.slot, f"{target}/{stored}")

    def _text(self, criterion: Criterion, use: Use, text: str) -> Iterator[int]:
        emits, normal = self._emits(criterion.parameter, use.slot), normal_text(text)
        if PHONETIC in emits:
            yield from (self.blind.sound(self.type, use.slot, code) for code in sounds_alike(text))
        elif criterion.modifier == "exact":
            yield self.blind.text_exact(self.type, use.slot, text)
        elif "whole" in emits:
            yield self.blind.text_whole(self.type, use.slot, normal)
        else:
            yield self.blind.text_start(self.type, use.slot, normal)

    def births(self, criterion: Criterion, value: Value) -> Iterator[int]:
        if isinstance(value, TimeValue):
            for use in criterion.parameter.uses:
                for token in birth_query(value.prefix, value.low, value.high):
                    yield self.blind.birth(self.type, use.slot, token)

    def arms(self, use: Use, value: Value) -> Iterator[Arm]:
        narrow, wide = (Term("q.key = ?", (key,)) for key in self.blind.range_keys(self.type, use.slot))
        if isinstance(value, TimeValue):
            matches, near = _time_matches(value), joined("AND", [narrow, *_bound(value)])
            yield Arm(joined("AND", [near, matches]), near)
            yield Arm(joined("AND", [wide, matches]), wide)
            return
        number = value.number if isinstance(value, QuantityValue) else value
        if not isinstance(number, NumberValue):
            return
        for exact, inexact, units in self._numbers(use.slot, number, value):
            exact = joined("AND", [narrow, exact])
            yield Arm(joined("AND", [exact, *units]), exact)
            yield Arm(joined("AND", [wide, inexact, *units]), wide)

    def _numbers(self, slot: str, number: NumberValue, value: Value) -> Iterator[tuple[Term, Term, list[Term]]]:
        """The comparisons with exact and other numbers, for a quantity in each unit that measures the same."""
        if not isinstance(value, QuantityValue) or value.code is None:
            bounds = bounds_of(number)
            yield _number_matches(number.prefix, bounds, "low"), _number_matches(number.prefix, bounds, "high"), []
            return
        systems = self.seen.systems(slot) if value.system is None else [value.system]
        for code, bounds in bounds_by_unit(value).items():
            units = [one_of("q.unit", [self.blind.unit(system, code) for system in systems])]
            yield _number_matches(number.prefix, bounds, "low"), _number_matches(number.prefix, bounds, "high"), units


def _bound(value: TimeValue) -> list[Term]:
    """What the start of a narrow range must meet: follows from `_time_matches`, but the index can seek by it."""
    low, high = time_bounds(value.prefix, value.low, value.high)
    found = [] if low == -math.inf else [Term("q.low >= ?", (low,))]
    return found if high == math.inf else [*found, Term("q.low <= ?", (high,))]


def time_bounds(prefix: str, low: float, high: float) -> tuple[float, float]:
    """Where a range at most `NARROW_DAYS` wide starts if it is to match; closed, infinite where nothing is known."""
    near, far = -math.inf, math.inf
    wide = high - low
    return {
        "eq": (low, high),
        "ne": (near, far),
        "gt": (high - _NARROW_MS, far),
        "lt": (near, low),
        "ge": (min(low, high - _NARROW_MS), far),
        "le": (near, high),
        "sa": (high, far),
        "eb": (near, low),
        "ap": (low - wide - _NARROW_MS, high + wide),
    }[prefix]


def _time_matches(value: TimeValue) -> Term:
    around = value.high - value.low
    asked = {"first": value.low, "end": value.high, "late": value.high + around, "early": value.low - around}
    sql, names = _TIMES[value.prefix]
    return Term(sql, tuple(asked[name] for name in names))


def _number_matches(prefix: Prefix, bounds: Bounds, high: str) -> Term:
    """high  the column with the upper end: a narrow range has none of its own"""
    sql, names = _NUMBERS[prefix]
    return Term(sql.replace("{high}", high), tuple(getattr(bounds, name) for name in names))
