"""Dates as people write them: read to a value with its form, moved by days, written again in the same form.

    moved("Monday, April 4th, 1961", 3)      'Friday, April 7th, 1961'
    moved("03-Apr-1961", -3)                 '31-Mar-1961'
    moved("4/61", 40)                        '5/61'

What a form leaves out stays out: a day without a year moves within 2023 (no leap year) unless told another, a month
without a day moves as its middle. Two digits of a year mean 1930-2029. Where day and month could be either, month comes
first, but for days with full stops (3.4.1961) which are European.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = (
    "january february march april may june july august september october november december".split(),
    "jan feb mar apr may jun jul aug sep oct nov dec".split(),
)
WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday".split(),
    "mon tue wed thu fri sat sun".split(),
)
_DAY_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
NO_YEAR, TWO_DIGITS_FROM = 2023, 30

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_MONTH_2 = _MONTH.replace("?P<month>", "?P<month_2>")
_WEEKDAY = (
    r"(?:(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:mon|tues?|wed|thu(?:rs?)?|fri|sat"
    r"|sun)\b\.?)[,\s]\s{0,2}(?:the\s)?)?"
)
_DAY = (
    rf"(?P<day>(?:3[01]|[12]\d|0?[1-9])(?:\s?(?:st|nd|rd|th)\b)?"
    rf"|{'|'.join(sorted(_DAY_WORDS, key=len, reverse=True))})"
)
_DAY_2 = _DAY.replace("?P<day>", "?P<day_2>")
_TO = r"(?:\s?(?:-|to|through|thru|until|and|&)\s?)"
_YEAR = r"(?P<year>(?:1[89]|20)\d\d|'\d\d)"
_ANY_YEAR = r"(?P<year>(?:1[89]|20)\d\d|'?\d\d)"
# A group's name may stand once in a pattern: the same piece at another place has another name, see _SAME.
_YEAR_B, _YEAR_C = _YEAR.replace("?P<year>", "?P<year_b>"), r"(?P<year_c>\d\d)"
_SAME = {"year_b": "year", "year_c": "year"}
_SPACE = r"(?:\s{1,2}|\n[ \t]{0,8})"
_END = r"(?![\dA-Za-z])"

# Each with the words that it begins with left free, so that one scan finds the places worth trying.
FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("month day - day year", rf"{_WEEKDAY}{_MONTH}\s?{_DAY}{_TO}{_DAY_2}(?:,?{_SPACE}{_YEAR})?{_END}"),
        ("day - day month year", rf"{_DAY}{_TO}{_DAY_2}{_SPACE}(?:of\s)?{_MONTH}(?:,?{_SPACE}{_YEAR})?{_END}"),
        (
            "month day year",
            rf"{_WEEKDAY}{_MONTH},?{_SPACE}?(?:the\s)?{_DAY}(?:\s?,{_SPACE}?{_ANY_YEAR}"
            rf"|{_SPACE}{_YEAR_B}){_END}",
        ),
        ("month-day-year", rf"{_WEEKDAY}{_MONTH}[-/]{_DAY}[-/]{_ANY_YEAR}{_END}"),
        (
            "day month year",
            rf"{_WEEKDAY}{_DAY}(?:{_SPACE}"
            rf"|\s?[-/.,]\s?)?(?:day\s)?(?:of\s)?{_MONTH}(?:\s?[-/.,]{_SPACE}?{_ANY_YEAR}|{_SPACE}{_YEAR_B}"
            rf"|{_SPACE}{_YEAR_C}(?!\s?(?:mg|ml|kg|cm|mm|%|:|\.\d|units?\b)))(?![\dA-Za-z])",
        ),
        ("year month day", rf"{_YEAR}[-/.\s]{_MONTH}[-/.\s]{_DAY}{_END}"),
        ("month day", rf"{_WEEKDAY}{_MONTH}(?:{_SPACE}|-)?(?:the\s)?{_DAY}{_END}"),
        ("day month", rf"{_WEEKDAY}{_DAY}(?:{_SPACE}|-)?(?:day\s)?(?:of\s)?{_MONTH}{_END}"),
        ("month year", rf"{_MONTH}(?:,?{_SPACE}(?:of\s)?|[-/])(?P<year>(?:1[89]|20)\d\d|'\d\d){_END}"),
        ("year month", rf"{_YEAR}[-/\s]{_MONTH}{_END}"),
        (
            "numbers",
            rf"{_WEEKDAY}(?P<n1>\d{{1,4}})(?P<sep>\s?[-/.]\s?)\n?[ \t]{{0,8}}(?P<n2>\d{{1,2}})(?:\s?[-/.]\s?)"
            rf"\n?[ \t]{{0,8}}(?P<n3>\d{{4}}|\d{{2}})(?!\d)",
        ),
        (
            "compact",
            r"(?P<year>(?:19|20)\d\d)(?P<month_n>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
            r"(?=\d{4}(?:\d\d)?(?!\d)|(?!\d))",
        ),
        ("number month year", r"(?P<month_n>0?[1-9]|1[0-2])\s?[-/]\s?(?P<year>(?:19|20)\d\d|'?\d\d)(?!\d)"),
        ("year number month", r"(?P<year>(?:19|20)\d\d)-(?P<month_n>0[1-9]|1[0-2])(?!\d)"),
        ("number month day", rf"{_WEEKDAY}(?P<month_n>0?[1-9]|1[0-2])\s?[-/]\s?(?P<day>3[01]|[12]\d|0?[1-9])(?!\d)"),
        ("month", rf"{_MONTH}{_END}"),
        ("weekday", r"(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)"),
        ("short year", r"(?P<year>'\d\d)(?!\d)"),
        ("year", r"(?P<year>(?:19|20)\d\d)(?!\d)"),
    )
)
BY_NAME = dict(FORMS)


@dataclass(frozen=True, slots=True)
class Piece:
    """One number or word of a written date: what it tells and where it stands in the match."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date, or a range within a month, and how it was written.

    year     None where none is written; then `first` lies in NO_YEAR
    first    its day, or the middle of what was told
    last     the end of a range, or None
    pieces   in order of place
    """

    text: str
    form: str
    first: date
    last: date | None
    year: int | None
    pieces: tuple[Piece, ...]

    def moved(self, days: int) -> str:
        """The same writing for the day `days` later."""
        try:
            step = timedelta(days=days)
            first, last = self.first + step, self.last + step if self.last else None
        except OverflowError:
            return "".join("0" if letter.isdigit() else letter for letter in self.text)
        if last is not None and (first.month, first.year) != (last.month, last.year):
            return self._two_months(first, last)
        parts, at = [], 0
        for piece in self.pieces:
            old = self.text[piece.start : piece.end]
            parts += [
                self.text[at : piece.start],
                _written(piece.kind, old, first, last, self._is_padded(), self._is_short()),
            ]
            at = piece.end
        return "".join([*parts, self.text[at:]])

    def _is_padded(self) -> bool:
        """True where the numbers of day and month are two digits wide."""
        numbers = [self.text[p.start : p.end] for p in self.pieces if p.kind in ("day", "day_2", "month_n")]
        return all(len(number) >= 2 for number in numbers) or any(number.startswith("0") for number in numbers)

    def _is_short(self) -> bool:
        """True where a month of three letters is short for a longer one: 03-May-1961. May alone tells nothing."""
        return re.search(r"\d-[A-Za-z]{3}-\d", self.text) is not None

    def _two_months(self, first: date, last: date) -> str:
        """A range that came to end in another month: the month is said twice."""
        pieces = {piece.kind: self.text[piece.start : piece.end] for piece in self.pieces}
        ends = []
        for day, kind in ((first, "day"), (last, "day_2")):
            month, number = _written("month", pieces["month"], day, None), _written("day", pieces[kind], day, None)
            ends.append(f"{month} {number}" if self.form.startswith("month") else f"{number} {month}")
        year = f", {_written('year', pieces['year'], last, None)}" if "year" in pieces else ""
        return f"{ends[0]} - {ends[1]}{year}"


def read(text: str, form: str = "", reference_year: int | None = None) -> WrittenDate | None:
    """The date that `text` is, as a whole; None where it is none. `form`: only this one of FORMS."""
    for name, pattern in FORMS if not form else ((form, BY_NAME[form]),):
        found = pattern.fullmatch(text)
        if found is not None and (date_found := interpret(name, found, reference_year)) is not None:
            return date_found
    return None


# Where each holiday lies; those that move lie where they lie on average.
_HOLIDAYS = {
    "new year's eve": (12, 31), "new year": (1, 1), "martin luther king": (1, 18), "mlk": (1, 18), "valentine": (2, 14),
    "presidents": (2, 18), "patrick": (3, 17), "easter": (4, 8), "good friday": (4, 6), "palm sunday": (4, 1),
    "mother": (5, 11), "father": (6, 18), "memorial": (5, 28), "juneteenth": (6, 19), "independence": (7, 4),
    "fourth of july": (7, 4), "4th of july": (7, 4), "labor": (9, 4), "columbus": (10, 11), "halloween": (10, 31),
    "veterans": (11, 11), "thanksgiving": (11, 25), "black friday": (11, 26), "christmas eve": (12, 24),
    "christmas": (12, 25), "boxing": (12, 26), "hanukkah": (12, 12), "passover": (4, 12), "yom kippur": (9, 28),
    "rosh hashanah": (9, 19), "diwali": (10, 30),
}  # fmt: skip
_YEAR_IN = re.compile(r"(?:19|20)\d\d")


def moved_holiday(text: str, days: int, reference_year: int | None = None) -> str | None:
    """A day and month in place of a holiday, moved; None where `text` names none that has a place in the year."""
    lower = text.lower()
    for name, (month, day) in _HOLIDAYS.items():
        if name in lower:
            year = _YEAR_IN.search(text)
            new = date(int(year[0]) if year else reference_year or NO_YEAR, month, day) + timedelta(days=days)
            return f"{MONTHS[0][new.month - 1].title()} {new.day}" + (f", {new.year}" if year else "")
    return None


def moved(text: str, days: int, reference_year: int | None = None) -> str | None:
    """`text`, a date, `days` later in the same form; None where it is no date."""
    found = read(text, "", reference_year)
    return None if found is None else found.moved(days)


def interpret(form: str, found: re.Match[str], reference_year: int | None = None) -> WrittenDate | None:
    """The date of a match of FORMS; None where no such day exists."""
    places: dict[str, tuple[int, int]] = {}
    start = found.start()
    for kind in found.re.groupindex:
        if found[kind] is not None and kind != "sep":
            places[_SAME.get(kind, kind)] = (found.start(kind) - start, found.end(kind) - start)
    if form == "numbers":
        places = _numbers(found, places)
        if not places:
            return None
    whole = found[0]
    value = {kind: whole[slice(*place)] for kind, place in places.items()}
    year = _year(value["year"]) if "year" in value else None
    if form == "weekday":
        first_day = date(NO_YEAR, 1, 2) + timedelta(days=WEEKDAYS[0].index(whole.lower()))
        return WrittenDate(whole, form, first_day, None, None, (Piece("weekday", 0, len(whole)),))
    month = _month(value)
    first = _day(year if year is not None else reference_year or NO_YEAR, month, value.get("day"))
    last = (
        _day(year if year is not None else reference_year or NO_YEAR, month, value["day_2"])
        if "day_2" in value
        else None
    )
    if first is None or ("day_2" in value and (last is None or last < first)):
        return None
    pieces = tuple(sorted((Piece(kind, *place) for kind, place in places.items()), key=lambda piece: piece.start))
    return WrittenDate(whole, form, first, last, year, pieces)


def _numbers(found: re.Match[str], places: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Which of three numbers is what; empty where they cannot be a date."""
    one, two = found["n1"], found["n2"]
    if len(one) == 4:
        order = ("year", "month_n", "day") if 1 <= int(two) <= 12 else ("year", "day", "month_n")
    elif len(one) == 3:
        return {}
    elif "." in found["sep"]:
        order = ("day", "month_n", "year") if 1 <= int(two) <= 12 else ("month_n", "day", "year")
    elif 1 <= int(one) <= 12:
        order = ("month_n", "day", "year")
    elif 1 <= int(two) <= 12 and int(one) <= 31:
        order = ("day", "month_n", "year")
    else:
        order = ("year", "month_n", "day")
    kept = {kind: place for kind, place in places.items() if kind == "weekday"}
    return kept | dict(zip(order, (places["n1"], places["n2"], places["n3"]), strict=True))


