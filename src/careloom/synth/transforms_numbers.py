"""Numbers and times as float64 and back: rounded to what is written, kept within bounds."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.metadata import DTYPES, Bound, Column

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
_MICROSECONDS = {"day": 86_400_000_000, "minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How a column's numbers are written.

    step       distance of written values: 1 for integers and days, 10 ** -decimals, 0 where there is none
    unit       of a datetime: day, minute, second or microsecond, the coarsest that loses nothing; empty for others
    low, high  what is decoded stays within, inclusive
    """

    name: str
    dtype: str
    step: float
    unit: str
    low: float
    high: float

    def numbers(self, series: pl.Series) -> tuple[Floats, Mask]:
        """(values, where they are missing) of a column in its declared type; 0 where missing."""
        missing = series.is_null().to_numpy()
        if self.unit:
            series = series.dt.epoch("us") / _MICROSECONDS[self.unit]
        elif series.dtype == pl.Date:
            series = series.to_physical()
        return series.cast(pl.Float64).fill_null(0.0).to_numpy().copy(), missing

    def series(self, values: Floats, missing: Mask) -> pl.Series:
        """The column of such values: rounded and within bounds; null where missing."""
        kept = self.rounded(values)
        if self.dtype != "Float64":
            whole = np.rint(kept * _MICROSECONDS[self.unit]) if self.unit else np.rint(kept)
            made = pl.Series(self.name, whole.astype(np.int64))
            made = made.cast(pl.Int32).cast(pl.Date) if self.dtype == "Date" else made.cast(DTYPES[self.dtype])
        else:
            made = pl.Series(self.name, kept)
        return made.set(pl.Series(missing), None) if missing.any() else made

    def rounded(self, values: Floats) -> Floats:
        """The nearest values that can be written, within bounds."""
        if self.step:
            digits = max(0, round(-np.log10(self.step)))
            values = np.round(values, digits)
        return np.clip(values, self.low, self.high)


def form_of(column: Column, series: pl.Series) -> NumberForm:
    """How a column's numbers are written, by its declaration and, where that is silent, by its values."""
    dtype = column.dtype or str(_usual(column))
    unit = _unit_of(series) if column.kind == "datetime" else ""
    draft = NumberForm(column.name, dtype, _step(column), unit, -np.inf, np.inf)
    values, missing = draft.numbers(series)
    seen = values[~missing] if (~missing).any() else np.zeros(1)
    low = number(column.low, unit) if column.low is not None else float(seen.min())
    high = number(column.high, unit) if column.high is not None else float(seen.max())
    return NumberForm(column.name, dtype, draft.step, unit, low, high)


def public_form(column: Column) -> NumberForm:
    """How a column's numbers are written by its declaration alone; a datetime is counted in minutes."""
    unit = "minute" if column.kind == "datetime" else ""
    if column.low is None or column.high is None:
        raise ValueError(f"column {column.name} has no declared bounds")
    low, high = number(column.low, unit), number(column.high, unit)
    return NumberForm(column.name, column.dtype or str(_usual(column)), _step(column), unit, low, high)


def number(bound: Bound, unit: str) -> float:
    """A declared bound on the scale of `NumberForm.numbers`."""
    if isinstance(bound, datetime):
        aware = bound if bound.tzinfo else bound.replace(tzinfo=UTC)
        return (aware - _EPOCH).total_seconds() * 1e6 / _MICROSECONDS[unit or "day"]
    if isinstance(bound, date):
        return (bound - _EPOCH.date()).days * _MICROSECONDS["day"] / _MICROSECONDS[unit or "day"]
    return float(bound)


def _usual(column: Column) -> Any:
    return next(name for name, dtype in DTYPES.items() if dtype == column.polars_type)


def _step(column: Column) -> float:
    if column.kind == "continuous":
        return 0.0 if column.decimals is None else 10.0**-column.decimals
    return 1.0


def _unit_of(series: pl.Series) -> str:
    micros = series.drop_nulls().dt.epoch("us").to_numpy()
    return next(unit for unit, size in _MICROSECONDS.items() if not (micros % size).any())
