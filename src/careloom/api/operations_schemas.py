"""What the routes for operators give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.lists import NEXT, TimesQuery
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
    numbers: dict[str, float] = Field(description="What was counted: jobs that wait, free bytes, days of keys.")


class Health(Model):
    """How everything is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"state": "ok", "dependencies": [QUEUE]}}
    )  # fmt: skip

    state: Literal["ok", "degraded", "failed"] = Field(
        description="failed: keys, the identified store or the queue; degraded: anything else is failed or nearly so."
    )
    dependencies: list[DependencyState]


LINE: dict[str, Any] = {
    "time": "2026-11-22T01:02:03.412000+00:00", "level": "info", "logger": "careloom.access", "event": "request",
    "fields": {"method": "GET", "route": "/api/v1/me", "status": 200, "request_id": "5f" * 16, "actor": "ward"},
}  # fmt: skip


class OperatorLogsQuery(TimesQuery):
    """Which lines of the log."""

    level: Literal["debug", "info", "warning", "error", "critical"] = told("debug", "The least level.", "warning")
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = told("", "Of an error or an issue.", "setup")
    request: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = told("", "X-Request-Id of an answer.", "5f" * 16)


class OperatorLogLine(Model):
    """One line of the log."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LINE})

    time: str
    level: str
    logger: str
    event: str = Field(description="A fixed sentence: it quotes nothing.")
    fields: dict[str, Any] = Field(description="From an allow-list: routes, codes, counts, ids of runs and requests.")


class OperatorLogPage(Model):
    """Lines, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [LINE], "next": None}})

    items: list[OperatorLogLine]
    next: str | None = NEXT
