"""How far two histograms lie apart, how likely that is by chance, and how many tests may fail at once.

h = N M / (N + M), where N rows stand behind the reference and M behind the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from careloom.metrics import chi_square_above, overlap_at_least

Floats = NDArray[np.float64]
_LEAST_EXPECTED = 5.0
"""Cells of a chi-square test below it are put together: Cochran WG, Biometrics 1954;10:417-451."""
_HALF = 0.5
"""Added to each cell before shares are compared (Jeffreys' prior), so that an empty cell is no infinite distance."""
_Z95 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Apart:
    """How far a window lies from its reference.

    psi      population stability index, less what it is by chance; 0 and above
    most     upper bound (one-sided 95 %) of it
    js       Jensen-Shannon divergence to base 2, 0..1
    ks       largest difference of the two cumulated shares, 0..1; None for bins without an order
    p        of the chi-square test that both come from the same
    """

    psi: float
    most: float
    js: float
    ks: float | None
    p: float


def apart(reference: ArrayLike, window: ArrayLike, *, ordered: bool) -> Apart:
    """How far two counts [B] of the same bins lie apart; 0 and p = 1 where one of them is empty.

    ordered  the bins are of a number, smallest first
    source   psi: Siddiqi N, Credit Risk Scorecards, Wiley 2006, chapter 9; its mean by chance (B - 1) / h and spread:
             Yurdakul B, Naranjo J, J Risk Model Validation 2020;14(4):89-100; js: Lin J, IEEE Trans Inf Theory
             1991;37:145-151
    """
    before, now = np.asarray(reference, dtype=np.float64), np.asarray(window, dtype=np.float64)
    seen = (before + now) > 0
    if not before.sum() or not now.sum() or np.count_nonzero(seen) < 2:
        return Apart(0.0, 0.0, 0.0, 0.0 if ordered else None, 1.0)
    before, now = before[seen], now[seen]
    together = float(before.sum()) * float(now.sum()) / float(before.sum() + now.sum())
    psi = float(max(_index(before, now) - (before.size - 1) / together, 0.0))
    spread = sqrt(2 * (before.size - 1) + 4 * together * psi) / together
    was, is_now = before / before.sum(), now / now.sum()
    steps = float(np.abs(np.cumsum(was - is_now)).max()) if ordered else None
    return Apart(psi, psi + _Z95 * spread, _jensen_shannon(was, is_now), steps, same(before, now))


def bounded(may_be: Sequence[Apart]) -> Apart:
    """What is certain of a distance whose reference is one of several: the least that it may be by each measure, the
    largest upper bound, and the largest p.

    source  Manski CF, Partial Identification of Probability Distributions, Springer 2003, chapter 1: bounds by the
            worst and the best of what is not seen
    """
    steps = [one.ks for one in may_be if one.ks is not None]
    return Apart(
        min(one.psi for one in may_be),
        max(one.most for one in may_be),
        min(one.js for one in may_be),
        min(steps) if steps else None,
        max(one.p for one in may_be),
    )


def same(before: Floats, now: Floats) -> float:
    """p of the test that two counts of the same bins come from one distribution.

    Bins of which fewer than five rows are expected on the thinner side count as one; where that is thin, too, it is
    tested by itself, exactly, and both p are doubled.
    source  Pearson's test of homogeneity and Fisher's exact test, as in Agresti A, Categorical Data Analysis, 3rd ed.,
            2013, sections 3.2 and 3.5
    """
    least = min(before.sum(), now.sum()) / (before.sum() + now.sum())
    thin = (before + now) * least < _LEAST_EXPECTED
    rare = np.array([before[thin].sum(), now[thin].sum()])
    table = np.stack((before[~thin], now[~thin]))
    if rare.sum() * least >= _LEAST_EXPECTED:
        return _pearson(np.column_stack((table, rare)))
    if not rare.sum():
        return _pearson(table)
    return min(1.0, 2 * min(_pearson(table), _fisher(rare, np.array([before.sum(), now.sum()]))))


def _pearson(table: Floats) -> float:
    rows = table.sum(axis=1)
    if table.shape[1] < 2 or not rows.all():
        return 1.0
    expected = np.outer(rows, table.sum(axis=0)) / rows.sum()
    off = table - expected
    return chi_square_above(float((off * off / expected).sum()), table.shape[1] - 1)


def _fisher(rare: Floats, rows: Floats) -> float:
    """Two-sided, as twice the smaller side."""
    before, now = (int(one) for one in rows)
    every, marked, seen = before + now, int(rare.sum()), int(rare[1])
    above = overlap_at_least(seen, now, marked, every)
    below = overlap_at_least(int(rare[0]), before, marked, every)
    return min(1.0, 2 * min(above, below))


def smirnov(distance: float, before: int, now: int) -> float:
    """p of the Kolmogorov-Smirnov test at this largest difference of cumulated shares; for bins it is an upper bound.

    source  Smirnov N, Ann Math Stat 1948;19:279-281; that ties make it conservative: Noether GE, Metrika 1963;7:42-44
    """
    at = distance * sqrt(before * now / (before + now))
    if at < 0.2:
        return 1.0
    total = sum((1 if k % 2 else -1) * exp(-2 * k * k * at * at) for k in range(1, 101))
    return min(max(2 * total, 0.0), 1.0)


def holm(chances: Sequence[float]) -> list[float]:
    """p values, adjusted so that below a level the chance of any false one is at most it, whatever hangs together.

    source  Holm S, Scand J Stat 1979;6:65-70
    """
    order = np.argsort(chances)
    adjusted, so_far = [1.0] * len(chances), 0.0
    for rank, place in enumerate(order.tolist()):
        so_far = max(so_far, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = so_far
    return adjusted


def benjamini_hochberg(chances: Sequence[float]) -> list[float]:
    """p values, adjusted so that below a level at most that share of them is expected to be false.

    source  Benjamini Y, Hochberg Y, J R Stat Soc B 1995;57:289-300
    """
    order = np.argsort(chances)[::-1]
    adjusted, so_far = [1.0] * len(chances), 1.0
    for behind, place in enumerate(order.tolist()):
        so_far = min(so_far, chances[place] * len(chances) / (len(chances) - behind))
        adjusted[place] = so_far
    return adjusted


def _index(before: Floats, now: Floats) -> float:
    was = (before + _HALF) / (before + _HALF).sum()
    is_now = (now + _HALF) / (now + _HALF).sum()
    return float(((is_now - was) * np.log(is_now / was)).sum())


def _jensen_shannon(was: Floats, is_now: Floats) -> float:
    middle = (was + is_now) / 2

    def to_middle(share: Floats) -> float:
        there = share > 0
        return float((share[there] * np.log2(share[there] / middle[there])).sum())

    return float(min(max((to_middle(was) + to_middle(is_now)) / 2, 0.0), 1.0))
