"""MDM: the document that TXA describes, its text and files from OBX.

Identity of a document: TXA-12; else TXA-16; else patient, TXA-2 and TXA-6; else MSH-10. Text lines (TX, FT, ST) become
one text attachment, each ED and RP one of its own; other value types become Observations.
"""

from pybase64 import b64encode_as_string

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, absent
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_observation import ATTACHED_TYPES, TEXT_TYPES, attachment, text_of
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

DOCUMENT_TYPES = TEXT_TYPES | ATTACHED_TYPES | {"ST", ""}
# HL7 v2.8.2 9.4: T05, T06 append to TXA-13; T09, T10 replace it; T07, T08 edit and so replace it.
_RELATIONS = {"T05": "appends", "T06": "appends", "T07": "replaces", "T08": "replaces", "T09": "replaces"}
_RELATIONS["T10"] = "replaces"
CANCELLED = "T11"


def add_document(build: Build, txa: Segment, contents: list[Segment], requests: list[Element], trigger: str) -> None:
    """The DocumentReference of a message; without content it is only mentioned, so that it wipes nothing stored."""
    out: Resource = {"resourceType": "DocumentReference"}
    source_id = _document_key(build, txa)
    numbered = fields.entity(build.read, txa.field(12))
    _statuses(build, txa, trigger, out)
    fill(plan("TXA[DocumentReference]"), txa, build, out)
    master = values.entity_identifier(numbered)
    if master is not None:
        out["masterIdentifier"] = master
    out["subject"] = build.patient
    _relation(build, txa, trigger, out)
    attachments = _attachments(build, contents)
    _describe(build, txa, attachments)
    out["content"] = [{"attachment": one} for one in attachments] or [{"attachment": {"extension": [absent()]}}]
    context: Element = {}
    if build.visit is not None:
        context["encounter"] = [build.visit]
    served = build.date_time(txa.value(4), "TXA-4")
    if served is not None:
        context["period"] = {"start": served}
    if requests:
        context["related"] = [dict(request) for request in requests]
    if context:
        out["context"] = context
    if attachments or trigger == CANCELLED:
        build.put(source_id, out)
        return
    build.mention(source_id, out)
    if trigger != "T01":
        build.issue(
            "hl7v2.document-without-content",
            "TXA",
            "the message changes a document without sending it; a stored document was left as it is",
            remedy="let the sender use the event that carries the content (T02, T04, T06, T08, T10)",
        )


def _document_key(build: Build, txa: Segment) -> str:
    given = fields.entity(build.read, txa.field(12))
    if given.value:
        return f"{build.patient_id}|TXA|{given.authority.key}|{given.value}"
    if txa.value(16):
        return f"{build.patient_id}|TXA|file|{txa.value(16)}"
    written = build.moment(txa.value(6) or txa.value(4), "TXA-6")
    if written is not None:
        return f"{build.patient_id}|TXA|{txa.value(2)}|{written.date}T{written.time}"
    return f"{build.patient_id}|TXA|message|{build.message_key}"


def _statuses(build: Build, txa: Segment, trigger: str, out: Resource) -> None:
    maps = code_maps()
    available = maps["DocumentAvailabilityStatus"].targets.get(txa.value(19))
    out["status"] = "entered-in-error" if trigger == CANCELLED else available.code if available else "current"
    completion = maps["DocumentCompletionStatus"].targets.get(txa.value(17))
    if completion is not None:
        out["docStatus"] = completion.code
    elif txa.value(17):
        build.issue("hl7v2.code-unknown", "TXA-17", "the completion status is not in HL7 table 0271; it was left out")


def _relation(build: Build, txa: Segment, trigger: str, out: Resource) -> None:
    parent = fields.entity(build.read, txa.field(13))
    code = _RELATIONS.get(trigger)
    if not parent.value or code is None or parent == fields.entity(build.read, txa.field(12)):
        return
    target = f"DocumentReference/{build.patient_id}|TXA|{parent.authority.key}|{parent.value}"
    earlier: Element = {"reference": target}
    number = values.entity_identifier(parent)
    if number is not None:
        earlier["identifier"] = number
    out["relatesTo"] = [{"code": code, "target": earlier}]


def _attachments(build: Build, contents: list[Segment]) -> list[Element]:
    out: list[Element] = []
    lines = [obx for obx in contents if obx.value(2).upper() not in ATTACHED_TYPES]
    text = text_of(build, lines)
    if text.strip():
        data = b64encode_as_string(text.encode())
        out.append({"contentType": "text/plain; charset=utf-8", "data": data})
    for obx in contents:
        kind = obx.value(2).upper()
        if kind in ATTACHED_TYPES:
            out += [found for raw in obx.repetitions(5) if (found := attachment(build, kind, raw))]
    return out


def _describe(build: Build, txa: Segment, attachments: list[Element]) -> None:
    created = build.date_time(txa.value(6), "TXA-6")
    for one in attachments:
        if txa.plain(25):
            one["title"] = txa.plain(25)
        if created is not None:
            one["creation"] = created
