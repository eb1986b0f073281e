"""ADT events that join, move or part what was kept apart: merges of patients, moves of accounts and visits, links.

HL7 v2.8.2 3.3.17 to 3.3.51 and 3.6.2. The survivor stands in PID, what is merged or moved away in MRG after it.

A18 A34 A36 A39 A40 A47  the patient of MRG-1 is replaced by the patient of PID (A36: with the account of MRG-3)
A35 A41 A49 A50 A51      the account (MRG-3) or visit (MRG-5) of before is the one of PID-18 (PV1-19) now
A42                      the visit of MRG-5 is the one of PV1-19 now
A43 A44 A45              patient information, an account or a visit goes over to the patient of PID
A24 A37                  two patients are linked as one person, or the link is undone
A17                      two patients swap beds
A29                      the patient's data is to be deleted: marked as inactive, and said so
"""

from collections.abc import Callable

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_finance import account_key
from careloom.ingest.hl7v2_to_fhir_header import add_header, add_patient_update
from careloom.ingest.hl7v2_to_fhir_messages import message_rules
from careloom.ingest.hl7v2_to_fhir_patient import add_demographics, merge, merged_source_id, patient_resource
from careloom.ingest.hl7v2_to_fhir_values import Element
from careloom.ingest.hl7v2_to_fhir_visit import encounter, visit_source_id
from careloom.ingest.hl7v2_to_fhir_walk import Walk, first_patient, identified, keep

Handler = Callable[[Build, str, str], None]
_READ = frozenset(("MSH", "EVN", "SFT", "PID", "PD1", "PV1", "MRG", "ARV", "DSC"))


def merge_patients(build: Build, kind: str, trigger: str) -> None:
    """Each MRG after a PID is replaced by that patient."""
    message = build.message
    if not identified(build, first_patient(build)):
        return
    if not message.all("MRG"):
        remedy = "let the sender include MRG with the number that is merged away"
        build.issue("hl7v2.segment-missing", "MRG", "the merge names no prior patient", "error", remedy)
        return
    patient: Resource | None = None
    for segment in message.segments:
        if segment.name == "PID" and len(segment.text) > 4:
            if not identified(build, segment):
                return
            patient = patient_resource(build, segment)
            patient["active"] = True
            build.put(build.patient_id, patient)
            _account(build, segment)
            add_patient_update(build, segment)
        elif segment.name == "PD1" and patient is not None:
            add_demographics(build, segment, patient)
        elif segment.name == "MRG" and patient is not None:
            if not _merge_one(build, segment, patient):
                return
            if trigger == "A36":
                _prior_account(build, segment)
        elif segment.name not in _READ:
            keep(build, segment.name)
    add_header(build, kind, trigger)


def _account(build: Build, pid: Segment) -> Element | None:
    held = values.identifier(build, pid.field(18), "AN", "PID-18") if pid.field(18) else None
    if held is None:
        return None
    out: Resource = {"resourceType": "Account", "identifier": [held], "status": "active", "subject": [build.patient]}
    return build.main_draft(account_key(build, pid.field(18)), out)


def _merge_one(build: Build, mrg: Segment, patient: Resource) -> bool:
    prior = [key for key in merged_source_id(build, mrg) if key != build.patient_id]
    if not prior:
        remedy = "let the sender fill MRG-1 with a number other than that of PID-3"
        text = "the merge names no prior patient other than the surviving one"
        build.issue("hl7v2.merge-into-itself", "MRG-1", text, "error", remedy)
        return False
    for key in prior:
        links = patient.setdefault("link", [])
        links.append({"other": {"reference": f"Patient/{key}"}, "type": "replaces"})
        merge(build, key, mrg)
    return True


def _prior_account(build: Build, mrg: Segment) -> None:
    """MRG[Account]: the account of before, which the guide gives the status unknown."""
    held = values.identifier(build, mrg.field(3), "AN", "MRG-3") if mrg.field(3) else None
    if held is None:
        return
    out: Resource = {"resourceType": "Account", "identifier": [held], "status": "unknown", "subject": [build.patient]}
    build.put(account_key(build, mrg.field(3)), out)


