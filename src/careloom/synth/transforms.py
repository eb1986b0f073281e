"""A table to model space and back: fitted on data, or on what is public alone."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from careloom.errors import InputError
from careloom.synth.metadata import DTYPES, Column, Table
from careloom.synth.metadata_check import conform
from careloom.synth.transforms_bins import BinCodec, cut_edges, quantile_edges, uniform_edges
from careloom.synth.transforms_categories import CategoryCodec, by_hierarchy, categories, with_rare
from careloom.synth.transforms_numbers import NumberForm, form_of, public_form
from careloom.synth.transforms_numeric import (
    Mixture,
    ModeMap,
    NumericCodec,
    QuantileMap,
    linear_map,
    mode_map,
    quantile_map,
)
from careloom.synth.transforms_space import ModelRows, Part

Codec = NumericCodec | BinCodec | CategoryCodec
VERSION = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How columns go to model space.

    numbers     ``quantile``: normal scores; ``modes``: mode-specific normalisation; ``bins``: codes alone
    knots       of a quantile map, at most
    bins        of a numeric column, at most
    rows_a_bin  so many rows a bin, on average, that a fit on data takes at least; 0: however few
    place       of bins: keep where in its bin a value lies, so that decoding is exact
    rare_below  values of a category seen less often share a code, and have an index among the rare
    """

    numbers: Literal["quantile", "modes", "bins"] = "quantile"
    knots: int = 1_000
    bins: int = 32
    rows_a_bin: int = 0
    place: bool = False
    rare_below: int = 10


