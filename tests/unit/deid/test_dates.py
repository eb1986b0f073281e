from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.dates import first_day, may_be_over_89, shift_days, shifted

KEY = bytes(range(32))
MOMENTS = st.integers(-3_786_912_000, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC))


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("2024-02-28", 1, "2024-02-29"),
        ("2024-03-01", -1, "2024-02-29"),
        ("2024-02-28T10:11:12Z", 1, "2024-02-29T10:11:12Z"),
        ("2024-02-28T10:11:12.345+00:00", 1, "2024-02-29T10:11:12Z"),
        ("2024-02-28T23:30:00-05:00", 1, "2024-03-01T04:30:00Z"),
        ("2024-02", 20, "2024-03"),
        ("2024", 200, "2025"),
        ("2024", 100, "2024"),
        ("0001-01-01", -1, None),
        ("9999-12-31T00:00:00Z", 1, None),
        ("2024-13-01", 1, None),
        ("2024-02-28T10:11:12", 1, None),
        ("Smith, Jo", 1, None),
        ("2024-Smith", 1, None),
        ("20245", 1, None),
        ("", 1, None),
    ],
)
def test_a_date_keeps_its_precision_and_becomes_utc(text: str, days: int, expected: str | None) -> None:
    assert shifted(text, timedelta(days=days)) == expected


@given(MOMENTS, MOMENTS, st.integers(-365, 365), st.sampled_from([-480, -60, 0, 330]))
def test_intervals_between_times_stay_the_same_to_the_second(
    first: datetime, second: datetime, days: int, offset: int
) -> None:
    first, second = first.replace(microsecond=0), second.replace(microsecond=0)
    local = first + timedelta(minutes=offset)
    sign, minutes = ("-", -offset) if offset < 0 else ("+", offset)
    written = local.isoformat()[:19] + f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    moved = [shifted(written, timedelta(days=days)), shifted(second.isoformat(), timedelta(days=days))]
    assert all(text is not None and text.endswith("Z") for text in moved)
    begin, end = (datetime.fromisoformat(text) for text in moved if text is not None)
    assert end - begin == second - first


@given(
    st.dates(date(1850, 1, 1), date(2100, 1, 1)), st.dates(date(1850, 1, 1), date(2100, 1, 1)), st.integers(-365, 365)
)
def test_intervals_between_dates_stay_the_same(first: date, second: date, days: int) -> None:
    moved = [shifted(day.isoformat(), timedelta(days=days)) for day in (first, second)]
    begin, end = (date.fromisoformat(text) for text in moved if text is not None)
    assert end - begin == second - first


@given(st.text(max_size=30))
def test_text_that_is_no_date_never_comes_back(text: str) -> None:
    found = shifted(text, timedelta(days=1))
    assert found is None or set(found) <= set("0123456789-:TZ")


@given(st.text(max_size=40), st.binary(min_size=16, max_size=64))
def test_a_shift_is_never_zero_never_over_a_year_and_always_the_same(patient_id: str, key: bytes) -> None:
    days = shift_days(key)(patient_id)
    assert days != 0
    assert abs(days) <= 365
    assert shift_days(key)(patient_id) == days


def test_shifts_cover_the_whole_range_evenly() -> None:
    days = shift_days(KEY)
    found = [days(f"patient-{number}") for number in range(20_000)]
    assert (min(found), max(found)) == (-365, 365)
    assert abs(sum(found)) / len(found) < 6  # four standard errors of a uniform on [-365, 365]
    assert len(set(found)) == 730


def test_another_key_gives_other_shifts() -> None:
    one, other = shift_days(KEY), shift_days(bytes(32))
    assert sum(one(str(number)) == other(str(number)) for number in range(1000)) < 20


@pytest.mark.parametrize("key", [b"", bytes(15), bytes(65)])
def test_a_short_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        shift_days(key)


@pytest.mark.parametrize(
    ("birth", "end", "over"),
    [
        ("1936-11-21", "2026-11-20", False),
        ("1936-11-21", "2026-11-21", True),
        ("1936", "2026-01-01", True),
        ("1937", "2026-12-31", False),
        ("1936-12", "2026-11-30", False),
        ("1936-12", "2026-12-01", True),
    ],
)
def test_ninety_and_older_counts_as_over_89_also_where_only_the_year_is_known(birth: str, end: str, over: bool) -> None:
    day = first_day(birth)
    assert day is not None
    assert may_be_over_89(day, date.fromisoformat(end)) is over


@pytest.mark.parametrize("text", ["", "Smith", "2024-13", "20-24-01", "2024-02-31"])
def test_a_birth_date_that_cannot_be_read_has_no_first_day(text: str) -> None:
    assert first_day(text) is None