def move(build: Build, kind: str, trigger: str) -> None:
    """Accounts and visits that MRG names are now of the patient of PID, under the numbers of PID-18 and PV1-19."""
    message = build.message
    if not identified(build, first_patient(build)):
        return
    if not message.all("MRG"):
        remedy = "let the sender include MRG with the number that is merged away"
        build.issue("hl7v2.segment-missing", "MRG", "the message does not say what is moved", "error", remedy)
        return
    patient: Resource | None = None
    for segment in message.segments:
        if segment.name == "PID" and len(segment.text) > 4:
            if not identified(build, segment):
                return
            patient = patient_resource(build, segment)
            build.put(build.patient_id, patient)
            _account(build, segment)
            add_patient_update(build, segment)
        elif segment.name == "PD1" and patient is not None:
            add_demographics(build, segment, patient)
        elif segment.name == "MRG":
            _prior_account(build, segment)
            _prior_visit(build, segment)
        elif segment.name == "PV1":
            _visit(build, segment)
        elif segment.name not in _READ:
            keep(build, segment.name)
    add_header(build, kind, trigger)


def _visit(build: Build, pv1: Segment) -> None:
    build.visit_id = visit_source_id(build, pv1)
    if build.visit_id:
        build.mention(build.visit_id, encounter(build, pv1, None, ""))


def _prior_visit(build: Build, mrg: Segment) -> None:
    """The visit of MRG-5 (or MRG-6), mentioned: what is stored of it stays, and the move is in the message's record."""
    raw = mrg.field(5) or mrg.field(6)
    number = values.identifier(build, raw, "VN", "MRG-5") if raw else None
    if number is None:
        return
    given = fields.identifier(build.read, raw)
    authority = given.authority.key or given.facility.key
    key = f"{authority}|{given.value}" if authority else f"{build.patient_id}|visit|{given.value}"
    unknown = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK", "display": "unknown"}
    out: Resource = {"resourceType": "Encounter", "identifier": [number], "status": "unknown", "class": unknown}
    out["subject"] = build.patient
    build.mention(key, out)


def link(build: Build, kind: str, trigger: str) -> None:
    """A24: the patients see also each other; A37: they no longer do."""
    found: list[tuple[str, Resource]] = []
    for pid in build.message.all("PID"):
        if not identified(build, pid):
            return
        patient = patient_resource(build, pid)
        build.put(build.patient_id, patient)
        found.append((build.patient_id, patient))
    if len({key for key, _ in found}) < 2:
        remedy = "let the sender name two patients with numbers of their own"
        build.issue("hl7v2.segment-missing", "PID", "the link names fewer than two patients", "error", remedy)
        return
    if trigger == "A24":
        for key, patient in found:
            others = [one for one, _ in found if one != key]
            patient["link"] = [{"other": {"reference": f"Patient/{one}"}, "type": "seealso"} for one in others]
    for segment in build.message.segments:
        if segment.name not in _READ:
            keep(build, segment.name)
    add_header(build, kind, trigger)


def delete_person(build: Build, kind: str, trigger: str) -> None:
    """A29: as an update, with the patient marked as inactive; erasure is a decision of its own (careloom erase)."""
    Walk(build, message_rules()[kind], kind, trigger).run()
    held = build.known("Patient", build.patient_id)
    if held is None or build.is_refused:
        return
    held["active"] = False
    remedy = "erase the patient with careloom erase, if that is what the sender means"
    text = "the sender deletes the person; the patient was marked as inactive and nothing was erased"
    build.issue("hl7v2.person-deleted", "EVN", text, remedy=remedy)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("A18", "A34", "A36", "A39", "A40", "A47"), merge_patients),
    **dict.fromkeys(("A35", "A41", "A42", "A43", "A44", "A45", "A49", "A50", "A51"), move),
    "A24": link,
    "A37": link,
    "A29": delete_person,
}
