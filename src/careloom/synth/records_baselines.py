"""What a generator of records has to beat: codes that know nothing of each other, words that know the one before."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from careloom.synth.records import EVENTS
from careloom.synth.records_streams import Clock, Streams
from careloom.synth.records_vocabulary import BEGIN, PAD, Vocabulary

Ints = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float32]
_BACKED_OFF = 5.0
"""How many words of the overall frequencies are added to what followed each word."""


@dataclass(frozen=True, slots=True, eq=False)
class Independent:
    """Each code happens on a day of an encounter as often as it does anywhere, whatever else happens."""

    weights: Weights

    def begin(self, patients: int) -> None:
        """So many patients of whom nothing was said."""

    def step(self, words: Ints, clock: Clock) -> Weights:
        """[patients, words] the same for everybody."""
        return np.broadcast_to(self.weights, (len(words), len(self.weights)))

    def keep(self, rows: Ints) -> None:
        """Only these patients go on."""


@dataclass(frozen=True, slots=True, eq=False)
class Markov:
    """Each word as often as it followed the word before. weights [words, words]"""

    weights: Weights

    def begin(self, patients: int) -> None:
        """So many patients of whom nothing was said."""

    def step(self, words: Ints, clock: Clock) -> Weights:
        """[patients, words] by the last word."""
        out: Weights = self.weights[words]
        return out

    def keep(self, rows: Ints) -> None:
        """Only these patients go on."""


def independent(vocabulary: Vocabulary, streams: Streams) -> Independent:
    """The first baseline. Events stand in the order of ranks, so a word is weighed by that none before it came."""
    counts = np.bincount(streams.words, minlength=vocabulary.size).astype(np.float64)
    happens = vocabulary.is_kind(*EVENTS)
    days = counts[vocabulary.is_kind("encounter", "later")].sum()
    by_code = np.bincount(vocabulary.ranks, np.where(happens, counts, 0))
    chance = np.clip(by_code / max(days, 1), 0, 1 - 1e-6)
    none_before = np.concatenate([[0.0], np.cumsum(np.log1p(-chance))])
    with np.errstate(divide="ignore"):
        weights = np.log(counts / max(days, 1))
        closing = vocabulary.is_kind("gap", "later", "death", "end")
        weights[closing] = np.log(counts[closing] / max(counts[closing].sum(), 1)) + none_before[-1]
    weights[happens] += none_before[vocabulary.ranks[happens]]
    return Independent(np.maximum(weights, -80).astype(np.float32))


def markov(vocabulary: Vocabulary, streams: Streams) -> Markov:
    """The second baseline."""
    before = np.concatenate([[BEGIN], streams.words[:-1]]).astype(np.int64)
    before[streams.starts[:-1]] = BEGIN
    size = vocabulary.size
    pairs = np.bincount(before * size + streams.words, minlength=size * size).reshape(size, size)
    overall = pairs.sum(0) + 1e-9
    overall[PAD] = 1e-9
    return Markov(np.log(pairs + _BACKED_OFF * overall / overall.sum()).astype(np.float32))
