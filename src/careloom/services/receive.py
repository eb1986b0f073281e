"""Receive: messages that come one by one over a connection, each answered once it is durable.

Many connections share one receiver. What waits while a transaction commits goes into the next one together, so that a
hundred senders cost one fsync and not a hundred. All messages of an hour are one file of the landing zone; its manifest
is closed with its root when the hour is over or the receiver ends, and by the next receiver if it was killed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from careloom.errors import Conflict
from careloom.issues import Issue
from careloom.pipeline.batch import Batch
from careloom.pipeline.manifest import FileEntry, RunManifest
from careloom.pipeline.pipeline import Result
from careloom.pipeline.record import FileContext, Record
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.arrivals import ArrivingFile, Chunk
from careloom.services.ingest import INGEST_ZONES, IngestRun, commit
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from careloom.services.platform import Platform

FEED = "mllp"
"""Name of what listens; the landing zone tells by it which files are its own."""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of one message, once that is durable.

    issues   all that was said about it; one that refuses means that it stands in quarantine
    is_kept  False for a message about an erased patient: nothing of it was kept
    """

    issues: tuple[Issue, ...] = ()
    is_kept: bool = True

    @property
    def is_refused(self) -> bool:
        """True when the message was not turned into resources."""
        return not self.is_kept or any(issue.refuses for issue in self.issues)


ERASED = Issue(
    "store.erased-subject",
    "error",
    "PID-3",
    "the message is about somebody who asked to be forgotten; nothing of it was kept",
    "stop sending messages about this patient",
)


class Receiver:
    """Takes messages in groups; one thread at a time may call it.

    source  name of the sending system; the configured one if it is empty

    raises  AccessError if `who` may not ingest
    """

    def __init__(self, platform: Platform, who: Principal, source: str = "") -> None:
        for zone in INGEST_ZONES:
            admit(platform, who, "ingest", zone, operation="receive")
        self._platform = platform
        self._who = who
        ingest = platform.settings.ingest
        self._config = IngestConfig(platform.names_key, source or ingest.source, format="hl7v2")
        self._pipeline = build(self._config)
        self._context = FileContext("hl7v2", options={"timezone": ingest.timezone} if ingest.timezone else {})
        self._hour: _Hour | None = None
        self.received = self.refused = 0
        self._close_abandoned()

    def receive(self, messages: Sequence[bytes]) -> list[Received]:
        """What became of each message, in order; all durable when this returns, or none of them if it raises.

        raises  Conflict when another writer holds the zone for too long; SetupError when the disk is full
        """
        self.settle()
        hour = self._hour = self._hour or self._begin()
        first, erased = hour.file.entry.records, hour.file.entry.erased
        records = [Record(first + n, raw, f"message {first + n + 1}", self._context) for n, raw in enumerate(messages)]
        result = self._pipeline.run(Batch.of(RECORD, records))
        try:
            recs = commit(hour.run, [Chunk(hour.file, records, is_last=False)], result)
        except Conflict:
            self._hour = None  # somebody may have closed the file: the next message begins another one
            raise
        found = _received(result, len(messages), recs if hour.file.entry.erased > erased else ())
        self.received += len(found)
        self.refused += sum(one.is_refused for one in found)
        return found

    def settle(self) -> None:
        """Closes the file of an hour that is over; call it now and then while nothing arrives."""
        if self._hour is not None and self._hour.name != _hour_of(self._platform.runtime.now()):
            self.close()

    def close(self) -> None:
        """Closes the file under way, and keeps the run's manifest."""
        hour, self._hour = self._hour, None
        if hour is None or hour.file.manifest is None:
            return
        commit(hour.run, [Chunk(hour.file, [], is_last=True)], self._pipeline.run(Batch.of(RECORD, [])))
        hour.run.manifest.ended = self._platform.runtime.now()
        self._platform.keep_run(hour.run.manifest)

    def _begin(self) -> "_Hour":
        now = self._platform.runtime.now()
        store = self._platform.store("identified")
        manifest = RunManifest.begin(self._platform.run_id(), self._pipeline, now, self._who.name)
        hasher = store.keys.file_hasher()
        hasher.update(f"{FEED}/{manifest.run_id}".encode())
        file = ArrivingFile(f"{FEED}-{_hour_of(now)}", hasher.digest(), FileEntry(format="hl7v2"))
        manifest.files = [file.entry]
        run = IngestRun(self._platform, self._who, store, self._pipeline, manifest, self._config.source, FEED)
        return _Hour(_hour_of(now), run, file)

    def _close_abandoned(self) -> None:
        """Closes the files of receivers that were killed: all that they had acknowledged is in them."""
        store = self._platform.store("identified")
        open_ones = store.open_feeds(FEED)
        if not open_ones:
            return
        detail = {"closed": len(open_ones)}
        with store.transaction(
            event(self._platform, self._who, "receive", "landing", action="update", detail=detail)
        ) as tx:
            for manifest in open_ones:
                counts = {"format": "hl7v2", "records": manifest.records, "interrupted": True}
                tx.finish_manifest(manifest, counts=counts)


@dataclass(slots=True)
class _Hour:
    """The file that messages go into, and the run that it belongs to."""

    name: str
    run: IngestRun
    file: ArrivingFile


def _hour_of(now: datetime) -> str:
    return f"{now:%Y%m%dT%H}"


def _received(result: Result, count: int, recs: Sequence[int]) -> list[Received]:
    """What became of each record; `recs` only where one of them may be about an erased patient."""
    issues: list[list[Issue]] = [[] for _ in range(count)]
    for origin, issue in result.warnings:
        issues[origin].append(issue)
    for refusal in result.refused:
        issues[refusal.origin] = list(refusal.issues)
    found = [Received(tuple(told)) for told in issues]
    for number, rec in enumerate(recs):
        if rec == 0:
            found[number] = Received((ERASED,), is_kept=False)
    return found
