"""How much one request for the rows of a view may make, of all of its resources together.

What a single resource may make is bounded by `careloom.fhir.views_interpret`, before its lists are crossed.
"""

import sys
from collections.abc import Sequence
from typing import Any

from careloom.errors import Unprocessable
from careloom.fhir.views_interpret import Row

RUN_CELLS = 2_000_000
"""Cells of an answer, at most: 10,000 rows of 200 columns."""
FILE_CELLS = 10_000_000
"""Cells of a file of an export, at most: 100,000 resources of the default file, 100 columns."""
LETTERS = 64
"""A text counts one cell more for each so many letters; a list counts what it holds, too."""


class Budget:
    """What one request may still make.

    cells  rows times columns, at most
    rows   that are wanted: once they are made nothing more is looked at
    """

    def __init__(self, cells: int, rows: int = sys.maxsize) -> None:
        self._most = self._cells = cells
        self._rows = rows

    @property
    def is_met(self) -> bool:
        """True once all wanted rows are made."""
        return self._rows <= 0

    def taken(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows of a resource, or as many as are still wanted. raises Unprocessable where that is too much"""
        kept = rows[: self._rows]
        self._rows -= len(kept)
        self._cells -= sum([1 + _more(cell) for row in kept for cell in row])
        if self._cells < 0:
            raise Unprocessable(
                f"the view makes more than {self._most:,} cells, long texts and lists counted as several",
                "Take fewer columns or patients, or go through fewer lists side by side.",
            )
        return kept


def _more(cell: Any) -> int:
    """What a cell counts beyond one."""
    if cell.__class__ is str:
        return len(cell) // LETTERS
    return sum([1 + _more(one) for one in cell]) if cell.__class__ is list else 0
