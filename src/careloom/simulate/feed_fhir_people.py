"""Who the patient is and when the patient came, as FHIR R4."""

from datetime import timedelta
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.simulate.charts import Chart, system_of
from careloom.simulate.feed_fhir_parts import (
    ACT_CODE,
    TERMINOLOGY,
    V2,
    address,
    coding,
    concept,
    identified,
    instant,
    location_id,
    own_id,
    period,
    reference,
    subject,
    word,
)
from careloom.simulate.history import Appointment, Code, Coverage, Encounter, Relative
from careloom.terminology.systems import US_SSN

_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_CLASSES = {
    "inpatient": Code(ACT_CODE, "IMP", "inpatient encounter"),
    "emergency": Code(ACT_CODE, "EMER", "emergency"),
    "ambulatory": Code(ACT_CODE, "AMB", "ambulatory"),
    "virtual": Code(ACT_CODE, "VR", "virtual"),
}


def patient(chart: Chart) -> Resource:
    """The Patient, as registered at the site."""
    one = chart.person
    name: dict[str, Any] = {"use": "official", "family": one.family, "given": [one.given]}
    if one.middle:
        name["given"].append(one.middle)
    if one.suffix:
        name["suffix"] = [one.suffix]
    out: Resource = {
        "resourceType": "Patient",
        "id": chart.serial,
        "extension": [_origin("race", one.race), _origin("ethnicity", one.ethnicity)],
        "identifier": _numbers(chart),
        "active": True,
        "name": [name],
        "gender": one.sex,
        "birthDate": one.birth.isoformat(),
        "address": [address(one.addresses[-1][1])],
        "maritalStatus": concept(one.marital_status),
        "communication": [{"language": concept(one.language), "preferred": True}],
        "managingOrganization": reference("Organization", chart.site.site_id),
    }
    telecom = [{"system": "phone", "value": one.phone, "use": "home"}] if one.phone else []
    if one.email:
        telecom.append({"system": "email", "value": one.email})
    if telecom:
        out["telecom"] = telecom
    if one.death is not None:
        out["deceasedDateTime"] = instant(one.death)
    if one.contact[0] or one.contact[1]:
        out["contact"] = [_next_of_kin(one.contact)]
    return out


def _numbers(chart: Chart) -> list[dict[str, Any]]:
    number_type = word(f"{V2}0203", "MR", "Medical record number")
    out: list[dict[str, Any]] = [
        {"use": "usual", "type": number_type, "system": system_of(chart.site), "value": chart.number}
    ]
    if chart.person.ssn:
        ssn_type = word(f"{V2}0203", "SS", "Social Security number")
        out.append({"type": ssn_type, "system": US_SSN, "value": chart.person.ssn})
    return out


def _next_of_kin(contact: tuple[str, str, str]) -> dict[str, Any]:
    given, family, relationship = contact
    kin = [word(f"{V2}0131", "N", "Next-of-Kin")]
    if relationship:
        kin.append(word(f"{V2}0063", relationship))
    return {"relationship": kin, "name": {"family": family, "given": [given]}}


def _origin(kind: str, code: Code) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"url": "text", "valueString": code.display}]
    if code.code != "2131-1":  # Other Race is no OMB category of US Core
        parts.insert(0, {"url": "ombCategory", "valueCoding": coding(code)})
    return {"url": f"{_US_CORE}{kind}", "extension": parts}


def coverage(chart: Chart, one: Coverage) -> Resource:
    """A Coverage."""
    span = {"start": one.start.isoformat()}
    if one.end is not None:
        span["end"] = one.end.isoformat()
    return {
        "resourceType": "Coverage",
        "id": own_id(chart, one.key),
        "status": "active",
        "type": concept(one.kind),
        "subscriberId": one.member_id or "none",
        "beneficiary": subject(chart),
        "relationship": word(f"{TERMINOLOGY}subscriber-relationship", "self"),
        "period": span,
        "payor": [{"identifier": {"value": one.payer_id}, "display": one.payer} if one.payer else subject(chart)],
    }


def family_history(chart: Chart, place: int, one: Relative) -> Resource:
    """A FamilyMemberHistory of one relative and one disease."""
    condition: dict[str, Any] = {"code": concept(one.code)}
    if one.age_years is not None:
        age = {"value": one.age_years, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
        condition["onsetAge"] = age
    return {
        "resourceType": "FamilyMemberHistory",
        "id": own_id(chart, f"F{place}"),
        "status": "completed",
        "patient": subject(chart),
        "relationship": concept(one.relationship),
        "condition": [condition],
    }


def encounter(chart: Chart, one: Encounter) -> Resource:
    """An Encounter with its beds."""
    out: Resource = {
        "resourceType": "Encounter",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 1, chart.identifier("V", one.key)),
        "status": "finished" if one.end is not None else "in-progress",
        "class": coding(_CLASSES[one.kind]),
        "type": [concept(one.type)],
        "subject": subject(chart),
        "participant": [{"individual": reference("Practitioner", chart.clinician(one.clinician_id).clinician_id)}],
        "period": period(one.start, one.end),
        "serviceProvider": reference("Organization", chart.site.site_id),
    }
    if one.reasons:
        out["reasonCode"] = [concept(code) for code in one.reasons]
    stay = {}
    if one.admit_source:
        stay["admitSource"] = word(f"{V2}0023", one.admit_source)
    if one.disposition:
        stay["dischargeDisposition"] = word(f"{V2}0112", one.disposition)
    if one.readmission_of:
        stay["reAdmission"] = word(f"{V2}0092", "R", "Re-admission")
    if stay:
        out["hospitalization"] = stay
    if one.stays:
        out["location"] = [
            {
                "location": {
                    **reference("Location", location_id(chart.site, bed.unit)),
                    "display": f"{bed.unit} {bed.room} {bed.bed}",
                },
                "period": period(bed.start, bed.end),
            }
            for bed in one.stays
        ]
    return out


def appointment(chart: Chart, one: Appointment) -> Resource:
    """An Appointment."""
    who = reference("Practitioner", chart.clinician(one.clinician_id).clinician_id)
    out: Resource = {
        "resourceType": "Appointment",
        "id": own_id(chart, one.key),
        "identifier": identified(chart, 10, chart.identifier("A", one.key)),
        "status": one.status,
        "start": instant(one.start),
        "end": instant(one.start + timedelta(minutes=one.minutes)),
        "minutesDuration": one.minutes,
        "created": instant(one.created),
        "participant": [
            {"actor": subject(chart), "status": "declined" if one.status == "cancelled" else "accepted"},
            {"actor": who, "status": "accepted"},
            {"actor": reference("Location", location_id(chart.site)), "status": "accepted"},
        ],
    }
    if one.status == "cancelled":
        out["cancelationReason"] = word(f"{TERMINOLOGY}appointment-cancellation-reason", "pat", "Patient")
    if one.reason is not None:
        out["reasonCode"] = [concept(one.reason)]
    return out
