"""FHIR dates and times as spans of days since 1970, so that values of any precision compare."""

from datetime import date
from functools import lru_cache
from typing import NamedTuple

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86400.0


class Span(NamedTuple):
    """Half-open, in days since 1970-01-01 UTC: a year is 365 long, a second 1/86400."""

    low: float
    high: float


@lru_cache(maxsize=1 << 16)
def span_of(text: str) -> Span | None:
    """The span that a FHIR date, dateTime or instant covers; None where it is none.

    What names no zone is read as UTC; what compares spans of different zones leaves a day of tolerance.
    """
    try:
        size = len(text)
        if size == 4:
            year = int(text)
            return Span(_ordinal(year, 1, 1), _ordinal(year + 1, 1, 1))
        if size == 7:
            year, month = int(text[:4]), int(text[5:7])
            after = (year, month + 1) if month < 12 else (year + 1, 1)
            return Span(_ordinal(year, month, 1), _ordinal(*after, 1))
        day = _ordinal(int(text[:4]), int(text[5:7]), int(text[8:10]))
        if size == 10:
            return Span(day, day + 1)
        return _of_time(day, text)
    except ValueError:
        return None


def _ordinal(year: int, month: int, day: int) -> float:
    return float(date(year, month, day).toordinal() - _EPOCH)


def _of_time(day: float, text: str) -> Span:
    seconds = int(text[11:13]) * 3600 + int(text[14:16]) * 60
    has_seconds = text[16:17] == ":"
    seconds += int(text[17:19]) if has_seconds else 0
    zone = text[-6:]
    if zone[0] in "+-" and zone[3] == ":":
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    low = day + seconds / _DAY
    return Span(low, low + (1 if has_seconds else 60) / _DAY)


def day_text(day: float) -> str:
    """``2026-11-28`` of a day number."""
    return date.fromordinal(int(day // 1) + _EPOCH).isoformat()
