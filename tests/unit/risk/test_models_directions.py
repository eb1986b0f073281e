"""Declared directions: a model that goes against one is told of, with how far."""

import numpy as np
import polars as pl
import pytest

from careloom.risk.models import Model
from careloom.risk.models_directions import directions, lines
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_training import Plan, Rows, trained


def rows(sign: float, seed: int = 1) -> Rows:
    """Rows whose risk rises (1) or falls (-1) with a value, or is lowest in its midst (0)."""
    draw = np.random.default_rng(seed)
    value = draw.uniform(-2, 2, 1500)
    slope = value**2 - 2 if sign == 0 else sign * value
    happened = draw.random(1500) < 1 / (1 + np.exp(-slope))
    frame = pl.DataFrame({"value": value, "other": draw.normal(0, 1, 1500)})
    return Rows(frame, happened, pl.Series([f"p{number}" for number in range(1500)]))


def model(learner: str, sign: float, monotone: int = 0) -> tuple[Model, pl.DataFrame]:
    settings = {"penalty": 1.0, "knots": 4} if learner == "logistic" else {"rounds": 40}
    plan = Plan("mine", "o", 30, learner, b"a key of a test", 1, settings)  # type: ignore[arg-type]
    about = {"value": About("Value", monotone=monotone), "other": About("Other")}
    return trained(about, rows(sign), rows(sign, 2), plan, {}).model, rows(sign, 3).frame


@pytest.mark.parametrize(("sign", "declared", "kept"), [(1, 1, True), (-1, -1, True), (-1, 1, False), (0, 1, False)])
def test_a_regression_that_goes_against_a_declared_direction_is_told_of(sign: int, declared: int, kept: bool) -> None:
    made, frame = model("logistic", sign)
    (one,) = directions(made, frame, {"value": declared, "other": 0, "unknown": 1})
    assert (one["feature"], one["kept"]) == ("value", kept)
    assert (one["against"] > 0.1) is not kept
    assert ("kept" if kept else "falls by up to") in lines([one])[0]


def test_trees_keep_to_it_even_where_the_data_go_the_other_way() -> None:
    pytest.importorskip("lightgbm")
    made, frame = model("lightgbm", -1, monotone=1)
    (one,) = directions(made, frame, {"value": 1})
    assert one["kept"]


def test_the_distance_is_that_of_the_curve_itself() -> None:
    features = described(rows(-1).frame, {"value": About("Value")})
    from careloom.risk.models_logistic import fit_logistic

    learnt = fit_logistic(features, encoded(features, rows(-1).frame), rows(-1).happened, penalty=1.0, knots=0)
    made = Model("mine", "o", 30, features, learnt)
    ends = pl.DataFrame({"value": [features[0].minimum, features[0].maximum]}, schema={"value": pl.Float64})
    odds = learnt.log_odds(encoded(features, ends))
    (one,) = directions(made, ends, {"value": 1})
    assert one["against"] == pytest.approx(float(odds[0] - odds[1]))
