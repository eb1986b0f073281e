"""Dates in text: every way people write a day, a month or a holiday of a person's care. Times and years alone stay."""

import re
from collections.abc import Sequence

from careloom.deid.date_forms import BY_NAME, interpret
from careloom.deid.text_known import Known
from careloom.deid.text_reading import Reading, digits, found_where, words
from careloom.deid.text_spans import DATE, Found
from careloom.text.note import Span

# Where a form may begin: a month's name, or digits that a date can have.
_MONTH_WORD = re.compile(
    r"(?<![A-Za-z])(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)(?![a-z])",
    re.IGNORECASE,
)
_MONTH_WORDS = words(
    "jan january feb february mar march apr april may jun june jul july aug august sep sept september sepember"
    " oct october nov november dec december"
)
_BEFORE = re.compile(
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?[,\s]\s{0,2}(?:the\s)?)?"
    r"(?:(?:(?:1[89]|20)\d\d[-/.\s]|'\d\d[-/.\s])|(?:\d{1,2}(?:\s?(?:st|nd|rd|th))?\s?(?:-|to|through"
    r"|thru|until|and|&)\s?)?"
    r"(?:\d{1,2}(?:\s?(?:st|nd|rd|th))?|[a-z]{5,7}(?:-[a-z]{5,7})?)\s{0,2}[-/.,\n]?[ \t]{0,8}(?:day\s)?(?:of\s)?)?$",
    re.IGNORECASE,
)
_WITH_MONTH = tuple(
    BY_NAME[name]
    for name in (
        "month day - day year", "day - day month year", "year month day", "month day year", "month-day-year",
        "day month year", "month day", "day month", "month year", "year month",
    )
)  # fmt: skip
_NAMES = {pattern: name for name, pattern in BY_NAME.items()}
_NUMBERS = re.compile(
    r"(?<![\d.,/$#-])(?<![A-Za-z]-)"
    r"\d{1,4}\s?[-/.]\s?\n?[ \t]{0,8}\d{1,2}\s?[-/.]\s?\n?[ \t]{0,8}(?:\d{4}|\d\d)(?!\d|[.,/-]\d|%)"
)
_COMPACT = re.compile(r"(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?=(?:\d{4}(?:\d\d)?)?(?!\d))")
_WEEKDAY = re.compile(
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\.?)[,\s]\s{0,2}$",
    re.IGNORECASE,
)
_WHEN = (
    r"(?:on|since|in|from|until|till|by|dated?|before|after|of|between|through|thru|to|and|for|as of"
    r"|born|dob|d\.o\.b\.?|birth|"
    r"seen|visit|admitted|discharged|followup|follow-up|f/u|appt|appointment|done|performed|expires?"
    r"|exp\.?|last|next|"
    r"colonoscopy|mammogram|surgery|vaccine|dose|lmp|edd|edc)"
)
_PART = re.compile(
    rf"(?<![\w/])(?P<when>{_WHEN}\b[:\s]\s{{0,2}}(?:the\s)?|(?<=[-\u2013])|(?<=- )|^)"
    rf"(?P<part>(?:0?[1-9]|1[0-2])\s?[/-]\s?(?:(?:19|20)\d\d|'?\d\d?)|'\d\d)(?![\d/%]|-\d|\.\d|\s?(?:mg"
    rf"|ml|mm|cm|units?|strength|times|tab(?:let)?s?\b|pills?\b|cups?\b|dose|teaspoons?|tsp|tbsp|inch"
    rf"|mile|pack|ppd|hours?|hrs?|days?|weeks?|months?|years?|pain|in\b|x\b))",
    re.IGNORECASE | re.MULTILINE,
)
# A day and a month alone may be a fraction or a score: it is a date before a time of day, behind a word of the chart,
# or where its second number is no usual denominator.
_BARE = re.compile(
    r"(?<![\d/.,-])(?:0?[1-9]|1[0-2])/(?P<day>3[01]|[12]\d|0?[1-9])(?![\d/%]|[.-]\d|\s?(?:mg|ml|cm|mm"
    r"|pain|strength|in\b|x\b|cracker))"
)
_TIME_NEXT = re.compile(r"\s(?:[01]?\d|2[0-3]):?[0-5]\d(?!\d)|,?\s(?:at\s)?\d{1,2}\s?[ap]\.?m\b")
_CHART_WORD = re.compile(
    r"(?:\b(?:adm(?:it(?:ted)?)?|dc|d/c|disch|vax|iiv|tdap|td|booster|flu|shot|cxr|ct|mri|us|xr|echo"
    r"|ekg|labs?|f/?u|appt|rtc|pcp|seen|note|dob|lmp|visit|sched(?:uled)?)\.?|//|->|→|\)"
    r"|\bdr\.?\s[a-z'-]+)[\s:,]{0,2}$",
    re.IGNORECASE,
)
_SCORE_WORD = re.compile(
    r"(?:strength|motor|mmse|moca|gcs|pain|vision|acuity|o[dsu]|score|scale|rated?|pulses?"
    r"|reflex(?:es)?|murmur|grade|power|level|intensity|stars?|apgars?|iv|vi)\W{0,4}(?:(?:is|was|of|at"
    r"|a|an|about)\s)?$",
    re.IGNORECASE,
)
_SLASH = re.compile(r"\s?[/-]")
_WHEN_REACH = 20  # the longest of _WHEN with what may follow it


