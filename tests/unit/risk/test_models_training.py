"""From rows to a model: settings by folds, calibration by others, the page of numbers, what a search may take."""

from functools import cache
from itertools import count

import numpy as np
import polars as pl
import pytest

from careloom.errors import InputError
from careloom.pipeline.registry import load
from careloom.risk.evaluate import Resampling
from careloom.risk.evaluate_measures import sigmoid
from careloom.risk.models_features import About
from careloom.risk.models_package import pack, unpack
from careloom.risk.models_report import Judge, gained, report, text
from careloom.risk.models_stress import quick, stressed
from careloom.risk.models_training import Plan, Rows, Trained, out_of_fold, trained

KEY = b"key of the tests"
ABOUT = {
    "age": About("Age", "a", monotone=1),
    "visits": About("Use of care"),
    "ward": About("Ward"),
    "lab": About("Lab"),
}
PLAN = Plan("test-30d", "an outcome", 30, "logistic", KEY, 3, {"penalty": 5.0}, at_risk=0.2, alerts_per_100=15.0)


def drawn(rows: int, seed: int) -> tuple[Rows, np.ndarray]:
    """Two rows a patient, and the probability that the outcomes were drawn from."""
    draw = np.random.default_rng(seed)
    age, visits = draw.uniform(20, 95, rows), draw.poisson(1.0, rows)
    ward, lab = draw.choice(["A", "B"], rows), draw.normal(0, 1, rows)
    risk = sigmoid(-2.2 + 0.03 * (age - 60) + 0.6 * visits + 0.7 * (ward == "B") + 0.5 * np.abs(lab))
    frame = pl.DataFrame({"age": age, "visits": visits, "ward": ward, "lab": lab})
    gone = pl.Series(draw.random(rows) < 0.3)
    frame = frame.with_columns(lab=pl.when(~gone).then("lab"))
    patients = pl.Series([f"p{seed}-{number // 2}" for number in range(rows)])
    return Rows(frame, draw.random(rows) < risk, patients), risk


@cache
def made() -> tuple[Trained, Rows, np.ndarray]:
    found = trained(ABOUT, drawn(3000, 1)[0], drawn(1500, 2)[0], PLAN, {"cohort": "drawn"})
    return found, *drawn(3000, 3)


def test_a_trained_model_comes_near_the_probability_that_drew_the_outcomes() -> None:
    found, test, true = made()
    risk = found.model.score(test.frame)
    area, error = quick(test.happened, risk)
    best, _ = quick(test.happened, true)
    assert area - 0.5 > 0.95 * (best - 0.5)
    assert error < 0.04
    assert unpack(pack(found.model)).training["cohort"] == "drawn"


def test_the_same_rows_and_plan_give_the_same_bytes() -> None:
    again = trained(ABOUT, drawn(3000, 1)[0], drawn(1500, 2)[0], PLAN, {"cohort": "drawn"})
    assert pack(again.model) == pack(made()[0].model)


def test_the_threshold_keeps_to_its_budget_on_the_rows_that_chose_it() -> None:
    found, test, _ = made()
    assert found.model.threshold is not None
    assert found.model.threshold.alerts_per_100 <= 15.0
    assert found.model.alerts(test.frame).mean() < 0.2


def test_no_row_is_told_by_a_learner_that_saw_its_patient() -> None:
    """Outcomes by lot, one lot a patient: a learner that had seen the patient's other row would know it."""
    draw = np.random.default_rng(4)
    patients = pl.Series([f"p{number // 2}" for number in range(600)])
    lots = np.repeat(draw.random(300) < 0.5, 2)
    told = np.repeat(draw.normal(0, 1, 300), 2)
    rows = Rows(pl.DataFrame({"lab": told}), lots, patients)
    pytest.importorskip("lightgbm")
    settings = {"rounds": 60, "least_rows": 1, "learning_rate": 0.3, "patience": 1000}
    found = out_of_fold("lightgbm", settings, {"lab": About("Lab")}, rows, KEY)
    assert 0.4 < quick(lots, found.risk)[0] < 0.6


