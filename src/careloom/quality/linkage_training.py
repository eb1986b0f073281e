"""Fellegi and Sunter's m and u from counts of agreement patterns, by EM around declared starting values.

Pure and exact: patterns come in a fixed order and sums run in it, so that the same counts give the same bytes.
The starting values count as pairs (a Dirichlet prior), so that few data move them little and many data replace them.

source  Fellegi and Sunter, A Theory for Record Linkage, JASA 1969; Winkler, Using the EM Algorithm for Weight
        Computation in the Fellegi-Sunter Model, 1988; Dempster, Laird and Rubin 1977 (EM with a prior)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from careloom.quality.linkage_model import Model

DIGITS = 9
_LEAST = 1e-12
Array = Any


@dataclass(frozen=True, slots=True)
class Patterns:
    """How often each pattern of levels was met.

    levels   [P, C] index of the level of each comparison, -1 where unknown; rows sorted
    counts   [P] pairs
    without  names of comparisons that these pairs say nothing about: they agree on them by construction
    """

    levels: Array
    counts: Array
    without: frozenset[str] = frozenset()

    @classmethod
    def of(cls, counted: Mapping[tuple[int, ...], int], without: frozenset[str] = frozenset()) -> "Patterns":
        """From pattern -> count."""
        rows = sorted(counted)
        width = len(rows[0]) if rows else 0
        levels = np.array(rows, dtype=np.int64).reshape(len(rows), width)
        return cls(levels, np.array([counted[row] for row in rows], dtype=np.float64), without)


def train(model: Model, random: Patterns, blocks: Sequence[Patterns], patients: int) -> Model:
    """The model with m, u and the number of partners learnt from the data.

    random   patterns of pairs picked at random: u is learnt from them
    blocks   patterns of pairs that agree on something, so that matches are not too rare among them: m
    """
    fit = _Fit(model)
    shares = [0.5 for _ in blocks]
    for _ in range(model.training.rounds):
        expected = [fit.matched(block, share) for block, share in zip(blocks, shares, strict=True)]
        shares = [_share(block, found) for block, found in zip(blocks, expected, strict=True)]
        fit.learn_m(blocks, expected)
        fit.learn_u(random, fit.matched(random, model.prior(patients)))
    values = {
        one.name: [
            (float(round(m, DIGITS)), float(round(u, DIGITS))) for m, u in zip(fit.m[at], fit.u[at], strict=True)
        ]
        for at, one in enumerate(model.comparisons)
    }
    return model.replaced(values, model.partners)


def _share(block: Patterns, matched: Array) -> float:
    """The share of matches in a block; one pair of each kind stands before the data, so that it is never 0 or 1."""
    return float((np.dot(block.counts, matched) + 1) / (block.counts.sum() + 2))


class _Fit:
    """m and u while they are learnt: one array of the levels' probabilities for each comparison."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._m_prior = [np.array([level.m for level in one.levels]) for one in model.comparisons]
        self._u_prior = [np.array([level.u for level in one.levels]) for one in model.comparisons]
        self.m = [prior.copy() for prior in self._m_prior]
        self.u = [prior.copy() for prior in self._u_prior]

    def matched(self, patterns: Patterns, share: float) -> Array:
        """[P] the probability that a pair with this pattern is one person, if that share of all pairs is."""
        logit = np.full(len(patterns.counts), np.log(share) - np.log1p(-share))
        for at, one in enumerate(self._model.comparisons):
            if one.name in patterns.without or not len(patterns.counts):
                continue
            most = one.most_bits * np.log(2)
            weights = np.minimum(np.log(np.maximum(self.m[at], _LEAST)) - np.log(np.maximum(self.u[at], _LEAST)), most)
            logit += np.append(weights, 0.0)[patterns.levels[:, at]]  # level -1, unknown, is the appended 0
        return 1 / (1 + np.exp(-logit))

    def learn_m(self, blocks: Sequence[Patterns], matched: Sequence[Array]) -> None:
        for at, one in enumerate(self._model.comparisons):
            seen = self._m_prior[at] * self._model.training.prior_matches
            for block, found in zip(blocks, matched, strict=True):
                if one.name not in block.without:
                    seen = seen + _counted(block, at, block.counts * found, len(seen))
            self.m[at] = seen / seen.sum()

    def learn_u(self, random: Patterns, matched: Array) -> None:
        for at in range(len(self._model.comparisons)):
            seen = self._u_prior[at] * self._model.training.prior_random
            seen = seen + _counted(random, at, random.counts * (1 - matched), len(seen))
            self.u[at] = seen / seen.sum()


def _counted(patterns: Patterns, at: int, weights: Array, levels: int) -> Array:
    """[levels] the weight of the pairs at each level of a comparison; pairs for which it is unknown are left out."""
    if not len(patterns.counts):
        return np.zeros(levels)
    known = patterns.levels[:, at] >= 0
    return np.bincount(patterns.levels[known, at], weights=weights[known], minlength=levels)
