"""Forecasts beat repeating last week where there is something to learn; overbooking and call lists by hand."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from careloom.errors import InputError
from careloom.risk.forecast import fit_forecaster, forecast, seasonal_naive
from careloom.risk.forecast_capacity import attendance, call_list, overbook
from careloom.risk.forecast_measure import Rolling, judge, roll

START = date(2022, 1, 3)
HOW = Rolling(7, test_days=182, step_days=7, refit_every=13)


def weekly(seed: int, days: int = 900) -> np.ndarray:
    """Counts with a weekday pattern, none on Sundays."""
    mean = np.array([30, 10, 10, 11, 10, 4, 0])[np.arange(days) % 7]
    return np.random.default_rng(seed).poisson(mean).astype(float)


def test_a_weekly_pattern_is_forecast_nearly_as_well_as_can_be() -> None:
    """Two draws of a count lie 1.41 times as far apart as one lies from its middle: 0.71 is what can be reached."""
    values = weekly(1)
    told = judge(roll(values, START, HOW), values[: -HOW.test_days])
    assert told.mase is not None
    assert told.mase < 0.8
    assert told.mase_naive == pytest.approx(1.0, abs=0.15)
    assert told.coverage == pytest.approx(0.9, abs=0.06)
    assert abs(told.bias) < 0.5


def test_occupied_beds_that_persist_are_forecast_better_than_last_week() -> None:
    random = np.random.default_rng(2)
    beds = np.zeros(900)
    for day, arrivals in enumerate(random.poisson(6, 900)):
        for stay in random.geometric(0.2, arrivals):
            beds[day : day + stay] += 1
    values = beds[50:]
    told = judge(roll(values, START, HOW), values[: -HOW.test_days])
    assert told.mase is not None
    assert told.mase < 0.85 * told.mase_naive


def test_nothing_after_the_origin_is_seen() -> None:
    values = weekly(3)
    changed = values.copy()
    changed[-100:] = 500
    rolled, other = (
        roll(one, START, HOW).filter(pl.col("origin") < START + timedelta(days=799)) for one in (values, changed)
    )
    assert rolled.height > 0
    assert rolled.drop("actual").equals(other.drop("actual"))


def test_a_closed_day_and_bookings_known_ahead_are_used() -> None:
    random = np.random.default_rng(4)
    mean = np.full(900, 20.0)
    days = [START + timedelta(days=day) for day in range(930)]
    closed = {day for day in days if day.day == 15}
    mean[[number for number in range(900) if days[number] in closed]] = 1
    values = random.poisson(mean).astype(float)
    told = forecast(fit_forecaster(values, START, horizon_days=28, closed=closed), values, START, closed=closed)
    shut = told.filter(pl.col("date").is_in(list(closed)))
    assert shut["mean"].max() < 8
    assert told.filter(~pl.col("date").is_in(list(closed)))["mean"].min() > 15
    booked = np.column_stack([np.roll(values, -ahead) for ahead in range(1, 8)])
    with_bookings = fit_forecaster(values, START, horizon_days=7, known=booked)
    ahead = forecast(with_bookings, values, START, known=np.array([3.0, 30, 20, 20, 20, 20, 20]))
    assert ahead["mean"][1] - ahead["mean"][0] > 15
    with pytest.raises(InputError):
        forecast(with_bookings, values, START)


def test_what_is_booked_at_the_origin_makes_slots_more_certain() -> None:
    values = weekly(5)
    ahead = np.stack([np.roll(values, -days) for days in range(1, 8)], axis=1)
    booked = np.random.default_rng(6).binomial(ahead.astype(int), 0.8).astype(float)
    before = values[: -HOW.test_days]
    plain, told = judge(roll(values, START, HOW), before), judge(roll(values, START, HOW, known=booked), before)
    assert plain.mase is not None
    assert told.mase is not None
    assert told.mase < 0.7 * plain.mase


def test_what_cannot_be_forecast_is_refused() -> None:
    for values in (np.ones(60), np.full(900, -1.0), np.full(900, np.nan)):
        with pytest.raises(InputError):
            fit_forecaster(values, START, horizon_days=7)
    with pytest.raises(InputError):
        roll(np.ones(900), START, Rolling(28, test_days=7))


def test_the_naive_forecast_repeats_the_last_week() -> None:
    assert seasonal_naive(np.arange(20.0), 9).tolist() == [13, 14, 15, 16, 17, 18, 19, 13, 14]


def test_attendance_is_the_chance_of_each_count() -> None:
    assert attendance([0.5, 0.5]).tolist() == [0.25, 0.5, 0.25]
    assert attendance([]).tolist() == [1.0]
    chances = attendance(np.linspace(0.1, 0.9, 30))
    assert chances.sum() == pytest.approx(1)
    assert chances @ np.arange(31) == pytest.approx(15)


def test_overbooking_by_hand() -> None:
    """One slot, one booking that comes half of the time; a sure further one costs half a visit over, in place of half a
    slot idle."""
    dear = overbook([0.5], 1, show_of_new=1.0, cost_idle=100, cost_over=150)
    assert (dear.extra, dear.cost, dear.cost_without) == (0, 50, 50)
    cheap = overbook([0.5], 1, show_of_new=1.0, cost_idle=100, cost_over=30)
    assert (cheap.extra, cheap.cost, cheap.cost_without, cheap.over) == (1, 15, 50, 0.5)
    with pytest.raises(InputError):
        overbook([0.5], 1, show_of_new=1.2, cost_idle=1, cost_over=1)


def test_the_call_list_holds_those_worth_a_call_and_no_more_than_can_be_called() -> None:
    patients = pl.DataFrame({"patient_id": ["d", "a", "c", "b"], "risk": [0.02, 0.3, 0.5, 0.3]})
    found = call_list(patients, 3, effect=0.2, cost_event=10_000, cost_call=100)
    assert found["patient_id"].to_list() == ["c", "a", "b"]
    assert found["saves"].to_list() == pytest.approx([900, 500, 500])
    assert found["saves_so_far"].to_list() == pytest.approx([900, 1400, 1900])
    assert found["rank"].to_list() == [1, 2, 3]
    assert call_list(patients, 10, effect=0.2, cost_event=10_000, cost_call=100).height == 3, (
        "0.02 saves 40 and costs 100"
    )
    with pytest.raises(InputError):
        call_list(patients.with_columns(risk=pl.lit(1.5)), 1, effect=0.2, cost_event=1, cost_call=1)


def test_the_interval_holds_the_forecast_where_the_newest_quarter_was_hit_to_a_hair() -> None:
    """Whole numbers below an end that lies a hair beside the forecast would leave the forecast out."""
    values = weekly(6)
    fitted = fit_forecaster(values, START, horizon_days=7)
    hair = replace(fitted, middle=(0.0,) * 7, below=(1e-3,) * 7, above=(-1e-3,) * 7)
    told = forecast(hair, values, START)
    assert ((told["low"] <= told["median"]) & (told["median"] <= told["high"])).all()
