"""What the words of a time expression are worth: counts, calendar dates, clocks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from careloom.nlp.times_calendar import day_of, duration, year_of
from careloom.nlp.times_rules import Match
from careloom.nlp.times_tokens import Token, unit_of, worth

_THREE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(t.*)?")
_TWO = re.compile(r"(\d{1,4})([-/])(\d{1,4})")
_CLOCK = re.compile(r"(\d{1,2})[:.h](\d\d)(?::\d\d)?")
_MODIFIERS = {"more": "more-than", "greater": "more-than", "less": "less-than", "fewer": "less-than", "at": "more-than",
              "up": "less-than"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """How many: between `low` and `high`; vague where only a word such as ``several`` tells."""

    low: float
    high: float
    is_vague: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is written of a date; None where it is not."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    has_century: bool = True


class Words:
    """The tokens of one match, by the names of its groups."""

    def __init__(self, tokens: Sequence[Token], match: Match) -> None:
        self.tokens, self.match = tokens, match
        self.start, self.end = tokens[match.first].start, tokens[match.last - 1].end

    def of(self, name: str) -> Sequence[Token]:
        """The tokens of a group; empty where it did not take part."""
        first, last = self.match.groups.get(name, (0, 0))
        return self.tokens[first:last]

    def text(self, name: str) -> str:
        """The text of a group's tokens, joined."""
        return " ".join(token.text for token in self.of(name))

    def worth(self, name: str) -> str | int | None:
        """The value of a group of one word."""
        found = self.of(name)
        return worth(found[0].kind, found[0].text) if found else None

    def unit(self) -> str:
        """The unit of time, empty where none is named."""
        found = self.of("u")
        return unit_of(found[0]) if found else ""

    def modifier(self) -> str:
        """How the expression is bent: approx, start, mid, end, more-than, less-than; empty."""
        found = self.of("mod")
        if not found:
            before = self.tokens[self.match.first - 1].kind if self.match.first else ""
            return "approx" if before in {"ABOUT", "APPROXIMATE"} else ""
        if found[0].kind == "EARLY":
            return str(worth("EARLY", found[0].text))
        return _MODIFIERS.get(found[0].text, "approx")

    def count(self) -> Count | None:
        """How many units; one where none is said."""
        return counted(self.of("n"))


def counted(tokens: Sequence[Token]) -> Count | None:
    """The numbers of a group; one where it is empty."""
    half = any(token.kind == "HALF" for token in tokens)
    vague = next((token for token in tokens if token.kind == "VAGUE"), None)
    if vague is not None:
        few = float(worth("VAGUE", vague.text))
        return Count(few, few, vague.text != "couple")
    numbers: list[float] = []
    glued = False
    for token in tokens:
        value = _value(token)
        if value is None:
            glued = False
            continue
        tens = glued and token.kind == "CARDINAL" and value < 10 <= numbers[-1] < 100 and numbers[-1] % 10 == 0
        if tens or (token.kind == "FRACTION" and numbers):
            numbers[-1] += value
        else:
            numbers.append(value)
        glued = True
    numbers = _joined(numbers, tokens)
    if not numbers:
        return Count(0.5, 0.5) if half else Count(1, 1)
    added = 0.5 if half else 0.0
    low, high = numbers[0] + added, numbers[-1] + added
    return Count(low, high) if low <= high else None


def _joined(numbers: list[float], tokens: Sequence[Token]) -> list[float]:
    """``twenty-one`` is one number, ``two-three`` and ``20-30`` are two."""
    if len(numbers) == 2 and all(token.kind in {"CARDINAL", "HYPHEN"} for token in tokens):
        tens, ones = numbers
        if tens >= 20 and tens % 10 == 0 and ones < 10:
            return [tens + ones]
    return numbers


def _value(token: Token) -> float | None:
    match token.kind:
        case "INT" | "NUM" | "YEAR" | "FOUR" | "DEC" | "DOTTED":
            return float(token.text.replace(",", ""))
        case "CARDINAL" | "ORDINAL" | "FRACTION":
            return float(worth(token.kind, token.text))
    return None


