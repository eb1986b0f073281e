"""Tables written batch by batch into one file: Parquet, CSV, NDJSON."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

FORMATS = (".parquet", ".csv", ".ndjson")


@contextmanager
def writer(file: Path, suffix: str, schema: Mapping[str, pl.DataType]) -> Iterator[Callable[[pl.DataFrame], None]]:
    """What adds a table to a file of one of `FORMATS`; a file without rows still has its columns, NDJSON is empty."""
    if suffix == ".parquet":
        empty = pl.DataFrame(schema=schema).to_arrow()
        with pq.ParquetWriter(file, empty.schema, compression="zstd") as held:
            yield lambda frame: held.write_table(frame.to_arrow()) if frame.height else None
        return
    with file.open("wb") as out:
        if suffix == ".csv":
            pl.DataFrame(schema=schema).write_csv(out)
            yield lambda frame: frame.write_csv(out, include_header=False)
        else:
            yield lambda frame: frame.write_ndjson(out)
