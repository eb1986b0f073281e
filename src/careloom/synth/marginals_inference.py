"""The distribution that fits noisy marginals best: accelerated mirror descent on the cliques of a junction tree.

Source: McKenna, Sheldon, Miklau 2019 (Private-PGM); Auslender, Teboulle 2006.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from careloom.synth.marginals_tree import Columns, Floats, Tree, axes_apart, beliefs, potentials_of

SWEEPS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """A noisy table of counts over columns, and the standard deviation of each of its cells."""

    columns: Columns
    counts: Floats
    noise: Floats


def total_of(measured: Sequence[Measured]) -> float:
    """The number of rows that all tables together tell, each weighted by how well it knows; at least 1."""
    weights = [1 / float((one.noise**2).sum()) for one in measured]
    sums = [float(one.counts.sum()) for one in measured]
    return max(1.0, sum(w * s for w, s in zip(weights, sums, strict=True)) / sum(weights))


def fitted(
    tree: Tree, measured: Sequence[Measured], total: float, start: Sequence[Floats] | None = None, steps: int = 300
) -> list[Floats]:
    """The marginal of each clique (adding up to 1) of the distribution nearest to what was measured.

    start  log-potentials to begin with; uniform if left out
    """
    theta = [np.zeros([tree.sizes[c] for c in one.clique]) for one in tree.links] if start is None else list(start)
    theta = raked(tree, measured, total, theta, SWEEPS)
    homes = [tree.holding(one.columns) for one in measured]
    shapes = [
        [tree.sizes[k] if k in one.columns else 1 for k in tree.links[home].clique]
        for home, one in zip(homes, measured, strict=True)
    ]
    weights = [((total / one.noise) ** 2).reshape(shape) for one, shape in zip(measured, shapes, strict=True)]
    targets = [(one.counts / total).reshape(shape) for one, shape in zip(measured, shapes, strict=True)]
    smooth = sum(float(one.max()) for one in weights)
    x = beliefs(tree, theta)
    z, c = x, 1.0
    for _ in range(steps):
        a = (math.sqrt((c / smooth) ** 2 + 4 * c / smooth) - c / smooth) / 2
        y = [(1 - a) * one + a * other for one, other in zip(x, z, strict=True)]
        c *= 1 - a
        for home, one, weight, wanted in zip(homes, measured, weights, targets, strict=True):
            apart = axes_apart(tree.links[home].clique, one.columns)
            gap = weight * (y[home].sum(axis=apart, keepdims=True) - wanted)
            theta[home] = theta[home] - a / c * gap
        z = beliefs(tree, theta)
        x = [(1 - a) * one + a * other for one, other in zip(x, z, strict=True)]
    return x


def raked(tree: Tree, measured: Sequence[Measured], total: float, theta: list[Floats], sweeps: int) -> list[Floats]:
    """Log-potentials near the best fit: each table in turn is made to hold (iterative proportional fitting).

    Tables that contradict each other are met one after the other; what is left of that is for `fitted`.
    """
    for _ in range(sweeps):
        for one in measured:
            home = tree.holding(one.columns)
            clique = tree.links[home].clique
            told = beliefs(tree, theta)[home].sum(axis=axes_apart(clique, one.columns))
            floor = 1e-3 * float(one.noise.min()) / total / one.counts.size
            wanted = np.maximum(_on_simplex(one.counts / total), floor)
            ratio = np.log(wanted) - np.log(np.maximum(told, floor * 1e-3))
            theta[home] = theta[home] + ratio.reshape([tree.sizes[k] if k in one.columns else 1 for k in clique])
    return theta


def _on_simplex(table: Floats) -> Floats:
    """The nearest table that is nowhere negative and adds up to 1."""
    falling = np.sort(table, axis=None)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, falling.size + 1)
    at = int(np.nonzero(falling > excess)[0][-1])
    return np.asarray(np.maximum(table - excess[at], 0.0), np.float64)


def carried(old: Tree, marginals: Sequence[Floats], new: Tree) -> list[Floats]:
    """Log-potentials on a new tree of the distribution that another tree holds, whose cliques lie in the new one's."""
    theta = [np.zeros([new.sizes[c] for c in one.clique]) for one in new.links]
    for one, table in zip(old.links, potentials_of(old, marginals), strict=True):
        home = new.holding(one.clique)
        if home >= 0:
            clique = new.links[home].clique
            theta[home] = theta[home] + table.reshape([new.sizes[k] if k in one.clique else 1 for k in clique])
    return theta
