"""What the routes of queued scorings take and give, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool

from careloom.api.answers import told
from careloom.api.lists import NEXT
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Body, Count, Model, Progress, RunId, State
from careloom.api.scores_schemas import COHORT, CohortScore, ModelName, Moment, UnitCostsBody

JOB: dict[str, Any] = {
    "id": RUN_ID, "state": "done", "actor": "rosa", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:04:03.412000+00:00", "progress": {"done": 120, "total": 120}, "error": None,
    "model": "readmission-30d@3", "zone": "identified", "report": COHORT | {"left": 0},
}  # fmt: skip


LISTED_JOB: dict[str, Any] = {name: told for name, told in JOB.items() if name != "report"} | {
    "created": "2026-11-22T01:02:02.900000+00:00"
}


class ScoreRunBody(Body):
    """Which model over which zone."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"model": "readmission-30d@champion", "capacity": 20}}
    )

    model: ModelName
    zone: Literal["identified", "research", "synthetic"] = "identified"
    cohort: Annotated[str, Field(max_length=100)] = Field("", description="The model's own; empty: not checked.")
    facts: Annotated[str, Field(max_length=300)] = Field(
        "", description="A version of the zone's table of facts, or newest; empty: the zone as it is."
    )
    as_of: Moment | None = None
    capacity: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] | None = Field(
        None, description="Calls that can be made."
    )
    costs: UnitCostsBody | None = None
    write: StrictBool = False


class ScoreRunPath(Model):
    """Which run."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the run.", RUN_ID)


class ScoreRunReport(CohortScore):
    """Who stood how, and whom to call first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": COHORT | {"left": 0}})

    left: Count = Field(description="On the list no more: erased since, or hidden from the caller.")


class ScoreRunBrief(Model):
    """A queued scoring, without whom it listed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LISTED_JOB})

    id: RunId
    state: State
    actor: str
    created: time.datetime = Field(description="When it was queued.")
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress = Field(description="In resources while they are read, in patients after that.")
    error: str | None = Field(description="The code of the error that ended it.")
    model: str = Field(description="By its number from when the run begins.")
    zone: str


class ScoreRunList(Model):
    """The scorings that the caller queued, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [LISTED_JOB], "next": None}})

    items: list[ScoreRunBrief]
    next: str | None = NEXT


class ScoreRun(Model):
    """A queued scoring."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": JOB})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress = Field(description="In resources while they are read, in patients after that.")
    error: str | None = Field(description="The code of the error that ended it.")
    model: str = Field(description="By its number from when the run begins.")
    zone: str
    report: ScoreRunReport | None = Field(description="Null until it is done.")
