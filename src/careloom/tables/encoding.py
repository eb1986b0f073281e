"""Typed tables as numbers for analysis: categories by a codebook, times as days, so that later data encodes alike.

    0   a category that the codebook does not hold: too few patients had it, or it is new
    -1  no value

source  smallest cell of 11 patients: CMS cell size suppression policy (ResDAC, 2017): smaller groups could single out
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from careloom.errors import FormatError
from careloom.tables.schema import TableSchema

SMALLEST_CELL = 11
UNKNOWN, MISSING = 0, -1
FORMAT_VERSION = 1
Kind = Literal["key", "category", "days", "boolean", "number"]


@dataclass(frozen=True, slots=True)
class Codebook:
    """How each column of one table is encoded.

    table       ``silver/observations``
    smallest    a category of fewer patients is in no codebook
    kinds       column -> kind: ``key`` stays text, ``days`` are since the patient's first time in the table
    categories  column -> categories; the first is 1
    """

    table: str
    smallest: int
    kinds: Mapping[str, Kind]
    categories: Mapping[str, tuple[str, ...]]

    def as_json(self) -> str:
        """The codebook as JSON text."""
        told = {
            "version": FORMAT_VERSION,
            "table": self.table,
            "smallest": self.smallest,
            "unknown": UNKNOWN,
            "missing": MISSING,
            "columns": [
                {"name": name, "kind": kind}
                | ({"categories": list(self.categories[name])} if kind == "category" else {})
                for name, kind in self.kinds.items()
            ],
        }
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def read_codebook(text: str) -> Codebook:
    """A codebook from its JSON. raises FormatError if it is none, or of another version."""
    try:
        told: dict[str, Any] = json.loads(text)
        version, columns = told["version"], told["columns"]
        if isinstance(version, int) and version != FORMAT_VERSION:
            raise FormatError(
                f"the codebook is of version {version}, and this Careloom reads version {FORMAT_VERSION}",
                "Make a new one: name a file for it that is not there yet.",
            )
        return Codebook(
            str(told["table"]),
            int(told["smallest"]),
            {one["name"]: one["kind"] for one in columns},
            {one["name"]: tuple(one["categories"]) for one in columns if one["kind"] == "category"},
        )
    except (KeyError, TypeError, ValueError):
        raise FormatError(
            "that file is no codebook", "Name one that careloom encode wrote, or a file that is not there yet."
        ) from None


def make_codebook(schema: TableSchema, frame: pl.DataFrame, smallest: int = SMALLEST_CELL) -> Codebook:
    """The codebook of a table: categories by how many patients have them, most first, then by name.

    raises  SchemaMismatch if the frame is not this table
    """
    schema.require(frame)
    kinds: dict[str, Kind] = {column.name: _kind(column.name, column.dtype) for column in schema.columns}
    categories = {}
    for name in (name for name, kind in kinds.items() if kind == "category"):
        patients = frame.drop_nulls(name).group_by(name).agg(pl.col(schema.subject).n_unique().alias("n"))
        kept = patients.filter(pl.col("n") >= smallest).sort(["n", name], descending=[True, False])
        categories[name] = tuple(kept[name].to_list())
    return Codebook(schema.path, smallest, kinds, categories)


def _kind(name: str, dtype: str) -> Kind:
    if name.endswith("_id"):
        return "key"
    if dtype == "String":
        return "category"
    if dtype.startswith("Date"):
        return "days"
    return "boolean" if dtype == "Boolean" else "number"


def encode(schema: TableSchema, frame: pl.DataFrame, codebook: Codebook) -> pl.DataFrame:
    """[n] the same rows and columns: keys text, categories Int32, days and numbers Float64, Booleans Int8.

    Numbers and days are null where there is no value; categories and Booleans are -1.

    raises  SchemaMismatch if the frame is not this table; FormatError if the codebook is of another table
    """
    schema.require(frame)
    if codebook.table != schema.path or set(codebook.kinds) != set(frame.columns):
        raise FormatError("the codebook is of another table", "Encode with the codebook of this table, or make one.")
    times = [name for name, kind in codebook.kinds.items() if kind == "days"]
    first = pl.min_horizontal(times).min().over(schema.subject) if times else pl.lit(None)
    return frame.select(_encoded(name, codebook, first) for name in frame.columns)


def _encoded(name: str, codebook: Codebook, first: pl.Expr) -> pl.Expr:
    column, kind = pl.col(name), codebook.kinds[name]
    if kind == "key":
        return column
    if kind == "days":
        return ((column - first).dt.total_seconds() / 86400).alias(name)
    if kind == "boolean":
        return column.cast(pl.Int8).fill_null(MISSING)
    if kind == "number":
        return column.cast(pl.Float64)
    numbers = {category: number for number, category in enumerate(codebook.categories[name], 1)}
    known = column.replace_strict(numbers, default=UNKNOWN, return_dtype=pl.Int32)
    return pl.when(column.is_null()).then(pl.lit(MISSING, pl.Int32)).otherwise(known).alias(name)


def decode(frame: pl.DataFrame, codebook: Codebook) -> pl.DataFrame:
    """[n] the encoded frame with its categories as text again; null for -1 and for 0, which stands for several."""
    return frame.with_columns(
        pl.col(name).replace_strict(dict(enumerate(categories, 1)), default=None, return_dtype=pl.String)
        for name, categories in codebook.categories.items()
    )
