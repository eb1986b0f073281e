"""Dates and times in notes as formats, and formats with a day."""

import re
from datetime import UTC, date, datetime, time

FORMATS = (
    "%B %d, %Y", "%b %d, %Y", "%d-%b-%Y", "%m/%d/%Y", "%m/%d/%y", "%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%B %d", "%b %d",
    "%B %Y", "%b %Y", "%m/%d", "%d-%b", "%m/%Y", "%I:%M %p", "%I:%M%p", "%H:%M", "%Y", "%H%M", "%d-%b-%Y %H:%M",
)  # fmt: skip
_BARE = "~"
"""Before a format: numbers without leading zeros."""


def format_of(words: str) -> str:
    """The format of a date or a time, in the letters of `strftime`; words that are none of FORMATS as they are."""
    for form in FORMATS:
        said, full = (words, form) if "%Y" in form or "%y" in form else (f"2020 {words}", f"%Y {form}")
        try:
            read = datetime.strptime(said, full).replace(tzinfo=UTC)
        except ValueError:
            continue
        for way in (form, _BARE + form):
            if written(way, read.date(), read.time()).casefold() == words.casefold():
                return way
    return words


def written(form: str, day: date, clock: time) -> str:
    """A format with its numbers; words without a format as they are."""
    if "%" not in form:
        return form
    said = datetime.combine(day, clock, UTC).strftime(form.removeprefix(_BARE))
    return re.sub(r"(?<![\d:])0(\d)", r"\1", said) if form.startswith(_BARE) else said
