"""Birth dates as tokens answer every comparison as plain ranges would."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.search_birthdate import birth_query, birth_tokens
from careloom.fhir.search_values import Span, time_span


def cut(length: int) -> st.SearchStrategy[str]:
    return st.dates().map(lambda day: day.isoformat()[:length])


ANY_PRECISION = st.sampled_from([4, 7, 10]).flatmap(cut)
TIMES = ANY_PRECISION | st.datetimes().map(lambda when: f"{when:%H:%M:%S}").flatmap(
    lambda clock: cut(10).map(lambda day: f"{day}T{clock}Z")
)
PREFIXES = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


def is_found(prefix: str, stored: Span, asked: Span) -> bool:
    is_inside = asked[0] <= stored[0] and stored[1] <= asked[1]
    return {
        "eq": is_inside,
        "ne": not is_inside,
        "gt": stored[1] > asked[1],
        "lt": stored[0] < asked[0],
        "ge": stored[1] > asked[1] or is_inside,
        "le": stored[0] < asked[0] or is_inside,
        "sa": stored[0] >= asked[1],
        "eb": stored[1] <= asked[0],
        "ap": stored[0] < asked[1] and stored[1] > asked[0],
    }[prefix]


@settings(max_examples=400)
@given(st.sampled_from(PREFIXES), ANY_PRECISION, TIMES)
def test_tokens_find_what_ranges_would_find(prefix: str, stored: str, asked: str) -> None:
    stored_span, asked_span = time_span(stored), time_span(asked)
    assert stored_span is not None
    assert asked_span is not None
    asked_tokens = birth_query(prefix, *asked_span)
    found = not set(birth_tokens(stored)).isdisjoint(asked_tokens)
    assert found is is_found(prefix, stored_span, asked_span)


@settings(max_examples=100)
@given(st.sampled_from(PREFIXES), st.dates(), st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d"]), st.integers(-400, 400))
def test_tokens_near_the_asked_time_are_exact_too(prefix: str, day: object, form: str, distance: int) -> None:
    import datetime as dt

    assert isinstance(day, dt.date)
    try:
        other = day + dt.timedelta(days=distance)
    except OverflowError:
        other = day
    text = other.isoformat()[: {"%Y": 4, "%Y-%m": 7}.get(form, 10)]
    asked, stored = time_span(text), time_span(day.isoformat())
    assert asked is not None
    assert stored is not None
    found = not set(birth_tokens(day.isoformat())).isdisjoint(birth_query(prefix, *asked))
    assert found is is_found(prefix, stored, asked)


@pytest.mark.parametrize(
    ("stored", "tokens"),
    [
        ("1980-05-17", ["day:1980-05-17", "day:1980-05", "day:1980", "day:198", "day:19"]),
        ("1980-05", ["month:1980-05", "month:1980", "month:198", "month:19"]),
        ("1980", ["year:1980", "year:198", "year:19"]),
    ],
)
def test_a_birth_date_lies_in_its_blocks(stored: str, tokens: list[str]) -> None:
    assert birth_tokens(stored) == tokens


@given(st.sampled_from(PREFIXES), st.dates(), st.dates())
@settings(max_examples=50)
def test_no_comparison_needs_many_tokens(prefix: str, one: object, other: object) -> None:
    first, last = sorted([str(one), str(other)])
    low, high = time_span(first), time_span(last)
    assert low is not None
    assert high is not None
    assert len(birth_query(prefix, low[0], high[1])) <= 450
