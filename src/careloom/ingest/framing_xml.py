"""XML to records: a clinical document is one; a FHIR Bundle is cut into the exact bytes of its entries.

A Bundle in UTF-8 or another encoding that extends ASCII is cut; any other document is one record.
"""

import re
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from careloom.ingest.detect import Detection
from careloom.ingest.framing_limits import FrameLimits, Frames, damage_of, refused_pieces, too_long
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record

FHIR = "http://hl7.org/fhir"
ROOT_OPTION = "xml_root"
_ROOT = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?(?:\s|<!--.*?-->|<\?.*?\?>)*(<[A-Za-z][\w:.-]*[^<>]*>)", re.DOTALL)
_DECLARED = re.compile(rb"<\?xml[^>]*\?>")
_MAX_ROOT_BYTES = 4096


def frame_document(source: Source, detection: Detection, limits: FrameLimits, issues: list[Issue]) -> Frames:
    """One record that is the whole file; one beyond the limit is refused in pieces."""
    del issues
    context = FileContext(detection.format, options=detection.details)
    held = bytearray()
    for piece in source.chunks():
        held += piece
        if len(held) > limits.max_record_bytes:
            source.unread(bytes(held))
            return (yield from refused_pieces(source.chunks(), context, limits, problem=too_long(limits)))
    yield Record(0, bytes(held), "file", context, damage_of(source))
    return 1


def frame_fhir_xml(source: Source, detection: Detection, limits: FrameLimits, issues: list[Issue]) -> Frames:
    """The records of a FHIR XML file: the envelope and the entries of a Bundle, else the file."""
    del issues
    context = FileContext(detection.format, options=detection.details)
    held = bytearray()
    for piece in source.chunks():
        held += piece
        if len(held) > limits.max_document_bytes:
            source.unread(bytes(held))
            return (yield from refused_pieces(source.chunks(), context, limits, problem=too_long(limits)))
    data, damage = bytes(held), damage_of(source)
    found = _entries(data) if damage is None else None
    if found is not None and found.spans:
        return (yield from _bundle(data, context, limits, found))
    if damage is None and len(data) > limits.max_record_bytes:
        return (yield from refused_pieces(iter((data,)), context, limits, problem=too_long(limits)))
    yield Record(0, data, "file", context, damage)
    return 1


@dataclass(slots=True)
class _Bundle:
    """Where the entries of a Bundle stand, and what they are called."""

    kind: str = ""
    spans: list[tuple[int, int]] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)


def _bundle(data: bytes, context: FileContext, limits: FrameLimits, found: _Bundle) -> Frames:
    root = _ROOT.match(data.removeprefix(b"\xef\xbb\xbf"))
    declared = _DECLARED.search(data, 0, 200)
    if root is None or len(root[1]) > _MAX_ROOT_BYTES or root[1].endswith(b"/>"):
        yield Record(0, data, "file", context)
        return 1
    start = ((declared[0] if declared is not None else b"") + root[1]).decode("utf-8", "replace")
    options = {**(context.options or {}), "resource_type": "Bundle", "bundle_type": found.kind}
    shared = replace(context, targets=found.targets, options={**options, ROOT_OPTION: start})
    ends = [0, *(end for _, end in found.spans)]
    starts = [*(begin for begin, _ in found.spans), len(data)]
    outside = b"".join(
        piece for begin, end in zip(ends, starts, strict=True) if (piece := data[begin:end]) and not piece.isspace()
    )
    yield Record(0, outside, "Bundle", replace(context, options={**options, "part": "envelope"}))
    count = len(found.spans)
    for index in reversed(range(count)) if found.kind == "history" else range(count):
        raw = data[slice(*found.spans[index])]
        problem = too_long(limits) if len(raw) > limits.max_record_bytes else None
        yield Record(1 + index, raw, f"entry[{index}]", shared, problem)
    return 1 + count


def _entries(data: bytes) -> _Bundle | None:
    """The entries of a Bundle; None for anything else, and for what only the reader can judge."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        return None
    walk = _Walk(data)
    try:
        walk.parser.Parse(data, True)
    except (expat.ExpatError, _StopError, ValueError, LookupError):
        return None
    return walk.found


class _StopError(Exception):
    """Ends a parse early: the document is no Bundle that can be cut."""


class _Walk:
    """One pass over a Bundle: offsets of its entries, their fullUrl, type and id."""

    def __init__(self, data: bytes) -> None:
        self.found = _Bundle()
        self._data = data
        self._depth = 0
        self._begin = 0
        self._entry: dict[str, str] = {}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._open
        self.parser.EndElementHandler = self._close
        self.parser.StartDoctypeDeclHandler = self._stop

    def _stop(self, *_: object) -> None:
        raise _StopError

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > 5:
            return
        space, _, name = tag.rpartition(" ")
        if self._depth == 1 and (space, name) != (FHIR, "Bundle"):
            raise _StopError
        if self._depth == 2 and name == "entry":
            self._begin, self._entry = self.parser.CurrentByteIndex, {"in": "yes"}
        elif self._depth == 2 and name == "type":
            self.found.kind = attributes.get("value", "")
        elif self._depth == 3 and name == "fullUrl" and self._entry:
            self._entry["url"] = attributes.get("value", "")
        elif self._depth == 4 and self._entry:
            self._entry["type"] = name
        elif self._depth == 5 and name == "id" and self._entry:
            self._entry.setdefault("id", attributes.get("value", ""))

    def _close(self, tag: str) -> None:
        self._depth -= 1
        if self._depth != 1 or tag != f"{FHIR} entry":
            return
        end = self._data.find(b">", self.parser.CurrentByteIndex) + 1
        self.found.spans.append((self._begin, end))
        entry, self._entry = self._entry, {}
        url, kind = entry.get("url", ""), entry.get("type", "")
        if url and kind:
            self.found.targets[url] = f"{kind}/{entry.get('id') or url}"
