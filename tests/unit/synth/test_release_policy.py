"""The gate of a release as data: what fails, what is missing, and what a row that is copied costs."""

from dataclasses import replace

import polars as pl
import pytest

from careloom.errors import FormatError, InputError
from careloom.synth.metadata import Column, Table
from careloom.synth.release_measures import People, digest_of, disclosure
from careloom.synth.release_policy import SHIPPED, Measure, Rule, decide, from_json, from_toml, shipped

GOOD = {
    "epsilon": Measure(1.0), "delta": Measure(1e-6), "patients": Measure(5000.0),
    "membership_area": Measure(0.5, 0.48, 0.52), "copies_excess": Measure(-0.01),
    "attacks_that_see": Measure(0.0), "same_source": Measure(0.51),
    "rare_combinations_excess": Measure(0.0), "small_cells": Measure(0.0), "broken_rules": Measure(0.0),
    "shape": Measure(0.01), "trend": Measure(0.02), "utility": Measure(0.97),
}  # fmt: skip
BAD = {
    "epsilon": Measure(3.1), "delta": Measure(1e-4), "patients": Measure(499.0),
    "membership_area": Measure(0.5, 0.4, 0.56), "copies_excess": Measure(0.001),
    "attacks_that_see": Measure(1.0), "same_source": Measure(0.7),
    "rare_combinations_excess": Measure(0.1), "small_cells": Measure(1.0), "broken_rules": Measure(1.0),
    "shape": Measure(0.06), "trend": Measure(0.2), "utility": Measure(0.8),
}  # fmt: skip
TABLE = Table("stays", (Column("sex", "categorical"), Column("ward", "categorical"), Column("days", "integer")))


def test_what_is_good_passes_the_strict_policy() -> None:
    assert decide(shipped("strict"), GOOD).passed


@pytest.mark.parametrize("name", BAD)
def test_one_bad_measure_is_enough_to_fail(name: str) -> None:
    verdict = decide(shipped("strict"), {**GOOD, name: BAD[name]})
    assert (verdict.passed, len(verdict.failed)) == (False, 1)
    assert name in verdict.failed[0]


@pytest.mark.parametrize("name", BAD)
def test_a_measure_that_was_not_taken_has_failed(name: str) -> None:
    assert not decide(shipped("strict"), {one: each for one, each in GOOD.items() if one != name}).passed
    assert not decide(shipped("strict"), {**GOOD, name: Measure(float("nan"))}).passed


def test_a_measure_without_the_bound_that_is_asked_for_has_failed() -> None:
    assert not decide(shipped("strict"), {**GOOD, "membership_area": Measure(0.5)}).passed


def test_a_policy_without_rules_lets_nothing_pass() -> None:
    assert not decide(replace(shipped("strict"), rules=()), GOOD).passed
    with pytest.raises(InputError):
        from_json({**shipped("strict").as_json(), "rules": []})


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_is_read_back_from_what_a_certificate_holds(name: str) -> None:
    policy = shipped(name)
    assert from_json(policy.as_json()) == policy
    assert replace(policy, rules=(*policy.rules, Rule("x", "at_most", 1.0))).digest != policy.digest


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("= no", FormatError),
        ("version = 2", InputError),
        ('version = 1\n[[rule]]\nmeasure = "shape"', InputError),
        ('version = 1\nname = "x"\n[[rule]]\nmeasure = "shape"\nat_most = 1', InputError),
    ],
)
def test_a_text_that_is_no_policy_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        from_toml(text)


def people(rows: int = 400) -> pl.DataFrame:
    wards = ["a", "a", "b", "b"] * (rows // 4)
    return pl.DataFrame({"sex": ["F", "M"] * (rows // 2), "ward": wards, "days": [i % 37 for i in range(rows)]})


def test_rows_like_those_of_others_are_no_copies() -> None:
    found = disclosure(TABLE, People(people(), people()), people(200), small_cell=10)
    assert found["copies_excess"].value <= 0
    assert found["rare_combinations_excess"].value <= 0
    assert found["small_cells"].value == 0


def test_copies_of_the_rare_are_told_from_rows_of_others() -> None:
    rare = pl.DataFrame({"sex": ["M"] * 9, "ward": ["z"] * 9, "days": list(range(100, 109))})
    others = people().with_columns(days=pl.col("days") + 50)
    found = disclosure(TABLE, People(pl.concat([people(), rare]), others), pl.concat([rare] * 4), small_cell=10)
    assert found["copies_excess"].value > 0.5
    assert found["rare_combinations_excess"].value > 0.5
    assert found["small_cells"].value == 1  # the ward z


def test_a_value_that_a_code_book_declares_is_no_small_cell() -> None:
    public = Table("stays", (Column("sex", "categorical", values=("F", "M", "X"), public=True),))
    frame = pl.DataFrame({"sex": ["F", "M"] * 50})
    shown = pl.DataFrame({"sex": ["X", "F"]})
    assert disclosure(public, People(frame, frame), shown, small_cell=10)["small_cells"].value == 0


def test_a_column_that_is_called_public_without_a_code_book_has_small_cells() -> None:
    named = Table("stays", (Column("ward", "categorical", public=True),))
    frame = pl.DataFrame({"ward": ["a", "b"] * 50 + ["z"]})
    shown = pl.DataFrame({"ward": ["a", "z"]})
    assert disclosure(named, People(frame, frame), shown, small_cell=10)["small_cells"].value == 1


def test_nobody_passes_by_naming_columns_that_are_never_rare() -> None:
    rare = pl.DataFrame({"sex": ["M"] * 9, "ward": ["z"] * 9, "days": list(range(100, 109))})
    everyone = People(pl.concat([people(), rare]), people())
    found = disclosure(TABLE, everyone, pl.concat([rare] * 4), small_cell=10, known=["sex"])
    assert found["rare_combinations_excess"].value > 0.5


def test_the_digest_is_of_the_rows_and_not_of_their_order_or_their_zone() -> None:
    frame = people(40).with_columns(at=pl.datetime_range(pl.datetime(2026, 1, 1), pl.datetime(2026, 2, 9), "1d"))
    zoned = frame.with_columns(pl.col("at").dt.replace_time_zone("UTC"))
    assert digest_of([frame]) == digest_of([frame[20:], frame[:20]]) == digest_of([zoned])
    assert digest_of([frame]) != digest_of([frame.with_columns(days=pl.col("days") + 1)])
