"""From probabilities of labels to the likeliest spans: begin, inside, outside, in an order that can be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Run:
    """Words from `first` up to, not including, `last` that are one thing; `score`: their mean probability of it."""

    first: int
    last: int
    label: str
    score: float


def runs(probabilities: npt.NDArray[np.float32], labels: Sequence[str]) -> list[Run]:
    """The spans of the likeliest sequence of labels in which an inside follows a begin or inside of its own name.

    probabilities  (words, labels) of each label at each word
    labels         ``O``, the begins, then the insides in the same order (`careloom.text.training_torch.labels_of`)
    source         Viterbi, 1967
    """
    words = len(probabilities)
    if not words:
        return []
    kinds = (len(labels) - 1) // 2
    likeliest = probabilities.argmax(axis=1)
    if not likeliest.any():
        return []
    if _can_be(likeliest, kinds):
        return _runs(likeliest, probabilities, labels)
    logs = np.log(np.maximum(probabilities, 1e-9))
    back = np.zeros((words, len(labels)), dtype=np.int64)
    score = logs[0].copy()
    score[1 + kinds :] = -np.inf
    for word in range(1, words):
        best = int(score.argmax())
        begins, insides = score[1 : 1 + kinds], score[1 + kinds :]
        from_begin = begins >= insides
        back[word] = best
        back[word, 1 + kinds :] = np.arange(1, 1 + kinds) + np.where(from_begin, 0, kinds)
        top = score[best]
        score = logs[word] + top
        score[1 + kinds :] = logs[word, 1 + kinds :] + np.maximum(begins, insides)
    path = [int(score.argmax())]
    for word in range(words - 1, 0, -1):
        path.append(int(back[word, path[-1]]))
    return _runs(np.array(path[::-1]), probabilities, labels)


def _can_be(path: npt.NDArray[np.int64], kinds: int) -> bool:
    """True where every inside follows its own name: then no other sequence is likelier than each word's own best."""
    is_inside = path > kinds
    before = np.concatenate(([0], path[:-1]))
    return not (is_inside & (before != path) & (before != path - kinds)).any()


def _runs(path: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32], labels: Sequence[str]) -> list[Run]:
    kinds = (len(labels) - 1) // 2
    firsts = np.flatnonzero((path > 0) & (path <= kinds))
    if not len(firsts):
        return []
    outside = np.append(np.flatnonzero(path <= kinds), len(path))
    lasts = outside[np.searchsorted(outside, firsts, side="right")]
    kind = np.where(path > 0, (path - 1) % kinds, 0)
    words = np.arange(len(path))
    sure = (probabilities[words, 1 + kind] + probabilities[words, 1 + kinds + kind]).tolist()
    return [
        Run(first, last, labels[path[first]][2:], sum(sure[first:last]) / (last - first))
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]
