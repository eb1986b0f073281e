"""What a model is told: its features as declared, and frames brought to the numbers that it was trained on.

Nothing is guessed: a column that lacks, has another type, or is null where the model never saw a null is refused by
name. What is declared is handled: null where it may be, a level that training did not know (``other``), a number beyond
what training saw (taken for the bound).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Literal

import numpy as np
import polars as pl

from careloom.errors import FormatError
from careloom.risk.evaluate_measures import Floats
from careloom.tables.schema import SchemaMismatch

Type = Literal["number", "flag", "code"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelFeature:
    """One column that a model is told.

    type       number; flag (true or false); code (a text of `levels`)
    unit       UCUM; empty where values have none
    nullable   false: a null is refused, as training saw none
    concept    what a clinician calls it: features of one concept are explained together
    modifiable somebody can change it before the outcome
    minimum, maximum  of numbers, as training saw them; what lies beyond counts as the bound
    levels     of codes, those that training saw often enough; any other is ``other``
    monotone   1: the risk never falls with it; -1: never rises; 0: not said
    """

    name: str
    type: Type
    concept: str
    unit: str = ""
    nullable: bool = True
    modifiable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    levels: tuple[str, ...] = ()
    monotone: int = 0

    def as_json(self) -> Json:
        """The feature as plain data, which `feature` reads."""
        return {name: getattr(self, name) for name in self.__slots__} | {"levels": list(self.levels)}


def feature(told: Mapping[str, Any]) -> ModelFeature:
    """The feature that `as_json` wrote. raises FormatError"""
    try:
        made = ModelFeature(**dict(told) | {"levels": tuple(told.get("levels", ()))})
    except TypeError as error:
        raise FormatError("model.json: a feature lacks a key or has one too many", "Write name, type, concept.") from (
            error
        )
    if made.type not in ("number", "flag", "code") or made.monotone not in (-1, 0, 1):
        raise FormatError(f"model.json: feature {made.name}", "type is number, flag or code; monotone -1, 0 or 1.")
    return made


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a column before training: see `ModelFeature`.

    nullable  it may be null though no training row is: a null then counts as a patient of the mean
    """

    concept: str
    unit: str = ""
    modifiable: bool = False
    monotone: int = 0
    nullable: bool = False


def described(frame: pl.DataFrame, about: Mapping[str, About], *, fewest: int = 30) -> tuple[ModelFeature, ...]:
    """The features of a model, by its training rows; columns that are null or one value throughout are left out.

    about   column -> what is known of it, in the order that the model will have
    fewest  rows that make a text a level; rarer ones are ``other`` together
    raises  SchemaMismatch for a column that lacks, or that is neither number, flag nor text
    """
    made = []
    for name, known in about.items():
        if name not in frame.columns:
            raise SchemaMismatch(f"training rows: no column {name}", "add it, or leave it out of the features")
        column = frame[name]
        if column.drop_nulls().n_unique() + int(column.null_count() > 0) > 1:
            made.append(_described(name, column, known, fewest))
    return tuple(made)


def _described(name: str, column: pl.Series, known: About, fewest: int) -> ModelFeature:
    kind, nullable = _type(name, column.dtype), known.nullable or column.null_count() > 0
    low = high = None
    levels: tuple[str, ...] = ()
    if kind == "number":
        finite = column.cast(pl.Float64).drop_nulls()
        finite = finite.filter(finite.is_finite())
        nullable = nullable or finite.len() < column.len()
        low, high = (float(finite.min()), float(finite.max())) if finite.len() else (0.0, 0.0)  # type: ignore[arg-type]
    elif kind == "code":
        counted = column.cast(pl.String).drop_nulls().value_counts()
        often = counted.filter(pl.col("count") >= fewest)
        levels = tuple(often[counted.columns[0]].sort().to_list())
    return ModelFeature(
        name, kind, known.concept, known.unit, nullable, known.modifiable, low, high, levels,
        known.monotone if kind != "code" else 0,
    )  # fmt: skip


def _type(name: str, dtype: pl.DataType) -> Type:
    if dtype == pl.Boolean:
        return "flag"
    if dtype.is_numeric():
        return "number"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "code"
    raise SchemaMismatch(f"training rows: column {name} is {dtype}", "a number, a boolean or a text is needed")


