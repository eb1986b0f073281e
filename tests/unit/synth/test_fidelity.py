"""Judges of fidelity: the numbers of sdmetrics, and answers that are known beforehand."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from careloom.pipeline.registry import load
from careloom.synth.fidelity import judge_fidelity
from careloom.synth.fidelity_columns import column_errors, mean_error, pair_errors
from careloom.synth.fidelity_joint import missing_error, nearest, support, triple_error
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import conform

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "synth" / "fidelity"
MADE = Table(
    "made",
    (
        Column("age", "integer"),
        Column("weight", "continuous"),
        Column("height", "continuous"),
        Column("seen", "date"),
        Column("ward", "categorical"),
        Column("grade", "categorical"),
        Column("smoker", "boolean"),
    ),
)


def golden(name: str) -> pl.DataFrame:
    return conform(MADE, pl.read_csv(GOLDEN / f"{name}.csv", infer_schema_length=0))


def expected() -> dict[str, dict[str, float]]:
    return json.loads((GOLDEN / "expected.json").read_text("utf-8"))


def test_column_errors_are_those_of_sdmetrics() -> None:
    assert column_errors(MADE, golden("real"), golden("synthetic")) == pytest.approx(expected()["columns"], abs=1e-7)


def test_pair_errors_are_those_of_sdmetrics() -> None:
    pairs = pair_errors(MADE, golden("real"), golden("synthetic"))
    assert {f"{pair.one} {pair.other}": pair.error for pair in pairs} == pytest.approx(expected()["pairs"], abs=1e-7)
    assert mean_error(pairs) == pytest.approx(expected()["all pairs"], abs=1e-7)
    assert mean_error(pairs, only_strong=True) == pytest.approx(expected()["default pairs"], abs=1e-7)


TABLE = Table("t", (Column("x", "continuous"), Column("y", "continuous"), Column("c", "categorical")))


def rows(count: int, seed: int, shift: float = 0.0, missing: float = 0.0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(shift, 1, count)
    made = pl.DataFrame({"x": x, "y": x + draw.normal(0, 0.3, count), "c": np.where(x > 0, "up", "down")})
    gone = pl.Series(draw.random(count) < missing)
    return made.with_columns(y=made["y"].set(gone, None), c=made["c"].set(gone, None))


def test_a_table_is_like_itself_in_every_measure() -> None:
    same = rows(500, 1)
    report = judge_fidelity(TABLE, same, same, None, seed=0)
    found = report.synthetic
    assert (found.shape, found.trend, found.triples, found.missing, found.broken) == (0, 0, 0, 0, {})
    assert found.alpha_precision > 0.95
    assert report.control is None


def test_columns_shuffled_by_themselves_keep_their_shapes_and_lose_their_trends() -> None:
    real = rows(1_000, 1)
    draw = np.random.default_rng(2)
    shuffled = real.with_columns(pl.Series(name, draw.permutation(real[name].to_numpy())) for name in real.columns)
    report = judge_fidelity(TABLE, real, shuffled, rows(1_000, 3), seed=0)
    assert report.control is not None
    assert report.synthetic.shape == 0
    assert report.synthetic.trend > 5 * report.control.trend
    assert report.synthetic.triples > 5 * report.control.triples
    assert report.synthetic.beta_recall < report.control.beta_recall


def test_values_missing_together_are_told_from_values_missing_apart() -> None:
    together = rows(2_000, 1, missing=0.5)
    apart = together.with_columns(c=together["c"].shuffle(seed=1))
    assert missing_error(TABLE, together, rows(2_000, 2, missing=0.5)) < 0.05
    assert missing_error(TABLE, together, apart) > 0.4


def test_rows_from_one_place_are_precise_and_recall_little() -> None:
    real = rows(1_000, 1)
    draw = np.random.default_rng(0)
    middle = real.filter(pl.col("x").abs() < 0.2).sample(1_000, with_replacement=True, seed=1)
    far, near = support(TABLE, real, rows(1_000, 2, shift=8), draw), support(TABLE, real, rows(1_000, 2), draw)
    assert far.precision < 0.2
    assert near.precision > 0.9
    assert support(TABLE, real, middle, draw).recall < near.recall
    assert far.recall < 0.1


def test_the_nearest_row_is_the_nearest_of_all_pairs() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=(700, 3)), draw.normal(size=(90, 3))
    all_pairs = np.linalg.norm(one[:, None] - other[None], axis=2)
    distances, which = nearest(one, other)
    assert np.allclose(distances, all_pairs.min(1))
    assert np.array_equal(which, all_pairs.argmin(1))


def test_fewer_than_three_columns_have_no_triples() -> None:
    two = Table("t", TABLE.columns[:2])
    assert np.isnan(triple_error(two, rows(50, 1), rows(50, 2), np.random.default_rng(0)))


def test_a_constant_or_empty_column_leaves_its_pairs_out() -> None:
    constant = rows(200, 1).with_columns(x=pl.lit(1.0))
    pairs = pair_errors(TABLE, constant, rows(200, 2))
    assert np.isnan(pairs[0].error)
    assert not np.isnan(mean_error(pairs))
    empty = rows(200, 1).with_columns(x=pl.lit(None, pl.Float64))
    assert np.isnan(column_errors(TABLE, empty, rows(200, 2))["x"])


def test_boosting_sees_what_a_regression_does_not() -> None:
    pytest.importorskip("sklearn", reason="the extra ml is not installed: make ml")
    real = rows(500, 1)
    mirrored = real.with_columns(y=-pl.col("y").shuffle(seed=2))  # the same means, another dependence
    detectors = {name: load(f"synth.detect.{name}") for name in ("boosting", "regression")}
    report = judge_fidelity(TABLE, real, mirrored, rows(500, 3), seed=0, detectors=detectors)
    assert report.control is not None
    assert report.synthetic.detection["boosting"] > 0.7
    assert report.synthetic.detection["regression"] < 0.6
    assert 0.4 < report.control.detection["boosting"] < 0.6
