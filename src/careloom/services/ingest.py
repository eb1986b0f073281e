"""Ingest: files in; landed, checked, sealed and indexed FHIR out, with every record accounted for.

One transaction per batch holds the landed records, the resources made of them, the quarantined ones and the audit
event; after a kill the same command goes on behind the last committed batch of each file.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from careloom.audit import AuditEvent
from careloom.errors import InputError
from careloom.ingest import delimited
from careloom.ingest.containers import Member, open_members
from careloom.ingest.containers_inflate import ContainerLimits
from careloom.ingest.detect import Detection, Match
from careloom.ingest.framing import detect_source, frame, refused_member
from careloom.ingest.framing_limits import FrameLimits
from careloom.issues import Issue
from careloom.pipeline.batch import Batch, Refusal
from careloom.pipeline.manifest import FileEntry, RunManifest
from careloom.pipeline.pipeline import Pipeline, Result
from careloom.pipeline.record import Record
from careloom.pipeline.runner import PipelineSpec, run_batches
from careloom.services.access import Principal, require
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from careloom.services.platform import InputFile, Platform
from careloom.services.record_context import context_bytes
from careloom.store.rows import Landing, Manifest, Tally, Write
from careloom.store.zone_store import Transaction, ZoneStore

FORMATS = ("auto", "fhir", "hl7v2", "csv", "notes")
Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IngestAsk:
    """What to ingest. Empty `source` and 0 `processes` mean the configured ones; `mapping` is a TOML file."""

    paths: tuple[Path, ...]
    format: str = "auto"
    mapping: Path | None = None
    source: str = ""
    processes: int = 0


@dataclass(slots=True)
class _File:
    """One file or archive member on its way."""

    name: str
    file_hash: bytes
    entry: FileEntry
    manifest: Manifest | None = None
    issues: list[Issue] = field(default_factory=list)


@dataclass(slots=True)
class _Chunk:
    """Consecutive records of one file; `is_last` closes the file's manifest."""

    file: _File
    records: list[Record]
    is_last: bool


@dataclass(slots=True)
class _Run:
    platform: Platform
    who: Principal
    store: ZoneStore
    pipeline: Pipeline
    manifest: RunManifest
    ask: IngestAsk
    mapping: str
    source: str
    flying: deque[_Chunk] = field(default_factory=deque)
    watch: Watch | None = None


def ingest(platform: Platform, who: Principal, ask: IngestAsk, watch: Watch | None = None) -> RunManifest:
    """The manifest of the run, also kept in the run folder; `watch` gets (bytes done, bytes in all).

    raises  AccessError; InputError if a path is not there or the format has no name; StateError if the store is locked
    """
    require(who, "ingest", "landing")
    if ask.format not in FORMATS:
        raise InputError(f"ingest: there is no format {ask.format}", f"Choose one of {', '.join(FORMATS)}.")
    config = ingest_config(platform, ask)
    pipeline = build(config)
    manifest = RunManifest.begin(platform.run_id(), pipeline, platform.runtime.now())
    run = _Run(
        platform, who, platform.store("identified"), pipeline, manifest, ask, config.mapping, config.source, watch=watch
    )
    processes = ask.processes or platform.settings.ingest.processes
    spec = PipelineSpec("ingest", (config,))
    for batch, result in run_batches(spec, _batches(run), processes=processes, local=pipeline):
        _commit(run, run.flying.popleft(), batch, result)
    manifest.ended = platform.runtime.now()
    platform.keep_run(manifest)
    return manifest


def ingest_config(platform: Platform, ask: IngestAsk) -> IngestConfig:
    """What the pipeline of this ask depends on."""
    mapping = platform.read_text(ask.mapping) if ask.mapping else ""
    return IngestConfig(platform.names_key, ask.source or platform.settings.ingest.source, mapping)


def _batches(run: _Run) -> Iterator[Batch[Record]]:
    """Batches of records in order; each leaves its chunk in `run.flying`, which is committed in the same order."""
    for chunk in _chunks(run):
        run.flying.append(chunk)
        yield Batch.of(RECORD, chunk.records)


