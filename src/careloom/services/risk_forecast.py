"""Forecasts of beds, discharges and slots of a zone or of a table, and how far to overbook a session."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl

from careloom.errors import CareloomError, FormatError, InputError, QueryError
from careloom.risk.cohorts_fhir import PLACE_VIEWS, fhir_events
from careloom.risk.forecast import fit_forecaster, forecast
from careloom.risk.forecast_capacity import call_list, overbook
from careloom.risk.forecast_measure import Rolling, judge, roll
from careloom.risk.forecast_series import WHATS, DailySeries, What, series_of_facts, series_of_rows
from careloom.risk.forecast_units import series_by_unit
from careloom.risk.stratify import UnitCosts
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.risk_facts import zone_facts, zone_rows
from careloom.services.view import Watch

DAYS_AT_MOST = 56
OPERATION = "risk-forecast"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ForecastAsk:
    """What is forecast.

    days    ahead, 1 to 56
    closed  days on which the units are closed or run as on a holiday, past and to come
    judged  the last year is forecast from rolling origins, too, against repeating last week
    by_unit of a zone: each ward, or of slots each clinic, by itself
    past    days before the last counted one that are told, too, 0 to 400, with what was forecast of the newest
    """

    days: int = 7
    closed: Collection[date] = ()
    judged: bool = False
    by_unit: bool = False
    past: int = 0


def forecast_zone(
    platform: Platform, who: Principal, zone: str, what: str, ask: ForecastAsk, watch: Watch | None = None
) -> list[Json]:
    """The days ahead of a zone as a whole, or of each of its units; of slots, what is booked already counts.

    returns  as `forecast_table`; of a unit with too few days no ``rows``, and why as ``reason``
    raises   AccessError; QueryError for what is none; InputError for too few days of the whole
    """
    chosen = _what(what)
    if ask.by_unit:
        _require_days(ask)
        frames = zone_rows(platform, who, zone, ("encounter", "appointment", *PLACE_VIEWS), watch)
        return [_told_of_unit(one, ask) for one in series_by_unit(fhir_events(frames), frames, chosen, ask.days)]
    series = series_of_facts(zone_facts(platform, who, zone, watch), chosen, ask.days)
    return [_told(series, ask)]


def forecast_counts(platform: Platform, who: Principal, units: pl.DataFrame, ask: ForecastAsk) -> list[Json]:
    """The days ahead of each unit of daily counts that the caller brings; nothing of them is kept. As `forecast_table`.

    units   unit, date, count; every day of a unit once
    raises  AccessError; QueryError for the days ahead; InputError for gaps and too few days
    """
    admit(platform, who, "monitor", "identified", operation=OPERATION)
    try:
        told = [_told(one, ask) for one in series_of_rows(units)]
    except CareloomError as error:
        note(platform, who, OPERATION, "identified", outcome="failed", detail={"code": error.code})
        raise
    note(platform, who, OPERATION, "identified", detail={"units": len(told), "days": ask.days})
    return told


def overbook_session(platform: Platform, who: Principal, show: Sequence[float], capacity: int, **costs: float) -> Json:
    """How many more visits to book in a session; as `overbook_table`, which names the `costs`, of chances at hand.

    raises  AccessError; InputError
    """
    admit(platform, who, "monitor", "identified", operation=OPERATION)
    note(platform, who, OPERATION, "identified", detail={"visits": len(show)})
    return _overbooked(pl.Series(show, dtype=pl.Float64), capacity, **costs)


def calls(
    platform: Platform, who: Principal, risks: Sequence[tuple[str, float]], capacity: int, costs: UnitCosts
) -> Json:
    """Whom to call first under a capacity, and the cost that it is expected to avoid; nothing of it is kept.

    risks    a name of the caller's and its risk, 0..1, calibrated
    returns  ``called``, ``of``, ``expected_events``, ``avoided`` (events), ``saved`` (their cost less that of the
             calls), ``listed`` (name, risk, rank, saves, saves_so_far)
    raises   AccessError; InputError for a name that is there twice
    """
    admit(platform, who, "monitor", "identified", operation=OPERATION)
    names = [name for name, _ in risks]
    note(platform, who, OPERATION, "identified", detail={"of": len(names)})
    if len(set(names)) != len(names):
        raise InputError("call list: a name is there twice", "Give each patient one risk.")
    frame = pl.DataFrame(
        {"patient_id": names, "risk": [risk for _, risk in risks]}, {"patient_id": pl.String, "risk": pl.Float64}
    )  # fmt: skip
    chosen = call_list(frame, capacity, effect=costs.prevented, cost_event=costs.event, cost_call=costs.call)
    return {
        "called": chosen.height, "of": frame.height, "expected_events": float(frame["risk"].sum()),
        "avoided": float(chosen["risk"].sum()) * costs.prevented, "saved": float(chosen["saves"].sum()),
        "listed": chosen.rename({"patient_id": "name"}).to_dicts(),
    }  # fmt: skip


def forecast_table(platform: Platform, file: Path, ask: ForecastAsk) -> list[Json]:
    """The days ahead of each unit of a CSV with ``date``, ``count`` and perhaps ``unit``.

    returns  a unit each: ``unit``, ``start``, ``until``, ``mean`` (a day, last year), ``rows`` (date, days_ahead,
             median, mean, low, high), ``judged`` (mase, mase_naive, coverage, ...; None where it was not asked for),
             ``reason`` (None), ``past`` (date, count) and ``earlier`` (as ``rows``, of days that have come)
    raises   NotFound, FormatError; InputError for gaps and too few days
    """
    return [_told(one, ask) for one in series_of_rows(_table(platform, file))]


def overbook_table(
    platform: Platform, file: Path, capacity: int, *, show_of_new: float, cost_idle: float, cost_over: float
) -> Json:
    """How many more visits to book than there are slots: ``extra``, ``cost``, ``cost_without``, ``idle``, ``over``,
    ``saves``.

    file    a CSV with ``show``: of each visit that is booked, the chance that it takes place
    raises  NotFound, FormatError; InputError for a chance that is none
    """
    rows = _table(platform, file)
    if "show" not in rows.columns or not rows["show"].dtype.is_numeric() or rows["show"].null_count():
        raise FormatError(
            f"{file.name}: no column show", "Write the chance of each booked visit to take place, 0 to 1."
        )
    return _overbooked(rows["show"], capacity, show_of_new=show_of_new, cost_idle=cost_idle, cost_over=cost_over)


def _overbooked(show: pl.Series, capacity: int, **costs: float) -> Json:
    told = asdict(overbook(show, capacity, **costs))  # type: ignore[arg-type]
    return told | {"saves": told["cost_without"] - told["cost"]}


def _require_days(ask: ForecastAsk) -> None:
    if not 1 <= ask.days <= DAYS_AT_MOST:
        raise QueryError("the days ahead", f"Ask for 1 to {DAYS_AT_MOST}.")


def _told(series: DailySeries, ask: ForecastAsk) -> Json:
    _require_days(ask)
    fitted = fit_forecaster(
        series.values, series.start, horizon_days=ask.days, known=series.booked, closed=ask.closed
    )  # fmt: skip
    last = None if series.booked is None else series.booked[-1]
    rows = forecast(fitted, series.values, series.start, known=last, closed=ask.closed)
    judged = _judged(series, ask) if ask.judged else None
    return {
        "unit": series.unit, "start": series.start.isoformat(), "until": series.until.isoformat(),
        "mean": float(series.values[-365:].mean()), "judged": judged, "reason": None,
        "rows": _rows(rows), "past": _past(series, ask.past), "earlier": _earlier(series, ask),
    }  # fmt: skip


def _rows(rows: pl.DataFrame) -> list[Json]:
    return [{**row, "date": row["date"].isoformat()} for row in rows.to_dicts()]


def _past(series: DailySeries, days: int) -> list[Json]:
    """The newest counted days of a series, oldest first: ``date``, ``count``."""
    newest = series.values[-days:] if days else series.values[:0]
    first = series.until - timedelta(days=len(newest) - 1)
    return [{"date": (first + timedelta(days=at)).isoformat(), "count": float(one)} for at, one in enumerate(newest)]


def _earlier(series: DailySeries, ask: ForecastAsk) -> list[Json]:
    """What would have been forecast of the newest days, as many as are asked for ahead, by those before alone; nothing
    where no past is asked for or the days before are too few."""
    if not ask.past:
        return []
    values, booked = series.values[: -ask.days], None if series.booked is None else series.booked[: -ask.days]
    try:
        fitted = fit_forecaster(values, series.start, horizon_days=ask.days, known=booked, closed=ask.closed)
    except InputError:
        return []
    last = None if booked is None else booked[-1]
    return _rows(forecast(fitted, values, series.start, known=last, closed=ask.closed))


def _told_of_unit(series: DailySeries, ask: ForecastAsk) -> Json:
    """As `_told`; a unit that was opened lately keeps no other from being forecast."""
    try:
        return _told(series, ask)
    except InputError as error:
        return {
            "unit": series.unit, "start": series.start.isoformat(), "until": series.until.isoformat(),
            "mean": float(series.values[-365:].mean()), "judged": None, "rows": [], "reason": error.remedy,
            "past": _past(series, ask.past), "earlier": [],
        }  # fmt: skip


def _judged(series: DailySeries, ask: ForecastAsk) -> Json:
    how = Rolling(ask.days, refit_every=13)
    rolled = roll(series.values, series.start, how, known=series.booked, closed=ask.closed)
    return asdict(judge(rolled, series.values[: -how.test_days]))


def _table(platform: Platform, file: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(StringIO(platform.read_text(file)))
    except pl.exceptions.PolarsError:
        raise FormatError(f"{file.name} is no CSV", "Write a header, and commas between columns.") from None


def _what(what: str) -> What:
    for one in WHATS:
        if one == what:
            return one
    raise QueryError("what is forecast", f"Name one of {', '.join(WHATS)}.")
