"""How good forecasts of a daily series are, from origins that roll through its last days."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from careloom.errors import InputError
from careloom.risk.forecast import fit_forecaster, forecast, seasonal_naive

WEEK = 7


@dataclass(frozen=True, slots=True)
class Rolling:
    """How origins roll: the last `test_days` days are forecast from an origin every `step_days`.

    refit_every  origins between two fits; a fit sees nothing after its origin
    miss         share of days that an interval may miss
    """

    horizon_days: int
    test_days: int = 364
    step_days: int = 7
    refit_every: int = 4
    miss: float = 0.1


@dataclass(frozen=True, slots=True)
class Judged:
    """What rolling forecasts of a series came to.

    mase        mean absolute error of the median over that of the seasonal naive forecast within the days before the
                test (below 1: better than repeating last week); None where that is zero
    mase_naive  the same of the seasonal naive forecast itself, from the same origins
    coverage    share of days inside of their interval
    bias        mean of forecast mean less actual count
    error       mean absolute error of the median, in counts; `scale` is what it is divided by
    forecasts   how many days were forecast, over all origins
    """

    mase: float | None
    mase_naive: float | None
    coverage: float
    bias: float
    error: float
    scale: float
    forecasts: int


def roll(
    values: NDArray[np.float64],
    start: date,
    how: Rolling,
    *,
    closed: Collection[date] = (),
    known: NDArray[np.float64] | None = None,
) -> pl.DataFrame:
    """Forecasts from every origin beside what came.

    known    [T, H] what was known at the end of each day of the days after it, such as slots booked; else None
    returns  origin (the last day that was known), date, days_ahead, actual, median, mean, low, high, naive
    """
    told = np.asarray(values, dtype=np.float64)
    if how.test_days < how.horizon_days or told.size <= how.test_days + WEEK:
        raise InputError("rolling forecasts", "the test days hold a horizon at least, and days lie before them")
    parts, forecaster = [], None
    for number, seen in enumerate(range(told.size - how.test_days, told.size - how.horizon_days + 1, how.step_days)):
        past = told[:seen]
        if forecaster is None or number % how.refit_every == 0:
            forecaster = fit_forecaster(
                past,
                start,
                horizon_days=how.horizon_days,
                miss=how.miss,
                known=None if known is None else known[:seen],
                closed=closed,
            )
        booked = None if known is None else known[seen - 1]
        parts.append(
            forecast(forecaster, past, start, known=booked, closed=closed).with_columns(
                origin=pl.lit(start + timedelta(days=seen - 1)),
                actual=pl.Series(told[seen : seen + how.horizon_days]),
                naive=pl.Series(seasonal_naive(past, how.horizon_days)),
            )
        )
    return pl.concat(parts)


def judge(rolled: pl.DataFrame, before: NDArray[np.float64]) -> Judged:
    """What rolled forecasts came to.

    before  the counts before the test days, which give the scale
    source  Hyndman RJ, Koehler AB, Int J Forecast 2006;22:679-688 (mean absolute scaled error)
    """
    told = np.asarray(before, dtype=np.float64)
    scale = float(np.abs(told[WEEK:] - told[:-WEEK]).mean())
    errors = rolled.select(
        (pl.col("median") - pl.col("actual")).abs().mean().alias("own"),
        (pl.col("naive") - pl.col("actual")).abs().mean().alias("naive"),
        pl.col("actual").is_between(pl.col("low") - 1e-9, pl.col("high") + 1e-9).mean().alias("coverage"),
        (pl.col("mean") - pl.col("actual")).mean().alias("bias"),
    ).row(0, named=True)
    return Judged(
        errors["own"] / scale if scale > 0 else None,
        errors["naive"] / scale if scale > 0 else None,
        errors["coverage"],
        errors["bias"],
        errors["own"],
        scale,
        rolled.height,
    )
