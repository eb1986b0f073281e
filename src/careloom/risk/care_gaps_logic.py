"""Conditions of rules over a patient's facts, in three-valued logic: true, false, or not known from the record.

source  Kleene SC, Introduction to Metamathematics, 1952, section 64 (strong tables)
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import polars as pl

from careloom.risk.care_gaps_facts import Fact, Facts
from careloom.risk.scores import points, score
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from careloom.terminology.ucum import UnitError, convert
from careloom.terminology.ucum_spellings import read

SYSTEMS = {"icd10cm": ICD_10_CM, "snomed": SNOMED_CT, "loinc": LOINC, "rxnorm": RXNORM, "cvx": CVX}
DONE = ("observation", "procedure", "report", "immunization")


@dataclass(frozen=True, slots=True)
class Concept:
    """What a word of rules means: codes by system, prefixes of diagnoses, ingredients by name."""

    name: str
    codes: frozenset[tuple[str, str]]
    prefixes: tuple[str, ...]
    words: tuple[str, ...]

    def names(self, codes: frozenset[tuple[str, str]], text: str) -> bool:
        """Whether codes or a printed name say this."""
        if self.codes & codes:
            return True
        for system, code in codes:
            if system == ICD_10_CM and self.prefixes and code.replace(".", "").startswith(self.prefixes):
                return True
        return any(re.search(rf"\b{re.escape(word)}\b", text) for word in self.words)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a condition came to.

    holds     None where the record does not tell
    evidence  facts that it rests on
    missing   what would have to be known, where it is not
    """

    holds: bool | None
    evidence: tuple[Fact, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Asked:
    """One patient as of a moment; remembers which facts say which concept."""

    facts: Facts
    now: datetime
    concepts: Mapping[str, Concept]
    found: dict[str, tuple[Fact, ...]] = field(default_factory=dict)
    alike: dict[tuple[frozenset[tuple[str, str]], str], list[int]] = field(init=False, default_factory=dict)
    """Codes and printed name -> where the facts up to now stand that have just these."""

    def __post_init__(self) -> None:
        for place, fact in enumerate(self.facts.facts):
            if fact.time <= self.now:
                self.alike.setdefault((fact.codes, fact.name), []).append(place)

    def named(self, concept: str) -> tuple[Fact, ...]:
        """The facts up to now that a concept names, in order of time."""
        if concept not in self.found:
            told = self.concepts[concept]
            places = sorted(place for says, of in self.alike.items() if told.names(*says) for place in of)
            self.found[concept] = tuple(self.facts.facts[place] for place in places)
        return self.found[concept]

    @property
    def age(self) -> int | None:
        """Whole years; None where the birth date is not known."""
        birth = self.facts.birth
        if birth is None:
            return None
        day = self.now.date()
        return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))

    def since(self, months: int) -> datetime:
        """The moment so many months ago."""
        total = self.now.year * 12 + self.now.month - 1 - months
        year, month = divmod(total, 12)
        day = min(self.now.day, [31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month])
        return self.now.replace(year=year, month=month + 1, day=day)


def ask(condition: Mapping[str, Any], asked: Asked) -> Answer:
    """What a condition comes to for a patient: the grammar stands at the head of ``care_gaps/screening.toml``."""
    for key, answer in _LEAVES.items():
        if key in condition:
            return answer(condition, asked)
    if "all" in condition:
        return every([ask(one, asked) for one in condition["all"]])
    if "any" in condition:
        return either([ask(one, asked) for one in condition["any"]])
    inner = ask(condition["not"], asked)
    return Answer(None if inner.holds is None else not inner.holds, inner.evidence, inner.missing)


def every(answers: Sequence[Answer]) -> Answer:
    """True where all are, false where one is not, else not known."""
    false = [one for one in answers if one.holds is False]
    if false:
        return Answer(False, _evidence(false))
    if all(one.holds for one in answers):
        return Answer(True, _evidence(answers))
    return Answer(None, _evidence(answers), tuple(dict.fromkeys(word for one in answers for word in one.missing)))


def either(answers: Sequence[Answer]) -> Answer:
    """True where one is, false where none is, else not known."""
    true = [one for one in answers if one.holds]
    if true:
        return Answer(True, _evidence(true))
    if all(one.holds is False for one in answers):
        return Answer(False, _evidence(answers))
    return Answer(None, _evidence(answers), tuple(dict.fromkeys(word for one in answers for word in one.missing)))


def _evidence(answers: Sequence[Answer]) -> tuple[Fact, ...]:
    return tuple(dict.fromkeys(fact for one in answers for fact in one.evidence))


def _age(condition: Mapping[str, Any], asked: Asked) -> Answer:
    if asked.age is None:
        return Answer(None, (), ("birth date",))
    low, high = condition["age"]
    return Answer(low <= asked.age <= high)


def _sex(condition: Mapping[str, Any], asked: Asked) -> Answer:
    if not asked.facts.sex:
        return Answer(None, (), ("sex",))
    return Answer(asked.facts.sex == condition["sex"])


def _has(condition: Mapping[str, Any], asked: Asked) -> Answer:
    """An open diagnosis. That none is recorded counts as false."""
    held = [fact for fact in asked.named(condition["has"]) if fact.kind == "condition" and _is_open(fact, asked)]
    return Answer(bool(held), tuple(held[-1:]))


