"""All that lies under a folder, as bytes to be searched: files, the values in databases, the rows of tables."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, inspect

from careloom.store import bulk

BETWEEN = b"\x01"
"""What stands between two values: no text holds it, so nothing is found across it."""
SLICE_BYTES = 1 << 22
OVERLAP_BYTES = 1 << 12
WHOLE_BYTES = 1 << 28
_SQLITE = b"SQLite format 3\0"
_PARQUET = b"PAR1"
_ROWS = 2000


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file: its place below the folder, where it is, its size, and its first bytes."""

    place: str
    path: Path
    size_bytes: int
    start: bytes

    @property
    def is_database(self) -> bool:
        """True for a SQLite database."""
        return self.start.startswith(_SQLITE)

    @property
    def is_table(self) -> bool:
        """True for a Parquet file."""
        return self.start.startswith(_PARQUET)

    def contents(self) -> Iterator[bytes]:
        """Its bytes, whole up to `WHOLE_BYTES`, else in slices that overlap."""
        try:
            with self.path.open("rb") as stream:
                if self.size_bytes <= WHOLE_BYTES:
                    yield stream.read()
                    return
                before = b""
                while piece := stream.read(SLICE_BYTES):
                    yield before + piece
                    before = piece[-OVERLAP_BYTES:]
        except FileNotFoundError:  # a log that was just checkpointed, a spool that was just taken
            return


def written_files(root: Path) -> list[WrittenFile]:
    """Every file below a folder, hidden ones too, in order; links are not followed, their names count."""
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            try:
                size = path.lstat().st_size
                with path.open("rb") as stream:
                    start = stream.read(16) if not path.is_symlink() else b""
            except FileNotFoundError:
                continue
            found.append(WrittenFile(path.relative_to(root).as_posix(), path, size, start))
    return sorted(found, key=lambda one: one.place)


def slices(data: bytes) -> Iterator[bytes]:
    """Long bytes in slices that overlap."""
    if len(data) <= SLICE_BYTES:
        yield data
        return
    for at in range(0, len(data), SLICE_BYTES):
        yield data[max(0, at - OVERLAP_BYTES) : at + SLICE_BYTES]


def file_values(path: Path) -> Iterator[tuple[str, bytes]]:
    """(table, values of some rows) of a SQLite file: a long value may be torn over pages of the file."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (name,) in names.fetchall():
            table = name.decode()
            cursor = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 a name from the database itself
            while rows := cursor.fetchmany(_ROWS):
                yield table, _joined(rows)


def zone_values(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """(table, values of some rows) of a zone's database on PostgreSQL."""
    for table in sorted(inspect(connection).get_table_names()):
        columns = ", ".join(f'"{one["name"]}"' for one in inspect(connection).get_columns(table))
        rows = bulk.fetch(connection, f'SELECT {columns} FROM "{table}"')  # noqa: S608 names from the database itself
        for at in range(0, len(rows), _ROWS):
            yield table, _joined(rows[at : at + _ROWS])


def _joined(rows: Iterable[Iterable[Any]]) -> bytes:
    return BETWEEN.join(
        value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else bytes(value)
        for row in rows
        for value in row
        if isinstance(value, (str, bytes, memoryview))
    )


def table_rows(path: Path, patient: str) -> Iterator[tuple[str, bytes]]:
    """(patient, all values of the rows about that patient) of a Parquet file; the patient is empty without a column.

    patient  the column that names the patient
    """
    frame = pl.read_parquet(path)
    told = pl.concat_str([_text(column) for column in frame], separator=BETWEEN.decode(), ignore_nulls=True)
    about = pl.col(patient).fill_null("") if patient in frame.columns else pl.lit("")
    rows = frame.select(about.cast(pl.String).alias("about"), told.alias("told"))
    for about_whom, texts in rows.group_by("about").agg(pl.col("told")).iter_rows():
        yield about_whom, BETWEEN.join(text.encode() for text in texts)


def _text(column: pl.Series) -> pl.Expr:
    if column.dtype.is_nested():
        return pl.lit(pl.Series(column.name, [str(value) for value in column.to_list()]))
    if column.dtype == pl.Binary:
        return pl.col(column.name).bin.encode("base64")
    return pl.col(column.name).cast(pl.String)
