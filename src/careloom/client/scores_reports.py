"""Scores, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from careloom.client.decoding import decode
from careloom.client.reports import QueuedWork


@dataclass(frozen=True, slots=True)
class DaysFactor:
    """One clinical concept: the days that it adds, below 0 where it takes some off; its statements name the facts."""

    concept: str
    days: float
    modifiable: bool
    text: str
    statements: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class DaysExplanation:
    """Why so many days: ``base``, the days of the factors, ``rest`` and ``floor`` sum to those that are expected."""

    base: float
    factors: tuple[DaysFactor, ...]
    rest: float
    floor: float


@dataclass(frozen=True, slots=True)
class ForetoldDays:
    """Days that a model foretells beside a risk, from ``since`` on; ``high`` None: too few rows made the interval."""

    outcome: str
    since: datetime
    expected: float
    low: float
    high: float | None
    share: float
    explanation: DaysExplanation


@dataclass(frozen=True, slots=True)
class Score:
    """The risk of one patient, or why there is none.

    state       scored, over, not-eligible, no-index
    failed      rules of the cohort that do not hold
    prediction  its name in the log of predictions
    written     version of the RiskAssessment, where one was kept
    trial       nobody approved the version: nothing is logged or written
    assessment  risk, interval, factors with their facts, care gaps: as `careloom score --json` prints them
    days        of the assessment, as values; None where none are foretold
    """

    state: str
    model: str
    failed: tuple[str, ...]
    prediction: str | None
    written: str | None
    trial: bool
    assessment: dict[str, Any] | None

    @property
    def days(self) -> ForetoldDays | None:
        """Days that are foretold beside the risk, and why. raises SetupError where the answer lacks a part of them"""
        told = None if self.assessment is None else self.assessment.get("days")
        return None if told is None else decode(ForetoldDays, told)


@dataclass(frozen=True, slots=True)
class CalledPatient:
    """One patient who is called: ``rank`` 1 is the first."""

    patient: str
    index: str
    index_time: datetime
    risk: float
    alert: bool
    rank: int


@dataclass(frozen=True, slots=True)
class CohortScore:
    """Who stands how, and whom to call first; see `careloom.risk.stratify.Stratified`."""

    model: str
    as_of: datetime
    states: dict[str, int]
    alerts: int
    called: int
    of: int
    expected_events: float
    expected_caught: float
    by_chance: float
    lowest: float | None
    tied_out: int
    avoided: float | None
    saved: float | None
    listed: tuple[CalledPatient, ...]
    written: int
    trial: bool


@dataclass(frozen=True, slots=True)
class ScoreRunReport(CohortScore):
    """What a queued scoring came to; ``left``: how many are on its list no more, erased since or hidden from you."""

    left: int


@dataclass(frozen=True, slots=True)
class ScoreRunBrief(QueuedWork):
    """A queued scoring in a list, without whom it listed."""

    created: datetime
    model: str
    zone: str


@dataclass(frozen=True, slots=True)
class ScoreRunList:
    """The scorings that you queued, newest first."""

    items: tuple[ScoreRunBrief, ...]


@dataclass(frozen=True, slots=True)
class ScoreRun(QueuedWork):
    """A queued scoring; ``model`` by its number from when it begins, `report` None until it is done."""

    model: str
    zone: str
    report: ScoreRunReport | None
