"""New records from whatever foretells the next word: words are drawn under the grammar and written down as tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.records import Records
from careloom.synth.records_decode import Told, decode
from careloom.synth.records_grammar import Rules, kept, lives, rules
from careloom.synth.records_streams import Clock
from careloom.synth.records_vocabulary import BEGIN, Vocabulary

BATCH = 256
_FEWER = 0.8
Ints = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float32]


class Predictor(Protocol):
    """What foretells the next word of many patients at once."""

    def begin(self, patients: int) -> None:
        """So many patients of whom nothing was said."""
        ...

    def step(self, words: Ints, clock: Clock) -> Weights:
        """[patients, words] logarithm of how likely each next word is, up to a constant, after one more word each."""
        ...

    def keep(self, rows: Ints) -> None:
        """Only these patients go on."""
        ...


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn.

    given    static category -> the value that every patient has
    longest  words of a patient at most: the rest of a longer life is not told
    """

    given: Mapping[str, str] | None = None
    longest: int = 1_024


def sample(
    vocabulary: Vocabulary, predictor: Predictor, patients: int, seed: int, ask: Draw | None = None, *, first: int = 0
) -> Records:
    """Records of so many patients who do not exist; the same seed gives the same ones.

    first   number of the first patient, from which the ids are made
    raises  QueryError for a category or a value that nobody has
    """
    parts = list(batches(vocabulary, predictor, patients, seed, ask, first=first))
    if not parts:
        return decode(vocabulary, Told.none(), first)
    return Records(*(pl.concat([getattr(part, name) for part in parts]) for name, _ in parts[0].tables()))


def batches(
    vocabulary: Vocabulary, predictor: Predictor, patients: int, seed: int, ask: Draw | None = None, *, first: int = 0
) -> Iterator[Records]:
    """The same in records of at most `BATCH` patients, so that memory does not grow."""
    ask = ask or Draw()
    made = rules(vocabulary, ask.given)
    for at in range(0, patients, BATCH):
        source = np.random.default_rng([seed, first + at])
        yield decode(vocabulary, _told(made, predictor, min(BATCH, patients - at), source, ask.longest), first + at)


def _told(made: Rules, predictor: Predictor, patients: int, source: np.random.Generator, longest: int) -> Told:
    """What was said of each patient of a batch."""
    going, who = lives(made, patients), np.arange(patients)
    birth, dead = np.zeros(patients, np.int64), np.zeros(patients, np.int64)
    log: list[tuple[Ints, Ints, Ints, npt.NDArray[np.float64]]] = []
    predictor.begin(patients)
    words = np.full(patients, BEGIN, np.int64)
    for _ in range(longest):
        weights = predictor.step(words, going.clock())
        words = pick(weights, going.allowed(), source)
        values = going.tell(words, source)
        log.append((who, words, going.block.copy(), values))
        birth[who], dead[who] = going.birth, going.dead
        stay = np.flatnonzero(~going.are_over)
        if not len(stay):
            break
        if len(stay) < _FEWER * len(who):  # to go on with fewer costs a copy of all that was seen
            going, who, words = kept(going, stay), who[stay], words[stay]
            predictor.keep(stay)
    columns = [np.concatenate([row[at] for row in log]) for at in range(4)]
    order = np.argsort(columns[0], kind="stable")
    who, words, minute, values = (column[order] for column in columns)
    return Told(who, words, minute, values, birth, dead)


def pick(weights: Weights, allowed: npt.NDArray[np.bool_], source: np.random.Generator) -> Ints:
    """[n] one allowed word of each row, as likely as it is foretold among those."""
    shifted = np.where(allowed, weights, -np.inf)
    shifted -= shifted.max(1, keepdims=True)
    mass = np.cumsum(np.exp(shifted), axis=1, dtype=np.float64)
    at = source.random(len(weights)) * mass[:, -1]
    words = (mass <= at[:, None]).sum(1)
    last = weights.shape[1] - 1 - np.argmax(allowed[:, ::-1], axis=1)
    out: Ints = np.minimum(words, last)
    return out
