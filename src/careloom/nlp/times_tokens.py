"""The tokens of a text as time expressions see them: each of one class, from its look or from a list of words."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from careloom import runtime

FIRST_YEAR, LAST_YEAR = 1900, 2099
_MARKS = {
    "-": "HYPHEN", "–": "HYPHEN", "—": "HYPHEN", "−": "HYPHEN", "‐": "HYPHEN", "‑": "HYPHEN", ",": "COMMA", ".": "DOT",
    "/": "SLASH", "'": "APOSTROPHE", "’": "APOSTROPHE", "(": "OPEN", ")": "CLOSE",
    "#": "HASH", "+": "PLUS", ":": "COLON",
}  # fmt: skip
LETTER_UNITS = {"d": "D", "h": "H", "w": "W", "y": "Y"}
_SUFFIXES = frozenset(("st", "nd", "rd", "th"))
_TOKEN = re.compile(
    r"""
      (?P<ampm>    (?<=[\d\s])[ap]\.[ ]?m(?:\.|(?!\w)) )
    | (?P<word>    [^\W\d_]+(?:['’][a-z]+)* )
    | (?P<mark>    [^\w\s]|_ )
    | (?P<blank>   \n[^\S\n]*\n\s* )
    | (?P<date>    (?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])
                   (?:t\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:z|[+-]\d\d:?\d\d)?)?(?![\d-]|[/.]\d)
                 | \d{1,2}(?P<sep>[-/.])\d{1,2}(?P=sep)(?:\d{4}|\d\d)(?![\d-]|[/.]\d) )
    | (?P<clock>   (?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?(?![\d:]) | (?:[01]?\d|2[0-3])h[0-5]\d(?!\w) )
    | (?P<part>    (?:19|20)\d\d[-/](?:0[1-9]|1[0-2])(?![\d/-])
                 | (?:0?[1-9]|1[0-2])/(?:(?:19|20)\d\d|[0-3]?\d)(?![\d/%-]|\.\d) )
    | (?P<decade>  (?:(?:19|20)?\d0)['’]?s(?!\w) )
    | (?P<code>    \d+(?:[-/:.]\d+){2,} | \d{3,}[-.]\d{3,}[\w-]* | \d+-[a-z]+\d[\w-]* )
    | (?P<number>  \d+(?:,\d{3})+(?![\d]) | \d+(?:\.\d+)? )
    | (?P<rest>    \S )
    """,
    re.VERBOSE,
)
_BEFORE_DIGITS = frozenset(("pod", "hd", "d", "day", "x", "q", "since", "in"))


class Token(NamedTuple):
    """One token: its place, its class, and the text in small letters."""

    start: int
    end: int
    kind: str
    text: str


@cache
def declared_bytes() -> bytes:
    """times.toml as it ships."""
    return runtime.packaged("nlp", "times.toml")


@cache
def declared() -> Mapping[str, Any]:
    """What times.toml says."""
    return tomllib.loads(declared_bytes().decode())


@cache
def words() -> Mapping[str, Mapping[str, str | int]]:
    """Class -> word -> what it is worth; a word without a value is worth itself."""
    out: dict[str, Mapping[str, str | int]] = {}
    for kind, some in declared()["words"].items():
        out[kind] = dict(some) if isinstance(some, dict) else {word: word for word in some}
    return out


@cache
def _class_of() -> Mapping[str, str]:
    return {word: kind for kind, some in words().items() for word in some}


def worth(kind: str, text: str) -> str | int:
    """The value of a word of a class."""
    return words()[kind][text]


def small(text: str) -> str:
    """`text` in small letters, every offset as it was."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(one if len(one) == 1 else letter for letter in text for one in (letter.lower(),))


def tokenized(text: str) -> list[Token]:
    """The tokens of `text`, in order."""
    lower = small(text)
    kinds = _class_of()
    out: list[Token] = []
    last: Token | None = None
    for found in _TOKEN.finditer(lower):
        start, end = found.span()
        look = found.lastgroup
        piece = found[0]
        if look == "word":
            kind = kinds.get(piece)
            if kind is None:
                kind = _letters(piece, last, text, start, end) if last is not None or piece == "d" else "OTHER"
        elif look == "number":
            kind = _number(piece)
        elif look == "mark":
            kind = _MARKS.get(piece) or kinds.get(piece, "OTHER")
        else:
            kind = _LOOKS[str(look)]
        last = Token(start, end, kind, piece)
        out.append(last)
    return out


_LOOKS = {
    "blank": "BREAK", "date": "DATE", "sep": "DATE", "clock": "CLOCK", "part": "PART_DATE", "decade": "DECADE",
    "code": "CODE",
    "ampm": "AMPM", "rest": "OTHER",
}  # fmt: skip


def _letters(piece: str, before: Token | None, text: str, start: int, end: int) -> str:
    """The class of letters that stand in no list: a unit or a suffix at a number, a misspelt unit, or nothing."""
    after = text[end : end + 1]
    if piece == "d" and (after.isdigit() or text[end : end + 2].strip()[:1].isdigit()):
        return "DAYLETTER"
    if before is None or before.kind not in _COUNTS or after.isdigit():
        return "OTHER"
    if piece in {"am", "pm"} and before.kind != "CARDINAL":
        return "AMPM"
    is_glued = before.end == start
    if is_glued and piece in _SUFFIXES:
        return "SUFFIX"
    if piece in LETTER_UNITS and start - before.end <= 1 and len(before.text) <= 3:
        is_figure = before.start and (text[before.start - 1] == "." or text[before.start - 1].isalpha())  # Fig.3d
        return "OTHER" if is_glued and (text[start].isupper() or is_figure) else "LETTER_UNIT"
    return "UNIT" if len(piece) > _SHORT and piece in _slips() else "OTHER"


_COUNTS = frozenset(("CLOCK", "INT", "NUM", "DEC", "YEAR", "FOUR", "CARDINAL", "VAGUE", "DOTTED"))
_SHORT = 3


@cache
def _slips() -> Mapping[str, str]:
    """Units with one slip of the keyboard -> the unit: two letters swapped, one left out, doubled or another one."""
    out: dict[str, str] = {}
    known = {word for kind in ("UNIT", "HOUR", "MINUTE", "DAY") for word in words()[kind]}
    for word in sorted(known):
        if len(word) <= _SHORT:
            continue
        for at in range(1, len(word)):
            head, tail = word[:at], word[at:]
            slips = {head + tail[1:], head + tail[0] + tail, head[:-1] + tail[0] + head[-1] + tail[1:]}
            slips |= {head + letter + tail[1:] for letter in "abcdefghijklmnopqrstuvwxyz"}
            for slip in slips - known:
                out.setdefault(slip, word)
    return out


def unit_of(token: Token) -> str:
    """ISO 8601's letter of a unit of time, in front of it how many; minutes are ``m``."""
    if token.kind == "LETTER_UNIT":
        return LETTER_UNITS[token.text]
    word = token.text
    for kind in ("UNIT", "HOUR", "MINUTE", "DAY"):
        if word in words()[kind]:
            return str(words()[kind][word])
    known = _slips().get(word, "")
    return next((str(words()[kind][known]) for kind in ("UNIT", "HOUR", "MINUTE", "DAY") if known in words()[kind]), "")


def _number(piece: str) -> str:
    if "." in piece:
        whole, _, rest = piece.partition(".")
        is_clock = len(rest) == 2 and len(whole) <= 2 and int(whole) < 24 and int(rest) < 60
        return "DOTTED" if is_clock else "DEC"
    if len(piece) <= 2:
        return "INT"
    if len(piece) == 4 and piece.isascii():
        if FIRST_YEAR <= int(piece) <= LAST_YEAR:
            return "YEAR"
        if int(piece[:2]) < 24 and int(piece[2:]) < 60:
            return "FOUR"
    return "NUM"
