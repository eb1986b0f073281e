"""Finds names that share rare runs of three letters with a text: an inverted index in a few numpy arrays."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_LETTERS = 37
"""``a`` to ``z``, ten digits and the blank: what `careloom.nlp.linking_text.words` writes, nothing else."""
_NO_LETTER = 255
_TABLE = np.full(256, _NO_LETTER, dtype=np.uint8)
_TABLE[ord(" ")] = 0
_TABLE[ord("a") : ord("z") + 1] = np.arange(1, 27)
_TABLE[ord("0") : ord("9") + 1] = np.arange(27, 37)
_COMMON = 0.12
"""Runs that stand in more than this part of all names tell nothing; they are not looked for where rarer ones are."""
_FAR = 0.3
"""Names less alike than this part of the likeness of the best one are not looked at."""

Numbers = npt.NDArray[np.int32]
Likeness = npt.NDArray[np.float32]


def _runs(text: str) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.bool_]]:
    """Every run of three letters by number, and where it is one (not over the end of a line)."""
    letters = _TABLE[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]
    first, second, third = (letters[place : len(letters) - 2 + place] for place in range(3))
    whole = (first < _LETTERS) & (second < _LETTERS) & (third < _LETTERS)
    numbers = first.astype(np.uint16) * (_LETTERS * _LETTERS) + second.astype(np.uint16) * _LETTERS + third
    return numbers.astype(np.uint16), whole


class RunIndex:
    """Names in canonical form, asked for by likeness: the cosine of their runs of letters, weighted by rarity.

    names  [n] of ``a`` to ``z``, digits and blanks only
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._size = len(names)
        runs, whole = _runs("".join([f" {name} \n" for name in names]) + "\n\n")
        lengths = np.fromiter((len(name) + 3 for name in names), dtype=np.int64, count=len(names))
        rows = np.repeat(np.arange(len(names), dtype=np.int32), lengths)
        runs, whole = runs[: len(rows)], whole[: len(rows)]
        runs, rows = runs[whole], rows[whole]
        order = np.argsort(runs, kind="stable")
        runs, rows = runs[order], rows[order]
        fresh = np.ones(len(runs), dtype=np.bool_)
        fresh[1:] = (runs[1:] != runs[:-1]) | (rows[1:] != rows[:-1])
        runs, self._rows = runs[fresh], rows[fresh]
        counts = np.bincount(runs, minlength=_LETTERS**3)
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        rarity = np.log((self._size + 1) / (counts + 1))
        self._weights = (rarity * rarity).astype(np.float32)
        squares = np.bincount(self._rows, weights=self._weights[runs], minlength=self._size)
        self._lengths = np.sqrt(np.maximum(squares, 1e-9)).astype(np.float32)

    def nearest(self, name: str, most: int) -> tuple[Numbers, Likeness]:
        """The numbers of the names most like a canonical name, best first, and how like, above 0 up to 1."""
        runs, whole = _runs(f" {name} ")
        wanted = np.unique(runs[whole])
        if not len(wanted) or not self._size:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        weights = self._weights[wanted]
        length = float(np.sqrt(weights.sum()))
        starts, ends = self._starts[wanted], self._starts[wanted.astype(np.int64) + 1]
        rare = (ends - starts) <= max(self._size * _COMMON, 50)
        if rare.any():
            starts, ends, weights = starts[rare], ends[rare], weights[rare]
        rows = np.concatenate([self._rows[start:end] for start, end in zip(starts, ends, strict=True)])
        likeness = np.bincount(rows, weights=np.repeat(weights, ends - starts), minlength=self._size)
        likeness = likeness / (self._lengths * max(length, 1e-9))
        best = np.flatnonzero(likeness > _FAR * likeness.max())
        if len(best) > most:
            best = best[np.argpartition(likeness[best], len(best) - most)[len(best) - most :]]
        best = best[np.lexsort((best, -likeness[best]))]
        return best.astype(np.int32), likeness[best].astype(np.float32)
