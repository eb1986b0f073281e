"""How far rows are from patients who were held aside: one number by which settings of an engine are chosen.

The mean over all columns and all pairs of columns of the total variation distance between their shares, numbers in
bins: 0 is the same, 1 is nothing in common.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth import transforms
from careloom.synth.metadata import Table
from careloom.synth.tabular import within
from careloom.synth.transforms import Plan, TableTransform
from careloom.synth.transforms_constraints import Reduction, reduction

_BINS = 12
_MOST_CELLS = 1_000_000
"""Pairs of columns with more combinations than this are left out: hardly two patients share one."""
Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Measures rows against those that were held aside.

    sensitivity  the most by which one patient who was held aside, more or less, changes a distance
    """

    reduction: Reduction
    transform: TableTransform
    real: tuple[Counts, ...]
    sensitivity: float

    def distance(self, rows: pl.DataFrame) -> float:
        """The distance of rows, in the types of the table."""
        drawn = _tables(self.transform, self.reduction, rows)
        return float(np.mean([np.abs(one - other).sum() / 2 for one, other in zip(self.real, drawn, strict=True)]))


def score(table: Table, held: pl.DataFrame, seen: pl.DataFrame | None, rows_per_patient: int = 1) -> Score:
    """The score by patients who were held aside.

    held    at most `rows_per_patient` rows of each patient
    seen    rows by which columns are cut into bins; None: by what is declared public, as a private fit does

    A patient more adds m of n rows, at most m / (n + m) to a share's distance, and so to the mean of many: below rows
    per patient over patients. The number of patients is taken as known, as the accounts of fits take it.
    """
    plan = Plan(numbers="bins", bins=_BINS)
    reduced = reduction(table, seen)
    if seen is None:
        transform = transforms.fit_public(reduced.table, plan)
    else:
        transform = transforms.fit(reduced.table, reduced.reduce(seen), plan)
    patients = held[table.subject].n_unique() if table.subject else held.height
    return Score(reduced, transform, _tables(transform, reduced, held), rows_per_patient / patients)


def _tables(transform: TableTransform, reduced: Reduction, rows: pl.DataFrame) -> tuple[Counts, ...]:
    """Shares of each column and of each pair of columns."""
    codes = transform.encode(within(reduced.table, reduced.reduce(rows))).discrete
    sizes = [part.size for part in transform.discrete]
    found = [_shares(codes[:, at], size) for at, size in enumerate(sizes)]
    for one in range(len(sizes)):
        for other in range(one):
            if sizes[one] * sizes[other] > _MOST_CELLS:
                continue
            both = codes[:, one].astype(np.int64) * sizes[other] + codes[:, other]
            found.append(_shares(both, sizes[one] * sizes[other]))
    return tuple(found)


def _shares(codes: npt.NDArray[np.integer], size: int) -> Counts:
    return np.bincount(codes, minlength=size) / max(1, len(codes))
