"""What is measured of the reading of notes: numbers with intervals, by task."""

from dataclasses import dataclass, field
from typing import Any

from careloom.nlp.evaluation import Scored


@dataclass(frozen=True, slots=True)
class Measure:
    """One number.

    value     None where it cannot be told
    interval  95 %, by documents; None where there is none
    count     what it is counted over, e.g. ``100 documents``
    """

    name: str
    value: float | None
    count: str
    interval: tuple[float, float] | None = None

    @property
    def shown(self) -> str:
        """The value for a table."""
        return "" if self.value is None else f"{self.value:.4f}"

    @property
    def range(self) -> str:
        """The interval for a table."""
        return "" if self.interval is None else f"{self.interval[0]:.3f} to {self.interval[1]:.3f}"


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The measures of one task; `texts`: document -> text, for a page of errors."""

    measures: tuple[Measure, ...]
    scored: Scored | None = None
    texts: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The measures, and the scores in full."""
        measures = {
            one.name: {"value": one.value, "interval_95": one.interval, "of": one.count} for one in self.measures
        }
        return {"measures": measures, "scores": None if self.scored is None else self.scored.as_json()}


@dataclass(frozen=True, slots=True)
class EvaluateNlpReport:
    """What was measured, by which model; `left_out`: task -> why."""

    model: str
    tasks: dict[str, TaskReport]
    left_out: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        tasks = {name: one.as_json() for name, one in self.tasks.items()}
        return {"model": self.model, "tasks": tasks, "left_out": self.left_out}
