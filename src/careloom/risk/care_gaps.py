"""What a guideline asks for and a patient's record does not show, as of a date: care gaps, each with its source.

for finding in care_gaps(facts_of(resources), as_of):
    finding.status, finding.rule.text, finding.because      'gap', 'Offer screening for ...', facts
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Literal

from careloom.errors import InputError
from careloom.risk.care_gaps_facts import Fact, Facts
from careloom.risk.care_gaps_logic import SYSTEMS, Answer, Asked, Concept, ask, either, every
from careloom.runtime import packaged, packaged_names

Status = Literal["gap", "met", "not applicable", "unknown"]
Checked = Literal["text", "abstract", "summary", "no"]


@dataclass(frozen=True, slots=True)
class Source:
    """Who says so, and how strongly in the words of that organisation: a grade, a class, a level.

    checked  with what our wording was compared: the text of the recommendation, its abstract, a summary by others, or
             no: written from knowledge, compared with nothing
    """

    organisation: str
    guideline: str
    year: int
    recommendation: str
    strength: str
    reference: str
    checked: Checked


@dataclass(frozen=True, slots=True)
class Rule:
    """A declared recommendation.

    kind      screening, drug, test, vaccine, monitoring or safety
    applies   conditions that must all hold
    unless    conditions of which none may hold
    met       conditions of which one must hold, or the patient has a gap
    text      what is suggested, for a clinician to judge
    reviewed  the day on which the rule was last looked at; `source.checked` says with what it was compared
    """

    rule_id: str
    title: str
    kind: str
    source: Source
    applies: tuple[Mapping[str, Any], ...]
    unless: tuple[Mapping[str, Any], ...]
    met: tuple[Mapping[str, Any], ...]
    text: str
    reviewed: date


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule comes to for a patient.

    status   gap: due and not shown; met; not applicable; unknown: the record does not tell whether it applies
    because  the facts that it rests on, in order of time
    missing  what would have to be known, where the status is unknown
    """

    rule: Rule
    status: Status
    because: tuple[Fact, ...]
    missing: tuple[str, ...]


@cache
def concepts() -> Mapping[str, Concept]:
    """The words of the rules, from ``care_gaps/concepts.toml``."""
    read = tomllib.loads(packaged("risk", "care_gaps/concepts.toml").decode())
    return {name: _concept(name, told) for name, told in read.items()}


def _concept(name: str, told: dict[str, Any]) -> Concept:
    codes = {(SYSTEMS[key], code) for key in ("snomed", "loinc", "rxnorm", "cvx") for code, _ in told.get(key, ())}
    prefixes = tuple(code.replace(".", "") for code in told.get("icd10cm", ()))
    return Concept(name, frozenset(codes), prefixes, tuple(told.get("words", ())))


@cache
def rules() -> tuple[Rule, ...]:
    """Every declared rule, by file and then in its order there."""
    found = []
    for name in packaged_names("risk", "care_gaps", ".toml"):
        if not name.endswith("concepts.toml"):
            read = tomllib.loads(packaged("risk", name).decode())
            found += [_rule(told, read["source"]) for told in read["rule"]]
    return tuple(found)


def _rule(told: dict[str, Any], sources: dict[str, dict[str, Any]]) -> Rule:
    source = sources[told["source"]]
    return Rule(
        told["id"],
        told["title"],
        told["kind"],
        Source(
            source["organisation"],
            source["guideline"],
            source["year"],
            told["recommendation"],
            told["strength"],
            source["reference"],
            told["checked"],
        ),
        tuple(told["applies"]),
        tuple(told.get("unless", ())),
        tuple(told["met"]),
        told["text"],
        told["reviewed"],
    )


def care_gaps(facts: Facts, as_of: datetime, *, only: Sequence[str] = ()) -> list[Finding]:
    """What each rule comes to for a patient, in the order of `rules`.

    as_of   a moment with a zone; nothing later is looked at
    only    ids of rules; all where empty
    raises  InputError for an id that no rule has, or a moment without a zone
    """
    if as_of.tzinfo is None:
        raise InputError("care gaps: as_of", "give a moment with its zone")
    if unknown := sorted(set(only) - {rule.rule_id for rule in rules()}):
        raise InputError(f"care gaps: no rule {', '.join(unknown)}", "ask for ids that `rules` lists")
    asked = Asked(facts, as_of, concepts())
    return [_find(rule, asked) for rule in rules() if not only or rule.rule_id in only]


def _find(rule: Rule, asked: Asked) -> Finding:
    applies = every([ask(one, asked) for one in rule.applies])
    if applies.holds is False:
        return _made(rule, "not applicable", applies)
    excluded = either([ask(one, asked) for one in rule.unless]) if rule.unless else Answer(False)
    if excluded.holds:
        return _made(rule, "not applicable", excluded)
    if applies.holds is None or excluded.holds is None:
        return _made(rule, "unknown", applies, excluded)
    met = either([ask(one, asked) for one in rule.met])
    if met.holds is None:
        return _made(rule, "unknown", applies, met)
    return _made(rule, "met" if met.holds else "gap", applies, met)


def _made(rule: Rule, status: Status, *answers: Answer) -> Finding:
    because = dict.fromkeys(fact for one in answers for fact in one.evidence)
    missing = dict.fromkeys(word for one in answers for word in one.missing) if status == "unknown" else {}
    return Finding(rule, status, tuple(sorted(because, key=lambda fact: (fact.time, fact.reference))), tuple(missing))
