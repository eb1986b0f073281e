"""Dates, times and both of FHIRPath: as precise as they are written, compared to the precision that both have.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), sections 5.5 to 5.9, 6.1 to 6.3 and 6.7.1
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from careloom.fhir.fhirpath_errors import PathEvaluationError

_WORDS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
UNITS = MappingProxyType({word + end: word for word in _WORDS for end in ("", "s")})
"""A word for a calendar unit, one or many -> the unit."""
UCUM_UNITS = MappingProxyType(
    {"a": "year", "mo": "month", "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second"}
    | {"ms": "millisecond"}
)
"""UCUM code of a time -> the calendar unit nearest to it."""

_CLOCK = r"([01]\d|2[0-3])(?::([0-5]\d)(?::([0-5]\d|60)(\.\d{1,9})?)?)?"
_DATE_TIME = re.compile(rf"(\d{{4}})(?:-(\d\d)(?:-(\d\d))?)?(?:T{_CLOCK}(Z|[+-]\d\d:\d\d)?)?")
_TIME = re.compile(_CLOCK)
_FINER = {"millisecond": ("second", 1000), "second": ("minute", 60), "minute": ("hour", 60), "hour": ("day", 24)}
_COARSER = {**_FINER, "day": ("month", 30), "month": ("year", 12)}
_DATE_UNITS = ("year", "month", "day", "hour", "minute", "second")
_TIME_UNITS = ("hour", "minute", "second")
_SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_DIGITS = {"date": (4, 6, 8), "dateTime": (4, 6, 8, 10, 12, 14, 17), "time": (2, 4, 6, 9)}
_CHARACTERS_AT_MOST = 40
_EARLIEST, _LATEST = "+14:00", "-12:00"


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, date with time, or time of day.

    kind    ``date``, ``dateTime`` or ``time``
    text    as it was written, without ``@``
    fields  year, month, day, hour, minute, second; or hour, minute, second; as many as are known
    zone    minutes east of UTC; None where none was written
    """

    kind: str
    text: str
    fields: tuple[Decimal, ...]
    zone: int | None = None

    def __str__(self) -> str:
        return self.text


def moment(kind: str, text: str) -> Moment | None:
    """The moment of that kind that a text says; None where it says none that calendar and clock have."""
    return _moment(kind, text) if len(text) <= _CHARACTERS_AT_MOST else None


@lru_cache(16_384)
def _moment(kind: str, text: str) -> Moment | None:
    if kind == "time":
        found = _TIME.fullmatch(text)
        return None if found is None else Moment(kind, text, _clock(found.groups()))
    found = _DATE_TIME.fullmatch(text)
    if found is None or (kind == "date" and len(text) > 10):
        return None
    year, month, day, *clock, zone = found.groups()
    fields = (*(Decimal(part) for part in (year, month, day) if part), *_clock(tuple(clock)))
    if not _is_day(fields) or (clock[0] and not day):
        return None
    return Moment(kind, text, fields, _minutes(zone) if zone else None)


def _clock(parts: tuple[str | None, ...]) -> tuple[Decimal, ...]:
    hour, minute, second, fraction = parts
    if second:
        second += fraction or ""
    return tuple(Decimal(part) for part in (hour, minute, second) if part)


