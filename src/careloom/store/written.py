"""All that lies under a folder, as bytes to be searched: files, the values in databases, the rows of tables."""

import os
import sqlite3
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl
from sqlalchemy import Connection, inspect

from careloom.errors import IntegrityError, SetupError
from careloom.store.read_apart import is_locked_by_name, read_apart

BETWEEN = b"\x01"
"""What stands between two values of a row: no text holds it, so nothing is found across it."""
SLICE_BYTES = 1 << 22
OVERLAP_BYTES = 1 << 12
WHOLE_BYTES = 1 << 28
_SQLITE = b"SQLite format 3\0"
_PARQUET = (b"PAR1", b"PARE")
_ROWS = 200
_SHORTEST_NUMBER = 10**5


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file: its place below the folder, where it is, its size, and its first bytes.

    kind       file; link; or name, of which nothing but the name is to be read: an empty folder, or what is closed
    is_closed  something is there that is not read: behind a link out of the folder, a pipe, a socket or a device, or
               what must not be read
    """

    place: str
    path: Path
    size_bytes: int
    start: bytes
    kind: str = "file"
    is_closed: bool = False

    @property
    def is_database(self) -> bool:
        """True for a SQLite database."""
        return self.start.startswith(_SQLITE)

    @property
    def is_table(self) -> bool:
        """True for a Parquet file, sealed or plain."""
        return self.start.startswith(_PARQUET)

    def contents(self) -> Iterator[bytes]:
        """Its bytes, whole up to `WHOLE_BYTES`, else in slices that overlap; of a link, where it leads.

        raises  OSError where it cannot be read
        """
        try:
            if self.kind == "link":
                yield os.fsencode(self.path.readlink())
            if self.kind != "file":
                return
            with _opened(self.path) as stream:
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
    """Every file below a folder, hidden ones too, in order; links (not followed) and empty folders count by name."""
    found: list[WrittenFile | None] = []

    def closed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            found.append(_named(root, Path(error.filename), is_closed=True))

    for folder, folders, names in os.walk(root, onerror=closed):
        here = Path(folder)
        if here != root and not folders and not names:
            found.append(_named(root, here))
        found += [_written(root, here / name) for name in names]
        found += [_written(root, here / name) for name in folders if (here / name).is_symlink()]
    return sorted((one for one in found if one is not None), key=lambda one: one.place)


def _written(root: Path, path: Path) -> WrittenFile | None:
    """One entry of a folder; None where it is gone."""
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            leads_out = path.exists() and not path.resolve().is_relative_to(root.resolve())
            return _named(root, path, "link", is_closed=leads_out)
        if not stat.S_ISREG(status.st_mode):
            return _named(root, path, is_closed=True)
        with _opened(path) as stream:
            return WrittenFile(path.relative_to(root).as_posix(), path, status.st_size, stream.read(16))
    except FileNotFoundError:
        return None
    except OSError:
        return _named(root, path, is_closed=True)


def _named(root: Path, path: Path, kind: str = "name", *, is_closed: bool = False) -> WrittenFile:
    return WrittenFile(path.relative_to(root).as_posix(), path, 0, b"", kind, is_closed)


def _opened(path: Path) -> AbstractContextManager[IO[bytes]]:
    """Open to be read; never through a link, and never waiting, even if a pipe took the place of the file."""
    if is_locked_by_name(path):
        return read_apart(path)
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))


def file_values(path: Path) -> Iterator[tuple[str, list[bytes] | None]]:
    """(table, some values) of a SQLite file: a long value may be torn over pages of the file.

    None for values that cannot be read: the file or the table is broken, or another program's own.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            for (name,) in names.fetchall():
                yield from _values_of_table(database, name.decode("utf-8", "replace"))
    except sqlite3.Error:
        yield "", None


def _values_of_table(database: sqlite3.Connection, table: str) -> Iterator[tuple[str, list[bytes] | None]]:
    quoted = table.replace('"', '""')
    try:
        for values in _values(database.execute(f'SELECT * FROM "{quoted}"')):  # noqa: S608 from the database itself
            yield table, values
    except sqlite3.Error:
        yield table, None


def zone_values(connection: Connection) -> Generator[tuple[str, list[bytes]]]:
    """(table, some values) of a zone's database on PostgreSQL, a part after another."""
    for table in sorted(inspect(connection).get_table_names()):
        columns = ", ".join(f'"{one["name"]}"' for one in inspect(connection).get_columns(table))
        sql = f'SELECT {columns} FROM "{table}"'  # noqa: S608 names from the database itself
        with connection.exec_driver_sql(sql, execution_options={"yield_per": _ROWS}) as rows:
            for values in _values(rows):
                yield table, values


def _values(rows: Iterable[Iterable[Any]]) -> Iterator[list[bytes]]:
    """Their values as bytes, about `SLICE_BYTES` at a time; small numbers and nothing are left out."""
    found: list[bytes] = []
    size = 0
    for row in rows:
        for value in row:
            if value is None or (isinstance(value, int) and abs(value) < _SHORTEST_NUMBER):
                continue
            found.append(_as_bytes(value))
            size += len(found[-1])
        if size >= SLICE_BYTES:
            yield found
            found, size = [], 0
    if found:
        yield found


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return bytes(value) if isinstance(value, memoryview) else str(value).encode("utf-8", "replace")


def table_rows(
    path: Path, patients: Sequence[str], read: Callable[[Path], pl.DataFrame] = pl.read_parquet
) -> Iterator[tuple[str, list[bytes] | None]]:
    """(patient, the rows about that patient) of a Parquet file; the patient is empty without a column.

    None for rows that cannot be read: the file is broken, or sealed by keys that are not here.

    patients  the columns that may name the patient; the first that is there does
    read      opens the file
    """
    try:
        frame = read(path)
    except (pl.exceptions.PolarsError, OSError, IntegrityError, SetupError):
        yield "", None
        return
    patient = next((name for name in patients if name in frame.columns), "")
    told = pl.concat_str([_text(column) for column in frame], separator=BETWEEN.decode(), ignore_nulls=True)
    about = pl.col(patient).fill_null("") if patient else pl.lit("")
    rows = frame.select(about.cast(pl.String).alias("about"), told.alias("told"))
    for about_whom, texts in rows.group_by("about").agg(pl.col("told")).iter_rows():
        yield about_whom, [text.encode() for text in texts]


def _text(column: pl.Series) -> pl.Expr:
    if column.dtype.is_nested():
        return pl.lit(pl.Series(column.name, [str(value) for value in column.to_list()]))
    if column.dtype == pl.Binary:
        return pl.col(column.name).bin.encode("base64")
    return pl.col(column.name).cast(pl.String)
