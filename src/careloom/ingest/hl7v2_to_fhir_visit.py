"""What an admission message says beside the patient: visit, diagnoses, procedures, allergies, coverage, account.

Identity of a visit: PV1-19, else PV1-50, as ``authority|number``; within the patient where no authority is named.
Without a number: patient and PV1-44; without that too: patient and MSH-10, so that another message makes another visit.
Diagnoses and procedures: DG1-20 or PR1-19, else patient, visit, code, kind and time, numbered where they repeat.
Allergies: patient and allergen. Coverage: patient, plan, company and the insured's number.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, absent
from careloom.ingest.hl7v2_to_fhir_codes import code_maps, system_uri
from careloom.ingest.hl7v2_to_fhir_parties import location
from careloom.ingest.hl7v2_to_fhir_patient import related_person
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

_NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
# Field, Encounter.location.status (guide PV1[Encounter]).
_LOCATIONS = ((3, "active"), (6, "completed"), (11, "active"), (42, "reserved"))
_DISCHARGE_CANCELLED = "A13"
_SELF = frozenset(("SEL", "SLF", "SELF", "01", "18"))


def visit_source_id(build: Build, pv1: Segment) -> str:
    """The identity of the visit; empty where PV1 speaks of no visit (class N without number or time)."""
    for number in (19, 50):
        for raw in pv1.repetitions(number):
            value = fields.identifier(build.read, raw)
            if value.value:
                authority = value.authority.key or value.facility.key
                return f"{authority}|{value.value}" if authority else f"{build.patient_id}|visit|{value.value}"
    admitted = build.moment(pv1.value(44), "PV1-44")
    if admitted is not None:
        return f"{build.patient_id}|admitted|{admitted.date}T{admitted.time}"
    if pv1.value(2) in ("N", "") and not pv1.value(3) and not pv1.value(45):
        return ""
    build.issue(
        "hl7v2.visit-number-missing",
        "PV1-19",
        "the visit has neither number nor admission time; each such message makes a visit of its own",
        remedy="let the sender fill PV1-19",
    )
    return f"{build.patient_id}|message|{build.message_key}"


def encounter(build: Build, pv1: Segment, pv2: Segment | None, event: str) -> Resource:
    """The Encounter of PV1 and PV2; `event` is the trigger of an ADT message, else empty."""
    out: Resource = {"resourceType": "Encounter"}
    out["status"] = _status(build, pv1, event)
    out["class"] = _class(build, pv1)
    out["subject"] = build.patient
    fill(plan("PV1[Encounter]"), pv1, build, out)
    ended = "" if event == _DISCHARGE_CANCELLED else pv1.value(45)
    period = values.period_of(build, pv1.value(44), ended, "PV1-45")
    if period:
        out["period"] = period
    _locations(build, pv1, out)
    if pv2 is not None:
        fill(plan("PV2[Encounter]"), pv2, build, out)
        prior = location(build, pv2.field(1), "PV2-1") if pv2.value(1) else None
        if prior is not None:
            out.setdefault("location", []).append({"location": prior, "status": "planned"})
    return out


def _status(build: Build, pv1: Segment, event: str) -> str:
    maps = code_maps()
    by_event = maps["Event[EncounterStatus]"].targets.get(event)
    if by_event is not None and by_event.code in ("cancelled", "finished", "planned"):
        return by_event.code
    if pv1.value(45) and event != _DISCHARGE_CANCELLED and build.moment(pv1.value(45), "PV1-45") is not None:
        return "finished"
    if by_event is not None:
        return by_event.code
    by_class = maps["PatientClass[EncounterStatus]"].word(pv1.value(2))
    return by_class.code if by_class is not None else "unknown"


def _class(build: Build, pv1: Segment) -> Element:
    value = fields.coded(build.read, pv1.field(2))
    target = code_maps()["PatientClass[EncounterClass]"].word(value.code) if value.code else None
    if target is not None:
        return {"system": target.system, "code": target.code, "display": target.display}
    found = values.coding(value.code, value.text, system_uri(value.system)) if value.code else None
    if found is not None and value.code:
        build.issue("hl7v2.code-unknown", "PV1-2", "the class is not in HL7 table 0004; it was kept as sent")
        return found
    return {"system": _NULL_FLAVOR, "code": "UNK", "display": "unknown"}


def _locations(build: Build, pv1: Segment, out: Resource) -> None:
    for number, status in _LOCATIONS:
        raw = pv1.field(number)
        where = location(build, raw, f"PV1-{number}") if raw and raw != '""' else None
        if where is not None:
            planned = number == 3 and pv1.value(2) == "P"
            out.setdefault("location", []).append({"location": where, "status": "planned" if planned else status})


def add_condition(build: Build, dg1: Segment, visit: Resource | None) -> None:
    """DG1 as a Condition, and as a diagnosis of the visit."""
    out: Resource = {"resourceType": "Condition"}
    retracted = dg1.value(21) == "D"
    certain = code_maps()["DiagnosisVerification"].targets.get(dg1.value(6))
    if retracted:
        out["verificationStatus"] = _status_concept("condition-ver-status", "entered-in-error", "Entered in Error")
    elif certain is not None:
        out["verificationStatus"] = _status_concept("condition-ver-status", certain.code, certain.display)
    fill(plan("DG1[Condition]"), dg1, build, out)
    described = dg1.plain(4)
    if described:
        out.setdefault("code", {}).setdefault("text", described)
    if "code" not in out:
        build.issue("hl7v2.segment-empty", "DG1", "a diagnosis without code or description was left out")
        return
    out["subject"] = build.patient
    if build.visit is not None:
        system = "http://terminology.hl7.org/CodeSystem/condition-category"
        kind = {"system": system, "code": "encounter-diagnosis", "display": "Encounter Diagnosis"}
        out["category"] = [{"coding": [kind]}]
        out["encounter"] = build.visit
    made = build.put(build.once(_condition_key(build, dg1)), out)
    if visit is not None and not retracted:
        visit.setdefault("diagnosis", []).append(_diagnosis(build, dg1, made))


def _condition_key(build: Build, dg1: Segment) -> str:
    given = fields.entity(build.read, dg1.field(20))
    if given.value:
        return f"{build.patient_id}|DG1|{given.authority.key}|{given.value}"
    code = fields.coded(build.read, dg1.field(3))
    what = f"{code.system}|{code.code}" if code.code else (code.text or dg1.plain(4)).casefold()
    return f"{build.patient_id}|{build.visit_id}|DG1|{what}|{dg1.value(6)}"


def _diagnosis(build: Build, dg1: Segment, condition: Element) -> Element:
    out: Element = {"condition": condition}
    use = values.concept(build, dg1.field(6), code_maps()["DiagnosisType"]) if dg1.value(6) else None
    if use is not None:
        out["use"] = use
    rank = values.positive(dg1.value(15))
    if rank is not None:
        out["rank"] = rank
    return out


def _status_concept(system: str, code: str, display: str) -> Element:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code, "display": display}]}


def add_procedure(build: Build, pr1: Segment) -> None:
    """PR1 as a Procedure: completed when it began before the message was sent, else of unknown status."""
    out: Resource = {"resourceType": "Procedure", "status": "unknown"}
    fill(plan("PR1[Procedure]"), pr1, build, out)
    described = pr1.plain(4)
    if described:
        out.setdefault("code", {}).setdefault("text", described)
    if "code" not in out:
        build.issue("hl7v2.segment-empty", "PR1", "a procedure without code or description was left out")
        return
    began = build.moment(pr1.value(5), "PR1-5")
    sent = build.moment(build.message.header.value(7), "MSH-7")
    if began is not None and sent is not None and began.has_day and began.date < sent.date:
        out["status"] = "completed"
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    given = fields.entity(build.read, pr1.field(19))
    code = pr1.value(3) or described.casefold()
    key = f"{given.authority.key}|{given.value}" if given.value else f"{build.visit_id}|{code}|{pr1.value(5)}"
    build.put(build.once(f"{build.patient_id}|PR1|{key}"), out)


def add_allergy(build: Build, al1: Segment) -> None:
    """AL1 as an AllergyIntolerance: severity belongs to the reaction where one is named, else it is the criticality."""
    out: Resource = {"resourceType": "AllergyIntolerance"}
    out["clinicalStatus"] = _status_concept("allergyintolerance-clinical", "active", "Active")
    fill(plan("AL1[AllergyIntolerance]"), al1, build, out)
    if "code" not in out:
        build.issue("hl7v2.segment-empty", "AL1", "an allergy without an allergen was left out")
        return
    out["patient"] = build.patient
    maps = code_maps()
    reactions = [text for raw in al1.repetitions(5) if (text := " ".join(build.read.values(raw, 2)).strip())]
    severity = al1.value(4)
    if reactions:
        reaction: Element = {"manifestation": [{"text": text} for text in reactions]}
        grade = maps["AllergySeverity[AllergyIntolerance.reaction.severity]"].word(severity) if severity else None
        if grade is not None:
            reaction["severity"] = grade.code
        out["reaction"] = [reaction]
    elif severity:
        grade = maps["AllergySeverity[AllergyIntolerance.criticality]"].word(severity)
        if grade is not None:
            out["criticality"] = grade.code
    code = fields.coded(build.read, al1.field(3))
    build.put(build.once(f"{build.patient_id}|AL1|{code.system}|{code.code or code.text.casefold()}"), out)


def add_coverage(build: Build, in1: Segment) -> None:
    """IN1 as a Coverage."""
    out: Resource = {"resourceType": "Coverage", "status": "active"}
    fill(plan("IN1[Coverage]"), in1, build, out)
    out["beneficiary"] = build.patient
    if "period" in out:
        values.ordered(build, out["period"], "IN1-13")
    number = in1.value(49) or in1.value(36)
    if number:
        out["subscriberId"] = number
    group = in1.value(8)
    if group:
        kind = {"system": "http://terminology.hl7.org/CodeSystem/coverage-class", "code": "group", "display": "Group"}
        entry: Element = {"type": {"coding": [kind]}, "value": group}
        if in1.plain(9):
            entry["name"] = in1.plain(9)
        out["class"] = [entry]
    if in1.value(17).upper() in _SELF:
        out["subscriber"] = build.patient
    else:
        insured = related_person(build, in1, "IN1[RelatedPerson]", 16)
        if insured is not None:
            out["subscriber"] = insured
    out.setdefault("payor", [{"extension": [absent()]}])
    company = fields.identifier(build.read, in1.field(3)).value or in1.value(4)
    key = f"{in1.value(2)}|{company}|{number}"
    build.put(build.once(f"{build.patient_id}|IN1|{key if key != '||' else in1.value(1)}"), out)


def add_account(build: Build, pid: Segment, guarantors: list[Segment]) -> None:
    """PID-18 as an Account; GT1 as its guarantors."""
    held = values.identifier(build, pid.field(18), "AN", "PID-18") if pid.field(18) else None
    if held is None and not guarantors:
        return
    out: Resource = {"resourceType": "Account", "status": "active"}
    if held is not None:
        out["identifier"] = [held]
    out["subject"] = [build.patient]
    for gt1 in guarantors:
        party = build.patient if gt1.value(11).upper() in _SELF else related_person(build, gt1, "GT1[RelatedPerson]", 3)
        if party is not None:
            out.setdefault("guarantor", []).append({"party": party})
    number = fields.identifier(build.read, pid.field(18))
    key = f"{number.authority.key}|{number.value}" if number.value else "guarantors"
    if held is not None or "guarantor" in out:
        build.main_draft(f"{build.patient_id}|account|{key}", out)
