"""What a class gives away about its members even if nobody can be told apart: diversity and closeness."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from careloom.deid.risk_classes import Classes, Coded, Whole

Real = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How often each sensitive value occurs in each class; a row for each pair that occurs, ordered by both.

    classes, values  the pair, as codes
    counts           records, 1 or more
    sizes            [classes] records of each class
    overall          [values] records of each value in the whole table
    """

    classes: Whole
    values: Whole
    counts: Whole
    sizes: Whole
    overall: Whole


def counts_of(classes: Classes, sensitive: Coded) -> Counts:
    """The sensitive values of each class, counted; null is a value of its own."""
    width = max(1, sensitive.values.len())
    keys, counts = np.unique(classes.of_row * width + sensitive.codes, return_counts=True)
    sizes = np.bincount(classes.of_row, minlength=classes.sizes.size)
    overall = np.bincount(sensitive.codes, minlength=sensitive.values.len())
    return Counts(keys // width, keys % width, counts.astype(np.int64), sizes, overall)


def distinct(counts: Counts) -> Whole:
    """[classes] Different sensitive values: distinct l-diversity.

    source  Machanavajjhala A et al, ACM Trans Knowl Discov Data 2007;1(1):3
    """
    return np.bincount(counts.classes, minlength=counts.sizes.size).astype(np.int64)


def entropy(counts: Counts) -> Real:
    """[classes] exp of the entropy of the sensitive values: l of entropy l-diversity, 1 for one value.

    source  Machanavajjhala A et al 2007 (entropy of each class at least log l)
    """
    shares = counts.counts / counts.sizes[counts.classes]
    total = np.bincount(counts.classes, weights=-shares * np.log(shares), minlength=counts.sizes.size)
    return np.asarray(np.exp(total), dtype=np.float64)


def recursive(counts: Counts, least: int) -> Real:
    """[classes] r1 / (rl + ... + rm), counts in falling order: recursive (c, l)-diversity holds for each c above it.

    least    l, 2 or more
    returns  infinity for a class of fewer than l values
    source   Machanavajjhala A et al 2007
    """
    order = np.lexsort((-counts.counts, counts.classes))
    classes, falling = counts.classes[order], counts.counts[order]
    starts = np.searchsorted(classes, np.arange(counts.sizes.size))
    place = np.arange(classes.size) - starts[classes]
    tail = np.bincount(classes, weights=np.where(place >= least - 1, falling, 0), minlength=counts.sizes.size)
    with np.errstate(divide="ignore"):
        return np.asarray(falling[starts] / tail if starts.size else np.zeros(0), dtype=np.float64)


def equal_distance(counts: Counts) -> Real:
    """[classes] Earth mover's distance to the whole table where all values are equally far: half the sum of gaps.

    returns  0 (as the whole) to below 1
    source   Li N, Li T, Venkatasubramanian S, ICDE 2007:106-115
    """
    share = counts.counts / counts.sizes[counts.classes]
    whole = counts.overall[counts.values] / max(1, counts.overall.sum())
    # A value that the class lacks adds its share of the whole: 1 in all, less that of the values it has.
    gaps = np.bincount(counts.classes, weights=np.abs(share - whole) - whole, minlength=counts.sizes.size)
    return np.clip((gaps + 1) / 2, 0.0, 1.0)


def ordered_distance(counts: Counts) -> Real:
    """[classes] Earth mover's distance where values stand in a row, neighbours 1/(m-1) apart, m distinct values.

    Null comes before the smallest value.
    source  Li N, Li T, Venkatasubramanian S, ICDE 2007:106-115
    """
    width = counts.overall.size
    if width < 2:
        return np.zeros(counts.sizes.size)
    whole = np.cumsum(counts.overall) / counts.overall.sum()
    sums = np.concatenate(([0.0], np.cumsum(whole)))
    opens = np.searchsorted(counts.classes, np.arange(counts.sizes.size))
    running = np.cumsum(counts.counts)
    before = np.concatenate(([0], running))[opens]
    height = (running - before[counts.classes]) / counts.sizes[counts.classes]
    # A class's distribution is flat from one of its values to the next: there |flat - whole| changes sign once.
    last = np.append(counts.classes[1:] != counts.classes[:-1], True)
    start, stop = counts.values, np.where(last, width, np.append(counts.values[1:], width))
    parts = _gap(start, stop, height, whole, sums)
    first = counts.values[opens]
    moved = np.bincount(counts.classes, weights=parts, minlength=counts.sizes.size) + sums[first]
    return np.asarray(moved / (width - 1), dtype=np.float64)


def _gap(start: Whole, stop: Whole, height: Real, whole: Real, sums: Real) -> Real:
    """Sum of |height - whole[i]| for i from start to stop, whole rising."""
    turn = np.clip(np.searchsorted(whole, height), start, stop)
    under = height * (turn - start) - (sums[turn] - sums[start])
    over = (sums[stop] - sums[turn]) - height * (stop - turn)
    return np.asarray(under + over, dtype=np.float64)
