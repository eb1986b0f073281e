"""Days beside a risk: learnt on logarithms, with an interval that holds, kept as files, and judged."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from careloom.errors import FormatError, InputError
from careloom.risk.evaluate import Resampling
from careloom.risk.models import Model
from careloom.risk.models_days import FILE, DaysMade, DaysRows, DaysTask, days_of, fit_days
from careloom.risk.models_days_report import ONE_FOR_ALL, judged_days, lines
from careloom.risk.models_features import About, ModelFeature, described, encoded
from careloom.risk.models_logistic import fit_linear, fit_logistic
from careloom.risk.models_package import pack, unpack
from careloom.risk.tasks import shipped_task, task_from_toml
from careloom.runtime import packaged

TASK = DaysTask("end of the stay", "discharge")
ABOUT = {"age": About("Age"), "is_acute": About("Way in"), "ward": About("Ward")}


def rows(count: int, seed: int, *, unknown: float = 0.05) -> DaysRows:
    """Stays of which age, the way in and the ward say half; of some nobody knows the end."""
    draw = np.random.default_rng(seed)
    age, acute = draw.uniform(20, 90, count), draw.random(count) < 0.5
    ward = draw.choice(["medicine", "surgery"], count)
    log = 0.8 + 0.012 * (age - 50) + 0.5 * acute * (age > 60) + 0.3 * (ward == "surgery")
    days = np.maximum(1.1, np.exp(log + draw.normal(0, 0.4, count)))
    days[draw.random(count) < unknown] = np.nan
    frame = pl.DataFrame({"age": age, "is_acute": acute, "ward": ward})
    return DaysRows(frame, days, pl.Series([f"p{number // 2}" for number in range(count)]))


@cache
def made() -> tuple[tuple[ModelFeature, ...], DaysMade]:
    train = rows(2_000, 1)
    features = described(train.frame, ABOUT)
    return features, fit_days(features, TASK, train, rows(1_000, 2), b"key of the folds", 3)


def model() -> Model:
    features, days = made()
    train = rows(2_000, 1).known
    risk = fit_logistic(features, encoded(features, train.frame), train.days > 5, penalty=1.0)
    return Model("stay", "a long stay", 7, features, risk, days=days.model)


def test_days_are_nearer_than_one_answer_for_all_and_nine_intervals_of_ten_hold() -> None:
    features, days = made()
    told = judged_days(days, features, rows(2_000, 4), Resampling(1, 100))
    simple = told["beside"][ONE_FOR_ALL]
    assert told["off"]["value"] < simple["off"]["value"]
    assert simple["less"]["low"] > 0
    assert 0.87 < told["coverage"]["value"] < 0.93
    assert told["coverage"]["low"] < told["coverage"]["value"] < told["coverage"]["high"]
    assert set(told["beside"]) == {ONE_FOR_ALL, *days.others}
    assert any("of the 90 % intervals held" in line for line in lines(told))


def test_rows_whose_days_nobody_knows_are_counted_and_judged_by_nobody() -> None:
    features, days = made()
    whole = rows(500, 5, unknown=0.2)
    told = judged_days(days, features, whole, Resampling(1, 20))
    assert told["unknown"] == int(np.isnan(whole.days).sum()) > 0
    assert told["rows"] + told["unknown"] == 500


def test_no_answer_lies_below_the_days_that_have_passed_and_intervals_widen_with_the_days() -> None:
    features, days = made()
    said = days.model.foretold(encoded(features, rows(300, 6).frame))
    assert (said["low"] >= 1).all()
    assert (said["low"] <= said["days"]).all()
    widths = (said["high"] / said["days"]).to_numpy()
    assert widths == pytest.approx(widths[0])


@pytest.mark.parametrize("learner", ["linear", "lightgbm"])
def test_what_features_add_sums_to_the_days_and_keeps_sign_and_order_of_the_logarithm(learner: str) -> None:
    features, days = made()
    learnt = {**days.others, days.model.learner: days.model.learnt}[learner]
    told = encoded(features, rows(400, 11).frame)
    for least in (1.0, 4.0):
        one = replace(days.model, learnt=learnt, least=least, interval=replace(days.model.interval, low=np.log(least)))
        parts, logs = one.parts(told), learnt.parts(told)
        expected = one.foretold(told)["days"].to_numpy()
        assert parts.sum(axis=1) == pytest.approx(expected)
        assert parts[:, -2] == pytest.approx(np.exp(logs[:, -1]))
        assert (np.sign(parts[:, :-2]) == np.sign(logs[:, :-1])).all()
        assert (np.argsort(parts[:, :-2]) == np.argsort(logs[:, :-1])).all()
        lifted = expected == least
        assert lifted.any() == (least > 1)
        assert (parts[lifted, -1] > 0).all()
        assert (parts[~lifted, -1] == 0).all()


def test_days_are_shared_as_the_value_along_the_straight_way_says() -> None:
    """The Aumann-Shapley integral of exp(base + t * sum), by many small steps."""
    features, days = made()
    told = encoded(features, rows(20, 12).frame)
    logs, found = days.model.learnt.parts(told), days.model.parts(told)
    ways = (np.arange(20_000) + 0.5) / 20_000
    for row, shared in zip(logs, found, strict=True):
        mean = np.exp(row[-1] + ways * row[:-1].sum()).mean()
        assert shared[:-2] == pytest.approx(row[:-1] * mean, rel=1e-6)


def test_a_patient_of_whom_nothing_is_special_has_the_days_of_the_base() -> None:
    train = rows(400, 13, unknown=0)
    features = described(train.frame.select("age"), {"age": About("Age")})
    learnt = fit_linear(features, encoded(features, train.frame), np.log(train.days), penalty=1.0, knots=0)
    one = replace(made()[1].model, learnt=learnt)
    (parts,) = one.parts(encoded(features, pl.DataFrame({"age": [train.frame["age"].mean()]})))
    assert parts == pytest.approx([0.0, np.exp(learnt.intercept), 0.0], abs=1e-9)


@pytest.mark.parametrize("learner", ["linear", "lightgbm"])
def test_a_package_keeps_the_days_and_says_the_same_numbers(learner: str) -> None:
    whole = model()
    assert whole.days is not None
    learnt = {**made()[1].others, whole.days.learner: whole.days.learnt}[learner]
    one = replace(whole, days=replace(whole.days, learner=learner, learnt=learnt))  # type: ignore[arg-type]
    files = pack(one)
    frame = rows(50, 7).frame
    assert (FILE in files) is (learner == "lightgbm")
    assert unpack(files).foretold(frame).equals(one.foretold(frame))
    assert pack(unpack(files)) == files
    if learner == "lightgbm":
        with pytest.raises(FormatError):
            unpack({name: data for name, data in files.items() if name != FILE})


def test_a_model_without_days_has_none_in_its_package_and_says_so() -> None:
    bare = replace(model(), days=None)
    assert b'"days"' not in pack(bare)["model.json"]
    assert unpack(pack(bare)).days is None
    with pytest.raises(InputError):
        bare.foretold(rows(5, 8).frame)


def test_too_few_rows_with_known_days_foretell_nothing() -> None:
    with pytest.raises(InputError):
        fit_days(made()[0], TASK, rows(2_000, 1, unknown=0.99), rows(1_000, 2), b"key", 3)


def test_a_linear_regression_without_shrinkage_is_that_of_least_squares() -> None:
    train = rows(200, 9, unknown=0)
    features = described(train.frame.select("age"), {"age": About("Age")})
    told = encoded(features, train.frame)
    found = fit_linear(features, told, train.days, penalty=1e-9, knots=0).log_odds(told)
    slope, intercept = np.polyfit(train.frame["age"].to_numpy(), train.days, 1)
    assert found == pytest.approx(intercept + slope * train.frame["age"].to_numpy())


def test_the_days_of_a_row_are_those_of_its_own_encounter() -> None:
    at = pl.DataFrame({"resource_key": ["Encounter/a", "Encounter/b", "Encounter/c"]})
    events = pl.DataFrame(
        {
            "kind": ["discharge", "discharge", "admission"],
            "resource_key": ["Encounter/b", "Encounter/x", "Encounter/c"],
            "value": [3.5, 9.0, 2.0],
        }
    )
    found = days_of(TASK, at, events)
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == 3.5


@pytest.mark.parametrize(
    "wrong",
    [
        '[days]\noutcome = "o"\nkind = "stay"',
        '[days]\noutcome = "o"\nkind = "discharge"\nmiss = 1',
        "[days]\nleast = 1",
    ],
)
def test_a_task_that_says_its_days_wrongly_is_refused(wrong: str) -> None:
    text = packaged("risk", "tasks/no-show.toml").decode()
    assert task_from_toml(text).days is None
    with pytest.raises(FormatError):
        task_from_toml(f"{text}\n{wrong}\n")


def test_the_shipped_task_of_a_stay_foretells_its_days_and_days_are_part_of_what_a_task_is() -> None:
    assert shipped_task("length-of-stay-7d").days == TASK
    readmission = shipped_task("readmission-30d")
    assert readmission.days is None
    assert replace(readmission, days=TASK).digest != readmission.digest
