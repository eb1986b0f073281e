"""Rows of a Delta table replaced by key: which data files change, and what the new ones hold. Copy on write."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction, Transaction

from careloom.store.lake_files import DataFile, TableFiles, files_of


@dataclass(slots=True)
class Change:
    """What a commit does: new files, files that are no longer part of the table, rows that went and came."""

    adds: list[AddAction] = field(default_factory=list)
    removes: list[DataFile] = field(default_factory=list)
    gone: int = 0
    come: int = 0

    @property
    def is_nothing(self) -> bool:
        """True where the table stays as it is."""
        return not self.adds and not self.removes


def replaced(
    delta: DeltaTable,
    files: TableFiles,
    schema: pa.Schema,
    keys: pl.DataFrame,
    new: pl.DataFrame,
    now_ms: int,
) -> Change:
    """The change after which, of all rows whose key columns are among `keys`, the table holds exactly `new`.

    A row that is there already stays where it is, and a file of which no row changes is not written again.

    keys  [n] distinct values of the columns that it has
    """
    on, change = keys.columns, Change()
    partition_by = delta.metadata().partition_columns
    asked = lines(new)
    wanted, stay = set(asked), set[bytes]()
    for file in files_of(delta):
        if files.read([file], schema, on).join(keys, on=on, how="semi").is_empty():
            continue
        whole = files.read([file], schema).with_row_index("careloom_row")
        touched = whole.join(keys, on=on, how="semi")
        held = lines(touched.drop("careloom_row"))
        stay.update(line for line in held if line in wanted)
        gone = touched["careloom_row"].filter(pl.Series([line not in wanted for line in held], dtype=pl.Boolean))
        if not gone.len():
            continue
        rest = whole.join(gone.to_frame(), on="careloom_row", how="anti").drop("careloom_row")
        change.adds += files.write([rest], schema, now_ms, partition_by)
        change.removes.append(file)
        change.gone += gone.len()
    fresh = new.filter(pl.Series([line not in stay for line in asked], dtype=pl.Boolean)) if stay else new
    change.adds += files.write([fresh], schema, now_ms, partition_by)
    change.come = fresh.height
    return change


def lines(frame: pl.DataFrame) -> list[bytes]:
    """Each row as JSON: equal exactly for equal rows of one schema."""
    return frame.write_ndjson().encode().split(b"\n")[:-1]


def commit(
    delta: DeltaTable, change: Change, told: Mapping[str, str], now_ms: int, marks: Mapping[str, int] | None = None
) -> None:
    """Commits a change to the table's log.

    told   what the commit says of itself, beside Delta's own words
    marks  numbers that the table remembers by name until a later commit sets them anew
    """
    columns = delta.metadata().partition_columns
    removes = [
        RemoveAction(
            file.name, True, now_ms, file.size_bytes, {name: _text(file.partition[name]) for name in columns} or None
        )
        for file in change.removes
    ]
    delta.create_write_transaction(
        [*change.adds, *removes], "append", delta.schema(), columns or None,
        commit_properties=properties(told, marks),
    )  # fmt: skip


def properties(told: Mapping[str, str], marks: Mapping[str, int] | None = None) -> CommitProperties:
    """What a commit carries, for delta-rs."""
    remembered = [Transaction(name, number) for name, number in (marks or {}).items()]
    return CommitProperties(custom_metadata=dict(told), app_transactions=remembered or None)


def _text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
