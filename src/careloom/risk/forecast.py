"""Forecasts of daily counts of a unit (occupied beds, discharges, clinic slots), with intervals, some days ahead.

    forecaster = fit_forecaster(values, start, horizon_days=28)
    forecast(forecaster, values, start)            a row a day ahead: date, median, mean, low, high

One ridge regression a day ahead, on what is known at the origin (recent levels, the same weekday of the last weeks) and
on the calendar of the day that is forecast; the spread is that of the newest quarter, which the first fit never saw.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from careloom.errors import InputError
from careloom.risk.conformal import conformal_quantile

Floats = NDArray[np.float64]
HALF_LIVES_DAYS = (3.0, 14.0, 90.0)
"""Of the exponential means that stand for the level of a series."""
WEEKS_BACK = 8
FIRST_ORIGIN_DAYS = 7 * WEEKS_BACK
"""No day before this is an origin: the same weekday needs its weeks."""
FEWEST_ORIGINS = 112
CALIBRATION_SHARE = 0.25
RECENT_DAYS = 730
"""The usual count of a weekday is that of the last two years."""
PENALTIES = (0.0, 3.0, *(4 * days for days in HALF_LIVES_DAYS), 3.0, 100.0, 100.0, 100.0, 100.0, 112.0, 3.0, 3.0)
"""Ridge penalty of each column of `_features`, in rows: what moves slowly is seen anew only every few half-lives."""
SOFTENING = 0.25
"""Added to the mean before its root is taken: the spread of a count near zero."""


@dataclass(frozen=True, slots=True)
class Forecaster:
    """What `fit_forecaster` learnt; plain numbers.

    coefficients  [H, F] by day ahead; the columns of `_features`, as they come
    middle        [H] standardised residual that half of the days stay below
    below, above  [H] standardised residuals that bound the interval
    miss          share of days that an interval may miss
    """

    horizon_days: int
    coefficients: tuple[tuple[float, ...], ...]
    middle: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    miss: float
    uses_known: bool


def fit_forecaster(
    values: NDArray[np.float64],
    start: date,
    *,
    horizon_days: int,
    miss: float = 0.1,
    known: Floats | None = None,
    closed: Collection[date] = (),
) -> Forecaster:
    """A forecaster of a daily series.

    values   [T] counts from `start` on, one a day, none missing, none below zero
    known    [T, H] what is known at the end of day t of day t + 1 + h already, such as slots booked; else None
    closed   days on which the unit is closed or runs as on a holiday, past and to come
    raises   InputError for a series too short (`FIRST_ORIGIN_DAYS` + `FEWEST_ORIGINS` + the horizon), with gaps, or
             with a negative count
    """
    told = _checked(values, horizon_days)
    if known is not None and known.shape != (told.size, horizon_days):
        raise InputError("forecast: known", "hand in a row a day and a column a day ahead")
    levels = _levels(told)
    fitted = []
    for ahead in range(1, horizon_days + 1):
        origins = np.arange(FIRST_ORIGIN_DAYS, told.size - ahead)
        features = _features(told, levels, start, ahead, closed, known)[origins]
        target = told[origins + ahead]
        split = origins.size - max(int(origins.size * CALIBRATION_SHARE), 28)
        early = _ridge(features[: split - ahead], target[: split - ahead])
        mean = np.maximum(features[split:] @ early, 0.0)
        off = (target[split:] - mean) / np.sqrt(mean + SOFTENING)
        whole = _ridge(features, target)
        usual = np.maximum(features @ whole, 0.0)
        fitted.append((whole, off, (target - usual) / np.sqrt(usual + SOFTENING)))
    return Forecaster(
        horizon_days,
        tuple(tuple(coefficients.tolist()) for coefficients, _, _ in fitted),
        tuple(float(np.median(inside)) for _, _, inside in fitted),
        tuple(-conformal_quantile(-off, miss / 2) for _, off, _ in fitted),
        tuple(conformal_quantile(off, miss / 2) for _, off, _ in fitted),
        miss,
        known is not None,
    )


def forecast(
    forecaster: Forecaster,
    values: NDArray[np.float64],
    start: date,
    *,
    known: Floats | None = None,
    closed: Collection[date] = (),
) -> pl.DataFrame:
    """The days after the last of `values`.

    known    [H] what is known of each of these days already; needed where the forecaster learnt from it
    returns  [H] date, days_ahead, median (the point forecast: least absolute error), mean, low and high (the interval,
             which holds the median); none below zero, all but the mean whole numbers
    """
    told = _checked(values, forecaster.horizon_days)
    if (known is not None) != forecaster.uses_known:
        raise InputError("forecast: known", "hand in what the forecaster was fitted with, and only that")
    everything = None if known is None else np.vstack([np.zeros((told.size - 1, known.size)), known[None, :]])
    levels = _levels(told)
    rows = []
    for ahead in range(1, forecaster.horizon_days + 1):
        features = _features(told, levels, start, ahead, closed, everything)[-1]
        mean = max(float(features @ np.array(forecaster.coefficients[ahead - 1])), 0.0)
        spread = float(np.sqrt(mean + SOFTENING))
        median = max(float(np.rint(mean + forecaster.middle[ahead - 1] * spread)), 0.0)
        rows.append(
            {
                "date": start + timedelta(days=told.size - 1 + ahead),
                "days_ahead": ahead,
                "median": median,
                "mean": mean,
                "low": min(max(np.floor(mean + forecaster.below[ahead - 1] * spread + 1e-9), 0.0), median),
                "high": max(np.floor(mean + forecaster.above[ahead - 1] * spread + 1e-9), median),
            }
        )
    return pl.DataFrame(rows)


def seasonal_naive(values: NDArray[np.float64], horizon_days: int, season_days: int = 7) -> Floats:
    """The last season again and again: what every forecast has to beat."""
    last = np.asarray(values, dtype=np.float64)[-season_days:]
    return np.resize(last, horizon_days)


def _checked(values: NDArray[np.float64], horizon_days: int) -> Floats:
    told = np.asarray(values, dtype=np.float64)
    if told.ndim != 1 or told.size < FIRST_ORIGIN_DAYS + FEWEST_ORIGINS + horizon_days:
        raise InputError("forecast: series", "hand in more days: see FIRST_ORIGIN_DAYS and FEWEST_ORIGINS")
    if not (told >= 0).all():
        raise InputError("forecast: series", "every day needs a count, none below zero")
    return told


def _levels(values: Floats) -> Floats:
    """[T, L] exponential means up to each day, that day with it."""
    found = np.empty((values.size, len(HALF_LIVES_DAYS)))
    for column, half_life in enumerate(HALF_LIVES_DAYS):
        keep = 0.5 ** (1 / half_life)
        level = float(values[:FIRST_ORIGIN_DAYS].mean())
        for day, value in enumerate(values):
            level = keep * level + (1 - keep) * float(value)
            found[day, column] = level
    return found


def _features(
    values: Floats, levels: Floats, start: date, ahead: int, closed: Collection[date], known: Floats | None
) -> Floats:
    """[T, F] of each origin for the day `ahead` days later; the first column is the usual count of its weekday.

    Levels and seasons are multiplied by the weekday's usual share, for a Monday of 30 moves more than a Sunday of 0.
    """
    days = np.arange(values.size) + ahead
    usual = _usual(values, start)[(start.weekday() + days) % 7]
    middle = float(values[-RECENT_DAYS:].mean())
    share = usual / max(middle, 1e-9)
    year = 2 * np.pi * (days + start.timetuple().tm_yday) / 365.25
    columns = [
        usual, np.ones(values.size), *(share * (level - middle) for level in levels.T), values - middle,
        *(usual * wave for wave in (np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year))),
        _same_weekday(values, ahead, WEEKS_BACK) - usual,
    ]  # fmt: skip
    if closed:
        columns.append(usual * np.isin(days, [(day - start).days for day in closed]))
    if known is not None:
        columns.append(known[:, ahead - 1])
    return np.column_stack(columns)


def _usual(values: Floats, start: date) -> Floats:
    """[7] mean count of each weekday in the last two years."""
    weekday = ((start.weekday() + np.arange(values.size)) % 7)[-RECENT_DAYS:]
    found: Floats = np.bincount(weekday, weights=values[-RECENT_DAYS:], minlength=7) / np.bincount(weekday, minlength=7)
    return found


def _same_weekday(values: Floats, ahead: int, weeks: int) -> Floats:
    """[T] mean of the last weeks' counts on the weekday that lies `ahead` days on."""
    first = -ahead % 7
    back = [values[np.maximum(np.arange(values.size) - first - 7 * week, 0)] for week in range(weeks)]
    found: Floats = np.mean(back, axis=0)
    return found


def _ridge(features: Floats, target: Floats) -> Floats:
    """Coefficients of the least squared error in units of a count's spread, with a penalty on like columns."""
    weight = 1 / (features[:, 0] + SOFTENING)
    spread = features.std(axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0)
    scaled = features / scale
    penalty = (np.array(PENALTIES[: features.shape[1]]) + 1e-3) * float(weight.mean())
    left = (scaled * weight[:, None]).T @ scaled + np.diag(penalty)
    return np.asarray(np.linalg.solve(left, scaled.T @ (target * weight)) / scale)
