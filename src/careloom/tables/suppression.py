"""Which cells of a table of counts may be shown: none that few patients stand behind, none that others give away.

source  smallest cell of 11 patients: CMS cell size suppression policy (ResDAC, 2017); that a cell left out can be
        worked out from its line unless another of the line is left out, too: Cox LH, J Am Stat Assoc 1980;75:377-385
"""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Shown = NDArray[np.bool_]


def may_be_shown(patients: ArrayLike, smallest: int) -> Shown:
    """Which cells [R, C] may be shown of a table whose last row and last column are its totals.

    A cell of 1 to ``smallest - 1`` patients is left out. What is left out of a line (a row or a column with its total)
    is more than one cell and, where the total is shown, more than so few patients together; or else the smallest other
    cells go, too. One patient may stand in several cells: together those left out hold, for sure, as many as the
    largest of them, and as many as the total exceeds the sum of the others.

    patients  [R, C] patients behind each cell, totals included; a table of one row has its total in the last column
    raises    ValueError for what is no table
    """
    counts: Counts = np.asarray(patients, dtype=np.int64)
    if counts.ndim != 2:
        raise ValueError("a table has rows and columns")
    shown: Shown = ~((counts > 0) & (counts < smallest))
    is_open = True
    while is_open:
        is_open = False
        for line in _lines(counts.shape):
            held, seen = counts[line], shown[line]
            while _gives_away(held, seen, smallest):
                seen[_next(held, seen)] = False
                is_open = True
            shown[line] = seen
    return shown


def _lines(shape: tuple[int, ...]) -> list[tuple[int | slice, int | slice]]:
    """Rows and columns, as far as they have more than one cell."""
    rows: list[tuple[int | slice, int | slice]] = (
        [(row, slice(None)) for row in range(shape[0])] if shape[1] > 1 else []
    )
    columns: list[tuple[int | slice, int | slice]] = (
        [(slice(None), column) for column in range(shape[1])] if shape[0] > 1 else []
    )
    return rows + columns


def _gives_away(counts: Counts, shown: Shown, smallest: int) -> bool:
    """True where what a line leaves out can be worked out, or is of few patients together beside a total."""
    hidden = ~shown
    left = int(hidden.sum())
    if left == 1:
        return counts.size > 1
    if left == 0 or not shown[-1]:
        return False
    rest = int(counts[-1]) - int(counts[:-1][shown[:-1]].sum())
    return max(int(counts[hidden].max()), rest) < smallest


def _next(counts: Counts, shown: Shown) -> int:
    """The cell of a line that goes next: the smallest that holds somebody, then the total, then an empty one."""
    inner = np.flatnonzero(shown[:-1] & (counts[:-1] > 0))
    if inner.size:
        return int(inner[counts[inner].argmin()])
    return counts.size - 1 if shown[-1] else int(np.flatnonzero(shown)[0])


def rounded_down(told: Any, names: Collection[str], unit: int) -> Any:
    """Plain data with all whole numbers under these names, at any depth, rounded down to multiples of `unit`.

    Of an answer that something narrows: subtracted from another one its counts do not tell how many few patients are.
    """

    def counts(one: Any) -> Any:
        match one:
            case dict():
                return {name: counts(each) for name, each in one.items()}
            case list():
                return [counts(each) for each in one]
            case int():
                return one // unit * unit
            case _:
                return one

    match told:
        case dict():
            return {
                name: counts(each) if name in names else rounded_down(each, names, unit) for name, each in told.items()
            }
        case list():
            return [rounded_down(each, names, unit) for each in told]
        case _:
            return told
