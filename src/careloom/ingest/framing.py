"""Files to records: the exact bytes of every record, in bounded memory, with nothing left over.

Every byte of a file stands in exactly one record or in a separator between records. What cannot be framed is handed on
whole, as records with a `problem`, so that it is landed and quarantined.
"""

from collections.abc import Callable, Generator, Iterator
from itertools import chain

from careloom.ingest.detect import HEAD_BYTES, Detection, Recognise, detect
from careloom.ingest.framing_delimited import frame_delimited
from careloom.ingest.framing_hl7v2 import frame_hl7v2
from careloom.ingest.framing_json import frame_json
from careloom.ingest.framing_limits import CONTINUED, DEFAULT_LIMITS, FrameLimits, Frames, as_problem, refused_pieces
from careloom.ingest.framing_notes import frame_note
from careloom.ingest.framing_xml import frame_document, frame_fhir_xml
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record

_FRAMERS: dict[str, Callable[[Source, Detection, FrameLimits, list[Issue]], Frames]] = {
    "fhir": frame_json,
    "hl7v2": frame_hl7v2,
    "ccda": frame_document,
    "fhir-xml": frame_fhir_xml,
    "csv": frame_delimited,
    "notes": frame_note,
}


def frame(
    source: Source,
    detection: Detection,
    limits: FrameLimits = DEFAULT_LIMITS,
    issues: list[Issue] | None = None,
) -> Iterator[Record]:
    """The records of one file, in order (a history Bundle: oldest first, each with its true position).

    source     at its start; read to its end
    detection  what `careloom.ingest.detect.detect` said about its first bytes
    issues     gets what is wrong with the file around its records (a batch that miscounts): warnings

    Record 0 of a Bundle is its envelope (the Bundle with an empty ``entry``), record n + 1 the object ``entry[n]``.
    Record 0 of a delimited file is its header line, the others are runs of rows of one patient. Records that hold no
    resource of their own say so: ``context.options["part"]`` is ``envelope`` or ``header``.
    """
    if detection.problem is not None:
        position = yield from refused_file(source, detection, limits)
    else:
        framer = _FRAMERS[detection.format]
        position = yield from framer(source, detection, limits, [] if issues is None else issues)
    if source.damage is not None:
        context = FileContext(detection.format)
        first = next(source.damage.rest, b"")
        if first or not source.is_reported:
            problem = CONTINUED if source.is_reported else as_problem(source.damage.issue)
            rest = chain([first], source.damage.rest)
            yield from refused_pieces(rest, context, limits, problem=problem, position=position, place="rest")


def refused_file(source: Source, detection: Detection, limits: FrameLimits) -> Generator[Record, None, int]:
    """All bytes of a file that is refused as a whole."""
    if detection.problem is None:
        raise ValueError("only a detection with a problem refuses a file")
    context = FileContext(detection.format, header=detection.header, options=detection.details)
    return (yield from refused_pieces(source.chunks(), context, limits, problem=detection.problem))


def refused_member(source: Source, issue: Issue, limits: FrameLimits = DEFAULT_LIMITS) -> Iterator[Record]:
    """All bytes of an archive member that is refused as a whole, `careloom.ingest.containers.Member.issue`."""
    yield from frame(source, Detection("unread", problem=as_problem(issue)), limits)


def detect_source(source: Source, recognise: Recognise) -> Detection:
    """What `source` holds; nothing of it is consumed."""
    return detect(source.peek(HEAD_BYTES), recognise)
