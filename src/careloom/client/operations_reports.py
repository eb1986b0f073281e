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
