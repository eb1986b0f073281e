"""What the platform's own routes take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
import re
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

RUN_PATTERN = r"^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}$"
CODE_PATTERN = r"^[a-z0-9][a-z0-9.-]{0,99}$"
ASYNC_PATTERN = r"(?:^|[,;\s])respond-async\s*(?:[,;]|$)"
"""What the header Prefer of a request says that wants to be answered later (RFC 7240)."""
SIGN = r"[^\s\x00-\x1f\x7f-\x9f]"
"""A character that is neither a space nor a control: one at least makes a text that says something."""
RUN_ID = "20261122T010203Z-abc234"

Count = Annotated[int, Field(ge=0)]
RunId = Annotated[str, Field(pattern=RUN_PATTERN, description="Sorts by time: ids that begin later are greater.")]


def _is_written_out(value: object) -> object:
    if not isinstance(value, str) or re.match(r"\d{4}-", value) is None:
        raise ValueError("a date and time is written out")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_is_written_out)]
"""RFC 3339; a number is none, though it could be read as seconds."""


class Model(BaseModel):
    """Closed to members that nobody declared."""

    model_config = ConfigDict(extra="forbid")


def no_truth(value: object) -> object:
    """The value, where it is neither true nor false. raises ValueError"""
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


class Body(Model):
    """What a request brings as JSON: true and false are no numbers."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_kind(cls, value: object, info: ValidationInfo) -> object:
        return value if cls.model_fields[info.field_name or ""].annotation is bool else no_truth(value)


class RunsQuery(Model):
    """Which page of a list of runs."""

    limit: Annotated[int, Field(ge=1, le=200, description="Items of one page.", json_schema_extra={"example": 20})] = 20
    cursor: Annotated[
        str,
        Field(
            pattern=rf"^({RUN_PATTERN[1:-1]})?$",
            description="`next` of the page before; empty for the first page.",
            json_schema_extra={"example": RUN_ID},
        ),
    ] = ""


class Fault(Model):
    """One member that breaks its schema: its name and the rule, never its value."""

    name: str
    rule: str


class Problem(Model):
    """What went wrong, whose fault it is and what to do (RFC 9457)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "type": "urn:careloom:problem:input.not-found",
                "title": "input: not found",
                "status": 404,
                "detail": "there is no ingestion of this id",
                "code": "input.not-found",
                "remedy": "List them: GET /api/v1/ingestions.",
                "instance": "urn:careloom:request:5d2b8f0c0d4e4f0f9d5a3c1b2a190817",
            }
        },
    )

    type: str = Field(description="A name of the kind of problem; not to be fetched.")
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str = Field(description="Where it went wrong; never a patient's value.")
    code: str = Field(description="Stable: what a program looks at.")
    remedy: str = Field(description="What to do next.")
    instance: str = Field(description="The request, as the header X-Request-Id names it.")
    errors: list[Fault] | None = None


class Progress(Model):
    """How far the bytes are read; total is 0 while nobody knows."""

    done: Count
    total: Count


class Totals(Model):
    """What became of the records: records = known + stored + kept + quarantined + erased."""

    files: Count
    records: Count
    known: Count = Field(description="Were here before.")
    stored: Count
    kept: Count = Field(description="In the landing zone only: headers and envelopes.")
    quarantined: Count
    erased: Count = Field(description="About erased patients: not kept.")
    resources: Count = Field(description="Made of the stored records.")
    bytes: Count


class FormatCount(Model):
    """Records of one format."""

    format: str
    records: Count
    quarantined: Count


class IssueCount(Model):
    """How often one kind of trouble was met."""

    code: str
    severity: Literal["fatal", "error", "warning", "information"]
    count: Count


State = Literal["waiting", "running", "done", "failed", "cancelled"]

INGESTION: dict[str, Any] = {
    "id": RUN_ID,
    "state": "done",
    "actor": "lab-gateway",
    "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:04.907000+00:00",
    "progress": {"done": 48213, "total": 48213},
    "totals": {
        "files": 1, "records": 103, "known": 0, "stored": 101, "kept": 0, "quarantined": 2, "erased": 0,
        "resources": 101, "bytes": 48213,
    },
    "by_format": [{"format": "fhir", "records": 103, "quarantined": 2}],
    "issues": [{"code": "fhir.required-missing", "severity": "error", "count": 2}],
    "error": None,
}  # fmt: skip
FILE: dict[str, Any] = {
    "manifest_id": "4q2c7lq6m5v3wyf4d2y7z2k7xa", "format": "fhir", "state": "complete", "bytes": 48213, "records": 103,
    "known": 0, "stored": 101, "kept": 0, "quarantined": 2, "erased": 0, "resources": 101, "root": "9f" * 32,
}  # fmt: skip


class Ingestion(Model):
    """One ingestion: an upload, or a run that was started by another face of the platform."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": INGESTION})

    id: RunId
    state: State
    actor: str = Field(description="Who asked for it; empty if that was not noted.")
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress
    totals: Totals
    by_format: list[FormatCount]
    issues: list[IssueCount]
    error: str | None = Field(description="The code of the error that ended it.")


