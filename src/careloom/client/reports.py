"""What the platform reports, as values: who asks, what is there, what arrived, and what was refused and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Resource = dict[str, Any]
"""A FHIR R4 resource as plain JSON."""


@dataclass(frozen=True, slots=True)
class Me:
    """The client that asks, as the platform sees it.

    kind    ``client`` or ``person``
    scopes  what the token allows, as in ``system/Patient.rs``
    purpose purpose of use of the request, a code of HL7 v3 PurposeOfUse
    """

    name: str
    kind: str
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    scopes: tuple[str, ...]
    expires: datetime
    purpose: str = "HOPERAT"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search.

    bundle     the searchset as it came
    resources  the matches in it
    total      how many the search finds in all; None where the platform did not count
    next       address of the next page, to be followed as it is; empty on the last page
    included   what the search asked for beside its matches: ``_include`` and ``_revinclude``
    """

    bundle: Resource = field(repr=False)
    resources: tuple[Resource, ...] = field(repr=False)
    total: int | None
    next: str
    included: tuple[Resource, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ZoneCounts:
    """How many resources a zone holds, in all and by type.

    changed  when a current version was made last; None in an empty zone
    alarms   of watched models that stand; None where none are watched
    """

    zone: str
    total: int
    resources: Mapping[str, int]
    changed: datetime | None
    alarms: int | None


@dataclass(frozen=True, slots=True)
class FormatCount:
    """Records of one format, and how many of them were refused."""

    format: str
    records: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """Records of one day (``2026-11-22``, UTC)."""

    day: str
    stored: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """All that arrived: records = stored + kept + known + quarantined + erased.

    kept    in the landing zone only: headers and envelopes
    known   had arrived before
    erased  about a person who was erased: not kept
    last    when the last run ended; None before the first
    """

    runs: int
    files: int
    records: int
    stored: int
    kept: int
    known: int
    quarantined: int
    erased: int
    resources: int
    bytes: int
    last: datetime | None
    by_format: tuple[FormatCount, ...]
    by_day: tuple[DayCount, ...]


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many records wait for one reason."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Records in quarantine that nobody has mended yet."""

    waiting: int
    reasons: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class IssueCount:
    """How often one issue was met."""

    code: str
    severity: str
    count: int


@dataclass(frozen=True, slots=True)
class Quality:
    """What was wrong with what arrived.

    accepted_share  0..1 of all new records; None before the first
    issues          the most frequent ones
    """

    accepted_share: float | None
    issues: tuple[IssueCount, ...]


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Long work: what waits, runs and failed."""

    waiting: int
    running: int
    failed: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The platform at a glance; a part is None where the caller may not see it."""

    generated: datetime
    zones: tuple[ZoneCounts, ...]
    arrivals: Arrivals | None
    refused: Refused | None
    quality: Quality | None
    jobs: JobCounts | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far work is, in bytes; `total` is 0 before it is known."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of an ingestion's records: records = stored + kept + known + quarantined + erased."""

    files: int
    records: int
    known: int
    stored: int
    kept: int
    quarantined: int
    erased: int
    resources: int
    bytes: int


@dataclass(frozen=True, slots=True)
class QueuedWork:
    """A job as it stands.

    state  ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``
    actor  who asked for it
    error  code of what ended it; None otherwise
    """

    id: str
    state: str
    actor: str
    started: datetime | None
    ended: datetime | None
    progress: Progress
    error: str | None

    @property
    def has_ended(self) -> bool:
        """True once nothing more happens."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Ingestion:
    """One run that reads what arrived.

    state    ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``
    actor    who sent it
    error    code of what stopped a failed run; None otherwise
    """

    id: str
    state: str
    actor: str
    started: datetime | None
    ended: datetime | None
    progress: Progress
    totals: Totals
    by_format: tuple[FormatCount, ...]
    issues: tuple[IssueCount, ...]
    error: str | None

    @property
    def has_ended(self) -> bool:
        """True when nothing more will happen to it."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file or archive member; its name stays sealed on the platform.

    state  ``complete``; ``unchanged`` when its bytes had been read before; ``unreadable``
    root   Merkle root over the keyed hashes of its records, in hex
    """

    manifest_id: str
    format: str
    state: str
    bytes: int
    records: int
    known: int
    stored: int
    kept: int
    quarantined: int
    erased: int
    resources: int
    root: str


@dataclass(frozen=True, slots=True)
class StageVersion:
    """One step that the records went through."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class IngestionReport(Ingestion):
    """An ingestion with its files and with what it takes to repeat it."""

    files: tuple[FileReport, ...]
    stages: tuple[StageVersion, ...]
    config_hash: str


@dataclass(frozen=True, slots=True)
class IngestionPage:
    """Some ingestions, newest first; `next` is the cursor of those that follow, None at the end."""

    items: tuple[Ingestion, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """One record in quarantine, without any value of it.

    record    id, as ``careloom quarantine show`` takes it
    place     where in the file
    where     where in the record: a path or a column
    reason    issue code
    attempts  how often it was tried
    since     when it was first refused
    """

    record: str
    format: str
    place: str
    where: str
    reason: str
    message: str
    remedy: str
    attempts: int
    since: datetime


@dataclass(frozen=True, slots=True)
class IssuePage:
    """What was wrong with one ingestion's records: counts of all, and some of the refused records."""

    counts: tuple[IssueCount, ...]
    items: tuple[RefusedRecord, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One message or document as it arrived, without its content.

    type    ``ADT^A01``, a document's LOINC code; empty where the format says nothing of itself
    made    when it says that it was made, None where it does not
    faults  in how many ways its structure is not that of its type, None where nobody checked
    state   ``stored``, ``waiting`` in quarantine for `reason`, ``redriven``
    """

    record: str
    format: str
    type: str
    made: datetime | None
    received: datetime
    faults: int | None
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some raw records, newest first; `next` is the cursor of those that follow, None at the end."""

    items: tuple[RawRecord, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class RecordIssue:
    """One thing wrong with a record's structure, without any value of it."""

    code: str
    severity: str
    place: str
    message: str


@dataclass(frozen=True, slots=True)
class RecordDetail(RawRecord):
    """One raw record with what its structure lacks.

    structure  what it was checked against, empty for none
    manifest   of the file in which it arrived first, at `position` from 0
    """

    structure: str
    issues: tuple[RecordIssue, ...]
    manifest: str
    position: int
    bytes: int
