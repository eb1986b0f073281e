"""Lines of a file, whole and in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines without their newline (a carriage return stays).

    text  bytes that hold all these lines and maybe the beginning of the next: to look once for what none of them has
    """

    lines: list[bytes]
    text: bytes


@dataclass(frozen=True, slots=True)
class Long:
    """A piece of a line that is too long to be held.

    first, last  whether the line begins, or ends, with this piece
    """

    piece: bytes
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Tail:
    """What stands after the last newline of a file; never empty."""

    line: bytes


def blocks_of(chunks: Iterator[bytes], limit: int) -> Iterator[Block | Long | Tail]:
    """Whole lines in blocks, pieces of over-long lines, and the tail.

    limit  bytes of the longest line that is given whole; a `Long` piece is no longer than this
    """
    held: list[bytes] = []
    size, is_long = 0, False
    for chunk in chunks:
        first_end = chunk.find(b"\n")
        if first_end < 0:
            held.append(chunk)
            size += len(chunk)
            while size > limit:
                data = b"".join(held)
                yield Long(data[:limit], first=not is_long, last=False)
                held, size, is_long = [data[limit:]], size - limit, True
            continue
        data = b"".join([*held, chunk]) if held else chunk
        if is_long or size + first_end > limit:
            end = size + first_end
            yield from _pieces(data[:end], limit, first=not is_long)
            data, is_long = data[end + 1 :], False
        lines = data.split(b"\n")
        held = [lines.pop()]
        size = len(held[0])
        if len(chunk) > limit:
            yield from _sorted_out(lines, limit)
        elif lines:
            yield Block(lines, data)
    tail = b"".join(held)
    if is_long or len(tail) > limit:
        yield from _pieces(tail, limit, first=not is_long)
    elif tail:
        yield Tail(tail)


def _pieces(data: bytes, limit: int, *, first: bool) -> Iterator[Long]:
    for start in range(0, max(len(data), 1), limit):
        yield Long(data[start : start + limit], first=first and start == 0, last=start + limit >= len(data))


def _sorted_out(lines: list[bytes], limit: int) -> Iterator[Block | Long]:
    for line in lines:
        if len(line) > limit:
            yield from _pieces(line, limit, first=True)
        else:
            yield Block([line], line)
