"""Probabilities and rates as data: how a number depends on age, sex, risk factors, comorbidities and levels.

A rule is a table:

base        the probability (or the events a year of a rate, or the expected days of a length) of the reference patient
by_age      instead of `base`: [[from age, value], ...], a step for each band; `by_age_female`, `by_age_male` likewise
odds        feature -> odds ratio (of a rate or a length: ratio) where the feature is 1; its power where it is a number
slope       feature -> [centre, change of the log odds (log ratio) a unit above the centre]
shift       a constant on the log odds (log ratio) scale that brings the population's mean back to the published figure

Features are those of `Life.feature`: ``male``, ``age``, every diagnosis and state that a module sets, risk factors,
and ``level.<measure>``, the true set point of a measure.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

KEYS = {"base", "by_age", "by_age_female", "by_age_male", "odds", "slope", "shift"}


class Subject(Protocol):
    """Whoever a rule is asked about."""

    def feature(self, name: str) -> float:
        """The value of a feature; 0 for what was never set."""


Rule = Callable[[Subject], float]


class BadRuleError(ValueError):
    """A rule that cannot be read; the message names the place."""


def probability(spec: Mapping[str, Any] | float, place: str) -> Rule:
    """A rule for a probability: terms add on the log odds scale."""
    if isinstance(spec, int | float):
        return _constant(float(spec))
    base, terms, shift = _read(spec, place)

    def ask(subject: Subject) -> float:
        start = base(subject)
        if start <= 0.0 or start >= 1.0:
            return start
        odds = math.log(start / (1.0 - start)) + shift
        for name, centre, weight in terms:
            value = subject.feature(name)
            if value != centre:
                odds += weight * (value - centre)
        return 1.0 / (1.0 + math.exp(-odds))

    return ask


def amount(spec: Mapping[str, Any] | float, place: str) -> Rule:
    """A rule for a rate or a length: terms multiply."""
    if isinstance(spec, int | float):
        return _constant(float(spec))
    base, terms, shift = _read(spec, place)

    def ask(subject: Subject) -> float:
        total = shift
        for name, centre, weight in terms:
            value = subject.feature(name)
            if value != centre:
                total += weight * (value - centre)
        return base(subject) * math.exp(total)

    return ask


def _constant(value: float) -> Rule:
    return lambda _: value


def _read(spec: Mapping[str, Any], place: str) -> tuple[Rule, list[tuple[str, float, float]], float]:
    """The base, the terms (feature, centre, weight) and the shift of a rule."""
    if unknown := set(spec) - KEYS:
        raise BadRuleError(f"{place}: a rule has no {min(unknown)!r}")
    terms = [(name, 0.0, math.log(ratio)) for name, ratio in spec.get("odds", {}).items()]
    terms += [(name, float(centre), float(weight)) for name, (centre, weight) in spec.get("slope", {}).items()]
    return _base(spec, place), terms, float(spec.get("shift", 0.0))


def _base(spec: Mapping[str, Any], place: str) -> Rule:
    if "base" in spec:
        return _constant(float(spec["base"]))
    female = spec.get("by_age_female", spec.get("by_age"))
    male = spec.get("by_age_male", spec.get("by_age"))
    if female is None or male is None:
        raise BadRuleError(f"{place}: a rule needs base, by_age, or both of by_age_female and by_age_male")
    tables = (_bands(female), _bands(male))
    return lambda subject: tables[int(subject.feature("male"))][min(110, max(0, int(subject.feature("age"))))]


def _bands(bands: Sequence[tuple[float, float]]) -> list[float]:
    """A value for each year of age, 0 below the first band."""
    values = [0.0] * 111
    for start, value in bands:
        values[int(start) :] = [float(value)] * (111 - int(start))
    return values
