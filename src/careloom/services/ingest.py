"""Ingest: files in; landed, checked, sealed and indexed FHIR out, with every record accounted for.

One transaction per batch holds the landed records, the resources made of them, the quarantined ones and the audit
event; after a kill the same command goes on behind the last committed batch of each file.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from careloom.audit import AuditEvent
from careloom.errors import InputError
from careloom.ingest.record_facts import fact_of
from careloom.pipeline.batch import Batch, Refusal
from careloom.pipeline.manifest import FileEntry, RunManifest
from careloom.pipeline.pipeline import Pipeline, Result
from careloom.pipeline.record import Record
from careloom.pipeline.runner import PipelineSpec, run_batches
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, event
from careloom.services.arrivals import Arrivals, Chunk, Watch
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from careloom.services.platform import InputFile, Platform
from careloom.services.record_context import context_bytes
from careloom.store.rows import Landing, Sender, Tally, Write
from careloom.store.zone_store import Transaction, ZoneStore

INGEST_ZONES: tuple[Zone, ...] = ("landing", "identified")
"""What arrives is landed in one and stored in the other: who ingests needs both."""

FORMATS = ("auto", "fhir", "fhir-xml", "hl7v2", "ccda", "csv", "notes")


@dataclass(frozen=True, slots=True)
class IngestAsk:
    """What to ingest. Empty `source` and 0 `processes` mean the configured ones; `mapping` is a TOML file.

    uploads  files that were sent, beside those at `paths`
    run_id   the id of the run, a new one if it is empty
    is_import  a queued one is reconciled when it is done (`careloom.services.imports`)
    """

    paths: tuple[Path, ...] = ()
    format: str = "auto"
    mapping: Path | None = None
    source: str = ""
    processes: int = 0
    uploads: tuple[InputFile, ...] = ()
    run_id: str = ""
    is_import: bool = False


@dataclass(slots=True)
class IngestRun:
    """One run; `flying` holds the chunks of the batches that are out, oldest first.

    feed  name of the listener whose messages these are, empty for files
    """

    platform: Platform
    who: Principal
    store: ZoneStore
    pipeline: Pipeline
    manifest: RunManifest
    source: str
    feed: str = ""
    flying: deque[list[Chunk]] = field(default_factory=deque)


Begun = Callable[[RunManifest], None]
"""Gets the manifest of a run when it begins; it grows as the run goes on."""


def ingest(
    platform: Platform, who: Principal, ask: IngestAsk, watch: Watch | None = None, begun: Begun | None = None
) -> RunManifest:
    """The manifest of the run, also kept in the run folder; `watch` gets (bytes done, bytes in all).

    raises  AccessError; InputError if a path is not there or the format has no name; StateError if the store is locked
    """
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone)
    refuse_format(ask.format)
    config = ingest_config(platform, ask)
    pipeline = build(config)
    manifest = RunManifest.begin(ask.run_id or platform.run_id(), pipeline, platform.runtime.now(), who.name)
    run = IngestRun(platform, who, platform.store("identified"), pipeline, manifest, config.source)
    arrivals = Arrivals(platform, config_hash=pipeline.config_hash, mapping=config.mapping, wanted=ask.format)
    manifest.files = arrivals.entries
    if begun is not None:
        begun(manifest)
    batches = _batches(run, arrivals.chunks([*platform.inputs(ask.paths), *ask.uploads], watch))
    processes = ask.processes or platform.settings.ingest.processes
    spec = PipelineSpec("ingest", (config,))
    for _, result in run_batches(spec, batches, processes=processes, local=pipeline):
        commit(run, run.flying.popleft(), result)
    arrivals.settle()
    for issue in arrivals.issues:
        manifest.note(issue)
    manifest.ended = platform.runtime.now()
    platform.keep_run(manifest)
    return manifest


def refuse_format(name: str) -> None:
    """Returns when the format can be asked for. raises InputError."""
    if name not in FORMATS:
        raise InputError("ingest: there is no such format", f"Choose one of {', '.join(FORMATS)}.")


def ingest_config(platform: Platform, ask: IngestAsk) -> IngestConfig:
    """What the pipeline of this ask depends on."""
    mapping = platform.read_text(ask.mapping) if ask.mapping else ""
    source, key = ask.source or platform.settings.ingest.source, platform.index_key("identified")
    return IngestConfig(platform.names_key, source, mapping, ask.format, key)


def _batches(run: IngestRun, chunks: Iterator[Chunk]) -> Iterator[Batch[Record]]:
    """Batches of records in order: small files travel together, so that a thousand of them are not a thousand commits.

    Each leaves its chunks in `run.flying`, which is committed in the same order.
    """
    settings = run.platform.settings.ingest
    group: list[Chunk] = []
    records = size = 0
    for chunk in chunks:
        length = sum(len(record.raw) for record in chunk.records)
        if group and (records + len(chunk.records) > settings.batch_records or size + length > settings.batch_bytes):
            yield _departing(run, group)
            group, records, size = [], 0, 0
        group.append(chunk)
        records += len(chunk.records)
        size += length
    if group:
        yield _departing(run, group)


def _departing(run: IngestRun, group: list[Chunk]) -> Batch[Record]:
    run.flying.append(group)
    return Batch.of(RECORD, [record for chunk in group for record in chunk.records])


def commit(run: IngestRun, group: list[Chunk], result: Result) -> list[int]:
    """Makes the chunks of one batch durable: landing, resources, quarantine, audit, and the manifests' step forward.

    returns  the landed record (`Landed.rec`) of each record in order; 0 for one that was not kept
    """
    by_origin = writes_by_origin(result)
    refused = {refusal.origin: refusal for refusal in result.refused}
    with run.store.transaction(lambda tally: _event(run, tally)) as tx:
        recs: list[int] = []
        for chunk in group:
            recs += _commit_chunk(run, tx, chunk, _Made(len(recs), by_origin, refused))
    run.manifest.count(result.counts)
    for refusal in result.refused:
        for issue in refusal.issues:
            run.manifest.note(issue)
    for _, issue in result.warnings:
        run.manifest.note(issue)
    for chunk in group:
        for issue in chunk.file.issues if chunk.is_last else ():
            run.manifest.note(issue)
    return recs


@dataclass(frozen=True, slots=True)
class _Made:
    """What the pipeline made of a batch, as seen from the chunk whose first record is number `first` of it."""

    first: int
    by_origin: dict[int, list[Write]]
    refused: dict[int, Refusal]


def _commit_chunk(run: IngestRun, tx: Transaction, chunk: Chunk, made: _Made) -> list[int]:
    file, entry = chunk.file, chunk.file.entry
    if file.manifest is None:
        file.manifest = tx.begin_manifest(
            name=file.name, file_hash=file.file_hash, record_format=entry.format or "unknown",
            run=run.manifest.run_id, config_hash=run.pipeline.config_hash, sender=Sender(run.source, run.feed),
        )  # fmt: skip
    landings = [
        landing_of(record, made.by_origin.get(number), made.refused.get(number))
        for number, record in enumerate(chunk.records, made.first)
    ]
    landed = tx.land(file.manifest, landings)
    recs = [place.rec for place in landed]
    counts = _keep(tx, chunk.records, recs, made, run.source)
    tx.accepted(
        {
            place.rec: landings[index].patients or ()
            for index, place in enumerate(landed)
            if place.rec and not place.is_new and made.first + index in made.by_origin
        }
    )
    for name, count in counts.items():
        setattr(entry, name, getattr(entry, name) + count)
    entry.manifest_id = file.manifest.manifest_id
    entry.bytes += sum(len(record.raw) for record in chunk.records)
    entry.records = entry.known + entry.stored + entry.kept + entry.quarantined + entry.erased
    if chunk.is_last:
        entry.root = tx.finish_manifest(file.manifest, counts=_closing(entry)).hex()
    return recs


def _closing(entry: FileEntry) -> dict[str, Any]:
    names = ("format", "bytes", "records", "stored", "kept", "quarantined", "erased", "resources")
    return {name: getattr(entry, name) for name in names}


def _keep(tx: Transaction, records: list[Record], recs: list[int], made: _Made, source: str) -> dict[str, int]:
    """Writes what landed records gave; returns what became of the records and how many resources they made."""
    counts = dict.fromkeys(("stored", "kept", "quarantined", "erased", "resources"), 0)
    writes: list[Write] = []
    for number, (record, rec) in enumerate(zip(records, recs, strict=True), made.first):
        if rec == 0:
            counts["erased"] += 1
        elif number in made.refused:
            issues = made.refused[number].issues
            tx.quarantine(rec, issues=issues, place=record.place, context=context_bytes(record, source))
            counts["quarantined"] += 1
        elif number in made.by_origin:
            for write in made.by_origin[number]:
                write.rec = rec
            writes += made.by_origin[number]
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
    patients: tuple[str, ...] | None
    if refusal is not None and refusal.subjects:
        patients = refusal.subjects
    elif writes is None:
        patients = None
    elif len(writes) == 1:
        patients = writes[0].patients
    else:
        patients = tuple(sorted({p for write in writes for p in write.patients}))
    return Landing(record.context.format, record.raw, patients, fact_of(record))


def _event(run: IngestRun, tally: Tally) -> AuditEvent:
    for name, count in tally.outcomes.items():
        run.manifest.written[name] = run.manifest.written.get(name, 0) + count
    detail = {
        "run": run.manifest.run_id,
        "landed": tally.landed,
        "quarantined": tally.quarantined,
        "resources": dict(sorted(tally.outcomes.items())),
    }
    return event(
        run.platform, run.who, "ingest", "identified", action="create", subjects=tally.pseudonyms, detail=detail
    )
