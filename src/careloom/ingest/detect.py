"""The format of a file, told from its first bytes and never from its name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from careloom.ingest.detect_magic import DOCUMENTS, MAGICS, UNREAD
from careloom.ingest.detect_text import decode_head, find_table
from careloom.ingest.markup import is_clinical, is_fhir

HEAD_BYTES = 1 << 16
"""How much of a file `detect` wants to see."""

_RESOURCE_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_MESSAGE = re.compile(r"^MSH([^\w\s])[^\w\s]{3,5}\1", re.MULTILINE)
_SEGMENT = re.compile(
    r"(?:EVN|PID|PD1|PV1|OBR|OBX|ORC|NK1|MRG|TXA|NTE|AL1|DG1|IN1|GT1|SPM|SCH|RXA)\|"
    r"|[A-Z][A-Z0-9]{2}\|[^\r\n]*[\r\n]+(?:EVN|PID|PV1)\|"
)
_YAML = re.compile(r"^(?:%YAML|resourceType[ \t]*:[ \t]*[A-Za-z]+[ \t]*\r?$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Match:
    """What a mapping says about a delimited file with a known header.

    mapping  ``mapping/file``, e.g. ``synthea/patients``
    patient  index of the column that names the patient; None where rows have none
    options  what the mapping declares and the reader needs: ``quote``, ``delimiter``, ``encoding``, ``mapping_toml``;
             goes before what was found in the bytes
    """

    mapping: str
    patient: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


Recognise = Callable[[tuple[str, ...]], Match | None]
"""Header of a delimited file -> the mapping that reads it, None where none does."""

Problem = tuple[str, str, str]
"""(issue code, message, remedy), as `careloom.pipeline.record.Record.problem`."""


_UNKNOWN_HEADER: Problem = (
    "ingest.csv-unknown-header",
    "no mapping knows the header of this delimited file",
    "declare its columns in a mapping and give it: --mapping FILE (docs/reference/mapping-grammar.md)",
)


@dataclass(frozen=True, slots=True)
class Detection:
    """What a file is.

    format   ``fhir``, ``fhir-xml``, ``hl7v2``, ``ccda``, ``csv``, ``notes``; else the name of what was recognised
             and is not read
    details  ``encoding`` (text formats), ``delimiter`` (csv), ``resource_type`` (fhir, where it stands early),
             ``document`` (notes that are no plain text: rtf, html, pdf)
    header   csv: the column names in order
    match    csv: the mapping, None where no mapping knows the header
    problem  set when the file is refused as a whole
    """

    format: str
    details: Mapping[str, str] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    match: Match | None = None
    problem: Problem | None = None


def refuse(format_name: str, code: str, message: str, remedy: str) -> Detection:
    """A file that is refused as a whole."""
    return Detection(format_name, problem=(code, message, remedy))


def detect(head: bytes, recognise: Recognise) -> Detection:
    """What the file that begins with `head` is.

    head       its first 64 KiB, or all of it when it is shorter
    recognise  asked with the header of a delimited file
    """
    if not head:
        return refuse("empty", "ingest.empty-file", "the file is empty", "check the export that should have filled it")
    for magic, name in MAGICS:
        if head.startswith(magic):
            return Detection("notes", {"document": name}) if name in DOCUMENTS else _unread(name)
    if head[128:132] == b"DICM":
        return _unread("dicom")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x0b\x1c")
    if start[:3] in (b"MSH", b"FHS", b"BHS") and start[3:4] and not start[3:4].isalnum() and start[3] > 32:
        return Detection("hl7v2")
    if start.startswith((b"{", b"[")):
        return _json(start)
    text, encoding = decode_head(head)
    if text is None:
        return refuse(
            "binary",
            "ingest.unknown-binary",
            "the file is neither text nor a known binary format",
            "export it in a format of docs/reference/formats.md",
        )
    return _text(text, encoding, recognise)


def _unread(name: str) -> Detection:
    code, what, remedy = UNREAD[name]
    return refuse(name, code, f"the file is {what}, which is not read", remedy)


def _json(start: bytes) -> Detection:
    if start.startswith(b"{\x00") or start.startswith(b"[\x00"):
        return _not_utf8()
    found = _RESOURCE_TYPE.search(start)
    details = {"encoding": "utf-8"}
    if found:
        details["resource_type"] = found[1].decode("ascii")
    return Detection("fhir", details)


def _not_utf8() -> Detection:
    return refuse("fhir", "ingest.json-not-utf8", "the JSON is not in UTF-8", "write it in UTF-8, as RFC 8259 requires")


def _text(text: str, encoding: str, recognise: Recognise) -> Detection:
    start = text.lstrip("\ufeff \t\r\n\f")
    if not start:
        return refuse(
            "empty", "ingest.blank-file", "the file holds only white space", "check the export that filled it"
        )
    if start.startswith(("{", "[")):
        return _not_utf8()
    if start.startswith("<"):
        return _markup(start, encoding)
    if _MESSAGE.search(start) and encoding in ("utf-8", "cp1252"):
        return Detection("hl7v2")
    if _SEGMENT.match(start) and encoding == "utf-8":
        remedy = "send whole messages, each beginning with MSH"
        return refuse("hl7v2", "ingest.hl7v2-no-msh", "HL7 v2 segments without the MSH that opens a message", remedy)
    if _YAML.search(start):
        return _unread("yaml")
    table = find_table(text, lambda header: recognise(header) is not None)
    if table is None:
        return Detection("notes", {"encoding": encoding})
    return _delimited(table.header, {"encoding": encoding, "delimiter": table.delimiter}, recognise)


def _delimited(header: tuple[str, ...], details: dict[str, str], recognise: Recognise) -> Detection:
    match = recognise(header)
    if match is not None:
        return Detection("csv", {**details, **match.options}, header, match)
    return Detection("csv", details, header, problem=_UNKNOWN_HEADER)


def _markup(start: str, encoding: str) -> Detection:
    if is_clinical(start):
        return Detection("ccda", {"encoding": encoding})
    if is_fhir(start):
        return Detection("fhir-xml", {"encoding": encoding})
    if start[:5].lower() == "<html" or start[:14].lower() == "<!doctype html":
        return Detection("notes", {"document": "html", "encoding": encoding})
    return _unread("xml")
