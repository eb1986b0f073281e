"""A sentence as rules read it: small letters, one blank, short forms written out, slips mended; offsets come back."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from careloom.text.note import Span

_PIECE = re.compile(r"\w/o?(?!\w)|h/o(?!\w)|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_")
SHORT: Mapping[str, str] = {
    "w/": "with",
    "w/o": "without",
    "w": "with",
    "c/": "with",
    "s/": "without",
    "h/o": "history of",
    "hx": "history",
    "pt": "patient",
    "pt's": "patient's",
    "yrs": "years",
    "yr": "year",
    "wk": "week",
    "wks": "weeks",
    "mo": "month",
    "mos": "months",
    "mins": "minutes",
    "occas": "occasional",
    "prev": "previous",
    "dtr": "daughter",
    "dtrs": "daughters",
    "gf": "girlfriend",
    "bf": "boyfriend",
    "hs": "high school",
    "fam": "family",
    "apt": "apartment",
    "apts": "apartments",
    "appt": "appointment",
    "appts": "appointments",
    "rec": "recreational",
    "fhx": "family history",
    "bw": "between",
    "unempl": "unemployed",
    "approx": "approximately",
}
"""What notes shorten -> what is meant."""
LEAST_MENDED = 6


@dataclass(frozen=True, slots=True)
class Folded:
    """A sentence folded.

    text    what the rules read
    begins  offsets in `text` at which its pieces begin
    places  where each piece stands in the note
    """

    text: str
    begins: tuple[int, ...]
    places: tuple[Span, ...]

    def original(self, start: int, end: int) -> Span:
        """The characters of the note that stand behind those of the folded text."""
        first = max(0, bisect_right(self.begins, start) - 1)
        last = max(first, bisect_right(self.begins, max(start, end - 1)) - 1)
        return Span(self.places[first].start, self.places[last].end)


def folded(text: str, span: Span, words: "Words") -> Folded:
    """The sentence of `text` at `span`."""
    parts: list[str] = []
    begins: list[int] = []
    places: list[Span] = []
    at, last = 0, span.start
    for found in _PIECE.finditer(text, span.start, span.end):
        if found.start() > last and parts:
            parts.append(" ")
            at += 1
        piece = words.plain(found[0])
        begins.append(at)
        places.append(Span(*found.span()))
        parts.append(piece)
        at += len(piece)
        last = found.end()
    return Folded("".join(parts), tuple(begins), tuple(places))


class Words:
    """The words that rules know: mends slips of others towards them, and tells what each is a sign of.

    known  words of the patterns: those that are a sign of something are what slips are mended to
    signs  word, or its beginning with a star -> what it is a sign of
    right  other words that are no slips
    """

    def __init__(self, known: Iterable[str], signs: Iterable[tuple[str, str]], right: Iterable[str]) -> None:
        self._exact: dict[str, set[str]] = {}
        self._begin: dict[str, set[str]] = {}
        for word, sign in signs:
            table = self._begin if word.endswith("*") else self._exact
            table.setdefault(word.rstrip("*"), set()).add(sign)
        self._lengths = sorted({len(word) for word in self._begin})
        words = frozenset(known)
        self._known = words | SHORT.keys() | frozenset(right)
        self._near: dict[str, str] = {}
        self._meant = {word for word in words if len(word) >= LEAST_MENDED and self._signs(word)}
        for word in sorted(self._meant):
            for shorter in _without_one(word):
                self._near.setdefault(shorter, word)
        self.plain = lru_cache(maxsize=65536)(self._plain)
        self.signs_of = lru_cache(maxsize=65536)(self._signs_of)

    def _plain(self, piece: str) -> str:
        word = piece.lower().replace("’", "'")
        return SHORT.get(word) or self._mended(word)

    def _mended(self, word: str) -> str:
        """The known word that is one slip of the keyboard away and begins with the same letter, else the word."""
        if len(word) < LEAST_MENDED or word in self._known or not (word.isascii() and word.isalpha()):
            return word
        if word.endswith("s") and word[:-1] in self._known:
            return word
        tried = [self._near.get(word)]
        for shorter in _without_one(word):
            tried.append(shorter if shorter in self._meant else None)
            tried.append(self._near.get(shorter))
        return next((one for one in tried if one and one[0] == word[0] and one[-1] == word[-1]), word)

    def _signs_of(self, piece: str) -> frozenset[str]:
        return self._signs(self._plain(piece))

    def _signs(self, word: str) -> frozenset[str]:
        found = set(self._exact.get(word, ()))
        for length in self._lengths:
            found |= self._begin.get(word[:length], set())
        return frozenset(found)

    def signs_in(self, text: str, span: Span) -> set[str]:
        """All that the words of a sentence are signs of."""
        out: set[str] = set()
        for piece in _PIECE.findall(text, span.start, span.end):
            if signs := self.signs_of(piece):
                out |= signs
        return out


def _without_one(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(1, len(word))]
