"""Birth dates as equality tokens, so that no birth date stands in an index as a number, yet ranges are exact.

A date of precision day lies in its day, month, year, decade and century; one of precision month or year in the coarser
of these. Any range of dates is the union of some of these blocks, at most about 200. A token is ``precision:block``.
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta

from careloom.fhir.search_values import DAY, Span, time_span

_PRECISIONS = {4: "year", 7: "month", 10: "day"}
_CENTURIES = [f"{century:02}" for century in range(100)]
_EPOCH = date(1970, 1, 1)
_FIRST = float((date.min - _EPOCH).days * DAY)
_END = float((date.max - _EPOCH).days * DAY) + DAY


def birth_tokens(text: str) -> list[str]:
    """The tokens of a stored birth date: ``1980-05-17`` gives five, ``1980-05`` four, ``1980`` three."""
    precision = _PRECISIONS[len(text)]
    return [f"{precision}:{text[:length]}" for length in (10, 7, 4, 3, 2) if length <= len(text)]


def birth_query(prefix: str, low: float, high: float) -> list[str]:
    """The tokens of all birth dates that a comparison with the times [low, high) finds; exact, as ranges would be."""
    found: list[str] = []
    for length, precision in _PRECISIONS.items():
        for first, end in _starts(prefix, low, high, length):
            for century in _CENTURIES:
                found += (f"{precision}:{block}" for block in _cover(century, length, first, end))
    return found


def _starts(prefix: str, low: float, high: float, length: int) -> list[Span]:
    """The times [first, end) in which a birth date of a precision must start to be found.

    A date ends at or before a time exactly if it starts before the date that holds this time (`_floor`).
    """
    under_low, under_high = _floor(low, length), _floor(high, length)
    after, before = math.inf, -math.inf
    return {
        "eq": [(low, under_high)],
        "ne": [(before, low), (under_high, after)],
        "gt": [(under_high, after)],
        "lt": [(before, low)],
        "ge": [(min(low, under_high), after)],
        "le": [(before, max(low, under_high))],
        "sa": [(high, after)],
        "eb": [(before, under_low)],
        "ap": [(under_low, high)],
    }[prefix]


def _floor(time: float, length: int) -> float:
    """When the day, month or year (texts of this length) that holds a time starts."""
    if not _FIRST <= time < _END:
        return time
    day = _EPOCH + timedelta(days=time // DAY)
    return _span(day.isoformat()[:length])[0]


def _cover(block: str, length: int, first: float, end: float) -> Iterator[str]:
    """The largest blocks below one that hold exactly its dates (texts of this length) that start in [first, end)."""
    low, high = _span(block)
    if high <= first or low >= end:
        return
    if first <= low and (high <= end or len(block) == length):
        yield block
    elif len(block) < length:
        for child in _children(block):
            yield from _cover(child, length, first, end)


def _children(block: str) -> list[str]:
    if len(block) < 4:
        return [f"{block}{digit}" for digit in range(10)]
    if len(block) == 4:
        return [f"{block}-{month:02}" for month in range(1, 13)]
    low, high = _span(block)
    return [f"{block}-{day:02}" for day in range(1, int((high - low) // DAY) + 1)]


def _span(block: str) -> Span:
    """The times of a century (two digits), decade (three), year, month or day; empty for the year 0."""
    if len(block) >= 4:
        return time_span(block) or (_FIRST, _FIRST)
    years = 10 ** (4 - len(block))
    first = int(block) * years
    low = (date(max(first, 1), 1, 1) - _EPOCH).days * DAY
    return low, _END if first + years > 9999 else (date(first + years, 1, 1) - _EPOCH).days * DAY