class File(Model):
    """One file or archive member; its name stays sealed, `manifest_id` stands for it."""

    manifest_id: str
    format: str
    state: Literal["complete", "unchanged", "unreadable"]
    bytes: Count
    records: Count
    known: Count
    stored: Count
    kept: Count
    quarantined: Count
    erased: Count
    resources: Count
    root: str = Field(description="Merkle root over the keyed hashes of the records, in hex; empty while open.")


class Stage(Model):
    """One step of the pipeline."""

    name: str
    version: str


class IngestionDetail(Ingestion):
    """One ingestion with its files and the stages that made its resources."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": INGESTION
            | {"files": [FILE], "stages": [{"name": "fhir_json", "version": "1"}], "config_hash": "1c" * 32}
        },
    )

    files: list[File]
    stages: list[Stage]
    config_hash: str = Field(description="Empty until the run has ended.")


class IngestionPage(Model):
    """Ingestions, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [INGESTION], "next": RUN_ID}})

    items: list[Ingestion]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")


REFUSED: dict[str, Any] = {
    "record": "7x4o2q5w3m6n7b5v4c3z2l6k5j", "format": "fhir", "place": "line 17", "where": "Observation.status",
    "reason": "fhir.required-missing", "message": "a required element is missing",
    "remedy": "Add the element at the source and send the record again.", "attempts": 1,
    "since": "2026-11-22T01:02:04.512000+00:00",
}  # fmt: skip


class Refused(Model):
    """One record that waits in quarantine, without its content."""

    record: str = Field(description="The keyed id of the record.")
    format: str
    place: str = Field(description="Where in its file.")
    where: str = Field(description="Where in the record.")
    reason: str
    message: str
    remedy: str
    attempts: Count
    since: time.datetime


class IssuePage(Model):
    """What was wrong in one ingestion: all kinds with their counts, and the records that wait in quarantine."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"counts": INGESTION["issues"], "items": [REFUSED], "next": None}},
    )

    counts: list[IssueCount]
    items: list[Refused]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")


class ZoneCount(Model):
    """The current resources of one zone."""

    zone: Literal["identified", "research", "synthetic"]
    total: Count
    resources: dict[str, Count] = Field(description="By type.")
    changed: time.datetime | None = Field(description="When a current version was made last; null in an empty zone.")
    alarms: Count | None = Field(description="Alarms of watched models that stand; null where none are watched.")


class Day(Model):
    """One day's records."""

    day: time.date
    stored: Count
    quarantined: Count


class ArrivalCount(Model):
    """What arrived since the beginning."""

    runs: Count
    files: Count
    records: Count
    stored: Count
    kept: Count
    known: Count
    quarantined: Count
    erased: Count
    resources: Count
    bytes: Count
    last: time.datetime | None = Field(description="When the last run ended.")
    by_format: list[FormatCount]
    by_day: list[Day] = Field(description="The last 90 days on which a run ended, oldest first.")


class ReasonCount(Model):
    """Records that wait in quarantine for one reason."""

    code: str
    count: Count


class RefusedCount(Model):
    """What waits in quarantine."""

    waiting: Count
    reasons: list[ReasonCount]


class Quality(Model):
    """How good what arrived is."""

    accepted_share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        description="Of the records that were new; null if none was."
    )
    issues: list[IssueCount] = Field(description="The twenty most frequent.")


class JobCount(Model):
    """Long work that has not ended well."""

    waiting: Count
    running: Count
    failed: Count


class Overview(Model):
    """The installation on one page; a part is null where the caller may not monitor it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "generated": "2026-11-22T01:02:05+00:00",
                "zones": [{"zone": "identified", "total": 101, "resources": {"Observation": 100, "Patient": 1},
                           "changed": "2026-11-22T01:02:04.907000+00:00", "alarms": 0}],
                "arrivals": {
                    "runs": 1, "files": 1, "records": 103, "stored": 101, "kept": 0, "known": 0, "quarantined": 2,
                    "erased": 0, "resources": 101, "bytes": 48213, "last": "2026-11-22T01:02:04.907000+00:00",
                    "by_format": INGESTION["by_format"],
                    "by_day": [{"day": "2026-11-22", "stored": 101, "quarantined": 2}],
                },
                "refused": {"waiting": 2, "reasons": [{"code": "fhir.required-missing", "count": 2}]},
                "quality": {"accepted_share": 0.980583, "issues": INGESTION["issues"]},
                "jobs": {"waiting": 0, "running": 0, "failed": 0},
            }
        },
    )  # fmt: skip

    generated: time.datetime
    zones: list[ZoneCount]
    arrivals: ArrivalCount | None
    refused: RefusedCount | None
    quality: Quality | None
    jobs: JobCount | None
