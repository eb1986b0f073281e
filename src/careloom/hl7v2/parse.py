"""HL7 v2 messages (v2.1 to v2.9, delimiters of any kind) as segments that are taken apart only when asked."""

import re

from careloom.hl7v2.charset import decode, wide_codec
from careloom.hl7v2.delimiters import STANDARD, Delimiters, can_delimit, declared
from careloom.hl7v2.escape import unescape
from careloom.issues import Issue

NULL = '""'
"""How a sender says that a value is to be removed, as opposed to not sent."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

_HEADER = re.compile(rb"(?:^|[\r\n\x0b])MSH")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACE = b" \t\r\n\x0b\x0c\x1c\x00"


class Segment:
    """One segment: its name and its text, split into fields at the first question.

    Fields count from 1 as in the standard; MSH-1 is the field separator. A field that is not there reads as empty.
    """

    __slots__ = ("_fields", "codec", "delimiters", "name", "text")

    def __init__(self, text: str, delimiters: Delimiters, codec: str = "utf-8") -> None:
        self.name = text[:3]
        self.text = text
        self.delimiters = delimiters
        self.codec = codec
        self._fields: list[str] | None = None

    @property
    def fields(self) -> list[str]:
        """The raw fields; index = number of the field, index 0 holds the name."""
        fields = self._fields
        if fields is None:
            fields = self.text.split(self.delimiters.field)
            if self.name == "MSH":
                fields.insert(1, self.delimiters.field)
            self._fields = fields
        return fields

    def field(self, number: int) -> str:
        """The raw text of a field, repetitions and escapes included."""
        fields = self.fields
        return fields[number] if number < len(fields) else ""

    def repetitions(self, number: int) -> list[str]:
        """The raw repetitions of a field; none where the field is empty."""
        raw = self.field(number)
        if not raw:
            return []
        mark = self.delimiters.repetition
        if not mark or mark not in raw or (self.name == "MSH" and number == 2):
            return [raw]
        return raw.split(mark)

    def one(self, number: int) -> str:
        """The raw text of the first repetition of a field."""
        raw = self.field(number)
        mark = self.delimiters.repetition
        return raw.split(mark, 1)[0] if mark and mark in raw else raw

    def value(self, number: int, component: int = 1, subcomponent: int = 1, repetition: int = 0) -> str:
        """One value as text, escapes resolved, spaces around it cut; empty where absent or null."""
        raw = self.field(number)
        if not raw:
            return ""
        marks = self.delimiters
        if marks.repetition and marks.repetition in raw:
            raw = _part(raw, marks.repetition, repetition)
        elif repetition:
            return ""
        raw = _part(raw, marks.component, component - 1)
        raw = _part(raw, marks.subcomponent, subcomponent - 1)
        if raw == NULL:
            return ""
        if marks.escape and marks.escape in raw:
            raw = unescape(raw, marks, self.codec)
        return raw.strip()

    def plain(self, number: int) -> str:
        """The first repetition of a field as one text, for fields that have no components (ST, TX, FT)."""
        raw = self.field(number)
        mark = self.delimiters.repetition
        if mark and mark in raw:
            raw = raw.split(mark, 1)[0]
        if not raw or raw == NULL:
            return ""
        return unescape(raw, self.delimiters, self.codec).strip()

    def is_null(self, number: int) -> bool:
        """True when the sender says that the field's value is to be removed."""
        return self.field(number) == NULL


class Message:
    """A message: its segments in order.

    codec  the Python codec that read it; escapes in hexadecimal are read with it too
    """

    __slots__ = ("_by_name", "codec", "delimiters", "segments")

    def __init__(self, segments: list[Segment], delimiters: Delimiters, codec: str) -> None:
        self.segments = segments
        self.delimiters = delimiters
        self.codec = codec
        self._by_name: dict[str, list[Segment]] | None = None

    def all(self, name: str) -> list[Segment]:
        """The segments of that name, in order."""
        found = self._by_name
        if found is None:
            found = self._by_name = {}
            for segment in self.segments:
                found.setdefault(segment.name, []).append(segment)
        return found.get(name, [])

    def first(self, name: str) -> Segment | None:
        """The first segment of that name, or None."""
        found = self.all(name)
        return found[0] if found else None

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def code(self) -> str:
        """MSH-9.1, e.g. ``ADT``."""
        return self.header.value(9, 1)

    @property
    def trigger(self) -> str:
        """MSH-9.2, e.g. ``A01``."""
        return self.header.value(9, 2)

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header.value(10)


