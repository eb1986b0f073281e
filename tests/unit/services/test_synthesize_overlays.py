"""What is kept of real and synthetic rows to be seen: the same bins on both sides, and no few patients."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from careloom.services.synthesize_overlays import MISSING, OTHERS, overlays
from careloom.synth.metadata import Column, Table

TABLE = Table(
    "stays",
    (
        Column("patient", "id"), Column("ward", "categorical"), Column("days", "integer", unit="d"),
        Column("weight", "continuous"), Column("born", "date"), Column("smokes", "boolean"),
    ),
    subject="patient",
)  # fmt: skip


def frame(rows: int, seed: int, *, each: int = 1, wards: str = "aaabbc") -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    days = draw.poisson(6, rows)
    return pl.DataFrame(
        {
            "patient": [f"p{number // each}" for number in range(rows)],
            "ward": draw.choice(list(wards), rows),
            "days": days,
            "weight": [None if number % 9 == 0 else 60.0 + day + draw.random() for number, day in enumerate(days)],
            "born": [date(1950, 1, 1) + timedelta(days=int(draw.integers(0, 15_000))) for _ in range(rows)],
            "smokes": draw.random(rows) < 0.3,
        },
        schema_overrides={"days": pl.Int64},
    )


def column(found: dict[str, Any], name: str) -> dict[str, Any]:
    one: dict[str, Any] = next(each for each in found["columns"] if each["name"] == name)
    return one


def test_both_sides_are_counted_in_the_same_bins_and_all_rows_are_in_one() -> None:
    real, synthetic = frame(600, 1), frame(400, 2)
    found = overlays(TABLE, real, synthetic, 1)
    assert [one["name"] for one in found["columns"]] == ["ward", "days", "weight", "born", "smokes"]
    for one in found["columns"]:
        assert len(one["labels"]) == len(one["real"]) == len(one["synthetic"])
        assert (sum(one["real"]), sum(one["synthetic"])) == (600, 400)
    assert column(found, "weight")["labels"][-1] == MISSING
    wards = column(found, "ward")
    assert dict(zip(wards["labels"], wards["real"], strict=True)) == dict(real["ward"].value_counts().iter_rows())


@pytest.mark.parametrize("each", [1, 4])
def test_no_count_of_few_patients_is_kept(each: int) -> None:
    real = frame(800, 3, each=each, wards="a" * 60 + "b" * 30 + "xyz")
    found = overlays(TABLE, real, frame(500, 4, wards="abxyz"))
    held = dict(real.group_by("ward").agg(pl.col("patient").n_unique()).iter_rows())
    for ward, patients in held.items():
        assert (ward in column(found, "ward")["labels"]) == (patients >= 11)
    for one in found["columns"]:
        if one["name"] in ("days", "weight"):
            continue
        assert all(count is None or count >= 11 or count == 0 for count in one["real"])
        hidden = [count for count in one["real"] if count is None]
        assert len(hidden) != 1, "a single one is the rest of the total"


def test_a_rare_value_is_neither_named_nor_told_by_the_rest() -> None:
    real = frame(400, 5, wards="ab").with_columns(
        pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("rare")).otherwise("ward").alias("ward")
    )
    ward = column(overlays(TABLE, real, frame(400, 6, wards="ab")), "ward")
    assert ward["labels"] == [*sorted("ab", key=lambda name: -real.filter(ward=name).height), OTHERS]
    assert ward["real"].count(None) == 2
    assert "rare" not in str(ward)


def test_edges_of_bins_are_round_and_no_extreme_of_a_patient() -> None:
    real = frame(500, 7).with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(987.654)).otherwise("weight").alias("weight")
    )
    weight = column(overlays(TABLE, real, frame(500, 8)), "weight")
    assert "987" not in str(weight["labels"])
    assert weight["labels"][0].startswith("below ")
    assert all(len(part) <= 5 for label in weight["labels"][1:-2] for part in label.split(" to "))


def test_pairs_hang_together_on_either_side_as_they_do() -> None:
    real, synthetic = frame(600, 9), frame(600, 10).with_columns(pl.col("weight").shuffle(seed=1))
    pairs = overlays(TABLE, real, synthetic)["pairs"]
    at, to = pairs["columns"].index("days"), pairs["columns"].index("weight")
    both = real.drop_nulls("weight")
    assert (
        pairs["real"][at][to]
        == pairs["real"][to][at]
        == round(float(np.corrcoef(both["days"], both["weight"])[0, 1]), 3)
    )
    assert abs(pairs["synthetic"][at][to]) < 0.2
    assert pairs["real"][at][at] is None


def test_of_few_patients_nothing_is_told() -> None:
    found = overlays(TABLE, frame(8, 11), frame(6, 12))
    assert all(
        count is None or count == 0 for one in found["columns"] for side in ("real", "synthetic") for count in one[side]
    )
    assert all(value is None for line in found["pairs"]["real"] for value in line)
