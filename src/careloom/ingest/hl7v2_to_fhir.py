"""HL7 v2 messages to FHIR: admissions (ADT), results (ORU R01), documents (MDM).

Follows the HL7 v2-to-FHIR guide: the segment tables of maps/hl7v2_segments.toml, the code maps of
maps/hl7v2_concepts.toml, and the rows that need logic in the hl7v2_to_fhir_* files. docs/reference/hl7v2.md says what
is mapped, what is kept in landing only, and how identities are made.
"""

import re
from collections.abc import Callable
from hashlib import blake2b

from careloom.hl7v2.parse import Message, Segment, read
from careloom.ingest.conversion import Conversion
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_document import DOCUMENT_TYPES, add_document
from careloom.ingest.hl7v2_to_fhir_patient import (
    add_demographics,
    add_mother,
    add_next_of_kin,
    merge,
    merged_source_id,
    patient_resource,
    patient_source_id,
)
from careloom.ingest.hl7v2_to_fhir_results import Results
from careloom.ingest.hl7v2_to_fhir_visit import (
    add_account,
    add_allergy,
    add_condition,
    add_coverage,
    add_procedure,
    encounter,
    visit_source_id,
)
from careloom.issues import Issue
from careloom.pipeline.record import Record

ADT_EVENTS = frozenset(
    "A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A11 A12 A13 A14 A15 A16 A25 A26 A27 A28 A31 A38".split()
)
MERGE_EVENTS = frozenset(("A18", "A34", "A40"))
MDM_EVENTS = frozenset(f"T{number:02}" for number in range(1, 12))
_TYPE = re.compile(r"[A-Z]{3}(\^[A-Z][0-9A-Z]{2})?")
_HEADERS = frozenset(("MSH", "EVN", "DSC", "BHS", "BTS", "FHS", "FTS"))


def convert(record: Record) -> Conversion:
    """The drafts of one message; an issue that refuses where it cannot be used.

    record.raw               one message, as `careloom.hl7v2.batch.split` gives it
    record.context.options   ``timezone``: the zone (``+01:00`` or IANA name) of times that name none
    """
    if record.problem is not None:
        code, text, remedy = record.problem
        return Conversion(issues=[Issue(code, "fatal", record.place, text, remedy)])
    message, issues = read(record.raw)
    if message is None:
        return Conversion(issues=issues)
    kind, trigger = _type_of(message, issues)
    handler = _handler(kind, trigger)
    if handler is None:
        issues.append(_not_mapped(kind, trigger))
        return Conversion(issues=issues)
    build = Build(message, record.context.options or {}, "put" if kind == "ADT" else "mention")
    build.message_key = message.control_id or blake2b(record.raw, digest_size=12).hexdigest()
    build.issues = issues
    if message.header.value(11) not in ("P", ""):
        build.issue("hl7v2.not-production", "MSH-11", "the message is marked as training or debugging")
    handler(build, trigger)
    if any(issue.refuses for issue in build.issues):
        return Conversion(issues=build.issues)
    return Conversion(build.drafts, build.issues)


def _type_of(message: Message, issues: list[Issue]) -> tuple[str, str]:
    """MSH-9.1 and MSH-9.2; the trigger from MSH-9.3 or EVN-1 where MSH-9.2 is missing."""
    kind, trigger = message.code.upper(), message.trigger.upper()
    if kind and not trigger and kind != "ACK":
        event = message.first("EVN")
        structure = message.header.value(9, 3).upper()
        trigger = structure.partition("_")[2] or (event.value(1).upper() if event is not None else "")
        if not trigger and kind == "ORU":
            trigger = "R01"
        if trigger:
            text = "MSH-9 names no trigger event; it was taken from MSH-9.3, EVN-1 or the message type"
            issues.append(Issue("hl7v2.message-type-inferred", "warning", "MSH-9", text))
    return kind, trigger


def _handler(kind: str, trigger: str) -> Callable[[Build, str], None] | None:
    if kind == "ADT" and trigger in ADT_EVENTS:
        return _admission
    if kind == "ADT" and trigger in MERGE_EVENTS:
        return _merge
    if kind == "ORU" and trigger == "R01":
        return _results
    return _document if kind == "MDM" and trigger in MDM_EVENTS else None


