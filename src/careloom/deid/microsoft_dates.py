"""Dates as Microsoft's anonymizer treats them: shifted by whole days, or cut to their year where they may be told.

source  github.com/microsoft/Tools-for-Health-Data-Anonymization, docs/FHIR-anonymization.md, "Date-shift"; FHIR R4
        4.0.1, regular expressions of date and dateTime
"""

import re
from datetime import date, timedelta

_YEAR = r"([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_DAY = r"(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MOMENT = re.compile(rf"{_YEAR}{_DAY}(?:T({_CLOCK})({_ZONE}))?)?)?")

OLDEST_AGE = 89
"""Ages above it are told of nobody (45 CFR 164.514(b)(2)(i)(C))."""
SHIFT_AT_MOST = 50
_SEED = 131


def offset_days(prefix: str, key: str) -> int:
    """Days from -50 to 50 for a key and what stands before it (the id of a resource, a file, a folder).

    The function is the original's, so that shifted data of both tools fit together. It is no cryptographic one.
    """
    offset = 0
    for byte in (prefix + key).encode("utf-8", "surrogatepass"):
        offset = (offset * _SEED + byte) % (2 * SHIFT_AT_MOST + 1)
    return offset - SHIFT_AT_MOST


def shifted(text: str, days: int, today: date) -> str | None:
    """A date or time moved by days, its clock set to zero, its zone kept.

    None where it has no day, tells of an age above 89, or is none: `cut_to_year` says what may stay of it then.
    """
    found = _MOMENT.search(text)
    if not found or not found[3] or is_above_89(text, today):
        return None
    try:
        moved = date(int(found[1]), int(found[2]), int(found[3])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    clock = f"T{re.sub('[0-9]', '0', found[4])}{found[5]}" if found[4] else ""
    return f"{moved.isoformat()}{clock}"


def cut_to_year(text: str, today: date) -> str | None:
    """The year of a date or time; None where there is none, or it tells of an age above 89."""
    found = _MOMENT.search(text)
    return None if not found or is_above_89(text, today) else found[1]


def is_above_89(text: str, today: date) -> bool:
    """Whether somebody born at that time is older than 89 today."""
    found = _MOMENT.search(text)
    if not found:
        return False
    month, day = int(found[2] or 1), int(found[3] or 1)
    age = today.year - int(found[1]) - ((today.month, today.day) < (month, day))
    return age > OLDEST_AGE
