"""Rows as an attacker compares them: numbers by rank, categories by equality, and the distances between rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.metadata import NUMBERS, Table

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
BLOCK = 250
NEIGHBOURS = 2
BANDWIDTHS = (0.05, 0.2)
"""Of the kernel: rows that are nearly the same, and rows of the same kind. One category is 1 apart from another."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one frame.

    numbers  [n, p] rank among the rows an attacker has, 0..1; missing is 0
    codes    [q, n] categories, and for numbers whether they are missing
    """

    numbers: Singles
    codes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.numbers)

    def at(self, chosen: Codes) -> "Rows":
        """Some of the rows."""
        return Rows(self.numbers[chosen], self.codes[:, chosen])

    def columns(self, numbers: list[int], codes: list[int]) -> "Rows":
        """Some of the columns."""
        return Rows(self.numbers[:, numbers], self.codes[codes])


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """How columns become numbers and codes.

    ranks   number column -> (values seen, rising; rank of each)
    codes   column -> its values; of a number column none: whether it is missing
    """

    ranks: dict[str, tuple[Floats, Floats]]
    codes: dict[str, dict[object, int]]

    def rows(self, frame: pl.DataFrame) -> Rows:
        """A frame in this space; values beyond those seen lie at the ends."""
        numbers = [self._ranked(frame[name], seen, rank) for name, (seen, rank) in self.ranks.items()]
        codes = [self._coded(frame[name], values) for name, values in self.codes.items()]
        return Rows(
            np.stack(numbers, 1) if numbers else np.zeros((frame.height, 0), np.float32),
            np.stack(codes) if codes else np.zeros((0, frame.height), np.int32),
        )

    def parts(self, name: str) -> tuple[list[int], list[int]]:
        """(number columns, code columns) of `Rows` that one column became."""
        return (
            [at for at, each in enumerate(self.ranks) if each == name],
            [at for at, each in enumerate(self.codes) if each == name],
        )

    @staticmethod
    def _ranked(series: pl.Series, seen: Floats, rank: Floats) -> Singles:
        values = floats(series)
        if not len(seen):
            return np.zeros(len(values), np.float32)
        return np.where(np.isnan(values), 0.0, np.interp(values, seen, rank)).astype(np.float32)

    @staticmethod
    def _coded(series: pl.Series, values: dict[object, int]) -> npt.NDArray[np.int32]:
        if not values:
            return series.is_null().to_numpy().astype(np.int32)
        return series.replace_strict(values, default=-1, return_dtype=pl.Int32).fill_null(-2).to_numpy()


def space(table: Table, known: pl.DataFrame, every: pl.DataFrame) -> Space:
    """The space of a table.

    known  the rows that an attacker has: ranks are among them
    every  all rows there are: codes are numbered over them, which says no more than that two values are alike
    """
    ranks: dict[str, tuple[Floats, Floats]] = {}
    codes: dict[str, dict[object, int]] = {}
    for column in table.modelled:
        if column.kind in NUMBERS:
            values = np.sort(floats(known[column.name].drop_nulls()))
            seen, count = np.unique(values, return_counts=True)
            ranks[column.name] = seen, (np.cumsum(count) - count / 2) / max(1, len(values))
            if every[column.name].null_count():
                codes[column.name] = {}
        else:
            values_seen = every[column.name].drop_nulls().unique().sort().to_list()
            codes[column.name] = {value: at for at, value in enumerate(values_seen)} or {None: -2}
    return Space(ranks, codes)


def blocks(rows: Rows, among: Rows) -> Iterator[tuple[slice, Singles]]:
    """[b, m] squared distances of `BLOCK` rows at a time from all others: ranks squared, and 1 for each other code."""
    squares = (among.numbers**2).sum(1)
    for start in range(0, len(rows), BLOCK):
        at = slice(start, start + BLOCK)
        block = rows.numbers[at]
        found = (block**2).sum(1)[:, None] - 2 * block @ among.numbers.T + squares
        np.maximum(found, 0, out=found)
        for one, other in zip(rows.codes, among.codes, strict=True):
            found += one[at, None] != other
        yield at, found


def between(rows: Rows, among: Rows, which: Codes) -> Floats:
    """The distance of each row from one other, without the rounding of `blocks`."""
    apart = ((rows.numbers.astype(float) - among.numbers[which].astype(float)) ** 2).sum(1)
    return np.asarray(np.sqrt(apart + (rows.codes != among.codes[:, which]).sum(0)))


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """What lies around rows among others.

    distance  [n, NEIGHBOURS] of the nearest
    density   [n, BANDWIDTHS] log of the sum of a Gaussian kernel over all others
    count     others there are
    """

    distance: Floats
    density: Floats
    count: int

    def with_more(self, other: "Near") -> "Near":
        """The same rows among both crowds together."""
        distance = np.sort(np.hstack([self.distance, other.distance]), axis=1)[:, :NEIGHBOURS]
        return Near(distance, np.logaddexp(self.density, other.density), self.count + other.count)


def near(rows: Rows, among: Rows) -> Near:
    """What lies around each row. Where there are fewer than `NEIGHBOURS` others, the distance is infinite."""
    distance = np.full((len(rows), NEIGHBOURS), np.inf)
    density = np.full((len(rows), len(BANDWIDTHS)), -np.inf)
    take = min(NEIGHBOURS, len(among))
    if not take:
        return Near(distance, density, 0)
    for at, squared in blocks(rows, among):
        block = rows.at(np.arange(at.start, min(at.stop, len(rows))))
        which = np.argpartition(squared, range(take), axis=1)[:, :take] if take < len(among) else None
        if which is None:
            which = np.argsort(squared, axis=1)[:, :take]
        for place in range(take):
            distance[at, place] = between(block, among, which[:, place].astype(np.int64))
        least = squared.min(1, keepdims=True)
        for place, width in enumerate(BANDWIDTHS):
            scale = np.float32(-0.5 / width**2)
            kernel = np.exp((squared - least) * scale).sum(1)  # from the nearest on: far from all it would vanish
            density[at, place] = np.log(kernel) + least[:, 0] * scale
    return Near(np.sort(distance, axis=1), density, len(among))


def floats(series: pl.Series) -> Floats:
    """Numbers, days or microseconds; NaN where missing."""
    return series.to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy()
