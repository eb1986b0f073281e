"""The shadow of a text: what a reader sees, in plain characters, and where each of them came from.

Zero-width and invisible characters go, compatibility forms (full-width, mathematical, ligatures) become plain (NFKC),
digits of every script become 0-9, hyphens and spaces of every kind become ``-`` and `` ``, and letters that look like
Latin ones become those: in a word that mixes scripts, and in a word of look-alikes only.

sources  Unicode NFKC and decimal digits (unicodedata); look-alikes: the Cyrillic and Greek letters below, those of
         Unicode Technical Standard 39 that differ from a Latin letter in no common typeface
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from careloom.deid.text_reading import Reading
from careloom.text.note import Span
from careloom.text.offsets import OffsetMap, replace

_INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufe00\ufe01\ufe0e\ufe0f\ufeff"
)
_ALIKE = dict(
    zip(
        "АВЕКМНОРСТУХЅІЈԌԚԜаеорсухѕіјԛԝһԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧονıɡ",
        "ABEKMHOPCTYXSIJGQWaeopcyxsijqwhdABEZHIKMNOPTYXovig",
        strict=True,
    )
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"[^\W_]+")
_ANY_ALIKE = re.compile("[" + "".join(_ALIKE) + "]")


@dataclass(frozen=True, slots=True)
class Shadow:
    """`text` to search in; `back` says where its places lie in the text that it was made of."""

    text: Reading
    to_source: OffsetMap | None

    def back(self, span: Span) -> Span:
        """The place of the source text."""
        return span if self.to_source is None else self.to_source.span(span)


def shadow(text: str) -> Shadow:
    """The shadow of `text`; the text itself where nothing in it is disguised."""
    if text.isascii():
        return Shadow(Reading(text), None)
    edits = [
        (Span(*found.span()), plain) for found in _NOT_ASCII.finditer(text) if (plain := _plain(found[0])) != found[0]
    ]
    first, forward = replace(text, edits) if edits else (text, OffsetMap.identity(len(text)))
    edits = []
    for word in _WORD.finditer(first) if _ANY_ALIKE.search(first) else ():
        if not _ANY_ALIKE.search(word[0]):
            continue
        letters = [letter for letter in word[0] if letter.isalpha()]
        if any(letter.isascii() for letter in word[0]) or (
            len(letters) > 1 and all(letter in _ALIKE for letter in letters)
        ):
            edits += [
                (Span(word.start() + place, word.start() + place + 1), _ALIKE[letter])
                for place, letter in enumerate(word[0])
                if letter in _ALIKE
            ]
    if edits:
        second, then = replace(first, edits)
        return Shadow(Reading(second), forward.then(then).inverted())
    return Shadow(Reading(first), forward.inverted() if forward.edits else None)


@lru_cache(8192)
def _plain(character: str) -> str:
    """What one character is read as."""
    if character in _INVISIBLE:
        return ""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category == "Pd" or character in "\u2212\u2043":
        return "-"
    if category == "Zs":
        return " "
    if character in "\u2018\u2019\u02bc\u2032\uff07":
        return "'"
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain != character and not plain.startswith(" ") else character
