"""What the routes of quarantine take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from careloom.api.schemas import CODE_PATTERN, REFUSED, RUN_ID, Count, Model, Progress, Refused, RunId, State
from careloom.services.redrives import MOST_RECORDS

RECORD_PATTERN = r"^[a-z2-7]{26}$"
TRY: dict[str, Any] = {
    "id": RUN_ID, "state": "done", "actor": "dana.engineer", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:04.117000+00:00", "progress": {"done": 3, "total": 3}, "error": None,
    "tried": 3, "stored": 2, "refused": 1, "erased": 0,
}  # fmt: skip


class WaitingReason(Model):
    """How many records wait for one reason."""

    code: Annotated[str, Field(pattern=CODE_PATTERN)]
    count: Count


class QuarantinePage(Model):
    """What waits: counts of all, and some of the records in order of arrival."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "waiting": 3, "reasons": [{"code": "fhir.required-missing", "count": 3}], "items": [REFUSED],
                "next": "17",
            }
        },
    )  # fmt: skip

    waiting: Count
    reasons: list[WaitingReason] = Field(description="The most frequent first.")
    items: list[Refused]
    next: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = Field(description="The cursor of the next page.")


class RedriveAsk(Model):
    """What to try again; nothing for all that waits."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "fhir.required-missing"}})

    records: Annotated[list[Annotated[str, Field(pattern=RECORD_PATTERN)]], Field(max_length=MOST_RECORDS)] = Field(
        default_factory=list, description="Ids of records; with them no `code`."
    )
    code: Annotated[str, Field(pattern=rf"^({CODE_PATTERN[1:-1]})?$")] = Field(
        "", description="Only records that wait for this reason."
    )


class Redrive(Model):
    """Another try; its counts are those so far while it runs."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": TRY})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress = Field(description="In records.")
    error: str | None = Field(description="The code of the error that ended it.")
    tried: Count = Field(description="`stored` + `refused` + `erased`.")
    stored: Count
    refused: Count = Field(description="Refused again, perhaps for another reason: they wait.")
    erased: Count = Field(description="About patients who were erased: gone now.")
