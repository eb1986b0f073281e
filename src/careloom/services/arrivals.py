"""What arrives: files and archive members as chunks of records, behind what an earlier run had committed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

from careloom.ingest import delimited
from careloom.ingest.containers import Member, open_members
from careloom.ingest.containers_inflate import ContainerLimits
from careloom.ingest.detect import Detection, Match
from careloom.ingest.framing import detect_source, frame, refused_member
from careloom.ingest.framing_limits import FrameLimits
from careloom.issues import Issue
from careloom.pipeline.manifest import FileEntry
from careloom.pipeline.record import Record
from careloom.services.platform import InputFile, Platform
from careloom.settings import Ingest
from careloom.store.rows import Manifest
from careloom.store.zone_store import ZoneStore

Watch = Callable[[int, int], None]
"""(bytes done, bytes in all), called now and then."""


@dataclass(slots=True)
class ArrivingFile:
    """One file or archive member on its way.

    manifest  what an earlier, interrupted run had begun; None until this run begins it
    issues    what is wrong around the records: warnings
    """

    name: str
    file_hash: bytes
    entry: FileEntry
    manifest: Manifest | None = None
    issues: list[Issue] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one file; `is_last` closes the file's manifest."""

    file: ArrivingFile
    records: list[Record]
    is_last: bool


class Arrivals:
    """The files of one run.

    config_hash  of the pipeline: a file read to its end under the same one is not read again
    mapping      the operator's own mapping of delimited files as TOML text, empty for none
    wanted       the format that the operator named, or ``auto``

    `entries` and `issues` tell of the files met so far.
    """

    def __init__(self, platform: Platform, *, config_hash: str, mapping: str, wanted: str) -> None:
        self._settings = platform.settings.ingest
        self._platform = platform
        self._store: ZoneStore = platform.store("identified")
        self._config_hash = config_hash
        self._mapping = mapping
        self._wanted = wanted
        self._first: dict[bytes, ArrivingFile] = {}
        self._twins: list[tuple[ArrivingFile, ArrivingFile]] = []
        self.entries: list[FileEntry] = []
        self.issues: list[Issue] = []

    def chunks(self, files: Sequence[InputFile], watch: Watch | None) -> Iterator[Chunk]:
        """All records of all files that no earlier run has committed, in order."""
        total, done = sum(file.size_bytes for file in files), 0

        def tell(at: int) -> None:
            if watch:
                watch(done + at, total)

        for file in files:
            met = len(self.entries)
            try:
                for chunk, at in self._of_file(file, tell):
                    yield chunk
                    tell(at)
            except OSError as error:
                self._unreadable(met, error)
            done += file.size_bytes
            tell(0)

    def _of_file(self, file: InputFile, tell: Callable[[int], None]) -> Iterator[tuple[Chunk, int]]:
        """Chunks of one file, each with how far its bytes are read."""
        file_hash = _hash(self._store, file, tell)
        with file.open() as stream:
            for ordinal, member in enumerate(open_members(stream, file.name, container_limits(self._settings))):
                for chunk in self._of_member(member, _member_hash(self._store, file_hash, ordinal)):
                    yield chunk, stream.tell()

    def _unreadable(self, met: int, error: OSError) -> None:
        """Notes that the system refused to read a file; what was committed of it stays, and the next run goes on."""
        if len(self.entries) == met:
            self.entries.append(FileEntry())
        self.entries[-1].state = "unreadable"
        message = f"a file could not be read to its end ({type(error).__name__})"
        self.issues.append(Issue("ingest.file-unreadable", "error", "", message, "Check its owner, mode and disk"))

    def settle(self) -> None:
        """Tells of each file that was the twin of an earlier one what became of that one; call it at the end."""
        for twin, first in self._twins:
            entry = twin.entry
            entry.manifest_id, entry.format, entry.root = first.entry.manifest_id, first.entry.format, first.entry.root
            entry.records = entry.known = first.entry.records

    def _of_member(self, member: Member, file_hash: bytes) -> Iterator[Chunk]:
        file = ArrivingFile(member.name, file_hash, FileEntry())
        self.entries.append(file.entry)
        found = self._store.find_manifest(file_hash, self._config_hash)
        first = self._first.setdefault(file_hash, file)
        if first is not file or (found is not None and found.state == "done"):
            file.entry.state = "unchanged"
            if first is not file:
                self._twins.append((file, first))
            elif found is not None:
                _unchanged(file.entry, found)
            for _ in member.source.chunks():
                pass
            return
        file.manifest = found
        records = self._records(member, file)
        for record in islice(records, found.records if found else 0):
            file.entry.known += 1
            file.entry.bytes += len(record.raw)
        yield from self._chunked(file, records)

    def _chunked(self, file: ArrivingFile, records: Iterator[Record]) -> Iterator[Chunk]:
        waiting: list[Record] = []
        size = 0
        for record in records:
            if len(waiting) >= self._settings.batch_records or (waiting and size >= self._settings.batch_bytes):
                yield Chunk(file, waiting, is_last=False)
                waiting, size = [], 0
            waiting.append(record)
            size += len(record.raw)
        yield Chunk(file, waiting, is_last=True)

    def _records(self, member: Member, file: ArrivingFile) -> Iterator[Record]:
        wanted = Wanted(self._wanted, self._mapping)
        file.entry.format, records = records_of(member, self._settings, wanted, file.issues)
        return records


