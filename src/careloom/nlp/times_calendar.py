"""Dates and durations in ISO 8601: partial dates, steps of days to years, which century two digits mean.

step(date(2024, 1, 31), 1, "M")      date(2024, 2, 29)
bounds("2024-03")                    (date(2024, 3, 1), date(2024, 3, 31))
duration(3, "W")                     'P3W'
"""

import calendar
import re
from datetime import date, timedelta

YEARS_AHEAD = 10
"""Two digits of a year mean the latest year that is at most that many years after the note; of a birth, none after."""
TWO_DIGITS_UNTIL = 2029
"""Where the note has no time: two digits mean 1930 to 2029, as in `careloom.deid.date_forms` and in spreadsheets."""
_DAYS = {"D": 1, "W": 7}
_CLOCK = {"H": 3600, "m": 60, "S": 1}
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T.*)?")
_DURATION = re.compile(
    r"P(?:(?P<Y>[\d.]+)Y)?(?:(?P<M>[\d.]+)M)?(?:(?P<W>[\d.]+)W)?(?:(?P<D>[\d.]+)D)?"
    r"(?:T(?:(?P<H>[\d.]+)H)?(?:(?P<m>[\d.]+)M)?(?:(?P<S>[\d.]+)S)?)?"
)
_MEAN_DAYS = {"Y": 365.2425, "M": 30.436875, "W": 7.0, "D": 1.0, "H": 1 / 24, "m": 1 / 1440, "S": 1 / 86400}


def year_of(two_digits: int, reference: int | None, *, is_birth: bool = False) -> int:
    """The year that two digits mean in a note of the year `reference`."""
    latest = TWO_DIGITS_UNTIL if reference is None else reference + (0 if is_birth else YEARS_AHEAD)
    return latest - (latest - two_digits) % 100


def day_of(year: int, month: int, day: int) -> date | None:
    """That day; None where the calendar has none."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def step(day: date, count: float, unit: str) -> date | None:
    """The day `count` units (D, W, M, Y) later; the last of the month where it is shorter; None beyond the calendar."""
    try:
        if unit in _DAYS:
            return day + timedelta(days=round(count * _DAYS[unit]))
        months = round(count * (12 if unit == "Y" else 1))
        place = day.year * 12 + day.month - 1 + months
        year, month = divmod(place, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last))
    except (ValueError, OverflowError, calendar.IllegalMonthError):
        return None


def seconds(count: float, unit: str) -> float | None:
    """Seconds in `count` hours (H), minutes (m) or seconds (S); None for longer units."""
    return count * _CLOCK[unit] if unit in _CLOCK else None


def partial(day: date, unit: str) -> str:
    """The day as far as a count of units tells it: years to the year, months to the month, all else to the day."""
    return f"{day.year:04d}" if unit == "Y" else day.isoformat()[:7] if unit == "M" else day.isoformat()


def bounds(value: str) -> tuple[date, date] | None:
    """First and last day of a partial date, a moment or an interval; None for anything else."""
    first, slash, last = value.partition("/")
    if slash:
        one, two = bounds(first), bounds(last)
        return (one[0], two[1]) if one and two else None
    found = _PARTIAL.fullmatch(value)
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    start = day_of(year, month, day)
    if start is None:
        return None
    if found[3]:
        return start, start
    return start, date(year, month, calendar.monthrange(year, month)[1]) if found[2] else date(year, 12, 31)


def number(value: float) -> str:
    """A number without trailing zeros."""
    return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"


def duration(count: float, unit: str) -> str:
    """ISO 8601 of a length: units S, m, H, D, W, M, Y."""
    if unit in _CLOCK:
        return f"PT{number(count)}{unit.upper()}"
    return f"P{number(count)}{unit}"


def days_in(value: str) -> float | None:
    """Days in an ISO 8601 duration, months and years at their mean; None where it is none."""
    found = _DURATION.fullmatch(value.lstrip("-"))
    if found is None or value.lstrip("-") in ("P", "PT"):
        return None
    return sum(float(amount) * _MEAN_DAYS[unit] for unit, amount in found.groupdict().items() if amount is not None)
