"""A distribution over coded columns as a junction tree: inferred exactly, sampled in one pass.

Sources: Koller, Friedman 2009, chapters 9, 10; McKenna, Sheldon, Miklau 2019 (inference from noisy marginals).
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Columns = tuple[int, ...]
"""Indices of columns, rising."""
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Link:
    """One clique of a tree in the order of a walk from the root: parents come first.

    parent     index of the clique before it; -1 for the root
    shared     columns that it has in common with the parent
    """

    clique: Columns
    parent: int
    shared: Columns


@dataclass(frozen=True, slots=True)
class Tree:
    """A junction tree over columns with these numbers of codes."""

    sizes: tuple[int, ...]
    links: tuple[Link, ...]

    def holding(self, columns: Collection[int]) -> int:
        """Index of the smallest clique that holds all of these columns; -1 where none does."""
        wanted = set(columns)
        found = [
            (cells_of(one.clique, self.sizes), at) for at, one in enumerate(self.links) if wanted <= set(one.clique)
        ]
        return min(found)[1] if found else -1


def cells_of(columns: Iterable[int], sizes: Sequence[int]) -> int:
    """The number of cells of a table over these columns."""
    return math.prod(sizes[one] for one in columns)


def axes_apart(clique: Columns, kept: Collection[int]) -> tuple[int, ...]:
    """The axes of a clique's table whose columns are not kept."""
    return tuple(axis for axis, column in enumerate(clique) if column not in kept)


def _spread(table: Floats, columns: Columns, clique: Columns) -> Floats:
    """A table over some of a clique's columns, shaped so that it broadcasts over the clique."""
    sizes = dict(zip(columns, table.shape, strict=True))
    return table.reshape([sizes.get(one, 1) for one in clique])


def _log_sum(table: Floats, axes: tuple[int, ...]) -> Floats:
    if not axes:
        return table
    peak = table.max(axis=axes, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(table - peak).sum(axis=axes)) + peak.squeeze(axes))


def beliefs(tree: Tree, potentials: Sequence[Floats]) -> list[Floats]:
    """The marginal of each clique under log-potentials, by belief propagation; each adds up to 1."""
    links = tree.links
    gathered = [one.copy() for one in potentials]
    up: list[Floats] = [np.zeros(())] * len(links)
    for at in range(len(links) - 1, 0, -1):
        one = links[at]
        up[at] = _log_sum(gathered[at], axes_apart(one.clique, one.shared))
        gathered[one.parent] += _spread(up[at], one.shared, links[one.parent].clique)
    for at in range(1, len(links)):
        one = links[at]
        there = _log_sum(gathered[one.parent], axes_apart(links[one.parent].clique, one.shared))
        with np.errstate(invalid="ignore"):
            down = np.where(np.isneginf(there), -np.inf, there - up[at])
        gathered[at] += _spread(down, one.shared, one.clique)
    found = []
    for table in gathered:
        whole = np.exp(table - table.max())
        found.append(whole / whole.sum())
    return found


def potentials_of(tree: Tree, marginals: Sequence[Floats]) -> list[Floats]:
    """Log-potentials of a tree whose cliques agree where they meet: each conditional on what it shares above."""
    found = []
    for one, table in zip(tree.links, marginals, strict=True):
        shared = table.sum(axis=axes_apart(one.clique, one.shared), keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.where(table > 0, np.log(table) - np.log(shared), -60.0))
    return found


def sampled(tree: Tree, marginals: Sequence[Floats], rows: int, random: np.random.Generator) -> Codes:
    """[rows, columns] codes drawn from the tree. Within each state of what is shared draws are stratified, so that
    marginals are met more closely than by independent draws."""
    codes = np.zeros((rows, len(tree.sizes)), np.int64)
    for one, table in zip(tree.links, marginals, strict=True):
        own = tuple(column for column in one.clique if column not in one.shared)
        order = [one.clique.index(column) for column in (*one.shared, *own)]
        states = cells_of(one.shared, tree.sizes)
        weights = np.maximum(table.transpose(order).reshape(states, -1), 0.0) + 1e-300
        rise = np.cumsum(weights, axis=1)
        rise /= rise[:, -1:]
        state = np.zeros(rows, np.int64)
        for column in one.shared:
            state = state * tree.sizes[column] + codes[:, column]
        cell = _drawn(rise, state, random)
        for column in reversed(own):
            codes[:, column] = cell % tree.sizes[column]
            cell = cell // tree.sizes[column]
    return codes


def _drawn(rise: Floats, state: Codes, random: np.random.Generator) -> Codes:
    """A cell for each row by the cumulative weights of its state, stratified within the state."""
    rows, states = len(state), len(rise)
    mixed = random.permutation(rows)
    ordered = mixed[np.argsort(state[mixed], kind="stable")]
    counts = np.bincount(state, minlength=states)
    starts = np.cumsum(counts) - counts
    here = state[ordered]
    height = (np.arange(rows) - starts[here] + random.random(rows)) / counts[here]
    flat = (rise + np.arange(states)[:, None]).ravel()
    flat[rise.shape[1] - 1 :: rise.shape[1]] = np.arange(1, states + 1)
    cell = np.searchsorted(flat, here + np.minimum(height, 1 - 1e-12), side="right") - here * rise.shape[1]
    out = np.empty(rows, np.int64)
    out[ordered] = np.clip(cell, 0, rise.shape[1] - 1)
    return out
