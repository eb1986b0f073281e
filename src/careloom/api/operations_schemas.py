"""What the routes for operators give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.lists import NEXT, TimesQuery
from careloom.api.schemas import Count, Model, Moment

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
    component: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{0,100}$")] = told(
        "", "Of this logger, or of those below it.", "careloom.access"
    )
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


NUMBERS: dict[str, Any] = {
    "requests": 4812, "refused": 31, "failed": 2, "p50_seconds": 0.011, "p95_seconds": 0.084, "p99_seconds": 0.41,
}  # fmt: skip
TIMES: dict[str, str] = {"since": "2026-11-21T12:00:00+00:00", "until": "2026-11-22T12:00:00+00:00"}
USAGE: dict[str, Any] = {
    **TIMES, "is_whole": True, "is_kept": True, "oldest": TIMES["since"], "all": NUMBERS,
    "routes": [{"method": "GET", "route": "/api/v1/overview", **NUMBERS}],
    "actors": [{"actor": "lab-gateway", **NUMBERS}], "steps": [{"time": TIMES["since"], **NUMBERS}],
}  # fmt: skip
COSTS: dict[str, Any] = {
    **TIMES,
    "items": [
        {
            "kind": "ingest", "actor": "lab-gateway", "jobs": 24, "measured": 24, "attempts": 25, "cpu_seconds": 181.4,
            "wall_seconds": 203.7, "bytes": 734003200,
        }
    ],
    "more": 0,
}  # fmt: skip


class WindowQuery(Model):
    """Of which time: half-open, 31 days at most; the last 24 hours where nothing is said."""

    since: Moment | None = told(None, "From this moment on.", "2026-11-22T00:00:00Z")
    until: Moment | None = told(None, "Before this moment.", "2026-11-23T00:00:00Z")


class RequestNumbers(Model):
    """What is told of some requests."""

    requests: Count
    refused: Count = Field(description="Answered 400 to 499.")
    failed: Count = Field(description="Answered 500 and above.")
    p50_seconds: float | None = Field(description="Half of them took at most this; null where there is none.")
    p95_seconds: float | None
    p99_seconds: float | None


class RouteNumbers(RequestNumbers):
    """Of one route."""

    method: str
    route: str = Field(description="The template, never a path; empty for an address that no route has.")


class ActorNumbers(RequestNumbers):
    """Of one caller."""

    actor: str = Field(description="Empty for who showed no token that holds.")


class StepNumbers(RequestNumbers):
    """Of one step of time."""

    time: str = Field(description="When it begins.")


class Usage(Model):
    """How the API was used."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": USAGE})

    since: str
    until: str
    is_whole: bool = Field(description="False where more lines lie in the time than one report reads.")
    is_kept: bool = Field(description="False where the settings keep no line of requests.")
    oldest: str = Field(description="All counts begin here.")
    all: RequestNumbers
    routes: list[RouteNumbers] = Field(description="200 at most, the most frequent first.")
    actors: list[ActorNumbers] = Field(description="200 at most, the most frequent first.")
    steps: list[StepNumbers] = Field(description="24 steps of equal length.")


class CostRow(Model):
    """What jobs of one kind took that one asker queued."""

    kind: str
    actor: str
    jobs: Count
    measured: Count = Field(description="Of so many jobs somebody measured what they took.")
    attempts: Count = Field(description="Tries of all of them; one whose worker was killed is not measured.")
    cpu_seconds: float | None = Field(description="Of processors; null where nobody measured.")
    wall_seconds: float | None = Field(description="That tries lasted; null where nobody measured.")
    bytes: Count | None = Field(description="That ingestions read; null where there was none.")


class Costs(Model):
    """What jobs took."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": COSTS})

    since: str
    until: str
    items: list[CostRow]
    more: Count = Field(description="So many kinds and askers are left out.")


DEPLOYED: dict[str, Any] = {
    "package": "0.1.0", "revision": None, "python": "3.11.7", "system": "Linux x86_64",
    "libraries": {"count": 182, "hash": "5f" * 32}, "settings": {"hash": "a1" * 32, "changed": ["api.public_url"]},
    "stores": [{"name": "identified", "schema": "0016"}],
    "models": [{"model": "readmission-30d", "alias": "champion", "version": 3}],
    "terminologies": [
        {"system": "http://loinc.org", "version": "2.81", "title": "LOINC", "concepts": 104, "expired": False}
    ],
    "blueprint": None,
}  # fmt: skip


class Libraries(Model):
    """Distributions that are installed."""

    count: Count
    hash: str = Field(description="SHA-256 of their sorted names and versions.")


class SettingsPrint(Model):
    """All settings without a value."""

    hash: str = Field(description="SHA-256 of all of them.")
    changed: list[str] = Field(description="Names of those that differ from the defaults.")


class StoreSchema(Model):
    """A database, and the schema that this version needs."""

    name: str
    schema_: str = Field(alias="schema")


class ModelInUse(Model):
    """A version that answers, or is tried."""

    model: str
    alias: Literal["champion", "canary", "shadow"]
    version: Count


class Terminology(Model):
    """A code system that is known."""

    system: str
    version: str
    title: str
    concepts: Count
    expired: bool


class Deployment(Model):
    """What runs here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": DEPLOYED})

    package: str
    revision: str | None = Field(description="The commit; null where nobody kept it.")
    python: str
    system: str
    libraries: Libraries
    settings: SettingsPrint
    stores: list[StoreSchema]
    models: list[ModelInUse]
    terminologies: list[Terminology]
    blueprint: str | None = Field(description="Name of the blueprint that was compared; null where none was.")
