"""Transforms: exact both ways, the same in batches, kept as JSON, and blind to the data where that is asked."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from careloom.errors import InputError
from careloom.pipeline.registry import load
from careloom.synth.metadata import Column, Table
from careloom.synth.transforms import Plan, TableTransform, fit, fit_public, from_json
from careloom.synth.transforms_space import ModelRows
from careloom.tables.schema import SchemaMismatch

TABLE = Table(
    "stays",
    (
        Column("stay_id", "id", dtype="Int64"),
        Column("age", "integer", low=0, high=120, nullable=False, public=True),
        Column("gain", "integer", low=0, high=100_000, atoms=(0.0, 99_999.0), public=True),
        Column("weight", "continuous", decimals=1, low=0, high=500, public=True),
        Column("exact", "continuous", low=-10, high=10, public=True),
        Column("ward", "categorical", values=("A", "B", "C"), public=True),
        Column("points", "categorical", dtype="Int64", values=(1, 2, 3), public=True),
        Column("smoker", "boolean", public=True),
        Column("born", "date", low=date(1900, 1, 1), high=date(2026, 1, 1), public=True),
        Column("seen", "datetime", dtype="Datetime[us, UTC]", low=date(2020, 1, 1), high=date(2027, 1, 1), public=True),
        Column("diagnosis", "categorical", hierarchy="icd-10-cm", values=("I10", "E11.9", "E11.65", "E10.9", "C50.911"),
               public=True),
        Column("city", "categorical", values=tuple(f"city {each}" for each in range(40)), public=True),
    ),
    primary_key=("stay_id",),
)  # fmt: skip


def stays(rows: int = 2_000, seed: int = 1) -> pl.DataFrame:
    draw = np.random.default_rng(seed)

    def some(series: pl.Series) -> pl.Series:
        return series.set(pl.Series(draw.random(rows) < 0.1), None)

    gain = np.where(draw.random(rows) < 0.8, 0, draw.gamma(2, 9_000, rows).astype(int).clip(1, 99_999))
    return pl.DataFrame(
        [
            pl.Series("stay_id", range(rows)),
            pl.Series("age", draw.integers(0, 100, rows)),
            some(pl.Series("gain", gain)),
            some(pl.Series("weight", draw.normal(70, 15, rows).clip(1, 300).round(1))),
            some(pl.Series("exact", draw.normal(0, 1, rows).clip(-9, 9))),
            some(pl.Series("ward", draw.choice(["A", "B", "C"], rows))),
            some(pl.Series("points", draw.integers(1, 4, rows))),
            some(pl.Series("smoker", draw.random(rows) < 0.3)),
            some(pl.Series("born", [date(1950, 1, 1) + timedelta(int(day)) for day in draw.integers(0, 9_999, rows)])),
            some(pl.Series("seen", [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=int(each))
                                    for each in draw.integers(0, 500_000, rows)])),
            some(pl.Series("diagnosis", draw.choice(["I10", "E11.9", "E11.65", "E10.9", "C50.911"], rows))),
            some(pl.Series("city", [f"city {each}" for each in np.minimum(39, draw.zipf(1.5, rows))])),
        ]
    )  # fmt: skip


def modes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three modes at quantiles: a mixture needs no library to be one."""
    spread = max(float(values.std()), 1e-3)
    return np.full(3, 1 / 3), np.quantile(values, [0.1, 0.5, 0.9]), np.full(3, spread)


PLANS = [Plan("quantile"), Plan("quantile", knots=20), Plan("modes"), Plan("bins", place=True)]


def differs(left: pl.DataFrame, right: pl.DataFrame) -> None:
    assert_frame_equal(left.drop("exact"), right.drop("exact"))
    assert_frame_equal(left.select("exact"), right.select("exact"), abs_tol=1e-8)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.numbers}-{plan.knots}")
def test_what_is_encoded_is_decoded_the_same(plan: Plan) -> None:
    frame = stays()
    transform = fit(TABLE, frame, plan, modes)
    rows = transform.encode(frame.drop("stay_id"), np.random.default_rng(0))
    assert rows.continuous.shape[1] == len(transform.continuous)
    assert all(rows.discrete[:, at].min() >= 0 for at in range(rows.discrete.shape[1]))
    assert all(rows.discrete[:, at].max() < part.size for at, part in enumerate(transform.discrete))
    differs(transform.decode(rows), frame.drop("stay_id"))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.numbers}-{plan.knots}")
def test_what_is_public_alone_suffices_and_is_as_exact(plan: Plan) -> None:
    frame = stays()
    transform = fit_public(TABLE, plan)
    differs(transform.decode(transform.encode(frame)), frame.drop("stay_id"))


def test_a_fitted_transform_survives_json() -> None:
    frame = stays(500)
    for plan in PLANS:
        transform = fit(TABLE, frame, plan, modes)
        assert from_json(json.loads(json.dumps(transform.to_json()))) == transform


