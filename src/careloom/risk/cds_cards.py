"""An assessment as a card of CDS Hooks: one for a risk that reaches the threshold, none below it; pure.

source  CDS Hooks 2.0 (https://cds-hooks.hl7.org), Card Attributes: no attribute is null or empty; a summary is one
        sentence of less than 140 characters; detail is GitHub Flavored Markdown
"""

from typing import Any

from careloom.risk.assessment import Assessment, gap_sentence, percent
from careloom.risk.assessment_fhir import MODEL, notes
from careloom.risk.explain_days import in_days

OVERRIDE = "urn:careloom:cds:override"
TOPIC = "urn:careloom:cds:topic"
OVERRIDE_REASONS: dict[str, str] = {
    "known": "Already known and acted on",
    "not-applicable": "Does not apply to this patient",
    "disagree": "The estimate seems wrong",
    "patient-declined": "The patient declined",
    "no-capacity": "No capacity to act now",
    "other": "Another reason",
}
"""Codes of `OVERRIDE` and what a clinician reads."""
SUMMARY_BELOW = 140
FACTORS_AT_MOST = 4
GAPS_AT_MOST = 4
Json = dict[str, Any]


def card(one: Assessment, card_id: str, base_url: str) -> Json | None:
    """The card; None where the risk is below the threshold of alerts: a card that nobody needs teaches to close cards.

    card_id    UUID, by which feedback names it
    base_url   what a browser calls the installation, without a slash at its end: people sign in there
    """
    if not one.is_alert:
        return None
    pages = f"{base_url}/dashboard"
    return {
        "uuid": card_id,
        "summary": summary(one),
        "detail": detail(one),
        "indicator": "warning",
        "source": {
            "label": f"Careloom risk model {one.model}",
            "url": f"{pages}/",
            "topic": {"system": TOPIC, "code": one.model.partition("@")[0], "display": one.outcome},
        },
        "overrideReasons": [
            {"system": OVERRIDE, "code": code, "display": display} for code, display in OVERRIDE_REASONS.items()
        ],
        "links": [
            {
                "label": "The record behind it",
                "url": f"{pages}/patients/identified/{one.patient_id}",
                "type": "absolute",
            }
        ],
    }


def summary(one: Assessment) -> str:
    """One sentence of less than 140 characters."""
    interval = one.interval
    span = "" if interval is None else f" ({percent(interval.low)} to {percent(interval.high)})"
    text = f"Risk of {one.outcome}: {percent(one.probability)}{span}."
    if len(text) >= SUMMARY_BELOW:
        keep = SUMMARY_BELOW - len(text) + len(one.outcome) - 2
        text = f"Risk of {one.outcome[: max(keep, 0)].rstrip()}…: {percent(one.probability)}{span}."
    return text


def detail(one: Assessment) -> str:
    """The factors, what can be done, how sure the model is, and which model it is: Markdown."""
    raising = [factor for factor in one.explanation.factors if factor.log_odds > 0][:FACTORS_AT_MOST]
    lines = ["**What raises it**", ""]
    for factor in raising:
        mark = " *(can be changed)*" if factor.is_modifiable else ""
        said = " ".join(plain(statement.text) for statement in factor.statements)
        lines.append(f"- {plain(factor.concept)}{mark}: {said}")
    if not raising:
        lines.append("- No single factor; see the assessment.")
    lines += _days(one)
    gaps = one.open_gaps[:GAPS_AT_MOST]
    if gaps:
        lines += ["", "**What guidelines suggest and the record does not show**", ""]
        lines += [f"- {plain(gap_sentence(gap))}" for gap in gaps]
    lines += ["", f"From {one.index_time:%Y-%m-%d %H:%M} UTC until {one.until:%Y-%m-%d %H:%M} UTC."]
    lines += ["", *(f"{plain(text)} " for text in notes(one)), "", f"Model: `{one.model}` ({MODEL})."]
    return "\n".join(line.rstrip() for line in lines)


def _days(one: Assessment) -> list[str]:
    """What adds days and what takes some off, of a model that foretells them."""
    if one.days is None or not one.days.why.factors:
        return []
    lines = ["", f"**What moves the days until the {plain(one.days.outcome)}**", ""]
    for factor in one.days.why.factors[:FACTORS_AT_MOST]:
        mark = " *(can be changed)*" if factor.is_modifiable else ""
        said = " ".join(plain(statement.text) for statement in factor.statements)
        lines.append(f"- {plain(factor.concept)} {in_days(factor.days)}{mark}: {said}")
    return lines


_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~"})


def plain(text: str) -> str:
    """Text in which Markdown sees no marks, on one line."""
    return " ".join(text.split()).translate(_MARKS)
