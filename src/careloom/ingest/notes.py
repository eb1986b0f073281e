"""Notes to DocumentReference: plain text, or the text of an RTF, HTML or PDF document.

Whose note it is stands in a header at its top, or comes with the file (``context.options``)::

    Patient-ID: 4711
    Encounter-ID: V-2024-17
    Date: 2024-03-01T14:20:00+01:00
    Type: Discharge summary
    Note-ID: 99812

    The text starts after the blank line.

Only ``Patient-ID`` is needed. Order, case, and ``-``, ``_`` or a blank in the names do not count; a line ``---`` may
open and close the header. Keys of the options are the same names in lower case with ``_``. A note without a patient is
refused: nobody could find it, seal it under a key, or erase it.

The attachment holds the text below the header, in UTF-8, with its line ends as they came. A document is attached as it
came, too; the header stands at the top of its text.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pybase64 import b64encode_as_string

from careloom.fhir.drafts import Draft
from careloom.ingest.conversion import Conversion
from careloom.ingest.documents import MEDIA_TYPES, text_of
from careloom.issues import Issue
from careloom.pipeline.record import Record
from careloom.terminology.systems import LOINC, is_loinc

UNNAMED_TYPE = ("34109-9", "Note")
"""LOINC code of a note of which nothing more is known."""

# FHIR R4 value set c80-doc-typecodes; names as people write them in headers, lower case.
_TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "note": UNNAMED_TYPE,
        "progress note": ("11506-3", "Provider-unspecified Progress note"),
        "discharge summary": ("18842-5", "Discharge summary"),
        "history and physical": ("34117-2", "History and physical note"),
        "h&p": ("34117-2", "History and physical note"),
        "consult note": ("11488-4", "Consult note"),
        "consultation": ("11488-4", "Consult note"),
        "operative note": ("11504-8", "Provider-unspecified Operation note"),
        "operation note": ("11504-8", "Provider-unspecified Operation note"),
        "procedure note": ("28570-0", "Provider-unspecified Procedure note"),
        "emergency department note": ("34111-5", "Emergency department Note"),
        "outpatient note": ("34108-1", "Outpatient Note"),
        "nursing note": ("34746-8", "Nurse Note"),
        "nurse note": ("34746-8", "Nurse Note"),
        "radiology report": ("18748-4", "Diagnostic imaging study"),
        "imaging report": ("18748-4", "Diagnostic imaging study"),
        "pathology report": ("11526-1", "Pathology study"),
        "summary of episode": ("34133-9", "Summary of episode note"),
        "assessment and plan": ("51847-2", "Assessment + Plan note"),
    }
)
_KEYS = MappingProxyType(
    {
        "patient-id": "patient_id",
        "mrn": "patient_id",
        "encounter-id": "encounter_id",
        "visit-id": "encounter_id",
        "date": "date",
        "type": "type",
        "note-id": "note_id",
    }
)
_HEADER_LINE = re.compile(r"[ \t]*([A-Za-z][A-Za-z_ -]{1,20}?)[ \t]*:[ \t]*(.*?)[ \t]*")
_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class _Moment:
    """A clinical time: `period_start` as FHIR dateTime, `instant` where the time of day and offset are known."""

    period_start: str
    instant: str = ""


def convert(record: Record) -> Conversion:
    """The DocumentReference of one note, or why there is none."""
    conversion = Conversion()
    options = record.context.options or {}
    document = options.get("document", "")
    if document:
        text, conversion.issues = text_of(document, record.raw, options.get("encoding", ""))
    else:
        text = _decoded(record, conversion.issues) or ""
    if conversion.refused:
        return conversion
    declared, body = split_header(text)
    for key in dict.fromkeys(_KEYS.values()):
        given = options.get(key, "").strip()
        if given and declared.get(key, given) != given:
            message = f"the header and the file's own data name a different {key.replace('_', ' ')}"
            conversion.issues.append(Issue("notes.conflict", "error", "header", message, "Correct one of the two"))
        elif given:
            declared[key] = given
    if not declared.get("patient_id"):
        message = "nothing says whose note this is"
        remedy = "Begin the note with a line `Patient-ID: ...` and a blank line, or give the patient with the file"
        conversion.issues.append(Issue("notes.no-patient", "error", "header", message, remedy))
    if not body.strip():
        conversion.issues.append(Issue("notes.empty", "error", "", "the note holds no text"))
    moment = _moment(declared.get("date", ""), conversion.issues)
    if not conversion.refused:
        attached = [_attachment("text/plain; charset=utf-8", body.encode())]
        if document:
            attached.append(_attachment(MEDIA_TYPES[document], record.raw))
        conversion.drafts.append(_draft(declared, body, moment, attached))
    return conversion


def split_header(text: str) -> tuple[dict[str, str], str]:
    """What the header of a note declares, and the text below it.

    A header is known lines with ``Patient-ID`` among them; anything else is text.
    """
    lines = text.split("\n", 32)
    at = 1 if lines[0].strip() == "---" else 0
    declared: dict[str, str] = {}
    while at < len(lines):
        found = _HEADER_LINE.fullmatch(lines[at].rstrip("\r"))
        key = _KEYS.get(re.sub(r"[ _]", "-", found[1].lower())) if found is not None else None
        if found is None or key is None or key in declared:
            break
        declared[key] = found[2]
        at += 1
    if "patient_id" not in declared:
        return {}, text
    if at < len(lines) and lines[at].strip() in ("", "---"):
        at += 1
    return {key: value for key, value in declared.items() if value}, "\n".join(lines[at:])


def _decoded(record: Record, issues: list[Issue]) -> str | None:
    """The text of a note: UTF-8, UTF-16 with a mark or as detected, else Windows-1252 with a warning."""
    raw = record.raw
    detected = (record.context.options or {}).get("encoding", "")
    text = None
    for encoding in _encodings(raw, detected):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "cp1252":
            message = "the bytes are no UTF-8: read as Windows-1252"
            issues.append(Issue("notes.encoding-guessed", "warning", "", message, "Send notes as UTF-8"))
        break
    if text is None:
        issues.append(Issue("notes.encoding", "error", "", "the bytes are no text that can be read", "Send UTF-8"))
        return None
    control = _CONTROL.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        message = "the text holds a control character: it is damaged or no plain text"
        issues.append(Issue("notes.control-character", "error", f"line {line}", message, "Export the note again"))
        return None
    return text.removeprefix("\ufeff")


def _encodings(raw: bytes, detected: str) -> tuple[str, ...]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if detected in ("utf-16-le", "utf-16-be"):
        return (detected,)
    return ("utf-8", "cp1252")


def _moment(text: str, issues: list[Issue]) -> _Moment | None:
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            datetime.strptime(f"{text}-01-01"[:10], "%Y-%m-%d")  # noqa: DTZ007  a day has no zone
            return _Moment(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = "the date is none of the calendar, written as 2024-03-01 or 2024-03-01T14:20:00+01:00"
        issues.append(Issue("notes.bad-date", "error", "header Date", message))
        return None
    if moment.tzinfo is None:
        message = "the time has no offset from UTC: only the day is kept"
        issues.append(Issue("notes.no-timezone", "warning", "header Date", message, "Write 2024-03-01T14:20:00+01:00"))
        return _Moment(moment.date().isoformat())
    return _Moment(moment.isoformat(), moment.isoformat())


def _type(text: str) -> dict[str, Any]:
    code, display = _TYPES.get(" ".join(text.lower().split()), UNNAMED_TYPE)
    if is_loinc(text):
        known = dict(_TYPES.values())
        coding = {"system": LOINC, "code": text}
        return {"coding": [coding | {"display": known[text]} if text in known else coding]}
    concept: dict[str, Any] = {"coding": [{"system": LOINC, "code": code, "display": display}]}
    return concept | {"text": text} if text else concept


def _attachment(media_type: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha1(data, usedforsecurity=False).digest()  # SHA-1 is what FHIR's Attachment.hash means
    return {
        "attachment": {
            "contentType": media_type,
            "data": b64encode_as_string(data),
            "size": len(data),
            "hash": b64encode_as_string(digest),
        }
    }


def _draft(declared: Mapping[str, str], body: str, moment: _Moment | None, attached: list[dict[str, Any]]) -> Draft:
    patient, encounter = declared["patient_id"], declared.get("encounter_id", "")
    resource: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": _type(declared.get("type", "")),
        "category": [{"coding": [{"system": _CATEGORY, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"reference": f"Patient/{patient}"},
        "content": attached,
    }
    context: dict[str, Any] = {}
    if encounter:
        context["encounter"] = [{"reference": f"Encounter/{encounter}"}]
    if moment is not None:
        context["period"] = {"start": moment.period_start}
        if moment.instant:
            resource["date"] = moment.instant
        else:  # an instant has an hour: the end says that the day is the note's, not the begin of its stay
            context["period"]["end"] = moment.period_start
    if context:
        resource["context"] = context
    name = declared.get("note_id", "")
    parts = (patient, encounter, declared.get("date", ""), declared.get("type", ""), body)
    return Draft(resource, source_id=f"note|{name}" if name else "\n".join(parts))
