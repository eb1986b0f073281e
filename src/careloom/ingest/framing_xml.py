"""A clinical document: the file is the record."""

from careloom.ingest.detect import Detection
from careloom.ingest.framing_limits import FrameLimits, Frames, damage_of, refused_pieces, too_long
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record


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
