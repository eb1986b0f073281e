"""Values as search compares them, the same for what is stored and what is asked: times, numbers, texts, references.

Times are milliseconds since 1970-01-01 UTC in half-open ranges [low, high); a date or time without a zone is taken as
UTC. Numbers are closed ranges [low, high]. An open end is an infinity.
"""

import math
import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Span = tuple[float, float]

DAY = 86_400_000.0
TEXT_LENGTH = 32
"""Text search by start reads at most this many characters of a normal text."""

_BOUND = 65_536
_UNIX_DAY = 719_163
_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = Decimal("1e300")
_CURRENCY = "urn:iso:std:iso:4217"

TIMES: dict[str, Span] = {}
"""Ranges of times read lately; a bounded cache, for `time_span` and the generated extractors only."""
REFERENCES: dict[str, str] = {}
"""References read lately; a bounded cache, for `reference_key` and the generated extractors only."""


def time_span(text: str) -> Span | None:
    """The range a FHIR date, dateTime or instant means by its precision; None if it is none.

    ``2024`` is the whole year, ``2024-05-17T10:15:30+02:00`` one second. Finer than a millisecond is cut off.
    """
    span = TIMES.get(text)
    if span is not None:
        return span
    span = _time_span(text)
    if span is not None:
        if len(TIMES) >= _BOUND:
            TIMES.clear()
        TIMES[text] = span
    return span


def _time_span(text: str) -> Span | None:
    if len(text) == 25 and text[10] == "T" and text[5] != "W":
        try:  # the common shape, twice as fast
            start = datetime.fromisoformat(text).timestamp() * 1000
        except ValueError:
            return _any_time_span(text)
        return start, start + 1000
    return _any_time_span(text)


def _any_time_span(text: str) -> Span | None:
    match = _TIME.fullmatch(text)
    if match is None or match[2] == "00":
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if day is None:
            return _month_span(int(year), int(month) if month else 0)
        start = (date(int(year), int(month), int(day)).toordinal() - _UNIX_DAY) * DAY
    except ValueError:
        return None
    if hour is None:
        return start, start + DAY
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return None
    start += int(hour) * 3_600_000 + int(minute) * 60_000 - _offset(zone)
    if second is None:
        return start, start + 60_000
    start += int(second) * 1000
    if fraction is None:
        return start, start + 1000
    start += int(fraction[:3].ljust(3, "0"))
    return start, start + 10 ** (3 - min(len(fraction), 3))


def _month_span(year: int, month: int) -> Span:
    """The range of a month; of the year if `month` is 0. raises ValueError."""
    first = date(year, month or 1, 1).toordinal()
    last = date(year, month + 1, 1).toordinal() - 1 if 0 < month < 12 else date(year, 12, 31).toordinal()
    return (first - _UNIX_DAY) * DAY, (last + 1 - _UNIX_DAY) * DAY


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    size = int(zone[1:3]) * 3_600_000 + int(zone[4:6]) * 60_000
    return -size if zone[0] == "-" else size


def period_span(period: dict[str, Any]) -> Span | None:
    """The range of a Period, open where an end is absent; None if both are or it ends before it starts."""
    start, end = period.get("start"), period.get("end")
    low = time_span(start) if isinstance(start, str) else None
    high = time_span(end) if isinstance(end, str) else None
    if low is None and high is None:
        return None
    span = (-math.inf if low is None else low[0], math.inf if high is None else high[1])
    return span if span[0] < span[1] else None


def timing_span(timing: dict[str, Any]) -> Span | None:
    """The outer limits of a Timing: its events and the bounds of its repetition; None if it names neither."""
    spans = [time_span(event) for event in timing.get("event") or () if isinstance(event, str)]
    repeat = timing.get("repeat")
    if isinstance(repeat, dict) and isinstance(repeat.get("boundsPeriod"), dict):
        spans.append(period_span(repeat["boundsPeriod"]))
    known = [span for span in spans if span is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def number_point(value: object) -> float | None:
    """A JSON number as the index keeps it; None for anything else (a boolean too)."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def quantity_span(quantity: dict[str, Any]) -> tuple[float, float, str, str] | None:
    """(low, high, system, code) of a Quantity; its unit stands in for an absent code; None without a value."""
    value = number_point(quantity.get("value"))
    if value is None:
        return None
    low = high = value
    comparator = quantity.get("comparator")
    if comparator in ("<", "<="):
        low, high = -math.inf, value if comparator == "<=" else math.nextafter(value, -math.inf)
    elif comparator in (">", ">="):
        low, high = value if comparator == ">=" else math.nextafter(value, math.inf), math.inf
    return low, high, *_unit(quantity)


def _unit(quantity: dict[str, Any]) -> tuple[str, str]:
    code, system = quantity.get("code"), quantity.get("system")
    if isinstance(code, str):
        return system if isinstance(system, str) else "", code
    unit = quantity.get("unit")
    return "", unit if isinstance(unit, str) else ""


def money_span(money: dict[str, Any]) -> tuple[float, float, str, str] | None:
    """(low, high, system, code) of a Money, its currency as the code."""
    value, currency = number_point(money.get("value")), money.get("currency")
    if value is None:
        return None
    return (value, value, _CURRENCY, currency) if isinstance(currency, str) else (value, value, "", "")


def range_span(extent: dict[str, Any]) -> tuple[float, float, str, str] | None:
    """(low, high, system, code) of a Range, open where an end is absent; None if both are."""
    ends = [end if isinstance(end, dict) else {} for end in (extent.get("low"), extent.get("high"))]
    low, high = (number_point(end.get("value")) for end in ends)
    if low is None and high is None:
        return None
    span = (-math.inf if low is None else low, math.inf if high is None else high)
    return (*span, *_unit(ends[0] if low is not None else ends[1])) if span[0] <= span[1] else None


def precision_span(text: str) -> tuple[float, float, float] | None:
    """(value, low, high) of a number in a search: ``5.40`` means [5.395, 5.405), ``1e2`` means [50, 150)."""
    if not _NUMBER.fullmatch(text) or len(text) > 64:
        return None
    try:
        value = Decimal(text)
        half = Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    except (InvalidOperation, OverflowError):
        return None
    if max(abs(value), half) > _LARGEST:
        return None
    return float(value), float(value - half), float(value + half)


def normal_text(text: str) -> str:
    """A text without case, accents and superfluous white space: what string search compares."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    bare = "".join(part for part in folded if unicodedata.category(part) != "Mn")
    return " ".join(unicodedata.normalize("NFC", bare).split())


def reference_key(text: str) -> str:
    """A reference as the index compares it: without version; empty for one into the resource itself (``#...``)."""
    key = "" if text.startswith("#") else text.partition("/_history/")[0]
    if len(REFERENCES) >= _BOUND:
        REFERENCES.clear()
    REFERENCES[text] = key
    return key
