"""What the routes for operators give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.schemas import Model

State = Literal["ok", "degraded", "failed", "off"]
QUEUE: dict[str, Any] = {
    "name": "queue", "state": "ok", "seconds": 0.0021, "reason": "",
    "numbers": {"waiting": 2.0, "oldest_waiting_seconds": 3.5},
}  # fmt: skip


class DependencyState(Model):
    """One thing that this installation depends on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": QUEUE})

    name: str
    state: State = Field(description="off: nothing here needs it.")
    seconds: Annotated[float, Field(ge=0)] = Field(description="How long its answer took.")
    reason: str = Field(description="Code or class of what is wrong; empty where nothing is.")
    numbers: dict[str, float] = Field(description="What was counted: jobs that wait, bytes that are free.")


class Health(Model):
    """How everything is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"state": "ok", "dependencies": [QUEUE]}}
    )  # fmt: skip

    state: Literal["ok", "degraded", "failed"] = Field(
        description="failed: keys, the identified store or the queue; degraded: anything else is failed or nearly so."
    )
    dependencies: list[DependencyState]