def length(count: Count, unit: str, modifier: str) -> dict[str, str]:
    """How long: value, and the shortest and longest where a range is told; no value for a vague number."""
    times, unit = (10, "Y") if unit == "10Y" else (2, "W") if unit == "2W" else (1, unit)
    low, high = duration(count.low * times, unit), duration(count.high * times, unit)
    if count.is_vague:
        return {"modifier": "vague"}
    out = {"value": low}
    if low != high:
        out |= {"low": low, "high": high}
    if modifier:
        out["modifier"] = modifier
    return out


def ordinal(tokens: Sequence[Token]) -> int | None:
    """The whole number of a group such as ``twenty-first`` or ``3rd``."""
    values = [value for token in tokens if (value := _value(token)) is not None]
    return round(sum(values)) if values else None


def calendar_of(words: Words) -> Calendar | None:
    """Year, month and day of a date with a month in letters; None where no such day can be."""
    month = words.worth("m")
    day = ordinal(words.of("d"))
    year, has_century = None, True
    written = [token for token in words.of("y") if token.kind != "APOSTROPHE"]
    if written:
        year, has_century = int(written[0].text), len(written[0].text) == 4
    if day is not None and (not 1 <= day <= 31 or (month and day_of(2024, int(month), day) is None)):
        return None
    return Calendar(year, int(month) if month else None, day, has_century)


def three_numbers(text: str, *, day_first: bool) -> Calendar | None:
    """A date of three numbers: month first unless impossible, day first with full stops or where told to."""
    found = _THREE.fullmatch(text)
    if found is None:
        return None
    one, mark, two, three = found[1], found[2], found[3], found[4]
    if len(one) == 4:
        return _possible(int(one), int(two), int(three))
    year, is_full = int(three), len(three) == 4
    is_day_first = mark == "." or day_first
    for month, day in ((int(two), int(one)), (int(one), int(two)))[:: 1 if is_day_first else -1]:
        if (made := _possible(year if is_full else 2000, month, day)) is not None:
            return Calendar(year, made.month, made.day, is_full)
    return None


def two_numbers(text: str, *, day_first: bool) -> Calendar | None:
    """``2024-03``, ``03/2024``, ``3/14``; None where no such date can be."""
    found = _TWO.fullmatch(text)
    if found is None:
        return None
    one, two = int(found[1]), int(found[3])
    if len(found[1]) == 4:
        return Calendar(one, two)
    if len(found[3]) == 4:
        return Calendar(two, one)
    for month, day in ((two, one), (one, two))[:: 1 if day_first else -1]:
        if 1 <= month <= 12 and (made := _possible(2024, month, day)) is not None:
            return Calendar(None, made.month, made.day)
    return None


def _possible(year: int, month: int, day: int) -> Calendar | None:
    return None if day_of(year, month, day) is None else Calendar(year, month, day)


def with_century(found: Calendar, reference: date | None, *, is_birth: bool) -> Calendar:
    """The same with a year of four digits where two are written."""
    if found.year is None or found.has_century:
        return found
    year = year_of(found.year, reference.year if reference is not None else None, is_birth=is_birth)
    return Calendar(year, found.month, found.day)


def clock_of(tokens: Sequence[Token]) -> tuple[int, int] | None:
    """Hour and minute of a written time of day; None where there is none such."""
    text = tokens[0].text
    found = _CLOCK.fullmatch(text)
    if found is not None:
        hour, minute = int(found[1]), int(found[2])
    elif len(text) == 4 and text.isdigit():
        hour, minute = int(text[:2]), int(text[2:])
    else:
        hour, minute = int(text), 0
    half = next((token.text[0] for token in tokens if token.kind == "AMPM"), "")
    if half and not 1 <= hour <= 12 and not (half == "p" and 12 < hour < 24):
        return None
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return (hour, minute) if hour < 24 and minute < 60 else (0, 0) if (hour, minute) == (24, 0) else None
