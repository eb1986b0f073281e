"""What detectors of others call an identifier, in our words, and what of it the law lets stay."""

import re
from dataclasses import dataclass

from careloom.deid.text_spans import AGE_OVER_89, DATE, Found
from careloom.text.note import Span

_YEAR = re.compile(r"(?:19|20)\d\d")
_TIME_OF_DAY = re.compile(r"\d{1,2}(?::\d\d){1,2}\s?(?:[ap]\.?m\.?)?|\d{1,2}\s?[ap]\.?m\.?", re.IGNORECASE)
_OLD = re.compile(r"(?<!\d)(?:9\d|1[0-2]\d)(?!\d)|ninet[yi]|hundred|nonagenarian|centenarian", re.IGNORECASE)
# What says that the number before it counts no years: "95 days", "one hundred and ten weeks".
_NOT_YEARS = re.compile(
    r"[\s-]*(?:(?:and|one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty)[\s-]+)*"
    r"(?:minute|hour|day|week|wk|month|mo)s?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a category of another detector is at ours: a label and part of `careloom.deid.text_spans.Found`.

    label  empty where it is none of the 18 identifiers and stays
    """

    label: str
    part: str = ""


STAYS = Meaning("")


def found_as(text: str, span: Span, meaning: Meaning, detector: str, score: float) -> Found | None:
    """What another detector found, as ours tell it; None where it may stay.

    As with our own rules a year alone, a time of day and an age below 90 stay. White space at the ends is left out.
    """
    value = span.of(text)
    start = span.start + len(value) - len(value.lstrip())
    value = value.strip()
    if not meaning.label or not value or may_stay(meaning.label, value):
        return None
    return Found(Span(start, start + len(value)), meaning.label, detector, min(1.0, max(0.0, score)), meaning.part)


def may_stay(label: str, value: str) -> bool:
    """True for a year alone, a time of day, and an age that is not above 89 years (45 CFR 164.514(b)(2)(i)(C))."""
    if label == DATE:
        return (_YEAR.fullmatch(value) or _TIME_OF_DAY.fullmatch(value)) is not None
    if label == AGE_OVER_89:
        return all(_NOT_YEARS.match(value, number.end()) is not None for number in _OLD.finditer(value))
    return False
