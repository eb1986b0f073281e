"""Deflate streams, piece by piece and within limits: gzip in any number of members, and what lies in a zip."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from careloom.ingest.source import CHUNK_BYTES, Damage, Source
from careloom.issues import Issue

GZIP_MAGIC = b"\x1f\x8b"
_PACKED_BYTES = 1 << 16
_GZIP = 31
_RAW = -15


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """How far an archive may unfold.

    max_ratio           unpacked bytes per packed byte of one stream; deflate reaches 1032, records stay below 60
    free_bytes          a stream may unpack to this much whatever its ratio
    max_total_bytes     unpacked bytes of one arriving file, all members together
    max_members         members of one arriving file
    max_depth           archives inside archives: 2 reads a gzip inside a zip, not a zip inside that
    max_buffered_bytes  an archive that cannot be read in place (nested, or from a pipe) is held in memory up to this
    """

    max_ratio: int = 200
    free_bytes: int = 64 << 20
    max_total_bytes: int = 1 << 40
    max_members: int = 100_000
    max_depth: int = 2
    max_buffered_bytes: int = 256 << 20


@dataclass(slots=True)
class Budget:
    """What one arriving file has unfolded to so far.

    unpacked  bytes of all its members
    members   how many there were
    """

    limits: ContainerLimits
    unpacked: int = 0
    members: int = 0

    def spend(self, size: int, *, unpacked: int, packed: int) -> Issue | None:
        """The bomb issue once a limit is passed; `unpacked`, `packed`: totals of the stream that grew by `size`."""
        self.unpacked += size
        limits = self.limits
        if unpacked > limits.free_bytes and unpacked > packed * limits.max_ratio:
            return container_issue(
                "archive-bomb",
                f"the archive unfolds to more than {limits.max_ratio} times its size",
                "check where the file comes from; if it is sound, raise the ratio limit or send it unpacked",
            )
        if self.unpacked > limits.max_total_bytes:
            return container_issue(
                "archive-bomb",
                f"the archive unfolds to more than {limits.max_total_bytes} bytes",
                "split the archive or raise the limit on unpacked bytes",
            )
        return None


def container_issue(code: str, message: str, remedy: str) -> Issue:
    """What is wrong with one arriving file: an error, about the file as a whole."""
    return Issue(f"ingest.{code}", "error", "file", message, remedy)


def gunzip(source: Source, budget: Budget) -> Iterator[bytes | Damage]:
    """The unpacked bytes of all gzip members in a row; zero padding after the last one is ignored."""
    pending, stream = b"", Inflation(_GZIP)
    while True:
        stream = Inflation(_GZIP, packed=stream.packed, unpacked=stream.unpacked, pending=pending)
        yield from stream.run(source, budget)
        if not stream.whole:
            return
        pending = stream.pending.lstrip(b"\0")
        while len(pending) < len(GZIP_MAGIC) and (more := source.read(_PACKED_BYTES)):
            pending = (pending + more).lstrip(b"\0")
        if not pending:
            if source.damage:
                yield source.damage
            return
        if not pending.startswith(GZIP_MAGIC):
            foreign = container_issue(
                "gzip-trailing-bytes",
                "bytes that are not gzip follow the end of the compressed data",
                "what stands before them was read; check how the file was put together and send the rest again",
            )
            yield Damage(foreign, chain([pending], source.chunks()))
            return


def unzip(source: Source, budget: Budget, *, crc: int | None) -> Iterator[bytes | Damage]:
    """The unpacked bytes of one deflated zip member; what follows it stays unread in `source`.

    crc  CRC-32 that the unpacked bytes must have; None where the zip does not say
    """
    stream = Inflation(_RAW)
    yield from stream.run(source, budget)
    if stream.whole:
        source.unread(stream.pending)
        if crc is not None and stream.crc != crc:
            yield Damage(_checksum("zip"), iter(()))


def stored(source: Source, budget: Budget, *, crc: int, size: int) -> Iterator[bytes | Damage]:
    """The bytes of one zip member that is stored as it is."""
    seen = found = 0
    for piece in source.chunks():
        seen += len(piece)
        over = budget.spend(len(piece), unpacked=seen, packed=seen)
        if over:
            yield Damage(over, chain([piece], source.chunks()))
            return
        found = zlib.crc32(piece, found)
        yield piece
    if seen < size:
        yield source.damage or Damage(truncated("zip"), iter(()))
    elif found != crc:
        yield Damage(_checksum("zip"), iter(()))


@dataclass(slots=True)
class Inflation:
    """One deflate stream while it is unpacked.

    wbits     31 for gzip (zlib checks length and CRC-32 itself), -15 for the raw stream in a zip
    packed    bytes taken so far, `unpacked` bytes given so far
    pending   packed bytes read but not taken; afterwards those that follow the end of the stream
    whole     True once the end of the stream was reached
    crc       CRC-32 of what was unpacked (raw streams only)
    """

    wbits: int
    packed: int = 0
    unpacked: int = 0
    pending: bytes = b""
    whole: bool = False
    crc: int = 0

    def run(self, source: Source, budget: Budget) -> Iterator[bytes | Damage]:
        """The unpacked bytes; ends with the damage if the stream cannot be read to its end."""
        inflater, pending = zlib.decompressobj(self.wbits), self.pending
        kind = "gzip" if self.wbits == _GZIP else "zip"
        while not inflater.eof:
            if not pending and not (pending := source.read(_PACKED_BYTES)):
                rest = inflater.flush()
                if rest:
                    yield rest
                yield source.damage or Damage(truncated(kind), iter(()))
                return
            before, broken = inflater.copy(), None
            try:
                piece = inflater.decompress(pending, CHUNK_BYTES)
                left = inflater.unconsumed_tail or inflater.unused_data
            except zlib.error as error:
                piece, left = _up_to_damage(before, pending)
                broken = _broken(kind, str(error))
            self.packed += len(pending) - len(left)
            self.unpacked += len(piece)
            pending = left
            over = budget.spend(len(piece), unpacked=self.unpacked, packed=self.packed)
            if piece:
                if self.wbits == _RAW:
                    self.crc = zlib.crc32(piece, self.crc)
                yield piece
            if over or broken:
                yield Damage(over or broken or truncated(kind), chain([pending], source.chunks()))
                return
        self.pending, self.whole = pending, True


def _up_to_damage(inflater: "zlib._Decompress", packed: bytes) -> tuple[bytes, bytes]:
    """What can still be unpacked of a broken stretch, and the packed bytes from the break on."""
    pieces = []
    for place in range(len(packed)):
        try:
            pieces.append(inflater.decompress(packed[place : place + 1]))
        except zlib.error:
            return b"".join(pieces), packed[place:]
    return b"".join(pieces), b""


def truncated(kind: str) -> Issue:
    """The issue of a gzip or zip that stops before its end."""
    message = "the compressed data stops before its end"
    remedy = "the records before the cut were read; send the file again, it was cut off on the way"
    if kind == "zip":
        return container_issue("zip-truncated", message, remedy)
    return container_issue("gzip-truncated", message, remedy)


def _checksum(kind: str) -> Issue:
    message = "the checksum of the compressed data does not match what was unpacked"
    remedy = "what was read may hold changed bytes: send the file again and compare"
    if kind == "zip":
        return container_issue("zip-checksum", message, remedy)
    return container_issue("gzip-checksum", message, remedy)


def _broken(kind: str, error: str) -> Issue:
    if "data check" in error or "length check" in error:
        return _checksum(kind)
    message, remedy = "the compressed data is damaged", "the records before the damage were read; send the file again"
    if kind == "zip":
        return container_issue("zip-broken", message, remedy)
    return container_issue("gzip-broken", message, remedy)
