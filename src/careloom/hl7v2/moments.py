"""Points in time as HL7 v2 writes them (DT, TM, TS, DTM), with the precision and zone that were sent."""

import re
from calendar import monthrange
from dataclasses import dataclass
from functools import lru_cache

_DTM = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?)?)?)?\s*([+-]\d\d:?\d\d|Z)?", re.ASCII
)
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?)?)?)?\s*([+-]\d\d:?\d\d|Z)?", re.ASCII
)
_TM = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(\.\d{1,9})?([+-]\d{4})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as far as it was sent.

    date    ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``
    time    ``hh:mm:ss`` with a fraction if sent; minutes and seconds not sent are zero; empty where no hour was sent
    offset  ``+hh:mm``, ``-hh:mm`` or ``Z``; empty where none was sent
    """

    date: str
    time: str = ""
    offset: str = ""

    @property
    def has_day(self) -> bool:
        """True when year, month and day are known."""
        return len(self.date) == 10


@lru_cache(maxsize=8192)
def moment(text: str) -> Moment | None:
    """The point in time that a DT, TS or DTM value names; None where it names none (13th month, 30 February, words).

    ISO 8601 is taken too. The year 0000, an hour of 24, a second of 60 and offsets beyond 14 hours name none.
    """
    found = _DTM.fullmatch(text) or _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if year == "0000" or (month and not "01" <= month <= "12"):
        return None
    if day and not 1 <= int(day) <= monthrange(int(year), int(month))[1]:
        return None
    if (hour and hour > "23") or (minute and minute > "59") or (second and second > "59"):
        return None
    offset = _offset(zone)
    if offset is None:
        return None
    date = "-".join(part for part in (year, month, day) if part)
    if not hour:
        return Moment(date, "", offset)
    return Moment(date, f"{hour}:{minute or '00'}:{second or '00'}{fraction or ''}", offset)


@lru_cache(maxsize=1024)
def time_of_day(text: str) -> str:
    """``hh:mm:ss`` for a TM value, zeros for what was not sent; empty where it is no time."""
    found = _TM.fullmatch(text)
    if found is None:
        return ""
    hour, minute, second, fraction, _ = found.groups()
    if hour > "23" or (minute or "00") > "59" or (second or "00") > "59":
        return ""
    return f"{hour}:{minute or '00'}:{second or '00'}{fraction or ''}"


def _offset(zone: str | None) -> str | None:
    if not zone or zone == "Z":
        return zone or ""
    hours, minutes = zone[1:3], zone[-2:]
    if minutes > "59" or hours > "14" or (hours == "14" and minutes != "00"):
        return None
    return f"{zone[0]}{hours}:{minutes}"
