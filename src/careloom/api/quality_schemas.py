"""Bodies of the routes of data quality."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from careloom.api.schemas import RUN_ID, Count, Model, Progress, RunId, State

ZoneName = Literal["identified", "research", "synthetic"]
Percent = Annotated[float, Field(ge=0, le=100)]
RULE_PATTERN = r"^[a-z0-9][a-z0-9-]{0,99}$"
SOURCE_PATTERN = r"^[A-Za-z0-9._:-]{0,64}$"
Category = Literal["conformance", "completeness", "plausibility"]

LOOK: dict[str, Any] = {
    "id": RUN_ID, "zone": "identified", "state": "done", "actor": "lab-gateway",
    "started": "2026-11-22T01:02:03.412000+00:00", "ended": "2026-11-22T01:02:09.907000+00:00",
    "progress": {"done": 14214, "total": 14214}, "error": None,
}  # fmt: skip


def _as_written(value: object) -> object:
    """Refuses what pydantic would turn into a day: numbers, and times of midnight."""
    if not isinstance(value, str) or len(value) != len("2026-11-28"):
        raise ValueError("write the day as 2026-11-28")
    return value


Day = Annotated[time.date, BeforeValidator(_as_written)]


class LookAsk(Model):
    """What to look at."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"zone": "identified"}})

    zone: ZoneName = "identified"
    source: Annotated[str, Field(pattern=SOURCE_PATTERN)] = Field(
        "", description="Only what this source system sent; empty for all."
    )
    since: Day | None = Field(None, description="Only what was stored from this day on, UTC.")


class Look(Model):
    """One look at a zone, as a job."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LOOK})

    id: RunId
    zone: ZoneName
    state: State
    actor: str
    started: time.datetime | None
    ended: time.datetime | None
    progress: Progress = Field(description="In resources.")
    error: str | None


BRIEF: dict[str, Any] = {
    "run_id": RUN_ID, "zone": "identified", "source": "", "since": "", "actor": "lab-gateway",
    "started": "2026-11-22T01:02:03.412000+00:00", "ended": "2026-11-22T01:02:09.907000+00:00", "resources": 14214,
    "score": 96.9, "categories": {"conformance": 98.7, "completeness": 95.5, "plausibility": 96.5},
    "sources": {"main-lab": 96.9}, "passed": 46, "failed": 10, "not_applicable": 11, "failed_rules": ["no-duplicates"],
}  # fmt: skip


class LookBrief(Model):
    """A finished look at a glance."""

    run_id: RunId
    zone: ZoneName
    source: str
    since: str
    actor: str
    started: time.datetime
    ended: time.datetime
    resources: Count
    score: Percent | None
    categories: dict[str, Percent | None]
    sources: dict[str, Percent | None]
    passed: Count
    failed: Count
    not_applicable: Count
    failed_rules: list[str]


class LookPage(Model):
    """Finished looks, newest first: the trend."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [BRIEF], "next": None}})

    items: list[LookBrief]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")


class CategoryScore(Model):
    """How one of Kahn's categories stands."""

    category: Category
    score: Percent | None
    passed: Count
    failed: Count
    not_applicable: Count


class SourceScore(Model):
    """How one source stands."""

    source: str
    resources: Count
    score: Percent | None
    rules_failed: Count
    categories: dict[str, Percent | None]


class Place(Model):
    """One rule in one place."""

    source: str
    type: str
    path: str
    total: Count
    failed: Count
    percent: float | None


RULE: dict[str, Any] = {
    "id": "not-in-the-future", "title": "What has happened did not happen in the future", "category": "plausibility",
    "subcategory": "temporal", "check": "date", "severity": "error", "dqd": ["plausibleValueHigh"],
    "threshold_percent": 0, "status": "fail", "reason": "8 of 9 lie in the future.", "total": 9, "failed": 8,
    "percent": 88.8889, "remedy": "Look at the clock of the sender.", "source": "OHDSI DQD plausibleValueHigh",
    "places": [{"source": "main-lab", "type": "Observation", "path": "effectiveDateTime", "total": 9, "failed": 8,
                "percent": 88.8889}],
    "examples": ["Observation/4q2c7lq6m5v3wyf4d2y7z2k7xa"], "notes": [],
}  # fmt: skip


