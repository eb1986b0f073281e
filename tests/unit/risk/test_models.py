"""Models of three kinds: the contract that they share, what they refuse, the libraries that they are held against."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import FormatError, InputError
from careloom.pipeline.registry import load
from careloom.risk.calibration import fit_isotonic, fit_platt
from careloom.risk.evaluate_measures import logit, sigmoid
from careloom.risk.models import Model, Threshold
from careloom.risk.models_features import About, ModelFeature, described, encoded, encoded_rows
from careloom.risk.models_interval import fit_risk_interval
from careloom.risk.models_logistic import fit_logistic, natural_spline
from careloom.risk.models_package import pack, unpack
from careloom.risk.models_score import fit_points, score_features
from careloom.risk.scores import points, score
from careloom.tables.schema import SchemaMismatch

ABOUT = {
    "age": About("Age", "a", monotone=1),
    "sodium": About("Sodium", "mmol/L", modifiable=True),
    "diabetes": About("Diabetes"),
    "ward": About("Ward"),
    "visits": About("Use of care", monotone=1),
}


def patients(rows: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Drawn rows with nulls and rare wards, and outcomes that hang on all columns."""
    draw = np.random.default_rng(seed)
    age, sodium = draw.uniform(20, 95, rows), draw.normal(139, 4, rows)
    diabetes, visits = draw.random(rows) < 0.3, draw.poisson(1.0, rows)
    ward = draw.choice(["A", "B", "C", "rare"], rows, p=[0.5, 0.3, 0.19, 0.01])
    odds = -3 + 0.03 * (age - 60) + 0.02 * (sodium - 139) ** 2 / 4 + 0.8 * diabetes + 0.5 * visits + (ward == "B")
    frame = pl.DataFrame({"age": age, "sodium": sodium, "diabetes": diabetes, "ward": ward, "visits": visits})
    gone = pl.Series(draw.random(rows) < 0.2)
    frame = frame.with_columns(sodium=pl.when(~gone).then("sodium"))
    return frame, draw.random(rows) < sigmoid(odds)


LACE = score("lace")
LACE_FEATURES = score_features(LACE, {"acute_admission": "Kind of admission"}, may_lack=("emergency_visits_6_months",))


