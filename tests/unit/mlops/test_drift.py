"""What monitoring finds in windows whose drift is known, and that it finds nothing where there is none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from careloom.errors import FormatError, InputError
from careloom.mlops.drift import PredictionWindow, judge
from careloom.mlops.drift_inputs import staleness
from careloom.mlops.drift_sequential import NEW, control, limit_for
from careloom.mlops.drift_thresholds import shipped, thresholds
from tests.unit.mlops.drift_kit import came, profiled, rows, scores_of, window

PROFILE = profiled()


def alarms(told: PredictionWindow) -> set[tuple[str, str]]:
    return {(one.kind, one.place) for one in judge(PROFILE, told, told, shipped()) if one.is_alarm}


def test_fifty_undrifted_windows_raise_no_alarm() -> None:
    assert [alarms(window(PROFILE, seed=100 + 2 * number)) for number in range(50)] == [set()] * 50


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (pl.col("glucose") + 12, {("values", "glucose")}),
        (110 + (pl.col("glucose") - 110) * 1.5, {("values", "glucose")}),
        (pl.col("glucose") / 18.0156, {("values", "glucose"), ("outside", "glucose")}),
        (pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("glucose").alias("glucose"),
         {("missing", "glucose"), ("blank", "glucose")}),
        (pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("male")).otherwise("sex").alias("sex"),
         {("values", "sex")}),
        (pl.col("sex").replace("male", "m"), {("values", "sex"), ("unknown", "sex")}),
    ],
    ids=["mean", "scale", "unit", "missing", "mix", "new level"],
)  # fmt: skip
def test_drift_of_an_input_is_found_at_its_feature(change: pl.Expr, found: set[tuple[str, str]]) -> None:
    name = change.meta.root_names()[-1] if change.meta.output_name() == "literal" else change.meta.output_name()
    assert alarms(window(PROFILE, change=lambda frame: frame.with_columns(change.alias(name)), is_ripe=False)) == found


def test_scores_that_moved_are_found_before_any_outcome_is_known() -> None:
    told = window(PROFILE, is_ripe=False)
    moved = replace(told, scores=1 / (1 + np.exp(-(np.log(told.scores / (1 - told.scores)) + 0.5))))
    assert alarms(moved) == {("scores", "")}


def test_calibration_that_moved_is_found_once_outcomes_are_known() -> None:
    assert ("calibration", "") in alarms(window(PROFILE, count=2000, shift=0.9))
    assert not alarms(window(PROFILE, count=2000, shift=0.9, is_ripe=False))


def test_a_group_for_which_the_scores_fail_is_named() -> None:
    told = window(PROFILE, count=4000)
    odds = np.log(told.scores / (1 - told.scores))
    wrong = came(1 / (1 + np.exp(-odds)), 5, shift=1.2)
    outcomes = np.where(told.groups["sex"] == "male", wrong, told.outcomes).astype(np.int8)
    assert ("group", "sex=male") in alarms(replace(told, outcomes=outcomes))
    assert ("group", "sex=female") not in alarms(replace(told, outcomes=outcomes))


def test_alerts_that_nothing_follows_and_overrides_are_found() -> None:
    told = window(PROFILE, count=4000)
    barren = np.where(told.alerts, 0, told.outcomes).astype(np.int8)
    assert ("ppv", "") in alarms(replace(told, outcomes=barren))
    answers = np.where(told.alerts, "overridden", "").astype(str)
    reasons = np.where(told.alerts, "not-relevant", "").astype(str)
    overridden = replace(told, answers=answers, reasons=reasons)
    (one,) = [each for each in judge(PROFILE, overridden, overridden, shipped()) if each.kind == "overrides"]
    assert one.is_alarm
    assert one.detail["reasons"] == {"not-relevant": int(told.alerts.sum())}
    assert ("overrides", "") not in alarms(replace(told, answers=np.where(told.alerts, "accepted", "").astype(str)))


def test_a_window_of_few_rows_is_not_judged() -> None:
    few = window(PROFILE, count=shipped().least_rows - 1, is_ripe=False)
    assert judge(PROFILE, few, few, shipped()) == []


@pytest.mark.parametrize("groups", [{}, {"sex": "F"}], ids=["not-told", "told-otherwise"])
def test_a_kind_of_group_that_the_profile_does_not_know_is_told_as_not_judged(groups: dict[str, str]) -> None:
    told = window(PROFILE)
    other = replace(told, groups={kind: np.full(told.rows, one) for kind, one in groups.items()})
    found = judge(PROFILE, other, other, shipped())
    assert [(one.kind, one.place, one.is_alarm) for one in found if one.kind in ("unjudged", "mix")] == [
        ("unjudged", "sex", False)
    ]
    assert "unjudged" not in {one.kind for one in judge(PROFILE, told, told, shipped())}


def test_bins_of_another_profile_are_refused() -> None:
    told = window(PROFILE)
    with pytest.raises(InputError):
        judge(PROFILE, replace(told, bins=told.bins[:, :2]), told, shipped())


def test_silence_is_an_alarm_after_the_hours_that_were_stated() -> None:
    now = datetime(2026, 3, 4, tzinfo=UTC)
    told = staleness(now - timedelta(hours=73), now, shipped())
    assert told is not None
    assert told.is_alarm
    assert staleness(now - timedelta(hours=72), now, shipped()) is None
    assert staleness(datetime(2020, 1, 1, tzinfo=UTC), now, thresholds("[inputs]\nstale_hours = 0")) is None


def test_sequential_control_calls_soon_after_the_odds_doubled_and_not_before() -> None:
    scores = scores_of(rows(6000, 11))
    quiet = came(scores, 12).astype(bool)
    told = control(scores, quiet, shipped())
    assert told.crossed is None
    doubled = np.concatenate((quiet[:3000], came(scores[3000:], 13, shift=np.log(2)).astype(bool)))
    late = control(scores, doubled, shipped())
    assert late.crossed is not None
    assert 3000 < late.crossed < 3400
    assert late.crossings[0].upwards
    fallen = control(
        scores, np.concatenate((quiet[:3000], came(scores[3000:], 13, shift=-np.log(2)).astype(bool))), shipped()
    )
    assert fallen.crossed is not None
    assert not fallen.crossings[0].upwards


def test_a_cusum_is_the_one_that_is_computed_step_by_step() -> None:
    scores = scores_of(rows(300, 21))
    outcomes = came(scores, 22).astype(bool)
    up = 0.0
    for score, event in zip(scores, outcomes, strict=True):
        up = max(0.0, up + event * np.log(2) - np.log(1 - score + 2 * score))
    told = control(scores, outcomes, shipped())
    assert (told.chart.up, told.chart.outcomes) == (pytest.approx(up), 300)


def test_a_cusum_is_the_same_whether_outcomes_come_at_once_or_by_and_by() -> None:
    scores = scores_of(rows(4000, 11))
    outcomes = came(scores, 13, shift=np.log(2)).astype(bool)
    whole = control(scores, outcomes, shipped())
    assert len(whole.crossings) > 3  # odds that stay doubled are told again by a chart that began anew
    for step in (1, 37, 500):
        chart, found = NEW, []
        for begin in range(0, 4000, step):
            part = control(scores[begin : begin + step], outcomes[begin : begin + step], shipped(), chart)
            found += [replace(one, at=one.at + begin) for one in part.crossings]
            chart = part.chart
        assert (chart.outcomes, tuple(found)) == (whole.chart.outcomes, whole.crossings)
        assert (chart.up, chart.down) == (pytest.approx(whole.chart.up), pytest.approx(whole.chart.down))


def test_a_chart_begins_at_zero_after_a_crossing_and_is_quiet_once_the_odds_are_as_promised() -> None:
    scores = scores_of(rows(6000, 11))
    doubled = came(scores[:1000], 13, shift=np.log(2)).astype(bool)
    told = control(scores, np.concatenate((doubled, came(scores[1000:], 12).astype(bool))), shipped())
    assert told.crossings
    assert max(one.at for one in told.crossings) < 1200
    last = told.crossings[-1].at
    again = control(scores[last + 1 :], np.concatenate((doubled, came(scores[1000:], 12).astype(bool)))[last + 1 :],
                    shipped())  # fmt: skip
    assert (again.crossings, again.chart) == ((), told.chart)


def test_thresholds_of_ones_own_change_what_they_name_alone() -> None:
    own = thresholds("[psi]\nmedium = 0.2\n[tests]\ncorrection = 'benjamini-hochberg'")
    assert own == replace(shipped(), psi_medium=0.2, correction="benjamini-hochberg")
    assert own.as_json()["psi"] == {"medium": 0.2, "large": 0.25}


@pytest.mark.parametrize(
    "text",
    ["[psi", "[psi]\nhuge = 1", "other = 1", "[psi]\nmedium = 'much'", "[tests]\nerror_rate = 1.0",
     "[tests]\ncorrection = 'none'", "[window]\nleast_rows = 1.5", "[sequential]\nodds_ratio = 1"],
    ids=["no TOML", "no key", "no table", "text", "share", "correction", "rows", "odds"],
)  # fmt: skip
def test_thresholds_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        thresholds(text)


def test_a_calibrated_model_alarms_in_under_two_looks_of_a_hundred_whatever_the_volume() -> None:
    draw, looks, calls = np.random.default_rng(20261130), 200, {600: 0, 12_000: 0}
    for outcomes in calls:
        told = replace(shipped(), limit=limit_for(outcomes, shipped()))
        for _ in range(looks):
            scores = 1 / (1 + np.exp(2.3 - draw.normal(size=outcomes)))
            calls[outcomes] += control(scores, draw.random(outcomes) < scores, told).crossed is not None
    assert max(calls.values()) / looks < 0.02
    assert limit_for(1, shipped()) == shipped().limit


def test_charts_that_begin_anew_call_falsely_in_under_two_years_of_a_hundred_looked_at_day_by_day() -> None:
    draw, years, a_day, calls = np.random.default_rng(7), 100, 20, 0
    for _ in range(years):
        scores = 1 / (1 + np.exp(2.3 - draw.normal(size=365 * a_day)))
        came_true, chart, crossings = draw.random(scores.size) < scores, NEW, 0
        for end in range(a_day, scores.size + 1, a_day):
            day = slice(end - a_day, end)
            told = control(scores[day], came_true[day], replace(shipped(), limit=limit_for(end, shipped())), chart)
            chart, crossings = told.chart, crossings + len(told.crossings)
        calls += crossings > 0
    assert calls / years < 0.02
