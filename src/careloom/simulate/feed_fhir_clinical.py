"""What was found and done, as FHIR R4."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.simulate.answers import NoteAnswer
from careloom.simulate.charts import Chart, intake, written
from careloom.simulate.feed_fhir_parts import (
    TERMINOLOGY,
    V2,
    concept,
    identified,
    instant,
    linked,
    own_id,
    period,
    quantity,
    reference,
    subject,
    word,
)
from careloom.simulate.history import (
    Allergy,
    Code,
    Condition,
    Immunization,
    Medication,
    Observation,
    Procedure,
    Report,
)
from careloom.simulate.notes import TYPES
from careloom.terminology.systems import LOINC

_CATEGORY = f"{TERMINOLOGY}observation-category"
_CATEGORIES = {
    "vital-signs": word(_CATEGORY, "vital-signs", "Vital Signs"),
    "laboratory": word(_CATEGORY, "laboratory", "Laboratory"),
    "social-history": word(_CATEGORY, "social-history", "Social History"),
    "survey": word(_CATEGORY, "survey", "Survey"),
    "exam": word(_CATEGORY, "exam", "Exam"),
}
_SECTIONS = {
    "laboratory": word(f"{V2}0074", "LAB", "Laboratory"),
    "radiology": word(f"{V2}0074", "RAD", "Radiology"),
    "pathology": word(f"{V2}0074", "SP", "Surgical Pathology"),
}
_OTHER_NOTE = Code(LOINC, "34109-9", "Note")


def _visit(chart: Chart, key: str, out: Resource) -> Resource:
    if key in chart.encounters:
        out["encounter"] = linked(chart, "Encounter", key)
    return out


def condition(chart: Chart, one: Condition) -> Resource:
    """A Condition."""
    state = "resolved" if one.abatement is not None else "active"
    out: Resource = {
        "resourceType": "Condition",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 2, chart.identifier("C", one.key)),
        "clinicalStatus": word(f"{TERMINOLOGY}condition-clinical", state),
        "verificationStatus": word(f"{TERMINOLOGY}condition-ver-status", "confirmed"),
        "category": [word(f"{TERMINOLOGY}condition-category", one.category)],
        "code": concept(*one.codes),
        "subject": subject(chart),
        "onsetDateTime": instant(one.onset),
        "recordedDate": instant(one.recorded),
    }
    if one.severity is not None:
        out["severity"] = concept(one.severity)
    if one.abatement is not None:
        out["abatementDateTime"] = instant(one.abatement)
    if one.stage:
        out["stage"] = [{"summary": {"text": one.stage}}]
    return _visit(chart, one.encounter, out)


def observation(chart: Chart, one: Observation) -> Resource:
    """An Observation; the parts of a measurement are its components."""
    out: Resource = {
        "resourceType": "Observation",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 3, chart.identifier("M", one.key)),
        "status": "final",
        "category": [_CATEGORIES[one.category]],
        "code": concept(*one.codes),
        "subject": subject(chart),
        "effectiveDateTime": instant(one.time),
    }
    if isinstance(one.value, Code):
        out["valueCodeableConcept"] = concept(one.value)
    elif isinstance(one.value, str):
        out["valueString"] = one.value
    elif one.value is not None:
        out["valueQuantity"] = quantity(one.value, one.unit)
    if one.components:
        out["component"] = [
            {"code": concept(code), "valueQuantity": quantity(value, unit)} for code, value, unit in one.components
        ]
    bounds = {}
    if one.low is not None:
        bounds["low"] = quantity(one.low, one.unit)
    if one.high is not None:
        bounds["high"] = quantity(one.high, one.unit)
    if bounds:
        out["referenceRange"] = [bounds]
    if one.interpretation:
        out["interpretation"] = [word(f"{TERMINOLOGY}v3-ObservationInterpretation", one.interpretation)]
    return _visit(chart, one.encounter, out)


def report(chart: Chart, one: Report, results: list[Observation]) -> list[Resource]:
    """The ServiceRequest and the DiagnosticReport of a report."""
    asked: Resource = {
        "resourceType": "ServiceRequest",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 4, chart.identifier("O", one.key)),
        "status": "completed",
        "intent": "order",
        "code": concept(*one.codes),
        "subject": subject(chart),
        "authoredOn": instant(one.ordered),
        "requester": reference("Practitioner", chart.attending(one.encounter).clinician_id),
    }
    if one.reason is not None:
        asked["reasonCode"] = [concept(one.reason)]
    told: Resource = {
        "resourceType": "DiagnosticReport",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 4, chart.identifier("R", one.key)),
        "basedOn": [linked(chart, "ServiceRequest", one.key)],
        "status": "final",
        "category": [_SECTIONS[one.category]],
        "code": concept(*one.codes),
        "subject": subject(chart),
        "effectiveDateTime": instant(one.collected),
        "issued": instant(one.issued),
    }
    if results:
        told["result"] = [linked(chart, "Observation", part.key) for part in results]
    if one.conclusion:
        told["conclusion"] = one.conclusion
    return [_visit(chart, one.encounter, asked), _visit(chart, one.encounter, told)]


def medication(chart: Chart, one: Medication) -> list[Resource]:
    """The MedicationRequest of a course and a MedicationAdministration for each time it was given."""
    asked: Resource = {
        "resourceType": "MedicationRequest",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 5, chart.identifier("P", one.key)),
        "status": "stopped" if one.end is not None else "active",
        "intent": "order",
        "medicationCodeableConcept": concept(*one.codes),
        "subject": subject(chart),
        "authoredOn": instant(written(chart, one)),
        "requester": reference("Practitioner", chart.attending(one.encounter).clinician_id),
        "dosageInstruction": [_dosage(one)],
    }
    if one.stopped_for:
        asked["statusReason"] = {"text": one.stopped_for}
    if any(found.key == one.reason for found in chart.history.conditions):
        asked["reasonReference"] = [linked(chart, "Condition", one.reason)]
    if one.replaces and any(found.key == one.replaces for found in chart.history.medications):
        asked["priorPrescription"] = linked(chart, "MedicationRequest", one.replaces)
    return [_visit(chart, one.encounter, asked), *_given(chart, one)]


def _dosage(one: Medication) -> dict[str, Any]:
    repeat: dict[str, Any] = {"boundsPeriod": period(one.start, one.end)}
    often = intake(one)
    if often is not None:
        repeat |= {"frequency": often[0], "period": often[1], "periodUnit": "d"}
    return {
        "timing": {"repeat": repeat},
        "asNeededBoolean": one.as_needed,
        "route": concept(one.route),
        "doseAndRate": [{"doseQuantity": quantity(one.dose, one.unit)}],
    }


def _given(chart: Chart, one: Medication) -> Iterator[Resource]:
    for number, time in enumerate(one.administered, 1):
        given: Resource = {
            "resourceType": "MedicationAdministration",
            "id": own_id(chart, f"{one.key}-{number}"),
            "status": "completed",
            "medicationCodeableConcept": concept(*one.codes),
            "subject": subject(chart),
            "effectiveDateTime": instant(time),
            "request": linked(chart, "MedicationRequest", one.key),
            "dosage": {"route": concept(one.route), "dose": quantity(one.dose, one.unit)},
        }
        if one.encounter in chart.encounters:
            given["context"] = linked(chart, "Encounter", one.encounter)
        yield given


def allergy(chart: Chart, one: Allergy) -> Resource:
    """An AllergyIntolerance."""
    out: Resource = {
        "resourceType": "AllergyIntolerance",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 6, chart.identifier("L", one.key)),
        "clinicalStatus": word(f"{TERMINOLOGY}allergyintolerance-clinical", "active"),
        "verificationStatus": word(f"{TERMINOLOGY}allergyintolerance-verification", "confirmed"),
        "category": [one.category],
        "criticality": one.criticality,
        "code": concept(*one.codes),
        "patient": subject(chart),
        "onsetDateTime": instant(one.onset),
        "recordedDate": instant(one.recorded),
    }
    if one.reactions:
        out["reaction"] = [{"manifestation": [concept(code) for code in one.reactions], "severity": one.severity}]
    return _visit(chart, one.encounter, out)


def immunization(chart: Chart, one: Immunization) -> Resource:
    """An Immunization."""
    out: Resource = {
        "resourceType": "Immunization",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 7, chart.identifier("I", one.key)),
        "status": "completed",
        "vaccineCode": concept(*one.codes),
        "patient": subject(chart),
        "occurrenceDateTime": instant(one.time),
        "primarySource": True,
        "protocolApplied": [{"doseNumberPositiveInt": one.dose_number}],
    }
    if one.lot:
        out["lotNumber"] = one.lot
    return _visit(chart, one.encounter, out)


def procedure(chart: Chart, one: Procedure) -> Resource:
    """A Procedure."""
    out: Resource = {
        "resourceType": "Procedure",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 8, chart.identifier("X", one.key)),
        "status": "completed",
        "code": concept(*one.codes),
        "subject": subject(chart),
        "performedPeriod": period(one.start, one.end),
    }
    if any(found.key == one.reason for found in chart.history.conditions):
        out["reasonReference"] = [linked(chart, "Condition", one.reason)]
    return _visit(chart, one.encounter, out)


def note(chart: Chart, one: NoteAnswer) -> Resource:
    """A note as a DocumentReference with its text inside."""
    data = one.text.encode()
    digest = hashlib.sha1(data, usedforsecurity=False).digest()  # SHA-1 is what FHIR's Attachment.hash means
    attachment = {
        "contentType": "text/plain; charset=utf-8",
        "data": base64.b64encode(data).decode(),
        "size": len(data),
        "hash": base64.b64encode(digest).decode(),
    }
    at = instant(datetime.fromisoformat(one.time))
    out: Resource = {
        "resourceType": "DocumentReference",
        "id": f"{chart.serial}-{one.note_id}",
        "identifier": identified(chart, 11, one.note_id),
        "status": "current",
        "type": concept(TYPES.get(one.kind, _OTHER_NOTE)),
        "subject": subject(chart),
        "date": at,
        "content": [{"attachment": attachment}],
    }
    if one.encounter in chart.encounters:
        out["context"] = {"encounter": [linked(chart, "Encounter", one.encounter)], "period": {"start": at}}
    return out
