"""What the routes of forecasts take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool

from careloom.api.schemas import Body, Count, Model
from careloom.api.scores_schemas import TRIAL, ModelName, Probability, UnitCostsBody


def _as_whole(value: object) -> object:
    """JSON has one kind of number: 7.0 is the whole number 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Days = Annotated[int, Field(ge=1, le=56, strict=True, description="Days ahead."), BeforeValidator(_as_whole)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="ISO 8601, without a time.")]
Closed = Annotated[list[Day], Field(max_length=400, description="Days on which it is closed, past and to come.")]
Past = Annotated[
    int, Field(ge=0, le=400, strict=True, description="Counted days that are told, too."), BeforeValidator(_as_whole)
]
Cost = Annotated[float, Field(ge=0, le=1e12, strict=True)]
StrictProbability = Annotated[float, Field(ge=0, le=1, strict=True)]
COUNTS: dict[str, Any] = {
    "units": [{"unit": "ward 3", "start": "2026-01-01", "counts": [21, 22, 24, 23, 22, 18, 17] * 30}], "days": 7,
}  # fmt: skip
DAY: dict[str, Any] = {"date": "2026-07-30", "days_ahead": 1, "median": 22, "mean": 21.8, "low": 15, "high": 29}
UNIT: dict[str, Any] = {
    "unit": "ward 3", "start": "2026-01-01", "until": "2026-07-29", "mean": 21.0, "judged": None, "rows": [DAY],
    "reason": None, "past": [{"date": "2026-07-29", "count": 22}], "earlier": [],
}  # fmt: skip
OVERBOOKED: dict[str, Any] = {
    "extra": 2, "cost": 301.5, "cost_without": 388.0, "idle": 1.1, "over": 0.8, "saves": 86.5,
}  # fmt: skip
SESSION: dict[str, Any] = {
    "model": "no-show@champion", "day": "2026-12-07", "capacity": 18, "show_of_new": 0.75, "cost_idle": 120,
    "cost_over": 200, "calls": 5,
}  # fmt: skip
SESSION_TOLD: dict[str, Any] = {
    "model": "no-show@3", "day": "2026-12-07", "unit": "", "booked": 20, "scored": 19, "unscored": 1, "expected": 16.2,
    "overbooking": OVERBOOKED, "trial": False,
    "calls": [{"rank": 1, "patient": "p1", "appointment": "Appointment/a1", "begin": "2026-12-07T09:00:00+00:00",
               "risk": 0.6}],
}  # fmt: skip
RISKS: Any = [{"name": "a", "risk": 0.4}, {"name": "b", "risk": 0.1}]
COSTS: dict[str, Any] = {"event": 9000, "call": 60, "prevented": 0.2}
CALLS: dict[str, Any] = {
    "called": 1, "of": 2, "expected_events": 0.5, "avoided": 0.08, "saved": 660.0,
    "listed": [{"name": "a", "risk": 0.4, "rank": 1, "saves": 660.0, "saves_so_far": 660.0}],
}  # fmt: skip


class ForecastBody(Body):
    """What of a zone is forecast."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"what": "beds", "days": 28}})

    what: Literal["beds", "discharges", "slots"]
    zone: Literal["identified", "research", "synthetic"] = "identified"
    days: Days = 7
    closed: Closed = Field(default_factory=list)
    judged: StrictBool = Field(False, description="The last year is forecast, too, against repeating last week.")
    by_unit: StrictBool = Field(False, description="Each ward, or of slots each clinic, by itself.")
    past: Past = 0


class UnitCountsBody(Body):
    """One unit: a count a day, none missing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": COUNTS["units"][0]})

    unit: Annotated[str, Field(min_length=1, max_length=100)]
    start: Day
    counts: Annotated[list[Annotated[float, Field(ge=0, le=1e9, strict=True)]], Field(min_length=1, max_length=4000)]


class ForecastCountsBody(Body):
    """Daily counts of units."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": COUNTS})

    units: Annotated[list[UnitCountsBody], Field(min_length=1, max_length=20)]
    days: Days = 7
    closed: Closed = Field(default_factory=list)
    judged: StrictBool = False


class ForecastDay(Model):
    """A day ahead: `low` to `high` hold nine days in ten."""

    date: time.date
    days_ahead: Annotated[int, Field(ge=1)]
    median: float
    mean: float
    low: float
    high: float


class PastDay(Model):
    """A day that was counted."""

    date: time.date
    count: float


class ForecastJudged(Model):
    """How far rolling forecasts of the last year were off; `mase` below 1: better than repeating last week."""

    mase: float | None
    mase_naive: float | None
    coverage: Probability
    bias: float
    error: float
    scale: float
    forecasts: Count


class UnitForecast(Model):
    """The days ahead of one unit."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": UNIT})

    unit: str
    start: time.date
    until: time.date = Field(description="The last day that was counted.")
    mean: float = Field(description="A day, last year.")
    judged: ForecastJudged | None
    rows: list[ForecastDay]
    reason: str | None = Field(None, description="Of a zone by unit: why a unit has no rows.")
    past: list[PastDay] = Field(description="The newest counted days, oldest first, where they were asked for.")
    earlier: list[ForecastDay] = Field(description="What the days before would have foretold of the newest; with past.")


