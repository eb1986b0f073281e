"""Runs of words that a text shares with one note of a collection: forbidden while writing, and measured afterwards.

A run is counted in words (letters and digits that stand together), without case; punctuation does not break it.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from careloom.synth.notes_slots import words_in


def _hashed(words: Sequence[str]) -> int:
    return int.from_bytes(blake2b(" ".join(words).encode(), digest_size=8).digest(), "little")


class Guard:
    """Runs of `length` words that must not be written: each is of one training note.

    It tells who holds it whether such a run stood in a training note: keep it where the notes are kept.
    """

    def __init__(self, length: int, hashes: Iterable[int] = ()) -> None:
        self.length = length
        self._held = set(hashes)

    @staticmethod
    def of(texts: Iterable[str], length: int) -> "Guard":
        """The runs of texts."""
        held = set()
        for text in texts:
            words = words_in(text)
            held |= {_hashed(words[at : at + length]) for at in range(len(words) - length + 1)}
        return Guard(length, held)

    def has(self, words: Sequence[str]) -> bool:
        """Whether the last words, `length` of them, are such a run."""
        return len(words) >= self.length and _hashed(words[-self.length :]) in self._held

    def array(self) -> npt.NDArray[np.uint64]:
        """The runs as sorted hashes."""
        return np.array(sorted(self._held), np.uint64)


class Longest:
    """The longest run that texts share with one of many, each text in time linear in its words.

    A suffix automaton of all texts, joined by words that no text has: runs never cross from one text to the next.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._link, self._size = [-1], [0]
        last = 0
        for number, text in enumerate(texts):
            for word in words_in(text):
                last = self._add(last, word)
            last = self._add(last, f"\n{number}")

    def _add(self, last: int, word: str) -> int:
        new = self._state(self._size[last] + 1, {})
        at = last
        while at >= 0 and word not in self._next[at]:
            self._next[at][word] = new
            at = self._link[at]
        if at < 0:
            self._link[new] = 0
            return new
        onward = self._next[at][word]
        if self._size[at] + 1 == self._size[onward]:
            self._link[new] = onward
            return new
        copy = self._state(self._size[at] + 1, dict(self._next[onward]))
        self._link[copy] = self._link[onward]
        while at >= 0 and self._next[at].get(word) == onward:
            self._next[at][word] = copy
            at = self._link[at]
        self._link[onward] = self._link[new] = copy
        return new

    def _state(self, size: int, onward: dict[str, int]) -> int:
        self._next.append(onward)
        self._link.append(-1)
        self._size.append(size)
        return len(self._size) - 1

    def run(self, text: str) -> list[str]:
        """The words of the longest run of `text` that one of the texts has."""
        words, at, size, best, end = words_in(text), 0, 0, 0, 0
        for number, word in enumerate(words, 1):
            while at and word not in self._next[at]:
                at = self._link[at]
                size = self._size[at]
            if word in self._next[at]:
                at, size = self._next[at][word], size + 1
            if size > best:
                best, end = size, number
        return words[end - best : end]


class Tail:
    """The last words of a text that grows."""

    __slots__ = ("_is_open", "_words")

    def __init__(self, words: Sequence[str] = (), is_open: bool = False) -> None:
        self._words, self._is_open = list(words), is_open

    def copy(self) -> "Tail":
        """One that grows by itself."""
        return Tail(self._words, self._is_open)

    def takes(self, piece: str, guard: Guard) -> bool:
        """Adds a piece unless it would complete a run of the guard; says whether it was added."""
        new = words_in(piece)
        if not new:
            self._is_open = self._is_open and not piece
            return True
        words = list(self._words)
        if self._is_open and _is_word(piece[0]):
            new[0] = words.pop() + new[0]
        for word in new:
            words.append(word)
            if guard.has(words):
                return False
        self._words, self._is_open = words[-guard.length :], _is_word(piece[-1])
        return True


def _is_word(letter: str) -> bool:
    return letter.isalnum()
