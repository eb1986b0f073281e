"""Finds names by the words they hold, misspelt ones too, and ranks them by likeness.

All names lie in one byte string; the rarest word of a text is looked for there, the other words among what it found. No
word list is built until a word is misspelt.
"""

import re
from array import array
from bisect import bisect_right
from functools import cached_property

from rapidfuzz import fuzz, process, utils

_RANKED_AT_LEAST = 60
_STARTS = 3
_TAKEN_AT_MOST = 20_000
"""How many names that hold the rarest word are looked at: a text of common words only sees the first ones."""


class NameIndex:
    """Names with the rows they belong to. Add all, `close`, then ask."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._rows = array("L")
        self._starts = array("L")
        self._text = ""

    def add(self, row: int, name: str) -> None:
        """One name of a row."""
        self._names.append(name)
        self._rows.append(row)

    def close(self) -> None:
        """Makes the names ready to be asked for."""
        parts, place = [], 0
        for name in self._names:
            plain = f" {utils.default_process(name)}\n"
            self._starts.append(place)
            place += len(plain)
            parts.append(plain)
        self._text = "".join(parts)

    def _plain(self, number: int) -> str:
        start = self._starts[number]
        return self._text[start + 1 : self._text.index("\n", start)]

    @cached_property
    def _words(self) -> list[str]:
        return sorted(set(re.findall(r"[^\W\d_]{4,}", self._text)))

    def _nearest_word(self, word: str) -> str | None:
        """The known word most like a misspelt one."""
        if len(word) < 4:
            return None
        found = process.extractOne(word, self._words, scorer=fuzz.ratio, score_cutoff=75)
        return found[0] if found else None

    def _holding(self, word: str) -> list[int]:
        """The numbers of the names in which a word begins with `word`."""
        found: list[int] = []
        needle, place = f" {word}", self._text.find(f" {word}")
        while place >= 0 and len(found) < _TAKEN_AT_MOST:
            found.append(bisect_right(self._starts, place) - 1)
            place = self._text.find(needle, self._text.index("\n", place))
        return found

    def _candidates(self, words: list[str], at_least: int) -> list[int]:
        """Names that hold all words, or as many of them as can be had."""
        counts = {word: self._text.count(f" {word}") for word in set(words)}
        known = sorted((word for word in counts if counts[word]), key=lambda word: counts[word])
        best: list[int] = []
        most = 0
        for first in known[:_STARTS]:
            held, found = self._narrowed(first, known, at_least)
            if held > most:
                most, best = held, found
            if most == len(known):
                break
        return best

    def _narrowed(self, first: str, words: list[str], at_least: int) -> tuple[int, list[int]]:
        """How many words, taken in turn, some name holds; and the names that hold most of them, `at_least` so many."""
        found, held = self._holding(first), 1
        enough = found
        for word in words:
            fewer = [number for number in found if f" {word}" in f" {self._plain(number)}"] if word != first else []
            if fewer:
                found, held = fewer, held + 1
                enough = found if len(found) >= at_least else enough
        return held, enough

    def nearest(self, text: str, limit: int) -> list[tuple[int, str, float]]:
        """(row, name, likeness from 0 to 100), best first, one for each row; at most `limit`."""
        words = utils.default_process(text).split()
        known = [word if f" {word}" in self._text else self._nearest_word(word) for word in words]
        corrected = [word for word in known if word is not None]
        wanted = " ".join(corrected)
        plain = {number: self._plain(number) for number in self._candidates(corrected, 3 * limit)}
        ranked = process.extract(
            wanted, plain, scorer=fuzz.token_sort_ratio, limit=max(_RANKED_AT_LEAST, 6 * limit), processor=None
        )
        scored = sorted(
            ((self._likeness(wanted, text, name), number) for name, _, number in ranked),
            key=lambda item: (-item[0], len(self._names[item[1]]), item[1]),
        )
        found: dict[int, tuple[int, str, float]] = {}
        for score, number in scored:
            row = self._rows[number]
            found.setdefault(row, (row, self._names[number], score))
        return list(found.values())[:limit]

    @staticmethod
    def _likeness(corrected: str, text: str, name: str) -> float:
        """Words in any order, less what the name says beyond them, less what had to be corrected."""
        whole = fuzz.token_sort_ratio(corrected, name)
        part = fuzz.token_set_ratio(corrected, name)
        typed = fuzz.ratio(corrected, utils.default_process(text)) / 100
        return round((0.6 * whole + 0.4 * part) * typed, 2)
