"""Patients' rights as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from careloom.client.reports import QueuedWork


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
class TaintedTraining:
    """Something that learnt from a patient."""

    training: str
    name: str
    kind: str
    created: datetime


@dataclass(frozen=True, slots=True)
class ErasurePreview:
    """What would go if a patient was erased now.

    pseudonym  keyed: what the audit chain calls the patient
    is_held    a legal hold keeps the patient or a zone: nothing would go
    resources  of the identified zone: type -> current resources
    counts     of the identified zone: what -> rows
    research   resources of the patient in the research zone
    """

    pseudonym: str
    is_held: bool
    resources: Mapping[str, int]
    counts: Mapping[str, int]
    research: int
    trainings: tuple[TaintedTraining, ...]


@dataclass(frozen=True, slots=True)
class ErasedReport:
    """What a queued erasure did; `hits` is None where nobody searched."""

    already_erased: bool
    pseudonym: str
    removed: Mapping[str, int]
    certificate: str
    hits: int | None


@dataclass(frozen=True, slots=True)
class ErasureRun(QueuedWork):
    """A queued erasure; its progress is of bytes that are searched, its `report` None until it is done."""

    report: ErasedReport | None


@dataclass(frozen=True, slots=True)
class KeptCertificate:
    """A certificate of an erasure, and what it is worth.

    subject     keyed pseudonym
    totals      what -> how many
    retraining  trainings that waited to be done anew by then
    hits        places that still held an identifier; None where nobody searched
    is_signed   it is as the platform signed it
    adds_up     its totals are the sums of its parts
    """

    certificate: str
    began: datetime
    ended: datetime
    actor: str
    subject: str
    totals: Mapping[str, int]
    retraining: int
    hits: int | None
    is_signed: bool
    adds_up: bool


@dataclass(frozen=True, slots=True)
class KeptCertificates:
    """Certificates, newest first."""

    items: tuple[KeptCertificate, ...]


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
