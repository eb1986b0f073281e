"""Draws of codes that are spread evenly: each row by its own probabilities, rows alike among themselves in turn.

Independent draws add noise of their own to every share. Here rows with like probabilities stand together, and each
group of them takes one draw of each of as many equal slices of 0..1: every row has its own probabilities still, and the
counts of a group are those expected, up to rounding (stratified sampling).
"""

import numpy as np
import numpy.typing as npt
import torch

_GROUP = 32


def drawn(chances: torch.Tensor, draw: np.random.Generator) -> torch.Tensor:
    """[rows] a code for each row by its own chances.

    chances  [rows, codes] that add up to 1
    """
    rows = len(chances)
    rising = chances.cumsum(1)
    spread = torch.empty(rows, dtype=chances.dtype)
    spread[rising.sum(1).argsort()] = torch.from_numpy(evenly(rows, draw)).to(chances.dtype)
    codes = torch.searchsorted(rising, spread.unsqueeze(1) * rising[:, -1:], right=True).squeeze(1)
    return codes.clamp(max=chances.shape[1] - 1)


def evenly(rows: int, draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """[rows] numbers in 0..1: of each `_GROUP` in a row one in each of as many slices, in any order."""
    groups = -(-rows // _GROUP)
    slices = draw.permuted(np.tile(np.arange(_GROUP), (groups, 1)), axis=1)
    return ((slices + draw.random((groups, _GROUP))) / _GROUP).ravel()[:rows]
