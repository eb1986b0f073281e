"""Equivalence classes: which patients look alike to somebody who knows their quasi-identifiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.deid.targets import SMALLEST_CELL_SHOWN
from careloom.errors import QueryError

Whole = npt.NDArray[np.int64]
TABLES_AT_MOST = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column as numbers: equal values have equal codes, in the order of the values.

    codes   [n] 0 for the first of `values`, and so on
    values  the distinct values, sorted, null first: null is a value of its own, and equals null
    """

    codes: Whole
    values: pl.Series


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """Records that no quasi-identifier tells apart.

    columns  the quasi-identifiers
    codes    [classes, columns] the code of each class's value
    sizes    [classes] patients in each, 1 or more
    of_row   [n] the class of each record
    """

    columns: tuple[str, ...]
    codes: Whole
    sizes: Whole
    of_row: Whole

    @property
    def patients(self) -> int:
        """All records."""
        return int(self.of_row.size)

    @property
    def k(self) -> int | None:
        """The size of the smallest class; None without records.

        source  Sweeney L, Int J Uncertain Fuzz 2002;10:557-570
        """
        return int(self.sizes.min()) if self.sizes.size else None

    def histogram(self) -> tuple[tuple[int, int], ...]:
        """(size, how many classes have it), smallest first."""
        sizes, counts = np.unique(self.sizes, return_counts=True)
        return tuple(zip(sizes.tolist(), counts.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class SmallCells:
    """The small cells of one cross-table.

    columns  what is crossed
    cells    combinations that occur
    small    of them, those of 1 to `below` - 1 patients
    patients in small cells
    """

    columns: tuple[str, ...]
    cells: int
    small: int
    patients: int


def columns_there(frame: pl.DataFrame, names: Sequence[str], role: str) -> tuple[str, ...]:
    """The names, if each is a column once, of a type that can be compared.

    raises  QueryError
    """
    if len(set(names)) != len(names):
        raise QueryError(f"{role}: a column is named twice", "name each column once")
    for name in names:
        if name not in frame.columns:
            raise QueryError(
                f"{role}: there is no column '{name}'", f"columns are {', '.join(frame.columns) or 'none'}"
            )
        if frame.schema[name].is_nested() or frame.schema[name] == pl.Object:
            raise QueryError(
                f"{role}: column '{name}' holds {frame.schema[name]}", "give one plain value a patient, or leave it out"
            )
    return tuple(names)


def coded(values: pl.Series) -> Coded:
    """A column as numbers; null and NaN are values of their own."""
    column = values.alias("value").to_frame()
    distinct = column.unique().sort("value", nulls_last=False)
    if distinct.height == 0:
        return Coded(np.zeros(0, np.int64), distinct["value"])
    codes = column.join(
        distinct.with_row_index("code"), on="value", how="left", nulls_equal=True, maintain_order="left"
    )["code"]
    return Coded(codes.cast(pl.Int64).to_numpy(), distinct["value"])


def combined(columns: Sequence[Whole]) -> tuple[Whole, Whole]:
    """Several columns of codes as one: (first row of each combination, combination of each row)."""
    key = columns[0]
    span = int(key.max()) + 1 if key.size else 1
    for codes in columns[1:]:
        width = int(codes.max()) + 1 if codes.size else 1
        if span * width >= 2**62:
            key = np.unique(key, return_inverse=True)[1]
            span = int(key.max()) + 1
        key = key * width + codes
        span *= width
    _, first, of_row = np.unique(key, return_index=True, return_inverse=True)
    return first.astype(np.int64), of_row.astype(np.int64)


def grouped_by(columns: Sequence[str], codes: Sequence[Whole], weights: Whole | None = None) -> Classes:
    """Classes of rows given as codes; `weights` where a row stands for several records (``of_row`` is of rows then)."""
    first, of_row = combined(codes)
    counts = np.bincount(of_row, weights=weights, minlength=first.size).astype(np.int64)
    return Classes(tuple(columns), np.stack([each[first] for each in codes], axis=1), counts, of_row)


def classes_of(frame: pl.DataFrame, quasi_identifiers: Sequence[str]) -> Classes:
    """The equivalence classes of a table with one row a patient.

    raises  QueryError if no column is named, or one is not there
    source  Samarati P, IEEE Trans Knowl Data Eng 2001;13:1010-1027
    """
    if not quasi_identifiers:
        raise QueryError("quasi-identifiers: none is named", "name the columns that somebody outside may know")
    names = columns_there(frame, quasi_identifiers, "quasi-identifiers")
    return grouped_by(names, [coded(frame[name]).codes for name in names])


def small_cells(
    classes: Classes, below: int = SMALLEST_CELL_SHOWN, columns_at_most: int | None = None
) -> tuple[SmallCells, ...]:
    """The small cells of each cross-table of the quasi-identifiers, narrow tables first.

    columns_at_most  how many columns a table may cross; None for all, as far as there are at most 4,096 tables
    source           CMS Cell Size Suppression Policy (ResDAC, 2024-01-26): no cell of 1 to 10 may be shown or derived;
                     0 may. Whether a cell can be derived from others is not looked at here.
    """
    width = len(classes.columns)
    deepest = min(width, columns_at_most or width)
    while deepest > 1 and sum(comb(width, each) for each in range(1, deepest + 1)) > TABLES_AT_MOST:
        deepest -= 1
    found = []
    for crossed in range(1, deepest + 1):
        for places in combinations(range(width), crossed):
            names = tuple(classes.columns[place] for place in places)
            sizes = grouped_by(names, [classes.codes[:, place] for place in places], classes.sizes).sizes
            small = sizes[sizes < below]
            found.append(SmallCells(names, int(sizes.size), int(small.size), int(small.sum())))
    return tuple(found)


def as_rows(cells: Sequence[SmallCells]) -> list[dict[str, Any]]:
    """The tables as JSON: names of columns and counts, no value."""
    return [
        {
            "columns": list(each.columns),
            "cells": each.cells,
            "small_cells": each.small,
            "patients_in_small_cells": each.patients,
        }
        for each in cells
    ]
