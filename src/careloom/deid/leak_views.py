"""What bytes say, however they are packed and written: views of them for `careloom.deid.leak_search`.

Nothing is passed over in silence: `Unpacking.is_cut` tells that something packed was not read to its end.
"""

import base64
import binascii
import gzip
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol, cast

import zstandard

from careloom.deid.canaries import unescaped

BETWEEN = b"\x01"
"""What stands between two values: no text holds it, so nothing is found across it."""
DEPTH = 3  # base64 in gzip in base64
MOST_UNPACKED_BYTES = 1 << 28
SLICE_BYTES = 1 << 22
OVERLAP_BYTES = 1 << 12
_READ_BYTES = 1 << 20
_STEP_BYTES = 1 << 12
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_NOT_READ = re.compile(rb"BZh[1-9]1AY&SY|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07")
_BROKEN = (OSError, EOFError, RuntimeError, ValueError, zlib.error, zstandard.ZstdError, zipfile.BadZipFile)
"""What the readers raise; RuntimeError is that of a password, and of a kind of zip that is not read."""
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")
_NO_CAPITALS = bytes(code for code in range(256) if not 65 <= code <= 90)
_LETTERS_A_CAPITAL = 12  # base64 of text, or of compressed bytes, has far more capitals than one in twelve letters
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_HEX_OF_ASCII, _WIDE_LETTER = rb"[2-7][0-9A-Fa-f]", rb"\xef[\xbc\xbd][\x80-\xbf]"
# Their starts are written out, so that `re` skips to them: three and seventy times as fast as ``(?:...){6,}``.
_HEX = re.compile(_HEX_OF_ASCII * 6 + b"(?:" + _HEX_OF_ASCII + b")*")  # a digest has hardly ever six in a row
_WIDE = re.compile(_WIDE_LETTER + b"(?:" + _WIDE_LETTER + b"){2,}")
_TAGGED = re.compile(rb"</[A-Za-z][A-Za-z0-9]{0,10}>|<w?br ?/?>")
_WITHIN_WORDS = re.compile(
    rb"</?(?:a|b|i|u|s|em|strong|span|font|mark|small|su[bp]|wbr)(?:\s[^<>]{0,200})?/?>", re.IGNORECASE
)
_TAG = re.compile(rb"</?[A-Za-z][^<>]{0,200}>")


@dataclass(slots=True)
class Unpacking:
    """How much may still be unpacked of one file or value, of all that is packed in it together.

    is_cut  something was not read to its end: too large, packed too deep, broken, behind a password, of a kind that is
            not read
    """

    left_bytes: int = MOST_UNPACKED_BYTES
    is_cut: bool = False


def views(data: bytes, unpacking: Unpacking, depth: int = DEPTH) -> Iterator[bytes]:
    """The bytes in slices, and what they say: without escapes and tags, unpacked, from base64 and from hex."""
    for piece in slices(data):
        yield piece
        told = _narrowed(unescaped(piece))
        if told is not piece:
            yield told
        if _TAGGED.search(told):
            yield _TAG.sub(b", ", _WITHIN_WORDS.sub(b"", told))
        if spelt := _of_hex(piece):
            yield spelt
        if depth > 1 and (found := decoded(piece)):
            yield from views(BETWEEN + BETWEEN.join(found), unpacking, depth - 1)
            for one in found:
                for inner in unpacked(one, unpacking):
                    yield from views(inner, unpacking, depth - 1)
    if depth > 1:
        for inner in unpacked(data, unpacking):
            yield from views(inner, unpacking, depth - 1)
    elif data.startswith((_GZIP, _ZSTD, _ZIP)):
        unpacking.is_cut = True


def slices(data: bytes) -> Iterator[bytes]:
    """Long bytes in slices that overlap."""
    if len(data) <= SLICE_BYTES + OVERLAP_BYTES:
        yield data
        return
    for at in range(0, len(data), SLICE_BYTES):
        yield data[max(0, at - OVERLAP_BYTES) : at + SLICE_BYTES]


def gathered(values: Iterable[bytes]) -> Iterator[bytes]:
    """Values in pieces that are worth a search, none torn; a packed one alone, for its start tells what it is."""
    waiting: list[bytes] = []
    size = 0
    for value in values:
        if is_packed(value):
            yield value
            continue
        if waiting and size + len(value) >= SLICE_BYTES:
            yield BETWEEN + BETWEEN.join(waiting)
            waiting, size = [], 0
        waiting.append(value)
        size += len(value) + 1
    if waiting:
        yield BETWEEN + BETWEEN.join(waiting)


