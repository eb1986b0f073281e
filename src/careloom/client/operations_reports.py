"""What operators are told, as the platform tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class DependencyState:
    """One thing that the platform depends on.

    state    ok, degraded, failed, or off where nothing needs it
    reason   code or class of what is wrong
    numbers  what was counted
    """

    name: str
    state: str
    seconds: float
    reason: str
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Health:
    """How everything is: ok, degraded or failed."""

    state: str
    dependencies: tuple[DependencyState, ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log.

    fields  from an allow-list: routes, codes, counts, ids of runs and requests
    """

    time: datetime
    level: str
    logger: str
    event: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines, newest first, and the cursor of the next page."""

    items: tuple[LogLine, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestNumbers:
    """What is told of some requests.

    refused  answered 400 to 499
    failed   answered 500 and above
    p50_seconds, p95_seconds, p99_seconds  such a share of them took at most this; None where there is none
    """

    requests: int
    refused: int
    failed: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteNumbers(RequestNumbers):
    """Of one route; `route` is its template, empty for an address that no route has."""

    method: str
    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorNumbers(RequestNumbers):
    """Of one caller; `actor` is empty for who showed no token that holds."""

    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNumbers(RequestNumbers):
    """Of one step of time, from `time` on."""

    time: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """How the API was used.

    is_whole  False where more lines lie in the time than one report reads: all counts begin at `oldest` then
    is_kept   False where the settings keep no line of requests
    """

    since: datetime
    until: datetime
    is_whole: bool
    is_kept: bool
    oldest: datetime
    all: RequestNumbers
    routes: tuple[RouteNumbers, ...]
    actors: tuple[ActorNumbers, ...]
    steps: tuple[StepNumbers, ...]


@dataclass(frozen=True, slots=True)
class CostRow:
    """What jobs of one kind took that one asker queued.

    measured      of so many jobs somebody measured what they took
    attempts      tries of all of them; one whose worker was killed is not measured
    cpu_seconds   of processors; None where nobody measured
    wall_seconds  that tries lasted, None as above
    bytes         that ingestions read, None where there was none
    """

    kind: str
    actor: str
    jobs: int
    measured: int
    attempts: int
    cpu_seconds: float | None
    wall_seconds: float | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What jobs took that were queued in a time; `more` kinds and askers are left out."""

    since: datetime
    until: datetime
    items: tuple[CostRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Libraries:
    """Distributions that are installed; `hash` is of their sorted names and versions."""

    count: int
    hash: str


@dataclass(frozen=True, slots=True)
class SettingsPrint:
    """All settings without a value: a hash of all, and the names of those that differ from the defaults."""

    hash: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreSchema:
    """A database, and the schema that this version needs."""

    name: str
    schema: str


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A version that answers, or is tried: `alias` is champion, canary or shadow."""

    model: str
    alias: str
    version: int


@dataclass(frozen=True, slots=True)
class KnownTerminology:
    """A code system that the platform knows."""

    system: str
    version: str
    title: str
    concepts: int
    expired: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs; `revision` is None where nobody kept it, `blueprint` while none was compared with it."""

    package: str
    revision: str | None
    python: str
    system: str
    libraries: Libraries
    settings: SettingsPrint
    stores: tuple[StoreSchema, ...]
    models: tuple[ModelInUse, ...]
    terminologies: tuple[KnownTerminology, ...]
    blueprint: str | None = None
