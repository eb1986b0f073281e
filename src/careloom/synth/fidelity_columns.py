"""How alike two tables are, column by column and pair by pair, as sdmetrics 0.32 defines it.

Errors are 1 - score of its QualityReport. `tests/golden/synth/fidelity` holds numbers of sdmetrics itself.
source  sdmetrics 0.32.0 (MIT), KSComplement, TVComplement, CorrelationSimilarity, ContingencySimilarity,
        ColumnPairTrends; own code
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.metadata import NUMBERS, Table

Codes = npt.NDArray[np.int64]
CORRELATION_ABOVE = 0.5
ASSOCIATION_ABOVE = 0.3
"""The pairs that QualityReport of sdmetrics 0.32 counts: |Pearson| and Cramer's V of the real table above these."""


@dataclass(frozen=True, slots=True)
class PairError:
    """The error of one pair of columns.

    error     0..1; NaN where it is not defined, as for a constant number
    strength  of the real table: |Pearson| of two numbers, Cramer's V else; NaN where it is not defined
    numeric   both columns are numbers
    """

    one: str
    other: str
    error: float
    strength: float
    numeric: bool


def column_errors(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame) -> dict[str, float]:
    """Column -> Kolmogorov-Smirnov distance of numbers and times, total variation of categories; missing left out.

    returns  NaN where one side has no value
    """
    errors = {}
    for column in table.modelled:
        one, other = real[column.name].drop_nulls(), synthetic[column.name].drop_nulls()
        if not one.len() or not other.len():
            errors[column.name] = float("nan")
        elif column.kind in NUMBERS:
            errors[column.name] = ks_distance(_floats(one), _floats(other))
        else:
            errors[column.name] = total_variation(_coded([one], [other]))
    return errors


def pair_errors(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame) -> list[PairError]:
    """Each pair of columns: |difference of Pearson| / 2 of two numbers, total variation of the contingency table else.

    Beside a category a number is cut into ten equal bins of its own table's range, real and synthetic each by its own,
    as sdmetrics does; missing counts as a category, or falls in the last bin.
    """
    binned = [_binned(table, frame) for frame in (real, synthetic)]
    return [
        _correlation(one.name, other.name, (real, synthetic))
        if one.kind in NUMBERS and other.kind in NUMBERS
        else _contingency(one.name, other.name, binned)
        for one, other in combinations(table.modelled, 2)
    ]


def mean_error(pairs: Sequence[PairError], *, only_strong: bool = False) -> float:
    """The mean over the pairs that are defined; with `only_strong` over those that sdmetrics counts by default."""
    kept = [
        pair.error
        for pair in pairs
        if not only_strong or pair.strength > (CORRELATION_ABOVE if pair.numeric else ASSOCIATION_ABOVE)
    ]
    return float(np.nanmean(kept)) if kept and not np.isnan(kept).all() else float("nan")


def ks_distance(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The largest difference of two empirical distribution functions."""
    one, other = np.sort(one), np.sort(other)
    every = np.concatenate([one, other])
    left, right = (np.searchsorted(each, every, side="right") / len(each) for each in (one, other))
    return float(np.abs(left - right).max())


def total_variation(counts: tuple[Codes, Codes]) -> float:
    """Half the sum of absolute differences of two tables of counts, each as shares."""
    one, other = counts
    return float(0.5 * np.abs(one / one.sum() - other / other.sum()).sum())


def _correlation(one: str, other: str, frames: tuple[pl.DataFrame, pl.DataFrame]) -> PairError:
    found = []
    for frame in frames:
        both = frame.select(one, other).drop_nulls()
        left, right = _floats(both[one]), _floats(both[other])
        defined = both.height > 1 and np.ptp(left) > 0 and np.ptp(right) > 0
        found.append(float(np.corrcoef(left, right)[0, 1]) if defined else float("nan"))
    return PairError(one, other, abs(found[0] - found[1]) / 2, abs(found[0]), numeric=True)


def _contingency(one: str, other: str, binned: Sequence[pl.DataFrame]) -> PairError:
    counts = _coded([binned[0][one], binned[0][other]], [binned[1][one], binned[1][other]])
    return PairError(one, other, total_variation(counts), cramers_v(binned[0][one], binned[0][other]), numeric=False)


def cramers_v(one: pl.Series, other: pl.Series) -> float:
    """Association of two categories, 0..1, without correction for bias; missing is a category of its own.

    source  Cramer H, Mathematical Methods of Statistics, 1946, p. 282
    """
    left, right = _dense(one), _dense(other)
    rows, columns = int(left.max()) + 1, int(right.max()) + 1
    if min(rows, columns) < 2:
        return float("nan")
    seen = np.bincount(left * columns + right, minlength=rows * columns).reshape(rows, columns).astype(np.float64)
    expected = seen.sum(1, keepdims=True) * seen.sum(0, keepdims=True) / seen.sum()
    chi2 = float(((seen - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi2 / seen.sum() / (min(rows, columns) - 1)))


def joint_counts(real: pl.DataFrame, synthetic: pl.DataFrame) -> tuple[Codes, Codes]:
    """Counts of the combinations of all columns, in one order for both frames."""
    return _coded(real.get_columns(), synthetic.get_columns())


def binned_frames(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame, bins: int) -> tuple[pl.DataFrame, ...]:
    """Both frames with numbers cut at the real table's quantiles; missing stays missing."""
    made = []
    for frame in (real, synthetic):
        columns = []
        for column in table.modelled:
            series = frame[column.name]
            if column.kind in NUMBERS and real[column.name].drop_nulls().len():
                values = _floats(real[column.name].drop_nulls())
                edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
                codes = pl.Series(
                    column.name, np.searchsorted(edges, _floats(series.fill_null(strategy="zero")), "right")
                )
                series = codes.set(series.is_null(), None)
            columns.append(series)
        made.append(pl.DataFrame(columns))
    return tuple(made)


def _binned(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    columns = []
    for column in table.modelled:
        series = frame[column.name]
        present = series.drop_nulls()
        if column.kind in NUMBERS and present.len():
            edges = np.histogram_bin_edges(_floats(present))
            codes = np.full(series.len(), len(edges), np.int64)  # missing falls in the last bin, as digitize has it
            codes[series.is_not_null().to_numpy()] = np.digitize(_floats(present), edges)
            series = pl.Series(column.name, codes)
        columns.append(series)
    return pl.DataFrame(columns)


def _coded(real: Sequence[pl.Series], synthetic: Sequence[pl.Series]) -> tuple[Codes, Codes]:
    """Counts of the combinations of several columns, missing counted as a value."""
    rows = real[0].len()
    joint = np.zeros(rows + synthetic[0].len(), np.int64)
    for one, other in zip(real, synthetic, strict=True):
        codes = _dense(pl.concat([one, other]))
        joint = joint * (int(codes.max(initial=0)) + 1) + codes
        joint = np.unique(joint, return_inverse=True)[1].astype(np.int64)
    size = int(joint.max(initial=0)) + 1
    return np.bincount(joint[:rows], minlength=size), np.bincount(joint[rows:], minlength=size)


def _dense(series: pl.Series) -> Codes:
    return series.rank("dense").fill_null(0).cast(pl.Int64).to_numpy() - (0 if series.null_count() else 1)


def _floats(series: pl.Series) -> npt.NDArray[np.float64]:
    return series.to_physical().cast(pl.Float64).to_numpy()
