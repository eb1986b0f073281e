"""Keeps a set of notes to what training notes speak of: the shares of labels and statuses over all patients.

A note is written block by block, and each plan loses what there is nothing to say of, what the guard stops, and what
its record is silent about. What a set of notes has said too seldom so far is therefore called for a little more, what
it has said too often a little less. So it is with the words between mentions. The shares that are aimed at are sums
over all patients.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from careloom.synth.notes_material import Material

_STEADY = 150.0
"""Mentions that a set is thought to have begun with, as they should be: the first few sway nothing."""


class Tally:
    """What the notes of one set have said so far, corpus by corpus.

    material  with the shares of training notes, and their words between mentions
    strength  0: not steered; 1: odds are multiplied by how far the set lags behind
    most      factor of odds at most, and its inverse at least, as a logarithm
    """

    def __init__(self, material: Material, strength: float, most: float) -> None:
        self.material = material
        self._aims = {corpus: _parts_of_one(counts) for corpus, counts in material.shares.items()}
        self._words: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._strength, self._most = strength, most
        self._said: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, corpus: str, slots: Iterable[str], times: int = 1) -> None:
        """Slots that were planned; `times` -1: that were not told after all."""
        said = self._said[corpus]
        for slot in slots:
            if slot in self._aims.get(corpus, {}):
                said[slot] += times

    def pull(self, corpus: str, slots: Sequence[str]) -> npt.NDArray[np.float64]:
        """[slots] what to add to the score of each."""
        aims, said = self._aims.get(corpus, {}), self._said[corpus]
        every = said.total() + _STEADY
        lags = [
            np.log(aims[slot] * every / (said[slot] + aims[slot] * _STEADY)) if slot in aims else 0.0 for slot in slots
        ]
        return np.clip(self._strength * np.array(lags, float), -self._most, self._most)

    def wrote(self, corpus: str, words: int, slots: int) -> None:
        """A block of so many symbols of text with so many slots."""
        self._words[corpus][0] += words
        self._words[corpus][1] += slots

    def patience(self, corpus: str) -> float:
        """What to take from the score of the next slot where a set is terser than training notes."""
        words, slots = self.material.paces.get(corpus, (0, 0))
        if not words or not slots:
            return 0.0
        mine, told = self._words[corpus]
        terse = np.log(words / slots * (told + _STEADY) / (mine + _STEADY * words / slots))
        return float(np.clip(self._strength * terse, 0.0, self._most / 2))


def _parts_of_one(counts: Mapping[str, int]) -> dict[str, float]:
    every = sum(counts.values())
    return {slot: count / every for slot, count in counts.items()}
