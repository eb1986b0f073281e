"""Constraints by construction: what is reduced comes back the same, and whatever a generator says keeps the rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from careloom.synth.constraints import Fixed, Implies, Order, Sum
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import check
from careloom.synth.transforms import fit, fit_public
from careloom.synth.transforms_constraints import reduction
from careloom.synth.transforms_space import ModelRows

DAYS = {"low": date(2020, 1, 1), "high": date(2027, 1, 1), "public": True}
TABLE = Table(
    "stays",
    (
        Column("seen", "date", nullable=False, **DAYS),
        Column("admitted", "date", nullable=False, **DAYS),
        Column("discharged", "date", **DAYS),
        Column("began", "datetime", dtype="Datetime[us, UTC]", nullable=False, **DAYS),
        Column("ended", "datetime", dtype="Datetime[us, UTC]", **DAYS),
        Column("low", "continuous", decimals=1, low=0, high=100, nullable=False, public=True),
        Column("high", "continuous", decimals=1, low=0, high=200, public=True),
        Column("room", "integer", low=0, high=50, public=True),
        Column("drugs", "integer", low=0, high=50, public=True),
        Column("cost", "integer", low=0, high=100, public=True),
        Column("grade", "categorical", values=("a", "b", "c"), public=True),
        Column("points", "categorical", dtype="Int64", values=(1, 2, 3), public=True),
        Column("sex", "categorical", values=("F", "M"), nullable=False, public=True),
        Column("pregnant", "boolean", public=True),
    ),
    constraints=(
        Order("seen", "admitted"),
        Order("admitted", "discharged"),
        Order("began", "ended", strict=True),
        Order("low", "high"),
        Sum("cost", ("room", "drugs")),
        Fixed(("grade", "points")),
        Implies({"sex": ("M",)}, {"pregnant": ()}),
    ),
)


each_of = partial(zip, strict=True)


def stays(rows: int = 600) -> pl.DataFrame:
    draw = np.random.default_rng(4)

    def gone(series: pl.Series) -> pl.Series:
        return series.set(pl.Series(draw.random(rows) < 0.1), None)

    seen = [date(2024, 1, 1) + timedelta(int(day)) for day in draw.integers(0, 300, rows)]
    admitted = [day + timedelta(int(gap)) for day, gap in each_of(seen, draw.integers(0, 9, rows))]
    began = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=int(hour)) for hour in draw.integers(0, 999, rows)]
    low, grade, room = draw.uniform(0, 90, rows).round(1), draw.integers(0, 3, rows), draw.integers(0, 50, rows)
    sex = draw.choice(["F", "M"], rows)
    made = pl.DataFrame(
        {
            "seen": seen,
            "admitted": admitted,
            "discharged": [day + timedelta(int(gap)) for day, gap in each_of(admitted, draw.integers(0, 9, rows))],
            "began": began,
            "ended": [hour + timedelta(0, int(gap)) for hour, gap in each_of(began, draw.integers(1, 9999, rows))],
            "low": low,
            "high": (low + draw.gamma(2, 5, rows).round(1)).round(1),
            "room": gone(pl.Series(room)),
            "drugs": draw.integers(0, 50, rows),
            "grade": ["abc"[each] for each in grade],
            "points": grade + 1,
            "sex": sex,
            "pregnant": pl.Series(sex == "F").set(pl.Series(sex == "M"), None),
        }
    )  # fmt: skip
    made = made.with_columns(cost=pl.col("room") + pl.col("drugs"), discharged=gone(made["discharged"]))
    return made.with_columns(ended=gone(made["ended"])).select(TABLE.names)


def test_what_is_reduced_comes_back_the_same() -> None:
    frame = stays()
    found = reduction(TABLE, frame)
    assert found.table.names == (
        "seen", "admitted after seen", "discharged after admitted", "began", "ended after began", "low",
        "high after low", "room", "drugs", "grade and points", "sex", "pregnant",
    )  # fmt: skip
    assert [each.kind for each in found.table.constraints] == ["implies"]
    assert_frame_equal(found.restore(found.reduce(frame)), frame, abs_tol=1e-9)


def test_whatever_a_generator_says_keeps_the_rules() -> None:
    draw = np.random.default_rng(0)
    found = reduction(TABLE, stays())
    transform = fit(found.table, found.reduce(stays()))
    codes = np.column_stack([draw.integers(0, part.size, 2_000) for part in transform.discrete]).astype(np.int32)
    said = ModelRows(draw.normal(0, 3, (2_000, len(transform.continuous))), codes)
    made = found.restore(transform.decode(said))
    broken = {issue.place for issue in check(TABLE, made)}
    assert broken <= {"stays.implies sex+pregnant"}
    kept = found.keep_valid(made)
    assert check(TABLE, kept) == []
    assert kept.height > 700  # about half of the men are rejected for a pregnancy


def test_without_data_only_what_is_declared_is_built_on() -> None:
    listed = replace(TABLE, constraints=(*TABLE.constraints[:5], Fixed(("grade", "points"), (("a", 1), ("b", 2)))))
    found = reduction(listed, None)
    assert "cost" in found.table.names  # its parts may be missing
    assert "grade and points" in found.table.names
    frame = stays().filter(pl.col("points") < 3)
    transform = fit_public(found.table)
    made = found.restore(transform.decode(transform.encode(found.reduce(frame))))
    assert_frame_equal(made, frame, abs_tol=1e-9)


def test_an_order_that_the_data_breaks_or_that_would_lose_a_value_is_left_to_rejection() -> None:
    late = stays().with_columns(admitted=pl.col("admitted") + timedelta(20))
    assert "discharged" in reduction(TABLE, late).table.names
    lacking = stays().with_columns(low=pl.lit(None, pl.Float64))
    assert "high" in reduction(TABLE, lacking).table.names