def _year(text: str) -> int:
    number = int(text.lstrip("'"))
    if len(text.lstrip("'")) == 4:
        return number
    return number + (1900 if number >= TWO_DIGITS_FROM else 2000)


def _month(value: dict[str, str]) -> int | None:
    if "month_n" in value:
        return int(value["month_n"])
    return MONTHS[1].index(value["month"][:3].lower()) + 1 if "month" in value else None


def _day(year: int, month: int | None, text: str | None) -> date | None:
    if month is None:
        return date(year, 7, 1)
    lower = (text or "15").lower()
    number = _DAY_WORDS.index(lower) + 1 if lower in _DAY_WORDS else int(re.match(r"\d+", lower)[0])  # type: ignore[index]
    if (month, number) == (2, 29) and year == NO_YEAR:
        year = NO_YEAR + 1
    try:
        return date(year, month, number)
    except ValueError:
        return None


def _written(kind: str, old: str, first: date, last: date | None, padded: bool = False, short: bool = False) -> str:
    """One piece for the new date, written as the old one was."""
    day = last if kind in ("day_2", "month_2") and last is not None else first
    if kind == "year":
        four = len(old.lstrip("'")) == 4
        return f"{day.year:04d}" if four else ("'" if old.startswith("'") else "") + f"{day.year % 100:02d}"
    if kind == "month_n":
        return f"{day.month:0{2 if padded else 1}d}"
    if kind == "month":
        return _word(old, day.month - 1, MONTHS, short)
    if kind == "weekday":
        return _word(old, day.weekday(), WEEKDAYS)
    return _day_written(old, day.day, padded)