def stays(rows: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Drawn inputs of LACE."""
    draw = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "length_of_stay_days": draw.poisson(5, rows),
            "acute_admission": draw.random(rows) < 0.6,
            "comorbidity_points": draw.poisson(1.5, rows),
            "emergency_visits_6_months": draw.poisson(0.8, rows),
        }
    )
    total = points(frame, LACE)["total"].to_numpy()
    return frame, draw.random(rows) < sigmoid(-4 + 0.3 * total)


@cache
def learnt(kind: str) -> tuple[Model, pl.DataFrame]:
    """A model of a kind, calibrated and with everything that a package holds; and rows that it has not seen."""
    source = stays if kind == "score" else patients
    (train, label), (held, held_label), (unseen, _) = source(3000, 1), source(1500, 2), source(400, 3)
    features = LACE_FEATURES if kind == "score" else described(train, ABOUT)
    told = encoded(features, train)
    found: Any
    if kind == "score":
        found = fit_points(LACE, features, told, label)
    elif kind == "logistic":
        found = fit_logistic(features, told, label, penalty=2.0)
    else:
        pytest.importorskip("lightgbm")
        recipe = load("risk.recipe.lightgbm")(seed=1, rounds=80)
        found = load("risk.fit.lightgbm")(features, (told, label), (encoded(features, held), held_label), recipe)
    raw = sigmoid(found.log_odds(encoded(features, held)))
    calibrate = fit_isotonic if kind == "lightgbm" else fit_platt
    model = Model(
        "test", "an outcome", 30, features, found, calibrate(held_label, raw), fit_risk_interval(held_label, raw),
        Threshold(0.3, 0.2, 10.0, 9.5, 0.4, 0.3, 0.01), {"seed": 1},
    )  # fmt: skip
    return model, unseen


KINDS = ("logistic", "lightgbm", "score")
of_every_kind = pytest.mark.parametrize("kind", KINDS)


@of_every_kind
def test_a_package_gives_the_same_numbers_and_the_same_bytes(kind: str) -> None:
    model, unseen = learnt(kind)
    files = pack(model)
    read = unpack(files)
    assert np.array_equal(read.score(unseen), model.score(unseen))
    assert read.contributions(unseen).equals(model.contributions(unseen))
    assert read.interval(unseen).equals(model.interval(unseen))
    assert np.array_equal(read.alerts(unseen), model.score(unseen) >= 0.3)
    assert pack(read) == files
    assert orjson.loads(files["model.json"])["kind"] == kind


@of_every_kind
def test_contributions_sum_to_the_log_odds_of_the_score(kind: str) -> None:
    model, unseen = learnt(kind)
    told = model.contributions(unseen)
    assert told.columns == ["base", *model.concepts, "calibration"]
    assert np.allclose(told.sum_horizontal().to_numpy(), logit(model.score(unseen)), atol=1e-9)
    by_feature = model.by_feature(unseen)
    assert np.allclose(sigmoid(by_feature.sum_horizontal().to_numpy()), model.learnt_risk(unseen), atol=1e-9)


@of_every_kind
def test_scores_are_probabilities_within_their_bounds(kind: str) -> None:
    model, unseen = learnt(kind)
    told = model.interval(unseen).with_columns(score=model.score(unseen))
    assert told.select(pl.col("score").is_between(pl.col("low"), pl.col("high")).all()).item()
    assert told["low"].min() >= 0  # type: ignore[operator]
    assert told["high"].max() <= 1  # type: ignore[operator]
    assert told.filter(~pl.col("event_possible") & ~pl.col("no_event_possible")).height < unseen.height / 2


@of_every_kind
def test_rows_as_json_score_as_the_frame_does(kind: str) -> None:
    model, unseen = learnt(kind)
    assert np.allclose(model.score_rows(unseen.to_dicts()), model.score(unseen), atol=1e-12)


@of_every_kind
def test_an_empty_frame_has_no_scores(kind: str) -> None:
    model, unseen = learnt(kind)
    assert model.score(unseen.clear()).shape == (0,)
    assert model.contributions(unseen.clear()).height == 0


@of_every_kind
@pytest.mark.parametrize("how", ["lacks", "text", "null"])
def test_a_column_that_lacks_or_is_of_another_kind_is_named_without_a_value(kind: str, how: str) -> None:
    model, unseen = learnt(kind)
    name = next(one.name for one in model.features if one.type == "number" and not one.nullable)
    spoilt = {
        "lacks": unseen.drop(name),
        "text": unseen.with_columns(pl.col(name).cast(pl.String)),
        "null": unseen.with_columns(pl.when(pl.int_range(pl.len()) > 0).then(name).alias(name)),
    }[how]
    with pytest.raises(SchemaMismatch, match=name) as caught:
        model.score(spoilt)
    assert str(unseen[name][1]) not in str(caught.value)
    with pytest.raises(SchemaMismatch, match=name):
        model.score_rows(spoilt.to_dicts())


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_unknown_levels_and_numbers_beyond_training_are_handled_as_declared(kind: str) -> None:
    model, unseen = learnt(kind)
    row = unseen.head(1)
    ward = next(one for one in model.features if one.name == "ward")
    assert ward.levels == ("A", "B", "C")
    never, rare = (model.score(row.with_columns(ward=pl.lit(level))) for level in ("never seen", "rare"))
    assert never == rare
    age = next(one for one in model.features if one.name == "age")
    beyond, bound = (model.score(row.with_columns(age=pl.lit(at))) for at in (1e6, age.maximum))
    assert beyond == bound
    nothing = (
        model.score(row.with_columns(sodium=pl.lit(at, pl.Float64))) for at in (None, float("nan"), float("inf"))
    )
    assert len({float(one[0]) for one in nothing}) == 1


def test_declared_directions_hold_for_trees() -> None:
    model, unseen = learnt("lightgbm")
    for name, steps in (("age", np.linspace(20, 95, 20)), ("visits", np.arange(8.0))):
        risks = np.array([model.score(unseen.with_columns(pl.lit(float(at)).alias(name))) for at in steps])
        assert (np.diff(risks, axis=0) >= -1e-12).all()


def test_the_regression_is_that_of_scikit_learn() -> None:
    models = pytest.importorskip("sklearn.linear_model")
    frame, label = patients(2000, 5)
    features = described(
        frame.select("age", "diabetes", "visits"), {name: ABOUT[name] for name in ("age", "diabetes", "visits")}
    )
    told = encoded(features, frame)
    found = fit_logistic(features, told, label, penalty=3.0, knots=0)
    scaled = (told - told.mean(axis=0)) / told.std(axis=0)
    peer = models.LogisticRegression(C=1 / 3.0, tol=1e-12, max_iter=1000).fit(scaled, label)
    assert np.allclose(found.log_odds(told), peer.decision_function(scaled), atol=1e-5)


def test_contributions_of_trees_are_those_of_lightgbm() -> None:
    model, unseen = learnt("lightgbm")
    told = encoded(model.features, unseen)
    whole = model.learnt.log_odds(told)
    assert np.allclose(model.learnt.parts(told).sum(axis=1), whole, atol=1e-9)
    blind = unseen.with_columns(age=pl.lit(50.0))
    assert model.contributions(blind)["Age"].std() < model.contributions(unseen)["Age"].std()  # type: ignore[operator]


@given(st.lists(st.floats(-50, 150), min_size=4, max_size=4), st.integers(0, 2))
def test_a_spline_is_a_line_beyond_its_knots_and_smooth_within(at: list[float], extra: int) -> None:
    knots = [0.0, 20.0, 55.0, 80.0, 100.0][: 3 + extra]
    for begin in (-40.0, 150.0):
        told = natural_spline(np.array([begin, begin + 10, begin + 20]), knots)
        assert np.allclose(told[0] + told[2], 2 * told[1], atol=1e-6)
    small = 1e-5
    told = np.array(at)
    slopes = (natural_spline(told + small, knots) - natural_spline(told - small, knots)) / (2 * small)
    assert np.isfinite(slopes).all()
    near = (natural_spline(told + 2 * small, knots) - natural_spline(told, knots)) / (2 * small)
    assert np.allclose(slopes, near, atol=1e-3)


def test_a_null_that_training_never_saw_counts_as_a_patient_of_the_mean() -> None:
    frame, label = patients(1500, 6)
    train = frame.drop_nulls("sodium")
    features = described(train, ABOUT | {"sodium": About("Sodium", nullable=True)})
    told = encoded(features, train)
    learnt_of = fit_logistic(features, told, label[frame["sodium"].is_not_null().to_numpy()], penalty=2.0)
    model = Model("x", "y", 1, features, learnt_of)
    gone = model.contributions(train.with_columns(sodium=pl.lit(None, pl.Float64)))
    assert (gone["Sodium"] == 0.0).all()
    assert model.contributions(train)["Sodium"].mean() == pytest.approx(0.0, abs=1e-9)


def test_trees_take_a_null_that_training_never_saw_for_the_median() -> None:
    pytest.importorskip("lightgbm")
    frame, label = patients(1500, 6)
    train = frame.drop_nulls("sodium")
    features = described(train, ABOUT | {"sodium": About("Sodium", nullable=True)})
    told, kept = encoded(features, train), label[frame["sodium"].is_not_null().to_numpy()]
    grown = load("risk.fit.lightgbm")(features, (told, kept), None, load("risk.recipe.lightgbm")(seed=1, rounds=40))
    model = unpack(pack(Model("x", "y", 1, features, grown)))
    gone, middle = (
        model.score(train.with_columns(sodium=pl.lit(value, pl.Float64))) for value in (None, train["sodium"].median())
    )
    assert np.array_equal(gone, middle)


def test_a_score_as_a_model_ranks_as_its_points_do() -> None:
    model, unseen = learnt("score")
    total = points(unseen, LACE)["total"].to_numpy()
    order = np.argsort(total, kind="stable")
    assert (np.diff(model.score(unseen)[order]) >= -1e-12).all()
    told = model.contributions(unseen)["Kind of admission"].to_numpy()
    assert len(np.unique(np.round(told[unseen["acute_admission"].to_numpy()], 9))) == 1
    lacking = unseen.with_columns(emergency_visits_6_months=pl.lit(None, pl.Int64))
    assert np.array_equal(model.score(lacking), model.score(unseen.with_columns(emergency_visits_6_months=pl.lit(0))))


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_the_risk_is_learnt(kind: str) -> None:
    model, _ = learnt(kind)
    unseen, happened = patients(4000, 9)
    risk = model.score(unseen)
    assert abs(risk.mean() - happened.mean()) < 0.03
    ranks = np.argsort(np.argsort(risk))
    area = (ranks[happened].mean() - (happened.sum() - 1) / 2) / (~happened).sum()
    assert area > 0.72


def test_bounds_hold_the_share_of_events() -> None:
    """Of 400 rows each, in five bands of risk, the share that happened lies within the mean bounds but for chance."""
    model, _ = learnt("logistic")
    unseen, happened = patients(4000, 11)
    told = model.interval(unseen).with_columns(happened=pl.Series(happened), risk=model.score(unseen))
    bands = told.sort("risk").with_columns(band=pl.int_range(pl.len()) // 400).group_by("band").mean()
    chance = 3 * (bands["risk"] * (1 - bands["risk"]) / 400).sqrt()
    assert ((bands["happened"] >= bands["low"] - chance) & (bands["happened"] <= bands["high"] + chance)).all()
    missed = float((~told["event_possible"]).to_numpy()[happened].mean())
    assert missed < 0.14


def without(files: dict[str, bytes], **changed: Any) -> dict[str, bytes]:
    told = orjson.loads(files["model.json"])
    for key, value in changed.items():
        if value is None:
            del told[key]
        else:
            told[key] = value
    return files | {"model.json": orjson.dumps(told)}


SPOILT: dict[str, Callable[[dict[str, bytes]], dict[str, bytes]]] = {
    "no header": lambda files: {},
    "no json": lambda files: files | {"model.json": b"{"},
    "another format": lambda files: without(files, format=2),
    "a key lacks": lambda files: without(files, features=None),
    "an unknown kind": lambda files: without(files, kind="pickle"),
    "an unknown type": lambda files: without(files, features=[{"name": "a", "type": "date", "concept": "A"}]),
    "terms of others": lambda files: without(files, learnt={"intercept": 0.0, "terms": []}),
    "a falling calibration": lambda files: without(
        files, calibration={"kind": "isotonic", "intercept": 0, "slope": 1, "at": [0, 1], "gives": [1, 0]}
    ),
    "half a threshold": lambda files: without(files, threshold={"alert_from": 0.1}),
    "bounds that lack": lambda files: without(files, conformal={"at": [0.1], "low": [], "high": [], "outcomes": {}}),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_package_that_is_spoilt_is_refused(how: str) -> None:
    model, _ = learnt("logistic")
    with pytest.raises(FormatError):
        unpack(SPOILT[how](pack(model)))


@pytest.mark.parametrize("text", [b"", b"tree\nversion=v4\n", b"\x80\x04pickle"])
def test_trees_that_are_spoilt_are_refused(text: bytes) -> None:
    model, _ = learnt("lightgbm")
    with pytest.raises(FormatError):
        unpack(pack(model) | {"model.txt": text})
    with pytest.raises(FormatError):
        unpack({"model.json": pack(model)["model.json"]})


def test_columns_without_news_are_no_features_and_the_order_is_that_of_the_declaration() -> None:
    frame = pl.DataFrame({"b": [1.0, 2.0], "a": [True, False], "still": [1, 1], "gone": [None, None]})
    about = {name: About(name) for name in ("a", "still", "gone", "b")}
    assert [one.name for one in described(frame, about)] == ["a", "b"]


def test_what_is_no_column_or_of_no_kind_is_refused_at_training() -> None:
    frame = pl.DataFrame({"when": [None, 1]}).cast(pl.Date)
    with pytest.raises(SchemaMismatch):
        described(frame, {"other": About("x")})
    with pytest.raises(SchemaMismatch):
        described(frame, {"when": About("x")})
    features = (ModelFeature("a", "number", "A"),)
    for penalty, knots, label in ((0.0, 4, [0, 1]), (1.0, 7, [0, 1]), (1.0, 4, [1, 1])):
        with pytest.raises(InputError):
            fit_logistic(features, np.array([[1.0], [2.0]]), label, penalty=penalty, knots=knots)


def test_a_key_of_another_type_is_named_by_row() -> None:
    features = (ModelFeature("a", "flag", "A"), ModelFeature("b", "number", "B"))
    with pytest.raises(SchemaMismatch, match="row 1: a"):
        encoded_rows(features, [{"a": True, "b": 1}, {"a": "yes", "b": 1}])
    assert np.isnan(encoded_rows(features, [{"a": None, "b": float("nan")}])).all()


def test_a_model_without_bounds_or_threshold_says_so() -> None:
    model, unseen = learnt("logistic")
    bare = Model("bare", "x", 1, model.features, model.learnt)
    with pytest.raises(InputError):
        bare.interval(unseen)
    with pytest.raises(InputError):
        bare.alerts(unseen)
    assert unpack(pack(bare)).conformal is None