class Wanted(NamedTuple):
    """How the operator wants files to be read: the format, and a mapping of delimited files as TOML text."""

    format: str = "auto"
    mapping: str = ""


def records_of(
    member: Member, settings: Ingest, wanted: Wanted, issues: list[Issue] | None = None
) -> tuple[str, Iterator[Record]]:
    """What a file was recognised as, and its records; `issues` gets what is wrong around them."""
    limits = frame_limits(settings)
    if member.issue is not None:
        return "unread", refused_member(member.source, member.issue, limits)
    detection = detect_source(member.source, lambda header: match_header(header, wanted.mapping))
    if wanted.format not in ("auto", "csv", detection.format):
        detection = Detection(wanted.format, {"encoding": detection.details.get("encoding", "utf-8")})
    if detection.format in ("hl7v2", "ccda") and settings.timezone:
        detection = replace(detection, details={**detection.details, "timezone": settings.timezone})
    return detection.format, frame(member.source, detection, limits, issues)


def read_through(file: InputFile, settings: Ingest, wanted: Wanted) -> Iterator[bytes]:
    """The name and the bytes of every record of a file, archives opened, as an ingestion would meet them."""
    with file.open() as stream:
        for member in open_members(stream, file.name, container_limits(settings)):
            yield member.name.encode("utf-8", "surrogateescape")
            for record in records_of(member, settings, wanted)[1]:
                yield record.raw


def container_limits(settings: Ingest) -> ContainerLimits:
    """What an archive may hold, by the settings."""
    return ContainerLimits(max_total_bytes=settings.max_archive_bytes, max_ratio=settings.max_archive_ratio)


def frame_limits(settings: Ingest) -> FrameLimits:
    """What a framer may hold, by the settings."""
    return FrameLimits(max_record_bytes=settings.max_record_bytes, max_document_bytes=settings.max_bundle_bytes)


def match_header(header: tuple[str, ...], own: str) -> Match | None:
    """The mapping that reads a delimited file with this header; the user's own (TOML text) goes first."""
    name = delimited.recognise(header, own)
    if name is None:
        return None
    options = dict(delimited.find_file(name, own).dialect)
    if own:
        options[delimited.MAPPING_OPTION] = own
    return Match(name, delimited.patient_column(name, header, own), options)


def _unchanged(entry: FileEntry, found: Manifest) -> None:
    entry.manifest_id = found.manifest_id
    entry.format = str(found.counts.get("format", ""))
    entry.records = entry.known = found.records
    entry.root = str(found.counts.get("root", ""))


def _hash(store: ZoneStore, file: InputFile, tell: Callable[[int], None]) -> bytes:
    """The keyed hash of the whole file; tells now and then that it is still at it."""
    hasher = store.keys.file_hasher()
    with file.open() as stream:
        while piece := stream.read(1 << 20):
            hasher.update(piece)
            tell(0)
    digest: bytes = hasher.digest()
    return digest


def _member_hash(store: ZoneStore, file_hash: bytes, ordinal: int) -> bytes:
    if ordinal == 0:
        return file_hash
    hasher = store.keys.file_hasher()
    hasher.update(file_hash + ordinal.to_bytes(4, "big"))
    digest: bytes = hasher.digest()
    return digest
