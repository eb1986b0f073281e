"""What can be read of a lake: tables, their versions, what they say of themselves; sealed files are opened."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError, TableNotFoundError

from careloom.errors import Conflict, IntegrityError, NotFound, QueryError, SetupError
from careloom.store.lake_files import TableFiles, files_of, opened, schema_of
from careloom.store.lake_rows import Change, commit
from careloom.store.lake_schema import column_of
from careloom.store.lake_seal import LakeSeal, datasets, is_sealed
from careloom.store.lake_versions import Version, content_hash, history, present, reference

if TYPE_CHECKING:
    import pyarrow.dataset as arrow


@dataclass(frozen=True, slots=True)
class TableState:
    """What a table holds now: newest version, rows, data files and their bytes.

    is_sealed  every data file is encrypted
    facts      what the table says of itself under ``careloom.``
    phi        column -> how close it comes to a person; ``direct`` where the table does not say
    """

    path: str
    version: int
    rows: int
    files: int
    size_bytes: int
    is_sealed: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    phi: Mapping[str, str] = field(default_factory=dict)


class LakeReads:
    """Reads of one lake, whose tables lie under ``<root>/<layer>/<table>``; nothing here changes a table.

    seal       encrypts and opens data files; without it sealed files cannot be read
    is_sealed  new files are encrypted; false writes plain ones, and still reads both
    """

    def __init__(self, root: Path, seal: LakeSeal | None = None, *, is_sealed: bool = True) -> None:
        self._root, self._opener = root, seal
        self._seal = seal if is_sealed else None

    def read(self, path: str, version: int | None = None) -> pl.DataFrame:
        """All rows of a table (``silver/patients``, ``silver/patients@3``), newest version unless one is named; no
        order is promised.

        raises  NotFound for a table or version that is not there; IntegrityError if a data file is gone or broken, or
                where the name ends with a digest (``silver/patients@3#...``) that the rows do not have
        """
        path, version, digest = reference(path, version)
        delta = self._open(path, version)
        found = self._files(path).read(files_of(delta), schema_of(delta))
        _require_same(path, digest, content_hash(found, self._digest_key) if digest else "")
        return found

    def page(self, path: str, start: int, size: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows from number `start` on of a version (``silver/patients@3``), whose order never changes; fewer than
        `size` at its end only.

        columns  the table's, in the order wanted; all where None
        raises   as `read`, but for a digest, which is not looked at
        """
        path, version, _ = reference(path)
        delta = self._open(path, version)
        files, schema = self._files(path), schema_of(delta)
        names = list(schema.names if columns is None else columns)
        found = [files.read([], schema, names)]
        for file in files_of(delta):
            if start < file.rows and size > 0:
                found.append(files.read([file], schema, names).slice(start, size))
                size -= found[-1].height
            start = max(start - file.rows, 0)
        return pl.concat(found)

    def scan(self, path: str, version: int | None = None) -> pl.LazyFrame:
        """A table as a lazy frame, so that a query reads only the columns it needs."""
        return pl.scan_pyarrow_dataset(self.dataset(path, version))

    def dataset(self, path: str, version: int | None = None) -> "arrow.Dataset":
        """A table as an Arrow dataset, opened as it is read: DuckDB takes it by the name of the variable."""
        path, version, digest = reference(path, version)
        delta = self._open(path, version)
        _require_same(path, digest, self.digest(f"{path}@{delta.version()}") if digest else "")
        return self._files(path).dataset(files_of(delta), schema_of(delta))

    def rows_of_file(self, file: Path) -> pl.DataFrame:
        """The rows of one data file of this lake. raises IntegrityError if it is none, or does not open"""
        path = "/".join(file.relative_to(self._root).parts[:2])
        with opened(path):
            ds, is_closed = datasets(), is_sealed(file) and self._opener is not None
            format_ = self._opener.format(path) if is_closed and self._opener is not None else ds.ParquetFileFormat()
            found = pl.from_arrow(ds.dataset([str(file)], format=format_).to_table())
        return found if isinstance(found, pl.DataFrame) else found.to_frame()

    def versions(self, path: str) -> list[Version]:
        """All commits of a table, oldest first. Versions before an `erase` are named but can no longer be read."""
        with translated(path):
            return history(self._open(path))

    def mark(self, path: str, name: str) -> int | None:
        """The number that the table remembers under a name; None where there is none."""
        with translated(path):
            return self._open(path).transaction_version(name)

    def paths(self) -> list[str]:
        """Every table of the lake, sorted."""
        return [log.parent.relative_to(self._root).as_posix() for log in sorted(self._root.glob("*/*/_delta_log"))]

    def tables(self) -> list[TableState]:
        """What every table of the lake holds, sorted by path."""
        return [self.state(path) for path in self.paths()]

    def state(self, path: str, version: int | None = None) -> TableState:
        """What one table holds now, or held in a version."""
        path, version, _ = reference(path, version)
        delta = self._open(path, version)
        with translated(path):
            files, settings = files_of(delta), delta.metadata().configuration
            facts = {name.removeprefix("careloom."): text for name, text in settings.items() if "careloom." in name}
            phi = {one.name: str(one.metadata.get("careloom.phi", "direct")) for one in delta.schema().fields}
            sealed = bool(files) and TableFiles(self._place(path), path, self._opener, self._opener).are_as_set(files)
        rows, size = sum(file.rows for file in files), sum(file.size_bytes for file in files)
        is_sealed = sealed and self._opener is not None
        return TableState(path, delta.version(), rows, len(files), size, is_sealed, facts, phi)

    def is_as_set(self, path: str) -> bool:
        """True when every file of the newest version is sealed, or plain, as the lake is set."""
        return self._files(path).are_as_set(files_of(self._open(path)))

    def columns(self, path: str) -> list[dict[str, str]]:
        """The columns of a table or version: ``name``, ``type`` in Delta's words (``array<string>`` for lists),
        ``meaning``, ``phi``, ``unit``; the last three as far as the table says them.
        """
        path, version, _ = reference(path)
        delta = self._open(path, version)
        with translated(path):
            return [column_of(field) for field in delta.schema().fields]

    def export(self, path: str, out: Path, narrow: Callable[[pl.DataFrame], pl.DataFrame] | None = None) -> int:
        """Writes a version of a table as a plain Delta table in a new folder; returns the rows.

        narrow  leaves out rows that are not to be written
        raises  Conflict if the folder is there; SetupError if the disk does not take it
        """
        path, version, _ = reference(path)
        delta = self._open(path, version)
        try:
            out.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            raise Conflict("the folder is there already", "Name a new one.") from None
        except OSError as error:
            raise SetupError(f"the folder cannot be made ({type(error).__name__})", "Name another place.") from None
        schema, columns = schema_of(delta), delta.metadata().partition_columns
        made = DeltaTable.create(out, delta.schema(), partition_by=columns or None)
        frames = (self._files(path).read([file], schema) for file in files_of(delta))
        left = frames if narrow is None else map(narrow, frames)
        adds = TableFiles(out, path, None, None).write(left, schema, now_ms(), columns)
        commit(made, Change(adds), {"of": f"{path}@{delta.version()}"}, now_ms())
        return sum(file.rows for file in files_of(DeltaTable(out)))

    def content_hash(self, path: str, key: bytes = b"") -> str:
        """A hash of the rows of a version: the same for the same rows in any order, any number of files.

        key      up to 64 bytes; needed wherever the hash leaves the zone
        returns  32 hexadecimal digits: the sum modulo 2**128 of one BLAKE2b-128 for each row as JSON
        """
        path, version, _ = reference(path)
        delta = self._open(path, version)
        files, schema = self._files(path), schema_of(delta)
        return content_hash((files.read([file], schema) for file in files_of(delta)), key)

    def digest(self, path: str) -> str:
        """As `content_hash`, under the zone's own key: it may stand in reports and model cards."""
        return self.content_hash(path, self._digest_key)

    def has(self, path: str, version: int) -> bool:
        """True when a version can be read."""
        try:
            self._open(path, version)
        except NotFound:
            return False
        return True

    @property
    def _digest_key(self) -> bytes:
        return b"" if self._opener is None else self._opener.digest_key

    def place_of(self, path: str) -> Path:
        """The folder of a table. raises QueryError for a name that no table has"""
        return self._place(path)

    def _files(self, path: str) -> TableFiles:
        return TableFiles(self._place(path), path, self._seal, self._opener)

    def _open(self, path: str, version: int | None = None) -> DeltaTable:
        place = self._place(path)
        if not (place / "_delta_log").is_dir():
            raise NotFound(f"table {path}", "It was never written: run first what makes it.")
        with translated(path):
            newest = DeltaTable(place)
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            raise NotFound(f"table {path} version {version}", f"Versions run from 0 to {newest.version()}.")
        with translated(path):
            older = DeltaTable(place, version=version)
        if not present(place, older):
            raise NotFound(
                f"table {path} version {version}", "Its files were erased or vacuumed; read a newer version."
            )
        return older

    def _place(self, path: str) -> Path:
        layer, _, name = path.partition("/")
        if layer not in ("bronze", "silver", "gold") or not name.replace("_", "").isalnum():
            raise QueryError("the name of a table", "Write bronze, silver or gold, a slash, and the table.")
        return self._root / layer / name


def _require_same(path: str, wanted: str, found: str) -> None:
    if wanted != found:
        raise IntegrityError(f"table {path} does not hold what the name says", "Take another snapshot of it.")


def now_ms() -> int:
    """Milliseconds since 1970, as Delta counts them."""
    return int(datetime.now(UTC).timestamp() * 1000)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turns what delta-rs and Polars raise into the error tree; their messages may quote data and are dropped."""
    try:
        yield
    except TableNotFoundError:
        raise NotFound(f"table {path}", "It was never written: run first what makes it.") from None
    except CommitFailedError:
        raise Conflict(f"table {path} was changed by another writer", "Run this again.") from None
    except (DeltaProtocolError, DeltaError, pl.exceptions.PolarsError, FileNotFoundError) as error:
        raise IntegrityError(
            f"table {path} cannot be read ({type(error).__name__})",
            "Its log or one of its files is gone or broken: restore it, or make the table again from the zone's store.",
        ) from None
