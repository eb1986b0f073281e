"""Scores, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Score:
    """The risk of one patient, or why there is none.

    state       scored, over, not-eligible, no-index
    failed      rules of the cohort that do not hold
    prediction  its name in the log of predictions
    written     version of the RiskAssessment, where one was kept
    trial       nobody approved the version: nothing is logged or written
    assessment  risk, interval, factors with their facts, care gaps: as `careloom score --json` prints them
    """

    state: str
    model: str
    failed: tuple[str, ...]
    prediction: str | None
    written: str | None
    trial: bool
    assessment: dict[str, Any] | None


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
