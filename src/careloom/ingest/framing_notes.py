"""A note, plain text or a document: the file is the record."""

from careloom.ingest.detect import Detection
from careloom.ingest.framing_limits import NUL, FrameLimits, Frames, damage_of, refused_pieces, too_long
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record


def frame_note(source: Source, detection: Detection, limits: FrameLimits, issues: list[Issue]) -> Frames:
    """One record that is the whole file; its encoding stands in ``options``."""
    del issues
    context = FileContext("notes", options=detection.details)
    held = bytearray()
    chunks = source.chunks()
    for piece in chunks:
        held += piece
        if len(held) > limits.max_record_bytes:
            source.unread(bytes(held))
            return (yield from refused_pieces(source.chunks(), context, limits, problem=too_long(limits)))
    raw, problem = bytes(held), damage_of(source)
    is_binary = "document" in detection.details
    if (
        problem is None
        and not is_binary
        and b"\x00" in raw
        and not detection.details.get("encoding", "").startswith("utf-16")
    ):
        problem = NUL
    yield Record(0, raw, "file", context, problem)
    return 1
