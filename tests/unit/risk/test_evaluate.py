"""A risk against scikit-learn and fairlearn; intervals by patient, calibration, conformal sets, decisions, groups."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import InputError
from careloom.metrics import exact_interval
from careloom.risk.calibration import CalibrationMap, calibration_map, choose_calibration, fit_isotonic, fit_platt
from careloom.risk.conformal import conformal_quantile, fit_interval, fit_set
from careloom.risk.decision import at_ppv_floor, decision_curve, operating_point, threshold_under_budget
from careloom.risk.evaluate import Resampling, calibration_curve, evaluate
from careloom.risk.evaluate_measures import error_by_chance, logit, ranking, recalibration, sigmoid
from careloom.risk.subgroups import by_subgroup

FEW = Resampling(seed=3, resamples=200)


def made(n: int, seed: int, *, slope: float = 1.0, rounded: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, risks (too sure of themselves where slope < 1) and patients with two rows each."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.5, 1.0, n)
    happened = random.random(n) < sigmoid(odds)
    risk = sigmoid(odds / slope)
    return happened, np.round(risk, 2) if rounded else risk, np.arange(n) // 2


def test_a_calibration_curve_holds_all_rows_and_names_no_number_of_few_patients() -> None:
    draw = np.random.default_rng(3)
    risk = draw.random(400)
    happened, patients = draw.random(400) < risk, np.arange(400)
    curve = calibration_curve(happened, risk, patients)
    assert sum(int(one["rows"] or 0) for one in curve) == 400
    assert [one["risk"] for one in curve] == sorted(float(one["risk"] or 0) for one in curve)
    assert all(float(one["low"] or 0) <= float(one["came"] or 0) <= float(one["high"] or 0) for one in curve)
    assert max(abs(float(one["came"] or 0) - float(one["risk"] or 0)) for one in curve) < 0.2
    few = calibration_curve(happened, risk, np.arange(400) % 10)
    assert {one[name] for one in few for name in ("came", "low", "high", "rows")} == {None}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans(), st.integers(0, 25)), min_size=12, max_size=120))
def test_no_bin_of_a_calibration_curve_follows_from_the_others(rows: list[tuple[float, bool, int]]) -> None:
    """The whole is told beside the curve: of many patients all bins have numbers, and none is of few."""
    risk, happened, patients = (np.array(one) for one in zip(*rows, strict=True))
    curve = calibration_curve(happened, risk, patients)
    if np.unique(patients).size < 11:
        assert [one["rows"] for one in curve] == [None]
        return
    sizes = [int(one["rows"] or 0) for one in curve]
    assert sum(sizes) == len(rows)
    assert min(sizes) >= 11
    order = np.argsort(risk, kind="stable")
    if np.unique(risk).size == risk.size:
        for own in np.split(patients[order], np.cumsum(sizes)[:-1]):
            assert np.unique(own).size >= 11


def test_point_values_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    happened, risk, patients = made(1500, 1)
    found = evaluate(happened, risk, patients, FEW)
    assert found.auroc.value == pytest.approx(metrics.roc_auc_score(happened, risk), abs=1e-12)
    assert found.auprc.value == pytest.approx(metrics.average_precision_score(happened, risk), abs=1e-12)
    assert found.brier.value == pytest.approx(metrics.brier_score_loss(happened, risk), abs=1e-12)
    assert (found.n, found.patients, found.events) == (1500, 750, happened.sum())


def test_weighted_ranking_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    happened, risk, _ = made(400, 2)
    weights = np.random.default_rng(0).integers(0, 4, (3, 400)).astype(float)
    area, average = ranking(happened, risk, weights)
    for row, weight in enumerate(weights):
        assert area[row] == pytest.approx(metrics.roc_auc_score(happened, risk, sample_weight=weight), abs=1e-12)
        expected = metrics.average_precision_score(happened, risk, sample_weight=weight)
        assert average[row] == pytest.approx(expected, abs=1e-12)


def test_recalibration_is_the_unpenalised_logistic_regression() -> None:
    models = pytest.importorskip("sklearn.linear_model")
    happened, risk, _ = made(2000, 3, slope=0.6, rounded=False)
    fitted = models.LogisticRegression(C=np.inf, tol=1e-10).fit(logit(risk)[:, None], happened)
    found = recalibration(happened, risk)
    assert found == pytest.approx((fitted.intercept_[0], fitted.coef_[0, 0]), abs=1e-4)


@pytest.mark.parametrize("rows", [200, 4000])
def test_the_error_by_chance_is_what_a_calibrated_risk_measures(rows: int) -> None:
    """Of sixty calibrated risks of as many rows the mean error is that by chance; one that is none lies above."""
    measured = []
    for seed in range(60):
        happened, risk, patients = made(rows, seed, rounded=False)
        measured.append(evaluate(happened, risk, patients, Resampling(seed=1, resamples=1)).ece.value)
    by_chance = error_by_chance(risk)
    assert by_chance == pytest.approx(np.mean(measured), rel=0.12)
    happened, risk, patients = made(rows, 4, slope=0.3, rounded=False)
    assert (evaluate(happened, risk, patients, FEW).ece.value or 0) > 1.5 * error_by_chance(risk)


def test_an_overconfident_risk_has_a_slope_below_one_and_a_true_one_does_not() -> None:
    happened, risk, patients = made(4000, 4, slope=0.5, rounded=False)
    bad = evaluate(happened, risk, patients, FEW)
    assert bad.slope.high is not None
    assert bad.slope.high < 0.65
    assert bad.ece.value is not None
    assert bad.ece.value > 0.05
    happened, risk, patients = made(4000, 4, rounded=False)
    good = evaluate(happened, risk, patients, FEW)
    assert good.slope.low is not None
    assert good.slope.low < 1 < (good.slope.high or 0)
    assert good.ece.value is not None
    assert good.ece.value < 0.03


def test_calibration_error_by_hand() -> None:
    """Two bins of two rows: |0.15 - 0| and |0.85 - 0.5|, half the rows each."""
    found = evaluate([0, 0, 1, 0], [0.1, 0.2, 0.8, 0.9], [1, 2, 3, 4], FEW, bins=2)
    assert found.ece.value == pytest.approx((0.15 + 0.35) / 2)


def test_intervals_cover_and_widen_when_patients_repeat_themselves() -> None:
    """A hundred samples: about 95 intervals hold the truth; rows written four times make no interval narrower."""
    happened, risk, _ = made(60000, 5, rounded=False)
    truth = evaluate(happened, risk, np.arange(60000), Resampling(1, resamples=2)).auroc.value
    hits = 0
    for seed in range(100):
        some = np.random.default_rng(seed).integers(0, 60000, 300)
        one = evaluate(happened[some], risk[some], np.arange(300), Resampling(3, resamples=100)).auroc
        hits += one.low <= truth <= one.high
    assert exact_interval(hits, 100, 0.999).high > 0.95 > exact_interval(hits, 100, 0.999).low
    four = evaluate(
        np.repeat(happened[some], 4),
        np.repeat(risk[some], 4),
        np.repeat(np.arange(300), 4),
        Resampling(3, resamples=100),
    ).auroc
    assert (four.low, four.high) == pytest.approx((one.low, one.high), abs=1e-9)


def test_one_step_intervals_of_the_slope_are_near_those_of_full_fits() -> None:
    happened, risk, _ = made(800, 6, rounded=False)
    quick = evaluate(happened, risk, np.arange(800), Resampling(1, resamples=400)).slope
    random = np.random.default_rng(9)
    slopes = []
    for _ in range(400):
        some = random.integers(0, 800, 800)
        slopes.append((recalibration(happened[some], risk[some]) or (0, np.nan))[1])
    low, high = np.nanpercentile(slopes, [2.5, 97.5])
    width = high - low
    assert quick.low == pytest.approx(low, abs=0.15 * width)
    assert quick.high == pytest.approx(high, abs=0.15 * width)


def test_the_same_seed_gives_the_same_intervals_and_one_outcome_gives_none() -> None:
    happened, risk, patients = made(200, 7)
    assert evaluate(happened, risk, patients, FEW) == evaluate(happened, risk, patients, FEW)
    alone = evaluate(np.zeros(50), np.full(50, 0.1), np.arange(50), FEW)
    assert alone.auroc.value is None
    assert alone.slope.value is None
    assert alone.brier.value == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("happened", "risk"),
    [([], []), ([0, 1], [0.5]), ([0, 2], [0.1, 0.2]), ([0, 1], [0.1, 1.2]), ([0, 1], [0.1, np.nan])],
)
def test_data_that_cannot_be_judged_are_refused(happened: list[float], risk: list[float]) -> None:
    with pytest.raises(InputError):
        evaluate(happened, risk, list(range(len(happened))), FEW)


def test_isotonic_is_that_of_scikit_learn_and_survives_json() -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    happened, risk, _ = made(700, 8)
    theirs = isotonic.IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(risk, happened)
    ours = fit_isotonic(happened, risk)
    asked = np.linspace(0, 1, 301)
    np.testing.assert_allclose(ours.apply(asked), theirs.predict(asked), atol=1e-12)
    np.testing.assert_array_equal(calibration_map(ours.as_json()).apply(asked), ours.apply(asked))
    assert (np.diff(ours.apply(asked)) >= 0).all()
    with pytest.raises(InputError):
        calibration_map(ours.as_json() | {"gives": ours.as_json()["gives"][::-1]})


def test_the_map_with_the_least_loss_on_other_patients_is_chosen() -> None:
    fit, choose = made(6000, 9, slope=0.5, rounded=False), made(6000, 10, slope=0.5, rounded=False)
    best, losses = choose_calibration(fit[:2], choose[:2])
    assert best.kind == "platt"
    assert losses["platt"] < losses["isotonic"] < losses["none"]
    assert recalibration(choose[0], best.apply(choose[1])) == pytest.approx((0, 1), abs=0.12)
    assert fit_platt([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.3]) == CalibrationMap("none"), "a risk turned round stays as it is"
    assert fit_isotonic([1], [0.4]).apply([0.1, 0.9]).tolist() == [1.0, 1.0]


def test_conformal_intervals_and_sets_cover_as_often_as_they_say() -> None:
    random = np.random.default_rng(11)
    actual = random.gamma(2.0, 3.0, 4000)
    predicted = np.full(4000, 6.0)
    interval = fit_interval(actual[:1000], predicted[:1000], miss=0.2, low=0.0)
    low, high = interval.around(predicted[1000:])
    share = exact_interval(int(((low <= actual[1000:]) & (actual[1000:] <= high)).sum()), 3000, 0.9999)
    assert share.low < 0.8 + 0.06
    assert share.high > 0.8 - 0.03
    happened, risk, _ = made(8000, 12, rounded=False)
    found = fit_set(happened[:3000], risk[:3000], miss=0.1)
    yes, no = found.sets(risk[3000:])
    later = happened[3000:]
    assert yes[later].mean() == pytest.approx(0.9, abs=0.05)
    assert no[~later].mean() == pytest.approx(0.9, abs=0.05)


def test_the_conformal_quantile_by_hand() -> None:
    assert conformal_quantile(range(1, 10), 0.1) == 9
    assert conformal_quantile(range(1, 20), 0.1) == 18
    assert conformal_quantile(range(1, 9), 0.1) == np.inf
    with pytest.raises(InputError):
        conformal_quantile([1], 0)


def test_net_benefit_by_hand() -> None:
    """Ten rows, three events; at 0.25 the odds are a third: two true and one false alert give (2 - 1/3) / 10."""
    happened = [1, 1, 0, 1, 0, 0, 0, 0, 0, 0]
    risk = [0.9, 0.6, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1]
    curve = decision_curve(happened, risk, [0.25, 0.95])
    assert curve["model"].to_list() == pytest.approx([(2 - 1 / 3) / 10, 0])
    assert curve["treat_all"][0] == pytest.approx((3 - 7 / 3) / 10)
    assert curve["alerts_per_100"].to_list() == pytest.approx([30, 0])
    chosen = threshold_under_budget(happened, risk, at_risk=0.25, alerts_per_100=20)
    assert (chosen.threshold, chosen.ppv, chosen.recall) == (0.6, 1.0, pytest.approx(2 / 3))
    assert threshold_under_budget(happened, risk, at_risk=0.25, alerts_per_100=5).alerts_per_100 == 0
    floor = at_ppv_floor(happened, risk, ppv=0.6)
    assert (floor.threshold, floor.alerts_per_100) == (0.2, 50)
    assert at_ppv_floor([0, 1], [0.9, 0.1], ppv=0.9).alerts_per_100 == 0
    assert operating_point(happened, risk, 0.25).net_benefit == pytest.approx(curve["model"][0])


def test_subgroup_rates_are_those_of_fairlearn_and_small_groups_stay_unnumbered() -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics")
    happened, risk, patients = made(1200, 13)
    sex = np.where(np.arange(1200) % 3 == 0, "female", "male").astype(object)
    sex[:4] = None
    rows = pl.DataFrame({"patient_id": patients, "happened": happened, "risk": risk, "sex": sex.tolist()})
    found = by_subgroup(rows, ["sex"], threshold=0.3, how=FEW)
    by_name = {row["group"]: row for row in found.table.to_dicts()}
    assert by_name["unknown"]["n"] is None
    kept = rows.drop_nulls("sex")
    theirs = fairlearn.MetricFrame(
        metrics={
            "selection_rate": fairlearn.selection_rate,
            "true_positive_rate": fairlearn.true_positive_rate,
            "false_positive_rate": fairlearn.false_positive_rate,
        },
        y_true=kept["happened"].to_numpy(),
        y_pred=kept["risk"].to_numpy() >= 0.3,
        sensitive_features=kept["sex"].to_list(),
    )
    for group, told in theirs.by_group.iterrows():
        for name, value in told.items():
            assert by_name[str(group)][name] == pytest.approx(value)
    gap = theirs.difference()["true_positive_rate"]
    assert found.gaps["true_positive_rate"].item() == pytest.approx(gap)
