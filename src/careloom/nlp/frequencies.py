"""How often a drug is taken, from the words: intakes a day, period, as needed, FHIR Timing code.

    frequency("twice daily")            per_day 2, count 2, period 1, period_unit d, code BID
    frequency("q6h prn")                per_day 4, count 1, period 6, period_unit h, code Q6H, as_needed true
    frequency("every other day")        per_day 0.5, count 1, period 2, period_unit d, code QOD
    frequency("1-0-1")                  per_day 2, when MORN EVE
    frequency("3 times a week")         per_day 0.43, count 3, period 1, period_unit wk

`value` is the recurrence in ISO 8601, ``R/P1D``, ``R/PT6H``: one intake in each interval; absent where intakes and
interval do not divide. Every value is text.

source  FHIR R4 Timing.repeat and value set timing-abbreviation (HL7 v3 GTSAbbreviation); ISMP's list of error-prone
        abbreviations, 2021, for what is written (QD, QOD, qhs)
"""

import re
from dataclasses import dataclass

_NUMBERS = {"once": 1, "twice": 2, "thrice": 3, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
            "eight": 8, "twelve": 12, "other": 2, "a": 1, "an": 1, "second": 2, "third": 3}  # fmt: skip
_UNITS = {"h": "h", "d": "d", "n": "d", "w": "wk", "y": "a"}
_HOURS = {"min": 1 / 60, "h": 1.0, "d": 24.0, "wk": 168.0, "mo": 24 * 30.436875, "a": 24 * 365.2425}
_ISO = {"min": ("PT", "M"), "h": ("PT", "H"), "d": ("P", "D"), "wk": ("P", "W"), "mo": ("P", "M"), "a": ("P", "Y")}
_LATIN = {
    "qd": (1, 1, "d"), "qday": (1, 1, "d"), "od": (1, 1, "d"), "daily": (1, 1, "d"), "nightly": (1, 1, "d"),
    "qhs": (1, 1, "d"), "qam": (1, 1, "d"), "qpm": (1, 1, "d"), "bid": (2, 1, "d"), "tid": (3, 1, "d"),
    "qid": (4, 1, "d"), "qod": (1, 2, "d"),
    "weekly": (1, 1, "wk"), "qwk": (1, 1, "wk"), "qweek": (1, 1, "wk"), "monthly": (1, 1, "mo"),
    "qmonth": (1, 1, "mo"), "hourly": (1, 1, "h"), "biweekly": (1, 2, "wk"), "yearly": (1, 1, "a"),
    "annually": (1, 1, "a"),
}  # fmt: skip
_CODES = {(1, 1, "d"): "QD", (2, 1, "d"): "BID", (3, 1, "d"): "TID", (4, 1, "d"): "QID", (1, 2, "d"): "QOD",
          (1, 1, "wk"): "WK", (1, 1, "mo"): "MO"}  # fmt: skip
_WHEN = (
    (
        re.compile(r"\b(?:q\.?h\.?s\b|at bedtime|bedtime|h\.?s\b|nightly|at night|every night|each night|before bed)"),
        "HS",
    ),
    (re.compile(r"\b(?:q\.?am\b|in the morning|every morning|each morning|q morning)"), "MORN"),
    (re.compile(r"\b(?:q\.?pm\b|in the evening|every evening|each evening)"), "EVE"),
    (re.compile(r"\b(?:a\.?c\b|before meals|before each meal|before food)"), "AC"),
    (re.compile(r"\b(?:p\.?c\b|after meals|after each meal|after food)"), "PC"),
    (re.compile(r"\b(?:with meals|with each meal|with food)"), "C"),
)
_NEEDED = re.compile(r"\b(?:p\.?r\.?n\b|(?:as|when|if) (?:needed|required|necessary)|as directed)")
_ONCE = re.compile(r"\b(?:x\s?1|once|one time|one-time|stat|single dose|now)\b")
_COUNT = r"(?P<count>once|twice|thrice|one|two|three|four|five|six|\d{1,2})"
_UNIT = (
    r"(?P<unit>minutes?|mins?|hours?|hrs?|h|days?|d|nights?|mornings?|evenings?|weeks?|wks?|months?|mos?|years?|yrs?)\b"
)
_TIMES_PER = re.compile(
    rf"\b{_COUNT}(?:\s?[-–]\s?\d{{1,2}})?\s*(?:x|times?)?\s*(?:per|a|an|/|each|every|in a)?\s*"
    rf"(?:{_UNIT}|(?P<adverb>daily|weekly|monthly|nightly))"
)
_EVERY = re.compile(
    rf"\b(?:every|each|q\.?)\s*(?P<number>other|second|third|one|two|three|four|five|six|eight|twelve|\d{{1,3}})?"
    rf"(?:\s?(?:-|–|to)\s?(?P<most>\d{{1,3}}))?\s*{_UNIT}"
)
_SCHEME = re.compile(r"(?<![\d-])([0-4])\s?-\s?([0-4])\s?-\s?([0-4])(?:\s?-\s?([0-4]))?(?![\d-])")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """`count` times in `period` of `unit` (min, h, d, wk, mo, a), FHIR's words for both."""

    count: float
    period: float
    unit: str
    period_most: float = 0

    def per_day(self) -> float:
        """Intakes in 24 hours."""
        return self.count * 24 / (self.period * _HOURS[self.unit])


