"""The data files of Delta tables: written as Parquet, sealed or plain, and read as one Arrow dataset whatever they are.

No statistics are kept but the number of rows: no value ever enters a Delta log.
"""

import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction
from pyarrow import fs

from careloom.errors import CareloomError, IntegrityError, SetupError
from careloom.store.lake_seal import LakeSeal, datasets, is_sealed

if TYPE_CHECKING:
    import pyarrow.dataset as arrow

ROWS_PER_FILE = 1_000_000
_TYPES = {
    "string": pa.large_string(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
"""Delta's primitive types -> those of Arrow that a column is read as."""


class DataFile(NamedTuple):
    """A data file of a version: its name below the table's folder, its rows and bytes, its partition's values."""

    name: str
    rows: int
    size_bytes: int
    partition: Mapping[str, Any]


def schema_of(delta: DeltaTable) -> pa.Schema:
    """The columns of a table as they are read, in order."""
    return pa.schema(
        [pa.field(field.name, _type(orjson.loads(field.to_json())["type"])) for field in delta.schema().fields]
    )


def _type(told: Any) -> pa.DataType:
    if isinstance(told, dict) and told.get("type") == "array":
        return pa.large_list(_type(told["elementType"]))
    found = _TYPES.get(told) if isinstance(told, str) else None
    if found is None:
        raise IntegrityError("a table of the lake has a column of an unknown type", "make the table again")
    return found


def files_of(delta: DeltaTable) -> list[DataFile]:
    """The data files of the version that `delta` stands at, by name."""
    actions = pl.DataFrame(delta.get_add_actions(flatten=True))
    names = delta.metadata().partition_columns
    partitions = [{name: row[f"partition.{name}"] for name in names} for row in actions.iter_rows(named=True)]
    told = zip(actions["path"], actions["num_records"], actions["size_bytes"], partitions, strict=True)
    return sorted(DataFile(unquote(path), int(rows or 0), int(size), where) for path, rows, size, where in told)


class TableFiles:
    """Writes and reads the data files of one table.

    place  the table's folder
    path   its name within the lake: sealed files open under this name only
    seal   None writes plain files
    """

    def __init__(self, place: Path, path: str, seal: LakeSeal | None, opener: LakeSeal | None) -> None:
        self._place, self._path, self._seal, self._opener = place, path, seal, opener

    def write(
        self, frames: Iterable[pl.DataFrame], schema: pa.Schema, now_ms: int, partition_by: Sequence[str] = ()
    ) -> list[AddAction]:
        """New files of these rows, durable, as what a commit adds. raises SetupError if the disk does not take them"""
        made: list[AddAction] = []
        open_files: dict[tuple[Any, ...], _Writer] = {}
        stored = pa.schema([field for field in schema if field.name not in partition_by])
        try:
            for frame in frames:
                for where, part in _parted(frame, partition_by):
                    writer = open_files.get(where)
                    if writer is None:
                        properties = self._seal.writing(self._path) if self._seal is not None else None
                        values = dict(zip(partition_by, where, strict=True))
                        writer = open_files[where] = _Writer(self._place, stored, properties, values)
                    writer.add(part)
                    if writer.rows >= ROWS_PER_FILE:
                        made.append(open_files.pop(where).closed(now_ms))
            made += [writer.closed(now_ms) for writer in open_files.values()]
        except OSError as error:
            raise SetupError(
                f"the disk does not take the table {self._path} ({type(error).__name__})", "Free space, run it again."
            ) from None
        return made

    def dataset(self, files: Iterable[DataFile], schema: pa.Schema) -> "arrow.Dataset":
        """Files as one dataset, for Polars (`polars.scan_pyarrow_dataset`), DuckDB and whoever reads Arrow.

        raises  IntegrityError if a file is gone or no Parquet file; SetupError for sealed files without keys
        """
        ds, fragments = datasets(), dict[bool, list[Any]]()
        with opened(self._path):
            formats = {False: ds.ParquetFileFormat(), True: self._format()}
            for file in files:
                sealed = is_sealed(self._place / file.name)
                where = _expression(file.partition)
                fragment = formats[sealed].make_fragment(
                    str(self._place / file.name), fs.LocalFileSystem(), partition_expression=where
                )
                fragments.setdefault(sealed, []).append(fragment)
            parts = [ds.FileSystemDataset(some, schema, formats[sealed]) for sealed, some in fragments.items()]
        if not parts:
            return ds.dataset(schema.empty_table())
        return parts[0] if len(parts) == 1 else ds.UnionDataset(schema, parts)

    def read(self, files: Iterable[DataFile], schema: pa.Schema, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of files; some columns where they are named. raises IntegrityError if a file is broken or gone"""
        data = self.dataset(files, schema)
        with opened(self._path):
            found = pl.from_arrow(data.to_table(columns=None if columns is None else list(columns)))
        return found if isinstance(found, pl.DataFrame) else found.to_frame()

    def are_as_set(self, files: Iterable[DataFile]) -> bool:
        """True when every file is sealed where new files would be, and plain where they would be plain."""
        return all(is_sealed(self._place / file.name) == (self._seal is not None) for file in files)

    def _format(self) -> "arrow.ParquetFileFormat":
        return datasets().ParquetFileFormat() if self._opener is None else self._opener.format(self._path)


class _Writer:
    """One file while it is written; it has its name from the start and is part of a table only by a commit."""

    def __init__(self, place: Path, schema: pa.Schema, properties: Any, values: Mapping[str, Any]) -> None:
        folder = "".join(f"{name}={_encoded(value)}/" for name, value in values.items())
        self._name = f"{folder}part-{uuid.uuid4()}.parquet"
        self._file = place / self._name
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._stream = os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._writer = pq.ParquetWriter(
            self._stream, schema, compression="zstd", encryption_properties=properties, write_statistics=True
        )
        self._schema, self._values = schema, values
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        table = frame.select(self._schema.names).to_arrow(compat_level=pl.CompatLevel.oldest())
        self._writer.write_table(table.cast(self._schema))
        self.rows += frame.height

    def closed(self, now_ms: int) -> AddAction:
        self._writer.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        size = self._file.stat().st_size
        values = {name: None if value is None else _told(value) for name, value in self._values.items()}
        return AddAction(self._name, size, values, now_ms, True, orjson.dumps({"numRecords": self.rows}).decode())


def _encoded(value: Any) -> str:
    """A partition's value as the name of a folder, as Hive writes it: some readers take it from there."""
    return "__HIVE_DEFAULT_PARTITION__" if value is None else quote(_told(value), safe=" ")


def _told(value: Any) -> str:
    """A partition's value as Delta writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parted(frame: pl.DataFrame, columns: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """The rows of each partition, in the order of their first; none of a frame without rows."""
    if not frame.height:
        return
    if not columns:
        yield (), frame
        return
    yield from frame.partition_by(columns, as_dict=True, maintain_order=True).items()


def _expression(partition: Mapping[str, Any]) -> Any:
    ds, found = datasets(), None
    for name, value in partition.items():
        one = ds.field(name).is_null() if value is None else ds.field(name) == pa.scalar(value)
        found = one if found is None else found & one
    return ds.scalar(True) if found is None else found


@contextmanager
def opened(path: str) -> Iterator[None]:
    """Turns what Arrow and Polars raise into the error tree; their messages may quote data and are dropped."""
    try:
        yield
    except CareloomError:
        raise
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise IntegrityError(
            f"table {path} cannot be read ({type(error).__name__})",
            "Its log or one of its files is gone, broken, or sealed by other keys: restore it, or make the table again "
            "from the zone's store.",
        ) from None