def _chunks(run: _Run) -> Iterator[_Chunk]:
    files = run.platform.inputs(run.ask.paths)
    total, done = sum(file.size_bytes for file in files), 0
    for file in files:
        file_hash = _hash(run, file)
        with file.open() as stream:
            for ordinal, member in enumerate(open_members(stream, file.name, _container_limits(run))):
                for chunk in _member_chunks(run, member, _member_hash(run, file_hash, ordinal)):
                    yield chunk
                    if run.watch:
                        run.watch(done + stream.tell(), total)
        done += file.size_bytes


def _member_chunks(run: _Run, member: Member, file_hash: bytes) -> Iterator[_Chunk]:
    file = _File(member.name, file_hash, FileEntry())
    run.manifest.files.append(file.entry)
    found = run.store.find_manifest(file_hash, run.pipeline.config_hash)
    records = _records(run, member, file)
    if found is not None and found.state == "done":
        _unchanged(file, found)
        for _ in member.source.chunks():
            pass
        return
    file.manifest = found
    already = found.records if found else 0
    for record in islice(records, already):
        file.entry.known += 1
        file.entry.bytes += len(record.raw)
    waiting: list[Record] = []
    for record in records:
        if len(waiting) >= run.platform.settings.ingest.batch_records:
            yield _Chunk(file, waiting, is_last=False)
            waiting = []
        waiting.append(record)
    yield _Chunk(file, waiting, is_last=True)


def _records(run: _Run, member: Member, file: _File) -> Iterator[Record]:
    settings = run.platform.settings.ingest
    limits = FrameLimits(max_record_bytes=settings.max_record_bytes, max_document_bytes=settings.max_bundle_bytes)
    if member.issue is not None:
        file.entry.format = "unread"
        return refused_member(member.source, member.issue, limits)
    detection = detect_source(member.source, lambda header: match_header(header, run.mapping))
    if run.ask.format not in ("auto", "csv", detection.format):
        detection = Detection(run.ask.format, {"encoding": detection.details.get("encoding", "utf-8")})
    file.entry.format = detection.format
    return frame(member.source, detection, limits, file.issues)


def match_header(header: tuple[str, ...], own: str) -> Match | None:
    """The mapping that reads a delimited file with this header; the user's own (TOML text) goes first."""
    name = delimited.recognise(header, own)
    if name is None:
        return None
    options = {delimited.MAPPING_OPTION: own} if own else {}
    return Match(name, delimited.patient_column(name, header, own), options)


def _unchanged(file: _File, found: Manifest) -> None:
    entry = file.entry
    entry.manifest_id, entry.state = found.manifest_id, "unchanged"
    entry.format = found.counts.get("format", entry.format)
    entry.records = entry.known = found.records
    entry.root = found.counts.get("root", "")


def _commit(run: _Run, chunk: _Chunk, batch: Batch[Record], result: Result) -> None:
    """Makes one chunk durable: landing, resources, quarantine, audit, and the manifest's step forward."""
    file, entry = chunk.file, chunk.file.entry
    by_origin = writes_by_origin(result)
    refused = {refusal.origin: refusal for refusal in result.refused}
    with run.store.transaction(lambda tally: _event(run, tally)) as tx:
        if file.manifest is None:
            file.manifest = tx.begin_manifest(
                name=file.name, file_hash=file.file_hash, record_format=entry.format or "unknown",
                run=run.manifest.run_id, config_hash=run.pipeline.config_hash,
            )  # fmt: skip
        counts = _keep(tx, file.manifest, chunk.records, by_origin, refused, run.source)
        for name, count in counts.items():
            setattr(entry, name, getattr(entry, name) + count)
        entry.manifest_id = file.manifest.manifest_id
        entry.bytes += sum(len(record.raw) for record in chunk.records)
        entry.records = entry.known + entry.stored + entry.kept + entry.quarantined + entry.erased
        if chunk.is_last:
            entry.root = tx.finish_manifest(file.manifest, counts=_closing(entry)).hex()
    run.manifest.count(result.counts)
    for refusal in result.refused:
        for issue in refusal.issues:
            run.manifest.note(issue)
    for _, issue in result.warnings:
        run.manifest.note(issue)
    if chunk.is_last:
        for issue in file.issues:
            run.manifest.note(issue)


