"""Dates of a patient, all moved by one secret number of days: intervals stay true, calendar dates do not."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

MOST_DAYS = 365
TOP_AGE_YEARS = 89
"""The highest age that may be told: 45 CFR 164.514(b)(2)(i)(C)."""


def shift_days(key: bytes) -> Callable[[str], int]:
    """The function that gives each patient a secret number of days, from -365 to 365 and never 0.

    key      16 to 64 secret bytes, one for each project: with it the shift can be undone, without it not
    returns  patient id in the identified zone -> days; the same for the same id and key
    """
    if not 16 <= len(key) <= 64:
        raise ValueError("a date shift needs a key of 16 to 64 bytes")

    def days(patient_id: str) -> int:
        digest = hashlib.blake2b(patient_id.encode(), digest_size=16, key=key, person=b"deid.date-shift").digest()
        step = int.from_bytes(digest, "big") % (2 * MOST_DAYS)
        return step - MOST_DAYS if step < MOST_DAYS else step - MOST_DAYS + 1

    return days


@lru_cache(32_768)
def shifted(text: str, shift: timedelta) -> str | None:
    """A FHIR date, dateTime or instant, moved by whole days and written anew; None if it cannot be read.

    A time becomes UTC (a local offset tells the true season) in whole seconds; a year or month alone moves as its
    middle and stays a year or month.
    """
    try:
        if len(text) > 10:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                return None
            return (moment.astimezone(UTC) + shift).isoformat(timespec="seconds")[:19] + "Z"
        if len(text) == 10:
            return (date.fromisoformat(text) + shift).isoformat()
        return _shifted_part(text, shift)
    except (ValueError, OverflowError):
        return None


def _shifted_part(text: str, shift: timedelta) -> str | None:
    year, _, month = text.partition("-")
    if len(year) != 4 or not year.isdigit() or len(text) not in (4, 7):
        return None
    if len(text) == 4:
        return f"{(date(int(year), 7, 1) + shift).year:04d}"
    return (date(int(year), int(month), 15) + shift).isoformat()[:7]


def first_day(text: str) -> date | None:
    """The first day that a FHIR date or dateTime can mean; None if it cannot be read."""
    try:
        year, month, day = [*(int(part) for part in text[:10].split("-")), 1, 1][:3]
        return date(year, month, day)
    except ValueError:
        return None


def may_be_over_89(birth: date, end: date) -> bool:
    """True when somebody born on or after `birth` can be 90 or older on `end`."""
    return end.year - birth.year - ((end.month, end.day) < (birth.month, birth.day)) > TOP_AGE_YEARS


def is_time(value: Any) -> bool:
    """True for a time of day in whole seconds: hh:mm:ss."""
    return (
        type(value) is str
        and len(value) == 8
        and value[2] == value[5] == ":"
        and value.isascii()
        and (value[:2] + value[3:5] + value[6:]).isdigit()
    )
