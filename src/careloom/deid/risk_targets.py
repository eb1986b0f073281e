"""Which records of a table stand against what is asked of it before it may leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.deid.risk_classes import Classes, Coded, coded, columns_there
from careloom.deid.risk_diversity import (
    Counts,
    Real,
    counts_of,
    distinct,
    entropy,
    equal_distance,
    ordered_distance,
    recursive,
)
from careloom.deid.targets import SLACK, Targets


@dataclass(frozen=True, slots=True, eq=False)
class Sensitive:
    """A column that must not become known: its values as codes, and whether they stand in a row (numbers, times)."""

    name: str
    values: Coded
    ordered: bool

    def kept(self, rows: npt.NDArray[np.bool_]) -> "Sensitive":
        """The same, of some of the records, and without the values that no one of them has."""
        if rows.all():
            return self
        there, codes = np.unique(self.values.codes[rows], return_inverse=True)
        return Sensitive(self.name, Coded(codes.astype(np.int64), self.values.values.gather(there)), self.ordered)


def sensitive_of(
    frame: pl.DataFrame, names: Sequence[str], ordered: Mapping[str, bool] | None = None
) -> tuple[Sensitive, ...]:
    """The sensitive columns of a table.

    ordered  whether the values of a column stand in a row; by default those of numbers, dates and times do
    raises   QueryError
    """
    columns_there(frame, names, "sensitive columns")
    columns_there(frame, list(ordered or ()), "ordered columns")
    found = []
    for name in names:
        kind = frame.schema[name]
        order = (ordered or {}).get(name, kind.is_numeric() or kind.is_temporal())
        found.append(Sensitive(name, coded(frame[name]), order))
    return tuple(found)


def distances(counts: Counts, column: Sensitive) -> Real:
    """[classes] Earth mover's distance of the sensitive values to those of the whole table."""
    return ordered_distance(counts) if column.ordered else equal_distance(counts)


def violating(classes: Classes, sensitive: Sequence[Sensitive], targets: Targets) -> npt.NDArray[np.bool_]:
    """[classes] True for a class that misses a target. Closeness is measured against the records given."""
    wrong = classes.sizes < targets.smallest_class
    for column in sensitive:
        counts = counts_of(classes, column.values)
        if targets.distinct_l is not None:
            wrong |= distinct(counts) < targets.distinct_l
        if targets.entropy_l is not None:
            wrong |= entropy(counts) < targets.entropy_l - SLACK
        if targets.recursive_cl is not None:
            c, least = targets.recursive_cl
            wrong |= ~(recursive(counts, least) < c)
        if targets.t is not None:
            wrong |= distances(counts, column) > targets.t + SLACK
    return np.asarray(wrong, dtype=np.bool_)
