"""Records as FHIR R4: resources that refer to each other, one by one or as a transaction Bundle a patient.

Every resource is marked as test data (v3-ActReason HTEST), so that nobody takes it for a person's.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.synth.records import Records
from careloom.terminology.systems import UCUM

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
SYNTHETIC = {"system": f"{TERMINOLOGY}v3-ActReason", "code": "HTEST", "display": "test health data"}
SERVER = "https://synthetic.example.org"
"""The address of a server that exists as little as the patients."""
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_GENDERS = ("male", "female", "other", "unknown")
_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "AMB": "ambulatory", "EMER": "emergency", "FLD": "field", "HH": "home health", "IMP": "inpatient encounter",
        "ACUTE": "inpatient acute", "NONAC": "inpatient non-acute", "OBSENC": "observation encounter",
        "PRENC": "pre-admission", "SS": "short stay", "VR": "virtual",
    }
)  # fmt: skip
Row = dict[str, Any]


def resources(given: Records) -> Iterator[Resource]:
    """Every resource, patient by patient: what is referred to comes before what refers to it."""
    for _, made in by_patient(given):
        yield from made


def bundles(given: Records) -> Iterator[Resource]:
    """One transaction Bundle a patient, with every resource under its own id."""
    for _, made in by_patient(given):
        yield {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": f"{SERVER}/{each['resourceType']}/{each['id']}",
                    "resource": each,
                    "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"},
                }
                for each in made
            ],
        }


def by_patient(given: Records) -> Iterator[tuple[str, list[Resource]]]:
    """(patient_id, its resources), in the order of the table of patients."""
    rows = {
        name: frame.partition_by("patient_id", as_dict=True) for name, frame in given.tables() if name != "patients"
    }
    for person in given.patients.iter_rows(named=True):
        own = person["patient_id"]
        made = [_patient(person, given.statics)]
        for name, write in _WRITES.items():
            frame = rows[name].get((own,))
            if frame is not None:
                made += [write(row) for row in frame.sort("start", maintain_order=True).iter_rows(named=True)]
        yield own, made


def _resource(kind: str, own: str, **content: Any) -> Resource:
    out: Resource = {"resourceType": kind, "id": own, "meta": {"security": [SYNTHETIC]}}
    return out | {name: value for name, value in content.items() if value not in (None, [], {})}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else f"{at.isoformat()[:19]}Z"


def _period(row: Row) -> Row:
    return {name: at for name, at in (("start", _instant(row["start"])), ("end", _instant(row["stop"]))) if at}


def _concept(system: str | None, code: str, display: str | None) -> Row:
    coding = {"system": system, "code": code, "display": display}
    if system is None:  # a code of no system is only a text
        return {"text": display or code}
    return {"coding": [{name: text for name, text in coding.items() if text}], "text": display or code}


def _word(system: str, code: str) -> Row:
    return {"coding": [{"system": f"{TERMINOLOGY}{system}", "code": code}]}


def _of(row: Row) -> Row:
    """Who and in which encounter."""
    encounter = row.get("encounter_id")
    return {
        "subject": {"reference": f"Patient/{row['patient_id']}"},
        "encounter": None if encounter is None else {"reference": f"Encounter/{encounter}"},
    }


def _patient(row: Row, statics: tuple[str, ...]) -> Resource:
    birth: date | None = row["birth"]
    origins = [
        {"url": f"{_US_CORE}{name}", "extension": [{"url": "text", "valueString": row[name]}]}
        for name in ("race", "ethnicity")
        if name in statics and row[name]
    ]
    marital, gender = row.get("marital_status"), str(row.get("sex") or "unknown").lower()
    return _resource(
        "Patient", row["patient_id"], extension=origins, gender=gender if gender in _GENDERS else "unknown",
        birthDate=None if birth is None else birth.isoformat(), deceasedDateTime=_instant(row["death"]),
        maritalStatus=None if marital is None else _word("v3-MaritalStatus", marital) | {"text": marital},
    )  # fmt: skip


def _encounter(row: Row) -> Resource:
    kind = row["kind"] if row["kind"] in _CLASSES else "AMB"
    return _resource(
        "Encounter", row["encounter_id"], status="in-progress" if row["stop"] is None else "finished",
        **{"class": {"system": f"{TERMINOLOGY}v3-ActCode", "code": kind, "display": _CLASSES[kind]}},
        type=[_concept(row["system"], row["code"], row["display"])], subject=_of(row)["subject"], period=_period(row),
    )  # fmt: skip


def _condition(row: Row) -> Resource:
    return _resource(
        "Condition", row["event_id"],
        clinicalStatus=_word("condition-clinical", "active" if row["stop"] is None else "resolved"),
        verificationStatus=_word("condition-ver-status", "confirmed"),
        category=[_word("condition-category", "encounter-diagnosis")],
        code=_concept(row["system"], row["code"], row["display"]), **_of(row),
        onsetDateTime=_instant(row["start"]), abatementDateTime=_instant(row["stop"]),
        recordedDate=_instant(row["start"]),
    )  # fmt: skip


def _observation(row: Row) -> Resource:
    answer: Row = {}
    if row["value"] is not None:
        whole = int(row["value"]) if float(row["value"]).is_integer() else row["value"]
        unit = row["unit"]
        answer["valueQuantity"] = {"value": whole} | (
            {"unit": unit, "system": UCUM, "code": unit} if unit else {}
        )  # fmt: skip
    elif row["answer"] is not None:
        coded = row["answer_code"] is not None
        answer = (
            {"valueCodeableConcept": _concept(row["answer_system"], row["answer_code"], row["answer"])}
            if coded else {"valueString": row["answer"]}
        )  # fmt: skip
    category = row["category"]
    return _resource(
        "Observation", row["event_id"], status="final",
        category=[] if category is None else [_word("observation-category", category)],
        code=_concept(row["system"], row["code"], row["display"]), **_of(row),
        effectiveDateTime=_instant(row["start"]), **answer,
    )  # fmt: skip


def _medication(row: Row) -> Resource:
    return _resource(
        "MedicationRequest", row["event_id"], status="active" if row["stop"] is None else "completed",
        intent="order", medicationCodeableConcept=_concept(row["system"], row["code"], row["display"]), **_of(row),
        authoredOn=_instant(row["start"]),
        dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": _period(row)}}}],
    )  # fmt: skip


def _procedure(row: Row) -> Resource:
    return _resource(
        "Procedure", row["event_id"], status="completed",
        code=_concept(row["system"], row["code"], row["display"]), **_of(row), performedPeriod=_period(row),
    )  # fmt: skip


_WRITES = {
    "encounters": _encounter,
    "conditions": _condition,
    "observations": _observation,
    "medications": _medication,
    "procedures": _procedure,
}
