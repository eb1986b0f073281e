"""Numbers, sizes and times as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from careloom.dashboard import words

BEGAN = datetime(2026, 11, 22, 2, 6, 41, tzinfo=UTC)

SHARES = [
    (None, "–"), (0.0, "0 %"), (1.0, "100 %"), (0.984, "98.4 %"), (0.9999, "> 99.9 %"), (0.0001, "< 0.1 %"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), SHARES)
def test_a_share_is_never_rounded_to_all_or_nothing(value: float | None, expected: str) -> None:
    assert words.share(value) == expected


SIZES = [(None, "–"), (0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (6_780_814, "6.8 MB"), (250_000_000, "250 MB")]


@pytest.mark.parametrize(("value", "expected"), SIZES)
def test_a_size_has_a_unit_that_suits_it(value: int | None, expected: str) -> None:
    assert words.size(value) == expected


TIMES = [(0.4, "0.4 s"), (12, "12 s"), (72, "1 min 12 s"), (3 * 3600 + 61, "3 h 1 min"), (-5, "0.0 s")]


@pytest.mark.parametrize(("seconds", "expected"), TIMES)
def test_a_time_span_is_told_in_two_units_at_most(seconds: float, expected: str) -> None:
    assert words.lasting(BEGAN, BEGAN + timedelta(seconds=seconds)) == expected


def test_what_is_not_known_is_a_dash() -> None:
    assert [words.number(None), words.moment(None), words.lasting(BEGAN, None)] == ["–"] * 3


def test_moments_are_told_in_utc() -> None:
    elsewhere = BEGAN.astimezone(timezone(timedelta(hours=-5)))
    assert words.moment(elsewhere) == "22 Nov 2026, 02:06"
    assert words.clock(elsewhere) == "02:06:41 UTC"


def test_counted_words_are_one_or_many() -> None:
    assert [words.count_of(count, "run") for count in (0, 1, 2000)] == ["0 runs", "1 run", "2,000 runs"]


def test_type_names_are_told_as_words() -> None:
    assert [words.spaced(name) for name in ("Patient", "MedicationRequest")] == ["Patient", "Medication request"]


SMALL = [(None, "–"), (0.0, "0"), (0.5, "0.5"), (1e-5, "0.00001"), (2.5e-7, "0.00000025"), (1.0, "1")]


@pytest.mark.parametrize(("value", "expected"), SMALL)
def test_a_small_number_is_told_without_an_exponent(value: float | None, expected: str) -> None:
    assert words.small(value) == expected


def test_a_purpose_is_told_in_words_and_a_rare_one_by_its_code() -> None:
    assert [words.purpose(code) for code in ("HOPERAT", "TREAT", "SUPNWK")] == ["Operations", "Treatment", "SUPNWK"]
