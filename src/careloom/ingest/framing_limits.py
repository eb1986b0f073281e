"""How large a record may be, and what becomes of bytes that are no record."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from careloom.ingest.detect import Problem
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record

Frames = Generator[Record, None, int]
"""Yields records; returns the position after the last one."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What a framer holds in memory at most.

    max_record_bytes    a longer line, row, message or note is refused, in pieces of this size
    max_document_bytes  a longer JSON document that is not NDJSON is refused, in pieces of `max_record_bytes`
    max_group_rows      rows of one patient that travel together
    max_quoted_bytes    a quoted cell that runs on for longer was never closed
    """

    max_record_bytes: int = 64 << 20
    max_document_bytes: int = 256 << 20
    max_group_rows: int = 256
    max_quoted_bytes: int = 8 << 20


DEFAULT_LIMITS = FrameLimits()


def as_problem(issue: Issue) -> Problem:
    """An issue in the form that a record carries."""
    return issue.code, issue.message, issue.remedy


def damage_of(source: Source) -> Problem | None:
    """The problem of the last record of a source that broke off; None where it did not."""
    if source.damage is None:
        return None
    source.is_reported = True
    return as_problem(source.damage.issue)


def too_long(limits: FrameLimits) -> Problem:
    """The problem of a record beyond the limit."""
    return (
        "ingest.record-too-long",
        f"the record is longer than {limits.max_record_bytes} bytes",
        "split it at the source, or raise the limit on record bytes",
    )


CONTINUED: Problem = (
    "ingest.record-continued",
    "these bytes go on with the refused record before them",
    "mend what that record was refused for, and send the file again",
)
NUL: Problem = ("ingest.nul-bytes", "the record holds NUL bytes", "write the export again as text without NUL bytes")


def refused_pieces(
    pieces: Iterable[bytes],
    context: FileContext,
    limits: FrameLimits,
    *,
    problem: Problem,
    position: int = 0,
    place: str = "file",
) -> Frames:
    """All these bytes as refused records of bounded size: the first says why, the others that they go on with it.

    At least one record comes out, so that the reason is never lost.
    """
    held, size, part = bytearray(), limits.max_record_bytes, 0
    for piece in pieces:
        held += piece
        while len(held) > size:
            part += 1
            yield Record(
                position, bytes(held[:size]), f"{place} part {part}", context, CONTINUED if part > 1 else problem
            )
            del held[:size]
            position += 1
    if held or not part:
        where = f"{place} part {part + 1}" if part else place
        yield Record(position, bytes(held), where, context, CONTINUED if part else problem)
        position += 1
    return position