@dataclass(frozen=True, slots=True)
class TableTransform:
    """The fitted transform of the columns of a table that say something; identifiers are left out.

    Decoding what was encoded gives back the same categories, integers, dates, decimals, atoms and missing values;
    numbers without declared decimals to 1e-9 of their range, datetimes to the second. Bins
    without `place` give the bin back.
    """

    table: str
    codecs: tuple[Codec, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The columns of model space, in order."""
        return tuple(part for codec in self.codecs for part in codec.parts)

    @property
    def continuous(self) -> tuple[Part, ...]:
        """The columns of `ModelRows.continuous`."""
        return tuple(part for part in self.parts if not part.size)

    @property
    def discrete(self) -> tuple[Part, ...]:
        """The columns of `ModelRows.discrete`; their sizes are the domain of marginals."""
        return tuple(part for part in self.parts if part.size)

    def encode(self, frame: pl.DataFrame, draw: np.random.Generator | None = None) -> ModelRows:
        """Rows in model space; each row by itself, so that batches give what the whole gives.

        frame   as `conform` returns it
        draw    of modes by their probability; None: the likeliest
        raises  SchemaMismatch for a category that the fit did not know
        """
        arrays = [array for codec in self.codecs for array in codec.encode(frame[_name(codec)], draw)]
        split: dict[bool, list[Any]] = {False: [], True: []}
        for part, array in zip(self.parts, arrays, strict=True):
            split[bool(part.size)].append(array)
        return ModelRows(
            np.column_stack(split[False]) if split[False] else np.zeros((frame.height, 0)),
            np.column_stack(split[True]) if split[True] else np.zeros((frame.height, 0), np.int32),
        )

    def decode(self, rows: ModelRows, draw: np.random.Generator | None = None) -> pl.DataFrame:
        """The table of rows in model space; whatever the codes, all values are within their declaration.

        draw  needed by bins without `place`
        """
        numbers, codes = iter(rows.continuous.T), iter(rows.discrete.T)
        made = []
        for codec in self.codecs:
            arrays = [next(codes) if part.size else next(numbers) for part in codec.parts]
            made.append(codec.decode(arrays, draw))
        return pl.DataFrame(made)

    def encode_batches(self, frames: Iterable[pl.DataFrame]) -> Iterator[ModelRows]:
        """`encode` of one batch after another, for tables that do not fit in memory."""
        return (self.encode(frame) for frame in frames)

    def to_json(self) -> dict[str, Any]:
        """The fitted state as JSON values; it holds what was seen: ranges, quantiles and categories."""
        return {
            "version": VERSION,
            "table": self.table,
            "codecs": [{"kind": codec.kind, **asdict(codec), **_map_kind(codec)} for codec in self.codecs],
        }


def from_json(state: dict[str, Any]) -> TableTransform:
    """The transform of a state. raises InputError for another version"""
    if state.get("version") != VERSION:
        raise InputError("transform: the version is unknown", f"Give a state of version {VERSION}, or fit again.")
    return TableTransform(state["table"], tuple(_codec_of(dict(each)) for each in state["codecs"]))


def fit(table: Table, frame: pl.DataFrame, plan: Plan | None = None, mixture: Mixture | None = None) -> TableTransform:
    """The transform fitted on data: not private.

    frame    in any types that `conform` takes
    mixture  for the plan ``modes``: `careloom.synth.transforms_modes_sklearn:mixture`, through the registry
    """
    plan, typed = plan or Plan(), conform(table, frame)
    return TableTransform(table.name, tuple(_fitted(each, typed[each.name], plan, mixture) for each in table.modelled))


def fit_public(table: Table, plan: Plan | None = None) -> TableTransform:
    """The transform of what is declared public: it takes no data, and costs no privacy.

    raises  InputError that names the columns which are not public, or whose bounds or values are missing
    """
    plan = plan or Plan()
    lacking = [column.name for column in table.modelled if not _is_enough(column)]
    if lacking:
        raise InputError(
            f"table {table.name}: a fit without looking at the data lacks bounds or values of {', '.join(lacking)}",
            "Declare low and high, or values, after a codebook, and say public = true.",
        )
    return TableTransform(table.name, tuple(_declared(column, plan) for column in table.modelled))


def _is_enough(column: Column) -> bool:
    bounded = column.low is not None and column.high is not None
    return column.public and (bounded or bool(column.values) or column.kind == "boolean")


def _fitted(column: Column, series: pl.Series, plan: Plan, mixture: Mixture | None) -> Codec:
    nullable = column.nullable and bool(series.null_count())
    if column.kind in ("categorical", "boolean"):
        return _fitted_categories(column, series, plan, nullable=nullable)
    form = form_of(column, series)
    values, missing = form.numbers(series)
    free = values[~missing & ~np.isin(values, column.atoms)]
    if plan.numbers == "bins":
        bins = min(plan.bins, max(2, len(free) // plan.rows_a_bin)) if plan.rows_a_bin else plan.bins
        return BinCodec(form, quantile_edges(free, form, bins), column.atoms, nullable, plan.place)
    if plan.numbers == "modes":
        if mixture is None:
            raise ValueError("the plan `modes` needs a mixture")
        return NumericCodec(form, column.atoms, nullable, mode_map(free, mixture))
    return NumericCodec(form, column.atoms, nullable, quantile_map(free, plan.knots))


def _fitted_categories(column: Column, series: pl.Series, plan: Plan, *, nullable: bool) -> CategoryCodec:
    counts: dict[Any, int] = dict.fromkeys(column.values, 0)
    counts |= dict(series.drop_nulls().value_counts().iter_rows())
    if column.kind == "boolean":
        return categories(column.name, "Boolean", (False, True), nullable=nullable)
    if column.hierarchy:
        return by_hierarchy(column.name, column.hierarchy, counts, nullable=nullable)
    return with_rare(column.name, _dtype(column), counts, below=plan.rare_below, nullable=nullable)


def _declared(column: Column, plan: Plan) -> Codec:
    if column.kind == "boolean":
        return categories(column.name, "Boolean", (False, True), nullable=column.nullable)
    if column.kind == "categorical":
        counts: dict[Any, int] = dict.fromkeys(column.values, 0)
        if column.hierarchy:
            return by_hierarchy(column.name, column.hierarchy, counts, nullable=column.nullable)
        return categories(column.name, _dtype(column), column.values, nullable=column.nullable)
    form = public_form(column)
    if plan.numbers == "bins":
        edges = cut_edges(form, column.cuts) if column.cuts else uniform_edges(form, plan.bins)
        return BinCodec(form, edges, column.atoms, column.nullable, plan.place)
    return NumericCodec(form, column.atoms, column.nullable, linear_map(form))


def _dtype(column: Column) -> str:
    return next(name for name, dtype in DTYPES.items() if dtype == column.polars_type)


def _name(codec: Codec) -> str:
    return codec.name if isinstance(codec, CategoryCodec) else codec.form.name


def _map_kind(codec: Codec) -> dict[str, Any]:
    return {"map": {"kind": codec.map.kind, **asdict(codec.map)}} if isinstance(codec, NumericCodec) else {}


_CODECS: dict[str, Callable[..., Codec]] = {each.kind: each for each in (NumericCodec, BinCodec, CategoryCodec)}
_MAPS: dict[str, Callable[..., QuantileMap | ModeMap]] = {each.kind: each for each in (QuantileMap, ModeMap)}


def _codec_of(state: dict[str, Any]) -> Codec:
    kind = state.pop("kind")
    if "form" in state:
        state["form"] = NumberForm(**state["form"])
    if "map" in state:
        told = dict(state["map"])
        state["map"] = _MAPS[told.pop("kind")](**{name: tuple(value) for name, value in told.items()})
    return _CODECS[kind](**{name: _frozen(value) for name, value in state.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
