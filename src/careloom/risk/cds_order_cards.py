"""What is against an order as cards of CDS Hooks: one a concern, with its facts and who says so; pure.

source  CDS Hooks 2.0 (https://cds-hooks.hl7.org), Card Attributes
"""

from collections.abc import Mapping
from typing import Any

from careloom.risk.cds_cards import OVERRIDE, OVERRIDE_REASONS, SUMMARY_BELOW, TOPIC, plain
from careloom.risk.cds_orders import Concern, rule_sentence

RECORD = "The patient's record in Careloom"
FACTS_AT_MOST = 8
TOPICS: Mapping[str, str] = {
    "allergy": "Allergy or intolerance on record",
    "duplicate": "Order that is active already",
    "done": "Test that is done already",
    "rule": "Rule of a guideline",
}
REASONS: Mapping[str, str] = {
    "known": "Already known and weighed",
    "not-applicable": OVERRIDE_REASONS["not-applicable"],
    "disagree": "What the card says is wrong",
    "other": OVERRIDE_REASONS["other"],
}
"""Codes of `OVERRIDE`, as a clinician reads them of an order."""
Json = dict[str, Any]


def order_card(one: Concern, card_id: str, base_url: str, patient: str, versions: Mapping[str, int]) -> Json:
    """The card of a concern.

    patient   stored id; empty for a patient who is not in the store: nothing is linked then
    versions  ``Observation/17`` -> the version that was read, of what the store holds
    """
    found: Json = {
        "uuid": card_id,
        "summary": _summary(one),
        "detail": _detail(one, versions),
        "indicator": _indicator(one),
        "source": _source(one, base_url),
        "overrideReasons": [
            {"system": OVERRIDE, "code": code, "display": display} for code, display in REASONS.items()
        ],
    }
    if patient:
        url = f"{base_url}/dashboard/patients/identified/{patient}"
        found["links"] = [{"label": "The record behind it", "url": url, "type": "absolute"}]
    return found


def _summary(one: Concern) -> str:
    named, about = _short(one.named or "This order", 50), _short(one.about, 50)
    return {
        "allergy": f"{named}: an allergy or intolerance to {about} is on record.",
        "duplicate": f"{named}: an order of {about} is active already.",
        "done": f"{named}: done already, within the time that “{about}” asks for.",
        "rule": f"{named}: {about}.",
    }[one.kind][: SUMMARY_BELOW - 1]


def _short(text: str, most: int) -> str:
    bare = " ".join(text.split())
    return bare if len(bare) <= most else f"{bare[: most - 1].rstrip()}…"


def _indicator(one: Concern) -> str:
    if one.kind == "allergy":
        return "critical" if one.strength == "high" else "warning"
    return "info" if one.kind == "done" else "warning"


def _source(one: Concern, base_url: str) -> Json:
    label = RECORD
    if one.kind == "rule" and one.finding is not None:
        told = one.finding.rule.source
        label = f"{told.organisation}, {told.guideline}, {told.year}"
    return {
        "label": label,
        "url": f"{base_url}/dashboard/",
        "topic": {"system": TOPIC, "code": f"order-{one.kind}", "display": TOPICS[one.kind]},
    }


def _detail(one: Concern, versions: Mapping[str, int]) -> str:
    lines = []
    if one.finding is not None:
        lines += [plain(one.finding.rule.text if one.kind == "rule" else one.finding.rule.title), ""]
        lines += [plain(rule_sentence(one.finding)), ""]
    if one.kind == "allergy":
        lines += [f"Criticality on record: {plain(one.strength or 'not told')}.", ""]
    lines += ["**What it rests on**", ""]
    for reference, day, text in one.facts[:FACTS_AT_MOST]:
        version = f"/_history/{versions[reference]}" if reference in versions else ""
        lines.append(f"- {plain(text or 'without a name')}{f', {day}' if day else ''}: `{reference}{version}`")
    if not one.facts:
        lines.append("- The order itself.")
    lines += ["", "Which drugs interact, and which doses are right, is not looked at."]
    return "\n".join(line.rstrip() for line in lines)