def is_packed(start: bytes) -> bool:
    """True where bytes start as packed ones do."""
    return start.startswith((_GZIP, _ZSTD, _ZIP, *_ZLIB)) or _NOT_READ.match(start) is not None


def decoded(data: bytes) -> list[bytes]:
    """What runs of base64 say, also over lines, from each of four places, for a run may start within other letters.

    Runs with hardly a capital are names and ids, not base64, and are left.
    """
    joined = data.translate(None, b"\r\n").replace(rb"\r", b"").replace(rb"\n", b"")
    found = []
    for run in _RUN.findall(joined):
        if len(run.translate(None, _NO_CAPITALS)) * _LETTERS_A_CAPITAL < len(run):
            continue
        letters = run.rstrip(b"=").translate(_URL_SAFE)
        for start in range(4):
            some = letters[start:]
            some = some[: len(some) - (len(some) % 4 == 1)]
            try:
                found.append(base64.b64decode(some + b"=" * (-len(some) % 4)))
            except binascii.Error:
                continue
    return found


def _of_hex(data: bytes) -> bytes:
    """What runs of hexadecimal digits say in ASCII, from both places at which a byte may start."""
    runs = _HEX.findall(data)
    return BETWEEN.join(binascii.unhexlify(some) for run in runs for some in (run, run[1:-1]))


def _narrowed(data: bytes) -> bytes:
    """With the full-width letters and digits of East Asian texts as those of ASCII; the same bytes without any."""
    if not _WIDE.search(data):
        return data
    return _WIDE.sub(lambda match: match[0].decode().translate(_NARROW).encode(), data)


_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def unpacked(data: bytes, unpacking: Unpacking) -> Iterator[bytes]:
    """What gzip, zstd, zlib or zip hold, as far as it can and may be read."""
    if data.startswith(_GZIP):
        yield _read(gzip.GzipFile(fileobj=BytesIO(data)), unpacking)
    elif data.startswith(_ZSTD):
        yield _read(zstandard.ZstdDecompressor().stream_reader(BytesIO(data), read_across_frames=True), unpacking)
    elif data.startswith(_ZLIB):
        yield _of_zlib(data, unpacking)
    elif data.startswith(_ZIP):
        yield from _of_zip(data, unpacking)
    elif _NOT_READ.match(data):
        unpacking.is_cut = True


def _of_zlib(data: bytes, unpacking: Unpacking) -> bytes:
    """Broken bytes are no reason to count it: two letters of other bytes look like the start of zlib by chance."""
    reader, found = zlib.decompressobj(), bytearray()
    try:
        for at in range(0, len(data), _STEP_BYTES):
            piece = reader.decompress(data[at : at + _STEP_BYTES], unpacking.left_bytes + 1)
            is_last = reader.eof or len(piece) > unpacking.left_bytes
            found += _taken(piece, unpacking)
            if is_last:
                break
    except zlib.error:
        pass
    return bytes(found)


def _of_zip(data: bytes, unpacking: Unpacking) -> Iterator[bytes]:
    """The names of the members, then one member after another."""
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except _BROKEN:
        unpacking.is_cut = True
        return
    with archive:
        members = archive.infolist()
        yield BETWEEN + BETWEEN.join(one.filename.encode("utf-8", "replace") for one in members)
        for member in members:
            try:
                stream = archive.open(member)
            except _BROKEN:
                unpacking.is_cut = True
                continue
            yield _read(cast(zipfile.ZipExtFile, stream), unpacking)
            if unpacking.left_bytes == 0 and unpacking.is_cut:
                return


class _Stream(Protocol):
    """What unpacks bytes as they are read."""

    def read1(self, size: int, /) -> bytes: ...


def _read(stream: _Stream, unpacking: Unpacking) -> bytes:
    """All that can and may be read."""
    found = bytearray()
    try:
        while piece := stream.read1(min(_READ_BYTES, unpacking.left_bytes + 1)):
            is_last = len(piece) > unpacking.left_bytes
            found += _taken(piece, unpacking)
            if is_last:
                break
    except _BROKEN:
        unpacking.is_cut = True
    return bytes(found)


def _taken(piece: bytes, unpacking: Unpacking) -> bytes:
    """As much of a piece as may be unpacked."""
    unpacking.is_cut |= len(piece) > unpacking.left_bytes
    piece = piece[: unpacking.left_bytes]
    unpacking.left_bytes -= len(piece)
    return piece