def test_folds_choose_among_candidates() -> None:
    plan = Plan("x", "y", 1, "logistic", KEY, 3, {}, ({"penalty": 1e5}, {"penalty": 3.0, "knots": 3}))
    found = trained(ABOUT, drawn(1200, 5)[0], drawn(800, 6)[0], plan, {})
    assert found.model.training["settings"] == {"penalty": 3.0, "knots": 3}
    assert [one["settings"] for one in found.tried] == list(plan.candidates)


@pytest.mark.parametrize("settings", [{"depth": 3}, {"penalty": 0.0}])
def test_settings_that_a_learner_does_not_have_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        trained(ABOUT, drawn(600, 5)[0], drawn(600, 6)[0], Plan("x", "y", 1, "logistic", KEY, 3, settings), {})


def test_too_few_events_are_refused_by_part() -> None:
    rare = drawn(600, 7)[0]
    none = Rows(rare.frame, np.arange(600) < 5, rare.patients)
    with pytest.raises(InputError, match="validation"):
        trained(ABOUT, rare, none, PLAN, {})


def test_a_report_says_every_measure_and_can_be_read() -> None:
    found, test, true = made()
    judge = Judge(1, ("ward",), resamples=60)
    told = report(found.model, test, judge, baselines={"the truth": true, "nothing": np.full(3000, 0.2)})
    assert told["rows"] == {"rows": 3000, "patients": 1500, "events": int(test.happened.sum())}
    for one in told["measures"].values():
        assert one["low"] <= one["value"] <= one["high"]
    worth = {one["threshold"]: one for one in told["baselines"]["nothing"]["net_benefit_gained_per_1000"]}
    assert worth[0.3]["low"] > 0
    assert {one["group"] for one in told["subgroups"]["table"]} == {"A", "B"}
    page = text(told)
    for word in ("auroc", "beside the truth", "ward A", "threshold taken on these rows", "no longer recorded"):
        assert word in page


def test_net_benefit_gained_is_that_of_the_decision_curve() -> None:
    found, test, true = made()
    told = report(found.model, test, Judge(1, resamples=30), baselines={"the truth": true})
    curve = {one["threshold"]: one["model"] for one in told["decision_curve"]}
    rival = {one["threshold"]: one["model"] for one in told["baselines"]["the truth"]["decision_curve"]}
    for at in (0.1, 0.3):
        worth = gained(test, found.model.score(test.frame), true, at, Resampling(1, 30))
        assert worth.value == pytest.approx(1000 * (curve[at] - rival[at]))


def test_stress_hurts_where_it_should() -> None:
    found, test, _ = made()
    told = {one["what"]: one for one in stressed(found.model, test, 1)}
    whole = told["as they are"]
    assert told["Lab no longer recorded"]["auroc"] < whole["auroc"]
    assert told["50% of values lost"]["auroc"] <= told["10% of values lost"]["auroc"] + 0.005
    assert told["events doubled"]["ece"] > whole["ece"]
    assert told["events doubled"]["auroc"] == pytest.approx(whole["auroc"], abs=0.03)


@pytest.mark.parametrize(("trials", "seconds", "expected"), [(3, 1e9, 3), (50, 2.5, 2)])
def test_a_search_ends_with_its_budget_and_begins_with_what_it_is_given(
    trials: int, seconds: float, expected: int
) -> None:
    pytest.importorskip("optuna")
    ticks = count(0.0, 1.5)
    ask = load("risk.search.ask")("logistic", {"penalty": 400.0, "knots": 3}, trials, seconds, KEY, 1)
    found = load("risk.search")(ask, ABOUT, drawn(600, 8)[0], lambda: next(ticks))
    assert len(found.trials) == expected
    assert found.trials[0][0] == {"penalty": pytest.approx(400.0), "knots": 3}
    assert found.best.log_loss == min(loss for _, loss in found.trials)


def test_a_search_of_nothing_is_refused() -> None:
    pytest.importorskip("optuna")
    with pytest.raises(InputError):
        load("risk.search")(
            load("risk.search.ask")("logistic", {}, 0, 1.0, KEY, 1), ABOUT, drawn(100, 8)[0], lambda: 0.0
        )
