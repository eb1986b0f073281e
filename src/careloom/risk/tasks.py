"""Tasks as data: for which cohort a model is trained, of which features, how, and what an alert may cost.

The grammar stands at the head of ``tasks/readmission-30d.toml``.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from careloom.errors import FormatError, NotFound
from careloom.risk.cohorts_definition import number, one_of, only, table, word
from careloom.risk.cohorts_events import KINDS
from careloom.risk.models_days import DaysTask
from careloom.risk.models_training import LEARNERS, Learner, Plan
from careloom.runtime import packaged, packaged_names

BASELINES = ("lace", "hospital", "news2", "charlson", "elixhauser")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What a model is trained for; see the grammar."""

    name: str
    title: str
    outcome: str
    horizon_days: float
    cohort: str
    features: str
    left_out: tuple[str, ...]
    learners: tuple[Learner, ...]
    gates: str
    at_risk: float
    alerts_per_100: float
    ppv: float
    baselines: tuple[str, ...]
    directions: Mapping[str, int]
    candidates: tuple[Json, ...]
    days: DaysTask | None = None

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of all that decides the model, beside its data."""
        return sha256(orjson.dumps(self, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

    @property
    def learner(self) -> Learner:
        """The first learner: that of candidates which name none."""
        return self.learners[0]

    def plan(self, key: bytes, seed: int) -> Plan:
        """How the model is made: every learner with its candidates, or with its usual settings where it has none.

        key  of the folds within the training rows
        """
        candidates = [one for name in self.learners for one in self.candidates_of(name) or [{"learner": name}]]
        return Plan(
            self.name, self.outcome, self.horizon_days, self.learner, key, seed, {}, tuple(candidates), self.at_risk,
            self.alerts_per_100,
        )  # fmt: skip

    def candidates_of(self, learner: Learner) -> list[Json]:
        """The settings of a learner, with its name."""
        told = [{"learner": self.learner, **one} for one in self.candidates]
        return [one for one in told if one["learner"] == learner]


def ready_tasks() -> list[str]:
    """Names of the tasks that ship."""
    return sorted(
        name.rpartition("/")[2].removesuffix(".toml") for name in packaged_names("risk", "tasks", ".toml")
    )  # fmt: skip


def shipped_task(name: str) -> Task:
    """A task that ships. raises NotFound"""
    if name not in ready_tasks():
        raise NotFound("there is no such task", f"Name a file, or one of {', '.join(ready_tasks())}.")
    return task_from_toml(packaged("risk", f"tasks/{name}.toml").decode())


_KNOWN = (
    "name", "title", "outcome", "horizon_days", "cohort", "features", "left_out", "learner", "learners", "gates",
    "at_risk", "alerts_per_100", "ppv", "baselines", "directions", "candidates", "days",
)  # fmt: skip


def task_from_toml(text: str) -> Task:
    """The task that a text says. raises FormatError, which names the place"""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"task: it is no TOML ({error})", "Mend the line that is named.") from None
    only(told, _KNOWN, "the file")
    made = Task(
        name=word(told, "name", "the file"),
        title=word(told, "title", "the file"),
        outcome=word(told, "outcome", "the file"),
        horizon_days=number(told, "horizon_days", "the file", 0.0),
        cohort=word(told, "cohort", "the file"),
        features=word(told, "features", "the file"),
        left_out=_words(told, "left_out"),
        learners=_learners(told),
        gates=word(told, "gates", "the file"),
        at_risk=number(told, "at_risk", "the file", 0.2),
        alerts_per_100=number(told, "alerts_per_100", "the file", 10.0),
        ppv=number(told, "ppv", "the file", 0.3),
        baselines=_words(told, "baselines"),
        directions=table(told, "directions", "the file") if "directions" in told else {},
        candidates=tuple(told.get("candidates", ())),
        days=_days(told),
    )
    _require(made)
    return made


def _learners(told: Json) -> tuple[Learner, ...]:
    """``learner``, or ``learners``, of which folds within the training patients choose one."""
    if "learners" not in told:
        one: Learner = one_of(told, "learner", LEARNERS, "the file")
        return (one,)
    found = _words(told, "learners")
    if "learner" in told or not found or len(set(found)) < len(found) or not set(found) <= set(LEARNERS):
        raise FormatError("task: learners", f"Write some of {', '.join(LEARNERS)}, each once, in place of learner.")
    return found  # type: ignore[return-value]


def _days(told: Json) -> DaysTask | None:
    """``[days]``: what is foretold beside the risk."""
    if "days" not in told:
        return None
    where, own = "days", table(told, "days", "the file")
    only(own, ("outcome", "kind", "least", "miss"), where)
    made = DaysTask(
        word(own, "outcome", where), one_of(own, "kind", KINDS, where), number(own, "least", where, 1.0),
        number(own, "miss", where, 0.1),
    )  # fmt: skip
    if not made.least > 0 or not 0 < made.miss < 1:
        raise FormatError("task: days", "least lies above 0, miss between 0 and 1.")
    if "sequence" in _learners(told):
        raise FormatError("task: days", "They are foretold from features: leave the learner sequence out.")
    return made


def _words(told: Json, name: str) -> tuple[str, ...]:
    found = told.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise FormatError(f"task: {name}", "Write a list of names.")
    return tuple(found)


def _require(made: Task) -> None:
    if not 0 < made.at_risk < 1 or not 0 < made.alerts_per_100 <= 100 or not 0 < made.ppv <= 1:
        raise FormatError(
            "task: at_risk, alerts_per_100 or ppv", "A risk lies between 0 and 1, alerts between 0 and 100."
        )
    if not set(made.baselines) <= set(BASELINES):
        raise FormatError("task: baselines", f"Name some of {', '.join(BASELINES)}.")
    if not all(one in (-1, 0, 1) for one in made.directions.values()):
        raise FormatError("task: directions", "Write 1, -1 or 0.")
    if not all(isinstance(one, dict) for one in made.candidates):
        raise FormatError("task: candidates", "Write a table of settings each.")
    if not {one.get("learner", made.learner) for one in made.candidates} <= set(made.learners):
        raise FormatError("task: candidates: learner", f"Name one of the task: {', '.join(made.learners)}.")
