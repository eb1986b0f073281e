"""The visit (PV1, PV2), and the diagnoses, procedures and allergies that a message lists (DG1, PR1, AL1, IAM).

Identity of a visit: PV1-19, else PV1-50, as ``authority|number``; within the patient where no authority is named.
Without a number: patient and PV1-44; without that too: patient and MSH-10, so that another message makes another visit.
Diagnoses and procedures: DG1-20 or PR1-19, else patient, visit, code, kind and time, numbered where they repeat.
Allergies: IAM-7, else patient and allergen. An episode of care: PV1-54.
"""

from datetime import datetime, timedelta

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import NULL, Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import code_maps, system_uri
from careloom.ingest.hl7v2_to_fhir_places import location
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

_NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
# Field, Encounter.location.status, is temporary (guide PV1[Encounter]; 43: guide PV1[Basic-EncounterHistory], which
# asks for a resource that R4 does not have).
_LOCATIONS = (
    (3, "active", False),
    (6, "completed", False),
    (11, "active", True),
    (42, "reserved", False),
    (43, "completed", True),
)
_TEMPORARY = {
    "url": "http://hl7.org/fhir/StructureDefinition/subject-locationClassification",
    "valueCodeableConcept": {
        "coding": [{"system": "http://hl7.org/fhir/ValueSet/subject-location", "code": "temporary"}]
    },
}
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
_DUE_TO = "http://hl7.org/fhir/StructureDefinition/condition-dueTo"
_DESCRIPTION = "http://hl7.org/fhir/StructureDefinition/resource-instance-description"
_YEAR_MINUTES = 366 * 1440
_DISCHARGE_CANCELLED = "A13"


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
    for raw, number in zip(pv1.repetitions(19), out.get("identifier", ()), strict=False):
        if raw and "type" in number:
            number["type"].setdefault("text", "visit number")
    ended = "" if event == _DISCHARGE_CANCELLED else pv1.value(45)
    period = values.period_of(build, pv1.value(44), ended, "PV1-45")
    if period:
        out["period"] = period
    _locations(build, pv1, out)
    if pv2 is not None:
        fill(plan("PV2[Encounter]"), pv2, build, out)
        prior = location(build, pv2.field(1), "PV2-1") if pv2.field(1) else None
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
        return target.coding()
    found = values.coding(value.code, value.text, system_uri(value.system)) if value.code else None
    if found is not None and value.code:
        build.issue("hl7v2.code-unknown", "PV1-2", "the class is not in HL7 table 0004; it was kept as sent")
        return found
    return {"system": _NULL_FLAVOR, "code": "UNK", "display": "unknown"}


def _locations(build: Build, pv1: Segment, out: Resource) -> None:
    for number, status, is_temporary in _LOCATIONS:
        raw = pv1.field(number)
        where = location(build, raw, f"PV1-{number}") if raw and raw != NULL else None
        if where is None:
            continue
        planned = number == 3 and pv1.value(2) == "P"
        entry: Element = {"location": where, "status": "planned" if planned else status}
        if is_temporary:
            entry["extension"] = [dict(_TEMPORARY)]
        out.setdefault("location", []).append(entry)
        if number == 3 and pv1.value(40):
            bed = code_maps()["BedStatus"].targets.get(pv1.value(40))
            held = build.known("Location", where["reference"].partition("/")[2])
            if bed is not None and held is not None and held["physicalType"]["coding"][0]["code"] in ("ro", "bd"):
                state = bed.coding()
                held.setdefault("operationalStatus", state)


def add_episode(build: Build, pv1: Segment, visit: Resource) -> Resource | None:
    """PV1-54 (and PV1-53) as the EpisodeOfCare that the visit belongs to."""
    number = values.identifier(build, pv1.field(54), "", "PV1-54") if pv1.field(54) else None
    if number is None:
        return None
    out: Resource = {"resourceType": "EpisodeOfCare", "status": "active", "identifier": [number]}
    if pv1.plain(53):
        out["extension"] = [{"url": _DESCRIPTION, "valueString": pv1.plain(53)}]
    out["patient"] = build.patient
    given = fields.identifier(build.read, pv1.field(54))
    visit["episodeOfCare"] = [build.main_draft(f"{build.patient_id}|{given.authority.key}|{given.value}", out)]
    return out