def _parts(text: Reading) -> Sequence[int]:
    """Where a part of a date may begin, or a word before it."""
    parts = []
    for start, end in text.numbers:
        if text[start - 1 : start] == "'":
            parts.append(start - 1)
        if _SLASH.match(text, end):
            parts.append(start)
    return sorted({*parts, *text.words_before(parts, _WHEN_REACH)})


_DENOMINATORS = frozenset((12, 15, 16, 20, 24, 25, 30))
_YEAR_AND_MONTH = re.compile(
    r"(?<![\d/-])(?:(?:0?[1-9]|1[0-2])[/-](?:19|20)\d\d|(?:19|20)\d\d-(?:0[1-9]|1[0-2]))(?![\d/-])"
)
_HOLIDAY = re.compile(
    r"(?<![A-Za-z])(?:(?:on|since|before|after|until|around|over|by|this|last|next|day after"
r"|night before)\s(?:the\s)?)(?P<day>"
    r"new year'?s(?: eve| day)?|martin luther king(?: jr\.?)? day|mlk day|valentine'?s day"
r"|presidents'? day|st\.? patrick'?s day|"
    r"easter(?: sunday| monday)?|good friday|palm sunday|mother'?s day|father'?s day|memorial day|juneteenth|"
    r"independence day|(?:the )?fourth of july|(?:the )?4th of july|labor day|columbus day|halloween"
r"|veterans'? day|thanksgiving(?: day)?|"
    r"black friday|christmas(?: eve| day)?|boxing day|hanukkah|passover|yom kippur|rosh hashanah"
r"|ramadan|eid(?: al-(?:fitr|adha))?|diwali)"
    r"(?P<year>\s(?:of\s)?(?:19|20)\d\d|\s?,\s?(?:19|20)\d\d)?(?![A-Za-z])",
    re.IGNORECASE,
)  # fmt: skip
_HOLIDAY_WORDS = words("on since before after until around over by this last next day night")
_LOWER_VERBS = frozenset({"may", "march", "mar", "dec", "sun", "sat", "jan", "sep"})
_NO_MONTH = re.compile(r"\s?(?:be|have|not|also|need|take|require|continue|resume|return|use|well|or)\b", re.IGNORECASE)
_UNIT = re.compile(
    r"\s?(?:mg|mcg|ml|kg|cm|mm|%|units?\b|tablets?\b|times\b|days?\b|weeks?\b|hours?\b|years?\b|minutes?\b)",
    re.IGNORECASE,
)
# A month alone is a part of a date too: in June, since last August, mid-March.
_ALONE = re.compile(
    r"(?<![A-Za-z])(?:in|since|last|next|this|early|late|mid|until|till|by|of|from|during|before|after"
    r"|through|to|and|every|each|around)[\s-]\s?$",
    re.IGNORECASE,
)
# A full stop behind a month in full ends the sentence.
_FULL_STOP = re.compile(
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)\.$", re.IGNORECASE
)
_LOOK_BACK = 48


