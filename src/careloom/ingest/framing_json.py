"""FHIR JSON to records: one document, a Bundle, a list, or NDJSON."""

from collections.abc import Iterator
from itertools import chain, repeat

import msgspec

from careloom.ingest.detect import Detection, Problem
from careloom.ingest.framing_bundle import frame_array, frame_bundle
from careloom.ingest.framing_limits import (
    CONTINUED,
    NUL,
    FrameLimits,
    Frames,
    damage_of,
    refused_pieces,
    too_long,
)
from careloom.ingest.framing_lines import Block, Long, blocks_of
from careloom.ingest.source import Source, cut
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record

BOM = b"\xef\xbb\xbf"
_LINES_AHEAD = 20
_USUAL = b'{"resourceType":"'


def frame_json(source: Source, detection: Detection, limits: FrameLimits, issues: list[Issue]) -> Frames:
    """The records of a JSON file; whether it is NDJSON shows in its lines."""
    del issues
    context = FileContext("fhir", options=detection.details)
    if source.peek(len(BOM)) == BOM:
        source.read(len(BOM))
    if _has_resource_lines(source.peek(1 << 16)):
        return (yield from _frame_lines(source.chunks(), context, limits, source))
    held, chunks = bytearray(), source.chunks()
    has_line = False
    for piece in chunks:
        held += piece
        if not has_line and b"\n" in piece:
            has_line = True
            if _is_resource(bytes(held[: held.find(b"\n")])):
                return (yield from _frame_lines(chain(cut(bytes(held)), chunks), context, limits, source))
        if len(held) > limits.max_document_bytes:
            break
    else:
        data = bytes(held)
        held.clear()
        return (yield from _frame_document(data, context, limits, source))
    pieces = chain(cut(bytes(held)), chunks)
    if not has_line:
        return (yield from _frame_lines(pieces, context, limits, source))
    problem = (
        "ingest.document-too-large",
        f"the JSON document is longer than {limits.max_document_bytes} bytes",
        "send it as NDJSON, one resource a line, or raise the limit on document bytes",
    )
    return (yield from refused_pieces(pieces, context, limits, problem=problem))


def _has_resource_lines(head: bytes) -> bool:
    """True when one of the first lines is a whole resource, or the first two are whole objects, and more follows."""
    lines = [line for line in head.split(b"\n")[:_LINES_AHEAD] if line.strip()]
    whole = lines[:-1]
    return any(map(_is_resource, whole)) or (len(whole) > 1 and all(map(_is_object, whole[:2])))


def _is_resource(line: bytes) -> bool:
    return b'"resourceType"' in line and _is_object(line)


def _is_object(line: bytes) -> bool:
    if line.strip()[:1] != b"{":
        return False
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _frame_document(data: bytes, context: FileContext, limits: FrameLimits, source: Source) -> Frames:
    """One JSON document: a Bundle, a list of resources, or one resource."""
    problem = damage_of(source)
    if problem is None:
        position = yield from frame_bundle(data, context, limits, place="", position=0)
        if position:
            return position
        position = yield from frame_array(data, context, limits)
        if position:
            return position
        problem = _why_broken(data)
    raw = data.strip()
    if len(raw) > limits.max_record_bytes:
        return (yield from refused_pieces(cut(raw), context, limits, problem=problem or too_long(limits)))
    yield Record(0, raw, "document", context, problem)
    return 1


def _why_broken(data: bytes) -> Problem | None:
    """What keeps `data` from being one JSON document; None when nothing does."""
    if b"\x00" in data:
        return NUL
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except RecursionError:
        return "ingest.json-too-deep", "the JSON is nested too deep to be a resource", "check what wrote the file"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "ingest.json-broken", "the JSON breaks off or is not well formed", "send the file again, whole"
    return None


def _frame_lines(chunks: Iterator[bytes], context: FileContext, limits: FrameLimits, source: Source) -> Frames:
    """NDJSON: a record per line that is not blank; a Bundle in a line gives its entries."""
    position = number = 0
    for block in blocks_of(chunks, limits.max_record_bytes):
        if isinstance(block, Block):
            if _is_plain(block):
                for line in block.lines:
                    number += 1
                    yield Record(position, line, f"line {number}", context)
                    position += 1
                continue
            for line in block.lines:
                number += 1
                position = yield from _frame_line(line, number, position, context, limits)
        elif isinstance(block, Long):
            number += block.first
            problem = too_long(limits) if block.first else CONTINUED
            yield Record(position, block.piece, f"line {number}", context, problem)
            position += 1
        elif (damage := damage_of(source)) is None:
            position = yield from _frame_line(block.line, number + 1, position, context, limits)
        else:
            yield Record(position, block.line, f"line {number + 1}", context, damage)
            position += 1
    return position


def _is_plain(block: Block) -> bool:
    """True when every line is a record as it stands: none blank, none a Bundle, no carriage return, no NUL."""
    text, lines = block.text, block.lines
    if b"\r" in text or b"\x00" in text or b"" in lines or any(map(bytes.isspace, lines)):
        return False
    if all(map(bytes.startswith, lines, repeat(_USUAL))):
        return not any(map(bytes.startswith, lines, repeat(_USUAL + b"Bundle")))
    return b'"Bundle"' not in text


def _frame_line(line: bytes, number: int, position: int, context: FileContext, limits: FrameLimits) -> Frames:
    raw = line[:-1] if line.endswith(b"\r") else line
    if not raw or raw.isspace():
        return position
    if b'"Bundle"' in raw:
        after = yield from frame_bundle(raw, context, limits, place=f"line {number} ", position=position)
        if after > position:
            return after
    yield Record(position, raw, f"line {number}", context, NUL if b"\x00" in raw else None)
    return position + 1
