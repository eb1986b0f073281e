"""Encode: a typed table of the research zone as numbers, with the codebook that says what they mean."""

from dataclasses import dataclass

import polars as pl

from careloom.errors import NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.tables.encoding import SMALLEST_CELL, Codebook, encode, make_codebook, read_codebook
from careloom.tables.research import RESEARCH


@dataclass(frozen=True, slots=True)
class Encoded:
    """[n] rows as numbers, and their codebook; `is_new` where it was made of these rows."""

    frame: pl.DataFrame
    codebook: Codebook
    is_new: bool


def encode_table(
    platform: Platform, who: Principal, name: str, codebook: str = "", *, smallest: int = SMALLEST_CELL
) -> Encoded:
    """A table of the research zone, encoded.

    name      of a research table, such as ``observations``
    codebook  JSON of an earlier one, so that the same numbers mean the same; empty to make one
    smallest  a category of fewer patients gets no number of its own

    raises    AccessError; NotFound if there is no such table; FormatError if the codebook does not fit
    """
    admit(platform, who, "read", "research", operation="encode")
    schema = next((table for table in RESEARCH if table.name == name), None)
    if schema is None:
        known = ", ".join(table.name for table in RESEARCH)
        raise NotFound(f"there is no research table {name}", f"Choose one of {known}.")
    frame = platform.lake("research").read(schema.path)
    book = read_codebook(codebook) if codebook else make_codebook(schema, frame, smallest)
    made = encode(schema, frame, book)
    note(platform, who, "encode", "research", detail={"table": schema.path, "rows": made.height})
    return Encoded(made, book, is_new=not codebook)
