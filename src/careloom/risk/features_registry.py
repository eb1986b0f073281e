"""The registry of features: what each is made of and where it comes from, what null means, and which tasks use it.

It says what the definitions say (`careloom.risk.features_definition`); nothing of it is written twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.cohorts_fhir import VIEWS_OF
from careloom.risk.features_definition import COUNTS, VALUED, Feature, FeatureSet
from careloom.risk.tasks import Task
from careloom.terminology.systems import short_name

NOTES = "notes"
"""The set that every task is told beside its own, where facts hold what notes say."""
COLUMNS = ("name", "concept", "meaning", "definition", "source", "window", "unit", "null", "modifiable", "tasks")
_MADE = {
    "count": "number of", "distinct": "number of different codes of", "ever": "whether there is any of",
    "last": "newest value of", "min": "lowest value of", "max": "highest value of", "mean": "mean value of",
    "slope": "change a day, by least squares, of the values of", "days_since": "days since the newest of",
    "last_detail": "coded result of the newest of", "age": "years since birth",
    "index_value": "value of the index event",
    "index_detail": "detail of the index event",
}  # fmt: skip
_NULL = {
    "age": "the birth date is not known", "sex": "no sex is recorded",
    "index_value": "the index event tells none", "index_detail": "the index event tells none",
    "days_since": "there is none; NAME_missing is true", "last_detail": "there is none, or it has no coded result",
    "slope": "fewer than two values at different times; NAME_missing is true",
}  # fmt: skip
_UNITS = {"age": "a", "days_since": "d"}
_OF_PEOPLE = {"age": "birth", "sex": "sex"}
Json = dict[str, Any]


def registry(features: FeatureSet, tasks: Iterable[Task]) -> list[Json]:
    """A row a feature, in the order of the set, with `COLUMNS`; ``tasks`` are those of `tasks` that are told of it."""
    using = [one for one in tasks if features.name in (one.features, NOTES)]
    return [_row(one, [task.name for task in using if one.name not in task.left_out]) for one in features.features]


def _row(one: Feature, tasks: list[str]) -> Json:
    return {
        "name": one.name, "concept": one.concept, "meaning": one.meaning, "definition": _definition(one),
        "source": _source(one), "window": _window(one), "unit": _unit(one), "null": _null(one),
        "modifiable": one.modifiable, "tasks": tasks,
    }  # fmt: skip


def _definition(one: Feature) -> str:
    if one.aggregation == "sex":
        return f"whether the sex is recorded as {one.is_}"
    made = _MADE[one.aggregation]
    if one.event is None:
        return made
    limits = [f"at least {one.at_least:g}" if one.at_least is not None else "",
              f"at most {one.at_most:g}" if one.at_most is not None else ""]  # fmt: skip
    kept = " and ".join(limit for limit in limits if limit)
    own = ", of the index's encounter only" if one.same_encounter else ""
    return f"{made} {facts(one.event)}{f', {kept}' if kept else ''}{own}"


def facts(one: EventSet) -> str:
    """Facts that are meant, in words: their kind, and codes by system; ``X*`` are all that begin with X."""
    codes = [_coded(one.codes, ""), _coded(one.prefixes, "*")]
    named = "; ".join(each for each in codes if each)
    details = f" with {', '.join(one.details)}" if one.details else ""
    without = f" without {', '.join(one.not_details)}" if one.not_details else ""
    values = f" of the value set {one.value_set}" if one.value_set else ""
    return f"{one.kind}{f' ({named})' if named else ''}{values}{details}{without}"


def _coded(codes: Mapping[str, tuple[str, ...]], end: str) -> str:
    told = [f"{short_name(system)} {', '.join(code + end for code in held)}" for system, held in codes.items() if held]
    return "; ".join(told)


def _source(one: Feature) -> str:
    kind = one.event.kind if one.event is not None else _OF_PEOPLE.get(one.aggregation, "")
    if kind == "note":
        return "annotated notes"
    if not kind:
        return "the view of the index event"
    return ", ".join(VIEWS_OF.get(kind, (kind,)))


def _window(one: Feature) -> str:
    if one.event is None:
        return "at the index"
    return f"{one.window_days:g} days before the index" if one.window_days else "the whole record before the index"


def _unit(one: Feature) -> str:
    return _UNITS.get(one.aggregation, f"{one.unit}/d" if one.aggregation == "slope" and one.unit else one.unit)


def _null(one: Feature) -> str:
    if one.aggregation in COUNTS:
        return "never null: nothing found is " + ("false" if one.aggregation == "ever" else "0")
    named = _NULL.get(one.aggregation)
    if named is None:
        named = "there is no value in the window" + (" that has the unit and lies in the range" if one.unit else "")
        named += "; NAME_missing is true" if one.aggregation in VALUED else ""
    return named.replace("NAME", one.name)