def number(value: float) -> str:
    """A number as written: at most two decimals, no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def frequency(words: str) -> dict[str, str]:
    """What the words of a frequency tell; empty where they tell nothing."""
    text = _SPACE.sub(" ", words.lower()).strip(" ,;.")
    scheme = _SCHEME.fullmatch(text)
    if scheme is not None:
        return _of_scheme([int(one) for one in scheme.groups() if one is not None])
    out: dict[str, str] = {}
    found = _recurrence(text)
    when = [code for pattern, code in _WHEN if pattern.search(text)]
    if found is None and when:
        found = Recurrence(3 if when[0] in {"AC", "PC", "C"} else 1, 1, "d")
    if found is not None:
        out |= _told(found)
    elif _ONCE.search(text):
        out |= {"count": "1", "per_day": "0"}
    if when:
        out["when"] = " ".join(when)
    if _NEEDED.search(text):
        out["as_needed"] = "true"
        out.setdefault("per_day", "0")
    return out


def _told(found: Recurrence) -> dict[str, str]:
    out = {
        "per_day": number(found.per_day()),
        "count": number(found.count),
        "period": number(found.period),
        "period_unit": found.unit,
    }
    if found.period_most:
        out["period_most"] = number(found.period_most)
    code = _CODES.get((int(found.count), int(found.period), found.unit), "")
    if found.unit == "h" and found.count == 1 and found.period in {1, 2, 3, 4, 6, 8}:
        code = f"Q{number(found.period)}H"
    if code:
        out["code"] = code
    prefix, letter = _ISO[found.unit]
    step = found.period / found.count
    if step >= 1 and step == int(step):
        out["value"] = f"R/{prefix}{number(step)}{letter}"
    elif found.unit == "d" and (hours := 24 * step) == int(hours):
        out["value"] = f"R/PT{number(hours)}H"
    return out


def _of_scheme(doses: list[int]) -> dict[str, str]:
    """Morning, noon, evening and perhaps night, as in Europe: 1-0-1."""
    names = ("MORN", "NOON", "EVE", "NIGHT")
    taken = [name for name, dose in zip(names, doses, strict=False) if dose]
    if not taken:
        return {}
    return _told(Recurrence(len(taken), 1, "d")) | {"when": " ".join(taken)}


def _recurrence(text: str) -> Recurrence | None:
    bare = text.replace(".", "")
    for word in bare.split(" "):
        if word in _LATIN and not _TIMES_PER.search(text):
            return Recurrence(*_LATIN[word])
    found = _EVERY.search(text)
    if found is not None:
        period, unit = _number(found["number"] or "1"), _unit(found["unit"])
        most = float(found["most"]) if found["most"] else 0.0
        return Recurrence(1, period, unit, most) if period else None
    found = _TIMES_PER.search(text)
    if found is None:
        return None
    adverb = found["adverb"]
    unit = _LATIN[adverb][2] if adverb else _unit(found["unit"])
    count = _number(found["count"])
    return Recurrence(count, 1, unit) if count else None


def _number(text: str) -> float:
    return float(_NUMBERS[text]) if text in _NUMBERS else float(text)


def _unit(text: str) -> str:
    if text.startswith("min"):
        return "min"
    if text.startswith("mo") and not text.startswith("morn"):
        return "mo"
    return "d" if text.startswith(("morn", "even")) else _UNITS[text[0]]


_FIND = re.compile(
    r"(?<![\w./-])(?:"
    r"(?:once|twice|thrice|(?:one|two|three|four|five|six|\d{1,2}(?:\s?[-–]\s?\d{1,2})?)\s?(?:x|times))\s{0,2}(?:per|a|an|/|each|every|in\s+a)?"
    r"\s{0,2}(?:day|daily|night|nightly|week|weekly|month|monthly|year)"
    r"|(?:every|each)\s+(?:(?:other|second|third|(?:one|two|three|four|five|six|eight|twelve|\d{1,3})(?:\s?(?:-|–|to)\s?\d{1,3})?)\s*)?"
    r"(?:minutes?|min|hours?|hrs?|h|days?|nights?|mornings?|evenings?|weeks?|wks?|months?|years?)"
    r"|q\.?\s?\d{1,3}(?:\s?[-–]\s?\d{1,3})?\s?\.?(?:min|hours?|hrs?|h|days?|d|weeks?|wks?|w|months?)\.?"
    r"|q\.?\s?(?:h\.?s|day|o\.?d|d|am|pm|h|wk|week|month|shift)\.?|b\.?i\.?d\.?|t\.?i\.?d\.?|q\.?i\.?d\.?"
    r"|daily|nightly|weekly|monthly|hourly|yearly|annually|biweekly"
    r"|at\s+bedtime|before\s+bed|(?:before|after|with)\s+(?:each\s+)?meals?|in\s+the\s+(?:morning|evening)"
    r"|(?:as|when|if)\s+(?:needed|required)|p\.?r\.?n\.?|[0-4]-[0-4]-[0-4](?:-[0-4])?|x\s?1|one\s+time|once|stat"
    r")(?![\w-])"
)
WEAK = re.compile(
    r"(?:once|x\s?1|one\s+time|stat|(?:as|when|if)\s+(?:needed|required)|in\s+the\s+\w+|qd|od|qh|[0-4]-[0-4]-[0-4].*|.*meals?)\Z"
)
"""What is a frequency only beside a drug or a dose."""
_JOINED = re.compile(r"[ \t]*,?(?:[ \t]+|\n[ \t]*)\Z")


def frequencies(lower: str) -> list[tuple[int, int]]:
    """Places of frequencies in a text of small letters, in order; those that follow one another are one."""
    out: list[tuple[int, int]] = []
    for found in _FIND.finditer(lower):
        start, end = found.span()
        if end and lower[end - 1] == "." and lower[start:end].count(".") < 2:
            end -= 1
        if out and 0 <= start - out[-1][1] <= 4 and _JOINED.fullmatch(lower, out[-1][1], start):
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out
