"""Cohorts, features and training sets, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ShippedCohort:
    """A definition that ships."""

    name: str
    title: str
    source: str
    digest: str


@dataclass(frozen=True, slots=True)
class CohortList:
    """The definitions that ship."""

    items: tuple[ShippedCohort, ...]


@dataclass(frozen=True, slots=True)
class RiskFeature:
    """A feature; `null`: what it means that there is none; `tasks`: those that ship and use it."""

    name: str
    concept: str
    meaning: str
    definition: str
    source: str
    window: str
    unit: str
    null: str
    modifiable: bool
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureSetBrief:
    """A set of features that ships."""

    name: str
    title: str
    digest: str
    features: int


@dataclass(frozen=True, slots=True)
class FeatureList:
    """The features of a set, and which sets there are."""

    set: str
    sets: tuple[FeatureSetBrief, ...]
    items: tuple[RiskFeature, ...]


@dataclass(frozen=True, slots=True)
class CohortStep:
    """What one rule left: rows and patients still in, and rows that it took out."""

    name: str
    why: str
    rows: int
    patients: int
    removed: int


@dataclass(frozen=True, slots=True)
class CohortHint:
    """What a cohort lacks because of its zone, and what to do: a stable code, and two sentences."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CohortCounts:
    """A cohort rule by rule; `states`: event, none, death, censored -> rows; `hints`: what it lacks because of its
    zone; `shown`: rows, where asked for."""

    name: str
    digest: str
    steps: tuple[CohortStep, ...]
    states: dict[str, int]
    rows: int
    patients: int
    hints: tuple[CohortHint, ...]
    shown: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CohortWhy:
    """One moment of a patient: in or not, the rules that fail, what each rule saw."""

    index_time: datetime | None
    resource_key: str
    is_in: bool
    state: str | None
    label: bool | None
    failed: tuple[str, ...]
    near_miss: bool
    left_out: str
    facts: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CohortWhyList:
    """Every moment of a patient at which the cohort could predict."""

    items: tuple[CohortWhy, ...]


@dataclass(frozen=True, slots=True)
class ComparedCohort:
    """One of two cohorts; `patients` is None where they are few."""

    name: str
    title: str
    patients: int | None


@dataclass(frozen=True, slots=True)
class CohortOverlap:
    """Patients of both, and of one alone; None where they are few, or would tell of few."""

    both: int | None
    only_one: int | None
    only_other: int | None


@dataclass(frozen=True, slots=True)
class CohortDistribution:
    """Patients of each cohort by age or sex, or with a condition; `difference`: total variation, None for the last."""

    name: str
    bins: tuple[str, ...]
    one: tuple[int | None, ...]
    other: tuple[int | None, ...]
    difference: float | None


@dataclass(frozen=True, slots=True)
class CohortComparison:
    """Two cohorts side by side; what fewer than `smallest_cell` patients stand behind is left out."""

    cohorts: tuple[ComparedCohort, ...]
    overlap: CohortOverlap
    distributions: tuple[CohortDistribution, ...]
    smallest_cell: int


@dataclass(frozen=True, slots=True)
class RiskTrainingSet:
    """A training set in the lake; `facts`: the snapshot that it is made of; `snapshots`: what reads its versions."""

    table: str
    version: int
    rows: int
    cohort: str
    features: str
    facts: str
    folds: dict[str, dict[str, Any]]
    leaks: int
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingSetList:
    """The training sets of a zone."""

    items: tuple[RiskTrainingSet, ...]


@dataclass(frozen=True, slots=True)
class ShownTrainingSet(RiskTrainingSet):
    """A training set with its manifest."""

    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MadeTrainingSet:
    """A training set as it was made: what it is read by, what its cohort lacks because of the zone, its manifest."""

    name: str
    rows: int
    hints: tuple[CohortHint, ...]
    manifest: dict[str, Any]
