"""Opens what arrives: plain files, gzip, zip (two deep), Parquet, Arrow, in bounded memory, without trusting a name.

Whatever can be read before a damage is delivered; what is left is handed on as it is, with the reason, and is
quarantined by the framer. No name of a member is ever used as a path.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from careloom.ingest.containers_inflate import (
    GZIP_MAGIC,
    Budget,
    ContainerLimits,
    container_issue,
    gunzip,
    stored,
    truncated,
    unzip,
)
from careloom.ingest.containers_zip import (
    DEFLATED,
    STORED,
    Entry,
    directory,
    is_office,
    is_unsafe,
    listed_entries,
    walked_entries,
)
from careloom.ingest.source import CHUNK_BYTES, Source
from careloom.issues import Issue

COLUMN_MAGICS = (b"PAR1", b"ARROW1")
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


@dataclass(frozen=True, slots=True)
class Member:
    """One file as it was before packing.

    name    for the sealed manifest and for people, ``export.zip/labs.csv``; never a path
    source  its bytes
    issue   set when the member is refused as a whole: all its bytes are to be quarantined with this reason
    """

    name: str
    source: Source
    issue: Issue | None = None


@dataclass(frozen=True, slots=True)
class _Level:
    """Where in the nesting: `depth` archives around it, and the file to read in place if there is one."""

    depth: int
    budget: Budget
    file: BinaryIO | None = None

    def down(self) -> "_Level":
        return _Level(self.depth + 1, self.budget)


def open_members(file: BinaryIO, name: str, limits: ContainerLimits | None = None) -> Iterator[Member]:
    """The files inside `file`, one after the other; a plain file is its own only member.

    file  open for reading in binary, at its start; a zip is read in place when the file can seek
    Read a member's source to its end before asking for the next member.
    """
    budget = Budget(limits or ContainerLimits())
    yield from _open(Source(_pieces(file)), name, _Level(0, budget, file if file.seekable() else None))


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(CHUNK_BYTES):
        yield piece


def _open(source: Source, name: str, level: _Level) -> Iterator[Member]:
    head = source.peek(6)
    is_zip = head[:4] in ZIP_MAGICS
    if head.startswith(COLUMN_MAGICS):
        yield _columns(source, name, level)
    elif not is_zip and not head.startswith(GZIP_MAGIC):
        yield Member(name, source)
    elif is_zip:
        yield from _open_zip(source, name, level)
    elif level.depth >= level.budget.limits.max_depth:
        yield Member(name, source, _too_deep(level))
    else:
        yield from _open(Source(gunzip(source, level.budget)), name, level.down())


def _columns(source: Source, name: str, level: _Level) -> Member:
    """A table by columns as delimited text; it is held in memory, for its directory stands at its end."""
    most = level.budget.limits.max_buffered_bytes
    held = _buffer(source, most)
    if held is None:
        message = f"a Parquet or Arrow file is larger than {most} bytes"
        return Member(name, source, container_issue("archive-too-large", message, "write it as several files"))
    from careloom.ingest.containers_columns import as_delimited  # noqa: PLC0415 - loads Arrow

    return Member(name, Source(as_delimited(held, level.budget)))


def _too_deep(level: _Level) -> Issue:
    return container_issue(
        "archive-too-deep",
        f"archives are nested more than {level.budget.limits.max_depth} deep",
        "unpack the inner archive and send its files",
    )


def _open_zip(source: Source, name: str, level: _Level) -> Iterator[Member]:
    held = level.file or _buffer(source, level.budget.limits.max_buffered_bytes)
    if held is None:
        large = container_issue(
            "archive-too-large",
            f"a zip that has to be held in memory is larger than {level.budget.limits.max_buffered_bytes} bytes",
            "unpack the outer archive, or give the zip as a file instead of through a pipe",
        )
        yield Member(name, source, large)
        return
    infos = directory(held)
    held.seek(0)
    if infos is not None and is_office([info.filename for info in infos]):
        yield Member(name, Source(_pieces(held)))
    elif level.depth >= level.budget.limits.max_depth:
        yield Member(name, Source(_pieces(held)), _too_deep(level))
    elif infos is None:
        yield from _salvage(Source(_pieces(held)), name, level)
    elif infos:
        yield from _members(listed_entries(held, infos), name, level)
    else:
        nothing = container_issue("zip-empty", "the zip holds no file", "send the files that it should hold")
        yield Member(name, Source(_pieces(held)), nothing)
    if source.damage:
        yield Member(name, Source(source.damage.rest), source.damage.issue)


def _buffer(source: Source, limit: int) -> io.BytesIO | None:
    """All bytes of a source in memory; None, with every byte still to be read, if they are more than the limit."""
    held = io.BytesIO()
    for piece in source.chunks():
        held.write(piece)
        if held.tell() > limit:
            source.unread(held.getvalue())
            return None
    held.seek(0)
    return held


def _salvage(source: Source, name: str, level: _Level) -> Iterator[Member]:
    """The members of a zip without readable directory, then whatever is left, refused."""
    damaged = False
    for member in _members(walked_entries(source), name, level):
        yield member
        damaged = damaged or member.source.damage is not None
    if source.peek(4).startswith((b"PK\x01\x02", b"PK\x05\x06")) or not damaged:
        yield Member(name, source, truncated("zip"))


def _members(found: Iterator[Entry], name: str, level: _Level) -> Iterator[Member]:
    limits = level.budget.limits
    for entry in found:
        level.budget.members += 1
        if level.budget.members > limits.max_members:
            many = container_issue(
                "archive-bomb", f"the archive holds more than {limits.max_members} files", "split the archive"
            )
            yield Member(name, entry.packed, many)
            return
        place = f"{name}/{f'member {level.budget.members}' if is_unsafe(entry.name) else entry.name}"
        refused = _refused_as_packed(entry)
        if refused:
            yield Member(place, entry.packed, refused)
        elif is_unsafe(entry.name):
            unsafe = container_issue(
                "zip-unsafe-name",
                "the name of a file in the zip leads outside its folder",
                "check where the zip comes from and pack it again with plain names",
            )
            yield Member(place, _unpacked(entry, level), unsafe)
        else:
            yield from _open(_unpacked(entry, level), place, level.down())


def _refused_as_packed(entry: Entry) -> Issue | None:
    if entry.encrypted:
        return container_issue(
            "zip-encrypted",
            "the file in the zip is encrypted",
            "decrypt it before sending; the feed is sealed on arrival",
        )
    if entry.method not in (STORED, DEFLATED):
        return container_issue(
            "zip-method-unknown",
            f"the file in the zip is packed by method {entry.method}, which is not read",
            "pack it again by deflate, which every zip program knows",
        )
    return None


def _unpacked(entry: Entry, level: _Level) -> Source:
    if entry.method == DEFLATED:
        return Source(unzip(entry.packed, level.budget, crc=entry.crc))
    return Source(stored(entry.packed, level.budget, crc=entry.crc or 0, size=entry.size or 0))
