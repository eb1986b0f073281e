"""The CART baseline, and the judges of use."""

import numpy as np
import polars as pl
import pytest

from careloom.pipeline.registry import load
from careloom.synth.fidelity import judge_fidelity
from careloom.synth.metadata import Column, Table

pytest.importorskip("sklearn", reason="the extra ml is not installed: make ml")

TABLE = Table(
    "t",
    (
        Column("x", "continuous"),
        Column("noise", "continuous"),
        Column("sex", "categorical"),
        Column("code", "categorical"),
        Column("dose", "integer"),
        Column("ill", "categorical", dtype="Int64"),
    ),
)


def rows(count: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    x, sex = draw.normal(size=count), draw.choice(["F", "M"], count)
    dose = np.rint(10 + 5 * x + draw.normal(size=count)).astype(int)
    ill = (x + (sex == "M") + 0.5 * draw.normal(size=count) > 0.5).astype(int)
    made = pl.DataFrame({"x": x, "noise": draw.normal(size=count), "sex": sex, "dose": dose, "ill": ill})
    made = made.with_columns(code=pl.Series([f"c{each}" for each in draw.zipf(1.6, count).clip(1, 90)]))
    return made.with_columns(dose=made["dose"].set(pl.Series(draw.random(count) < 0.2), None)).select(TABLE.names)


TRAIN, CONTROL, TEST = (rows(600, seed) for seed in (1, 2, 3))


def test_the_baseline_is_near_the_control_and_says_that_it_is_not_private() -> None:
    model = load("synth.cart")(TABLE, TRAIN, 0)
    made = model.sample(600, np.random.default_rng(0))
    report = judge_fidelity(TABLE, TRAIN, made, CONTROL, seed=0)
    assert report.control is not None
    assert report.synthetic.shape < 1.5 * report.control.shape
    assert report.synthetic.trend < 1.5 * report.control.trend
    assert report.synthetic.missing < 0.05
    assert not model.is_private
    assert "not private" in model.label
    assert set(made["x"]) <= set(TRAIN["x"])  # it copies values
    assert made.equals(model.sample(600, np.random.default_rng(0)))


def test_models_are_as_good_on_rows_of_the_baseline_and_worthless_on_shuffled_ones() -> None:
    judge = load("synth.utility")
    made = load("synth.cart")(TABLE, TRAIN, 0).sample(600, np.random.default_rng(0))
    shuffled = TRAIN.with_columns(ill=TRAIN["ill"].shuffle(seed=1))
    found = judge(TABLE, (TRAIN, made, shuffled), TEST, "ill", seed=0, groups=("sex",))
    assert found.relative() > 0.93
    assert found.control.scores["boosting"] < 0.7
    assert found.coefficients_agree > 0.8
    assert found.importances_agree > 0.3
    assert max(found.real.importances, key=found.real.importances.get) == "x"
    assert found.synthetic.scores["network"] > 0.85
    chances = found.real.chances["regression"]
    assert chances.precision > 0.85
    assert chances.brier < 0.15  # of the share alone 0.25
    assert chances.calibration < 0.1
    assert found.control.chances["regression"].brier > chances.brier + 0.05
    assert set(found.group_gaps) == {"sex=0", "sex=1"}
    assert all(abs(gap) < 0.1 for gap in found.group_gaps.values())


def test_a_number_is_a_target_too_and_one_class_alone_teaches_nothing() -> None:
    judge = load("synth.utility")
    number = judge(TABLE, (TRAIN[:400], CONTROL[:400], None), TEST, "dose", seed=0)
    assert number.real.scores["regression"] > 0.9
    assert number.real.scores["network"] > 0.5
    assert number.real.chances == {}
    assert number.relative() == pytest.approx(1, abs=0.15)
    one = judge(TABLE, (TRAIN[:400], CONTROL.with_columns(dose=pl.lit(1)), None), TEST, "dose", seed=0)
    assert one.synthetic.scores["boosting"] == 0
