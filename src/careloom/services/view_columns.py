"""Rows of a large NDJSON file by columns: DuckDB parses what a view looks at, expressions of Polars find its rows.

DuckDB refuses what is no JSON, a text where an object belongs, and a property that stands twice; in what a view does
not look at it takes trailing commas, NaN and infinities, numbers beyond doubles and any depth, which JSON has not.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from careloom.fhir.views import View
from careloom.fhir.views_definition import ViewError
from careloom.fhir.views_expressions import LINE, Expressions
from careloom.fhir.views_interpret import Row
from careloom.fhir.views_shape import Shape, is_plain
from careloom.services.view_ndjson import Lines
from careloom.services.view_scan import Piece, piece_of

ROWS = 10_000
"""Resources of one part."""
_POOR = 0.5
"""Share of a part that goes to the function, above which expressions give up."""
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1, "temp_directory": "", "max_temp_directory_size": "0KB", "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}  # fmt: skip


def take(lines: Lines, file: Path, view: View, written: Expressions) -> Generator[tuple[Piece, int], None, bool]:
    """The rows of what is left of a file, with how many resources expressions answered for; `lines` moves on with them.

    returns  whether the file is done; if not, `lines` stands where the function has to go on
    """
    try:
        for batch in _parsed(file, written.shape, lines.number):
            piece, count = _piece(batch, lines, view, written)
            yield piece, count
            if count < (1 - _POOR) * piece.resources:
                return False
    except (duckdb.Error, pa.ArrowException, OSError):
        return False
    return True


def _parsed(file: Path, shape: Shape, skipped: int) -> Iterator[pa.RecordBatch]:
    """Lines behind the first so many, parsed. raises duckdb.Error, ArrowException, OSError"""
    name = str(file.resolve())
    if {*"*?[]{}"} & {*name}:
        raise duckdb.IOException("a name that DuckDB takes for a pattern")
    with duckdb.connect(":memory:", config=_CONFIG) as database:
        columns = {key: held.type_of() for key, held in shape.inner.items()}
        found = database.read_json(name, columns=columns, format="newline_delimited", compression="none")
        for batch in found.to_arrow_reader(ROWS):
            if skipped < batch.num_rows:
                yield batch.slice(skipped)
            skipped = max(skipped - batch.num_rows, 0)


def _piece(batch: pa.RecordBatch, lines: Lines, view: View, written: Expressions) -> tuple[Piece, int]:
    """The rows of a part, and of how many resources expressions found them."""
    if not is_plain(batch):
        return piece_of(view, lines.next(batch.num_rows)), 0
    answer = written.answer(pl.DataFrame(batch))
    piece = Piece(answer.rows, answer.resources)
    found: list[Row] = []
    numbers: list[int] = []
    at = 0
    for number in answer.odd:
        lines.ahead += number - at
        at = number + 1
        for resource in lines.next(1):
            piece.resources += 1
            try:
                rows = view.rows(resource)
            except ViewError as error:
                piece.refused += 1
                piece.reasons[error.where] += 1
                continue
            found += rows
            numbers += [number] * len(rows)
    lines.ahead += batch.num_rows - at
    if found:
        asked = view.frame(found).insert_column(0, pl.Series(LINE, numbers, pl.UInt32()))
        piece.frame = pl.concat([answer.rows, asked]).sort(LINE, maintain_order=True)
    piece.frame = piece.opened().drop(LINE)
    return piece, answer.resources
