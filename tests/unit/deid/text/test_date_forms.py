from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.date_forms import moved, moved_birth, moved_holiday, read
from tests.deid_marks import found_in, parsed

MOVED = [
    ("3/4/61", 40, "4/13/61"),
    ("03/04/1961", -3, "03/01/1961"),
    ("13/4/1961", 1, "14/4/1961"),
    ("3.4.1961", 30, "3.5.1961"),
    ("30.09.2021", 40, "09.11.2021"),
    ("03-Apr-1961", -3, "31-Mar-1961"),
    ("12-SEP-2011", 40, "22-OCT-2011"),
    ("April 4th", 40, "May 14th"),
    ("Sept. 4, '09", 40, "Oct. 14, '09"),
    ("4th of April", 18, "22nd of April"),
    ("fourth of April", 40, "fourteenth of May"),
    ("Monday, April 4th, 1961", 1, "Wednesday, April 5th, 1961"),
    ("Mon 4/4/2020", 1, "Sun 4/5/2020"),
    ("MARCH 9, 2020", 1, "MARCH 10, 2020"),
    ("4/61", 40, "5/61"),
    ("04/2019", 31, "05/2019"),
    ("2019-04", 31, "2019-05"),
    ("2020-02-28", 1, "2020-02-29"),
    ("19610404", 40, "19610514"),
    ("April 3-5, 2020", 40, "May 13-15, 2020"),
    ("April 3-5, 2020", 26, "April 29 - May 1, 2020"),
    ("April of 2020", 40, "May of 2020"),
    ("2024 Jan 5", 1, "2024 Jan 6"),
    ("'61", 400, "'62"),
    ("June", 40, "July"),
    ("May 3, 2022", 40, "June 12, 2022"),
]
FOUND = [
    "seen <DATE|3/4/61> at noon",
    "from <DATE|3/4>-<DATE|3/8/2020>",
    "born in <DATE|'61>",
    "since <DATE|4/61>",
    "on <DATE|Monday, April 4th, 1961> at 5 pm",
    "<DATE|April\n4, 1961>",
    "in <DATE|June> and last <DATE|October>",
    "<DATE|20200105>T1030",
    "on <DATE|Christmas Eve 2019>, before <DATE|Thanksgiving>",
    "flu vax <DATE|12/13>",
    "f/u Dr. <NAME|Patterson> <DATE|3/27>",
    "between <DATE|2/3> and <DATE|2/28>",
]


@pytest.mark.parametrize(("text", "days", "expected"), MOVED)
def test_a_date_moves_and_keeps_its_form(text: str, days: int, expected: str) -> None:
    assert moved(text, days) == expected


@pytest.mark.parametrize("marked", FOUND)
def test_dates_are_found_in_every_way_people_write_them(marked: str) -> None:
    text, expected = parsed(marked)
    assert found_in(text) == expected


@pytest.mark.parametrize("text", ["31/31/2020", "2/30/2020", "13.13.2020", "Smith", "", "120/80", "1.2"])
def test_what_is_no_date_is_read_as_none(text: str) -> None:
    assert read(text) is None


def test_a_holiday_becomes_a_day_of_the_year() -> None:
    assert moved_holiday("Christmas Eve 2019", 10) == "January 3, 2020"
    assert moved_holiday("Thanksgiving", 1) == "November 26"
    assert moved_holiday("Tuesday", 1) is None


def test_a_birth_date_in_digits_moves_in_its_own_order() -> None:
    births = (date(1961, 4, 3),)
    assert moved_birth("040361", 1, births) == "040461"
    assert moved_birth("04 03 1961", 1, births) == "04 04 1961"
    assert moved_birth("040461", 1, births) is None


FORMS = ["%m/%d/%Y", "%d-%b-%Y", "%B %d, %Y", "%A, %B %d, %Y", "%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d %B %Y", "%m-%d-%Y"]


@given(st.dates(date(1901, 1, 1), date(2098, 12, 31)), st.integers(-365, 365), st.sampled_from(FORMS))
def test_a_date_moved_there_and_back_is_itself(day: date, days: int, form: str) -> None:
    text = day.strftime(form)
    there = moved(text, days)
    assert there is not None
    assert moved(there, -days) == text


@given(st.dates(date(1931, 1, 1), date(2029, 12, 31)), st.integers(-365, 365), st.sampled_from(FORMS))
def test_the_moved_date_is_the_day_so_much_later(day: date, days: int, form: str) -> None:
    one, other = read(day.strftime(form)), read(moved(day.strftime(form), days) or "")
    assert one is not None
    assert other is not None
    assert (other.first - one.first).days == days
