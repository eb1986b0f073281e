"""Whole records as one row a patient, and what that row cannot see."""

from datetime import timedelta

import polars as pl

from careloom.synth.records import Records
from careloom.synth.records_view import courses_excess, small_codes, view
from careloom.synth.release_policy import for_records, shipped
from tests.unit.synth.invented_records import ICD, invented


def test_a_patient_is_one_row_with_the_codes_that_tell_most_apart() -> None:
    given = invented(40)
    seen = view(given)
    rows = seen.of(given)
    assert (rows.height, rows["patient_id"].n_unique()) == (40, 40)
    assert ("conditions", f"{ICD}|I10") in seen.codes
    has = f"has_{seen.codes.index(('conditions', f'{ICD}|I10')) + 1}"
    ill = given.conditions.filter(pl.col("code") == "I10")["patient_id"].n_unique()
    assert rows[has].sum() == ill
    assert rows["encounters"].sum() == given.encounters.height
    assert rows["died"].sum() == given.patients["death"].count()
    assert rows["value_1"].null_count() == 0
    assert rows["age_band"].str.contains(r"^\d0 to \d9$").all()


def test_rows_of_other_patients_have_the_same_columns() -> None:
    seen = view(invented(40))
    other = seen.of(invented(5, seed=9))
    assert other.columns == list(seen.table.names)
    empty = invented(5).of(pl.Series([], dtype=pl.String))
    assert seen.of(empty).is_empty()


def test_codes_of_fewer_patients_are_counted_where_they_are_shown() -> None:
    given = invented(40)
    births = given.conditions.filter(pl.col("code") == "O80")["patient_id"].n_unique()
    assert small_codes(given, given, births) < small_codes(given, given, births + 1)
    assert small_codes(given, given, 1) == 0


def test_a_course_that_comes_back_is_seen_also_where_days_wander() -> None:
    members, controls = invented(60, seed=1), invented(60, seed=2)
    assert courses_excess(members, controls, members).low > 0  # type: ignore[operator]
    assert courses_excess(members, controls, controls).high < 0  # type: ignore[operator]
    late = Records(*(frame.with_columns(pl.col("start") + timedelta(hours=3)) if "start" in frame.columns else frame
                     for _, frame in members.tables()))  # fmt: skip
    assert courses_excess(members, controls, late).low > 0  # type: ignore[operator]
    nobody = invented(5).of(pl.Series([], dtype=pl.String))
    assert courses_excess(members, nobody, members).low is None


def test_every_policy_judges_records_by_the_rules_of_records_too() -> None:
    strict, made = shipped("strict"), for_records(shipped("strict"))
    assert made.rules[: len(strict.rules)] == strict.rules
    assert "courses_excess" in {rule.measure for rule in made.rules}
    assert (made.small_cell, for_records(shipped("empirical")).small_cell) == (10, 20)
    assert made.digest != strict.digest
