"""The lake of one zone: Delta tables in a folder, written by copy on write, erased for good. Knows no clinical meaning.

The log is plain Delta, written by delta-rs; the data files are sealed (`careloom.store.lake_seal`) where the lake has a
seal. No value ever enters a log: statistics hold the number of rows only, and commits name files, never values. What
remains of an erased row is therefore only in data files, and `Lake.erase` deletes every file that is not part of the
newest version.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl
from deltalake import DeltaTable

from careloom.errors import Conflict, IntegrityError, QueryError
from careloom.store.lake_files import files_of, schema_of
from careloom.store.lake_reads import LakeReads, TableState, now_ms, translated
from careloom.store.lake_rows import Change, commit, properties, replaced
from careloom.store.lake_schema import configuration_of, delta_schema
from careloom.store.lake_versions import Version, content_hash, history
from careloom.tables.schema import TableSchema

__all__ = ["Lake", "TableState", "Version", "content_hash"]
_VERSIONS_PER_CHECKPOINT = 100


class Lake(LakeReads):
    """Delta tables under one root: ``<root>/<layer>/<table>``.

    One writer at a time holds the lock file of a table; readers never wait. A write is on the disk when it returns.
    """

    def write(
        self, table: TableSchema, frame: pl.DataFrame, run: str, mode: Literal["merge", "overwrite"] = "merge"
    ) -> int:
        """Puts rows into a table, made on first use, and returns the version that holds them.

        merge      a row whose key is there replaces it when it differs; nothing else changes, and a merge that
                   changes nothing makes no version
        overwrite  the table holds exactly these rows afterwards (older versions stay readable until `vacuum`)
        raises     SchemaMismatch if the frame is not the declared table; Conflict if somebody else is writing
        """
        table.require(frame)
        if mode == "overwrite":
            return self.replace(table, [frame], run)
        return self.refresh(table, frame.select(table.key).unique(), frame, run)

    def replace(
        self, table: TableSchema, frames: Iterable[pl.DataFrame], run: str, marks: Mapping[str, int] | None = None,
        facts: Mapping[str, str] | None = None, partition_by: Sequence[str] = (),
    ) -> int:  # fmt: skip
        """The version in which the table holds exactly the rows of the frames, which are written as they come.

        marks  numbers to remember, read by `mark`
        facts  what the table says of itself under ``careloom.``; with others than before, or with other columns, the
               table begins anew under its old history
        raises SchemaMismatch; Conflict if somebody else is writing, or where a table has the name that says nothing of
               itself that this one says, too: it is of something else
        """
        with self._writing(table.path):
            self._require_kin(table.path, facts or {}, marks or {})
            delta = self._create(table, run, facts or {}, partition_by)
            before, now = delta.version(), now_ms()
            change = Change(removes=files_of(delta))
            checked = (table.require_columns(frame) for frame in frames)
            change.adds = self._files(table.path).write(checked, schema_of(delta), now, partition_by)
            if not change.is_nothing or marks:
                commit(delta, change, {"run": run}, now, marks)
            return self._settled(table.path, before)

    def refresh(
        self, table: TableSchema, keys: pl.DataFrame, frame: pl.DataFrame, run: str,
        marks: Mapping[str, int] | None = None,
    ) -> int:  # fmt: skip
        """The version in which the table holds, of all rows with one of the keys, exactly those of the frame.

        keys    [n] distinct values of some columns; those of all rows of `frame` are among them
        raises  SchemaMismatch; Conflict if somebody else is writing, or where a table has the name that remembers none
                of the numbers
        """
        table.require(frame)
        with self._writing(table.path):
            self._require_kin(table.path, {}, marks or {})
            delta = self._create(table, run)
            before, now = delta.version(), now_ms()
            if keys.height:
                change = replaced(delta, self._files(table.path), schema_of(delta), keys, frame, now)
            else:
                change = Change()
            is_moved = any(delta.transaction_version(name) != number for name, number in (marks or {}).items())
            if not change.is_nothing or is_moved:
                commit(delta, change, {"run": run}, now, marks)
            return self._settled(table.path, before)

    def remember(self, path: str, marks: Mapping[str, int], run: str) -> int:
        """The version that remembers these numbers; its rows are those of the one before."""
        with self._writing(path):
            delta = self._open(path)
            before = delta.version()
            commit(delta, Change(), {"run": run}, now_ms(), marks)
            return self._settled(path, before)

    def erase(self, path: str, column: str, values: Sequence[str], run: str, kept: Sequence[int] = ()) -> int:
        """Deletes every row whose column holds one of the values, alone or among others joined by commas, and every
        file that ever held it; returns the rows.

        Older versions of the table cannot be read afterwards. Erasing again deletes what a killed erasure left.
        kept    numbers of versions that stay readable, as far as none of their rows holds one of the values
        raises  NotFound for an unknown table, QueryError for an unknown column, Conflict if somebody else is writing
        """
        with self._writing(path):
            delta = self._open(path)
            if column not in {one.name for one in delta.schema().fields}:
                raise QueryError(f"table {path}", "Name a column that the table declares.")
            keys = self._holding(path, delta, column, values)
            clean = [one for one in kept if self._holding(path, self._open(path, one), column, values).is_empty()]
            gone = self._drop_rows(path, delta, keys, run)
            self._sweep(path, clean)
            return gone

    def _holding(self, path: str, delta: DeltaTable, column: str, values: Sequence[str]) -> pl.DataFrame:
        """The distinct texts of a column in which one of the values stands."""
        held = self._files(path).read(files_of(delta), schema_of(delta), [column]).unique()
        wanted = list(dict.fromkeys(values))
        return held.filter(pl.col(column).str.split(",").list.eval(pl.element().is_in(wanted)).list.any())

    def retain(self, table: TableSchema, keys: pl.DataFrame, run: str) -> int:
        """Deletes every row whose key is not among `keys`, and every file that ever held one; returns the rows.

        keys    the key columns of the table
        raises  NotFound for a table that was never written; Conflict if somebody else is writing
        """
        names = list(table.key)
        with self._writing(table.path):
            delta = self._open(table.path)
            there = self._files(table.path).read(files_of(delta), schema_of(delta), names)
            stale = there.join(keys.select(names), on=names, how="anti")
            gone = self._drop_rows(table.path, delta, stale, run)
            if stale.height:
                self._sweep(table.path)
            return gone

    def describe(self, table: TableSchema, run: str) -> None:
        """Lets a table that was made before say what each column means and how close it comes to a person."""
        with self._writing(table.path):
            delta = self._open(table.path)
            before, held = delta.version(), {one.name: one.metadata for one in delta.schema().fields}
            for wanted in delta_schema(table).fields:
                if held.get(wanted.name) != wanted.metadata:
                    delta.alter.set_column_metadata(
                        wanted.name, wanted.metadata, commit_properties=properties({"run": run})
                    )
            self._settled(table.path, before)

    def _drop_rows(self, path: str, delta: DeltaTable, keys: pl.DataFrame, run: str) -> int:
        before, now, files, schema = delta.version(), now_ms(), self._files(path), schema_of(delta)
        none = pl.from_arrow(schema.empty_table())
        if not isinstance(none, pl.DataFrame):
            raise IntegrityError(f"table {path} has no columns", "make the table again")
        change = replaced(delta, files, schema, keys, none, now) if keys.height else Change()
        if not change.is_nothing:
            commit(delta, change, {"run": run, "act": "delete"}, now)
            self._settled(path, before)
        return change.gone

    def compact(self, path: str, run: str = "", *, is_forced: bool = False) -> int:
        """Joins data files into large ones, sealed or plain as the lake is set; returns the number of files left.

        Older versions stay readable until `vacuum`. A table of one file that is as set is left alone unless forced.
        """
        with self._writing(path):
            delta = self._open(path)
            before, now, files, schema = delta.version(), now_ms(), self._files(path), schema_of(delta)
            old = files_of(delta)
            if is_forced or len(old) > 1 or not files.are_as_set(old):
                columns = delta.metadata().partition_columns
                frames = (files.read([file], schema) for file in old)
                change = Change(files.write(frames, schema, now, columns), old)
                commit(delta, change, {"run": run, "act": "compact"}, now)
                self._settled(path, before)
        return self.state(path).files

    def vacuum(self, path: str, keep_hours: float = 0, kept: Sequence[int] = ()) -> int:
        """Deletes data files that no version needs that is kept; returns how many.

        keep_hours  versions that were the newest within so many hours stay readable
        kept        numbers of versions that stay readable beside them, as far as they are
        """
        with self._writing(path):
            since = datetime.now(UTC).timestamp() - 3600 * keep_hours
            all_versions = history(self._open(path))
            recent = [one.number for one in all_versions if keep_hours and one.time.timestamp() >= since]
            last = [one.number for one in all_versions if keep_hours and one.time.timestamp() < since][-1:]
            return self._sweep(path, sorted({*recent, *last, *kept}))

    def drop(self, path: str) -> None:
        """Removes a table with its history."""
        with self._writing(path):
            place = self._place(path)
            for file in sorted(place.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
            place.rmdir()
            _sync(place.parent)

    def _create(
        self, table: TableSchema, run: str, facts: Mapping[str, str] | None = None, partition_by: Sequence[str] = ()
    ) -> DeltaTable:
        place, wanted = self._place(table.path), configuration_of(table, facts or {})
        is_there = (place / "_delta_log").is_dir()
        if is_there:
            delta = self._open(table.path)
            held = delta.metadata()
            is_same = facts is None or (
                held.configuration == wanted
                and delta.schema() == delta_schema(table)
                and held.partition_columns == list(partition_by)
            )
            if is_same:
                return delta
        place.mkdir(parents=True, exist_ok=True)
        before = self._open(table.path).version() if is_there else -1
        delta = DeltaTable.create(
            place, delta_schema(table), mode="overwrite" if is_there else "error",
            partition_by=list(partition_by) or None, description=table.meaning,
            configuration=dict(wanted), commit_properties=properties({"run": run}),
            raise_if_key_not_exists=False,
        )  # fmt: skip
        self._settled(table.path, before)
        return delta

    def _require_kin(self, path: str, facts: Mapping[str, str], marks: Mapping[str, int]) -> None:
        """Returns where a table of this name may be written by who says this of it: while nobody else writes.

        raises  Conflict where there is one that has none of these facts or, of who says nothing, none of these marks
        """
        if not (facts or marks) or not (self._place(path) / "_delta_log").is_dir():
            return
        delta = self._open(path)
        said = delta.metadata().configuration
        known = (f"careloom.{name}" in said for name in facts) if facts else (
            delta.transaction_version(name) is not None for name in marks
        )  # fmt: skip
        if not any(known):
            raise Conflict(f"there is a table {path} of something else", "Give this one another name.")

    def _sweep(self, path: str, kept: Sequence[int] = ()) -> int:
        """Deletes every data file that neither the newest version nor one of `kept` names, also what a killed writer
        left.
        """
        with translated(path):
            delta = self._open(path)
            gone = delta.vacuum(
                retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True,
                keep_versions=list(kept) or None,
            )  # fmt: skip
        _sync(self._place(path))
        return len(gone)

    def _settled(self, path: str, before: int) -> int:
        """Forces what was committed since version `before` to the disk; returns the newest version."""
        place, log = self._place(path), self._place(path) / "_delta_log"
        with translated(path):
            delta = DeltaTable(place)
        newest = delta.version()
        if newest > before:
            for number in range(before + 1, newest + 1):
                _sync(log / f"{number:020d}.json")
            for folder in (log, place, place.parent, self._root):
                _sync(folder)
            if newest // _VERSIONS_PER_CHECKPOINT > before // _VERSIONS_PER_CHECKPOINT and newest:
                delta.create_checkpoint()
        return newest

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        self._place(path)
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / f".{path.replace('/', '.')}.writer").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"table {path} is being written", "Wait for the other writer, then run this again."
                ) from None
            with translated(path):
                yield


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
