"""Categorical columns in model space: one code; common codes and an index of rare ones; or a path down a hierarchy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.constraints import Value
from careloom.synth.hierarchies import path
from careloom.synth.metadata import DTYPES
from careloom.synth.transforms_space import Arrays, Part
from careloom.tables.schema import SchemaMismatch


@dataclass(frozen=True, slots=True)
class CategoryCodec:
    """Categories as paths of codes: a value is found by its path, and each path has one value.

    values  in order, all different
    paths   [values][levels] codes; one level where the column has neither a hierarchy nor rare values
    sizes   [levels] how many codes a level has, missing not counted: it is the last code of the first level
    levels  the names of the levels after the first, for the names of their parts
    """

    kind: ClassVar[str] = "categories"
    name: str
    dtype: str
    values: tuple[Value, ...]
    paths: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    levels: tuple[str, ...]
    nullable: bool

    @property
    def parts(self) -> tuple[Part, ...]:
        """One discrete part for each level."""
        first = Part(self.name, self.name, self.sizes[0] + self.nullable)
        rest = zip(self.levels, self.sizes[1:], strict=True)
        return (first, *(Part(self.name, f"{self.name}:{level}", size) for level, size in rest))

    def encode(self, series: pl.Series, draw: np.random.Generator | None) -> list[Arrays]:
        """The arrays of `parts`. raises SchemaMismatch for a value that the fit did not know"""
        known = {value: at for at, value in enumerate(self.values)}
        missing = series.is_null()
        if series.is_in(list(self.values)).fill_null(True).all() is False or (missing.any() and not self.nullable):
            raise SchemaMismatch(
                f"column {self.name}: there are values that the transform was not fitted on",
                "Fit it on all of the data, or list every category under `values`.",
            )
        at = series.replace_strict(known, default=len(self.values), return_dtype=pl.Int64).fill_null(len(self.values))
        table = np.zeros((len(self.values) + 1, len(self.sizes)), np.int32)
        table[:-1] = np.asarray(self.paths, np.int32).reshape(len(self.values), len(self.sizes))
        table[-1, 0] = self.sizes[0]
        return list(table[at.to_numpy()].T)

    def decode(self, arrays: Sequence[Arrays], draw: np.random.Generator | None) -> pl.Series:
        """The column; codes below a level that are not there become the nearest that is, so that any codes decode."""
        if not self.values:
            return pl.Series(self.name, [None] * len(arrays[0]), dtype=DTYPES[self.dtype])
        paths = np.asarray(self.paths, np.int64).reshape(len(self.values), len(self.sizes))
        order = np.lexsort(paths.T[::-1])
        index = order[_at_or_before(paths[order], [np.asarray(each, np.int64) for each in arrays], self.sizes)]
        made = pl.Series(self.name, list(self.values), dtype=DTYPES[self.dtype])
        missing = np.asarray(arrays[0], np.int64) >= self.sizes[0]
        taken = made.gather(index)
        return taken.set(pl.Series(missing), None) if missing.any() else taken


def _at_or_before(
    paths: npt.NDArray[np.int64], codes: Sequence[npt.NDArray[np.int64]], sizes: Sequence[int]
) -> npt.NDArray[np.int64]:
    """For each row of codes the place of the same path, or of the nearest under the same parent; `paths` is sorted."""
    key, wanted = np.zeros(len(paths), np.int64), np.zeros(len(codes[0]), np.int64)
    for level, size in enumerate(sizes):  # after each level: that level's nearest code below the parents chosen so far
        key = key * size + paths[:, level]
        wanted = wanted * size + np.clip(codes[level], 0, size - 1)
        there = np.unique(key)
        at = np.clip(np.searchsorted(there, wanted, side="right") - 1, 0, len(there) - 1)
        lower = there[at]
        upper = there[np.minimum(at + 1, len(there) - 1)]
        wanted = np.where(lower // size == wanted // size, lower, upper)
    return np.clip(np.searchsorted(key, wanted), 0, len(paths) - 1)


def categories(name: str, dtype: str, values: Sequence[Value], *, nullable: bool) -> CategoryCodec:
    """One code a value, in the order given."""
    return CategoryCodec(
        name, dtype, tuple(values), tuple((at,) for at in range(len(values))), (len(values),), (), nullable
    )


def with_rare(name: str, dtype: str, counts: Mapping[Value, int], *, below: int, nullable: bool) -> CategoryCodec:
    """Frequent values first, one code each; those seen less than `below` times share a code and have an index in it."""
    ordered = sorted(counts, key=lambda value: (-counts[value], str(value)))
    common = [value for value in ordered if counts[value] >= below]
    rare = ordered[len(common) :]
    if len(rare) < 2:
        return categories(name, dtype, ordered, nullable=nullable)
    paths = [(at, 0) for at in range(len(common))] + [(len(common), at) for at in range(len(rare))]
    return CategoryCodec(name, dtype, tuple(ordered), tuple(paths), (len(common) + 1, len(rare)), ("rare",), nullable)


def by_hierarchy(name: str, hierarchy: str, counts: Mapping[str, int], *, nullable: bool) -> CategoryCodec:
    """Codes by their path from the chapter: at each level the children of one parent are numbered, frequent first."""
    ordered = sorted(counts, key=lambda code: (-counts[code], code))
    children: dict[tuple[str, ...], dict[str, int]] = {}
    paths = []
    for code in ordered:
        steps = path(hierarchy, code)
        numbers = []
        for level, step in enumerate(steps):
            siblings = children.setdefault(steps[:level], {})
            numbers.append(siblings.setdefault(step, len(siblings)))
        paths.append(tuple(numbers))
    depth = len(paths[0]) if paths else 1
    sizes = tuple(max((each[level] for each in paths), default=0) + 1 for level in range(depth))
    names = tuple(f"level {level + 1}" for level in range(1, depth))
    return CategoryCodec(name, "String", tuple(ordered), tuple(paths), sizes, names, nullable)
