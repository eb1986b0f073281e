"""The lake of one zone: Delta tables in a folder, written by merge, erased for good. Knows no clinical meaning.

No value ever enters a Delta log: statistics are off (`delta.dataSkippingNumIndexedCols` = 0) and rows are deleted by
joining with a frame of the values, so that no predicate in the log names one. What remains of an erased row is
therefore only in data files, and `Lake.erase` deletes every file that is not part of the newest version.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError, TableNotFoundError

from careloom.errors import Conflict, IntegrityError, NotFound, QueryError
from careloom.tables.schema import TableSchema

_CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "0"}
_HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Version:
    """One commit of a table.

    number     counts from 0
    time       when it was committed, UTC
    operation  what the writer did, in Delta's words: CREATE TABLE, WRITE, MERGE, OPTIMIZE, VACUUM END, ...
    run        the run that wrote it; empty for upkeep
    """

    number: int
    time: datetime
    operation: str
    run: str


@dataclass(frozen=True, slots=True)
class TableState:
    """What a table holds now: newest version, rows, data files and their bytes."""

    path: str
    version: int
    rows: int
    files: int
    size_bytes: int


class Lake:
    """Delta tables under one root: ``<root>/<layer>/<table>``.

    One writer at a time holds the lock file of the lake; readers never wait. A write is on the disk when it returns.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(
        self, table: TableSchema, frame: pl.DataFrame, run: str, mode: Literal["merge", "overwrite"] = "merge"
    ) -> int:
        """Puts rows into a table, made on first use, and returns the version that holds them.

        merge      a row whose key is there replaces it when it differs; nothing else changes, and a merge that
                   changes nothing makes no version
        overwrite  the table holds exactly these rows afterwards (older versions stay readable until `erase`)
        raises     SchemaMismatch if the frame is not the declared table; Conflict if somebody else is writing
        """
        table.require(frame)
        with self._writing(table.path):
            delta = self._create(table, run)
            before = delta.version()
            if mode == "overwrite":
                write_deltalake(delta, frame, mode="overwrite", commit_properties=_commit(run))
            elif frame.height and _is_fresh(delta, table, frame):
                write_deltalake(delta, frame, mode="append", commit_properties=_commit(run))
            elif frame.height:
                _merge(delta, table, frame, run)
            return self._settled(table.path, before)

    def read(self, path: str, version: int | None = None) -> pl.DataFrame:
        """All rows of a table (``silver/patients``), newest version unless one is named; no order is promised.

        raises  NotFound for a table or version that is not there; IntegrityError if a data file is gone or broken
        """
        delta = self._open(path, version)
        with _translated(path):
            return pl.scan_delta(delta).collect()

    def scan(self, path: str, version: int | None = None) -> pl.LazyFrame:
        """A table as a lazy frame, so that a query reads only the columns it needs."""
        delta = self._open(path, version)
        with _translated(path):
            return pl.scan_delta(delta)

    def versions(self, path: str) -> list[Version]:
        """All commits of a table, oldest first. Versions before an `erase` are named but can no longer be read."""
        with _translated(path):
            history = self._open(path).history()
        return [
            Version(
                number=int(entry["version"]),
                time=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                operation=str(entry["operation"]),
                run=str(entry.get("run", "")),
            )
            for entry in reversed(history)
        ]

    def tables(self) -> list[TableState]:
        """Every table of the lake, sorted by path."""
        logs = sorted(self._root.glob("*/*/_delta_log"))
        return [self.state(log.parent.relative_to(self._root).as_posix()) for log in logs]

    def state(self, path: str) -> TableState:
        """What one table holds now."""
        delta = self._open(path)
        with _translated(path):
            actions = pl.DataFrame(delta.get_add_actions(flatten=True))
        rows, size = actions["num_records"].sum(), actions["size_bytes"].sum()
        return TableState(path, delta.version(), int(rows), actions.height, int(size))

    def erase(self, path: str, column: str, values: Sequence[str], run: str) -> int:
        """Deletes every row whose column holds one of the values, and every file that ever held it; returns the rows.

        Older versions of the table cannot be read afterwards. Erasing again deletes what a killed erasure left.
        raises  NotFound for an unknown table, QueryError for an unknown column, Conflict if somebody else is writing
        """
        with self._writing(path):
            delta = self._open(path)
            if column not in {field.name for field in delta.schema().fields}:
                raise QueryError(f"table {path}", "Name a column that the table declares.")
            before = delta.version()
            gone = pl.DataFrame({"value": list(dict.fromkeys(values))}, schema={"value": pl.String})
            result = (
                delta.merge(gone, f't."{column}" = s.value', "s", "t", commit_properties=_commit(run))
                .when_matched_delete()
                .execute()
            )
            self._settled(path, before)
            self._sweep(path)
            return int(result["num_target_rows_deleted"])

    def retain(self, table: TableSchema, keys: pl.DataFrame, run: str) -> int:
        """Deletes every row whose key is not among `keys`, and every file that ever held one; returns the rows.

        keys    the key columns of the table
        raises  NotFound for a table that was never written; Conflict if somebody else is writing
        """
        names = list(table.key)
        with self._writing(table.path):
            delta = self._open(table.path)
            present = pl.scan_delta(delta).select(names)
            stale = present.join(keys.lazy().select(names), on=names, how="anti").collect()
            if stale.height:
                before = delta.version()
                same = " AND ".join(f't."{name}" = s."{name}"' for name in names)
                delta.merge(stale, same, "s", "t", commit_properties=_commit(run)).when_matched_delete().execute()
                self._settled(table.path, before)
                self._sweep(table.path)
            return stale.height

    def compact(self, path: str, run: str = "") -> int:
        """Joins small data files into large ones and deletes the small ones; returns the number of files left."""
        with self._writing(path):
            delta = self._open(path)
            before = delta.version()
            delta.optimize.compact(commit_properties=_commit(run))
            self._settled(path, before)
            self._sweep(path)
        return self.state(path).files

    def content_hash(self, path: str, key: bytes = b"") -> str:
        """A hash of the rows of the newest version: the same for the same rows in any order, any number of files.

        key      up to 64 bytes; needed wherever the hash leaves the zone
        returns  32 hexadecimal digits: the sum modulo 2**128 of one BLAKE2b-128 for each row as JSON
        """
        return content_hash(self.read(path), key)

    def _open(self, path: str, version: int | None = None) -> DeltaTable:
        place = self._place(path)
        if not (place / "_delta_log").is_dir():
            raise NotFound(f"table {path}", "It was never written: run first what makes it.")
        with _translated(path):
            newest = DeltaTable(place)
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            raise NotFound(f"table {path} version {version}", f"Versions run from 0 to {newest.version()}.")
        with _translated(path):
            older = DeltaTable(place, version=version)
            present = {file.name for file in place.iterdir()}
            swept = any(Path(uri).name not in present for uri in older.file_uris())
        if swept:
            raise NotFound(
                f"table {path} version {version}", "Its files were erased or compacted; read a newer version."
            )
        return older

    def _create(self, table: TableSchema, run: str) -> DeltaTable:
        place = self._place(table.path)
        if (place / "_delta_log").is_dir():
            return self._open(table.path)
        place.mkdir(parents=True, exist_ok=True)
        schema = table.empty().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        delta = DeltaTable.create(place, schema, configuration=_CONFIGURATION, commit_properties=_commit(run))
        self._settled(table.path, -1)
        return delta

    def _place(self, path: str) -> Path:
        layer, _, name = path.partition("/")
        if layer not in ("bronze", "silver", "gold") or not name.replace("_", "").isalnum():
            raise QueryError("the name of a table", "Write bronze, silver or gold, a slash, and the table.")
        return self._root / layer / name

    def _sweep(self, path: str) -> None:
        """Deletes every data file that the newest version does not name, also what a killed writer left."""
        with _translated(path):
            delta = self._open(path)
            delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
        _sync(self._place(path))

    def _settled(self, path: str, before: int) -> int:
        """Forces what was committed since version `before` to the disk; returns the newest version."""
        place, log = self._place(path), self._place(path) / "_delta_log"
        with _translated(path):
            delta = DeltaTable(place)
        newest = delta.version()
        if newest > before:
            for uri in delta.file_uris():
                _sync(place / Path(uri).name)
            for number in range(before + 1, newest + 1):
                _sync(log / f"{number:020d}.json")
            for folder in (log, place, place.parent, self._root):
                _sync(folder)
        return newest

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ".writer").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("the lake is being written", "Wait for the other writer, then run this again.") from None
            with _translated(path):
                yield