def _not_mapped(kind: str, trigger: str) -> Issue:
    if kind == "ACK":
        text = "an acknowledgement carries no clinical data"
        return Issue("hl7v2.acknowledgement", "error", "MSH-9", text, "leave acknowledgements out of the feed")
    if not kind:
        text = "MSH-9 names no message type"
        return Issue("hl7v2.message-type-missing", "error", "MSH-9", text, "let the sender fill MSH-9")
    # Only what is shaped like a type is shown: a shifted field could hold a name.
    name = "^".join(part for part in (kind, trigger) if part)
    name = name if _TYPE.fullmatch(name) else "this kind"
    remedy = "leave this type out of the feed, or redrive the quarantined messages once it is mapped"
    return Issue("hl7v2.message-type-not-mapped", "error", "MSH-9", f"messages of type {name} are not mapped", remedy)


def _identified(build: Build, pid: Segment | None) -> bool:
    """Sets the patient of what follows; False with an issue that refuses where there is none."""
    if pid is None:
        remedy = "let the sender include PID"
        build.issue("hl7v2.segment-missing", "PID", "the message names no patient", "error", remedy)
        return False
    build.patient_id = patient_source_id(build, pid)
    if not build.patient_id:
        remedy = "let the sender fill PID-3 with the medical record number and its assigning authority"
        build.issue("hl7v2.patient-id-missing", "PID-3", "the message identifies no patient", "error", remedy)
        return False
    return True


def _first_patient(build: Build) -> Segment | None:
    found = build.message.all("PID")
    named = [pid for pid in found if len(pid.text) > 4]
    return named[0] if named else (found[0] if found else None)


def _admission(build: Build, trigger: str) -> None:
    pid = _first_patient(build)
    if not _identified(build, pid) or pid is None:
        return
    message = build.message
    patient = patient_resource(build, pid)
    build.main_draft(build.patient_id, patient)
    for pd1 in message.all("PD1")[:1]:
        add_demographics(build, pd1, patient)
    add_mother(build, pid)
    for nk1 in message.all("NK1"):
        add_next_of_kin(build, nk1, patient)
    visit = _visit(build, message.first("PV1"), message.first("PV2"), trigger)
    for dg1 in message.all("DG1"):
        add_condition(build, dg1, visit)
    for pr1 in message.all("PR1"):
        add_procedure(build, pr1)
    for al1 in message.all("AL1"):
        add_allergy(build, al1)
    for in1 in message.all("IN1"):
        add_coverage(build, in1)
    add_account(build, pid, message.all("GT1"))
    _observations(build)
    _kept(build, "PID PD1 NK1 PV1 PV2 DG1 PR1 AL1 IN1 GT1 OBX NTE")


def _visit(build: Build, pv1: Segment | None, pv2: Segment | None, event: str) -> dict[str, object] | None:
    build.visit_id = visit_source_id(build, pv1) if pv1 is not None else ""
    if pv1 is None or not build.visit_id:
        return None
    out = encounter(build, pv1, pv2, event)
    build.main_draft(build.visit_id, out)
    return out


def _observations(build: Build) -> None:
    """OBX of an admission message: height, weight and the like, each with the notes that follow it."""
    results = Results(build)
    for segment in build.message.segments:
        if segment.name == "OBX":
            results.take_obx(segment)
        elif segment.name == "NTE":
            if not results.take_nte(segment):
                _keep(build, "NTE")
        else:
            results.end_observation()
            results.notes.to(None)
    results.end_observation()


def _merge(build: Build, trigger: str) -> None:
    del trigger
    message = build.message
    if not _identified(build, message.first("PID")):
        return
    patient: dict[str, object] | None = None
    for segment in message.segments:
        if segment.name == "PID":
            if not _identified(build, segment):
                return
            patient = patient_resource(build, segment)
            patient["active"] = True
            build.put(build.patient_id, patient)
        elif segment.name == "PD1" and patient is not None:
            add_demographics(build, segment, patient)
        elif segment.name == "MRG" and patient is not None and not _merge_one(build, segment, patient):
            return
    if not message.all("MRG"):
        remedy = "let the sender include MRG with the number that is merged away"
        build.issue("hl7v2.segment-missing", "MRG", "the merge names no prior patient", "error", remedy)
    _kept(build, "PID PD1 MRG")