class RuleResult(Model):
    """One rule, and how the zone keeps it."""

    id: str
    title: str
    category: Category
    subcategory: str
    check: str
    severity: Literal["error", "warning", "information"]
    dqd: list[str] = Field(description="Check types of the OHDSI Data Quality Dashboard that it translates.")
    threshold_percent: Percent
    status: Literal["pass", "fail", "not applicable"]
    reason: str = Field(description="Why it fired, passed, or does not apply.")
    total: Count
    failed: Count
    percent: float | None
    remedy: str
    source: str = Field(description="Who says so.")
    places: list[Place]
    examples: list[str] = Field(description="Some resources that break it, the worst first.")
    notes: list[str] = Field(description="What breaks it where that is no resource: days of a feed.")


class FieldCount(Model):
    """How often one element is there."""

    field: str
    count: Count
    percent: float | None


class FieldCounts(Model):
    """The elements of one source and type."""

    source: str
    type: str
    total: Count
    fields: list[FieldCount]


class QualityReport(Model):
    """One look at a zone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                **{name: BRIEF[name] for name in ("run_id", "zone", "source", "since", "actor", "started", "ended",
                                                  "resources", "score")},
                "own_rules": False,
                "categories": [{"category": "plausibility", "score": 96.5, "passed": 20, "failed": 4,
                                "not_applicable": 10}],
                "sources": [{"source": "main-lab", "resources": 14214, "score": 96.9, "rules_failed": 10,
                             "categories": BRIEF["categories"]}],
                "rules": [RULE],
                "completeness": [{"source": "main-lab", "type": "Patient", "total": 100,
                                  "fields": [{"field": "birthDate", "count": 98, "percent": 98.0}]}],
            }
        },
    )  # fmt: skip

    run_id: RunId
    zone: ZoneName
    source: str
    since: str
    actor: str
    started: time.datetime
    ended: time.datetime
    own_rules: bool = Field(description="True when an installation's own file or thresholds changed the rules.")
    resources: Count
    score: Percent | None = Field(description="The mean share of what keeps a rule, weighted by severity.")
    categories: list[CategoryScore]
    sources: list[SourceScore]
    rules: list[RuleResult]
    completeness: list[FieldCounts]


class BrokenRow(Model):
    """One resource that breaks a rule."""

    resource: str
    record: str = Field(description="The id of its source record; empty if it came from none.")
    source: str
    path: str


class RuleBrief(Model):
    """The rule that is broken."""

    id: str
    title: str
    status: Literal["pass", "fail", "not applicable"]
    reason: str
    total: Count
    failed: Count
    remedy: str
    notes: list[str]


class BrokenRows(Model):
    """A page of the resources that break a rule."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "run_id": RUN_ID, "zone": "identified",
                "rule": {name: RULE[name] for name in RuleBrief.model_fields},
                "items": [{"resource": "Observation/4q2c7lq6m5v3wyf4d2y7z2k7xa", "record": "4q2c7lq6m5v3wyf4d2y7z2k7xa",
                           "source": "main-lab", "path": "effectiveDateTime"}],
                "next": None,
            }
        },
    )  # fmt: skip

    run_id: RunId
    zone: ZoneName
    rule: RuleBrief
    items: list[BrokenRow]
    next: str | None


class RuleText(Model):
    """One rule in force."""

    id: str
    title: str
    category: Category
    subcategory: str
    check: str
    severity: Literal["error", "warning", "information"]
    threshold_percent: Percent
    dqd: list[str]
    why: str
    remedy: str
    source: str
    on: dict[str, list[str]] = Field(description="Resource type, or *, to paths.")


class RuleList(Model):
    """The rules in force."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "items": [
                    {name: RULE[name] for name in RuleText.model_fields if name in RULE}
                    | {"why": "A date that is still to come.", "on": {"Patient": ["birthDate"]}}
                ]
            }
        },
    )

    items: list[RuleText]
