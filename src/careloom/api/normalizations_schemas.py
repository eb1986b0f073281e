"""What the routes of normalizations take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool

from careloom.api.linkage_schemas import ONE_ID
from careloom.api.schemas import RUN_ID, Count, Model, Progress, RunId, State

RUN: dict[str, Any] = {
    "id": RUN_ID, "state": "done", "actor": "dana.engineer", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:09.907000+00:00", "progress": {"done": 16548, "total": 16548}, "error": None,
    "rehearsal": True, "read": 16548, "changed": 112, "refused": 0, "left": 1,
}  # fmt: skip
CHANGE: dict[str, Any] = {
    "code": "normalize.unit-coded", "message": "the unit got its UCUM code", "remedy": "", "count": 112,
    "examples": [
        {"resource": f"Observation/{ONE_ID}", "place": "Observation.valueQuantity", "patient": f"Patient/{ONE_ID}"}
    ],
}  # fmt: skip
LEFT: dict[str, Any] = {
    "code": "normalize.unit-unknown", "message": "the unit is neither UCUM nor a spelling that is known",
    "remedy": "Add the spelling to the mapping of this source, or let the sender use UCUM", "count": 1, "examples": [],
}  # fmt: skip


class NormalizationAsk(Model):
    """What to do; the policy is that of the installation's settings."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"rehearsal": True}})

    rehearsal: StrictBool = Field(True, description="Tell what would change, and change nothing.")


class Normalization(Model):
    """One normalization; its counts are those so far while it runs."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RUN})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress = Field(description="In resources.")
    error: str | None = Field(description="The code of the error that ended it.")
    rehearsal: bool
    read: Count = Field(description="Resources that were looked at.")
    changed: Count = Field(description="Resources that have a new version; in a rehearsal, that would have one.")
    refused: Count = Field(description="Resources that would have been invalid: left as they were, a defect.")
    left: Count = Field(description="Elements that could not be brought into form: left as they came.")


class MetIn(Model):
    """Where a code was met."""

    resource: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}$")]
    place: str = Field(description="The element, as FHIRPath; never a value.")
    patient: Annotated[str, Field(pattern=r"^(Patient/[A-Za-z0-9.-]{1,64})?$")] = Field(
        description="Whom the resource is about; empty for nobody."
    )


class RewrittenCode(Model):
    """What one code says, and how often."""

    code: str
    message: str
    remedy: str = Field(description="What to do; empty where nothing is.")
    count: Count = Field(description="Elements, not resources.")
    examples: list[MetIn] = Field(description="At most five; without what is gone since.")


class NormalizationDetail(Normalization):
    """One normalization with what it did by code."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": RUN | {"changes": [CHANGE], "warnings": [LEFT]}}
    )

    changes: list[RewrittenCode] = Field(description="What was rewritten, or would be; the most frequent first.")
    warnings: list[RewrittenCode] = Field(description="What was left as it came.")


class NormalizationPage(Model):
    """Normalizations, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RUN], "next": RUN_ID}})

    items: list[Normalization]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")
