"""An assessment as FHIR R4: the RiskAssessment, and the Provenance that leads to the facts, the model and its input.

source  FHIR R4 4.0.1, RiskAssessment (probabilityDecimal is a percentage: "Decimal values are expressed as percentages
        as well (max = 100)"), Provenance
"""

from datetime import datetime
from typing import Any

from careloom import __version__
from careloom.fhir.drafts import Resource
from careloom.risk.assessment import Assessment, mitigation, percent

KIND = "RiskAssessment"
MODEL = "urn:careloom:model"
"""System of a model's name: ``readmission-30d@3``."""
FEATURES = "urn:careloom:features"
"""System of the keyed hash of what a model was told."""
LOG_ODDS = "urn:careloom:risk:log-odds"
DAYS = "urn:careloom:risk:days"
EXPECTED = "urn:careloom:risk:expected"
"""Extension of a prediction: the days that are expected until its outcome."""
RISK = "http://terminology.hl7.org/CodeSystem/risk-probability"
_BANDS = {"low": "Low likelihood", "moderate": "Moderate likelihood", "high": "High likelihood"}
"""Codes and displays of risk-probability, FHIR R4."""
_ACTIVITY = {"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "CREATE"}
_ASSEMBLER = {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "assembler"}
Json = dict[str, Any]


def risk_assessment(one: Assessment, name: str) -> Resource:
    """The resource. What the model does not say (a band, an interval) is left out.

    name  its id
    """
    prediction: Json = {
        "outcome": {"text": one.outcome},
        "probabilityDecimal": round(100 * one.probability, 2),
        "whenPeriod": {"start": instant(one.index_time), "end": instant(one.until)},
    }
    if one.band is not None:
        coding = {"system": RISK, "code": one.band, "display": _BANDS[one.band]}
        prediction["qualitativeRisk"] = {"coding": [coding]}
    if one.relative_risk is not None:
        prediction["relativeRisk"] = round(one.relative_risk, 2)
    if told := rationale(one):
        prediction["rationale"] = told
    made: Resource = {
        "resourceType": KIND,
        "id": name,
        "status": "preliminary" if one.running else "final",
        "method": {"coding": [{"system": MODEL, "code": one.model}], "text": f"Careloom risk model {one.model}"},
        "code": {"text": f"Risk of {one.outcome}"},
        "subject": {"reference": f"Patient/{one.patient_id}"},
        "occurrenceDateTime": instant(one.index_time),
        "prediction": [prediction, *_days(one)],
        "note": [{"text": text} for text in notes(one)],
    }
    if one.index_key.startswith("Encounter/"):
        made["encounter"] = {"reference": one.index_key}
    if one.basis:
        made["basis"] = [{"reference": reference} for reference in one.basis]
    if told := mitigation(one):
        made["mitigation"] = told
    return made


def _days(one: Assessment) -> list[Json]:
    """When the foretold days end: the probability is that of the interval, and the period is the interval."""
    days = one.days
    if days is None or days.high is None:
        return []
    expected = {"value": round(days.expected, 2), "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
    return [
        {
            "extension": [{"url": EXPECTED, "valueQuantity": expected}],
            "outcome": {"text": days.outcome},
            "probabilityDecimal": round(100 * days.share, 2),
            "whenPeriod": {"start": instant(days.end(days.low)), "end": instant(days.end(days.high))},
            "rationale": " ".join([days.sentence, *(factor.text for factor in days.why.factors)]),
        }
    ]


def rationale(one: Assessment) -> str:
    """The factors as sentences, the greatest first."""
    return " ".join(factor.text for factor in one.explanation.factors)


def notes(one: Assessment) -> list[str]:
    """How sure the model is, and what it was not told."""
    told = []
    interval = one.interval
    if interval is not None:
        bounds = f"{percent(interval.low)} and {percent(interval.high)}"
        told.append(f"Bounds from comparable patients: {bounds}. One of the two is calibrated; it is not known which.")
        if interval.event_possible and interval.no_event_possible:
            told.append("The model cannot rule out either outcome for such a patient.")
    if one.days is not None:
        told.append(one.days.sentence)
    if one.running:
        told.append("The stay had not ended: this is the risk if it ended at this moment.")
    if one.left_out:
        told.append(f"{one.left_out} facts were not used: a consent withholds them.")
    return [*told, "A calculated estimate for a clinician to judge; it decides nothing."]


def provenance(one: Assessment, name: str, about: str, recorded: datetime, feature_hash: str) -> Resource:
    """Whence an assessment is.

    name          its id
    about         reference of the version that it tells of
    feature_hash  keyed hash of the features and the versions of the facts behind them
    """
    sources = [{"role": "source", "what": {"reference": reference}} for reference in one.basis]
    added = [(LOG_ODDS, factor.concept, factor.log_odds) for factor in one.explanation.factors]
    added += [] if one.days is None else [(DAYS, factor.concept, factor.days) for factor in one.days.why.factors]
    parts = [
        {"extension": [{"url": "concept", "valueString": concept}, {"url": "value", "valueDecimal": round(value, 6)}],
         "url": url}
        for url, concept, value in added
    ]  # fmt: skip
    return {
        "resourceType": "Provenance",
        "id": name,
        **({"extension": parts} if parts else {}),
        "target": [{"reference": about}],
        "recorded": instant(recorded),
        "activity": {"coding": [_ACTIVITY], "text": "assess risk"},
        "agent": [{"type": {"coding": [_ASSEMBLER]}, "who": {"display": f"Careloom {__version__}"}}],
        "entity": [
            {"role": "source", "what": {"identifier": {"system": MODEL, "value": one.model}, "display": "risk model"}},
            {"role": "source", "what": {"identifier": {"system": FEATURES, "value": feature_hash}}},
            *sources,
        ],
    }


def instant(moment: datetime) -> str:
    """A moment as FHIR writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
