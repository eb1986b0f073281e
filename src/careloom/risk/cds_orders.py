"""What the record says against an order in the making: allergies, the same drug, the same test, rules of guidelines.

Nothing here knows which drugs interact, or which doses are right: the record, the shipped rules and the ingredients
that RxNorm names are all there is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from careloom.risk.assessment import UNCOMPARED
from careloom.risk.care_gaps import Finding, Rule, care_gaps, concepts, rules
from careloom.risk.care_gaps_facts import Fact, drug_concept, facts_of
from careloom.risk.care_gaps_logic import DONE
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import RXNORM

Json = dict[str, Any]
Kind = Literal["allergy", "duplicate", "done", "rule"]
DRUG_ORDER, TEST_ORDER = "MedicationRequest", "ServiceRequest"
SHORTEST_NAME = 4
"""Of a substance that is looked for in the name of a drug: shorter ones stand in words of other meaning."""
_OVER = frozenset({"completed", "cancelled", "stopped", "entered-in-error", "draft", "revoked", "unknown"})
_VOID = frozenset({"refuted", "entered-in-error"})
_GONE = frozenset({"inactive", "resolved"})


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that the record, or a rule about it, says against an order.

    order      ``MedicationRequest/103``; of a draft without an id by its number
    named      what is ordered, as the draft prints it
    about      what it collides with, in a few words
    facts      (reference, when, what): what it rests on
    strength   of an allergy its criticality: low, high, unable-to-assess; empty where it is not told
    finding    of a rule
    """

    kind: Kind
    order: str
    named: str
    about: str
    facts: tuple[tuple[str, str, str], ...]
    strength: str = ""
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Substance:
    """A drug, or what somebody is allergic to.

    codes        (system, code) as told
    ingredients  RxNorm's, by code: their names
    text         all names, in lower case
    shown        the first name
    """

    codes: frozenset[tuple[str, str]]
    ingredients: Mapping[str, str]
    text: str
    shown: str


def concerns(orders: Sequence[Json], beside: Sequence[Json], record: Iterable[Json], now: datetime) -> list[Concern]:
    """What is against each order, in their order: allergies first, then duplicates, then rules.

    orders  drafts, of any shape; those of other kinds than drugs and services are passed over
    beside  drafts of the same session that nobody asks about
    record  the patient's resources, with Patient, AllergyIntolerance, orders and what rules of care gaps look at
    """
    known = list(record)
    others, asked = _drafts(beside, "beside"), _drafts(orders, "draft")
    drugs = {
        f"Medication/{one.get('id')}": one
        for one in (*known, *others, *asked)
        if one.get("resourceType") == "Medication"
    }
    found: list[Concern] = []
    for number, order in enumerate(asked):
        told = [*known, *(one | {"status": "active"} for one in (*others, *asked[:number]))]
        if order["resourceType"] == DRUG_ORDER:
            found += _of_allergies(order, told, drugs)
            found += _of_same_drug(order, told, drugs)
            found += _of_rules(order, told, drugs, now)
        elif order["resourceType"] == TEST_ORDER:
            found += _of_same_test(order, told)
            found += _of_done(order, told, now)
    return found


def _drafts(told: Sequence[Json], name: str) -> list[Json]:
    """Drafts, each with an id: its own, or one of its number."""
    return [{"id": f"{name}-{number}", **trimmed(one)} for number, one in enumerate(told, 1)]


def trimmed(draft: Mapping[str, Any]) -> Json:
    """The members of a draft that are looked at, each in its shape: a draft is unfinished, and may be anything."""
    found: Json = {"resourceType": draft.get("resourceType"), "status": "draft"}
    if isinstance(draft.get("id"), str) and draft["id"]:
        found["id"] = draft["id"]
    for name in ("code", "medicationCodeableConcept"):
        if isinstance(draft.get(name), dict):
            found[name] = _concept(draft[name])
    reference = draft.get("medicationReference")
    if isinstance(reference, dict) and isinstance(reference.get("reference"), str):
        found["medicationReference"] = {"reference": reference["reference"]}
    inside = draft.get("contained")
    if isinstance(inside, list):
        found["contained"] = [trimmed(one) for one in inside if isinstance(one, dict) and "contained" not in one]
    return found