def add_condition(
    build: Build, dg1: Segment, visit: Resource | None, episode: Resource | None = None
) -> tuple[Element, Resource] | None:
    """DG1 as a Condition, and as a diagnosis of the visit and of the episode; None where it names none."""
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
        return None
    _stated(build, dg1, out)
    out["subject"] = build.patient
    if build.visit is not None:
        system = "http://terminology.hl7.org/CodeSystem/condition-category"
        kind = {"system": system, "code": "encounter-diagnosis", "display": "Encounter Diagnosis"}
        out["category"] = [{"coding": [kind]}]
        out["encounter"] = build.visit
    made = build.put(build.once(_condition_key(build, dg1)), out)
    if visit is not None and not retracted:
        visit.setdefault("diagnosis", []).append(_diagnosis(build, dg1, made, "use"))
    if episode is not None and not retracted:
        episode.setdefault("diagnosis", []).append(_diagnosis(build, dg1, made, "role"))
    return made, out


def _stated(build: Build, dg1: Segment, out: Resource) -> None:
    """DG1-19 as the date of assertion too, DG1-22 as the diagnosis that this one is due to."""
    stated = build.date_time(dg1.value(19), "DG1-19")
    if stated is not None:
        out.setdefault("extension", []).append({"url": _ASSERTED, "valueDateTime": stated})
    parent = fields.entity(build.read, dg1.field(22))
    number = values.entity_identifier(parent)
    if number is not None and parent != fields.entity(build.read, dg1.field(20)):
        cause: Resource = {"resourceType": "Condition", "identifier": [number], "subject": build.patient}
        made = build.mention(f"{build.patient_id}|DG1|{parent.authority.key}|{parent.value}", cause)
        out.setdefault("extension", []).append({"url": _DUE_TO, "valueReference": made})


def _condition_key(build: Build, dg1: Segment) -> str:
    given = fields.entity(build.read, dg1.field(20))
    if given.value:
        return f"{build.patient_id}|DG1|{given.authority.key}|{given.value}"
    code = fields.coded(build.read, dg1.field(3))
    what = f"{code.system}|{code.code}" if code.code else (code.text or dg1.plain(4)).casefold()
    return f"{build.patient_id}|{build.visit_id}|DG1|{what}|{dg1.value(6)}"


def _diagnosis(build: Build, dg1: Segment, condition: Element, name: str) -> Element:
    out: Element = {"condition": condition}
    use = values.concept(build, dg1.field(6), code_maps()["DiagnosisType"]) if dg1.value(6) else None
    if use is not None:
        out[name] = use
    rank = values.positive(dg1.value(15))
    if rank is not None:
        out["rank"] = rank
    return out


def _status_concept(system: str, code: str, display: str) -> Element:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code, "display": display}]}


def add_procedure(build: Build, pr1: Segment) -> Resource | None:
    """PR1 as a Procedure: completed when it began before the message was sent, else of unknown status."""
    out: Resource = {"resourceType": "Procedure", "status": "unknown"}
    fill(plan("PR1[Procedure]"), pr1, build, out)
    described = pr1.plain(4)
    if described:
        out.setdefault("code", {}).setdefault("text", described)
    if "code" not in out:
        build.issue("hl7v2.segment-empty", "PR1", "a procedure without code or description was left out")
        return None
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
    _lasting(pr1, out)
    parent = fields.entity(build.read, pr1.field(25))
    number = values.entity_identifier(parent)
    if number is not None:
        whole: Resource = {"resourceType": "Procedure", "identifier": [number], "status": "unknown"}
        whole["subject"] = build.patient
        key_of = f"{build.patient_id}|PR1|{parent.authority.key}|{parent.value}"
        out["partOf"] = [build.mention(key_of, whole)]
    build.put(build.once(f"{build.patient_id}|PR1|{key}"), out)
    return out


def _lasting(pr1: Segment, out: Resource) -> None:
    """PR1-7, minutes, makes a period of the time that PR1-5 gives to the minute."""
    start, minutes = out.get("performedDateTime", ""), values.positive(pr1.value(7))
    if minutes is None or minutes > _YEAR_MINUTES or "T" not in start:
        return
    try:
        end = (datetime.fromisoformat(start) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return
    del out["performedDateTime"]
    out["performedPeriod"] = {"start": start, "end": end}