def _word(old: str, index: int, words: tuple[list[str], list[str]], short: bool = False) -> str:
    stop = "." if old.endswith(".") else ""
    bare = old.rstrip(".")
    is_short = short or bool(stop) or (len(bare) <= 4 and bare.lower() not in words[0])
    new = words[1 if is_short else 0][index]
    if bare.isupper():
        return new.upper() + stop
    return (new.title() if bare[0].isupper() else new) + stop


def _day_written(old: str, day: int, padded: bool) -> str:
    if old.lower() in _DAY_WORDS:
        new = _DAY_WORDS[day - 1]
        return new.upper() if old.isupper() else new.capitalize() if old[0].isupper() else new
    digits = re.match(r"\d+", old)[0]  # type: ignore[index]
    suffix = old[len(digits) :]
    if not suffix:
        return f"{day:02d}" if padded else str(day)
    number = str(day)
    new = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    space = suffix[: len(suffix) - 2]
    return number + space + (new.upper() if suffix.isupper() else new)


_BIRTH_ORDERS = ("%Y%m%d", "%m%d%Y", "%d%m%Y", "%m%d%y", "%y%m%d")


def moved_birth(text: str, days: int, births: Sequence[date]) -> str | None:
    """A birth date that is written as digits alone, moved; None where `text` is none of `births`."""
    digits = "".join(letter for letter in text if letter.isdigit())
    for birth in births:
        for order in _BIRTH_ORDERS:
            if digits == birth.strftime(order):
                return _filled(text, (birth + timedelta(days=days)).strftime(order))
    return None


def _filled(text: str, digits: str) -> str:
    """`text` with its digits replaced in order."""
    new = iter(digits)
    return "".join(next(new) if letter.isdigit() else letter for letter in text)
