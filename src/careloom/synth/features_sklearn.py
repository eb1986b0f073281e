"""Columns of a table as learners of scikit-learn take them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from careloom.synth.metadata import NUMBERS, Table

Floats = npt.NDArray[np.float64]
CODES_AT_MOST = 255
"""Categories that histogram gradient boosting takes; beyond, the rarest share one."""


@dataclass(frozen=True, slots=True)
class Features:
    """Columns as numbers, the same way for every frame.

    columns     name -> its categories, most frequent first; none for a number
    """

    columns: dict[str, tuple[object, ...] | None]

    @property
    def categorical(self) -> list[bool]:
        """Which columns of `ordinal` are codes."""
        return [values is not None for values in self.columns.values()]

    def ordinal(self, frame: pl.DataFrame) -> Floats:
        """[rows, columns] numbers and codes, NaN where missing: what trees take."""
        return np.column_stack([self._codes(frame[name], values) for name, values in self.columns.items()])

    def wide(self, frame: pl.DataFrame) -> Floats:
        """[rows, more columns] one-hot categories, numbers and whether they are missing: for linear learners."""
        parts = []
        for name, values in self.columns.items():
            codes = self._codes(frame[name], values)
            if values is None:
                parts += [np.nan_to_num(codes), np.isnan(codes)]
            else:
                parts += [codes == at for at in range(min(len(values), CODES_AT_MOST))]
        return np.column_stack(parts).astype(np.float64)

    def wide_names(self) -> list[str]:
        """What each column of `wide` is: ``age``, ``age missing``, ``ward=2`` by the place of the category."""
        names = []
        for name, values in self.columns.items():
            if values is None:
                names += [name, f"{name} missing"]
            else:
                names += [f"{name}={at}" for at in range(min(len(values), CODES_AT_MOST))]
        return names

    def _codes(self, series: pl.Series, values: tuple[object, ...] | None) -> Floats:
        if values is None:
            return series.to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy()
        known = {value: float(min(at, CODES_AT_MOST - 1)) for at, value in enumerate(values)}
        if not known:
            return np.full(series.len(), np.nan)
        return series.replace_strict(known, default=None, return_dtype=pl.Float64).fill_null(np.nan).to_numpy()


def features(table: Table, frames: list[pl.DataFrame], leave_out: tuple[str, ...] = ()) -> Features:
    """The columns that say something, but those left out, with the categories of all frames together."""
    columns: dict[str, tuple[object, ...] | None] = {}
    for column in table.modelled:
        if column.name in leave_out:
            continue
        columns[column.name] = None
        if column.kind not in NUMBERS:
            counts = pl.concat([frame[column.name] for frame in frames]).drop_nulls().value_counts()
            ordered = counts.sort(pl.col("count"), pl.col(column.name), descending=[True, False])
            columns[column.name] = tuple(ordered[column.name].to_list())
    return Features(columns)


def one_thread() -> threadpool_limits:
    """Within it, learners run on one thread: several of OpenMP spin against each other where cores are shared."""
    return threadpool_limits(limits=1)


def logistic() -> object:
    """A logistic regression on scaled columns."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
