"""What senders write for a unit, read as UCUM; every rewriting is reported.

    read("mmHg", "OBX-6.1")        Reading("mm[Hg]", issue terminology.unit-rewritten)
    read("x10E3/uL", "OBX-6.1")    Reading("10*3/uL", issue terminology.unit-rewritten)
    read("mg/dL", "OBX-6.1")       Reading("mg/dL", None)

The rewritings are declared in ``units/spellings.toml``; what they do not reach is tried in UCUM's own case-insensitive
form (``MMOL/L``). A text in capitals is that form: ``MG`` is a milligram, not a megagauss. A text that may mean two
units (``units``, ``X_10-3/uL``) is not guessed.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from careloom import runtime
from careloom.issues import Issue
from careloom.terminology.ucum import CHARACTERS_AT_MOST, is_valid, parse
from careloom.terminology.ucum_table import table


@dataclass(frozen=True, slots=True)
class Reading:
    """A unit as it was meant: its UCUM code, None where none is known; and what a person should know about it."""

    code: str | None
    issue: Issue | None


@dataclass(frozen=True, slots=True)
class _Spellings:
    nothing: frozenset[str]
    meant: Mapping[str, str]
    characters: Mapping[int, str]
    whole: Mapping[str, str]
    part: Mapping[str, str]


# ten to a power, as laboratories print it: x10E3, 10^3, 10e3, 10exp3, 10+3, 10 3, X 10(3), 10**3
_POWER = re.compile(r"(?:x ?)?10 ?(?:e|\^|\*{1,2}|exp|\+|\()\+? ?(?P<minus>-?)(?P<power>\d{1,2})\)?", re.IGNORECASE)
_RAISED = re.compile(r"(?<=[A-Za-z\]])\^(?=-?\d)")  # m^2 -> m2
_SEPARATOR = re.compile(r"( ?[/.()] ?)")
_PER = re.compile(r" per ", re.IGNORECASE)
_COUNTED = re.compile(r"(\d+) ?([A-Za-z].*)")  # 24 hr -> (24.h)
_DECIMAL = re.compile(r"(?<![0-9*^])[0-9]+\.[0-9]")  # 1.73 is 1 times 73 in UCUM: nobody means it
_ANNOTATION = re.compile(r"\{[^}]*\}")
_PIECE = re.compile(r"([A-Za-z%'_\[\]]+)([+-]?\d*)")


@cache
def _spellings() -> _Spellings:
    data = tomllib.loads(runtime.packaged("terminology", "units/spellings.toml").decode())
    characters = {ord(one): other for one, other in data["characters"].items()}
    return _Spellings(frozenset(data["nothing"]), data["meant"], characters, data["whole"], data["part"])


@cache
def _capitals() -> Mapping[str, str]:
    """UCUM's case-insensitive symbols with and without a prefix -> case-sensitive symbol."""
    units = table()
    found: dict[str, str] = {}
    for prefix, capital in units.prefix_capitals.items():
        for atom in units.atoms.values():
            if atom.is_metric:
                found[capital + atom.capital.upper()] = prefix + atom.code
    return found | {atom.capital.upper(): atom.code for atom in units.atoms.values()}


def _part(text: str) -> str:
    """One part between two operators, rewritten where a rewriting is known."""
    known = _spellings().part.get(text.lower())
    if known is not None:
        return known
    power = _POWER.fullmatch(text)
    if power is not None:
        return f"10*{power['minus']}{int(power['power'])}"
    counted = _COUNTED.fullmatch(text)
    if counted is not None:
        return f"({counted[1]}.{_part(counted[2])})"
    raised = _RAISED.sub("", text)
    piece = _PIECE.fullmatch(raised)
    if piece is None or is_valid(raised):
        return raised
    name, exponent = piece[1], piece[2]
    return (_spellings().part.get(name.lower()) or _capitals().get(name.upper(), name)) + exponent


def _rewritten(text: str) -> str | None:
    """The UCUM code that a text stands for; None where no declared rewriting leads to one."""
    spellings = _spellings()
    folded = " ".join(text.translate(dict(spellings.characters)).split())
    for whole in (folded, folded.rstrip(".")):
        if whole.lower() in spellings.whole:
            return spellings.whole[whole.lower()]
        if whole.lower() in spellings.part:
            return spellings.part[whole.lower()]
    folded = _PER.sub("/", folded)
    if _DECIMAL.search(folded):
        return None
    if is_valid(folded) and " " not in folded:
        return folded
    parts = [part.strip() if place % 2 else _part(part) for place, part in enumerate(_SEPARATOR.split(folded))]
    joined = "".join(parts)
    return joined if " " not in joined and is_valid(joined) else None


def _in_capitals(text: str) -> str | None:
    """The code that a text in UCUM's case-insensitive form means; None where it has small letters or braces."""
    if text != text.upper() or "{" in text:
        return None
    parts = []
    for place, part in enumerate(_SEPARATOR.split(text)):
        piece = _PIECE.fullmatch(part)
        parts.append(part if place % 2 or piece is None else _capitals().get(piece[1], piece[1]) + piece[2])
    joined = "".join(parts)
    return joined if is_valid(joined) else None


@lru_cache(maxsize=8192)
def _read(text: str) -> tuple[str | None, str]:
    """(code, what happened): ``valid``, ``meant``, ``rewritten``, ``unknown``."""
    meant = _spellings().meant
    if len(text) > CHARACTERS_AT_MOST or text.lower() in _spellings().nothing:
        return None, "unknown"
    if text in meant:
        return meant[text], "meant"
    capitals = _in_capitals(text)
    if is_valid(text) and not _DECIMAL.search(_ANNOTATION.sub("", text)):
        same = capitals is None or parse(capitals).factor == parse(text).factor
        return (text, "valid") if same else (capitals, "meant")
    code = _rewritten(text) if capitals is None else capitals
    return (None, "unknown") if code is None else (meant.get(code, code), "rewritten")


def read(text: str, place: str) -> Reading:
    """A unit text as a UCUM code, with an issue unless it was UCUM from the start.

    place   where the text stands, for the issue
    """
    code, outcome = _read(text.strip())
    if outcome == "valid":
        return Reading(code, None)
    if outcome == "unknown":
        issue = Issue(
            "terminology.unit-unknown",
            "warning",
            place,
            "the unit is not UCUM and no spelling of a unit known here",
            "Send the unit in UCUM, or add the spelling to the mapping of this source.",
        )
    elif outcome == "meant":
        issue = Issue(
            "terminology.unit-unlikely",
            "warning",
            place,
            "the unit is UCUM, but of something that hospitals do not measure: read as what it is an abbreviation of",
            "Send the unit in UCUM: 10*3/uL, not K/uL.",
        )
    else:
        issue = Issue(
            "terminology.unit-rewritten",
            "information",
            place,
            "the unit was no UCUM: read as the UCUM code that it stands for",
            "Send the unit in UCUM.",
        )
    return Reading(code, issue)
