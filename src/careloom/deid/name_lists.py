"""Names of people and places, and words that are no names, from open lists: what a token may be.

Made by tools/make_name_lists.py and tools/make_known_words.py, which name sources and licences. A name is looked up
folded: lower case, no accents.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

import zstandard

from careloom import runtime

MALE, FEMALE, FAMILY, CITY, REGION, WORD, EPONYM, FREQUENT = (1 << bit for bit in range(8))
GIVEN = MALE | FEMALE
PERSON = GIVEN | FAMILY
PLACE = CITY | REGION

LONGEST_CACHED = 64
"""Letters of a word that is remembered from text to text; longer ones are none, and could fill the memory."""

# Letters that do not fall apart into a base letter and a mark (Unicode), and how names are written without them.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "ø": "o", "å": "a", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "œ": "oe", "ı": "i", "’": "'"}
)


def folded(word: str) -> str:
    """`word` in lower case without accents."""
    return _folded_word(word) if len(word) <= LONGEST_CACHED else _folded(word)


def _folded(word: str) -> str:
    lower = word.lower().translate(_LETTERS)
    if lower.isascii():
        return lower
    return "".join(part for part in unicodedata.normalize("NFD", lower) if not unicodedata.combining(part))


_folded_word = lru_cache(65_536)(_folded)


def _lines(name: str) -> list[str]:
    return zstandard.ZstdDecompressor().decompress(runtime.packaged("deid", f"lists/{name}.zst")).decode().split("\n")


@cache
def names() -> Mapping[str, int]:
    """Each name or place of one word, folded, with what it may be: the flags of this module."""
    found = {}
    for line in _lines("names"):
        name, _, flags = line.partition("\t")
        found[name] = int(flags, 16)
    return MappingProxyType(found)


@cache
def places() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Places of several words by their first word: the words that follow, longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in _lines("places"):
        first, *rest = line.split()
        found.setdefault(first, []).append(tuple(rest))
    return MappingProxyType({first: tuple(sorted(rest, key=len, reverse=True)) for first, rest in found.items()})


@cache
def words() -> frozenset[str]:
    """Words of English and of medicine in lower case."""
    return frozenset(_lines("words"))


@cache
def known() -> frozenset[str]:
    """Rarer words of English and of medicine, drugs and abbreviations, folded, that are none of `words`."""
    return frozenset(_lines("known"))


@cache
def pools() -> Mapping[str, tuple[str, ...]]:
    """What surrogates are drawn from: ``male``, ``female``, ``family`` (capitalised) and ``city``."""
    found = {}
    for line in _lines("pools"):
        kind, _, values = line.partition("\t")
        found[kind] = tuple(values.split("|")) if kind == "city" else tuple(name.title() for name in values.split())
    return MappingProxyType(found)
