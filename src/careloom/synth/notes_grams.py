"""Short memories of symbols that enough patients share, over which a language model is the last resort.

A context is some of the last symbols with the slot that comes next, or in the plan the last slots; longer ones add the
section and the style. What followed a context counts where enough patients have it. Contexts are interpolated as Witten
and Bell (1991), the shortest with what the language model says: so few notes and few epochs write whole phrases, and
what no memory holds is the model's. No memory holds what fewer patients wrote.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from careloom.synth.notes_alphabet import END, TEXT, Alphabet
from careloom.synth.notes_manner import Floats, Numbers, Scores

_NONE = -1
_LAST = 4
Key = tuple[int, ...]
Table = npt.NDArray[np.int64]


def contexts(symbols: Sequence[int], alphabet: Alphabet) -> Iterator[tuple[int, list[Key]]]:
    """Each symbol of a block after the prefix, with its contexts from short to long.

    symbols  as `Alphabet.numbers` gives them; the prefix is style, kind and section
    """
    for at in range(3, len(symbols)):
        yield symbols[at], keys(symbols[:at], alphabet)


def keys(before: Sequence[int], alphabet: Alphabet) -> list[Key]:
    """The contexts of what follows these symbols."""
    text, style, section = alphabet.controls[TEXT], before[0], before[2]
    corpus = alphabet.corpora.get(style, _NONE)
    if text not in before:
        last = [*[_NONE] * _LAST, *before[2:]][-_LAST:]
        return [(0, corpus, *last[-1:]), (1, corpus, *last[-2:]), (2, corpus, section, *last[-2:]),
                (3, section, style, *last[-3:]), (4, section, style, *last)]  # fmt: skip
    at = list(before).index(text)
    done = sum(symbol in alphabet.slots for symbol in before[at:])
    aim = before[3 + done] if 3 + done < at else alphabet.controls[END]
    last = [*[_NONE] * _LAST, section, *before[at:]][-_LAST:]
    return [(5, corpus, aim, *last[-1:]), (6, corpus, aim, *last[-2:]), (7, corpus, aim, *last[-3:]),
            (8, aim, style, *last[-3:]), (9, aim, style, *last)]  # fmt: skip


class Grams:
    """What followed each context, and how often."""

    def __init__(self, after: Mapping[Key, Mapping[int, int]]) -> None:
        self._after = after

    @staticmethod
    def of(blocks: Iterable[tuple[str, Sequence[int]]], alphabet: Alphabet, enough: int) -> "Grams":
        """Of blocks with the patient of each, patient by patient; what fewer than `enough` have is left out."""
        by_patient: dict[str, list[Sequence[int]]] = {}
        for patient, symbols in blocks:
            by_patient.setdefault(patient, []).append(symbols)
        count: Counter[Key] = Counter()
        patients: Counter[Key] = Counter()
        for its in by_patient.values():
            mine = Counter((*key, symbol) for one in its for symbol, found in contexts(one, alphabet) for key in found)
            count.update(mine)
            patients.update(mine.keys())
        after: dict[Key, dict[int, int]] = {}
        for key, who in patients.items():
            if who >= enough and key[-1] > 0:  # that a word follows which too few share is known, the word is not
                after.setdefault(key[:-1], {})[key[-1]] = count[key]
        return Grams(after)

    def table(self) -> Table:
        """[n, 9] length of the context, the context padded, symbol, count."""
        rows = [
            [len(key), *key, *[0] * (7 - len(key)), symbol, count]
            for key, each in sorted(self._after.items())
            for symbol, count in sorted(each.items())
        ]
        return np.array(rows, np.int64).reshape(-1, 10)

    @staticmethod
    def from_table(table: Table) -> "Grams":
        """The inverse of `table`."""
        after: dict[Key, dict[int, int]] = {}
        for row in table.tolist():
            after.setdefault(tuple(row[1 : 1 + row[0]]), {})[row[8]] = row[9]
        return Grams(after)

    def mixed(self, odds: npt.NDArray[np.float64], before: Sequence[int], alphabet: Alphabet) -> None:
        """Interpolates the odds of the next symbol, in place, with what followed the contexts of `before`."""
        for key in keys(before, alphabet):
            found = self._after.get(key)
            if found:
                total, kinds = sum(found.values()), len(found)
                odds *= kinds / (total + kinds)
                odds[list(found)] += np.array(list(found.values())) / (total + kinds)


class MixedScores:
    """A language model with memories: `careloom.synth.notes_manner.Scores`."""

    def __init__(self, model: Scores, grams: Grams, alphabet: Alphabet) -> None:
        self._model, self._grams, self._alphabet = model, grams, alphabet
        self._fed: list[list[int]] = []
        self.length = model.length

    def begin(self, rows: int) -> None:
        """New blocks."""
        self._model.begin(rows)
        self._fed = [[] for _ in range(rows)]

    def after(self, symbols: Numbers, back: Numbers) -> Floats:
        """[B] how many symbols each block takes back, and its next one, to [B, V] scores of the one after it."""
        scores = self._model.after(symbols, back)
        for row, fed in enumerate(self._fed):
            if back[row]:
                del fed[-int(back[row]) :]
            fed.append(int(symbols[row]))
            if len(fed) > 2:
                held = scores[row].astype(np.float64)
                odds = np.exp(held - held.max())
                odds /= odds.sum()
                self._grams.mixed(odds, fed, self._alphabet)
                scores[row] = np.log(np.maximum(odds, 1e-12))
        return scores
