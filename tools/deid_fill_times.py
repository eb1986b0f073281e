"""Dates and times for templates, in figures and in words."""

from datetime import date, timedelta
from random import Random

_MONTHS = "January February March April May June July August September October November December".split()
_SHORT = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_ONES = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
_HOLIDAYS = (
    "Christmas|Christmas Eve|Easter|Easter Sunday|Thanksgiving|Halloween|New Year's Eve|New Year's Day|"
    "Labor Day|Memorial Day|Independence Day|the Fourth of July|Mother's Day|Father's Day|Valentine's Day|"
    "Boxing Day|Ramadan|Diwali|Hanukkah|Passover|Yom Kippur|Good Friday|St. Patrick's Day|MLK Day|Juneteenth|"
    "Eid al-Fitr"
).split("|")


def day(rng: Random, first: int = 1915, last: int = 2031) -> date:
    """Some day; of recent years more often."""
    if rng.random() < 0.7:
        first = max(first, 2005)
    return date(first, 1, 1) + timedelta(days=rng.randrange(365 * (last - first)))


def _tail(number: int) -> str:
    return "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def date_numbers(rng: Random) -> str:
    """A day in figures."""
    on = day(rng)
    return rng.choice(
        (
            f"{on:%m/%d/%Y}",
            f"{on.month}/{on.day}/{on.year}",
            f"{on.month}/{on.day}/{on:%y}",
            f"{on:%m/%d/%y}",
            f"{on:%Y-%m-%d}",
            f"{on:%d/%m/%Y}",
            f"{on:%d.%m.%Y}",
            f"{on.day}.{on.month}.{on.year}",
            f"{on:%m-%d-%Y}",
            f"{on:%m-%d-%y}",
            f"{on:%d-%m-%Y}",
            f"{on:%Y/%m/%d}",
            f"{on:%Y%m%d}",
            f"{on:%m.%d.%y}",
            f"{on.day}. {on.month}. {on.year}",
        )
    )


def date_words(rng: Random) -> str:
    """A day with the name of its month, or wholly in words."""
    on = day(rng)
    month = rng.choice((_MONTHS[on.month - 1], _MONTHS[on.month - 1], _SHORT[on.month - 1], _SHORT[on.month - 1] + "."))
    weekday = rng.choice((_DAYS[on.weekday()], _DAYS[on.weekday()][:3]))
    th = f"{on.day}{_tail(on.day)}"
    return rng.choice(
        (
            f"{month} {on.day}, {on.year}",
            f"{on.day} {month} {on.year}",
            f"{month} {th}, {on.year}",
            f"{month} {on.day}",
            f"{month} {th}",
            f"{on.day} {month}",
            f"{th} of {month}",
            f"the {th} of {month} {on.year}".removeprefix("the "),
            f"{weekday}, {month} {on.day}",
            f"{weekday} {on.day} {month} {on.year}",
            f"{weekday}, {month} {on.day}, {on.year}",
            f"{on.day}-{_SHORT[on.month - 1]}-{on.year}",
            f"{on.day:02d}{_SHORT[on.month - 1].upper()}{on.year}",
            f"{on.day}-{_SHORT[on.month - 1]}-{on:%y}",
            f"{month} {on.day} {on.year}",
            f"{_MONTHS[on.month - 1]} the {_ONES[on.day - 1]}",
            f"{_ONES[on.day - 1]} of {_MONTHS[on.month - 1]}",
            f"{on.day}. {month} {on.year}",
        )
    )


def any_date(rng: Random) -> str:
    """A day in figures or words."""
    return date_numbers(rng) if rng.random() < 0.6 else date_words(rng)


def short_date(rng: Random) -> str:
    """A day without its year."""
    on = day(rng)
    return rng.choice(
        (
            f"{on.month}/{on.day}",
            f"{on:%m/%d}",
            f"{on:%d.%m.}",
            f"{on.month}-{on.day}",
            f"{on.day} {_SHORT[on.month - 1]}",
            f"{_SHORT[on.month - 1]} {on.day}",
            f"{_MONTHS[on.month - 1]} {on.day}{_tail(on.day)}",
        )
    )


def month_year(rng: Random) -> str:
    """A month with its year."""
    on = day(rng)
    return rng.choice(
        (
            f"{_MONTHS[on.month - 1]} {on.year}",
            f"{_MONTHS[on.month - 1]} of {on.year}",
            f"{_SHORT[on.month - 1]} {on.year}",
            f"{on:%m/%Y}",
            f"{on.month}/{on.year}",
            f"{on:%Y-%m}",
            f"{_SHORT[on.month - 1]}-{on:%y}",
            f"{_SHORT[on.month - 1]} '{on:%y}",
        )
    )


def month(rng: Random) -> str:
    """A month."""
    return rng.choice(_MONTHS)


def weekday(rng: Random) -> str:
    """A day of the week."""
    return rng.choice(_DAYS)


def holiday(rng: Random) -> str:
    """A day that has a name."""
    return rng.choice(_HOLIDAYS).removeprefix("the ")


def expiry(rng: Random) -> str:
    """The month to which a card is good."""
    on = day(rng, 2020)
    return rng.choice((f"{on:%m/%y}", f"{on:%m/%Y}", f"{on:%m-%y}"))


def stamp(rng: Random) -> str:
    """A day and a time in one piece, as machines write them."""
    on = day(rng)
    clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
    return rng.choice((f"{on:%Y-%m-%d}T{clock}", f"{on:%Y-%m-%d}T{clock}Z", f"{on:%Y%m%d}{clock.replace(':', '')}"))


def clock(rng: Random) -> str:
    """A time of day; it stays."""
    hour, minute = rng.randint(0, 23), rng.choice((0, 0, 15, 30, 45, rng.randint(0, 59)))
    half = "am" if hour < 12 else "pm"
    twelve = hour % 12 or 12
    return rng.choice(
        (
            f"{hour:02d}:{minute:02d}",
            f"{twelve}:{minute:02d} {half}",
            f"{twelve} {half}",
            f"{twelve}:{minute:02d}{half}",
            f"{hour:02d}{minute:02d}",
            f"{twelve}:{minute:02d} {half.upper()}",
            f"{twelve} o'clock",
            f"{hour:02d}:{minute:02d}:{rng.randint(0, 59):02d}",
            f"{twelve}{half}",
            f"half past {rng.choice('two three four five six seven eight nine'.split())}",
            "noon",
            f"{hour:02d}{minute:02d} hrs",
        )
    )


def year(rng: Random) -> str:
    """A year; it stays."""
    return str(rng.randint(1935, 2027))
