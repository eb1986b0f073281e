"""What linkage reports, as values: pairs, why, what was decided, runs, golden records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from careloom.client.reports import QueuedWork, Resource


@dataclass(frozen=True, slots=True)
class Reason:
    """What one trait says about a pair: `bits` above 0 for one person, below 0 for two, 0 where it is not known."""

    trait: str
    level: str
    words: str
    bits: float


@dataclass(frozen=True, slots=True)
class Caution:
    """A rule for which a person must look at a pair."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a pair once."""

    action: str
    actor: str
    time: datetime
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Side:
    """One trait of both patients; `agreement`: same, similar, different or unknown."""

    trait: str
    title: str
    agreement: str
    values: tuple[tuple[str, ...], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two patients who are, or may be, one.

    state   ``review``, ``linked`` or ``rejected``; origin  whose word that is: ``model``, ``person`` or ``feed``
    weight  log2 of the odds that they are one person
    """

    pair: str
    patients: tuple[str, ...]
    state: str
    origin: str
    probability: float
    weight: float
    reasons: tuple[Reason, ...]
    cautions: tuple[Caution, ...]
    run: str
    updated: datetime


@dataclass(frozen=True, slots=True)
class DecidedPair(Pair):
    """A pair with what was decided about it, oldest first."""

    history: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class PairDetail(DecidedPair):
    """A pair with both patients side by side."""

    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the last run did; `changed`: what became of pairs -> how many."""

    id: str
    time: datetime
    kind: str
    patients: int
    compared: int
    crowds: int
    changed: Mapping[str, int]
    linked_patients: int


@dataclass(frozen=True, slots=True)
class PairPage:
    """Some pairs by falling weight; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[Pair, ...]
    next: str | None
    counts: Mapping[str, int]
    run: LastRun | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run found and changed."""

    run: str
    kind: str
    patients: int
    compared: int
    crowds: int
    changed: Mapping[str, int]
    linked_patients: int
    pairs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LinkageRun(QueuedWork):
    """A queued run; `report` is None until it is done."""

    report: RunReport | None


@dataclass(frozen=True, slots=True)
class GoldenSource:
    """One record of a person."""

    id: str
    source: str
    arrived: datetime


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    """The best value of each field, with its origin.

    patient  a FHIR Patient without an id
    fields   as the API gives them: name, because, values, others
    """

    patient: Resource = field(repr=False)
    records: tuple[GoldenSource, ...]
    fields: tuple[dict[str, Any], ...] = field(repr=False)