def content_hash(frame: pl.DataFrame, key: bytes = b"") -> str:
    """The order-insensitive hash of a frame, as `Lake.content_hash` describes it."""
    total = 0
    for part in frame.select(sorted(frame.columns)).iter_slices(50_000):
        for line in part.write_ndjson().encode().splitlines():
            total += int.from_bytes(hashlib.blake2b(line, digest_size=_HASH_BYTES, key=key).digest(), "big")
    return f"{total % (1 << 8 * _HASH_BYTES):0{2 * _HASH_BYTES}x}"


def _is_fresh(delta: DeltaTable, table: TableSchema, frame: pl.DataFrame) -> bool:
    """True when no key of the frame is in the table yet: reads the key columns only, and spares the merge its join."""
    keys = list(table.key)
    known = pl.scan_delta(delta).select(keys)
    return known.join(frame.lazy().select(keys), on=keys, how="semi").limit(1).collect().is_empty()


def _merge(delta: DeltaTable, table: TableSchema, frame: pl.DataFrame, run: str) -> None:
    same = " AND ".join(f't."{name}" = s."{name}"' for name in table.key)
    rest = [column.name for column in table.columns if column.name not in table.key]
    differs = " OR ".join(f'(t."{name}" IS DISTINCT FROM s."{name}")' for name in rest)
    merger = delta.merge(frame, same, "s", "t", commit_properties=_commit(run))
    if differs:
        merger = merger.when_matched_update_all(predicate=differs)
    merger.when_not_matched_insert_all().execute()


def _commit(run: str) -> CommitProperties:
    metadata: Mapping[str, str] = {"run": run} if run else {}
    return CommitProperties(custom_metadata=dict(metadata))


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Turns what delta-rs and Polars raise into the error tree; their messages may quote data and are dropped."""
    try:
        yield
    except TableNotFoundError:
        raise NotFound(f"table {path}", "It was never written: run first what makes it.") from None
    except CommitFailedError:
        raise Conflict(f"table {path} was changed by another writer", "Run this again.") from None
    except (DeltaProtocolError, DeltaError, pl.exceptions.ComputeError, FileNotFoundError) as error:
        raise IntegrityError(
            f"table {path} cannot be read ({type(error).__name__})",
            "Its log or one of its files is gone or broken: restore it, or make the table again from the zone's store.",
        ) from None
