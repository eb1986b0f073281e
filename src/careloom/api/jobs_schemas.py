"""What the routes of jobs take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.schemas import CODE_PATTERN, RUN_ID, Count, Model, Moment, State
from careloom.services.jobs_shown import CURSOR_PATTERN

JOB_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"
JOB: dict[str, Any] = {
    "id": RUN_ID, "kind": "ingest", "state": "running", "actor": "lab-gateway",
    "created": "2026-11-22T01:02:03+00:00", "due": None, "started": "2026-11-22T01:02:03.412000+00:00", "ended": None,
    "progress": {"done": 48213, "total": 96426}, "attempts": 1, "failures": 0, "error": None,
    "about": f"/api/v1/ingestions/{RUN_ID}", "cpu_seconds": None, "wall_seconds": None, "bytes": 1048576,
}  # fmt: skip
LINE: dict[str, Any] = {"number": 7, "time": "2026-11-22T01:02:09.1+00:00", "code": "jobs.retry.state.conflict"}
STREAM = {
    "id": "0:running.1.48213.96426",
    "event": "progress",
    "data": '{"id":"20261122T010203Z-abc234","state":"running"}',
}


Seconds = Annotated[float, Field(ge=0)]


class JobProgress(Model):
    """How far the work is, in units of its kind; total is 0 while nobody knows."""

    done: Count
    total: Count


class Job(Model):
    """One piece of long work as it stands."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": JOB})

    id: Annotated[str, Field(pattern=JOB_PATTERN)]
    kind: str = Field(description="What kind of work, such as ingest, deidentify, train-risk.")
    state: State
    actor: str = Field(description="Who asked for it.")
    created: time.datetime
    due: time.datetime | None = Field(description="While it waits: when it begins; null for at once.")
    started: time.datetime | None = Field(description="Of the last try.")
    ended: time.datetime | None
    progress: JobProgress
    attempts: Count = Field(description="How often a worker took it.")
    failures: Count = Field(description="Tries in a row that failed by an error that may pass.")
    error: str | None = Field(description="The code of the error that ended it.")
    about: str | None = Field(description="Where what it makes is shown; null where it has no address of its own.")
    cpu_seconds: Seconds | None = Field(description="Of processors, over all tries; null where nobody measured.")
    wall_seconds: Seconds | None = Field(description="That its tries lasted; null where nobody measured.")
    bytes: Count | None = Field(description="That an ingestion read; null of other jobs.")


class JobPage(Model):
    """Jobs, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [JOB], "next": None}})

    items: list[Job]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")


class LogLine(Model):
    """One line of the log of a job."""

    number: Count = Field(description="Numbers only grow, and leave out some.")
    time: time.datetime
    code: str = Field(description="A fixed code; never a value of a patient.")


class LogPage(Model):
    """Some lines of a log, oldest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [LINE], "next": None}})

    items: list[LogLine]
    next: Count | None = Field(description="`after` of the next page, null on the last one.")


class JobPath(Model):
    """Which job."""

    job_id: Annotated[str, Field(pattern=JOB_PATTERN)] = told(..., "The id of the job.", RUN_ID)


class JobsQuery(Model):
    """Which jobs, and which page of them."""

    kind: Annotated[str, Field(pattern=f"^$|{CODE_PATTERN}")] = told("", "Only jobs of this kind.", "ingest")
    state: Annotated[str, Field(pattern=r"^(waiting|running|done|failed|cancelled)?$")] = told(
        "", "Only jobs in this state.", "failed"
    )
    actor: Annotated[str, Field(max_length=200)] = told("", "Only jobs that they asked for.", "lab-gateway")
    since: Moment | None = told(None, "Queued at this time or later.", "2026-01-01T00:00:00Z")
    until: Moment | None = told(None, "Queued before this time.", "2026-12-01T00:00:00Z")
    limit: Annotated[int, Field(ge=1, le=200)] = told(20, "Items of one page.", 20)
    cursor: Annotated[str, Field(pattern=CURSOR_PATTERN)] = told("", "`next` of the page before.", "")


class LogQuery(Model):
    """Which page of a log."""

    after: Annotated[int, Field(ge=0, lt=2**53)] = told(0, "Only lines of a greater number.", 0)
    limit: Annotated[int, Field(ge=1, le=1000)] = told(100, "Lines of one page.", 100)


class NoQuery(Model):
    """No parameter is taken."""