def encoded(features: Sequence[ModelFeature], frame: pl.DataFrame) -> Floats:
    """[n, p] what a learner is told: numbers within their bounds, flags as 0 and 1, codes as the place of their level
    (the number of levels for ``other``), nan for null.

    raises  SchemaMismatch, which names the column and what to do, never a value
    """
    _require(features, frame)
    if not features or frame.is_empty():
        return np.zeros((frame.height, len(features)))
    told = frame.select(_expressions(tuple(features)))
    _require_values(features, told)
    return told.to_numpy(order="c").astype(np.float64, copy=False)


def _require(features: Sequence[ModelFeature], frame: pl.DataFrame) -> None:
    schema = frame.schema
    for one in features:
        kind = schema.get(one.name)
        if kind is None:
            raise SchemaMismatch(f"no column {one.name}", f"add it: {_needed(one)}; null where nobody knows")
        fits = {
            "number": kind.is_numeric(),
            "flag": kind == pl.Boolean,
            "code": kind in (pl.String, pl.Categorical, pl.Enum),
        }[one.type]
        if not fits and kind != pl.Null:
            raise SchemaMismatch(f"column {one.name} is {kind}", f"{_needed(one)} is needed")


def _needed(one: ModelFeature) -> str:
    words = {"number": f"a number {f'in {one.unit}' if one.unit else ''}".rstrip(), "flag": "true or false"}
    return words.get(one.type, "a text")


def _require_values(features: Sequence[ModelFeature], told: pl.DataFrame) -> None:
    counts = told.null_count().row(0)
    for one, nulls in zip(features, counts, strict=True):
        if nulls and not one.nullable:
            raise SchemaMismatch(
                f"column {one.name} is null in {nulls} rows",
                "the model never saw it missing: fill it, or leave them out",
            )


@lru_cache(maxsize=64)
def _expressions(features: tuple[ModelFeature, ...]) -> tuple[pl.Expr, ...]:
    return tuple(_expression(one).alias(one.name) for one in features)


def _expression(one: ModelFeature) -> pl.Expr:
    column = pl.col(one.name)
    if one.type == "flag":
        return column.cast(pl.Float64)
    if one.type == "number":
        number = column.cast(pl.Float64)
        known = pl.when(number.is_finite()).then(number)
        return known.clip(one.minimum, one.maximum)
    other = float(len(one.levels))
    text = column.cast(pl.String)
    if not one.levels:
        return pl.when(text.is_not_null()).then(other)
    places = [float(place) for place in range(len(one.levels))]
    found = text.replace_strict(list(one.levels), places, default=other, return_dtype=pl.Float64)
    return pl.when(text.is_not_null()).then(found)


def encoded_rows(features: Sequence[ModelFeature], rows: Sequence[Mapping[str, Any]]) -> Floats:
    """As `encoded`, of rows as JSON has them; a key that lacks is refused, as a column would be.

    raises  SchemaMismatch, which names the key and the number of the row
    """
    told = np.full((len(rows), len(features)), np.nan)
    for place, one in enumerate(features):
        places = _places(one.levels) if one.type == "code" else {}
        for number, row in enumerate(rows):
            if one.name not in row:
                raise SchemaMismatch(f"row {number}: no {one.name}", f"add it: {_needed(one)}; null where nobody knows")
            value = _number(one, row[one.name], places, number)
            if value is not None:
                told[number, place] = value
            elif not one.nullable:
                raise SchemaMismatch(f"row {number}: {one.name} is null", "the model never saw it missing: fill it")
    return told


@lru_cache(maxsize=4096)
def _places(levels: tuple[str, ...]) -> dict[str, float]:
    return {level: float(place) for place, level in enumerate(levels)}


def _number(one: ModelFeature, value: Any, places: Mapping[str, float], row: int) -> float | None:
    if value is None:
        return None
    if one.type == "flag" and isinstance(value, bool):
        return float(value)
    if one.type == "code" and isinstance(value, str):
        return places.get(value, float(len(one.levels)))
    if one.type == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        if not isfinite(value):
            return None
        low = float(value) if one.minimum is None else max(float(value), one.minimum)
        return low if one.maximum is None else min(low, one.maximum)
    raise SchemaMismatch(f"row {row}: {one.name} is of another type", f"{_needed(one)} is needed")
