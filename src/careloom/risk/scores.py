"""Published scores of points, each a file of ``scores/`` with its source, its inputs and cases worked by hand.

    score("lace").range                     (0, 19)
    points(frame, score("lace"))            a total a row, with the parts it is made of

Charlson and Elixhauser count diagnoses: see `careloom.risk.scores_comorbidity`.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import polars as pl

from careloom.errors import InputError
from careloom.runtime import packaged
from careloom.tables.schema import SchemaMismatch

NAMES = ("lace", "hospital", "hospital_2016", "news2", "cha2ds2_vasc")
"""The scores of points that ship with the package."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a score is told.

    unit      UCUM; empty for a flag or a choice
    low, high what is accepted of a number; a value outside counts as refused
    icd10cm   prefixes of the diagnoses that make a flag true, where the file gives them
    """

    name: str
    kind: Literal["number", "flag", "choice"]
    about: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    icd10cm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the printed table.

    bands   (least value, points), rising; empty for flags and choices
    points  of a flag that is true
    step    what a number is rounded to first; 0 for not at all
    when    other inputs that must have these values, else the item gives nothing
    """

    name: str
    source: str
    bands: tuple[tuple[float, int], ...] = ()
    points: int = 0
    choices: Mapping[str, int] | None = None
    step: float = 0.0
    when: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class RiskClass:
    """A published class of totals; `risk` is its published probability, None where there is none."""

    at_least: int
    label: str
    risk: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """A published score.

    range     least and greatest total
    missing   what becomes of a missing input, in words
    checked   what its table was compared with
    single    (points of one item, total that it must stay below, label); None where one item means nothing on its own
    cases     inputs, total and why, worked by hand
    """

    score_id: str
    title: str
    predicts: str
    range: tuple[int, int]
    missing: str
    citation: str
    table: str
    year: int
    checked: tuple[str, ...]
    inputs: Mapping[str, Input]
    items: tuple[Item, ...]
    classes: tuple[RiskClass, ...]
    single: tuple[int, int, str] | None
    cases: tuple[Mapping[str, Any], ...]


@cache
def score(name: str) -> Score:
    """The published score of that name.

    raises  InputError for a name that is not one of `NAMES`
    """
    if name not in NAMES:
        raise InputError(f"score {name!r}", f"ask for one of: {', '.join(NAMES)}")
    read = tomllib.loads(packaged("risk", f"scores/{name}.toml").decode())
    single = read.get("single")
    return Score(
        score_id=read["id"],
        title=read["title"],
        predicts=read["predicts"],
        range=(read["range"][0], read["range"][1]),
        missing=read["missing"],
        citation=read["source"]["citation"],
        table=read["source"]["table"],
        year=read["source"]["year"],
        checked=tuple(read["checked"]),
        inputs={key: _input(key, told) for key, told in read["inputs"].items()},
        items=tuple(_item(told) for told in read["items"]),
        classes=tuple(
            RiskClass(one["at_least"], one["label"], one.get("risk")) for one in reversed(read.get("classes", []))
        ),
        single=(single["points"], single["below"], single["label"]) if single else None,
        cases=tuple(read["cases"]),
    )


def _input(name: str, told: dict[str, Any]) -> Input:
    low, high = told.get("range", (0.0, 0.0))
    return Input(
        name,
        told["kind"],
        told["about"],
        told.get("unit", ""),
        float(low),
        float(high),
        tuple(told.get("choices", ())),
        tuple(told.get("icd10cm", ())),
    )


def _item(told: dict[str, Any]) -> Item:
    return Item(
        told["name"],
        told["input"],
        tuple((float(least), int(points)) for least, points in told.get("bands", ())),
        told.get("points", 0),
        told.get("choices"),
        told.get("step", 0.0),
        tuple(told.get("when", {}).items()),
    )


