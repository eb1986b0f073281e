"""Daily counts out of timed facts: beds that are occupied, discharges, clinic slots with what is booked of them.

A bed is occupied on the days at whose end (midnight UTC) somebody lies in it; a slot is an appointment, whatever became
of it, on the day for which it was booked.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from careloom.errors import InputError
from careloom.risk.cohorts_match import not_cancelled

What = Literal["beds", "discharges", "slots"]
WHATS: tuple[What, ...] = ("beds", "discharges", "slots")
_LONGEST_STAY_DAYS = 366
"""A stay without an end is taken to be forgotten, not to last, after so long."""


@dataclass(frozen=True, slots=True)
class DailySeries:
    """Counts of one unit.

    values  [T] a day, from `start` on, none missing
    booked  [T, H] how many slots of day t + 1 + h were booked at the end of day t; None where nobody knows
    """

    unit: str
    start: date
    values: NDArray[np.float64]
    booked: NDArray[np.float64] | None = None

    @property
    def until(self) -> date:
        """The last day that was counted."""
        return self.start + timedelta(days=self.values.size - 1)


def series_of_facts(events: pl.DataFrame, what: What, horizon_days: int) -> DailySeries:
    """The whole of a zone as one unit, up to the last day that is over: the day before the newest fact.

    events  as `careloom.risk.cohorts_events.EVENTS`
    raises  InputError where there is no such fact
    """
    until = last_day(events)
    if what == "slots":
        return slots(events, until, horizon_days)
    days = _stays(events, until) if what == "beds" else _days(events, "discharge")
    return counted(days, until)


def last_day(events: pl.DataFrame) -> date:
    """The last day that is over: the day before the newest fact of a stay or an appointment. raises InputError"""
    known = events.filter(pl.col("kind").is_in(["admission", "discharge", "visit", "appointment"]) & not_cancelled())
    last = known["time"].max()
    if last is None:
        raise InputError("forecast: facts", "there are no stays and no appointments to count")
    found: date = pl.select(pl.lit(last).dt.date()).item() - timedelta(days=1)
    return found


def series_of_rows(rows: pl.DataFrame) -> list[DailySeries]:
    """Series of a table: date, count, and unit where there are several; by name.

    raises  InputError for a column that lacks, a day that is missing or there twice, a count below 0
    """
    for name in ("date", "count"):
        if name not in rows.columns:
            raise InputError(
                f"forecast: no column {name}", "Write date (YYYY-MM-DD), count, and unit if there are several."
            )
    told = rows if "unit" in rows.columns else rows.with_columns(unit=pl.lit("all"))
    try:
        is_text = told["date"].dtype == pl.String
        day = pl.col("date").str.to_date("%Y-%m-%d") if is_text else pl.col("date").cast(pl.Date)
        told = told.select(pl.col("unit").cast(pl.String), day, pl.col("count").cast(pl.Float64))
    except pl.exceptions.PolarsError:
        raise InputError("forecast: a date or a count", "Write days as YYYY-MM-DD and counts as numbers.") from None
    found = []
    for (unit,), part in sorted(told.group_by("unit"), key=lambda pair: str(pair[0][0])):
        days = part.sort("date")
        gaps = days["date"].diff().drop_nulls()
        if days["date"].null_count() or days["count"].null_count() or not (gaps == timedelta(days=1)).all():
            raise InputError(f"forecast: unit {unit}", "Every day needs one row with a count, none missing.")
        found.append(DailySeries(str(unit), days["date"][0], days["count"].to_numpy()))
    return found


def _days(events: pl.DataFrame, kind: str) -> pl.Series:
    told = events.filter(pl.col("kind") == kind).drop_nulls("time").unique("resource_key")
    return told["time"].dt.date()


def _stays(events: pl.DataFrame, until: date) -> pl.Series:
    """A day for each midnight that a stay goes over."""
    ends = events.filter(pl.col("kind") == "discharge").group_by("resource_key").agg(pl.col("time").min().alias("end"))
    begun = events.filter(pl.col("kind") == "admission").drop_nulls("time").unique("resource_key")
    stays = begun.join(ends, on="resource_key", how="left")
    return midnights(stays.select(pl.col("time").alias("begin"), pl.col("end").alias("over")), until)


def midnights(spans: pl.DataFrame, until: date) -> pl.Series:
    """A day for each midnight that a span (begin, over; null: it lasts) goes over."""
    longest = pl.col("begin").dt.date() + timedelta(days=_LONGEST_STAY_DAYS)
    last = pl.min_horizontal(pl.col("over").dt.date().fill_null(until + timedelta(days=1)), longest)
    spans = spans.select(pl.col("begin").dt.date().alias("from"), last.alias("until")).filter(
        pl.col("until") > pl.col("from")
    )
    return spans.select(pl.date_ranges("from", "until", closed="left")).to_series().explode()


def counted(days: pl.Series, until: date) -> DailySeries:
    """Days as counts, from the first to `until`. raises InputError where there is none"""
    known = days.drop_nulls()
    kept = known.filter(known <= until)
    if kept.is_empty():
        raise InputError("forecast: facts", "there is nothing of this kind to count")
    start: date = kept.sort()[0]
    at = (kept - start).dt.total_days().to_numpy()
    values = np.bincount(at, minlength=(until - start).days + 1).astype(np.float64)
    return DailySeries("all", start, values)


def slots(events: pl.DataFrame, until: date, horizon_days: int) -> DailySeries:
    """Slots, with what is booked: of bookings, when each was made, and how many days ahead. raises InputError"""
    made = events.filter(pl.col("kind") == "booking").drop_nulls(["time", "value"]).unique("resource_key")
    begin = made.select(pl.col("time") + pl.duration(seconds=pl.col("value") * 86_400)).to_series()
    found = counted(begin.dt.date(), until)
    booked = np.zeros((found.values.size, horizon_days))
    slot = (begin.dt.date() - found.start).dt.total_days().to_numpy()
    since = (made["time"].dt.date() - found.start).dt.total_days().to_numpy()
    for ahead in range(1, horizon_days + 1):
        origin = slot - ahead
        told = (origin >= np.maximum(since, 0)) & (origin < found.values.size)
        booked[:, ahead - 1] = np.bincount(origin[told], minlength=found.values.size)
    return DailySeries("all", found.start, found.values, booked)
