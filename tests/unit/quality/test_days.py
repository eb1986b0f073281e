import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.quality.days import Span, day_text, span_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970", Span(0, 365)),
        ("1970-02", Span(31, 59)),
        ("1970-12", Span(334, 365)),
        ("1970-01-02", Span(1, 2)),
        ("1970-01-02T12:00:00Z", Span(1.5, 1.5 + 1 / 86400)),
        ("1970-01-02T12:00:00.123+06:00", Span(1.25, 1.25 + 1 / 86400)),
        ("1970-01-02T12:00:00-06:00", Span(1.75, 1.75 + 1 / 86400)),
        ("1970-01-02T12:00", Span(1.5, 1.5 + 60 / 86400)),
        ("1970-13-02", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_fhir_date_covers_its_span(text: str, expected: Span | None) -> None:
    found = span_of(text)
    assert (found is None) == (expected is None)
    if found and expected:
        assert found == pytest.approx(expected)


@given(st.dates())
def test_a_day_is_told_as_it_was_written(day: object) -> None:
    found = span_of(str(day)) if str(day) < "9999-12-31" else None
    if found is not None:
        assert day_text(found.low) == str(day)
        assert found.high - found.low == 1