def _concept(told: Mapping[str, Any]) -> Json:
    codings = told.get("coding")
    coding = [
        {name: one[name] for name in ("system", "code", "display") if isinstance(one.get(name), str)}
        for one in (codings if isinstance(codings, list) else ())
        if isinstance(one, dict)
    ]
    return ({"text": told["text"]} if isinstance(told.get("text"), str) else {}) | {"coding": coding}


def substance(concept: Any) -> Substance:
    """What a CodeableConcept names; nothing where it names none."""
    told = concept if isinstance(concept, dict) else {}
    codings = [one for one in told.get("coding") or () if isinstance(one, dict)]
    codes = frozenset(
        (str(one["system"]), str(one["code"])) for one in codings if one.get("system") and one.get("code")
    )
    names = [str(one) for one in (told.get("text"), *(coding.get("display") for coding in codings)) if one]
    ingredients: dict[str, str] = {}
    for system, code in sorted(codes):
        known = lookup(RXNORM, code) if system == RXNORM else None
        if known is not None:
            names.append(known.name)
            ingredients |= dict(_ingredients(code))
    return Substance(codes, ingredients, " | ".join(names).lower(), names[0] if names else "")


def _ingredients(code: str) -> Iterator[tuple[str, str]]:
    """A code's own single ingredients: lists of RxNorm also name combinations that a drug is a part of."""
    own = lookup(RXNORM, code)
    for one in (code, *(() if own is None else own.properties.get("ingredient", ()))):
        known = lookup(RXNORM, one)
        if known is not None and "IN" in known.properties.get("tty", ()):
            yield one, known.name.lower()


def shared(one: Substance, other: Substance) -> str:
    """What both are or hold: by code, ingredient, or the name of one's ingredient in the other's; empty for nothing."""
    if both := sorted(one.ingredients.keys() & other.ingredients.keys()):
        return one.ingredients[both[0]]
    if one.codes & other.codes:
        return one.shown.lower()
    for name, text in ((name, there.text) for here, there in ((one, other), (other, one)) for name in _words(here)):
        if len(name) >= SHORTEST_NAME and re.search(rf"\b{re.escape(name)}\b", text):
            return name
    return ""


def _words(one: Substance) -> list[str]:
    """Names that stand for the whole substance: of its ingredients, or its own where no code says what is in it."""
    return list(one.ingredients.values()) or [one.shown.lower().removeprefix("allergy to ").strip()]


def _of_allergies(order: Json, record: Sequence[Json], drugs: Mapping[str, Json]) -> Iterator[Concern]:
    drug = substance(drug_concept(order, drugs))
    for one in record:
        if one.get("resourceType") != "AllergyIntolerance":
            continue
        if _codes(one.get("clinicalStatus")) & _GONE or _codes(one.get("verificationStatus")) & _VOID:
            continue
        parts = [one.get("code"), *(part.get("substance") for part in one.get("reaction") or ())]
        for about in (substance(part) for part in parts):
            if common := shared(drug, about):
                fact = (_reference(one), _day(one, "recordedDate", "onsetDateTime", "assertedDate"), about.shown)
                yield Concern(
                    "allergy", _reference(order), drug.shown, common, (fact,), str(one.get("criticality", ""))
                )
                break


def _of_same_drug(order: Json, record: Sequence[Json], drugs: Mapping[str, Json]) -> Iterator[Concern]:
    drug, own = substance(drug_concept(order, drugs)), _reference(order)
    for one in record:
        if one.get("resourceType") != DRUG_ORDER or _reference(one) == own or one.get("status") in _OVER:
            continue
        known = substance(drug_concept(one, drugs))
        if common := shared(drug, known):
            fact = (_reference(one), _day(one, "authoredOn"), known.shown)
            yield Concern("duplicate", own, drug.shown, common, (fact,))


def _of_same_test(order: Json, record: Sequence[Json]) -> Iterator[Concern]:
    wanted, own = substance(order.get("code")), _reference(order)
    for one in record:
        if one.get("resourceType") != TEST_ORDER or _reference(one) == own or one.get("status") in _OVER:
            continue
        if wanted.codes & substance(one.get("code")).codes:
            fact = (_reference(one), _day(one, "authoredOn"), substance(one.get("code")).shown)
            yield Concern("duplicate", own, wanted.shown, wanted.shown.lower(), (fact,))


