"""Where in their bin the values of a number lie: a few quantiles for each bin, so that wide bins keep their shape."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
KNOTS = 5
ROWS_AT_LEAST = 20
"""Bins with fewer rows are taken to be even: their quantiles would be their rows."""


def learnt(codes: Codes, places: Floats, size: int) -> Floats:
    """[size, KNOTS] places for each code: the lowest, the quartiles, the highest; even steps where rows are few."""
    table = np.tile(np.linspace(0, 1, KNOTS), (size, 1))
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=size))
    for code, rows in enumerate(np.split(order, ends[:-1])):
        if len(rows) >= ROWS_AT_LEAST:
            table[code] = np.quantile(places[rows], np.linspace(0, 1, KNOTS))
    return table


def drawn(codes: Codes, table: Floats, draw: np.random.Generator) -> Floats:
    """[rows] places, spread as the quantiles of their code say, evenly between them."""
    along = draw.random(len(codes)) * (KNOTS - 1)
    at = np.minimum(along.astype(np.int64), KNOTS - 2)
    low, high = table[codes, at], table[codes, at + 1]
    return np.asarray(low + (along - at) * (high - low))
