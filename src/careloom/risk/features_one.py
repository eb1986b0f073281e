"""The features of one patient at one moment, without a frame: what `careloom.risk.features.built` makes, much sooner.

That both say the same, value by value and fact by fact, is a property test with the frames as the oracle.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.cohorts_match import DOTLESS
from careloom.risk.facts_one import Fact, seconds_of
from careloom.risk.features import DAYS_PER_YEAR, unit_line
from careloom.risk.features_definition import VALUED, Feature, FeatureSet

_DAY_SECONDS = 86_400
_REMEMBERED_AT_MOST = 65_536
_NEWEST_ONLY = ("last", "last_detail", "days_since")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a patient is looked at, and what the index event itself tells.

    encounter_key  the encounter of the index; None where there is none
    resource_key   of the index event; empty where there is none
    value, detail  as the features ``index_value`` and ``index_detail`` have them
    event_time     of the index event, where it is not told by the cohort
    observed_from  no older fact is seen; None: the whole record
    horizon_end    until when the outcome is looked for, where it is not told by the cohort
    """

    time: datetime
    encounter_key: str | None = None
    resource_key: str = ""
    value: float | None = None
    detail: str | None = None
    event_time: datetime | None = None
    observed_from: datetime | None = None
    horizon_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class OneRow:
    """The features of one patient.

    values  column -> value, in the order of `columns_of`
    basis   feature -> the facts that its value rests on, oldest first; none where nothing is behind it
    """

    values: dict[str, Any]
    basis: dict[str, tuple[Fact, ...]] = field(default_factory=dict)


class Matcher:
    """Which of some event sets a fact belongs to; remembers codes, so keep one for many patients."""

    def __init__(self, sets: Iterable[EventSet]) -> None:
        self._sets = {one.name: one for one in sets}
        self._known: dict[tuple[str, str | None, str | None], tuple[EventSet, ...]] = {}

    def sorted_out(self, facts: Iterable[Fact]) -> dict[str, list[Fact]]:
        """Name of a set -> its facts that have a time, one a resource, time and value; in the order given."""
        found: dict[str, dict[tuple[Any, ...], Fact]] = {name: {} for name in self._sets}
        known = self._known
        for fact in facts:
            if fact.time is None:
                continue
            key = (fact.kind, fact.system, fact.code)
            sets = known.get(key)
            if sets is None:
                if len(known) >= _REMEMBERED_AT_MOST:
                    known.clear()
                sets = known[key] = tuple(one for one in self._sets.values() if _is_meant(one, *key))
            for one in sets:
                if _has_detail(one, fact.detail):
                    found[one.name].setdefault((fact.resource_key, fact.time, fact.value), fact)
        return {name: list(kept.values()) for name, kept in found.items()}


def _is_meant(one: EventSet, kind: str, system: str | None, code: str | None) -> bool:
    if kind != one.kind:
        return False
    if not one.codes and not one.prefixes:
        return True
    if system is None or code is None:
        return False
    plain = _plain(system, code)
    exact = {_plain(system, each) for each in one.codes.get(system, ())}
    return plain in exact or plain.startswith(tuple(_plain(system, each) for each in one.prefixes.get(system, ())))


def _plain(system: str, code: str) -> str:
    return code.replace(".", "") if system in DOTLESS else code


def _has_detail(one: EventSet, detail: str | None) -> bool:
    return (not one.details or detail in one.details) and detail not in one.not_details


def known_by(
    facts: Iterable[Fact], moment: Moment, days: float, *, is_strict: bool, same_encounter: bool = False
) -> list[Fact]:
    """As `careloom.risk.cohorts_match.known_before`, of one patient."""
    until, found = moment.time, []
    since = until - timedelta(seconds=round(days * _DAY_SECONDS)) if days else moment.observed_from
    if days and moment.observed_from is not None:
        since = max(since or moment.observed_from, moment.observed_from)
    for fact in facts:
        time, known = fact.time, fact.available_time
        if time is None or known is None:
            continue
        if not (known < until and time < until if is_strict else known <= until and time <= until):
            continue
        if since is not None and time < since:
            continue
        if same_encounter and (fact.encounter_key is None or fact.encounter_key != moment.encounter_key):
            continue
        found.append(fact)
    return found


class FeatureReader:
    """Reads the features of a set; keep one for many patients."""

    def __init__(self, features: FeatureSet) -> None:
        self.features = features
        sets = {one.event.name: one.event for one in features.features if one.event is not None}
        self._matcher = Matcher(sets.values())

    def row(self, facts: Sequence[Fact], moment: Moment) -> OneRow:
        """The features of a patient whose facts these are, at a moment."""
        by_set = self._matcher.sorted_out(facts)
        values: dict[str, Any] = {}
        basis: dict[str, tuple[Fact, ...]] = {}
        for one in self.features.features:
            if one.event is None:
                values[one.name] = _of_person(one, facts, moment)
            else:
                held = known_by(
                    _usable(one, by_set[one.event.name]), moment, one.window_days, is_strict=True,
                    same_encounter=one.same_encounter,
                )  # fmt: skip
                held.sort(key=_order)
                values[one.name] = (
                    _AGGREGATIONS[one.aggregation](held, moment) if held else _NOTHING.get(one.aggregation)
                )
                basis[one.name] = tuple(_basis(one, held))
            if one.has_indicator:
                values[f"{one.name}_missing"] = values[one.name] is None
        return OneRow(values, basis)


