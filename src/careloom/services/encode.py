"""Encode: a typed table of the research zone as numbers, with the codebook that says what they mean."""

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import orjson
import polars as pl

from careloom.errors import NotFound, TooLarge
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.lake_sight import rows_seen
from careloom.services.platform import Platform
from careloom.tables.encoding import SMALLEST_CELL, Codebook, encode, make_codebook, read_codebook
from careloom.tables.research import RESEARCH
from careloom.tables.schema import TableSchema


@dataclass(frozen=True, slots=True)
class Encoded:
    """[n] rows as numbers, and their codebook; `is_new` where it was made of these rows."""

    frame: pl.DataFrame
    codebook: Codebook
    is_new: bool


@dataclass(frozen=True, slots=True)
class EncodeAsk:
    """How to encode.

    codebook   JSON of an earlier one, so that the same numbers mean the same; None to make one
    smallest   a category of fewer patients gets no number of its own in a new codebook
    most_rows  a larger table is refused; None for any, as memory takes it
    """

    codebook: str | None = None
    smallest: int = SMALLEST_CELL
    most_rows: int | None = None


def encode_table(platform: Platform, who: Principal, name: str, ask: EncodeAsk = EncodeAsk()) -> Encoded:
    """A table of the research zone, such as ``observations``, encoded.

    raises  AccessError; NotFound if there is no such table, or none yet; TooLarge; FormatError if the codebook does
            not fit
    """
    admit(platform, who, "read", "research", operation="encode")
    schema = _schema(platform, who, name)
    book = None if ask.codebook is None else read_codebook(ask.codebook)
    frame = _read(platform, who, schema, ask.most_rows)
    used = make_codebook(schema, frame, ask.smallest) if book is None else book
    made = encode(schema, frame, used)
    note(platform, who, "encode", "research", detail={"table": schema.path, "rows": made.height})
    return Encoded(made, used, is_new=book is None)


def content_of(made: Encoded, form: Literal["csv", "parquet", "json"]) -> bytes:
    """The table as a file; as JSON column by column: ``table``, ``rows``, ``columns``."""
    if form == "json":
        columns = made.frame.to_dict(as_series=False)
        return orjson.dumps({"table": made.codebook.table, "rows": made.frame.height, "columns": columns})
    out = BytesIO()
    made.frame.write_csv(out) if form == "csv" else made.frame.write_parquet(out)
    return out.getvalue()


def codebook_of(platform: Platform, who: Principal, name: str, ask: EncodeAsk = EncodeAsk()) -> Codebook:
    """A new codebook of a table as it is now.

    raises  AccessError; NotFound if there is no such table, or none yet; TooLarge
    """
    admit(platform, who, "read", "research", operation="codebook")
    schema = _schema(platform, who, name)
    made = make_codebook(schema, _read(platform, who, schema, ask.most_rows), ask.smallest)
    note(platform, who, "codebook", "research", detail={"table": schema.path})
    return made


def _schema(platform: Platform, who: Principal, name: str) -> TableSchema:
    schema = next((table for table in RESEARCH if table.name == name), None)
    if schema is None:
        note(platform, who, "encode", "research", outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such research table", f"Choose one of {', '.join(one.name for one in RESEARCH)}.")
    return schema


def _read(platform: Platform, who: Principal, schema: TableSchema, most_rows: int | None) -> pl.DataFrame:
    lake = platform.lake("research")
    try:
        table = lake.scan(schema.path)
    except NotFound:
        note(platform, who, "encode", "research", outcome="failed", detail={"code": NotFound.code})
        raise NotFound(
            f"the research zone has no {schema.name} yet", "Make its tables first: careloom deidentify."
        ) from None
    if most_rows is not None and table.select(pl.len()).collect().item() > most_rows:
        raise TooLarge(f"the table has more than {most_rows:,} rows", "Encode it where it lies: careloom encode.")
    return rows_seen(platform, who, "research", lake.state(schema.path))(lake.read(schema.path))
