"""What the routes of reports take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.lists import NEXT
from careloom.api.schemas import RUN_ID, Model, RunId
from careloom.services.report_pages import LONGEST_PAGE
from careloom.services.reports import DIGEST_PATTERN, KIND_PATTERN, MOST_KEPT

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Kind = Annotated[str, Field(pattern=KIND_PATTERN)]
PageAddress = Annotated[str, Field(max_length=LONGEST_PAGE)]
Hour = Annotated[int, Field(ge=0, le=23)]
Keep = Annotated[int, Field(ge=1, le=MOST_KEPT)]
Cadence = Literal["daily", "weekly", "monthly"]
REPORT: dict[str, Any] = {
    "id": RUN_ID, "by": "petra.privacy", "page": "quality", "made": "2026-11-22T01:02:03.412000+00:00",
    "content": SHA256, "file": SHA256, "schedule": None, "is_kept": False,
}  # fmt: skip
SCHEDULE: dict[str, Any] = {
    "id": RUN_ID, "by": "petra.privacy", "page": "quality?zone=research", "cadence": "weekly", "hour": 6, "keep": 12,
    "paused": False, "created": "2026-11-22T01:02:03.412000+00:00", "next": "2026-11-23T06:00:00+00:00",
    "last": {"at": "2026-11-16T06:00:01+00:00", "state": "done", "error": None, "report": RUN_ID},
}  # fmt: skip


class ReportMade(Model):
    """A report that somebody declares."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"page": "quality", "content": SHA256, "file": SHA256}}
    )

    page: Kind = Field(description="The kind of page: the first part of its address, `overview` for the start.")
    content: Digest = Field(description="SHA-256 of what it says, as its foot has it.")
    file: Digest = Field(description="SHA-256 of its bytes.")


class ReportEntry(Model):
    """An entry of the register of reports."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": REPORT})

    id: RunId
    by: str = Field(description="Whose schedule made it, or who declared it.")
    page: Kind
    made: time.datetime
    content: Digest
    file: Digest
    schedule: RunId | None = Field(description="The schedule that made it here; null where `by` declared it.")
    is_kept: bool = Field(description="Whether its file is kept here.")


class ReportEntries(Model):
    """A page of the register, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [REPORT], "next": None}})

    items: list[ReportEntry]
    next: str | None = NEXT


class ReportScheduleAsk(Model):
    """Of which page, and when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"page": "quality?zone=research", "cadence": "weekly", "hour": 6, "keep": 12}},
    )

    page: PageAddress = Field(description="The address below `/dashboard/`, with its query; empty for the overview.")
    cadence: Cadence = Field(description="Every day, every Monday, or on the first of each month.")
    hour: Hour = Field(description="UTC.")
    keep: Keep = Field(12, description="How many of its reports stay.")


class SchedulePaused(Model):
    """Whether a schedule rests."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"paused": True}})

    paused: bool


class ReportRun(Model):
    """What came of the last run of a schedule."""

    at: time.datetime
    state: Literal["done", "failed"]
    error: str | None = Field(description="The code of what failed, as `access` where the page may be seen no more.")
    report: RunId | None


class ReportSchedule(Model):
    """A page that becomes a report again and again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SCHEDULE})

    id: RunId
    by: str
    page: PageAddress
    cadence: Cadence
    hour: Hour
    keep: Keep
    paused: bool
    created: time.datetime
    next: time.datetime = Field(description="When it is due.")
    last: ReportRun | None


class ReportSchedulePage(Model):
    """A page of schedules, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [SCHEDULE], "next": None}})

    items: list[ReportSchedule]
    next: str | None = NEXT
