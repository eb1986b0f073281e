"""Delimited files to records: the header, then runs of rows of one patient, as their exact bytes."""

import codecs
from collections.abc import Callable, Iterator

from careloom.ingest.detect import Detection, Problem
from careloom.ingest.framing_limits import CONTINUED, FrameLimits, Frames, damage_of, too_long
from careloom.ingest.framing_lines import Block, Long, Tail, blocks_of
from careloom.ingest.framing_rows import Dialect, Grouper, Restore, RowReader
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import FileContext, Record

_HALF: Problem = (
    "ingest.text-cut-off",
    "the file ends in the middle of a UTF-16 character",
    "send the file again, it was cut off on the way",
)
_SWAP_LINE_ENDS = bytes.maketrans(b"\r\n", b"\n\r")
_BOMS = {"utf-8": b"\xef\xbb\xbf", "cp1252": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


def frame_delimited(source: Source, detection: Detection, limits: FrameLimits, issues: list[Issue]) -> Frames:
    """The header (position 0), then consecutive rows with the same patient, at most `max_group_rows` together.

    Rows that name no patient stand alone. A row may hold line breaks inside quotes; a quote that is never closed
    refuses the row it stands in, and reading goes on with the next line where that looks like a row.
    """
    del issues
    encoding = detection.details.get("encoding", "utf-8")
    bom = _BOMS.get(encoding, b"")
    if bom and source.peek(len(bom)) == bom:
        source.read(len(bom))
    half: list[bytes] = []
    chunks, restore = _readable(source, encoding, half)
    match = detection.match
    context = FileContext("csv", match.mapping if match else "", detection.header, options=detection.details)
    dialect = Dialect(
        detection.details.get("delimiter", ","),
        detection.details.get("quote", '"'),
        len(detection.header),
        match.patient if match else None,
    )
    grouper = Grouper(context, limits, restore)
    reader = RowReader(dialect, grouper, limits)
    for block in blocks_of(chunks, limits.max_record_bytes):
        if isinstance(block, Block):
            yield from reader.take(block)
        elif isinstance(block, Long):
            yield from reader.close()
            reader.number += block.first
            yield grouper.refuse(block.piece, reader.number, too_long(limits) if block.first else CONTINUED)
        else:
            yield from _take_tail(block, reader, grouper, source)
    yield from reader.close()
    if half:
        yield Record(grouper.position, half[0], f"line {reader.number + 1}", context, _HALF)
        return grouper.position + 1
    return grouper.position


def _take_tail(tail: Tail, reader: RowReader, grouper: Grouper, source: Source) -> Frames:
    problem = damage_of(source)
    if problem is None:
        yield from reader.take(Block([tail.line], tail.line))
    else:
        yield from reader.close()
        yield grouper.refuse(tail.line, reader.number + 1, problem)
    return grouper.position


def _readable(source: Source, encoding: str, half: list[bytes]) -> tuple[Iterator[bytes], Restore]:
    """The file with line feeds between rows in an encoding that keeps ASCII, and the way back to its exact bytes.

    half  gets the last byte of a UTF-16 file that ends inside a character
    """
    if encoding.startswith("utf-16"):
        return _narrow(source, encoding, half), lambda raw: raw.decode("utf-8", "surrogatepass").encode(
            encoding, "surrogatepass"
        )
    head = source.peek(1 << 16)
    if b"\r" in head and b"\n" not in head:
        swap: Callable[[bytes], bytes] = lambda raw: raw.translate(_SWAP_LINE_ENDS)  # noqa: E731
        return map(swap, source.chunks()), swap
    return source.chunks(), bytes


def _narrow(source: Source, encoding: str, half: list[bytes]) -> Iterator[bytes]:
    """UTF-16 as UTF-8; lone surrogates pass both ways, so that the way back gives the same bytes."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for chunk in source.chunks():
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    held = decoder.getstate()[0]
    whole = len(held) & ~1
    if whole:
        yield held[:whole].decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
    if held[whole:]:
        half.append(held[whole:])
