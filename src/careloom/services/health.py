"""Health: whether this installation can work now, and the numbers that its operator watches."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from careloom.errors import CareloomError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.dependencies import Dependency, dependencies
from careloom.services.platform import STORED_ZONES, Platform

if TYPE_CHECKING:
    from careloom.services.monitor_numbers import Number


@dataclass(frozen=True, slots=True)
class Readiness:
    """What works: the keys open, the identified store answers, the queue of jobs answers."""

    keys: bool
    store: bool
    queue: bool

    @property
    def is_ready(self) -> bool:
        """True when all of it works."""
        return all(getattr(self, part.name) for part in fields(self))


@dataclass(frozen=True, slots=True)
class Gauges:
    """Numbers as they stand now.

    resources  (zone, resource type) -> current resources
    refused    issue code -> records that wait in quarantine
    jobs       state -> jobs
    emergencies  in which the glass was broken and that nobody has acknowledged
    models     numbers of the newest look at each watched version
    dependencies  what this installation depends on, and how it is
    """

    resources: dict[tuple[str, str], int]
    refused: dict[str, int]
    jobs: dict[str, int]
    emergencies: int = 0
    models: tuple["Number", ...] = ()
    dependencies: tuple[Dependency, ...] = ()


def readiness(platform: Platform) -> Readiness:
    """What works now; opens what is not open yet. Nobody is asked who they are: it tells nothing but yes and no."""
    return Readiness(
        keys=_works(lambda: bool(platform.keys.public_key())),
        store=_works(lambda: platform.store("identified").known_records(["none"]) == set()),
        queue=_works(lambda: _jobs(platform) is not None),
    )


def gauges(platform: Platform, who: Principal) -> Gauges:
    """The numbers of all zones. raises AccessError."""
    for zone in STORED_ZONES:
        admit(platform, who, "monitor", zone, operation="metrics")
    admit(platform, who, "monitor", "landing", operation="metrics")
    note(platform, who, "metrics", "landing")
    resources = {
        (str(zone), kind): count
        for zone in STORED_ZONES
        if platform.has_store(zone)
        for kind, count in platform.store(zone).count().items()
    }
    with platform.store("identified").emergencies() as reader:
        waiting = reader.waiting()
    refused = platform.store("identified").quarantine_reasons()
    return Gauges(resources, refused, _jobs(platform), waiting, _models(platform), tuple(dependencies(platform)))


def _models(platform: Platform) -> "tuple[Number, ...]":
    """What judges predictions is loaded only where there are some."""
    with platform.store("identified").predictions() as log:
        is_any = log.is_any()
    return tuple(load("monitor.numbers")(platform)) if is_any else ()


def _jobs(platform: Platform) -> dict[str, int]:
    if not platform.has_jobs():
        return {}
    with platform.jobs() as jobs:
        return jobs.counted()


def _works(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except CareloomError:
        return False
