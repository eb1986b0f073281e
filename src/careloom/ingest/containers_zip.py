"""What lies in a zip: by its directory, or, where that is lost, by the headers in front of each member."""

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from careloom.ingest.source import CHUNK_BYTES, Source

LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_HEADER = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x1
_SIZES_FOLLOW = 0x8
_UTF8_NAME = 0x800
STORED, DEFLATED = 0, 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a zip, still packed.

    name       as the zip says it: never a path, maybe hostile
    size       packed bytes; None where only the end of the deflate stream tells
    crc        CRC-32 of the unpacked bytes; None where the zip does not say
    packed     its bytes as they lie in the zip
    """

    name: str
    encrypted: bool
    method: int
    size: int | None
    crc: int | None
    packed: Source


def is_unsafe(name: str) -> bool:
    """True for a name that would leave its folder if somebody unpacked it as a path."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or name[:1] in ("/", "\\") or name[1:2] == ":" or any(ord(letter) < 32 for letter in name)


def is_office(names: list[str]) -> bool:
    """True for the zip inside of a word processor, spreadsheet or book file, which is one document."""
    return "[Content_Types].xml" in names or names[:1] == ["mimetype"]


def directory(file: BinaryIO) -> list[zipfile.ZipInfo] | None:
    """The members that the zip's directory lists, folders left out; None where it is lost or points nowhere."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error, OverflowError):
        return None
    for info in infos:
        if info.header_offset < 0:
            return None
        file.seek(info.header_offset)
        if file.read(len(LOCAL)) != LOCAL:
            return None
    return infos


def listed_entries(file: BinaryIO, infos: list[zipfile.ZipInfo]) -> Iterator[Entry]:
    """The members in the order of the directory."""
    for info in infos:
        file.seek(info.header_offset)
        header = file.read(_HEADER.size).ljust(_HEADER.size, b"\0")
        name_bytes, extra_bytes = _HEADER.unpack(header)[9:11]
        start = info.header_offset + _HEADER.size + name_bytes + extra_bytes
        yield Entry(
            name=info.orig_filename,
            encrypted=bool(info.flag_bits & _ENCRYPTED),
            method=info.compress_type,
            size=info.compress_size,
            crc=info.CRC,
            packed=Source(_stretch(file, start, info.compress_size)),
        )


def _stretch(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    end = start + size
    while start < end:
        file.seek(start)
        piece = file.read(min(CHUNK_BYTES, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def walked_entries(source: Source) -> Iterator[Entry]:
    """The members of a zip without directory, as far as their headers lead; what follows stays unread in `source`."""
    while (head := source.peek(_HEADER.size)).startswith(LOCAL) and len(head) == _HEADER.size:
        _, _, flags, method, _, _, crc, size, _, name_bytes, extra_bytes = _HEADER.unpack(head)
        header = source.peek(_HEADER.size + name_bytes + extra_bytes)
        open_ended = bool(flags & _SIZES_FOLLOW) and size == 0
        if open_ended and method != DEFLATED:
            return
        _skip(source, len(header))
        name = header[_HEADER.size : _HEADER.size + name_bytes]
        packed = source if open_ended else Source(_first(source, size))
        yield Entry(
            name=name.decode("utf-8" if flags & _UTF8_NAME else "cp437", "replace"),
            encrypted=bool(flags & _ENCRYPTED),
            method=method,
            size=None if open_ended else size,
            crc=None if open_ended else crc,
            packed=packed,
        )
        if not open_ended:
            for _ in packed.chunks():
                pass
        if flags & _SIZES_FOLLOW:
            _skip_descriptor(source)


def _first(source: Source, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := source.read(min(CHUNK_BYTES, size))):
        size -= len(piece)
        yield piece


def _skip(source: Source, size: int) -> None:
    for _ in _first(source, size):
        pass


def _skip_descriptor(source: Source) -> None:
    """Sizes and CRC behind a member: 12 or 20 bytes, with or without a signature of 4."""
    ahead = source.peek(28)
    signed = 4 if ahead.startswith(_DESCRIPTOR) else 0
    long = ahead[signed + 20 : signed + 22] == b"PK" and ahead[signed + 12 : signed + 14] != b"PK"
    _skip(source, signed + (20 if long else 12))
