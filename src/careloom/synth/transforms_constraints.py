"""Constraints kept by construction: a table without the columns that follow from others, and back.

The later of two times becomes the gap after the earlier, a total is left out, columns of fixed combinations become
one column. What cannot be kept so (`Implies`, `Same`, an order whose earlier side may be missing) is left to rejection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import reduce
from typing import Any

import polars as pl

from careloom.errors import InputError
from careloom.synth.constraints import Constraint, Fixed, Order, Sum, Value, violations
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import conform


@dataclass(frozen=True, slots=True)
class _Gap:
    """`high` as what it lies above `low`: days of dates, seconds of times, the difference of numbers."""

    rule: Order
    low: Column
    high: Column

    @property
    def name(self) -> str:
        return f"{self.high.name} after {self.low.name}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """What stands in the place of `high`."""
        whole = {self.low.kind, self.high.kind} <= {"integer", "date", "datetime"}
        decimals = None if whole or self._decimals is None else self._decimals
        high = self._width if self.low.public and self.high.public else None
        gap = Column(
            self.name,
            "integer" if whole else "continuous",
            unit={"date": "d", "datetime": "s"}.get(self.high.kind, self.high.unit),
            decimals=decimals,
            low=1 if self.rule.strict else 0,
            high=high,
            nullable=self.high.nullable,
            public=self.low.public and self.high.public,
        )
        return (gap,)

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the gap in the place of `high`."""
        gap = pl.col(self.high.name) - pl.col(self.low.name)
        if self.high.kind in ("date", "datetime"):
            gap = gap.dt.total_days() if self.high.kind == "date" else gap.dt.total_seconds()
        elif self._decimals is not None:
            gap = gap.round(self._decimals)
        return frame.with_columns(gap.alias(self.name)).drop(self.high.name)

    def restore(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with `high`, never below `low`, never above its own bound."""
        gap, low = pl.col(self.name), pl.col(self.low.name)
        if self.high.kind in ("date", "datetime"):
            gap = pl.duration(days=gap) if self.high.kind == "date" else pl.duration(seconds=gap, time_unit="us")
        high = low + gap
        if self._decimals is not None:
            high = high.round(self._decimals)
        high = high.cast(self.high.polars_type)
        if self.high.high is not None and not self.rule.strict:
            bound = pl.lit(self.high.high).cast(self.high.polars_type)
            high = pl.when(high > bound).then(pl.max_horizontal(bound, low)).otherwise(high)
        return frame.with_columns(high.alias(self.high.name)).drop(self.name)

    @property
    def _decimals(self) -> int | None:
        if self.high.kind != "continuous" or self.low.decimals is None or self.high.decimals is None:
            return None
        return max(self.low.decimals, self.high.decimals)

    @property
    def _width(self) -> float | None:
        if self.low.low is None or self.high.high is None:
            return None
        both = pl.DataFrame({self.low.name: [self.low.low], self.high.name: [self.high.high]})
        casts = [pl.col(column.name).cast(column.polars_type) for column in (self.low, self.high)]
        return float(self.reduce(both.with_columns(casts))[self.name][0])


@dataclass(frozen=True, slots=True)
class _Total:
    """A total that is left out, and added up again."""

    rule: Sum
    total: Column
    columns: tuple[Column, ...] = ()

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame without the total."""
        return frame.drop(self.total.name)

    def restore(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the total; null where a part is."""
        total = reduce(lambda left, right: left + right, (pl.col(part) for part in self.rule.parts))
        if self.total.decimals is not None:
            total = total.round(self.total.decimals)
        return frame.with_columns(total.cast(self.total.polars_type).alias(self.total.name))


@dataclass(frozen=True, slots=True)
class _Joint:
    """Columns of fixed combinations as the place of the combination in a list."""

    parts: tuple[Column, ...]
    combinations: tuple[tuple[Value | None, ...], ...]

    @property
    def name(self) -> str:
        return " and ".join(part.name for part in self.parts)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What stands in the place of the columns."""
        public = all(part.public for part in self.parts)
        values = tuple(range(len(self.combinations)))
        return (Column(self.name, "categorical", dtype="Int64", values=values, nullable=False, public=public),)

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with one column in the place of the others."""
        joined = frame.join(self._table(), on=[part.name for part in self.parts], how="left", nulls_equal=True,
                            maintain_order="left")  # fmt: skip
        return joined.drop(part.name for part in self.parts)

    def restore(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the columns themselves."""
        return frame.join(self._table(), on=self.name, how="left", maintain_order="left").drop(self.name)

    def _table(self) -> pl.DataFrame:
        types: dict[str, pl.DataType] = {part.name: part.polars_type for part in self.parts}
        listed = pl.DataFrame(list(self.combinations), schema=types, orient="row")
        return listed.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(self.name))


@dataclass(frozen=True, slots=True)
class Reduction:
    """The reduced table that a generator learns, and the way back.

    table  reduced; its constraints are those left to rejection, which are checked on restored rows
    kept   for each step, the place of its constraint among those of the original table
    """

    original: Table
    table: Table
    steps: tuple[_Gap | _Total | _Joint, ...]
    kept: tuple[int, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """The steps as JSON values; with the original table they are all that `from_json` needs."""
        return [
            {"constraint": at, "combinations": [[_written(value) for value in row] for row in step.combinations]}
            if isinstance(step, _Joint)
            else {"constraint": at}
            for at, step in zip(self.kept, self.steps, strict=True)
        ]

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the original table as rows of the reduced one."""
        made = conform(self.original, frame)
        for step in self.steps:
            made = step.reduce(made)
        return made.select(self.table.names)

    def restore(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the reduced table as rows of the original one; identifiers must be among them."""
        made = frame
        for step in reversed(self.steps):
            made = step.restore(made)
        return made.select(name for name in self.original.names if name in made.columns)

    def keep_valid(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The restored rows that break no constraint: rejection of the others."""
        for constraint in self.original.constraints:
            if set(constraint.columns) <= set(frame.columns):
                frame = frame.filter(~violations(frame, constraint))
        return frame


def reduction(table: Table, frame: pl.DataFrame | None) -> Reduction:
    """How a table is reduced by its constraints.

    frame  the data, which fills in combinations that are not listed, and tells whether a part is ever missing; None for
           a fit under differential privacy: then only what is declared counts
    """
    data = None if frame is None else conform(table, frame)
    columns: dict[str, Column] = {column.name: column for column in table.columns}
    touched: set[str] = set()  # by an earlier step: each column is replaced once, and what a step needs stays
    steps: list[_Gap | _Total | _Joint] = []
    kept: list[int] = []
    for constraint in _later_ones_first(table.constraints):
        step = _step(constraint, columns, data)
        gone = set(constraint.columns) if isinstance(step, _Joint) else _replaced(constraint)
        if step is None or gone & touched or not set(constraint.columns) <= set(columns):
            continue
        steps.append(step)
        kept.append(table.constraints.index(constraint))
        touched |= set(constraint.columns) if isinstance(step, _Joint) else gone
        if isinstance(step, _Total):
            touched |= set(step.rule.parts)
        columns = _with(columns, gone, step.columns)
    return _reduction(table, columns, steps, kept)


def from_json(table: Table, told: list[dict[str, Any]]) -> Reduction:
    """The reduction of a table whose steps are known."""
    columns: dict[str, Column] = {column.name: column for column in table.columns}
    steps: list[_Gap | _Total | _Joint] = []
    for entry in told:
        constraint = table.constraints[entry["constraint"]]
        if isinstance(constraint, Fixed):
            parts = tuple(columns[each] for each in constraint.columns)
            listed = tuple(
                tuple(_read(value, part) for value, part in zip(row, parts, strict=True))
                for row in entry["combinations"]
            )
            step: _Gap | _Total | _Joint = _Joint(parts, listed)
        elif isinstance(constraint, Order):
            step = _Gap(constraint, columns[constraint.low], columns[constraint.high])
        elif isinstance(constraint, Sum):
            step = _Total(constraint, columns[constraint.total])
        else:
            raise InputError(f"constraint {constraint.kind} has no step", "Fit the generator again.")
        steps.append(step)
        gone = set(constraint.columns) if isinstance(step, _Joint) else _replaced(constraint)
        columns = _with(columns, gone, step.columns)
    return _reduction(table, columns, steps, [entry["constraint"] for entry in told])


def _reduction(
    table: Table, columns: Mapping[str, Column], steps: list[_Gap | _Total | _Joint], kept: list[int]
) -> Reduction:
    done = {name for name in table.names if name not in columns}
    left = tuple(each for each in table.constraints if not set(each.columns) & done)
    return Reduction(
        table, replace(table, columns=tuple(columns.values()), constraints=left), tuple(steps), tuple(kept)
    )


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _read(value: Any, part: Column) -> Any:
    if value is None or part.kind not in ("date", "datetime"):
        return value
    return date.fromisoformat(value) if part.kind == "date" else datetime.fromisoformat(value)


def _with(columns: Mapping[str, Column], gone: set[str], new: tuple[Column, ...]) -> dict[str, Column]:
    """The columns with new ones in the place of the first that goes."""
    made: dict[str, Column] = {}
    for name, column in columns.items():
        if name not in gone:
            made[name] = column
        elif not any(each.name in made for each in new):
            made |= {each.name: each for each in new}
    return made


def _replaced(constraint: Constraint) -> set[str]:
    return {constraint.high} if isinstance(constraint, Order) else {constraint.columns[0]}


def _later_ones_first(constraints: tuple[Constraint, ...]) -> list[Constraint]:
    """Orders in such a sequence that the earlier side of each is still there when its turn comes."""
    waiting = [each for each in constraints if isinstance(each, Order)]
    found: list[Constraint] = []
    while waiting:
        ready = [each for each in waiting if each.high not in {other.low for other in waiting}] or waiting[:1]
        found.append(ready[0])
        waiting.remove(ready[0])
    return found + [each for each in constraints if not isinstance(each, Order)]


def _step(
    constraint: Constraint, columns: Mapping[str, Column], data: pl.DataFrame | None
) -> _Gap | _Total | _Joint | None:
    """The step that keeps a constraint, None for one that is left to rejection."""
    if not set(constraint.columns) <= set(columns) or any(columns[each].kind == "id" for each in constraint.columns):
        return None
    if data is not None and bool(violations(data, constraint).any()):
        return None  # the data breaks it: nothing can be built on it
    if isinstance(constraint, Order):
        low, high = columns[constraint.low], columns[constraint.high]
        return None if _may_lack(low, high, data) or _is_finer(constraint, high, data) else _Gap(constraint, low, high)
    if isinstance(constraint, Sum):
        total = columns[constraint.total]
        whole = all(columns[each].kind == "integer" for each in constraint.columns)
        exact = whole or (total.decimals is not None and not constraint.tolerance)
        same = data is not None and _missing_alike(constraint, data)
        never = not any(columns[each].nullable for each in constraint.columns)
        return _Total(constraint, total) if exact and (same or never) else None
    if isinstance(constraint, Fixed):
        parts = tuple(columns[each] for each in constraint.columns)
        listed = constraint.combinations
        if not listed and data is not None:
            listed = tuple(data.select(constraint.columns).unique().sort(constraint.columns).iter_rows())
        return _Joint(parts, listed) if listed else None
    return None


def _may_lack(low: Column, high: Column, data: pl.DataFrame | None) -> bool:
    """The earlier value may be missing where the later one is there: the gap would lose it."""
    if data is None:
        return low.nullable
    return bool(data.select(pl.col(low.name).is_null() & pl.col(high.name).is_not_null()).to_series().any())


def _is_finer(constraint: Order, high: Column, data: pl.DataFrame | None) -> bool:
    """Times finer than a second, or numbers that must differ and have no step."""
    if constraint.strict and high.kind == "continuous":
        return True
    if high.kind != "datetime" or data is None:
        return False
    micros = data.select(pl.col(name).dt.epoch("us") % 1_000_000 for name in constraint.columns)
    return bool(micros.select(pl.any_horizontal((pl.all() != 0).any())).item())


def _missing_alike(constraint: Sum, data: pl.DataFrame) -> bool:
    """The total is missing in those rows, and only those, where a part is."""
    parts = pl.any_horizontal(pl.col(part).is_null() for part in constraint.parts)
    return bool(data.select((pl.col(constraint.total).is_null() == parts).all()).item())