_NOTHING: dict[str, Any] = {"count": 0, "distinct": 0, "ever": False}


def _order(fact: Fact) -> tuple[Any, ...]:
    return fact.time, fact.available_time, fact.resource_key


def _of_person(one: Feature, facts: Sequence[Fact], moment: Moment) -> Any:
    if one.aggregation == "age":
        born = min((fact.time for fact in facts if fact.kind == "birth" and fact.time is not None), default=None)
        return None if born is None else seconds_of(moment.time - born) / (DAYS_PER_YEAR * _DAY_SECONDS)
    if one.aggregation == "sex":
        code = next((fact.code for fact in facts if fact.kind == "sex"), None)
        return None if code is None else code == one.is_
    return moment.value if one.aggregation == "index_value" else moment.detail


def _usable(one: Feature, facts: Sequence[Fact]) -> Sequence[Fact]:
    """Facts with their value in the unit of the feature and its range."""
    if one.aggregation not in VALUED:
        return facts
    low = -math.inf if one.at_least is None else one.at_least
    high = math.inf if one.at_most is None else one.at_most
    found = []
    for fact in facts:
        value = fact.value
        if value is None:
            continue
        if one.unit:
            line = _remembered_line(fact.unit, one.unit) if fact.unit is not None else None
            if line is None:
                continue
            value = value * line[0] + line[1]
        if low <= value <= high:
            found.append(fact if value == fact.value else fact._replace(value=value))
    return found


@lru_cache(4_096)
def _remembered_line(source: str, target: str) -> tuple[float, float] | None:
    return unit_line(source, target)


def _values(held: Sequence[Fact]) -> list[float]:
    return [fact.value for fact in held if fact.value is not None]


def _mean(held: Sequence[Fact], _: Moment) -> float:
    values = _values(held)
    return math.fsum(values) / len(values)


def _slope(held: Sequence[Fact], _: Moment) -> float | None:
    times = [fact.time for fact in held if fact.time is not None]
    days = [seconds_of(time - times[0]) / _DAY_SECONDS for time in times]
    values, middle = _values(held), math.fsum(days) / len(days)
    away = [day - middle for day in days]
    spread = math.fsum(one * one for one in away)
    if spread <= 0:
        return None
    mean = math.fsum(values) / len(values)
    return math.fsum(one * (value - mean) for one, value in zip(away, values, strict=True)) / spread


def _days_since(held: Sequence[Fact], moment: Moment) -> float:
    newest = held[-1].time or moment.time
    return seconds_of(moment.time - newest) / _DAY_SECONDS


_AGGREGATIONS: dict[str, Callable[[Sequence[Fact], Moment], Any]] = {
    "count": lambda held, _: len({fact.resource_key for fact in held}),
    "distinct": lambda held, _: len({fact.code for fact in held}),
    "ever": lambda held, _: True,
    "last": lambda held, _: held[-1].value,
    "last_detail": lambda held, _: held[-1].detail,
    "min": lambda held, _: min(_values(held)),
    "max": lambda held, _: max(_values(held)),
    "mean": _mean,
    "slope": _slope,
    "days_since": _days_since,
}


def _basis(one: Feature, held: Sequence[Fact]) -> Sequence[Fact]:
    if not held or one.aggregation in _NEWEST_ONLY:
        return held[-1:]
    if one.aggregation in ("min", "max"):
        chosen = min if one.aggregation == "min" else max
        return [chosen(held, key=lambda fact: fact.value or 0.0)]
    return held


def columns_of(features: FeatureSet) -> dict[str, pl.DataType]:
    """Column -> type, as `careloom.risk.features.built` makes them, without the candidate."""
    found: dict[str, pl.DataType] = {}
    for one in features.features:
        found[one.name] = _TYPES[one.aggregation]()
        if one.has_indicator:
            found[f"{one.name}_missing"] = pl.Boolean()
    return found


_TYPES: Mapping[str, type[pl.DataType]] = {
    **dict.fromkeys(("last", "min", "max", "mean", "slope", "days_since", "age", "index_value"), pl.Float64),
    **dict.fromkeys(("ever", "sex"), pl.Boolean),
    **dict.fromkeys(("count", "distinct"), pl.Int64),
    **dict.fromkeys(("last_detail", "index_detail"), pl.String),
}


def frame_of(features: FeatureSet, rows: Sequence[OneRow]) -> pl.DataFrame:
    """Rows as a frame of `columns_of`."""
    return pl.DataFrame([one.values for one in rows], schema=columns_of(features))
