"""What detectors of others find, in our labels: what the law lets stay stays, the rest goes."""

import pytest

from careloom.deid.text_foreign import STAYS, Meaning, found_as
from careloom.deid.text_spans import AGE_OVER_89, DATE, NAME
from careloom.text.note import Span

VALUES = [
    (DATE, "2019", False),
    (DATE, "10:30", False),
    (DATE, "8:15 pm", False),
    (DATE, "7 a.m.", False),
    (DATE, "3/4/2019", True),
    (DATE, "May", True),
    (DATE, "yesterday", True),
    (AGE_OVER_89, "45", False),
    (AGE_OVER_89, "89 years", False),
    (AGE_OVER_89, "90", True),
    (AGE_OVER_89, "103-year-old", True),
    (AGE_OVER_89, "ninety-three", True),
    (AGE_OVER_89, "in her nineties", True),
    (AGE_OVER_89, "95 days", False),
    (AGE_OVER_89, "one hundred and ten weeks", False),
    (AGE_OVER_89, "92 years 3 months", True),
    (AGE_OVER_89, "ninety-two years and two weeks", True),
    (AGE_OVER_89, "91 yo, admitted 3 days ago", True),
    (AGE_OVER_89, "1990", False),
    (NAME, "2019", True),
]


@pytest.mark.parametrize(("label", "value", "goes"), VALUES)
def test_a_year_alone_a_time_of_day_and_an_age_below_90_stay(label: str, value: str, goes: bool) -> None:
    found = found_as(value, Span(0, len(value)), Meaning(label), "other", 0.5)
    assert (found is not None) is goes


def test_white_space_at_the_ends_is_left_out_and_the_score_is_kept_within_its_range() -> None:
    found = found_as("at  Ann Lee \n.", Span(2, 13), Meaning(NAME, "patient"), "other", 1.7)
    assert found is not None
    assert (found.span.of("at  Ann Lee \n."), found.part, found.score) == ("Ann Lee", "patient", 1.0)


@pytest.mark.parametrize("meaning", [STAYS, Meaning(NAME)])
def test_nothing_and_what_stays_is_not_told(meaning: Meaning) -> None:
    assert found_as("a  b", Span(1, 3) if meaning.label else Span(0, 1), meaning, "other", 0.9) is None
