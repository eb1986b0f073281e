"""Splits: no patient on two sides, nothing later before, the same rows to the same folds."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import QueryError
from careloom.risk.splits import folds, leave_site_out, patient_grouped, temporal
from tests.unit.risk.leaky_sets import BEGIN, rows_of

KEY = b"a key of sixteen"
ROWS = rows_of(3)
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def folds_of_patients(rows: pl.DataFrame, fold: pl.Series) -> int:
    told = rows.with_columns(fold.alias("fold")).filter(pl.col("fold") != "gap")
    return int(told.group_by("patient_id").agg(pl.col("fold").n_unique())["fold"].max())  # type: ignore[arg-type]


def test_a_patient_is_in_one_fold_and_shares_come_near_what_was_asked() -> None:
    fold = patient_grouped(ROWS, KEY, SHARES)
    assert folds_of_patients(ROWS, fold) == 1
    shares = ROWS.with_columns(fold.alias("fold")).unique("patient_id")["fold"].value_counts(normalize=True)
    assert dict(shares.iter_rows()) == pytest.approx(SHARES, abs=0.08)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_and_other_patients_move_nobody(seed: int) -> None:
    told = ROWS.with_columns(patient_grouped(ROWS, KEY, SHARES).alias("fold")).select("candidate", "fold")
    some = ROWS.sample(fraction=0.5, shuffle=True, seed=seed)
    again = some.with_columns(patient_grouped(some, KEY, SHARES).alias("fold")).select("candidate", "fold")
    assert again.join(told, on=["candidate", "fold"], how="anti").is_empty()


def test_another_key_is_another_split_and_no_key_is_none() -> None:
    assert (patient_grouped(ROWS, KEY, SHARES) != patient_grouped(ROWS, b"another", SHARES)).any()
    for key, shares in ((b"", SHARES), (KEY, {"train": 0.5}), (KEY, {})):
        with pytest.raises(QueryError):
            patient_grouped(ROWS, key, shares)
    with pytest.raises(QueryError):
        folds(ROWS, KEY, 1)
    assert sorted(folds(ROWS, KEY, 5).unique()) == [0, 1, 2, 3, 4]
    assert folds_of_patients(ROWS, folds(ROWS, KEY, 5).cast(pl.String)) == 1


def test_in_time_nobody_learns_from_what_was_not_known_at_the_cut() -> None:
    cut = BEGIN + timedelta(days=500)
    told = ROWS.with_columns(temporal(ROWS, cut).alias("fold"))
    assert folds_of_patients(ROWS, told["fold"]) == 1
    parts = {str(name): part for (name,), part in told.partition_by("fold", as_dict=True).items()}
    assert parts["train"]["horizon_end"].max() <= cut  # type: ignore[operator]
    assert parts["test"]["index_time"].min() >= cut  # type: ignore[operator]
    assert parts["test"].height == ROWS.filter(pl.col("index_time") >= cut).height


def test_a_site_is_left_out_with_all_patients_that_it_saw() -> None:
    rows = ROWS.with_columns(site=pl.col("ward"))
    made = leave_site_out(rows, "site")
    assert set(made) == {"medicine", "surgery", "cardiology"}
    for site, fold in made.items():
        told = rows.with_columns(fold.alias("fold"))
        assert folds_of_patients(rows, fold) == 1
        assert set(told.filter(pl.col("fold") == "test")["site"]) == {site}
        assert site not in set(told.filter(pl.col("fold") == "train")["site"])
    with pytest.raises(QueryError):
        leave_site_out(rows.filter(pl.col("ward") == "surgery"), "site")
