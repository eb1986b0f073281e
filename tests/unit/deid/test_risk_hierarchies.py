from datetime import date
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.risk_hierarchies import Hierarchy, ages, bands, dates, grouped, races, states_of, zip_codes
from careloom.errors import QueryError


def levels(hierarchy: Hierarchy, values: pl.Series) -> dict[str, list[object]]:
    return {name: hierarchy.at(values, level).to_list() for level, name in enumerate(hierarchy.levels)}


def test_ages_are_banded_with_one_group_from_90_on() -> None:
    years = pl.Series("age", [0, 34, 89, 90, 103, None])
    five, two = ages()
    assert levels(five, years) == {
        "1 year": ["0", "34", "89", "90+", "90+", None],
        "5 years": ["0-4", "30-34", "85-89", "90+", "90+", None],
        "10 years": ["0-9", "30-39", "80-89", "90+", "90+", None],
        "20 years": ["0-19", "20-39", "80-89", "90+", "90+", None],
        "none": ["*"] * 6,
    }
    assert two.levels == ("1 year", "2 years", "10 years", "20 years", "none")
    assert levels(two, years)["2 years"] == ["0-1", "34-35", "88-89", "90+", "90+", None]


def test_a_width_that_does_not_divide_the_next_is_refused() -> None:
    for widths in ([1, 2, 5], [0], []):
        with pytest.raises(QueryError, match="bands"):
            bands(widths)


def test_dates_lose_their_day_their_month_and_their_year() -> None:
    found = levels(dates(), pl.Series("seen", [date(2021, 3, 9), None]))
    assert list(found.values()) == [["2021-03-09", None], ["2021-03", None], ["2021", None], ["*", "*"]]


def test_zip_codes_lose_digits_then_become_a_state() -> None:
    zips = pl.Series("zip", ["02139", "02138", "10001", None])
    states = states_of(pl.Series(["02139", "02138", "02139", "02100"]), pl.Series(["MA", "NH", "MA", None]))
    assert states == {"021": "MA"}
    found = levels(zip_codes(states), zips)
    assert found["3 digits"] == ["021", "021", "100", None]
    assert found["state"] == ["MA", "MA", None, None]
    assert zip_codes().levels == ("5 digits", "3 digits", "none")


def test_of_two_states_that_are_as_common_the_first_in_the_alphabet_is_taken() -> None:
    assert states_of(pl.Series(["83401", "83402"]), pl.Series(["WY", "ID"])) == {"834": "ID"}


def test_detailed_races_become_categories() -> None:
    codes = pl.Series("race", ["2034-7", "2029-7,2034-7", "1004-1,2106-3", "2500-7", "UNK", "2135-2", None])
    assert levels(races(), codes)["category"] == ["2028-9", "2028-9", "1002-5,2106-3", "2076-8", "UNK", "2135-2", None]


def test_a_value_without_a_group_is_null() -> None:
    found = levels(grouped({"region": {"a": "A"}}), pl.Series("zip", ["a", "b", None]))
    assert found == {"as it is": ["a", "b", None], "region": ["A", None, None], "none": ["*", "*", "*"]}


@pytest.mark.parametrize(
    ("hierarchy", "values"),
    [
        (bands([1]), pl.Series("age", ["34"])),
        (bands([1]), pl.Series("age", [3.4])),
        (dates(), pl.Series("seen", ["2021-03-09"])),
        (zip_codes(), pl.Series("zip", [2139])),
        (races(), pl.Series("race", [2106])),
    ],
)
def test_a_column_of_another_kind_is_named(hierarchy: Hierarchy, values: pl.Series) -> None:
    with pytest.raises(QueryError, match=f"'{values.name}'"):
        hierarchy.at(values, len(hierarchy.levels) - 2)


@given(st.lists(st.integers(-5, 130), min_size=1), st.sampled_from([0, 1]))
def test_each_band_is_made_of_whole_bands_of_the_level_before(values: list[int], which: int) -> None:
    found = list(levels(ages()[which], pl.Series("age", values)).values())
    for fine, coarse in pairwise(found):
        assert len(set(zip(fine, coarse, strict=True))) == len(set(fine))
