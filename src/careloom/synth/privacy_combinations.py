"""How much more often the values of a row come together in the release than among rows that an attacker has."""

import numpy as np
import polars as pl

from careloom.synth.metadata import NUMBERS, Table
from careloom.synth.privacy_scene import Scene
from careloom.synth.privacy_space import Codes, Floats, floats

BINS = 20
SETS = 100
"""Sets of columns that are drawn."""
_LONG = (0.4, 0.8)
"""The least and the largest share of a table's columns in a long set."""


def by_pairs(scene: Scene, release: pl.DataFrame) -> Floats:
    """[targets] mean log ratio over pairs of columns: what generators of noisy marginals are fitted to.

    source  after Houssiau et al, TAPAS, 2022 (arXiv 2211.06550), and Golob et al, 2024 (arXiv 2402.06699)
    """
    width = scene.release.width
    every = [np.array([one, other]) for one in range(width) for other in range(one)] or [np.arange(width)]
    draw = scene.draw(3)
    return _ratios(scene, (scene.targets, release), [every[at] for at in draw.permutation(len(every))[:SETS]])


def by_long_sets(scene: Scene, release: pl.DataFrame, targets: pl.DataFrame | None = None) -> Floats:
    """[targets] mean log ratio over sets of about half of the columns: what trees and copies of parts of rows leave.

    targets  None: all of the scene's
    """
    width = scene.release.width
    draw = scene.draw(4)
    low, high = (max(1, round(share * width)) for share in _LONG)
    sizes = draw.integers(low, high + 1, SETS)
    sets = [np.sort(draw.choice(width, size, replace=False)) for size in sizes]
    return _ratios(scene, (scene.targets if targets is None else targets, release), sets)


def _ratios(scene: Scene, both: tuple[pl.DataFrame, pl.DataFrame], sets: list[Codes]) -> Floats:
    frames = [both[0], scene.reference, both[1]]
    codes = _coded(scene.table, frames)
    heights = [frame.height for frame in frames]
    ends = np.cumsum(heights)
    draw, total = scene.draw(5), np.zeros(heights[0])
    for columns in sets:
        factors = draw.integers(1, 2**62, len(columns)) * 2 + 1  # sums that wrap round hardly ever meet
        _, joint = np.unique((codes[:, columns] * factors).sum(1), return_inverse=True)
        size = int(joint.max()) + 1
        known = np.bincount(joint[ends[0] : ends[1]], minlength=size)
        shown = np.bincount(joint[ends[1] :], minlength=size)
        total += np.log((shown + 0.5) / (heights[2] + 1) / ((known + 0.5) / (heights[1] + 1)))[joint[: ends[0]]]
    return total / len(sets)


def _coded(table: Table, frames: list[pl.DataFrame]) -> Codes:
    """[rows of all frames, columns] categories, and numbers in bins of all but the first, which the attacker has."""
    columns = []
    for name in frames[0].columns:
        together = pl.concat([frame[name] for frame in frames])
        if table.column(name).kind in NUMBERS:
            known = floats(pl.concat([frame[name] for frame in frames[1:]]).drop_nulls())
            edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known
            codes = np.searchsorted(edges, floats(together), "right").astype(np.int64)
            codes[together.is_null().to_numpy()] = -1
        else:
            codes = together.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        columns.append(codes)
    return np.stack(columns, 1)
