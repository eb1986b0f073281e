"""What the columns of a delimited extract hold, guessed from their names and from a sample of their values."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from careloom.runtime import packaged
from careloom.terminology.systems import is_icd10cm, is_loinc, is_snomed_concept
from careloom.terminology.ucum_spellings import read as read_unit

SURE, LIKELY = 0.9, 0.72
"""Above the first a guess needs no look; below the second there is none."""
FORMATS = (
    "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S.%f", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y%m%d", "%Y%m%d%H%M%S", "%d-%b-%Y",
    "%d-%b-%y", "%d %b %Y", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S",
)  # fmt: skip
"""Patterns that are tried; those of ISO 8601 need no declaration."""
_ISO = frozenset(FORMATS[:7])
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NUMBER = re.compile(r"[<>]?=?\s*-?\d+(?:[.,]\d+)?")
_COMMA = re.compile(r"-?\d+,\d+")
_SEXES = frozenset("m f male female w o u unknown other man d männlich weiblich h homme femme hombre mujer unk".split())
_FLAGS = frozenset("n l h ll hh a normal low high abnormal".split())


@dataclass(frozen=True, slots=True)
class Guess:
    """One column.

    role        a name of suggestions/roles.toml; empty where nothing fits
    confidence  0..1
    shape       what its values look like
    formats     patterns of its dates that are not ISO 8601, most likely first
    has_time    its dates tell a time of day
    has_offset  its times tell their offset from UTC
    is_comma    its numbers have a decimal comma
    system      short name of the code system that its codes are of; empty where that cannot be told
    """

    column: str
    role: str = ""
    confidence: float = 0.0
    shape: str = "text"
    formats: tuple[str, ...] = ()
    has_time: bool = False
    has_offset: bool = False
    is_comma: bool = False
    system: str = ""


@cache
def roles() -> Mapping[str, Mapping[str, Any]]:
    """The roles that a column may have."""
    told: dict[str, dict[str, Any]] = tomllib.loads(packaged("ingest", "suggestions/roles.toml").decode())["role"]
    return told


def guess_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Guess]:
    """A guess for each column; each role is given once, to the column that fits it best.

    rows  a sample; shorter rows count as empty at their end
    """
    looks = [_look(name, [row[at].strip() for row in rows if at < len(row)]) for at, name in enumerate(header)]
    scored = sorted(
        ((_score(look, role), role, at) for at, look in enumerate(looks) for role in roles()),
        key=lambda one: (-one[0], one[2], one[1]),
    )
    given: dict[int, tuple[str, float]] = {}
    taken: set[str] = set()
    for score, role, at in scored:
        if score >= LIKELY and at not in given and role not in taken:
            given[at] = (role, score)
            taken.add(role)
    return [_guess(look, *given.get(at, ("", 0.0))) for at, look in enumerate(looks)]


@dataclass(frozen=True, slots=True)
class _Look:
    name: str
    words: str
    values: tuple[str, ...]
    shapes: frozenset[str]
    formats: tuple[str, ...]
    system: str


def _look(name: str, values: list[str]) -> _Look:
    kept = tuple(value for value in values if value)
    words = " ".join(_WORD.findall(_CAMEL.sub(" ", name.replace("_", " ")).lower()))
    formats = _formats(kept)
    system = _system(words, kept)
    found = {"date"} if formats else set()
    checks = {
        "number": lambda text: _NUMBER.fullmatch(text) is not None,
        "sex": lambda text: text.lower() in _SEXES,
        "flag": lambda text: text.lower() in _FLAGS,
        "unit": lambda text: read_unit(text, "").code is not None,
        "id": lambda text: " " not in text,
        "text": lambda text: any(sign.isalpha() for sign in text),
    }
    least = {"number": 0.4}  # results are numbers and words in one column
    found |= {
        shape for shape, fits in checks.items() if kept and sum(map(fits, kept)) >= least.get(shape, 0.9) * len(kept)
    }
    return _Look(name, words, kept, frozenset(found | ({"code"} if system else set())), formats, system)


def _score(look: _Look, role: str) -> float:
    """How well a column fits a role: its name first, what it holds second."""
    from rapidfuzz import fuzz  # noqa: PLC0415 - only needed to suggest

    told = roles()[role]
    named = max(fuzz.ratio(look.words, word) for word in told["words"]) / 100
    if named < 0.9:
        whole = f" {look.words} "
        edges = [w for w in told["words"] if len(w) > 3 and (whole.startswith(f" {w} ") or whole.endswith(f" {w} "))]
        longest = max(map(len, edges), default=0)
        named = 0.55 + 0.4 * longest / len(look.words) if longest else named * 0.7
    shape = told["shape"]
    if not look.values or shape == "any" or shape in look.shapes or (shape == "code" and "id" in look.shapes):
        return named
    return named - 0.35


def _guess(look: _Look, role: str, confidence: float) -> Guess:
    shape = roles()[role]["shape"] if role else ("date" if look.formats else "text")
    times = [one for one in look.formats if "%H" in one or "%I" in one]
    return Guess(
        look.name,
        role,
        round(confidence, 2),
        shape,
        tuple(one for one in look.formats if one not in _ISO),
        has_time=bool(times),
        has_offset=bool(times)
        and all(value.endswith("Z") or re.search(r"[+-]\d\d:?\d\d$", value) for value in look.values),
        is_comma=any(_COMMA.fullmatch(value) for value in look.values),
        system=look.system if shape == "code" else "",
    )


def _formats(values: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns that every value fits; of day and month, both where no value tells them apart."""
    if not values:
        return ()
    return tuple(pattern for pattern in FORMATS if all(_is_date(value, pattern) for value in values))


def _is_date(text: str, pattern: str) -> bool:
    try:
        year = datetime.strptime(text, pattern).year  # noqa: DTZ007 - only asked whether it fits
    except ValueError:
        return False
    return 1850 < year < 2150


def _system(words: str, values: tuple[str, ...]) -> str:
    """The code system that most values have the shape of, or that the column's name tells."""
    shapes: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("loinc", is_loinc), ("snomed", is_snomed_concept), ("icd10cm", is_icd10cm),
    )  # fmt: skip
    for name, fits in shapes:
        if values and sum(bool(fits(value)) for value in values) >= 0.8 * len(values):
            return name
    for name, marks in _TOLD.items():
        if any(mark in words.split() for mark in marks):
            return name
    return ""


_TOLD = {
    "loinc": ("loinc",),
    "snomed": ("snomed", "sct"),
    "icd10cm": ("icd10", "icd10cm"),
    "rxnorm": ("rxnorm", "rxcui"),
    "ndc": ("ndc",),
    "cvx": ("cvx",),
    "cpt": ("cpt",),
}