class ForecastList(Model):
    """A unit each; of a zone as a whole one, `all`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [UNIT]}})

    items: list[UnitForecast]


class OverbookingBody(Body):
    """A session: what is booked, and what things cost."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"show": [0.8, 0.9, 0.7], "capacity": 3, "show_of_new": 0.75, "cost_idle": 120, "cost_over": 200}
        },
    )

    show: Annotated[list[StrictProbability], Field(max_length=1000, description="Of each booked visit.")]
    capacity: Annotated[int, Field(ge=0, le=1000, strict=True), BeforeValidator(_as_whole)]
    show_of_new: StrictProbability = Field(description="Chance of a further booking to take place.")
    cost_idle: Cost = Field(description="Of a slot that nobody uses.")
    cost_over: Cost = Field(description="Of a visit beyond the capacity.")


class Overbooking(Model):
    """How many more to book, and what that is expected to save."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": OVERBOOKED})

    extra: Count
    cost: float
    cost_without: float
    idle: float
    over: float
    saves: float


class SessionBody(Body):
    """A day, a model of missed appointments, and what things cost."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SESSION})

    model: ModelName
    day: Day
    capacity: Annotated[int, Field(ge=0, le=1000, strict=True), BeforeValidator(_as_whole)]
    show_of_new: StrictProbability = Field(
        description="Chance of a further booking to take place, and of a visit that the model is not for."
    )
    cost_idle: Cost = Field(description="Of a slot that nobody uses.")
    cost_over: Cost = Field(description="Of a visit beyond the capacity.")
    unit: Annotated[str, Field(max_length=100)] = Field("", description="A clinic; empty: everywhere.")
    zone: Literal["identified", "research", "synthetic"] = "identified"
    calls: Annotated[int, Field(ge=0, le=1000, strict=True), BeforeValidator(_as_whole)] = Field(
        0, description="Reminders that can be made."
    )
    cost_call: Cost = 0.0
    prevented: StrictProbability | None = Field(
        None, description="Share of missed visits that a call prevents, by a trial; null: the likeliest are called."
    )
    facts: Annotated[str, Field(max_length=300)] = Field("", description="As of scores of a cohort; none with a unit.")
    trial: StrictBool = Field(False, description=TRIAL)


class SessionCall(Model):
    """A visit to remind of, and the risk that it is missed."""

    rank: Annotated[int, Field(ge=1)]
    patient: str
    appointment: str
    begin: time.datetime
    risk: Probability


class SessionForecast(Model):
    """How far to overbook a day."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SESSION_TOLD})

    model: str
    day: time.date
    unit: str
    booked: Count
    scored: Count
    unscored: Count = Field(description="Booked too late, or of no cohort of the model: they come by `show_of_new`.")
    expected: float = Field(description="Visits that take place.")
    overbooking: Overbooking
    calls: list[SessionCall]
    trial: bool


class RiskToCall(Body):
    """One patient by any name of the caller's, and the calibrated risk."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    risk: StrictProbability


class CallsBody(Body):
    """Whom there is to call, how many calls can be made, and what things cost."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"risks": RISKS, "capacity": 1, "costs": COSTS}},
    )

    risks: Annotated[list[RiskToCall], Field(min_length=1, max_length=10_000)]
    capacity: Annotated[int, Field(ge=0, le=1_000_000, strict=True), BeforeValidator(_as_whole)]
    costs: UnitCostsBody


class Call(Model):
    """A call, and the expected cost that it avoids, less its own."""

    name: str
    risk: Probability
    rank: Annotated[int, Field(ge=1)]
    saves: float
    saves_so_far: float


class Calls(Model):
    """Whom to call first: nobody whose call costs more than it is worth."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": CALLS})

    called: Count
    of: Count
    expected_events: float
    avoided: float = Field(description="Events that the calls are expected to prevent.")
    saved: float = Field(description="Their cost, less that of the calls.")
    listed: list[Call]
