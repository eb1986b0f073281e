"""Patients' rights as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SubjectRule:
    """A hold, restriction or objection; `patient` is empty for a hold on a zone, `ended` None while it holds."""

    rule: str
    kind: str
    patient: str = field(repr=False)
    zone: str
    actor: str
    created: datetime
    ender: str
    ended: datetime | None
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSubjectRule(SubjectRule):
    """A rule that was set: exports that were withdrawn, trainings that have to be done anew."""

    exports: int
    trainings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """Rules, oldest first."""

    items: tuple[SubjectRule, ...]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did; `hits` is None where nobody searched."""

    patient: str = field(repr=False)
    already_erased: bool
    pseudonym: str
    removed: Mapping[str, int]
    certificate: str
    hits: int | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went for good, and records that stay because others stand on them."""

    versions: int
    records: int
    kept_records: int


@dataclass(frozen=True, slots=True)
class Rectification:
    """What was mended; `erased` is None where the earlier versions stay."""

    fact: str = field(repr=False)
    version: str
    before: str
    became: str
    provenance: str
    erased: Forgotten | None


@dataclass(frozen=True, slots=True)
class RetentionDue:
    """What one retention rule would remove now; `removes` is false where nothing ever is, only counted."""

    rule: str
    keep: str
    source: str
    why: str
    removes: bool
    due: int
    held: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """The plan of retention, by rule."""

    items: tuple[RetentionDue, ...]