class DateDetector:
    """Finds dates and their forms; a year alone is found only where it is shortened (born in '61)."""

    name = "dates"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """Dates; those of birth that the record knows are found by the detector of the record too."""
        reading = Reading.of(text)
        found = [*self._with_month_names(reading), *self._numbers(reading)]
        return [Found(span, DATE, self.name, score) for span, score in found]

    def _with_month_names(self, text: Reading) -> list[tuple[Span, float]]:
        found = []
        for word in found_where(_MONTH_WORD, text, _MONTH_WORDS):
            before = _BEFORE.search(text[max(0, word.start() - _LOOK_BACK) : word.start()])
            earliest = word.start() - (len(before[0]) if before else 0)
            best = self._longest(text, earliest, word.start(), word.end())
            if best is not None and self._is_month(text, word, best):
                found.append((best, 0.95))
            elif _ALONE.search(text[max(0, word.start() - 24) : word.start()]) and not word[0][0].islower():
                found.append((Span(word.start(), word.end()), 0.7))
        found += [
            (
                Span(*holiday.span("day")) if not holiday["year"] else Span(holiday.start("day"), holiday.end("year")),
                0.8,
            )
            for holiday in found_where(_HOLIDAY, text, _HOLIDAY_WORDS)
        ]
        return found

    @staticmethod
    def _longest(text: str, earliest: int, month: int, least: int) -> Span | None:
        """The longest date around a month's name that begins no earlier than told."""
        best = None
        starts = {earliest, month} | {
            at for at in range(earliest, month) if not text[at].isspace() and not text[at - 1 : at].isalnum()
        }
        for pattern in _WITH_MONTH:
            for start in starts:
                match = pattern.match(text, start)
                if match is None or match.end() < least or (best is not None and len(match[0]) <= len(best)):
                    continue
                if match[0][-1].isdigit() and _UNIT.match(text, match.end()):
                    continue
                if interpret(_NAMES[pattern], match) is not None:
                    best = Span(match.start(), match.end() - (_FULL_STOP.search(match[0]) is not None))
        return best

    @staticmethod
    def _is_month(text: str, word: re.Match[str], span: Span) -> bool:
        """False where the month's name is another word, or its day a dose."""
        if word[0].lower() not in _LOWER_VERBS or not word[0].islower():
            return not (span.end - word.end() <= 3 and _UNIT.match(text, span.end))
        return (
            any(letter.isdigit() for letter in span.of(text))
            and not _UNIT.match(text, span.end)
            and not _NO_MONTH.match(text, word.end())
        )

    @staticmethod
    def _numbers(text: Reading) -> list[tuple[Span, float]]:
        found = []
        form = BY_NAME["numbers"]
        for place in found_where(_NUMBERS, text, digits(4, gap=13)):
            match = form.match(text, place.start())
            if match is None or interpret("numbers", match) is None:
                continue
            start = place.start()
            weekday = _WEEKDAY.search(text[max(0, start - 14) : start])
            found.append((Span(start - len(weekday[0]) if weekday else start, match.end()), 0.95))
        for place in found_where(_NUMBER_RANGE, text, _ANY_NUMBER):
            found += [(Span(*place.span("one")), 0.8), (Span(*place.span("two")), 0.8)]
        found += [(Span(*place.span()), 0.5) for place in found_where(_DAY_OF_WEEK, text, _DAY_WORDS)]
        for pattern, where, score in ((_COMPACT, digits(8), 0.85), (_YEAR_AND_MONTH, _ANY_NUMBER, 0.8)):
            found += [(Span(*place.span()), score) for place in found_where(pattern, text, where)]
        for place in found_where(_BARE, text, _ANY_NUMBER):
            before = text[max(0, place.start() - 20) : place.start()]
            unusual = int(place["day"]) > 10 and int(place["day"]) not in _DENOMINATORS
            if not _SCORE_WORD.search(before) and (
                unusual or _CHART_WORD.search(before) or _TIME_NEXT.match(text, place.end())
            ):
                found.append((Span(*place.span()), 0.55))
        for place in found_where(_PART, text, _parts):
            if place["when"] or place.start() == 0 or _range(text, place.start("part")):
                found.append((Span(*place.span("part")), 0.6))
        return found


_ANY_NUMBER = digits(1)
_DAY_WORDS = words("monday tuesday wednesday thursday friday saturday sunday")
_DAY_OF_WEEK = re.compile(r"(?<![A-Za-z])(?:mon|tues|wednes|thurs|fri|satur|sun)day(?![A-Za-z])", re.IGNORECASE)
_NUMBER_RANGE = re.compile(
    r"(?<![\d/.-])(?P<one>(?:0?[1-9]|1[0-2])/(?:3[01]|[12]\d|0?[1-9])(?:/(?:\d{4}|\d\d))?)\s?(?:-|to"
    r"|through|thru)\s?"
    r"(?P<two>(?:0?[1-9]|1[0-2])/(?:3[01]|[12]\d|0?[1-9])/(?:\d{4}|\d\d))(?![\d/])"
)
_RANGE = re.compile(r"\d[/-]\d{1,2}(?:[/-]\d\d(?:\d\d)?)?\s?[-\u2013]\s?$")


def _range(text: str, start: int) -> bool:
    """True where a part of a date ends a range: 3/4-3/8."""
    return _RANGE.search(text[max(0, start - 14) : start]) is not None
