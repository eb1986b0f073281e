"""A table as a declaration: its columns, what each means, in which unit, and how close it comes to a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import polars as pl

from careloom.errors import InputError
from careloom.issues import Issue

PhiClass = Literal["none", "quasi", "direct"]
Layer = Literal["bronze", "silver", "gold"]

DTYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "String": pl.String(),
        "Int32": pl.Int32(),
        "Int64": pl.Int64(),
        "Float64": pl.Float64(),
        "Boolean": pl.Boolean(),
        "Date": pl.Date(),
        "Datetime[us, UTC]": pl.Datetime("us", "UTC"),
        "List[String]": pl.List(pl.String()),
        "List[Int64]": pl.List(pl.Int64()),
        "List[Float64]": pl.List(pl.Float64()),
        "List[Boolean]": pl.List(pl.Boolean()),
    }
)
"""The Polars data types that a column may have, by the text that declares them."""


class SchemaMismatch(InputError):  # noqa: N818  (the error tree names what happened, as NotFound does)
    """A frame that is not what its table declares: a column, data type, null or key differs."""

    code = "input.schema-mismatch"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    name      snake_case; times end in ``_time`` (UTC), identifiers in ``_id``
    dtype     a key of `DTYPES`
    meaning   one sentence: what a value says and what null means
    unit      UCUM code of every value; empty where values have no unit or the row names its own
    phi       ``direct``: names a person; ``quasi``: helps to single one out; ``none``: says nothing about who it is
    nullable  False: a null breaks the table
    """

    name: str
    dtype: str
    meaning: str
    unit: str = ""
    phi: PhiClass = "none"
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table: a name within a layer of the lake, its columns in order, and the columns that name a row.

    name     plural noun, unique within its layer
    layer    ``bronze`` as it came, ``silver`` one row per clinical fact, ``gold`` made for one use
    meaning  one sentence: what a row is
    key      columns that together name a row; never null, never repeated
    subject  the column that holds the patient's pseudonym; erasure deletes by it
    """

    name: str
    layer: Layer
    meaning: str
    key: tuple[str, ...]
    subject: str
    columns: tuple[Column, ...]

    MAX_ISSUES: ClassVar[int] = 50

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name} names a column twice")
        unknown = [column.dtype for column in self.columns if column.dtype not in DTYPES]
        if unknown:
            raise ValueError(f"table {self.name} has data types that no column may have: {unknown}")
        if not self.key or not {*self.key, self.subject} <= set(names):
            raise ValueError(f"table {self.name} has a key or a subject that is no column")

    @property
    def path(self) -> str:
        """Where the table lies in a lake: ``silver/patients``."""
        return f"{self.layer}/{self.name}"

    @property
    def signature(self) -> tuple[tuple[str, str], ...]:
        """(name, data type as text) in order, as `careloom.pipeline.batch.Schema.columns` wants it."""
        return tuple((column.name, column.dtype) for column in self.columns)

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        """Column name -> Polars data type, in order: the ``schema`` argument of `polars.DataFrame`."""
        return {column.name: DTYPES[column.dtype] for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """A frame of this table without rows."""
        return pl.DataFrame(schema=self.dtypes)

    def check(self, frame: pl.DataFrame) -> list[Issue]:
        """What is wrong with a frame that claims to be this table; empty when nothing is.

        An issue names the column, never a value. Rows are looked at only when the columns are right.
        """
        issues = self._check_columns(frame)
        return issues or self._check_rows(frame)

    def require(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The same frame, known to be this table.

        raises  SchemaMismatch if `check` finds anything
        """
        issues = self.check(frame)
        if issues:
            found = "; ".join(f"{issue.place}: {issue.message}" for issue in issues[: self.MAX_ISSUES])
            raise SchemaMismatch(
                f"table {self.path}: {found}", "Build the frame with the columns that the table declares."
            )
        return frame

    def require_columns(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The same frame, known to have the declared columns; its rows are not looked at.

        raises  SchemaMismatch
        """
        if issues := self._check_columns(frame):
            raise SchemaMismatch(
                f"table {self.path}: {'; '.join(issue.message for issue in issues[: self.MAX_ISSUES])}",
                "Build the frame with the columns that the table declares.",
            )
        return frame

    def _check_columns(self, frame: pl.DataFrame) -> list[Issue]:
        have, want = frame.schema, self.dtypes
        issues = [
            self._issue("tables.column-missing", name, f"The table declares {name}, the frame lacks it.")
            for name in want
            if name not in have
        ]
        extra = sum(name not in want for name in have)
        if extra:
            issues.append(
                self._issue("tables.column-unknown", "", f"The frame has {extra} columns that are not declared.")
            )
        issues += [
            self._issue("tables.dtype", name, f"The data type is {have[name]}, declared is {dtype}.")
            for name, dtype in want.items()
            if name in have and have[name] != dtype
        ]
        if not issues and list(have) != list(want):
            issues.append(self._issue("tables.column-order", "", "The columns stand in another order than declared."))
        return issues

    def _check_rows(self, frame: pl.DataFrame) -> list[Issue]:
        nulls = dict(zip(frame.columns, frame.null_count().row(0), strict=True)) if frame.height else {}
        issues = [
            self._issue("tables.null", column.name, f"{nulls[column.name]} rows are null where none may be.")
            for column in self.columns
            if nulls.get(column.name) and (not column.nullable or column.name in self.key)
        ]
        repeated = frame.height - frame.select(self.key).n_unique() if frame.height else 0
        if repeated:
            issues.append(self._issue("tables.key-repeated", "+".join(self.key), f"{repeated} rows repeat a key."))
        return issues

    def _issue(self, code: str, column: str, message: str) -> Issue:
        return Issue(code, "error", f"{self.path}.{column}" if column else self.path, message)
