"""What operators are told, as the platform tells it."""

from collections.abc import Mapping
from dataclasses import dataclass


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
