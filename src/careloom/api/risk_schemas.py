"""What the routes of cohorts, features and training sets take and give, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.schemas import Body, Count, Model

NAME = r"[a-z][a-z0-9_]{0,62}"
RiskZone = Literal["identified", "research", "synthetic"]
LakeZone = Literal["research", "synthetic"]
_DIGEST = "8d3f2c1b9a7e6d5c"
_SHIPPED: dict[str, Any] = {
    "name": "readmission_30_days", "title": "Unplanned readmission within 30 days", "source": "CMS, 2023",
    "digest": _DIGEST,
}  # fmt: skip
_FEATURE: dict[str, Any] = {
    "name": "sodium_last", "concept": "sodium", "meaning": "Sodium in serum, last", "definition": "last value",
    "source": "laboratory", "window": "365 days before the index", "unit": "mmol/L", "null": "nobody measured",
    "modifiable": True, "tasks": ["readmission-30d"],
}  # fmt: skip
_SETS: dict[str, Any] = {
    "set": "general", "sets": [{"name": "general", "title": "General", "digest": _DIGEST, "features": 54}],
    "items": [_FEATURE],
}  # fmt: skip
_COUNTED: dict[str, Any] = {
    "name": "readmission_30_days", "digest": _DIGEST,
    "steps": [{"name": "candidates", "why": "discharges", "rows": 480, "patients": 300, "removed": 0}],
    "states": {"event": 41, "none": 430, "death": 4, "censored": 5}, "rows": 480, "patients": 300,
    "hints": [{
        "code": "birth-unknown", "message": "120 of 300 patients with an index event have no usable birth date ...",
        "remedy": "De-identify more patients, or under first; or count in the identified zone.",
    }],
    "shown": [],
}  # fmt: skip
_COMPARED: dict[str, Any] = {
    "cohorts": [
        {"name": "readmission_30_days", "title": "Unplanned readmission within 30 days", "patients": 300},
        {"name": "no_show", "title": "A missed appointment", "patients": 800},
    ],
    "overlap": {"both": 120, "only_one": 180, "only_other": 680},
    "distributions": [
        {"name": "sex", "bins": ["female", "male"], "one": [160, 140], "other": [420, 380], "difference": 0.008}
    ],
    "smallest_cell": 11,
}  # fmt: skip
_WHY: dict[str, Any] = {
    "index_time": "2026-11-20T08:00:00Z", "resource_key": "Encounter/e1", "is_in": False, "state": None, "label": None,
    "failed": ["adult"], "near_miss": True, "left_out": "", "facts": {"transfer": []},
}  # fmt: skip
_SET: dict[str, Any] = {
    "table": "gold/training_readmission_30_days", "version": 2, "rows": 480, "cohort": "readmission_30_days",
    "features": "general", "facts": f"gold/risk_events@4#{_DIGEST}", "leaks": 0,
    "folds": {"train": {"rows": 290, "patients": 180, "positive": 25}},
    "snapshots": [f"gold/training_readmission_30_days@2#{_DIGEST}"],
}  # fmt: skip
_MADE: dict[str, Any] = {
    "name": _SET["snapshots"][0],
    "rows": 480,
    "hints": [],
    "manifest": {"facts": _SET["facts"], "leaks": []},
}


class FeaturesQuery(Model):
    """Of which set."""

    set: Annotated[str, Field(pattern=rf"^{NAME}$")] = told("general", "One that ships.", "general")


class TrainingSetsPath(Model):
    """Of which zone."""

    zone: LakeZone = told(..., "Whose lake.", "research")


class TrainingSetPath(TrainingSetsPath):
    """Which training set."""

    name: Annotated[str, Field(pattern=rf"^{NAME}$")] = told(
        ..., "Of its table, without the layer.", "training_readmission_30_days"
    )


class _CohortBody(Body):
    cohort: Annotated[str, Field(pattern=rf"^({NAME})?$")] = Field("", description="One that ships.")
    definition: Annotated[str, Field(max_length=65_536)] = Field(
        "", description="One of your own, as TOML or as a task file of ACES, in place of the name."
    )
    zone: RiskZone = "research"
    facts: Annotated[str, Field(max_length=300)] = Field(
        "", description="A version of the zone's table of facts, or newest; empty: the zone as it is."
    )
    notes: bool = Field(False, description="What annotated notes say, too.")


class CohortBody(_CohortBody):
    """Which cohort of which facts."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"cohort": "readmission_30_days", "zone": "identified"}}
    )

    limit: Annotated[int, Field(ge=0, le=1_000, strict=True)] = Field(0, description="Rows beside the counts.")


class CohortWhyBody(_CohortBody):
    """Which cohort, and of whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"cohort": "readmission_30_days", "zone": "identified", "patient": "Patient/p1"}},
    )

    patient: Annotated[str, Field(pattern=r"^(Patient/)?[A-Za-z0-9\-.]{1,64}$")]


class CohortCompareBody(_CohortBody):
    """Which two cohorts of which facts."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"cohort": "readmission_30_days", "other_cohort": "no_show"}}
    )

    other_cohort: Annotated[str, Field(pattern=rf"^({NAME})?$")] = Field("", description="The other, that ships.")
    other_definition: Annotated[str, Field(max_length=65_536)] = Field("", description="Or one of your own.")


