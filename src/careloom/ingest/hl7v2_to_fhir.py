"""HL7 v2 messages to FHIR: admissions, orders, results, drugs, vaccinations, schedules, documents, charges, problems.

Follows the HL7 v2-to-FHIR guide: the message rules of maps/hl7v2_messages.toml, the segment tables of
maps/hl7v2_segments.toml, the code maps of maps/hl7v2_concepts.toml, and the rows that need logic in the hl7v2_to_fhir_*
files. docs/reference/hl7v2.md says what is mapped, what is kept in landing only, and how identities are made.
"""

import re
from hashlib import blake2b

from careloom.hl7v2.parse import Message, read
from careloom.ingest.conversion import Conversion
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_merge import HANDLERS
from careloom.ingest.hl7v2_to_fhir_messages import rule_of
from careloom.ingest.hl7v2_to_fhir_walk import Walk
from careloom.issues import Issue
from careloom.pipeline.record import Record

_TYPE = re.compile(r"[A-Z]{3}(\^[A-Z][0-9A-Z]{2})?")


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
    rule = rule_of(kind, trigger)
    if rule is None:
        issues.append(_not_mapped(kind, trigger))
        return Conversion(issues=issues)
    build = Build(message, record.context.options or {}, rule.subject)
    build.message_key = message.control_id or blake2b(record.raw, digest_size=12).hexdigest()
    build.issues = issues
    if message.header.value(11) not in ("P", ""):
        build.issue("hl7v2.not-production", "MSH-11", "the message is marked as training or debugging")
    handle = HANDLERS.get(trigger) if kind == "ADT" else None
    if handle is not None:
        handle(build, kind, trigger)
    else:
        Walk(build, rule, kind, trigger).run()
    if build.is_refused:
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
