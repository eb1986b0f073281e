"""Forecasts, as values."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """A day ahead; ``low`` to ``high`` hold nine days in ten."""

    date: date
    days_ahead: int
    median: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PastDay:
    """A day that was counted."""

    date: date
    count: float


@dataclass(frozen=True, slots=True)
class UnitForecast:
    """The days ahead of one unit.

    until   the last day that was counted; `mean` a day, last year
    past    the newest counted days, where they were asked for; `earlier`: what would have been forecast of them
    judged  mase, mase_naive, coverage, bias, error, scale, forecasts; None where it was not asked for
    reason  why a unit of a zone has no rows
    """

    unit: str
    start: date
    until: date
    mean: float
    judged: dict[str, Any] | None
    rows: tuple[ForecastDay, ...]
    reason: str | None
    past: tuple[PastDay, ...] = ()
    earlier: tuple[ForecastDay, ...] = ()


@dataclass(frozen=True, slots=True)
class ForecastList:
    """A unit each."""

    items: tuple[UnitForecast, ...]


@dataclass(frozen=True, slots=True)
class Overbooking:
    """How many more visits to book than there are slots; see `careloom.risk.forecast_capacity.Overbooking`."""

    extra: int
    cost: float
    cost_without: float
    idle: float
    over: float
    saves: float


@dataclass(frozen=True, slots=True)
class SessionCall:
    """A visit to remind of, and the risk that it is missed."""

    rank: int
    patient: str
    appointment: str
    begin: datetime
    risk: float


@dataclass(frozen=True, slots=True)
class SessionForecast:
    """How far to overbook a day; see `careloom.services.score_sessions.score_session`."""

    model: str
    day: date
    unit: str
    booked: int
    scored: int
    unscored: int
    expected: float
    overbooking: Overbooking
    calls: tuple[SessionCall, ...]
    trial: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A call; ``saves``: the expected cost that it avoids, less its own."""

    name: str
    risk: float
    rank: int
    saves: float
    saves_so_far: float


@dataclass(frozen=True, slots=True)
class Calls:
    """Whom to call first, and the cost that it is expected to avoid."""

    called: int
    of: int
    expected_events: float
    avoided: float
    saved: float
    listed: tuple[Call, ...]
