"""What a clinician may take over from a card as it is: a test that a rule asks for as a draft, or an order taken out.

A drug is never suggested: which one, and how much, no rule here says. Nothing is applied by itself.

source  CDS Hooks 2.0 (https://cds-hooks.hl7.org): Suggestion, Action
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from careloom.risk.care_gaps import Finding, Rule
from careloom.risk.care_gaps_logic import SYSTEMS
from careloom.runtime import packaged

AT_MOST = 4
KINDS = ("monitoring", "screening")
"""Kinds of rules that ask for a test or an examination."""
Json = dict[str, Any]


def suggestion_id(card_id: str, number: int) -> str:
    """The UUID of a card's suggestion, made from the card's, so that an answer can be told from its id alone."""
    return str(uuid5(UUID(card_id), str(number)))


def with_suggestions(card: Mapping[str, Any], suggestions: Sequence[Json]) -> Json:
    """The card with what may be taken over, any number of them; as it was where there is none."""
    if not suggestions:
        return dict(card)
    named = [{"uuid": suggestion_id(card["uuid"], number), **one} for number, one in enumerate(suggestions)]
    return dict(card) | {"suggestions": named, "selectionBehavior": "any"}


def taken(card_id: str, accepted: Sequence[str], count: int) -> int:
    """Bit by bit which of a card's suggestions were accepted; ids that are none of them count for nothing."""
    told = {one.lower() for one in accepted}
    return sum(1 << number for number in range(count) if suggestion_id(card_id, number) in told)


def to_order(gaps: Sequence[Finding], patient: str, encounter: str) -> list[Json]:
    """A suggestion for each gap whose rule one set of tests meets: drafts of ServiceRequest, to be created together.

    patient, encounter  ids as the EHR calls them; an empty encounter for none
    """
    found: list[Json] = []
    asked: set[tuple[str, ...]] = set()
    for gap in gaps:
        names = _tests(gap.rule)
        if not names or names in asked or len(found) >= AT_MOST:
            continue
        asked.add(names)
        orders = [_order(name, gap.rule, patient, encounter) for name in names]
        actions = [
            {"type": "create", "description": f"Draft an order: {one['code']['text']}", "resource": one}
            for one in orders
        ]
        found.append({"label": f"Order: {' and '.join(one['code']['text'] for one in orders)}", "actions": actions})
    return found


def to_take_out(reference: str) -> list[Json]:
    """A suggestion that takes a draft out of the session."""
    action = {"type": "delete", "description": "Take this order out", "resourceId": reference}
    return [{"label": "Take this order out", "actions": [action]}]


def _tests(rule: Rule) -> tuple[str, ...]:
    """The words of all tests that meet a rule; nothing where there are several ways, or a way that is no test."""
    if rule.kind not in KINDS or len(rule.met) != 1:
        return ()
    (way,) = rule.met
    parts = way.get("all", [way])
    names = tuple(one["done"] for one in parts if "done" in one)
    return names if len(names) == len(parts) and all(name in _coded() for name in names) else ()


@cache
def _coded() -> Mapping[str, tuple[str, str, str]]:
    """Word of the rules -> the first code that stands for it as a test or an examination: system, code, name."""
    found = {}
    for name, told in tomllib.loads(packaged("risk", "care_gaps/concepts.toml").decode()).items():
        for system in ("loinc", "snomed"):
            if told.get(system) and name not in found:
                found[name] = (SYSTEMS[system], *told[system][0])
    return found


def _order(name: str, rule: Rule, patient: str, encounter: str) -> Json:
    system, code, display = _coded()[name]
    source = rule.source
    resource: Json = {
        "resourceType": "ServiceRequest", "status": "draft", "intent": "order",
        "code": {"coding": [{"system": system, "code": code, "display": display}], "text": name.replace("_", " ")},
        "subject": {"reference": f"Patient/{patient}"},
        "reasonCode": [{"text": f"{rule.title} ({source.organisation}, {source.guideline}, {source.year})"}],
    }  # fmt: skip
    return resource | ({"encounter": {"reference": f"Encounter/{encounter}"}} if encounter else {})