def test_batches_give_what_the_whole_gives() -> None:
    frame = stays(1_000)
    transform = fit(TABLE, frame)
    whole = transform.encode(frame)
    batches = list(transform.encode_batches(frame.iter_slices(300)))
    assert np.array_equal(np.vstack([each.continuous for each in batches]), whole.continuous)
    assert np.array_equal(np.vstack([each.discrete for each in batches]), whole.discrete)


def test_bins_alone_give_back_the_bin_and_every_written_value_can_come_out() -> None:
    frame = stays()
    transform = fit(TABLE, frame, Plan("bins", bins=10))
    assert not transform.continuous
    rows = transform.encode(frame)
    made = transform.decode(rows, np.random.default_rng(0))
    assert np.array_equal(transform.encode(made).discrete, rows.discrete)
    assert set(made["age"].unique()) == set(range(100))
    assert float((made["gain"] == 0).mean() or 0) == pytest.approx(float((frame["gain"] == 0).mean() or 0))


def test_normal_scores_are_normal() -> None:
    frame = stays(5_000)
    table = replace(TABLE, columns=(TABLE.column("exact"),), primary_key=())
    scores = fit(table, frame.with_columns(exact=pl.col("exact").exp() - 5)).encode(
        frame.select(exact=pl.col("exact").exp() - 5)
    )
    there = scores.continuous[scores.discrete[:, 0] == 0, 0]
    assert abs(there.mean()) < 0.01
    assert there.std() == pytest.approx(1, abs=0.02)


def domain(transform: TableTransform) -> list[int]:
    return [part.size for part in transform.discrete]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2]))
def test_whatever_a_generator_says_is_within_the_declaration(seed: int, which: int) -> None:
    draw = np.random.default_rng(seed)
    transform = (FITTED, PUBLIC, BINS)[which]
    codes = np.column_stack([draw.integers(0, size, 40) for size in domain(transform)]).astype(np.int32)
    made = transform.decode(ModelRows(draw.normal(0, 5, (40, len(transform.continuous))), codes), draw)
    assert made["age"].null_count() == 0
    assert made["age"].is_between(0, 120).all()
    assert made["weight"].drop_nulls().is_between(0, 500).all()
    assert made["diagnosis"].drop_nulls().is_in(TABLE.column("diagnosis").values).all()
    assert made["born"].drop_nulls().is_between(date(1900, 1, 1), date(2026, 1, 1)).all()


FITTED, PUBLIC, BINS = fit(TABLE, stays(400)), fit_public(TABLE), fit(TABLE, stays(400), Plan("bins"))


def test_rare_values_share_a_code_and_are_told_apart_by_an_index() -> None:
    transform = fit(TABLE, stays(), Plan(rare_below=20))
    parts = {part.name: part.size for part in transform.parts if part.column == "city"}
    assert set(parts) == {"city", "city:rare"}
    assert parts["city"] + parts["city:rare"] == 42  # 40 cities, the code of the rare, missing


def test_codes_of_a_hierarchy_are_a_path() -> None:
    transform = fit(TABLE, stays())
    sizes = [part.size for part in transform.parts if part.column == "diagnosis"]
    assert sizes == [4, 2, 2]  # three chapters and missing; E10 and E11; E11.9 and E11.65


def test_a_category_that_the_fit_did_not_know_is_refused_without_being_named() -> None:
    with pytest.raises(SchemaMismatch) as caught:
        FITTED.encode(stays(10).with_columns(ward=pl.lit("PLANTED")))
    assert "ward" in str(caught.value)
    assert "PLANTED" not in str(caught.value)


def test_a_fit_without_data_refuses_what_is_not_public() -> None:
    table = replace(TABLE, columns=(*TABLE.columns, Column("secret_range", "integer"), Column("free", "categorical")))
    with pytest.raises(InputError, match="secret_range, free"):
        fit_public(table)


def test_a_column_without_values_and_one_with_a_single_value_survive() -> None:
    table = Table("t", (Column("none", "integer"), Column("one", "continuous"), Column("word", "categorical")))
    frame = pl.DataFrame(
        {"none": [None, None], "one": [2.5, 2.5], "word": [None, None]},
        schema_overrides={"none": pl.Int64, "word": pl.String},
    )
    for plan in PLANS:
        transform = fit(table, frame, plan, modes)
        assert_frame_equal(transform.decode(transform.encode(frame)), frame)


def test_two_modes_are_found_and_drawn_by_their_probability() -> None:
    pytest.importorskip("sklearn", reason="the extra ml is not installed: make ml")
    draw = np.random.default_rng(2)
    values = np.concatenate([draw.normal(-50, 1, 600), draw.normal(200, 5, 400)])
    table = Table("t", (Column("x", "continuous"),))
    transform = fit(table, pl.DataFrame({"x": values}), Plan("modes"), load("synth.modes"))
    rows = transform.encode(pl.DataFrame({"x": values}), draw)
    assert (np.abs(rows.continuous) < 1.5).all()
    assert np.allclose(transform.decode(rows)["x"].to_numpy(), values, atol=1e-9)