def _of_rules(order: Json, record: Sequence[Json], drugs: Mapping[str, Json], now: datetime) -> Iterator[Concern]:
    """Rules that a patient who takes the drug, too, does not keep: those whose reasons name the order."""
    mark = _reference(order)
    taken = order | {"status": "active", "authoredOn": now.isoformat()}
    drug = [fact for fact in facts_of([*drugs.values(), taken]).facts if fact.reference == mark]
    asked = [rule.rule_id for rule in rules() if any(_is_taken(rule, fact) for fact in drug)]
    if not asked:
        return
    others = [*(one for one in record if _reference(one) != mark), *drugs.values()]
    for finding in care_gaps(facts_of([*others, taken]), now, only=asked):
        if finding.status == "gap" and any(fact.reference == mark for fact in finding.because):
            facts = tuple(_told(fact) for fact in finding.because if fact.reference != mark)
            shown = substance(drug_concept(order, drugs)).shown
            yield Concern("rule", mark, shown, finding.rule.title, facts, finding=finding)


def _is_taken(rule: Rule, drug: Fact) -> bool:
    """Whether a rule asks, of any of its conditions, if this drug is taken."""
    conditions = (*rule.applies, *rule.unless, *rule.met)
    names = _asked_by(conditions, "takes", ("all", "any", "not"))
    return any(concepts()[name].names(drug.codes, drug.name) for name in names)


def _of_done(order: Json, record: Sequence[Json], now: datetime) -> Iterator[Concern]:
    """Tests that a rule asks for and the record shows as done in time, unless another rule asks for them again."""
    wanted = substance(order.get("code"))
    asked = [rule.rule_id for rule in rules() if _asks_for(rule, wanted)]
    asking = care_gaps(facts_of(record), now, only=asked) if asked else []
    if any(one.status == "gap" for one in asking):
        return
    for finding in asking:
        done = [fact for fact in finding.because if fact.kind in DONE and _is_named(finding, fact, wanted)]
        if finding.status == "met" and done:
            facts = tuple(_told(fact) for fact in done)
            yield Concern("done", _reference(order), wanted.shown, finding.rule.title, facts, finding=finding)
            return


def _asks_for(rule: Rule, wanted: Substance) -> bool:
    return any(concepts()[name].names(wanted.codes, wanted.text) for name in done_names(rule.met))


def _is_named(finding: Finding, fact: Fact, wanted: Substance) -> bool:
    told = [concepts()[name] for name in done_names(finding.rule.met)]
    return any(one.names(fact.codes, fact.name) and one.names(wanted.codes, wanted.text) for one in told)


def done_names(conditions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The words of a rule's conditions that ask for something to be done."""
    return _asked_by(conditions, "done", ("all", "any"))


def _asked_by(conditions: Iterable[Mapping[str, Any]], leaf: str, within: Sequence[str]) -> Iterator[str]:
    """The words of all conditions of a kind (``done``, ``takes``), also of those within others."""
    for one in conditions:
        if leaf in one:
            yield one[leaf]
        for key in within:
            inner = one.get(key, ())
            yield from _asked_by([inner] if isinstance(inner, Mapping) else inner, leaf, within)


def rule_sentence(finding: Finding) -> str:
    """Who says so, how strongly, and whether our wording was compared with theirs."""
    source = finding.rule.source
    mark = f"; {UNCOMPARED}" if source.checked == "no" else ""
    return (
        f"{source.organisation}, {source.guideline}, {source.year}: {source.recommendation} ({source.strength}{mark})."
    )


def _told(fact: Fact) -> tuple[str, str, str]:
    named = (known.name for system, code in sorted(fact.codes) if (known := lookup(system, code)) is not None)
    name = fact.name.strip() or next(named, "")
    value = "" if fact.value is None else f" {fact.value:g} {fact.unit}".rstrip()
    return fact.reference, fact.time.date().isoformat(), f"{name}{value}"


def _reference(one: Mapping[str, Any]) -> str:
    return f"{one.get('resourceType')}/{one['id']}" if one.get("id") else ""


def _codes(concept: Any) -> set[str]:
    return (
        {str(one.get("code", "")) for one in (concept or {}).get("coding", [])} if isinstance(concept, dict) else set()
    )


def _day(one: Mapping[str, Any], *members: str) -> str:
    return next((str(one[name])[:10] for name in members if one.get(name)), "")