def _ever(condition: Mapping[str, Any], asked: Asked) -> Answer:
    held = [fact for fact in asked.named(condition["ever"]) if fact.kind in ("condition", "procedure")]
    return Answer(bool(held), tuple(held[-1:]))


def _is_open(fact: Fact, asked: Asked) -> bool:
    return fact.end is None or fact.end > asked.now


def _takes(condition: Mapping[str, Any], asked: Asked) -> Answer:
    held = [fact for fact in asked.named(condition["takes"]) if fact.kind == "medication" and _is_open(fact, asked)]
    return Answer(bool(held), tuple(held[-1:]))


def _done(condition: Mapping[str, Any], asked: Asked) -> Answer:
    """Done at least `times` times on different days, within `months` where given. What is not recorded is not done."""
    begin = asked.since(condition["months"]) if "months" in condition else None
    all_of_them = [fact for fact in asked.named(condition["done"]) if fact.kind in DONE]
    held = [fact for fact in all_of_them if begin is None or fact.time >= begin]
    days = {fact.time.date() for fact in held}
    return Answer(len(days) >= condition.get("times", 1), tuple((held or all_of_them)[-condition.get("times", 1) :]))


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "at_least": lambda value, limit: value >= limit,
    "above": lambda value, limit: value > limit,
    "at_most": lambda value, limit: value <= limit,
    "below": lambda value, limit: value < limit,
}


def _latest(condition: Mapping[str, Any], asked: Asked) -> Answer:
    """The last number that can be read in `unit`, against limits; not known without one."""
    begin = asked.since(condition["months"]) if "months" in condition else None
    for fact in reversed(asked.named(condition["latest"])):
        if fact.value is None or (begin is not None and fact.time < begin):
            continue
        value = _in_unit(fact, condition["unit"])
        if value is None:
            continue
        limits = [(name, condition[name]) for name in _COMPARE if name in condition]
        return Answer(all(_COMPARE[name](value, limit) for name, limit in limits), (fact,))
    return Answer(None, (), (condition["latest"].replace("_", " "),))


def _in_unit(fact: Fact, unit: str) -> float | None:
    """The number of a fact in a unit; None where its own unit is not known or measures something else."""
    own = read(fact.unit, "valueQuantity.code").code if fact.unit else None
    if fact.value is None or own is None:
        return None
    try:
        return float(convert(fact.value, own, unit))
    except UnitError:
        return None


def _answered(condition: Mapping[str, Any], asked: Asked) -> Answer:
    """Whether a coded answer was given: the last one, or with `at_any_time` or `within_months` any.

    unless  answers that leave it open, such as ex-smoker where the day of stopping is asked for
    """
    told = [fact for fact in asked.named(condition["answered"]) if fact.answers]
    if not told:
        return Answer(None, (), (condition["answered"].replace("_", " "),))
    wanted = asked.concepts[condition["as"]]
    begin = asked.since(condition["within_months"]) if "within_months" in condition else None
    pool = told if begin is not None or condition.get("at_any_time") else told[-1:]
    hits = [fact for fact in pool if wanted.names(fact.answers, "") and (begin is None or fact.time >= begin)]
    if hits:
        return Answer(True, tuple(hits[-1:]))
    if "unless" in condition and asked.concepts[condition["unless"]].names(told[-1].answers, ""):
        return Answer(None, tuple(told[-1:]), (condition["unless"].replace("_", " ") + " since when",))
    return Answer(False, tuple(told[-1:]))


def _score(condition: Mapping[str, Any], asked: Asked) -> Answer:
    """A published score whose flags come from diagnoses at any time."""
    told = score(condition["score"])
    if asked.age is None or not asked.facts.sex:
        return Answer(None, (), ("birth date", "sex"))
    row: dict[str, Any] = {"age_years": asked.age, "is_female": asked.facts.sex == "female"}
    evidence = []
    for name, one in told.inputs.items():
        if one.icd10cm:
            prefixes = tuple(code.replace(".", "") for code in one.icd10cm)
            concept = Concept(name, frozenset(), prefixes, ())
            known = [fact for fact in asked.facts.facts if fact.time <= asked.now and fact.kind == "condition"]
            named = [fact for fact in known if concept.names(fact.codes, "")]
            named += [fact for fact in asked.named(name) if fact.kind == "condition"] if name in asked.concepts else []
            row[name] = bool(named)
            evidence += named[-1:]
    total = _total(condition["score"], tuple(row.items()))
    if total is None:
        return Answer(None, (), (f"an age that {condition['score']} takes",))
    return Answer(total >= condition["at_least"], tuple(dict.fromkeys(evidence)))


@lru_cache(4096)
def _total(score_id: str, row: tuple[tuple[str, Any], ...]) -> int | None:
    """The points of a score for an age, a sex and flags: of these there are few, and a frame for one row is slow."""
    total: int | None = points(pl.DataFrame([dict(row)]), score(score_id))["total"].item()
    return total


_LEAVES: dict[str, Callable[[Mapping[str, Any], Asked], Answer]] = {
    "age": _age,
    "sex": _sex,
    "has": _has,
    "ever": _ever,
    "takes": _takes,
    "done": _done,
    "latest": _latest,
    "answered": _answered,
    "score": _score,
}
