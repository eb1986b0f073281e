"""What a test's value says: number, comparator, range, findings in words; and the unit behind it in UCUM.

parsed("<0.01 ng/mL")       value 0.01, comparator <, unit ng/mL
parsed("120/80")            value 120/80, systolic 120, diastolic 80
parsed("3.5-5.0")           value 3.5-5.0, low 3.5, high 5.0
parsed("5'10\\"")            value 70, unit [in_i]
parsed("1.2 x 10^9/L")      value 1.2, unit 10*9/L
parsed("2+")                value 2+
parsed("6/10")              value 6, scale 10
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from careloom import runtime
from careloom.terminology.ucum import is_comparable
from careloom.terminology.ucum_spellings import read as read_spelling

_INCHES = 12
_FEVER_SCALE = 60
"""A temperature above this is in degrees Fahrenheit: no patient has 60 degrees Celsius, none 60 Fahrenheit."""
_UNIT_GAP = 24
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
VALUE = re.compile(
    rf"""(?P<comparator>(?:[<>]=?|[≤≥]|less\s+than|greater\s+than|more\s+than)\s?)?
    (?: (?P<feet>[3-8])\s?(?:'|’|′|ft\.?|feet)\s?(?P<inches>1[01]|\d)\s?(?:"|”|″|''|in\.?|inches)?(?![\d.])
      | (?P<score>10|\d(?:\.5)?)\s?(?:/|(?:out\s)?of)\s?10(?!\.\d|[\d/-])
      | (?P<systolic>\d{{2,3}})\s?/\s?(?P<diastolic>\d{{2,3}})(?![\d/])
      | (?P<low>{_NUMBER})\s?[-–]\s?(?P<high>{_NUMBER})(?![\d/:-])
      | (?P<plus>[1-4]\+)
      | (?P<number>[-+]?(?:{_NUMBER}))(?![\d:]|[/-]\d)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_COMPARATORS = {"≤": "<=", "≥": ">="}
_FLAG = re.compile(r"[ \t]*(?:\*|\(?\b(HH|LL|H|L|high|low|critical)\b\)?)")
_REFERENCE = re.compile(
    rf"[ \t;,|]*(?:[(\[]\s?(?:(?:ref(?:erence)?|normal|nl)\.?(?:\s+range)?[: ]*)?|ref(?:erence)?\.?(?:\s+range)?[: ]*)"
    rf"(?P<low>{_NUMBER})\s?(?:-|–|to)\s?(?P<high>{_NUMBER})",
    re.IGNORECASE,
)


@cache
def declared_bytes() -> bytes:
    """quantities.toml as it ships."""
    return runtime.packaged("nlp", "quantities.toml")


@cache
def declared() -> Mapping[str, Any]:
    """What quantities.toml says."""
    return tomllib.loads(declared_bytes().decode())


@cache
def _unit_pattern(table: str) -> re.Pattern[str]:
    known = sorted(declared()[table], key=len, reverse=True)
    written = "|".join(re.escape(one).replace(r"\ ", r"[ \n]{1,2}") for one in known)
    return re.compile(rf"(?P<unit>{written})(?![A-Za-z0-9/^]|\.\d)", re.IGNORECASE)


@lru_cache(maxsize=4096)
def unit_of(text: str, table: str = "units") -> str:
    """The UCUM code of a unit as written; empty where none is known."""
    folded = " ".join(text.split()).lower().rstrip(".")
    known = declared()[table].get(folded)
    if known is not None:
        return str(known)
    return read_spelling(" ".join(text.split()), "").code or ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and its unit where they stand.

    unit_start, unit_end  equal where no unit is written
    attributes            value, comparator, low, high, unit, systolic, diastolic, flag, reference_low, reference_high
    """

    start: int
    end: int
    unit_start: int
    unit_end: int
    attributes: Mapping[str, str]


def value_at(text: str, start: int, *, unit: str = "") -> Measured | None:
    """The value that begins at a place, with its unit; None where none does.

    unit  UCUM of what is measured: a unit behind the value that measures another thing is not its unit
    """
    found = VALUE.match(text, start)
    if found is None:
        return None
    attributes = _numbers(found)
    end = found.end()
    if found["feet"]:
        return Measured(start, end, end, end, attributes)
    place = _unit_at(text, end, unit)
    if place is not None:
        attributes["unit"] = unit_of(text[slice(*place)])
    after = place[1] if place is not None else end
    flag = _FLAG.match(text, after) or _FLAG.match(text, end)
    if flag is not None:
        attributes["flag"] = (flag[1] or "*").upper()[:2] if flag[1] not in {"high", "low"} else flag[1][0].upper()
    reference = _REFERENCE.match(text, flag.end() if flag is not None and flag.end() > after else after)
    if reference is not None:
        attributes |= {"reference_low": reference["low"], "reference_high": reference["high"]}
    return Measured(start, end, *(place or (end, end)), attributes)


def _numbers(found: re.Match[str]) -> dict[str, str]:
    out: dict[str, str] = {}
    comparator = (found["comparator"] or "").strip().lower()
    if comparator:
        word = "<" if comparator.startswith("less") else ">" if comparator[0].isalpha() else comparator
        out["comparator"] = _COMPARATORS.get(word, word)
    if found["feet"]:
        return out | {"value": str(_INCHES * int(found["feet"]) + int(found["inches"])), "unit": "[in_i]"}
    if found["score"]:
        return out | {"value": found["score"], "scale": "10"}
    if found["systolic"]:
        systolic, diastolic = found["systolic"], found["diastolic"]
        return out | {"value": f"{systolic}/{diastolic}", "systolic": systolic, "diastolic": diastolic}
    if found["low"]:
        low, high = found["low"].replace(",", ""), found["high"].replace(",", "")
        return out | {"value": f"{low}-{high}", "low": low, "high": high}
    return out | {"value": found["plus"] or found["number"].replace(",", "")}


def _unit_at(text: str, end: int, wanted: str) -> tuple[int, int] | None:
    at = end
    while at < len(text) and at - end < _UNIT_GAP and text[at] in " \t;|\n*":
        at += 1
    found = _unit_pattern("units").match(text, at)
    if found is None or (at > end and "\n\n" in text[end:at]):
        return None
    code = unit_of(found["unit"])
    if wanted and not is_comparable(code, wanted):
        return None
    if len(found["unit"]) == 1 and found["unit"].isalpha() and at - end > 1 and not wanted:
        return None
    return found.span("unit")


def parsed(text: str) -> dict[str, str]:
    """The attributes of a whole text such as ``12.3 g/dL H (13-17)``; empty where it is no value."""
    bare = text.strip()
    found = value_at(bare, 0)
    if found is not None and (found.end > 0):
        return dict(found.attributes)
    folded = " ".join(bare.lower().split())
    return {"value": folded} if folded in declared()["findings"] else {}


def assumed_unit(unit: str, value: float, *, is_temperature: bool) -> str:
    """The unit that is meant where none is written."""
    return ("[degF]" if value > _FEVER_SCALE else "Cel") if is_temperature else unit


_DOSE = re.compile(
    rf"(?<![\w./<>=-])(?P<amount>(?:{_NUMBER})(?:\s?(?:-|–|to)\s?(?:{_NUMBER}))?(?:\s?½)?|1/2|1/4|½|half(?:\s+a)?|one|two|three)"
    r"\s{0,2}-?\s?(?P<unit>UNITS)(?![A-Za-z0-9%]|/[A-Za-z0-9])",
    re.IGNORECASE,
)
_AMOUNTS = {
    "½": "0.5",
    "1/2": "0.5",
    "1/4": "0.25",
    "half": "0.5",
    "half a": "0.5",
    "one": "1",
    "two": "2",
    "three": "3",
}


@cache
def _dose_pattern() -> re.Pattern[str]:
    known = "|".join(re.escape(one).replace(r"\ ", r"\s") for one in sorted(declared()["doses"], key=len, reverse=True))
    return re.compile(_DOSE.pattern.replace("UNITS", known), re.IGNORECASE)


def doses(text: str) -> list[tuple[int, int, dict[str, str]]]:
    """Places of doses with their attributes: ``dose``, ``unit``, and ``low`` and ``high`` of a range."""
    return [(*found.span(), _dose(found)) for found in _dose_pattern().finditer(text)]


def dose(text: str) -> dict[str, str]:
    """The attributes of a dose as written; empty where it is none that is known."""
    found = _dose_pattern().search(text)
    return {} if found is None else _dose(found)


def _dose(found: re.Match[str]) -> dict[str, str]:
    amount = " ".join(found["amount"].lower().replace(",", "").split())
    out = {"unit": unit_of(found["unit"], "doses")}
    both = re.fullmatch(r"([\d.]+)\s?(?:-|–|to)\s?([\d.]+)", amount)
    if both is not None:
        return out | {"dose": both[1], "low": both[1], "high": both[2]}
    if amount.endswith("½") and len(amount) > 1:
        return out | {"dose": f"{float(amount[:-1]) + 0.5:g}"}
    return out | {"dose": _AMOUNTS.get(amount, amount)}
