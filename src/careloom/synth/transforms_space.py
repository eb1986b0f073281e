"""Model space: a table as one matrix of numbers and one of codes, with the names and sizes of their columns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Arrays = npt.NDArray[np.float64] | npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Part:
    """One column of model space.

    column  of the table it belongs to
    size    how many codes it has: 0..size-1; 0 for a continuous part
    """

    column: str
    name: str
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class ModelRows:
    """Rows in model space.

    continuous  [rows, continuous parts] float64
    discrete    [rows, discrete parts] int32
    """

    continuous: npt.NDArray[np.float64]
    discrete: npt.NDArray[np.int32]

    @property
    def height(self) -> int:
        """How many rows there are."""
        return len(self.continuous)
