"""Why a risk is what it is: factors by clinical concept, each in words with value and unit, and the facts behind it.

Log odds come from the model (`careloom.risk.models.Model.contributions`); nothing is estimated here. Base, factors, the
rest and the calibration sum to the log odds of the probability.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from careloom.risk.features_definition import COUNTS, Feature
from careloom.risk.features_one import OneRow

FACTORS_SHOWN = 8
FACTS_SHOWN = 5
"""Newest facts that are named behind one statement; how many there are is said."""
OWN_PARTS = ("base", "calibration", "floor")
"""What is told by concept and is no concept."""
_LEAST_SHARE = 0.1
"""Of what a concept adds, a feature with less of it is not put into words, but for the greatest."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A stored fact.

    resource  ``Observation/17/_history/2``: the version that was read, where it is known
    time      when it was true
    """

    resource: str
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Statement:
    """One feature in words.

    text    a sentence with value and unit
    value   as the model was told it; None where nobody knows
    facts   the newest of the stored facts behind it, at most `FACTS_SHOWN`
    count   how many facts are behind it
    """

    feature: str
    text: str
    value: Any
    unit: str
    facts: tuple[Behind, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Factor:
    """One clinical concept.

    log_odds      what it adds; positive raises the risk
    is_modifiable somebody can change a part of it before the outcome
    """

    concept: str
    log_odds: float
    is_modifiable: bool
    statements: tuple[Statement, ...]

    @property
    def text(self) -> str:
        """The factor as a sentence."""
        told = " ".join(one.text for one in self.statements)
        return f"{self.concept} {'raises' if self.log_odds > 0 else 'lowers'} the risk. {told}".rstrip()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of it, in log odds.

    base         the score of a patient of whom nothing is special
    factors      the greatest first, by what they add or take
    rest         what all other concepts add together
    calibration  what the calibration moves
    """

    base: float
    factors: tuple[Factor, ...]
    rest: float
    calibration: float

    @property
    def total(self) -> float:
        """Log odds of the probability."""
        return self.base + sum(one.log_odds for one in self.factors) + self.rest + self.calibration


@dataclass(frozen=True, slots=True)
class Told:
    """What a model says of one row.

    by_concept  concept -> log odds, with ``base`` and ``calibration``: a row of `Model.contributions`; of days, days
                with ``base`` and ``floor``
    by_feature  column -> the same: a row of `Model.by_feature`
    modifiable  columns that somebody can change
    """

    by_concept: Mapping[str, float]
    by_feature: Mapping[str, float]
    concepts: Mapping[str, str]
    modifiable: frozenset[str]


def explained(
    told: Told, features: Sequence[Feature], row: OneRow, versions: Mapping[str, int], shown: int = FACTORS_SHOWN
) -> Explanation:
    """The explanation of one row.

    features  definitions of the columns; a column that none defines is told by its name
    versions  ``Observation/17`` -> the version that was read
    shown     factors at most; what is left is `Explanation.rest`
    """
    greatest, rest = ranked(told, features, row, versions, shown)
    factors = tuple(Factor(one.concept, one.adds, one.is_modifiable, one.statements) for one in greatest)
    return Explanation(told.by_concept["base"], factors, rest, told.by_concept.get("calibration", 0.0))


@dataclass(frozen=True, slots=True)
class Ranked:
    """One clinical concept in whatever unit it was told; otherwise as `Factor`."""

    concept: str
    adds: float
    is_modifiable: bool
    statements: tuple[Statement, ...]


def ranked(
    told: Told, features: Sequence[Feature], row: OneRow, versions: Mapping[str, int], shown: int
) -> tuple[tuple[Ranked, ...], float]:
    """The concepts that add or take the most, the greatest first, and what all others add together; as `explained`."""
    parts = {name: value for name, value in told.by_concept.items() if name not in OWN_PARTS}
    order = sorted((name for name in parts if parts[name] != 0.0), key=lambda name: (-abs(parts[name]), name))
    by_name = {one.name: one for one in features}
    changed = {told.concepts[name] for name in told.modifiable if name in told.concepts and name in told.by_feature}
    greatest = tuple(
        Ranked(
            concept, parts[concept], concept in changed,
            tuple(_statement(name, by_name, row, versions) for name in _worded(concept, told)),
        )
        for concept in order[:shown]
    )  # fmt: skip
    return greatest, sum(parts[name] for name in order[shown:])


def _worded(concept: str, told: Told) -> list[str]:
    """The columns of a concept that are put into words, the greatest first; one for a value and its indicator."""
    own: dict[str, float] = {}
    for name, value in told.by_feature.items():
        if told.concepts.get(name) == concept:
            about = name.removesuffix("_missing")
            own[about] = own.get(about, 0.0) + value
    whole = sum(abs(value) for value in own.values())
    order = sorted(own, key=lambda name: (-abs(own[name]), name))
    return order[:1] + [name for name in order[1:] if abs(own[name]) >= _LEAST_SHARE * whole]


def _statement(name: str, by_name: Mapping[str, Feature], row: OneRow, versions: Mapping[str, int]) -> Statement:
    value, facts = row.values.get(name), row.basis.get(name, ())
    unit = unit_of(by_name[name]) if name in by_name else ""
    newest: dict[str, Behind] = {}
    for fact in reversed(facts):
        key = fact.resource_key
        named = f"{key}/_history/{versions[key]}" if key in versions else key
        newest.setdefault(key, Behind(named, fact.time))
    shown = tuple(list(newest.values())[:FACTS_SHOWN])
    return Statement(name, sentence(name, by_name.get(name), value), value, unit, shown, len(newest))


def unit_of(one: Feature) -> str:
    """UCUM unit of a feature's value; empty for what has none."""
    if one.aggregation in ("age", "days_since"):
        return "a" if one.aggregation == "age" else "d"
    return f"{one.unit}/d" if one.aggregation == "slope" and one.unit else one.unit


_PRINTED = {"a": "years", "d": "days", "Cel": "°C", "mm[Hg]": "mmHg", "10*3/uL": "thousand/µL", "%": "%"}
"""UCUM codes that are not what a clinician writes."""


def sentence(name: str, one: Feature | None, value: Any) -> str:
    """A feature and its value in plain words. Of a feature that nobody defined, its name and value."""
    if one is None:
        return f"{name.replace('_', ' ')}: {_printed(value)}."
    meaning = one.meaning.replace("Newest: ", "Newest ").rstrip(".")
    lower = meaning[:1].lower() + meaning[1:]
    if value is None:
        return f"Not known: {lower}."
    if one.aggregation in ("ever", "sex"):
        return f"{meaning}." if value else f"Not recorded: {lower}."
    if one.aggregation in COUNTS:
        return f"{meaning}: {_printed(value)}."
    unit = unit_of(one)
    said = f" {_PRINTED.get(unit, unit)}" if unit else ""
    return f"{meaning}: {_printed(value)}{said}."


def _printed(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
        return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "not known" if value is None else str(value)
