"""What abbreviations mean: as the note itself defines them, else as clinical notes mostly use them.

source  A. S. Schwartz, M. A. Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical text",
        Pacific Symposium on Biocomputing 8, 2003, 451-462
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import zstandard

from careloom import runtime

_BRACKET = re.compile(r"\(\s*([A-Za-z0-9][^()\n;,]{0,11}?)\s*[;,)]")
_BEFORE = 160
"""Characters before a bracket in which the long form stands."""
_RARE = 50
"""A meaning of less than 5 % of all occurrences is none to expect."""
_NEIGHBOURHOOD = 300


@cache
def _own() -> Mapping[str, Mapping[str, list[str]]]:
    lists = tomllib.loads(runtime.packaged("nlp", "linking.toml").decode())
    return MappingProxyType({name: lists[name] for name in ("abbreviations", "neighbours")})


@cache
def _listed() -> Mapping[str, tuple[tuple[str, int], ...]]:
    packed = runtime.packaged("nlp", "abbreviations.zst")
    found = {}
    for line in zstandard.ZstdDecompressor().decompress(packed).decode().split("\n"):
        short, _, parts = line.partition("\t")
        pairs = (part.rpartition(" ") for part in parts.split("|"))
        found[short] = tuple((meaning, int(share)) for meaning, _, share in pairs)
    return MappingProxyType(found)


def _long_form(short: str, before: str) -> str | None:
    """The end of `before` whose letters, in order, are those of `short`, the first one at the start of a word."""
    place = len(before) - 1
    for number in range(len(short) - 1, -1, -1):
        letter = short[number].lower()
        if not letter.isalnum():
            continue
        while place >= 0 and (
            before[place].lower() != letter or (number == 0 and place > 0 and before[place - 1].isalnum())
        ):
            place -= 1
        if place < 0:
            return None
        place -= 1
    return before[before.rfind(" ", 0, place + 2) + 1 :]


def definitions(text: str) -> dict[str, str]:
    """Abbreviation -> long form, of every ``long form (LF)`` of a text; the first definition counts."""
    found: dict[str, str] = {}
    for bracket in _BRACKET.finditer(text):
        short = bracket[1]
        if short in found or not any(letter.isalpha() for letter in short) or short.count(" ") > 1:
            continue
        words = text[max(0, bracket.start() - _BEFORE) : bracket.start()].split()
        most = min(len(short) + 5, 2 * len(short))
        long = _long_form(short, " ".join(words[-most:])) if words else None
        if long and len(long) > len(short) and short.lower() not in long.lower().split():
            found[short] = long
    return found


@cache
def usual_meanings(short: str) -> tuple[tuple[str, int], ...]:
    """(meaning, share in thousandths) of an abbreviation in clinical notes, the most frequent first, without rare ones.

    Our own list comes first, with a share that keeps its order.
    """
    bare = re.sub(r"[^a-z0-9]", "", short.lower())
    own = _own()["abbreviations"].get(bare, [])
    listed = _listed().get(bare, ())
    pairs = [(meaning, 1000 - 100 * place) for place, meaning in enumerate(own)]
    total = sum(share for _, share in listed) or 1
    pairs += [(meaning, share) for meaning, share in listed if share * 1000 / total >= _RARE or len(own) == 0]
    kept: dict[str, int] = {}
    for meaning, share in pairs:
        kept.setdefault(meaning, share)
    return tuple(kept.items())


def is_ours(short: str) -> bool:
    """True for an abbreviation of our own list."""
    return re.sub(r"[^a-z0-9]", "", short.lower()) in _own()["abbreviations"]


def decided_meaning(short: str, around: str) -> str | None:
    """The one meaning of an abbreviation that the words around it speak for; None where they speak for none or two."""
    words, neighbours = around.lower(), _own()["neighbours"]
    hits = {
        meaning: sum(1 for part in neighbours[meaning] if part in words)
        for meaning, _ in usual_meanings(short)
        if meaning in neighbours
    }
    ordered = sorted(hits.values(), reverse=True)
    if len(hits) < 2 or not ordered[0] or ordered[0] == ordered[1]:
        return None
    return max(hits, key=lambda meaning: hits[meaning])


def meanings(short: str, around: str) -> list[str]:
    """What an abbreviation may mean among these words, the likeliest first."""
    words = around.lower()
    neighbours = _own()["neighbours"]

    def weight(item: tuple[str, int]) -> float:
        meaning, share = item
        hits = sum(1 for part in neighbours.get(meaning, ()) if part in words)
        hits += 2 * sum(1 for word in meaning.split() if len(word) > 4 and word in words)
        return share / 1000 + hits

    return [meaning for meaning, _ in sorted(usual_meanings(short), key=lambda item: -weight(item))]
