"""A day's booked visits by a model of missed appointments: how far to overbook, and whom to remind first.

Chances are of each patient by name of a version, not one rate for all. Answers are logged as those of a cohort.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from careloom.errors import QueryError
from careloom.risk.cohorts_windows import WindowCohort
from careloom.risk.forecast_capacity import overbook
from careloom.risk.forecast_sessions import booked_for
from careloom.risk.forecast_units import booked_at
from careloom.risk.stratify import UnitCosts, stratify
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.risk_facts import newest_facts, read_facts, zone_facts, zone_rows
from careloom.services.score import moment_of
from careloom.services.score_cohort import CohortScoreAsk, answers, horizon_of, logged, note_trial, opened_for
from careloom.services.score_counts import Heard, heard_failing
from careloom.services.score_facts import types
from careloom.services.score_models import OPERATION, Scorer, Use, tried
from careloom.services.search import zone_of
from careloom.services.view import Watch
from careloom.store.zone_store import Zone

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionAsk:
    """Which visits, by which model, and what things cost.

    model        ``no-show@champion``, ``no-show@3``
    unit         where, as `careloom.risk.forecast_units.booked_at` names it; empty: everywhere
    capacity     slots of the session
    show_of_new  chance of a further booking to take place, and of a booked visit that the model is not for
    cost_idle, cost_over  of a slot that nobody uses, of a visit beyond the capacity
    calls        reminders that can be made; with `cost_call` and `prevented` nobody whose call costs more than it saves
    prevented    share of missed visits that a call prevents, by a trial
    as_of        booked by then; None for this moment
    facts        a version of the zone's table of facts, ``newest``, or empty: the zone as it is; none with a unit
    trial        in the identified zone, too, a version that nobody approved may answer, to who may train
    """

    model: str
    day: date
    capacity: int
    show_of_new: float
    cost_idle: float
    cost_over: float
    unit: str = ""
    zone: str = "identified"
    calls: int = 0
    cost_call: float = 0.0
    prevented: float | None = None
    as_of: datetime | None = None
    facts: str = ""
    trial: bool = False


def score_session(platform: Platform, who: Principal, ask: SessionAsk, watch: Watch | None = None) -> Json:
    """How many more visits to book on a day, by what a model says of those that are booked.

    returns  ``model``, ``day``, ``unit``, ``booked`` (visits), ``scored`` and ``unscored`` (too late a booking, or
             another rule of the cohort), ``expected`` (visits that take place), ``overbooking`` as
             `careloom.risk.forecast_capacity.Overbooking` with ``saves``, ``calls`` (rank, patient, appointment, begin,
             risk of being missed), ``trial``
    raises   AccessError; NotFound; QueryError for a zone, a model of something else, a day or unit on which nothing is
             booked; InputError for a capacity, chance or cost; Conflict for a version that nobody approved; StateError,
             IntegrityError for the model; SchemaMismatch where it needs a value that nobody knows of somebody
    """
    zone = zone_of(ask.zone)
    for kind in types():
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    if ask.unit and ask.facts:
        raise QueryError("session: a unit of a table of facts", "Facts know no units: leave facts or unit away.")
    heard = Heard()
    try:
        on_trial = tried(platform, ask.model, Use(who, zone, ask.trial))
        heard.model = "" if on_trial or zone != "identified" else ask.model.partition("@")[0]
        asked = opened_for(platform, ask.model, on_trial, heard)
        visits, whole = _scored(platform, who, ask, asked, heard, watch)
        told = _told(platform, zone, ask, asked, visits, whole)
    except Exception as error:
        heard_failing(platform, who, zone, heard, ask.model, error)
        raise
    if on_trial is not None:
        note_trial(platform, who, zone, asked, whole)
    else:
        for _ in logged(platform, who, CohortScoreAsk(ask.model, ask.zone), asked, whole, heard):
            pass
    return told | {"trial": on_trial is not None}


def _scored(
    platform: Platform, who: Principal, ask: SessionAsk, asked: Scorer, heard: Heard, watch: Watch | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The booked visits, and what the version says of those that its cohort has."""
    at, zone = moment_of(platform, ask.as_of), zone_of(ask.zone)
    if ask.facts:
        events = read_facts(platform, who, zone, newest_facts(platform, zone) if ask.facts == "newest" else ask.facts)
    else:
        events = zone_facts(platform, who, zone, watch, notes=asked.reads_notes and zone != "synthetic")
    cohort = asked.judge.definition
    if isinstance(cohort, WindowCohort):
        raise QueryError(f"{cohort.name} is a cohort by windows", "Name a model of missed appointments.")
    visits = booked_for(cohort, events, ask.day, at).with_columns(horizon_end=pl.col("index_time") + horizon_of(cohort))
    if ask.unit:
        where = booked_at(zone_rows(platform, who, zone, ("appointment_place", "location")))
        own = where.filter(pl.col("unit") == ask.unit)["resource_key"]
        visits = visits.filter(pl.col("resource_key").is_in(own.implode()))
    if visits.is_empty():
        raise QueryError("nothing is booked then and there", "Name a day to come, and a unit as forecasts name it.")
    past = events.filter(pl.col("time").is_null() | (pl.col("time") <= at))
    return visits, answers(asked, visits.filter("fits").drop("begin", "fits"), past, heard)


def _told(
    platform: Platform, zone: Zone, ask: SessionAsk, asked: Scorer, visits: pl.DataFrame, whole: pl.DataFrame
) -> Json:
    told = visits.join(whole.select("resource_key", "risk"), on="resource_key", how="left", maintain_order="left")
    show = (1 - told["risk"]).fill_null(ask.show_of_new)
    made = asdict(
        overbook(show, ask.capacity, show_of_new=ask.show_of_new, cost_idle=ask.cost_idle, cost_over=ask.cost_over)
    )
    return {
        "model": asked.served.label, "day": ask.day.isoformat(), "unit": ask.unit, "booked": visits.height,
        "scored": whole.height, "unscored": visits.height - whole.height, "expected": float(show.sum()),
        "overbooking": made | {"saves": made["cost_without"] - made["cost"]},
        "calls": _calls(platform, zone, ask, told.drop_nulls("risk")),
    }  # fmt: skip


def _calls(platform: Platform, zone: Zone, ask: SessionAsk, told: pl.DataFrame) -> list[Json]:
    """Whom to remind first: a call is worth the idle slot that it is expected to prevent."""
    costs = None if ask.prevented is None else UnitCosts(ask.cost_idle, ask.cost_call, ask.prevented)
    ties = pl.Series("tie", [platform.store(zone).pseudonym(one) for one in told["resource_key"]], dtype=pl.String)
    rows = stratify(told.with_columns(ties), ask.calls, costs).rows
    return [
        {
            "rank": row["rank"], "patient": row["patient_id"], "appointment": row["resource_key"],
            "begin": row["begin"].isoformat(), "risk": row["risk"],
        }
        for row in rows.to_dicts()
    ]  # fmt: skip