def _is_day(fields: tuple[Decimal, ...]) -> bool:
    year, month, day = (*map(int, fields[:3]), 1, 1)[:3]
    return year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _on_a_line(at: Moment, zone: int) -> tuple[int, Decimal]:
    """(day number, seconds of that day) in UTC of a moment known to the hour or finer, as if it lay in that zone."""
    year, month, day = map(int, at.fields[:3])
    hour, minute, second = (*at.fields[3:], Decimal(0), Decimal(0))[:3]
    seconds = hour * 3600 + (minute - zone) * 60 + second
    days = int(seconds // 86400)
    if seconds < days * 86400:
        days -= 1
    return date(year, month, day).toordinal() + days, seconds - days * 86400


def compare(one: Moment, other: Moment, *, utc: bool = False) -> int | None:
    """-1, 0 or 1 as `one` is before, at or after `other`; None where their precision or their zones leave it open.

    Two moments of which only one has a zone are compared where the answer is the same in every zone on Earth; where
    `utc`, one without a zone is in UTC.
    """
    if utc:
        return _to_shared_precision(
            *(_in_utc(at) if at.zone and len(at.fields) > 3 else at.fields for at in (one, other))
        )
    if one.zone is not None and other.zone is not None and len(one.fields) > 3 and len(other.fields) > 3:
        if len(one.fields) == len(other.fields):
            first, second = _on_a_line(one, one.zone), _on_a_line(other, other.zone)
            return int(first > second) - int(first < second)
        return _to_shared_precision(_in_utc(one), _in_utc(other))
    if (one.zone is None) != (other.zone is None) and len(one.fields) > 3 and len(other.fields) > 3:
        return _in_any_zone(one, other)
    return _to_shared_precision(one.fields, other.fields)


def _in_utc(at: Moment) -> tuple[Decimal, ...]:
    days, seconds = _on_a_line(at, at.zone or 0)
    day = date.fromordinal(days)
    clock = (seconds // 3600, seconds % 3600 // 60, seconds % 60)
    return (*map(Decimal, (day.year, day.month, day.day)), *clock)[: len(at.fields)]


def _to_shared_precision(one: tuple[Decimal, ...], other: tuple[Decimal, ...]) -> int | None:
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            return 1 if mine > theirs else -1
    return 0 if len(one) == len(other) else None


def _in_any_zone(one: Moment, other: Moment) -> int | None:
    zones = [at.zone if at.zone is not None else zone for at, zone in ((one, 840), (other, 840))]
    first, second = _on_a_line(one, zones[0]), _on_a_line(other, zones[1])
    apart = (first[0] - second[0]) * 86400 + float(first[1] - second[1])
    return None if abs(apart) <= 26 * 3600 else int(apart > 0) - int(apart < 0)


def key(at: Moment) -> tuple[object, ...]:
    """The same for two moments that are equal, different for others."""
    if at.zone is not None and len(at.fields) > 3:
        return ("at", len(at.fields), *_on_a_line(at, at.zone))
    return ("at" if at.kind != "time" else "clock", at.fields)


def plus(start: Moment, number: Decimal, unit: str) -> Moment | None:
    """A moment that many calendar units later, as precise as it was; None beyond the years 1 to 9999.

    A span finer than the moment counts as many of its own units as it fills (30 days a month); parts of a unit count
    only in milliseconds.

    raises  PathEvaluationError where a time of day meets a unit of days or more
    """
    units = _TIME_UNITS if start.kind == "time" else _DATE_UNITS
    amount = int(number)
    if unit == "week":
        unit, amount = "day", amount * 7
    precision = units[len(start.fields) - 1]
    rank = (*_DATE_UNITS, "millisecond")
    while rank.index(unit) > rank.index(precision) and (unit, precision) != ("millisecond", "second"):
        if unit == "day" and precision == "year":
            unit, amount = "year", _whole(amount, 365)
            break
        unit, step = _COARSER[unit]
        amount = _whole(amount, step)
    try:
        if start.kind == "time":
            return _later_on_the_clock(start, amount, unit)
        return _months_later(start, amount, unit) if unit in ("year", "month") else _days_later(start, amount, unit)
    except (ValueError, OverflowError):
        return None


def _whole(amount: int, step: int) -> int:
    return amount // step if amount >= 0 else -(-amount // step)


def _seconds(amount: int, unit: str) -> Decimal:
    return Decimal(amount) / 1000 if unit == "millisecond" else Decimal(amount) * _SECONDS[unit]


def _later_on_the_clock(start: Moment, amount: int, unit: str) -> Moment | None:
    if unit in ("year", "month", "day"):
        raise PathEvaluationError("a time of day has no days", "Add hours, minutes, seconds or milliseconds to it.")
    hour, minute, second = (*start.fields, Decimal(0), Decimal(0))[:3]
    seconds = (hour * 3600 + minute * 60 + second + _seconds(amount, unit)) % 86400
    seconds += 86400 if seconds < 0 else 0
    return moment("time", _clock_text(seconds, len(start.fields), start))


def _clock_text(seconds: Decimal, count: int, like: Moment) -> str:
    hour, minute, second = int(seconds // 3600), int(seconds % 3600 // 60), seconds % 60
    text = f"{hour:02d}:{minute:02d}:{int(second):02d}"[: count * 3 - 1]
    fraction = format(second % 1, "f").partition(".")[2]
    places = max(len(format(like.fields[-1], "f").partition(".")[2]), len(fraction.rstrip("0")))
    return text + (f".{fraction:0<{places}}"[: places + 1] if count == 3 and places else "")


def _months_later(start: Moment, amount: int, unit: str) -> Moment | None:
    year, month, day = (*map(int, start.fields[:3]), 1, 1)[:3]
    months = year * 12 + month - 1 + amount * (12 if unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= 9999:
        return None
    return _with_day(start, year, month, min(day, monthrange(year, month)[1]), start.text[10:])


def _with_day(like: Moment, year: int, month: int, day: int, rest: str) -> Moment | None:
    text = f"{year:04d}-{month:02d}-{day:02d}"[: (4, 7, 10)[min(len(like.fields), 3) - 1]]
    return moment(like.kind, text + rest)


def _days_later(start: Moment, amount: int, unit: str) -> Moment | None:
    year, month, day = map(int, start.fields[:3])
    hour, minute, second = (*start.fields[3:], Decimal(0), Decimal(0), Decimal(0))[:3]
    seconds = hour * 3600 + minute * 60 + second + _seconds(amount, unit)
    days = int(seconds // 86400)
    days -= 1 if seconds < days * 86400 else 0
    at = date(year, month, day) + timedelta(days=days)
    rest = ""
    if len(start.fields) > 3:
        found = _DATE_TIME.fullmatch(start.text)
        zone = found[8] if found is not None and found[8] else ""
        rest = f"T{_clock_text(seconds - days * 86400, len(start.fields) - 3, start)}{zone}"
    return _with_day(start, at.year, at.month, at.day, rest)


def precision(at: Moment) -> int:
    """How many digits it is written with, as FHIRPath counts: 4 of a year, 17 of a dateTime with milliseconds."""
    return sum(character.isdigit() for character in _without_zone(at))


def _without_zone(at: Moment) -> str:
    return at.text if at.zone is None else at.text[:-1] if at.text.endswith("Z") else at.text[:-6]


def boundary(at: Moment, digits: int | None, *, low: bool) -> Moment | None:
    """The earliest or latest moment that it may stand for, written with that many digits; None if there is no such.

    Without a zone the earliest is at +14:00, the latest at -12:00; an hour without minutes is the full hour.
    """
    wanted = _DIGITS[at.kind][-1] if digits is None else digits
    if wanted not in _DIGITS[at.kind]:
        return None
    fields = [int(field) for field in at.fields]
    if at.kind == "time":
        clock = _full_clock(at.fields, low=low)
        return moment("time", clock[: {2: 2, 4: 5, 6: 8, 9: 12}[wanted]])
    year, month = fields[0], fields[1] if len(fields) > 1 else (1 if low else 12)
    day = fields[2] if len(fields) > 2 else (1 if low else monthrange(year, month)[1])
    text = f"{year:04d}-{month:02d}-{day:02d}"
    if wanted <= 8:
        return moment(at.kind, text[: {4: 4, 6: 7, 8: 10}[wanted]])
    zone = at.text[len(_without_zone(at)) :] or (_EARLIEST if low else _LATEST)
    clock = _full_clock(at.fields[3:], low=low)
    return moment(at.kind, f"{text}T{clock[: {10: 2, 12: 5, 14: 8, 17: 12}[wanted]]}{zone}")


def _full_clock(known: tuple[Decimal, ...], *, low: bool) -> str:
    """Hour to milliseconds of the first or last moment that known fields of the clock leave open."""
    hour = int(known[0]) if known else (0 if low else 23)
    minute = int(known[1]) if len(known) > 1 else (0 if low or known else 59)
    second = known[2] if len(known) > 2 else Decimal(0 if low else 59)
    fraction = format(second % 1, "f").partition(".")[2] if len(known) > 2 else ""
    return f"{hour:02d}:{minute:02d}:{int(second):02d}.{(fraction or ('000' if low else '999')):0<3.3}"
