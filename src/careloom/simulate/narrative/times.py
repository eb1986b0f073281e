"""Times as notes tell them: dates, times of day, relative times, spans of time; each with its normal value."""

from datetime import date, datetime

from careloom.simulate.narrative.draft import Attributes, Mark, Piece
from careloom.simulate.narrative.render import Saying, Value, Voice

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_COUNTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def date_words(day: date, form: str) -> str:
    """A date in a form such as ``{mm}/{dd}/{yyyy}``."""
    month = _MONTHS[day.month - 1]
    return form.format(
        d=day.day,
        dd=f"{day.day:02}",
        m=day.month,
        mm=f"{day.month:02}",
        mon=month[:3],
        month=month,
        y=f"{day.year % 100:02}",
        yyyy=day.year,
        mon_upper=month[:3].upper(),
    )


def clock_words(time: datetime, form: str) -> str:
    """A time of day in a form such as ``{h12}:{min} {ampm}``."""
    return form.format(
        h=time.hour,
        hh=f"{time.hour:02}",
        h12=time.hour % 12 or 12,
        min=f"{time.minute:02}",
        ampm="AM" if time.hour < 12 else "PM",
    )


def dated(time: date | datetime, owner: str = "") -> Saying:
    """A date, which Safe Harbor removes; form ``year``: only the year, which it keeps.

    forms  ``short`` without the year, ``year``, ``long`` in words; none: the author's habit
    """

    def say(voice: Voice, form: str) -> Value:
        day = voice.day(time)
        role = "date" if owner else ""
        if form == "year":
            return Piece(str(day.year), (Mark("time", "date", "", (), (("value", str(day.year)),), owner, role),))
        pattern = {"short": "{m}/{d}", "long": "{month} {d}, {yyyy}"}.get(form, voice.date_form)
        return Piece(
            date_words(day, pattern),
            (
                Mark("time", "date", "", (), (("value", day.isoformat()),), owner, role),
                Mark("phi", "DATE"),
            ),
        )

    return say


def clocked(time: datetime) -> Saying:
    """A time of day."""

    def say(voice: Voice, form: str) -> Value:
        local = time.astimezone(voice.zone)
        value = local.strftime("%Y-%m-%dT%H:%M")
        return Piece(clock_words(local, voice.clock_form), (Mark("time", "clock", "", (), (("value", value),)),))

    return say


def ago(time: date | datetime, now: datetime) -> Saying:
    """How long before `now` something was: yesterday, 3 days ago, two months ago."""

    def say(voice: Voice, form: str) -> Value:
        day = voice.day(time)
        words = voice.pick(_ago_words((voice.day(now) - day).days))
        return Piece(words, (Mark("time", "relative", "", (), (("value", day.isoformat()),)),))

    return say


def _ago_words(days: int) -> tuple[str, ...]:
    if days <= 0:
        return ("today", "this morning", "earlier today")
    if days == 1:
        return ("yesterday", "the day before", "1 day ago")
    if days < 14:
        return (f"{days} days ago", f"{counted(days)} days ago", f"{days} d ago")
    if days < 60:
        return (f"{days // 7} weeks ago", f"about {counted(days // 7)} weeks ago", f"{days // 7} wks ago")
    if days < 730:
        return (f"{days // 30} months ago", f"some {counted(days // 30)} months ago", f"{days // 30} mo ago")
    return (f"{days // 365} years ago", f"about {counted(days // 365)} years ago", f"{days // 365} yrs ago")


def counted(number: int) -> str:
    """A small number in letters."""
    return _COUNTS[number] if number < len(_COUNTS) else str(number)


def lasting(days: int, owner: str = "", role: str = "") -> Saying:
    """A span of time in days: three days, 3 d, a week."""

    def say(voice: Voice, form: str) -> Value:
        options = [f"{days} day{'s' * (days != 1)}", f"{counted(days)} day{'s' * (days != 1)}"]
        if days % 7 == 0 and days:
            weeks = days // 7
            options += [f"{weeks} week{'s' * (weeks != 1)}", f"{counted(weeks)} week{'s' * (weeks != 1)}"]
        if "short" in voice.family.registers:
            options += [f"{days}d", f"{days} d"]
        attributes: Attributes = (("value", f"P{days}D"),)
        marks = [Mark("time", "duration", "", (), attributes)]
        if owner:
            marks.append(Mark("entity", "duration", "", (), attributes, owner, role))
        return Piece(voice.pick(options), tuple(marks))

    return say


def aged(birth: date, at: date | datetime, sex: str) -> dict[str, Value]:
    """The age of somebody: ``{age}`` and its forms; above 89 it identifies (45 CFR 164.514(b)(2)(i)(C)).

    forms  ``adjective`` (67-year-old), ``short`` (67 y/o), ``number`` (67), ``letter`` (67F); none: ``67 years``
    """
    number, unit, value = _age(birth, at)
    letter = "F" if sex == "female" else "M"
    brief = {"year": "y", "month": "mo", "day": "d"}[unit]
    plural = unit if number == 1 else f"{unit}s"
    ways = {
        "adjective": (f"{number}-{unit}-old", f"{number} {unit} old"),
        "short": (f"{number} {brief}/o", f"{number}{brief}o", f"{number} {brief}o"),
        "number": (str(number) if unit == "year" else f"{number} {brief}",),
        "letter": (f"{number}{letter}", f"{number} {letter}") if unit == "year" else (f"{number}{brief} {letter}",),
        "": (f"{number} {plural}", f"{number} {'yrs' if unit == 'year' else plural}"),
    }

    def say(voice: Voice, form: str) -> Value:
        marks = (Mark("entity", "age", "", (), (("value", value),)),)
        over = unit == "year" and number > 89
        return Piece(voice.pick(ways[form]), (*marks, Mark("phi", "AGE_OVER_89")) if over else marks)

    return {"it": say}


def _age(birth: date, at: date | datetime) -> tuple[int, str, str]:
    """Number, unit and ISO 8601 duration of an age: days in the first month, months in the first two years."""
    day = at.date() if isinstance(at, datetime) else at
    days = (day - birth).days
    if days < 31:
        return max(0, days), "day", f"P{max(0, days)}D"
    years = years_between(birth, at)
    if years < 2:
        months = (day.year - birth.year) * 12 + day.month - birth.month - (day.day < birth.day)
        return max(1, months), "month", f"P{max(1, months)}M"
    return years, "year", f"P{years}Y"


def years_between(birth: date, at: date | datetime) -> int:
    """Completed years."""
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))
