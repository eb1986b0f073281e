"""Parquet and Arrow files as delimited text, so that a declared mapping reads their rows like those of any extract.

The text is canonical: UTF-8, commas, quotes where RFC 4180 needs them, line feeds; dates and times as ISO 8601, binary
as base64, null as an empty cell. A record in landing is those lines; the file's own bytes are named by its hash.
"""

import io
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

import pyarrow as arrow
from pyarrow import ipc, parquet

from careloom.ingest.containers_inflate import Budget, container_issue
from careloom.ingest.source import Damage, cut

ROWS = 2000
"""Rows that are turned into text at a time."""


def as_delimited(held: io.BytesIO, budget: Budget) -> Iterator[bytes | Damage]:
    """The rows of a Parquet or Arrow file as delimited text, a piece at a time.

    A file that is damaged, encrypted or holds columns inside columns ends in a damage with all its bytes.
    """
    packed = held.getbuffer().nbytes
    unpacked = 0
    try:
        table = _rows_of(held)
        for piece in _pieces(*table):
            unpacked += len(piece)
            bomb = budget.spend(len(piece), unpacked=unpacked, packed=packed)
            if bomb is not None:
                yield Damage(bomb, cut(held.getvalue()))
                return
            yield piece
    except _Nested as nested:
        message = f"column {nested.number} holds columns or lists of its own"
        issue = container_issue("columns-nested", message, "write each of them as a column of its own")
        yield Damage(issue, cut(held.getvalue()))
    except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError, arrow.ArrowTypeError, OSError, ValueError, KeyError):
        issue = container_issue("columns-damaged", "the Parquet or Arrow file cannot be read", "write the file again")
        yield Damage(issue, cut(held.getvalue()))


class _Nested(Exception):  # noqa: N818 - reads as what was met
    def __init__(self, number: int) -> None:
        self.number = number


def _rows_of(held: io.BytesIO) -> tuple[arrow.Schema, Iterator[arrow.RecordBatch]]:
    held.seek(0)
    if held.getvalue()[:4] == b"PAR1":
        file = parquet.ParquetFile(arrow.BufferReader(held.getbuffer()))
        return file.schema_arrow, file.iter_batches(batch_size=ROWS)
    reader = ipc.open_file(arrow.BufferReader(held.getbuffer()))
    batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    pieces = (batch.slice(at, ROWS) for batch in batches for at in range(0, batch.num_rows, ROWS))
    return reader.schema, pieces


def _pieces(schema: arrow.Schema, batches: Iterator[arrow.RecordBatch]) -> Iterator[bytes]:
    for number, kind in enumerate(schema.types, 1):
        if arrow.types.is_nested(kind):
            raise _Nested(number)
    yield _line([_quoted(name) for name in schema.names])
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]
        yield b"".join(_line([_cell(value) for value in row]) for row in zip(*columns, strict=True))


def _line(cells: list[str]) -> bytes:
    return (",".join(cells) + "\n").encode("utf-8", "replace")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    for kind, write in _WRITTEN:
        if isinstance(value, kind):
            return write(value)
    return _quoted(str(value))


def _quoted(text: str) -> str:
    if not text or any(sign in text for sign in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _number(value: float) -> str:
    """As it is read again; whole ones without a point; what is no number (NaN, infinity) as an empty cell."""
    if not isfinite(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


_WRITTEN: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (str, _quoted),
    (bool, lambda value: "true" if value else "false"),
    (int, str),
    (float, _number),
    (Decimal, lambda value: format(value, "f")),
    (datetime, datetime.isoformat),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, lambda value: repr(value.total_seconds())),
    (bytes, lambda value: b64encode(value).decode()),
)
"""How values are written, the first kind that fits."""