def points(frame: pl.DataFrame, of: Score, *, count_as_normal: Collection[str] = ()) -> pl.DataFrame:
    """The total of each row of `frame`, in its order.

    frame            a column for each of ``of.inputs``, in its unit: numbers, booleans for flags, text for choices
    count_as_normal  inputs whose absence gives no points; such rows name them under `assumed`
    returns          [n] total (null where an input is missing or refused), class (null where the score has none),
                     risk (published probability of the class), one column `points_ITEM` an item,
                     missing and assumed (names of inputs), refused (names of numbers outside of the accepted range,
                     and of words that are no choice)
    raises           SchemaMismatch if a column is missing or of another kind; InputError for a name of
                     `count_as_normal` that is no input
    """
    if unknown := sorted(set(count_as_normal) - of.inputs.keys()):
        raise InputError(f"{of.score_id}: count_as_normal names {', '.join(unknown)}", "name inputs of the score")
    _check(frame, of)
    usable = frame.select(_usable(one).alias(name) for name, one in of.inputs.items())
    flags = frame.select(
        _names([pl.col(name).is_null() & (name not in count_as_normal) for name in of.inputs], of).alias("missing"),
        _names([pl.col(name).is_null() & (name in count_as_normal) for name in of.inputs], of).alias("assumed"),
        _names([pl.col(name).is_not_null() & _usable(one).is_null() for name, one in of.inputs.items()], of).alias(
            "refused"
        ),
    )
    parts = usable.select(_points(one).alias(f"points_{one.name}") for one in of.items)
    whole = (flags["missing"].list.len() == 0) & (flags["refused"].list.len() == 0)
    totals = pl.select(pl.when(whole).then(parts.sum_horizontal().cast(pl.Int64)).alias("total"))
    labels = pl.concat([totals, parts], how="horizontal").with_columns(_label(of), _risk(of)).select("class", "risk")
    return pl.concat([totals, labels, parts, flags], how="horizontal")


def _check(frame: pl.DataFrame, of: Score) -> None:
    for name, one in of.inputs.items():
        if name not in frame.columns:
            raise SchemaMismatch(f"{of.score_id}: no column {name}", f"add it, {one.kind} {one.unit}".rstrip())
        kind = frame.schema[name]
        fits = {"number": kind.is_numeric(), "flag": kind == pl.Boolean, "choice": kind == pl.String}[one.kind]
        if not fits and kind != pl.Null:
            raise SchemaMismatch(f"{of.score_id}: column {name} is {kind}", f"a {one.kind} is needed")


def _usable(one: Input) -> pl.Expr:
    """The input, null where it is outside of what is accepted."""
    column = pl.col(one.name)
    if one.kind == "number":
        number = column.cast(pl.Float64)
        return pl.when(number.is_between(one.low, one.high)).then(number)
    if one.kind == "choice":
        word = column.cast(pl.String)
        return pl.when(word.is_in(one.choices)).then(word)
    return column.cast(pl.Boolean)


def _names(marks: list[pl.Expr], of: Score) -> pl.Expr:
    named = [pl.when(mark).then(pl.lit(name)) for name, mark in zip(of.inputs, marks, strict=True)]
    return pl.concat_list(named).list.drop_nulls()


def _points(item: Item) -> pl.Expr:
    """The points of an item; 0 where its input is missing, which `points` sees to."""
    column = pl.col(item.source)
    if item.bands:
        value = (column / item.step).round() * item.step if item.step else column
        least = [band[0] for band in item.bands]
        given = pl.lit(item.bands[0][1])
        for at, (_, count) in zip(least[1:], item.bands[1:], strict=True):
            given = pl.when(value >= at - 1e-9).then(pl.lit(count)).otherwise(given)
    elif item.choices is not None:
        given = column.replace_strict(dict(item.choices), default=0, return_dtype=pl.Int32)
    else:
        given = pl.when(column).then(pl.lit(item.points)).otherwise(pl.lit(0))
    holds = column.is_not_null()
    for name, value_then in item.when:
        holds &= pl.col(name) == pl.lit(value_then)
    return pl.when(holds.fill_null(value=False)).then(given).otherwise(pl.lit(0)).cast(pl.Int32)


def _label(of: Score) -> pl.Expr:
    label: pl.Expr = pl.lit(None, dtype=pl.String)
    for one in reversed(of.classes):
        label = pl.when(pl.col("total") >= one.at_least).then(pl.lit(one.label)).otherwise(label)
    if of.single is not None:
        least, below, word = of.single
        alone = pl.any_horizontal(pl.col(f"points_{item.name}") >= least for item in of.items)
        label = pl.when(alone & (pl.col("total") < below)).then(pl.lit(word)).otherwise(label)
    return label.alias("class")


def _risk(of: Score) -> pl.Expr:
    risk: pl.Expr = pl.lit(None, dtype=pl.Float64)
    for one in reversed(of.classes):
        risk = pl.when(pl.col("total") >= one.at_least).then(pl.lit(one.risk, dtype=pl.Float64)).otherwise(risk)
    return risk.alias("risk")
