"""One stream of bytes on its way in: read forward once, with what went wrong on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from careloom.issues import Issue

CHUNK_BYTES = 1 << 20
"""How much is read and handed on at a time."""


@dataclass(frozen=True, slots=True)
class Damage:
    """The end of what a container could give: why, and the container's own bytes that nobody could unpack.

    rest  the packed bytes from the damage to the end, in pieces; quarantined so that nothing is lost
    """

    issue: Issue
    rest: Iterator[bytes]


class Source:
    """The bytes of one file or archive member, forward only, in bounded memory.

    damage       None until the end was reached too early; then why, and what was left packed
    is_reported  True once a record carries the reason of the damage
    """

    def __init__(self, pieces: Iterator[bytes | Damage]) -> None:
        self._pieces = pieces
        self._ahead = b""
        self.damage: Damage | None = None
        self.is_reported = False

    def _next(self) -> bytes:
        for piece in self._pieces:
            if isinstance(piece, Damage):
                self.damage = piece
                self._pieces = iter(())
                return b""
            if piece:
                return piece
        return b""

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end; they stay to be read."""
        while len(self._ahead) < size:
            piece = self._next()
            if not piece:
                break
            self._ahead += piece
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty only at the end."""
        ahead = self._ahead or self._next()
        if len(ahead) > CHUNK_BYTES:
            self.unread(ahead)
            ahead = self._next()
        self._ahead = ahead[size:]
        return ahead[:size]

    def chunks(self) -> Iterator[bytes]:
        """All that is left, in pieces as they come."""
        while piece := self.read(CHUNK_BYTES):
            yield piece

    def unread(self, piece: bytes) -> None:
        """Put bytes back in front of what is still to be read."""
        piece += self._ahead if piece is not self._ahead else b""
        self._ahead = b""
        self._pieces = chain(cut(piece), self._pieces)


def cut(data: bytes) -> Iterator[bytes]:
    """The same bytes in pieces of at most `CHUNK_BYTES`."""
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


def of_bytes(*pieces: bytes) -> Source:
    """A source over bytes in memory, handed on in these pieces."""
    return Source(iter(pieces))
