"""A cohort in a table of one row an index: rules, label, and columns that are known by then and no others."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from careloom.errors import FormatError, NotFound
from careloom.risk.cohorts_table import at_admission, extract_table, ready_tables, shipped_table, table_from_toml
from careloom.risk.leaks import Scene
from careloom.risk.leaks_guard import guard
from careloom.risk.splits import patient_grouped
from careloom.runtime import packaged

SUITE = Path(os.environ.get("CARELOOM_SUITES", "nowhere")) / "diabetes130" / "diabetic_data.parquet"
TEXT = """
name = "t"
title = "T"
source = "s"
patient = "who"
key = "row"
index = "admission"
missing = ["?"]
[label]
column = "back"
positive = ["<30"]
[[rules]]
name = "alive"
column = "left_by"
not_in = [11]
[[features]]
column = "age"
kind = "code"
concept = "Age"
known_at = "admission"
[[features]]
column = "visits"
kind = "number"
concept = "Care"
known_at = "admission"
"""
TABLE = pl.DataFrame(
    {"who": [1, 1, 2, 3], "row": [1, 2, 3, 4], "back": ["<30", "NO", "?", "<30"], "left_by": [1, None, 2, 11],
     "age": ["[60-70)", "?", "[70-80)", "x"], "visits": [0, 1, 2, 3], "secret": [1, 2, 3, 4]}
)  # fmt: skip


def test_rows_labels_and_columns_are_those_that_the_definition_says() -> None:
    found = extract_table(table_from_toml(TEXT), TABLE)
    assert found.rows.drop("row_key").rows() == [
        (0, "1", True, "[60-70)", 0.0), (1, "1", False, None, 1.0), (2, "2", None, "[70-80)", 2.0),
    ]  # fmt: skip
    assert [(one.rows, one.patients, one.removed) for one in found.steps] == [(4, 3, 0), (3, 2, 1)]
    assert "secret" not in found.rows.columns


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('known_at = "admission"', 'known_at = "discharge"', "after the index"),
        ("not_in = [11]", "not_in = [11]\nin = [1]", "rules[0]"),
        ("not_in = [11]", "not_in = 11", "rules[0].not_in"),
        ('kind = "number"', 'kind = "text"', "features[1].kind"),
        ('positive = ["<30"]', "", "label.positive"),
        ('key = "row"', "", "key"),
        ("[label]", "[label", "TOML"),
        ('name = "t"', 'name = "t"\nfold = 1', "says fold"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(old: str, new: str, place: str) -> None:
    with pytest.raises(FormatError) as refused:
        table_from_toml(TEXT.replace(old, new, 1))
    assert place in refused.value.where
    with pytest.raises(FormatError):
        extract_table(table_from_toml(TEXT), TABLE.drop("visits"))
    with pytest.raises(NotFound):
        shipped_table("diabetes")


def test_at_the_admission_fewer_columns_are_known_and_nobody_can_say_otherwise() -> None:
    whole = shipped_table("diabetes130")
    early = at_admission(whole)
    assert set(early.columns) < set(whole.columns)
    assert "time_in_hospital" not in early.columns
    assert early.digest != whole.digest
    assert ready_tables() == ["diabetes130"]
    with pytest.raises(FormatError):
        table_from_toml(packaged("risk", "tables/diabetes130.toml").decode().replace(
            'index = "discharge"', 'index = "admission"'))  # fmt: skip


@pytest.mark.skipif(not SUITE.exists(), reason="the suite diabetes130 is not here (CARELOOM_SUITES)")
def test_the_diabetes_table_is_clean_as_it_ships_and_leaks_as_the_literature_uses_it() -> None:
    definition = shipped_table("diabetes130")
    found = extract_table(definition, pl.read_parquet(SUITE))
    rows, columns = found.rows.head(12_000), definition.columns
    assert [one.rows for one in found.steps] == [71_408, 70_243, 69_668, 69_666]
    share = rows["label"].mean()
    assert isinstance(share, float)
    fold = patient_grouped(rows, b"of this test only", {"train": 0.8, "test": 0.2})
    assert guard(Scene(rows.with_columns(fold.alias("fold")), columns, prevalence=share)) == []
    more = rows.filter("label").sample(rows.height // 2, with_replacement=True, seed=1)
    mixed = pl.concat([rows, more]).sample(fraction=1.0, shuffle=True, seed=2)
    by_row = pl.Series("fold", np.where(np.random.default_rng(3).random(mixed.height) < 0.8, "train", "test"))
    kinds = {one.kind for one in guard(Scene(mixed.with_columns(by_row), columns, known_at="admission"))}
    assert kinds == {"patient-overlap", "resampled-before-split", "future-coded-field"}
