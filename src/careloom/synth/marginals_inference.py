"""The mixture of products that fits noisy pairs of columns best: all pairs at once, by gradient descent.

Source: Liu, Vietri, Wu 2021 (GEM: a generator fitted to noisy marginals); the product mixture is that of Aydore et al.
2021 (RAP) with weights. A row's target decides which components it may come from, and shifts all of them alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from careloom.synth.marginals_tree import Codes, Columns, Floats, Link, Tree

_RATE, _FIRST, _SECOND = 0.15, 0.9, 0.99
_LEAST = 1e-4
"""The least share of a code to begin with."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A noisy table of counts over columns, and the standard deviation of each of its cells."""

    columns: Columns
    counts: Floats
    noise: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that was measured, over the codes of all columns side by side.

    sizes   codes of each column
    pairs   [codes, codes] noisy shares of rows, and how much each weighs (0 where nothing was measured)
    single  [codes] the shares of each column that all tables together tell, and their weights
    """

    sizes: tuple[int, ...]
    pairs: Floats
    pair_weights: Floats
    single: Floats
    single_weights: Floats

    @property
    def starts(self) -> Codes:
        """[columns + 1] where the codes of each column begin."""
        return np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)


def total_of(measured: Sequence[Measured]) -> float:
    """The number of rows that all tables together tell, each weighted by how well it knows; at least 1."""
    weights = [1 / float((one.noise**2).sum()) for one in measured]
    sums = [float(one.counts.sum()) for one in measured]
    return max(1.0, sum(w * s for w, s in zip(weights, sums, strict=True)) / sum(weights))


def evidence_of(measured: Sequence[Measured], sizes: Sequence[int], total: float) -> Evidence:
    """Tables of one and two columns as evidence.

    A column's shares are the mean of what every table with it tells, the better known the more. They are unbiased,
    where the cells of a fit, which are nowhere negative, lean to rarer codes: so they are evidence by themselves.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)])
    codes = int(starts[-1])
    pairs, pair_weights = np.zeros((codes, codes)), np.zeros((codes, codes))
    single, weights = np.zeros(codes), np.zeros(codes)
    for one in measured:
        places = [slice(starts[column], starts[column + 1]) for column in one.columns]
        shares, variance = one.counts / total, (one.noise / total) ** 2
        if len(places) == 2:
            pairs[places[0], places[1]], pair_weights[places[0], places[1]] = shares, 1 / variance
            pairs[places[1], places[0]], pair_weights[places[1], places[0]] = shares.T, 1 / variance.T
        for axis, place in enumerate(places):
            apart = tuple(each for each in range(len(places)) if each != axis)
            known = 1 / variance.sum(axis=apart)
            single[place] += known * shares.sum(axis=apart)
            weights[place] += known
    return Evidence(tuple(sizes), pairs, pair_weights, single / weights, weights)


def mixture(evidence: Evidence, target: int | None, components: int, steps: int, models: int) -> tuple[Floats, Floats]:
    """([components] weights, [components, codes] shares of each column's codes) of mixtures put together.

    Each begins elsewhere, and errors of one are not those of another: together they are nearer than any of them.
    """
    found = [_Descent(evidence, target, components, np.random.default_rng(at)).run(steps) for at in range(models)]
    return np.concatenate([one for one, _ in found]) / models, np.concatenate([one for _, one in found])


def as_tree(evidence: Evidence, weights: Floats, shares: Floats) -> tuple[Tree, tuple[Floats, ...]]:
    """The mixture as a junction tree: the component is one more column, the last, and each other hangs on it."""
    last = len(evidence.sizes)
    links = [Link((0, last), -1, ()), *(Link((one, last), 0, (last,)) for one in range(1, last))]
    starts = evidence.starts
    tables = [(weights[:, None] * shares[:, starts[one] : starts[one + 1]]).T for one in range(last)]
    return Tree((*evidence.sizes, len(weights)), tuple(links)), tuple(tables)


class _Descent:
    """Adam (Kingma, Ba 2015) on the logits of one mixture, by the weighted squares of what it is off."""

    def __init__(self, evidence: Evidence, target: int | None, components: int, draw: np.random.Generator) -> None:
        self._evidence, self._starts = evidence, evidence.starts
        self._target = slice(0, 0) if target is None else slice(self._starts[target], self._starts[target + 1])
        self._classes = 1 if target is None else evidence.sizes[target]
        self._each = max(8, components // self._classes)
        least = np.maximum(evidence.single, _LEAST)
        self._usual: Floats = np.log(least / self._spread(np.add.reduceat(least, self._starts[:-1])))
        codes = len(self._usual)
        own = self._usual[self._target] if target is not None else np.zeros(1)
        self._logits = [
            0.3 * draw.normal(size=(self._each, codes)), np.zeros((self._classes, codes)),
            0.1 * draw.normal(size=(self._each, self._classes)) + own,
        ]  # fmt: skip
        self._scale = 1 / max(float(evidence.pair_weights.max()), float(evidence.single_weights.max()))

    def run(self, steps: int) -> tuple[Floats, Floats]:
        """Weights and shares after so many steps, the rate falling as a cosine."""
        first, second = ([np.zeros_like(one) for one in self._logits] for _ in range(2))
        for step in range(steps):
            rate = _RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            for one, slope, mean, square in zip(self._logits, self._slopes(), first, second, strict=True):
                mean *= _FIRST
                mean += (1 - _FIRST) * slope
                square *= _SECOND
                square += (1 - _SECOND) * slope**2
                one -= (
                    rate * (mean / (1 - _FIRST ** (step + 1))) / (np.sqrt(square / (1 - _SECOND ** (step + 1))) + 1e-12)
                )
        return self._told()

    def _told(self) -> tuple[Floats, Floats]:
        """Weights [components] and shares [components, codes] of what the logits say now."""
        shift, by_class, heights = self._logits
        logits = (self._usual + shift[:, None] + by_class[None]).reshape(-1, len(self._usual))
        risen = np.exp(logits - self._spread(np.maximum.reduceat(logits, self._starts[:-1], axis=1)))
        shares = risen / self._spread(np.add.reduceat(risen, self._starts[:-1], axis=1))
        if self._target.stop:
            shares[:, self._target] = np.tile(np.eye(self._classes), (self._each, 1))
        weights = np.exp(heights - heights.max()).ravel()
        return weights / weights.sum(), shares

    def _slopes(self) -> tuple[Floats, Floats, Floats]:
        told = self._evidence
        weights, shares = self._told()
        gap = shares.T @ (weights[:, None] * shares) - told.pairs
        gap *= self._scale * told.pair_weights
        single = self._scale * told.single_weights * (weights @ shares - told.single)
        pulled = shares @ gap + single
        slope: Floats = weights[:, None] * pulled
        slope = shares * (slope - self._spread(np.add.reduceat(shares * slope, self._starts[:-1], axis=1)))
        slope[:, self._target] = 0.0
        slope = slope.reshape(self._each, self._classes, -1)
        worth = (pulled * shares).sum(axis=1)
        height = weights * (worth - weights @ worth)
        return slope.sum(axis=1), slope.sum(axis=0), height.reshape(self._each, self._classes)

    def _spread(self, columns: Floats) -> Floats:
        """A number of each column, at each of its codes."""
        return np.repeat(columns, self._evidence.sizes, axis=-1)
