"""Times, numbers, texts and references as search compares them."""

import math
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.fhir.search_values import (
    DAY,
    money_span,
    normal_text,
    period_span,
    precision_span,
    quantity_span,
    range_span,
    reference_key,
    time_span,
    timing_span,
)


def ms(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp() * 1000  # type: ignore[misc,arg-type]


TIMES = [
    ("2024", ms(2024, 1, 1), ms(2025, 1, 1)),
    ("2024-02", ms(2024, 2, 1), ms(2024, 3, 1)),
    ("2024-12", ms(2024, 12, 1), ms(2025, 1, 1)),
    ("2024-02-29", ms(2024, 2, 29), ms(2024, 3, 1)),
    ("2024-05-17T10:15:30Z", ms(2024, 5, 17, 10, 15, 30), ms(2024, 5, 17, 10, 15, 31)),
    ("2024-05-17T10:15:30+02:00", ms(2024, 5, 17, 8, 15, 30), ms(2024, 5, 17, 8, 15, 31)),
    ("2024-05-17T23:15:30-05:30", ms(2024, 5, 18, 4, 45, 30), ms(2024, 5, 18, 4, 45, 31)),
    ("2024-05-17T10:15Z", ms(2024, 5, 17, 10, 15), ms(2024, 5, 17, 10, 16)),
    ("2024-05-17T10:15:30.25Z", ms(2024, 5, 17, 10, 15, 30) + 250, ms(2024, 5, 17, 10, 15, 30) + 260),
    ("2024-05-17T10:15:30.123456Z", ms(2024, 5, 17, 10, 15, 30) + 123, ms(2024, 5, 17, 10, 15, 30) + 124),
    ("2024-05-17T10:15:30", ms(2024, 5, 17, 10, 15, 30), ms(2024, 5, 17, 10, 15, 31)),
    ("2016-12-31T23:59:60Z", ms(2017, 1, 1), ms(2017, 1, 1) + 1000),
    ("2016-12-31T23:59:60+00:00", ms(2017, 1, 1), ms(2017, 1, 1) + 1000),
    ("9999-12-31", ms(9999, 12, 31), ms(9999, 12, 31) + DAY),
    ("9999", ms(9999, 1, 1), ms(9999, 12, 31) + DAY),
]


@pytest.mark.parametrize(("text", "low", "high"), TIMES)
def test_a_time_is_the_range_its_precision_means(text: str, low: float, high: float) -> None:
    assert time_span(text) == (low, high)
    assert time_span(text) == (low, high), "from the cache"


NO_TIMES = """24 2024-13 2024-00 2024-02-30 0000 2024-1-1 2024-05-17T25:00:00Z 2024-05-17T10:61:00Z 2024-05-17T10
    2024-W20-5T10:15:30+02:00 2024-05-17x10:15:30+02:00 2024-W01 20240517 ٢٠٢٤ 2024-05-17T10:15:30z""".split()


@pytest.mark.parametrize("text", ["", "2024-05-17 10:15:30", "2024\n", *NO_TIMES])
def test_what_is_no_fhir_time_has_no_range(text: str) -> None:
    assert time_span(text) is None


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_a_time_in_any_zone_agrees_with_the_standard_library(when: datetime, minutes: int) -> None:
    when = when.replace(year=1600 + when.year % 1400, day=min(when.day, 28))
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{when:%Y-%m-%dT%H:%M:%S}{sign}{size // 60:02}:{size % 60:02}"
    expected = (when.replace(microsecond=0, tzinfo=UTC) - timedelta(minutes=minutes)).timestamp() * 1000
    assert time_span(text) == (expected, expected + 1000)


@given(st.dates())
def test_a_day_lies_in_its_month_and_its_month_in_its_year(day: object) -> None:
    text = str(day)
    spans = [time_span(text[:length]) for length in (4, 7, 10)]
    for outer, inner in pairwise(spans):
        assert outer is not None
        assert inner is not None
        assert outer[0] <= inner[0] < inner[1] <= outer[1]


def test_a_period_is_open_where_an_end_is_absent() -> None:
    day = {"start": "2024-05-17", "end": "2024-05-18"}
    assert period_span(day) == (ms(2024, 5, 17), ms(2024, 5, 19))
    assert period_span({"start": "2024"}) == (ms(2024, 1, 1), math.inf)
    assert period_span({"end": "2024"}) == (-math.inf, ms(2025, 1, 1))
    assert period_span({}) is None
    assert period_span({"start": "2024-05-18", "end": "2024-05-17"}) is None


def test_a_timing_is_its_outer_limits() -> None:
    timing = {"event": ["2024-05-17", "2024-03-01"], "repeat": {"boundsPeriod": {"end": "2024-06"}}}
    assert timing_span(timing) == (-math.inf, ms(2024, 7, 1))
    assert timing_span({"event": ["2024-05-17", "2024-03-01"]}) == (ms(2024, 3, 1), ms(2024, 5, 18))
    assert timing_span({"repeat": {"frequency": 2}}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", (100.0, 99.5, 100.5)),
        ("100.00", (100.0, 99.995, 100.005)),
        ("1e2", (100.0, 50.0, 150.0)),
        ("5.40", (5.4, 5.395, 5.405)),
        ("-0.5", (-0.5, -0.55, -0.45)),
        ("+3", (3.0, 2.5, 3.5)),
        ("5.4e-3", (0.0054, 0.00535, 0.00545)),
    ],
)
def test_a_searched_number_means_the_range_of_its_digits(text: str, expected: tuple[float, float, float]) -> None:
    assert precision_span(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1,5", "1.", ".5", "--1", "1e999", "1e9999", "NaN", "inf", "9" * 65, "1 "])
def test_what_is_no_number_has_no_range(text: str) -> None:
    assert precision_span(text) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_a_searched_number_lies_within_its_range(number: object) -> None:
    span = precision_span(str(number))
    assert span is not None
    assert span[1] < span[0] < span[2]


def test_quantities_keep_value_comparator_and_unit() -> None:
    mg = {"value": 5.4, "unit": "milligram", "system": "http://unitsofmeasure.org", "code": "mg"}
    assert quantity_span(mg) == (5.4, 5.4, "http://unitsofmeasure.org", "mg")
    assert quantity_span({"value": 5, "unit": "mg"}) == (5.0, 5.0, "", "mg")
    assert quantity_span({"value": 5, "comparator": ">="}) == (5.0, math.inf, "", "")
    below = quantity_span({"value": 5, "comparator": "<"})
    assert below is not None
    assert below[:2] == (-math.inf, math.nextafter(5.0, -math.inf))
    assert quantity_span({"code": "mg"}) is None
    assert quantity_span({"value": True}) is None
    assert money_span({"value": 3, "currency": "EUR"}) == (3.0, 3.0, "urn:iso:std:iso:4217", "EUR")
    assert range_span({"low": {"value": 1, "code": "a"}}) == (1.0, math.inf, "", "a")
    assert range_span({"low": {"value": 2}, "high": {"value": 1}}) is None
    assert range_span({}) is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Müller\t Lüdenscheid ", "muller ludenscheid"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Ångström", "angstrom"),
        ("李明", "李明"),
        ("İstanbul", "istanbul"),
        ("김철수", "김철수"),
        ("", ""),
    ],
)
def test_texts_lose_case_accents_and_spare_white_space(text: str, normal: str) -> None:
    assert normal_text(text) == normal


@given(st.text())
def test_a_normal_text_is_its_own_normal_form(text: str) -> None:
    assert normal_text(normal_text(text)) == normal_text(text)
    assert normal_text(unicodedata.normalize("NFD", text)) == normal_text(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Patient/1", "Patient/1"),
        ("Patient/1/_history/3", "Patient/1"),
        ("http://example.org/fhir/Patient/1/_history/3", "http://example.org/fhir/Patient/1"),
        ("urn:uuid:0a", "urn:uuid:0a"),
        ("#contained", ""),
    ],
)
def test_a_reference_is_compared_without_its_version(text: str, key: str) -> None:
    assert reference_key(text) == key
