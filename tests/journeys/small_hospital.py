"""Two invented patients: one with a long history, one with hardly any, and records that are refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
FAMILY, GIVEN = "Quillfeather", "Oda"
BIRTH_DATE = "1961-04-05"


def feed() -> list[dict[str, Any]]:
    """All records, the refused ones at the end."""
    return [*_patients(), *_history("oda"), *_refused()]


def _patients() -> Iterator[dict[str, Any]]:
    yield {
        "resourceType": "Patient",
        "id": "oda",
        "name": [{"use": "official", "family": FAMILY, "given": [GIVEN]}],
        "gender": "female",
        "birthDate": BIRTH_DATE,
        "address": [{"city": "Lowell", "state": "MA"}],
    }
    yield {
        "resourceType": "Patient",
        "id": "bo",
        "name": [{"family": "Marl", "given": ["Bo"]}],
        "gender": "male",
        "birthDate": "1990-12",
    }


def _coded(code: str, words: str, system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": words}], "text": words}


def _history(patient: str) -> Iterator[dict[str, Any]]:
    subject = {"reference": f"Patient/{patient}"}
    for year in range(2015, 2026):
        yield _encounter(subject, year)
        for kind, code, words, value, unit in (
            ("vital-signs", "8867-4", "Heart rate", 60 + year % 17, "/min"),
            ("laboratory", "2339-0", "Glucose", 80 + year % 23, "mg/dL"),
        ):
            yield _observation(subject, year, kind, _coded(code, words), (value, unit))
    yield {
        "resourceType": "Condition",
        "id": "c1",
        "subject": subject,
        "code": _coded("38341003", "High blood pressure", "http://snomed.info/sct"),
        "clinicalStatus": _coded("active", "Active", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
        "onsetDateTime": "2016-03",
    }
    yield {
        "resourceType": "Procedure",
        "id": "pr1",
        "subject": subject,
        "status": "completed",
        "code": _coded("73761001", "Colonoscopy", "http://snomed.info/sct"),
        "performedPeriod": {"start": "2019-05-01T08:00:00Z", "end": "2019-05-03T09:00:00Z"},
    }


def _encounter(subject: dict[str, str], year: int) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": f"e{year}",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "type": [_coded("185345009", "Visit for a symptom", "http://snomed.info/sct")],
        "subject": subject,
        "period": {"start": f"{year}-06-02T08:00:00Z", "end": f"{year}-06-02T09:00:00Z"},
    }


def _observation(
    subject: dict[str, str], year: int, kind: str, code: dict[str, Any], value: tuple[int, str]
) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{kind}-{year}",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": kind}]}],
        "code": code,
        "subject": subject,
        "effectiveDateTime": f"{year}-06-02T08:30:00Z",
        "valueQuantity": {"value": value[0], "unit": value[1], "system": "http://unitsofmeasure.org", "code": value[1]},
    }


def _refused() -> Iterator[dict[str, Any]]:
    for number in range(3):
        yield {"resourceType": "Observation", "id": f"bad{number}", "status": "sideways", "code": {"text": "Mood"}}


def long_history(patient: str, observations: int) -> list[dict[str, Any]]:
    """One measurement a day."""
    first = datetime(2015, 1, 1, 8, tzinfo=UTC)
    return [
        {
            "resourceType": "Observation",
            "id": f"long{number}",
            "status": "final",
            "category": [{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}],
            "code": _coded("8867-4", "Heart rate"),
            "subject": {"reference": f"Patient/{patient}"},
            "effectiveDateTime": (first + timedelta(days=number)).isoformat(),
            "valueQuantity": {"value": 60 + number % 17, "unit": "/min"},
        }
        for number in range(observations)
    ]