def read(raw: bytes) -> tuple[Message | None, list[Issue]]:
    """The message in these bytes and what was wrong with them; no message where an issue is fatal.

    Never raises. Takes LF, CR and CRLF, byte order marks, blank lines, MLLP frame bytes, any delimiters; a line that
    starts no segment continues the one before it.
    """
    issues: list[Issue] = []
    if len(raw) > MAX_MESSAGE_BYTES:
        return _refuse(issues, "hl7v2.message-too-large", "", f"the message is longer than {MAX_MESSAGE_BYTES} bytes")
    codec, skip = wide_codec(raw)
    if codec not in ("", "utf-8"):
        raw, codec = raw[skip:].decode(codec, "replace").encode("utf-8"), "utf-8"
    elif skip:
        raw = raw[skip:]
    raw = raw.strip(_SPACE)
    if raw[:3] != b"MSH":
        found = _HEADER.search(raw)
        if found is None:
            return _refuse(issues, "hl7v2.msh-missing", "MSH", "no line starts with MSH")
        issues.append(_warning("hl7v2.text-before-msh", "MSH", "text before the message header was passed over"))
        raw = raw[found.end() - 3 :]
    return _read_from_header(raw, codec, issues)


def _read_from_header(raw: bytes, codec: str, issues: list[Issue]) -> tuple[Message | None, list[Issue]]:
    if b"\x00" in raw:
        raw = raw.replace(b"\x00", b"")
        issues.append(_warning("hl7v2.nul-bytes", "", "NUL bytes were removed"))
    line = raw[: _line_end(raw)]
    mark = chr(line[3]) if len(line) > 3 else ""
    if len(line) < 8:
        return _refuse(issues, "hl7v2.msh-short", "MSH", "the message header ends before MSH-2 is complete")
    if not can_delimit(mark):
        return _refuse(issues, "hl7v2.delimiters-unusable", "MSH-1", "the field separator is no printable ASCII sign")
    header = line.split(line[3:4])
    name = header[17].decode("latin-1") if len(header) > 17 else ""
    encoding = header[1].decode("latin-1")
    delimiters = declared(mark, encoding, issues) if (mark, encoding) != ("|", "^~\\&") else STANDARD
    for end in (delimiters.repetition, delimiters.component):
        name = name.split(end)[0] if end else name
    text, used = decode(raw, codec or name.strip(), issues)
    if _CONTROL.search(text):
        text = _CONTROL.sub("", text)
        issues.append(_warning("hl7v2.control-characters", "", "control characters were removed"))
    segments = _segments(text, delimiters, used, issues)
    if sum(segment.name == "MSH" for segment in segments) > 1:
        return _refuse(issues, "hl7v2.several-messages", "MSH", "a second message header stands inside the message")
    return Message(segments, delimiters, used), issues


def _segments(text: str, delimiters: Delimiters, codec: str, issues: list[Issue]) -> list[Segment]:
    mark = delimiters.field
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    pieces = text.split("\r")
    lines: list[str] = []
    continued: dict[str, None] = {}
    for piece in pieces:
        if piece[3:4] == mark and piece[:3].isalnum() and piece[:3].isupper():
            lines.append(piece)
            continue
        bare = piece.strip()
        if not bare:
            continue
        name = bare[:3]
        if len(name) == 3 and name.isalnum() and name.isupper() and (bare[3:4] in ("", mark)):
            lines.append(bare)
        else:
            lines[-1] += "\n" + piece
            continued.setdefault(lines[-1][:3])
    text = "a line that starts no segment was joined to this one"
    issues.extend(_warning("hl7v2.line-continued", name, text) for name in continued)
    return [Segment(line, delimiters, codec) for line in lines]


def _part(raw: str, mark: str, index: int) -> str:
    if not mark or mark not in raw:
        return "" if index else raw
    parts = raw.split(mark, index + 1)
    return parts[index] if index < len(parts) else ""


def _line_end(raw: bytes) -> int:
    ends = [end for end in (raw.find(b"\r"), raw.find(b"\n")) if end >= 0]
    return min(ends) if ends else len(raw)


def _warning(code: str, place: str, message: str) -> Issue:
    return Issue(code, "warning", place, message)


def _refuse(issues: list[Issue], code: str, place: str, message: str) -> tuple[None, list[Issue]]:
    remedy = "send one complete HL7 v2 message that starts with MSH"
    issues.append(Issue(code, "fatal", place, message, remedy))
    return None, issues
