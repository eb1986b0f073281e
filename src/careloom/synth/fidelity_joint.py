"""How alike two tables are beyond pairs: triples of columns, patterns of what is missing, and where rows lie."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.fidelity_columns import binned_frames, joint_counts, total_variation
from careloom.synth.metadata import NUMBERS, Table

Floats = npt.NDArray[np.float64]
TRIPLES = 50
TRIPLE_BINS = 5
ROWS_AT_MOST = 5_000


def triple_error(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame, draw: np.random.Generator) -> float:
    """Mean total variation of triples of columns, at most `TRIPLES` drawn; numbers cut at the real table's quintiles.

    returns  NaN for fewer than three columns
    """
    every = list(combinations([column.name for column in table.modelled], 3))
    if not every:
        return float("nan")
    chosen = draw.permutation(len(every))[:TRIPLES]
    one, other = binned_frames(table, real, synthetic, TRIPLE_BINS)
    errors = [total_variation(joint_counts(one.select(every[at]), other.select(every[at]))) for at in chosen]
    return float(np.mean(errors))


def missing_error(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame) -> float:
    """Total variation of the patterns of missing values: which columns are missing together, and how often."""
    names = [column.name for column in table.modelled]
    return total_variation(
        joint_counts(*(frame.select(pl.col(name).is_null() for name in names) for frame in (real, synthetic)))
    )


@dataclass(frozen=True, slots=True)
class Support:
    """Where synthetic rows lie among real ones.

    precision  share of the synthetic rows that are as typical as real ones, over all levels of typical; 1 is best
    recall     share of the real rows that synthetic ones come as near to as real ones do, over all levels; 1 is best
    """

    precision: float
    recall: float


def support(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame, draw: np.random.Generator) -> Support:
    """Alpha-precision and beta-recall in one-hot and scaled columns, of at most `ROWS_AT_MOST` rows each.

    source  Alaa et al, How Faithful is your Synthetic Data, ICML 2022 (arXiv 2102.08921), section 3 and appendix A,
            without a learnt embedding ("naive"): 1 - 2 * mean |coverage - level|, levels 0 to 1 by 30 steps
    """
    one, other = (_sampled(frame, draw) for frame in (real, synthetic))
    left, right = numeric_rows(table, real, one), numeric_rows(table, real, other)
    levels = np.linspace(0, 1, 30)
    centre, synthetic_centre = left.mean(0), right.mean(0)
    radii = np.quantile(np.linalg.norm(left - centre, axis=1), levels)
    inside = np.linalg.norm(right - centre, axis=1)
    precision = [(inside <= radius).mean() for radius in radii]
    near_real, _ = nearest(left, left, skip_self=True)
    near_synthetic, which = nearest(left, right)
    around = np.linalg.norm(right - synthetic_centre, axis=1)
    covered = near_synthetic <= near_real
    recall = [(covered & (around[which] <= radius)).mean() for radius in np.quantile(around, levels)]
    return Support(*(float(1 - 2 * np.abs(np.asarray(each) - levels).mean()) for each in (precision, recall)))


def numeric_rows(table: Table, reference: pl.DataFrame, frame: pl.DataFrame) -> Floats:
    """Rows as vectors: numbers scaled to the reference's range, categories one-hot and halved, missing as one more.

    Rows that differ in one category are then as far apart as those that differ by the whole range of one number.
    """
    parts: list[Floats] = []
    for column in table.modelled:
        known, own = reference[column.name], frame[column.name]
        if column.kind in NUMBERS:
            values = known.drop_nulls().to_physical().cast(pl.Float64).to_numpy()
            low, width = (values.min(), np.ptp(values)) if len(values) else (0.0, 0.0)
            numbers = own.to_physical().cast(pl.Float64).fill_null(low).to_numpy()
            parts.append(((numbers - low) / (width or 1.0))[:, None])
            if known.null_count():
                parts.append(own.is_null().to_numpy().astype(np.float64)[:, None])
        else:
            each = known.unique().sort()
            parts += [(own.eq_missing(value).to_numpy() / 2**0.5).astype(np.float64)[:, None] for value in each]
    return np.hstack(parts)


def nearest(rows: Floats, among: Floats, *, skip_self: bool = False) -> tuple[Floats, npt.NDArray[np.int64]]:
    """(Euclidean distance, index) of the nearest other row for each row; in blocks, so that memory stays small."""
    squares = (among**2).sum(1)
    distances, indices = np.empty(len(rows)), np.empty(len(rows), np.int64)
    for start in range(0, len(rows), 500):
        block = rows[start : start + 500]
        square = (block**2).sum(1)[:, None] - 2 * block @ among.T + squares
        if skip_self:
            square[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        best = square.argmin(1)
        indices[start : start + 500] = best
        distances[start : start + 500] = np.linalg.norm(block - among[best], axis=1)
    return distances, indices


def _sampled(frame: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    if frame.height <= ROWS_AT_MOST:
        return frame
    return frame[np.sort(draw.choice(frame.height, ROWS_AT_MOST, replace=False))]