class ComparedCohort(Model):
    """One of two; patients are null where they are few."""

    name: str
    title: str
    patients: Count | None


class CohortOverlap(Model):
    """Patients of both, and of one alone; null where they are few, or would tell of few."""

    both: Count | None
    only_one: Count | None
    only_other: Count | None


class CohortDistribution(Model):
    """Patients of each cohort by age, by sex, or with a condition."""

    name: Literal["age", "sex", "conditions"]
    bins: list[str]
    one: list[Count | None]
    other: list[Count | None]
    difference: float | None = Field(description="Total variation; null for conditions.")


class CohortComparison(Model):
    """Two cohorts beside each other, each patient at the first moment that is in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _COMPARED})

    cohorts: list[ComparedCohort]
    overlap: CohortOverlap
    distributions: list[CohortDistribution]
    smallest_cell: Count = Field(description="Fewer patients are not shown.")


class TrainingSetBody(Body):
    """Which training set to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"cohort": "readmission_30_days"}})

    cohort: Annotated[str, Field(pattern=rf"^({NAME})?$")] = Field("", description="One that ships.")
    definition: Annotated[str, Field(max_length=65_536)] = Field(
        "", description="Or one of your own, as TOML or as a task file of ACES."
    )
    features: Annotated[str, Field(pattern=rf"^{NAME}$")] = Field("general", description="A set that ships.")
    facts: Annotated[str, Field(max_length=300)] = Field("newest", description="A version of the table of facts.")
    split: Literal["patient", "temporal"] = "patient"
    cut: time.date | None = Field(None, description="Where a temporal split cuts.")
    allow_leaks: bool = Field(False, description="Keep a set that the leakage guard finds fault with.")


class ShippedCohort(Model):
    """A definition that ships."""

    name: str
    title: str
    source: str
    digest: str


class CohortList(Model):
    """The definitions that ship."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_SHIPPED]}})

    items: list[ShippedCohort]


class RiskFeature(Model):
    """A feature."""

    name: str
    concept: str
    meaning: str
    definition: str
    source: str
    window: str
    unit: str
    null: str = Field(description="What it means that there is none.")
    modifiable: bool
    tasks: list[str] = Field(description="Those that ship and use it.")


class FeatureSetBrief(Model):
    """A set of features that ships."""

    name: str
    title: str
    digest: str
    features: Count


class FeatureList(Model):
    """The features of a set."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _SETS})

    set: str
    sets: list[FeatureSetBrief]
    items: list[RiskFeature]


class CohortStep(Model):
    """What one rule left."""

    name: str
    why: str
    rows: Count
    patients: Count
    removed: Count


class CohortHint(Model):
    """What a cohort lacks because of its zone, and what to do."""

    code: str = Field(description="birth-unknown, type-withheld, years-only or no-index-event.")
    message: str
    remedy: str


class CohortCounts(Model):
    """A cohort rule by rule, and rows where any were asked for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _COUNTED})

    name: str
    digest: str
    steps: list[CohortStep]
    states: dict[str, Count]
    rows: Count
    patients: Count
    hints: list[CohortHint] = Field(description="What it lacks because of its zone.")
    shown: list[dict[str, Any]]


class CohortWhy(Model):
    """One moment of a patient."""

    index_time: time.datetime | None
    resource_key: str
    is_in: bool
    state: str | None
    label: bool | None
    failed: list[str] = Field(description="Rules that do not hold.")
    near_miss: bool = Field(description="Exactly one rule keeps it out.")
    left_out: str = Field(description="What else kept it out.")
    facts: dict[str, list[str]] = Field(description="Rule by rule, the resources that it saw.")


class CohortWhyList(Model):
    """Every moment of a patient at which the cohort could predict."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_WHY]}})

    items: list[CohortWhy]


class TrainingSet(Model):
    """A training set in the lake."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _SET})

    table: str
    version: Count
    rows: Count
    cohort: str
    features: str
    facts: str = Field(description="The snapshot of facts that it is made of.")
    folds: dict[str, dict[str, Any]]
    leaks: Count = Field(description="Of the guard, let pass.")
    snapshots: list[str] = Field(description="Versions that are kept, by the name that reads them.")


class TrainingSetList(Model):
    """Training sets of a zone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_SET]}})

    items: list[TrainingSet]


class ShownTrainingSet(TrainingSet):
    """A training set with its manifest."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _SET | {"manifest": _MADE["manifest"]}})

    manifest: dict[str, Any] = Field(description="Definitions, folds, missing shares, what the guard found.")


class MadeTrainingSet(Model):
    """A training set as it was made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _MADE})

    name: str = Field(description="What it is read by.")
    rows: Count
    hints: list[CohortHint] = Field(description="What its cohort lacks because of the zone.")
    manifest: dict[str, Any]
