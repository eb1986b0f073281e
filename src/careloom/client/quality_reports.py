"""What the platform reports about the quality of its data, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from careloom.client.reports import QueuedWork


@dataclass(frozen=True, slots=True)
class Look(QueuedWork):
    """One look at a zone, as a job; progress is in resources."""

    zone: str


@dataclass(frozen=True, slots=True)
class LookBrief:
    """A finished look at a glance; scores are 0 to 100, None where no rule applied."""

    run_id: str
    zone: str
    source: str
    since: str
    actor: str
    started: datetime
    ended: datetime
    resources: int
    score: float | None
    categories: Mapping[str, float | None]
    sources: Mapping[str, float | None]
    passed: int
    failed: int
    not_applicable: int
    failed_rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookPage:
    """Some finished looks, newest first; `next` is the cursor of those that follow, None at the end."""

    items: tuple[LookBrief, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """How one of Kahn's categories stands: its score, and how many rules pass, fail and do not apply."""

    category: str
    score: float | None
    passed: int
    failed: int
    not_applicable: int


@dataclass(frozen=True, slots=True)
class SourceScore:
    """How one source stands."""

    source: str
    resources: int
    score: float | None
    rules_failed: int
    categories: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Place:
    """One rule in one source, type and path."""

    source: str
    type: str
    path: str
    total: int
    failed: int
    percent: float | None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule, and how the zone keeps it.

    status    ``pass``, ``fail`` or ``not applicable``; `reason` says why
    examples  ``Type/id`` of some resources that break it, the worst first
    notes     what breaks it where that is no resource: days of a feed
    """

    id: str
    title: str
    category: str
    subcategory: str
    check: str
    severity: str
    dqd: tuple[str, ...]
    threshold_percent: float
    status: str
    reason: str
    total: int
    failed: int
    percent: float | None
    remedy: str
    source: str
    places: tuple[Place, ...]
    examples: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldCount:
    """How often one element is there."""

    field: str
    count: int
    percent: float | None


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """The elements of one source and type."""

    source: str
    type: str
    total: int
    fields: tuple[FieldCount, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """One look at a zone."""

    run_id: str
    zone: str
    source: str
    since: str
    actor: str
    started: datetime
    ended: datetime
    own_rules: bool
    resources: int
    score: float | None
    categories: tuple[CategoryScore, ...]
    sources: tuple[SourceScore, ...]
    rules: tuple[RuleResult, ...]
    completeness: tuple[FieldCounts, ...]


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """One resource that breaks a rule, and the record it came from."""

    resource: str
    record: str
    source: str
    path: str


@dataclass(frozen=True, slots=True)
class RuleBrief:
    """The rule that is broken."""

    id: str
    title: str
    status: str
    reason: str
    total: int
    failed: int
    remedy: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrokenRows:
    """Some of the resources that break a rule; `next` is the cursor of those that follow, None at the end."""

    run_id: str
    zone: str
    rule: RuleBrief
    items: tuple[BrokenRow, ...]
    next: str | None
