"""HL7 v2 files to messages: single messages, batches, MLLP frames, in bounded memory."""

import re
from collections.abc import Iterator
from itertools import pairwise

from careloom.hl7v2.batch import split
from careloom.ingest.detect import Detection, Problem
from careloom.ingest.framing_limits import NUL, FrameLimits, Frames, damage_of, refused_pieces, too_long
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record

_MESSAGE = re.compile(rb"[\r\n\x0b\x1c][ \t]*MSH[^0-9A-Za-z\r\n]")
_BLOCK_BYTES = 4 << 20
_ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")
_LINE_ENDS = (b"\r", b"\n", b"\x0b", b"\x1c")
_EDGE = b" \t\r\n\x0b\x0c\x1c\x00"
_MARGIN = 64


def frame_hl7v2(source: Source, detection: Detection, limits: FrameLimits, issues: list[Issue]) -> Frames:
    """A record per message; header and trailer segments of files and batches are separators."""
    context = FileContext("hl7v2", options=detection.details)
    position = 0
    blocks = _blocks(source, limits)
    held: tuple[bytes, bool] | None = next(blocks, None)
    only = True
    while held is not None:
        block, whole = held
        held = next(blocks, None)
        only = only and held is None
        if not whole:
            pieces = [block]
            while held is not None and not held[1]:
                pieces.append(held[0])
                held = next(blocks, None)
            place = f"message {position + 1}"
            position = yield from refused_pieces(
                pieces, context, limits, problem=too_long(limits), position=position, place=place
            )
            continue
        messages = _messages(block, issues if only else None)
        for index, raw in enumerate(messages):
            problem: Problem | None = NUL if b"\x00" in raw else None
            if source.damage is not None and held is None and index == len(messages) - 1:
                problem = damage_of(source)
            yield Record(position, raw, f"message {position + 1}", context, problem)
            position += 1
    if position == 0 and source.damage is None:
        problem = ("ingest.hl7v2-no-message", "the file holds an envelope and no message", "check the export")
        yield Record(0, b"", "file", context, problem)
        return 1
    return position


def _blocks(source: Source, limits: FrameLimits) -> Iterator[tuple[bytes, bool]]:
    """Stretches that end where a message ends, then (True); or pieces of one message that is too long (False)."""
    held = bytearray()
    is_long = False
    for chunk in source.chunks():
        held += chunk
        if len(held) < min(_BLOCK_BYTES, limits.max_record_bytes) and not is_long:
            continue
        end = _last_message(held) if not is_long else _first_message(held)
        if end:
            yield bytes(held[:end]), not is_long
            del held[:end]
            is_long = False
        elif len(held) > limits.max_record_bytes:
            is_long = True
            keep = len(held) - 8
            yield bytes(held[:keep]), False
            del held[:keep]
    if held:
        yield bytes(held), not is_long


def _messages(block: bytes, issues: list[Issue] | None) -> list[bytes]:
    """The messages of a stretch; the grammar of envelopes is asked only where there is one."""
    if not block.startswith(b"MSH") or any(mark in block for mark in _ENVELOPE):
        return list(split(block, issues))
    places = [0]
    place = 0
    while (place := block.find(b"MSH", place + 1)) > 0:
        line = block[max(place - _MARGIN, 0) : place].rstrip(b" \t")
        if line.endswith(_LINE_ENDS) and not block[place + 3 : place + 4].isalnum():
            places.append(place)
    places.append(len(block))
    return [block[start:end].strip(_EDGE) for start, end in pairwise(places)]


def _last_message(held: bytearray) -> int:
    """Where the last message begins; 0 when it is the only one."""
    place = len(held)
    while (place := held.rfind(b"MSH", 1, place)) > 0:
        line = max(held.rfind(end, 0, place) for end in (b"\r", b"\n", b"\x0b", b"\x1c"))
        if line >= 0 and _MESSAGE.match(held, line) is not None:
            return place
    return 0


def _first_message(held: bytearray) -> int:
    found = _MESSAGE.search(held)
    return found.end() - 4 if found else 0