def _closing(entry: FileEntry) -> dict[str, Any]:
    names = ("format", "bytes", "records", "stored", "kept", "quarantined", "erased", "resources")
    return {name: getattr(entry, name) for name in names}


def _keep(
    tx: Transaction,
    manifest: Manifest,
    records: list[Record],
    by_origin: dict[int, list[Write]],
    refused: dict[int, Refusal],
    source: str,
) -> dict[str, int]:
    """Lands the records and writes what they gave; returns what became of the records and how many resources."""
    landings = [landing_of(record, by_origin.get(number), refused.get(number)) for number, record in enumerate(records)]
    landed = tx.land(manifest, landings)
    counts = dict.fromkeys(("stored", "kept", "quarantined", "erased", "resources"), 0)
    writes: list[Write] = []
    for number, (record, place) in enumerate(zip(records, landed, strict=True)):
        if place.rec == 0:
            counts["erased"] += 1
        elif number in refused:
            tx.quarantine(
                place.rec, issues=refused[number].issues, place=record.place, context=context_bytes(record, source)
            )
            counts["quarantined"] += 1
        elif number in by_origin:
            for write in by_origin[number]:
                write.rec = place.rec
            writes += by_origin[number]
            counts["stored"] += 1
        else:
            counts["kept"] += 1
    counts["resources"] = len(writes)
    tx.write(writes)
    return counts


def writes_by_origin(result: Result) -> dict[int, list[Write]]:
    """The writes of a result by the index of the record they came from."""
    by_origin: dict[int, list[Write]] = {}
    for write, origin in zip(result.batch.items, result.batch.origins, strict=True):
        by_origin.setdefault(origin, []).append(write)
    return by_origin


def landing_of(record: Record, writes: list[Write] | None, refusal: Refusal | None) -> Landing:
    """The record as the landing zone takes it: under the key of its patients, or one of its own if nobody can tell."""
    if refusal is not None and refusal.subjects:
        return Landing(record.context.format, record.raw, refusal.subjects)
    if writes is None:
        return Landing(record.context.format, record.raw, None)
    if len(writes) == 1:
        return Landing(record.context.format, record.raw, writes[0].patients)
    return Landing(record.context.format, record.raw, tuple(sorted({p for write in writes for p in write.patients})))


def _event(run: _Run, tally: Tally) -> AuditEvent:
    for name, count in tally.outcomes.items():
        run.manifest.written[name] = run.manifest.written.get(name, 0) + count
    return AuditEvent(
        time=run.platform.runtime.now(),
        actor=run.who.name,
        action="create",
        operation="ingest",
        zone="identified",
        subjects=tally.pseudonyms,
        purpose=run.who.purpose,
        detail={
            "run": run.manifest.run_id,
            "landed": tally.landed,
            "quarantined": tally.quarantined,
            "resources": dict(sorted(tally.outcomes.items())),
        },
    )


def _hash(run: _Run, file: InputFile) -> bytes:
    hasher = run.store.file_hasher()
    with file.open() as stream:
        while piece := stream.read(1 << 20):
            hasher.update(piece)
    digest: bytes = hasher.digest()
    return digest


def _member_hash(run: _Run, file_hash: bytes, ordinal: int) -> bytes:
    if ordinal == 0:
        return file_hash
    hasher = run.store.file_hasher()
    hasher.update(file_hash + ordinal.to_bytes(4, "big"))
    digest: bytes = hasher.digest()
    return digest


def _container_limits(run: _Run) -> ContainerLimits:
    settings = run.platform.settings.ingest
    return ContainerLimits(max_total_bytes=settings.max_archive_bytes, max_ratio=settings.max_archive_ratio)