def _merge_one(build: Build, mrg: Segment, patient: dict[str, object]) -> bool:
    prior = [key for key in merged_source_id(build, mrg) if key != build.patient_id]
    if not prior:
        remedy = "let the sender fill MRG-1 with a number other than that of PID-3"
        text = "the merge names no prior patient other than the surviving one"
        build.issue("hl7v2.merge-into-itself", "MRG-1", text, "error", remedy)
        return False
    for key in prior:
        links = patient.setdefault("link", [])
        if isinstance(links, list):
            links.append({"other": {"reference": f"Patient/{key}"}, "type": "replaces"})
        merge(build, key, mrg)
    return True


def _results(build: Build, trigger: str) -> None:
    del trigger
    if not _identified(build, _first_patient(build)):
        return
    results = Results(build)
    patient: dict[str, object] = {}
    pv1: Segment | None = None
    for segment in build.message.segments:
        name = segment.name
        if name == "PID":
            results.close()
            if len(segment.text) <= 4:
                continue
            if not _identified(build, segment):
                return
            build.visit_id = ""
            patient = build.known("Patient", build.patient_id) or patient_resource(build, segment)
            build.main_draft(build.patient_id, patient)
        elif name == "PV1":
            pv1 = segment
            _visit(build, pv1, build.message.first("PV2"), "")
        else:
            _result_segment(build, results, segment, patient)
    results.close()
    _kept(build, "PID PD1 NK1 PV1 PV2 ORC OBR OBX NTE SPM")


def _result_segment(build: Build, results: Results, segment: Segment, patient: dict[str, object]) -> None:
    match segment.name:
        case "ORC":
            results.take_orc(segment)
        case "OBR":
            results.take_obr(segment)
        case "OBX":
            results.take_obx(segment)
        case "SPM":
            results.take_spm(segment)
        case "NTE":
            if not results.take_nte(segment):
                _keep(build, "NTE")
        case "PD1":
            add_demographics(build, segment, patient)
        case "NK1":
            add_next_of_kin(build, segment, patient)


def _document(build: Build, trigger: str) -> None:
    pid = _first_patient(build)
    if not _identified(build, pid) or pid is None:
        return
    message = build.message
    txa = message.first("TXA")
    if txa is None:
        remedy = "let the sender include TXA"
        build.issue("hl7v2.segment-missing", "TXA", "the message describes no document", "error", remedy)
        return
    patient = patient_resource(build, pid)
    build.main_draft(build.patient_id, patient)
    for pd1 in message.all("PD1")[:1]:
        add_demographics(build, pd1, patient)
    _visit(build, message.first("PV1"), None, "")
    results = Results(build, with_reports=False)
    contents: list[Segment] = []
    for segment in message.segments:
        if segment.name == "TXA":
            results.close()
        elif segment.name == "OBX" and segment.value(2).upper() in DOCUMENT_TYPES:
            results.end_observation()
            results.notes.to(None)
            contents.append(segment)
        elif segment.name in ("ORC", "OBR", "OBX", "NTE"):
            _result_segment(build, results, segment, patient)
    results.close()
    add_document(build, txa, contents, results.requests, trigger)
    _kept(build, "PID PD1 PV1 TXA ORC OBR OBX NTE")


def _kept(build: Build, mapped: str) -> None:
    """Says which segments of the message stay in landing only."""
    known = _HEADERS.union(mapped.split())
    for name in dict.fromkeys(segment.name for segment in build.message.segments):
        if name not in known:
            _keep(build, name)


def _keep(build: Build, name: str) -> None:
    remedy = "nothing is lost: the message stays in landing and can be redriven once the segment is mapped"
    text = f"the segment {name} is not mapped here; it stays in landing"
    build.issue("hl7v2.segment-kept-in-landing", name, text, remedy=remedy)
