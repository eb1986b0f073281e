"""Sequential CART: each column drawn from the leaf of a tree on the columns before it. Not private: it copies values.

The sanity baseline of every report: on shapes, trends and detection it is hard to beat, and it tells who was there.
source  Reiter JP, Using CART to generate partially synthetic public use microdata, J Off Stat 2005;21:441-462; at least
        5 rows a leaf, as in the R package synthpop (Nowok, Raab, Dibben, J Stat Softw 2016;74(11))
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from careloom.synth.features_sklearn import Features, features
from careloom.synth.metadata import NUMBERS, Column, Table
from careloom.synth.metadata_check import conform

LEAF_ROWS = 5
CLASSES_AT_MOST = 60
"""Beyond, a category's tree splits on its rank by frequency: one on hundreds of classes costs minutes."""
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One column: its tree, and the training rows of each leaf.

    order   [n] training rows, those of one leaf together
    first   leaf -> its first place in `order`; count  leaf -> how many
    """

    tree: Any
    order: Rows
    first: Rows
    count: Rows


@dataclass(frozen=True, slots=True, eq=False)
class SequentialCart:
    """A fitted baseline; it holds the training rows themselves and is never saved."""

    label: ClassVar[str] = "sequential CART (not private: it copies values of patients)"
    is_private: ClassVar[bool] = False
    data: pl.DataFrame
    inputs: npt.NDArray[np.float32]
    steps: tuple[_Step, ...]

    def sample(self, rows: int, draw: np.random.Generator) -> pl.DataFrame:
        """So many synthetic rows of the modelled columns."""
        made = np.empty((rows, self.data.width), np.float32)
        donors = draw.integers(0, self.data.height, rows)
        columns = []
        for at, name in enumerate(self.data.columns):
            if at:
                step = self.steps[at - 1]
                leaves = step.tree.apply(made[:, :at])
                donors = step.order[step.first[leaves] + draw.integers(0, step.count[leaves])]
            made[:, at] = self.inputs[donors, at]
            columns.append(self.data[name].gather(donors))
        return pl.DataFrame(columns)


def fit_cart(table: Table, frame: pl.DataFrame, seed: int) -> SequentialCart:
    """The baseline of a table, in the order of its columns.

    raises  SchemaMismatch for a frame that does not fit the table
    """
    data = conform(table, frame).select(column.name for column in table.modelled)
    made = features(table, [data])
    inputs = made.ordinal(data).astype(np.float32)
    steps = tuple(
        _step(table.modelled[at], made, inputs, at, seed) for at in range(1, inputs.shape[1]) if inputs.shape[0]
    )
    return SequentialCart(data, inputs, steps)


def _step(column: Column, made: Features, inputs: npt.NDArray[np.float32], at: int, seed: int) -> _Step:
    target = inputs[:, at].astype(np.float64)
    missing = np.isnan(target)
    classes = made.columns[column.name]
    if column.kind in NUMBERS or len(classes or ()) > CLASSES_AT_MOST:
        low, width = (np.nanmin(target), np.ptp(target[~missing])) if not missing.all() else (0.0, 0.0)
        tree = DecisionTreeRegressor(min_samples_leaf=LEAF_ROWS, random_state=seed)
        tree.fit(inputs[:, :at], np.where(missing, low - width, target))
    else:
        tree = DecisionTreeClassifier(min_samples_leaf=LEAF_ROWS, random_state=seed)
        tree.fit(inputs[:, :at], np.where(missing, -1, target).astype(np.int64))
    leaves = tree.apply(inputs[:, :at])
    count = np.bincount(leaves, minlength=tree.tree_.node_count)
    return _Step(tree, np.argsort(leaves, kind="stable"), np.cumsum(count) - count, count)
