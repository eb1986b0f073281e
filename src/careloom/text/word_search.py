"""Where the words of a query stand in a text, whatever their case and accents.

A word is a run of letters and digits; what stands between words does not count, so that "follow-up" finds "follow up".
A word of the query that ends in ``*`` finds every word that begins so.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from careloom.text.note import Span

_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
"""Combining marks, which follow the letter they belong to where a text is not composed (Unicode 15, blocks)."""
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*")
_QUERY = re.compile(rf"({_WORD.pattern})(\*?)")


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query, folded; `is_start` where words that begin so are meant."""

    word: str
    is_start: bool = False

    def fits(self, word: str) -> bool:
        """True for a folded word that is meant."""
        return word.startswith(self.word) if self.is_start else word == self.word


@dataclass(frozen=True, slots=True)
class WordQuery:
    """Words that are searched: all of them anywhere, or as a phrase one after the other."""

    terms: tuple[Term, ...]
    is_phrase: bool = False

    def find(self, text: str) -> list[Span]:
        """Where they stand, by place; empty where one is missing. A phrase is one span."""
        folded_text = fold(text)
        if not self.terms or not all(term.word in folded_text for term in self.terms):
            return []  # most texts end here, without being cut into words
        places = [match.span() for match in _WORD.finditer(text)]
        words = [fold(text[start:end]) for start, end in places]
        if self.is_phrase:
            return self._phrases(words, places)
        hits = [{place for place, word in enumerate(words) if term.fits(word)} for term in self.terms]
        if not all(hits):
            return []
        return [Span(*places[place]) for place in sorted(set().union(*hits))]

    def _phrases(self, words: Sequence[str], places: Sequence[tuple[int, int]]) -> list[Span]:
        found, place, length = [], 0, len(self.terms)
        while place + length <= len(words):
            if all(term.fits(words[place + number]) for number, term in enumerate(self.terms)):
                found.append(Span(places[place][0], places[place + length - 1][1]))
                place += length
            else:
                place += 1
        return found


def word_query(text: str, *, is_phrase: bool = False) -> WordQuery:
    """The query that somebody wrote; without terms where it holds no word."""
    terms = [Term(fold(match[1]), bool(match[2])) for match in _QUERY.finditer(text)]
    return WordQuery(tuple(terms if is_phrase else dict.fromkeys(terms)), is_phrase)


def fold(text: str) -> str:
    """A text without case and without combining marks. Its length may differ."""
    if text.isascii():
        return text.lower()
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(part for part in bare if not unicodedata.combining(part))
