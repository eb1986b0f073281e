"""What a message or document says of itself, so that its raw record is found again: type, time, control id.

A message that is refused is found as well.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from careloom.hl7v2.moments import Moment, moment
from careloom.hl7v2.parse import read
from careloom.hl7v2.structure import check_structure, structure_of
from careloom.ingest.ccda_structure import check_document
from careloom.pipeline.record import Record, RecordFact

UNKNOWN = "unknown"
"""The type of what names none, or names it by something that is not shaped like a type and could be a name."""
_DOCUMENT_HEAD_BYTES = 65536
_TYPE = re.compile(r"[A-Z]{3}(\^[A-Z][0-9A-Z]{2})?")
_ELEMENT = re.compile(rb"<(?:[\w.-]+:)?(id|code|effectiveTime|recordTarget|component)\b([^>]*)>")
_ATTRIBUTE = re.compile(rb"([A-Za-z]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_LOINC = re.compile(r"[0-9]{3,7}-[0-9]")


def fact_of(record: Record) -> RecordFact | None:
    """The fact of an HL7 v2 message or a clinical document; None for every other format."""
    match record.context.format:
        case "hl7v2":
            return _of_message(record)
        case "ccda":
            return _of_document(record)
    return None


def _of_message(record: Record) -> RecordFact:
    message, _ = read(record.raw)
    if message is None:
        return RecordFact(UNKNOWN)
    kind = "^".join(part for part in (message.code.upper(), message.trigger.upper()) if part)
    zone = (record.context.options or {}).get("timezone", "")
    return RecordFact(
        kind if _TYPE.fullmatch(kind) else UNKNOWN,
        _time(moment(message.header.value(7)), zone),
        message.control_id,
        sum(issue.severity == "warning" for issue in check_structure(message)) if structure_of(message) else None,
    )


def _of_document(record: Record) -> RecordFact:
    """The first id, code and effectiveTime of a ClinicalDocument, which stand before its recordTarget."""
    found: dict[str, dict[str, str]] = {}
    for element in _ELEMENT.finditer(record.raw, 0, _DOCUMENT_HEAD_BYTES):
        name = element[1].decode()
        if name in ("recordTarget", "component"):
            break
        found.setdefault(name, {key.decode(): (one or other).decode("utf-8", "replace") for key, one, other in
                                _ATTRIBUTE.findall(element[2])})  # fmt: skip
    code = found.get("code", {}).get("code", "")
    named = found.get("id", {})
    time = moment(found.get("effectiveTime", {}).get("value", ""))
    control = "^".join(part for part in (named.get("root", ""), named.get("extension", "")) if part)
    name, issues = check_document(record.raw)
    kind = code if _LOINC.fullmatch(code) else UNKNOWN
    return RecordFact(kind, _time(time, ""), control, len(issues) if name else None)


def _time(said: Moment | None, zone: str) -> datetime | None:
    """The moment in UTC; without an offset of its own, by the fixed offset configured for the feed, else as UTC."""
    if said is None or not said.has_day:
        return None
    offset = said.offset or (zone if re.fullmatch(r"[+-]\d\d:\d\d", zone) else "Z")
    try:
        local = datetime.fromisoformat(f"{said.date}T{said.time or '00:00:00'}")
        if offset != "Z":
            sign = -1 if offset[0] == "-" else 1
            minutes = sign * (int(offset[1:3]) * 60 + int(offset[4:6]))
            return local.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return local.replace(tzinfo=UTC)
