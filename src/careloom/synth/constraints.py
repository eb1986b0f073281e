"""What must hold within a row of a table, or within the rows of one key: as data, and as an expression over columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import polars as pl

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Order:
    """One column is never above another: discharge after admission.

    strict  True: never equal either
    """

    kind: ClassVar[str] = "order"
    low: str
    high: str
    strict: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it speaks of."""
        return (self.low, self.high)

    def holds(self) -> pl.Expr:
        """True where it holds; a row with a null on either side passes."""
        low, high = pl.col(self.low), pl.col(self.high)
        return (low < high if self.strict else low <= high).fill_null(True)


@dataclass(frozen=True, slots=True)
class Sum:
    """One column is the sum of others.

    tolerance  absolute, for sums that were rounded
    """

    kind: ClassVar[str] = "sum"
    total: str
    parts: tuple[str, ...]
    tolerance: float = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it speaks of."""
        return (self.total, *self.parts)

    def holds(self) -> pl.Expr:
        """True where it holds; a row with a null anywhere passes."""
        parts = reduce(lambda left, right: left + right, (pl.col(part) for part in self.parts))
        return ((pl.col(self.total) - parts).abs() <= self.tolerance + 1e-9).fill_null(True)


@dataclass(frozen=True, slots=True)
class Implies:
    """What some values say about others: no pregnancy of a man, no cause of death of the living.

    when  column -> values of which one must be there for the rule to apply; no values: the column is null
    then  column -> values of which one must be there then; no values: the column must be null
    """

    kind: ClassVar[str] = "implies"
    when: Mapping[str, tuple[Value, ...]]
    then: Mapping[str, tuple[Value, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it speaks of."""
        return (*self.when, *self.then)

    def holds(self) -> pl.Expr:
        """True where it holds."""
        return ~_all_of(self.when) | _all_of(self.then)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Columns whose values come in fixed combinations: a grade and its number, a laboratory code and its unit.

    combinations  those that there are, in the order of `columns`; none: those of the data that a generator learns from,
                  which a fit under differential privacy may not look at
    """

    kind: ClassVar[str] = "fixed"
    columns: tuple[str, ...]
    combinations: tuple[tuple[Value | None, ...], ...] = ()

    def holds(self) -> pl.Expr:
        """True where it holds; always where no combinations are listed."""
        if not self.combinations:
            return pl.lit(True)
        each = [
            pl.all_horizontal(
                pl.col(name).is_null() if value is None else pl.col(name).eq_missing(pl.lit(value))
                for name, value in zip(self.columns, row, strict=True)
            )
            for row in self.combinations
        ]
        return pl.any_horizontal(each)


@dataclass(frozen=True, slots=True)
class Same:
    """A column that does not change within the rows of a key: the birth date of a patient."""

    kind: ClassVar[str] = "same"
    column: str
    key: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it speaks of."""
        return (self.column, *self.key)

    def holds(self) -> pl.Expr:
        """True in the rows of a key where the column has one value, null counted as one."""
        return pl.col(self.column).n_unique().over(self.key) <= 1


Constraint = Order | Sum | Implies | Fixed | Same
KINDS: Mapping[str, type[Constraint]] = {each.kind: each for each in (Order, Sum, Implies, Fixed, Same)}
"""Word of the TOML -> class."""


def violations(frame: pl.DataFrame, constraint: Constraint) -> pl.Series:
    """True in the rows that break a constraint, for rejection and for counting."""
    return frame.select((~constraint.holds()).alias("violations")).to_series()


def constraint_of(kind: str, entry: Mapping[str, Any]) -> Constraint:
    """The constraint that a TOML table says.

    raises  KeyError for an unknown kind, TypeError or ValueError for what does not fit it
    """
    made = {name: _frozen(value) for name, value in entry.items()}
    if kind == "implies":
        made = {name: {column: _frozen(values) for column, values in made[name].items()} for name in made}
    return KINDS[kind](**made)


def _all_of(wanted: Mapping[str, tuple[Value, ...]]) -> pl.Expr:
    each = [
        pl.col(name).is_in(list(values)).fill_null(False) if values else pl.col(name).is_null()
        for name, values in wanted.items()
    ]
    return pl.all_horizontal(each)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
