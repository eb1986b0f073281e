"""Versions of Delta tables: what each commit was, whether it can still be read, and what its rows hash to."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from careloom.errors import QueryError

_HASH_BYTES = 16
_ROWS = 50_000
_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Version:
    """One commit of a table.

    number     counts from 0
    time       when it was committed, UTC
    operation  what the writer did, in Delta's words: CREATE TABLE, WRITE, VACUUM END, ...
    run        the run that wrote it; empty for upkeep
    """

    number: int
    time: datetime
    operation: str
    run: str


def history(delta: DeltaTable) -> list[Version]:
    """All commits, oldest first."""
    return [
        Version(
            number=int(entry["version"]),
            time=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
            operation=str(entry["operation"]),
            run=str(entry.get("run", "")),
        )
        for entry in reversed(delta.history())
    ]


def present(place: Path, delta: DeltaTable) -> bool:
    """True when every data file of a version still lies in the table's folder."""
    there = {file.name for file in place.rglob("*.parquet")}
    return all(Path(uri).name in there for uri in delta.file_uris())


def reference(name: str, version: int | None = None) -> tuple[str, int | None, str]:
    """``silver/patients@3#digest`` as its path, version and digest; both may be missing. raises QueryError"""
    path, sign, rest = name.partition("@")
    number, _, digest = rest.partition("#")
    if not sign:
        return path, version, ""
    if not (number.isascii() and number.isdecimal() and len(number) < _DIGITS) or version is not None:
        raise QueryError("the version of a table", "Write the table, @ and a number: silver/patients@3.")
    return path, int(number), digest


def content_hash(frames: pl.DataFrame | Iterable[pl.DataFrame], key: bytes = b"") -> str:
    """The order-insensitive hash of rows, as `careloom.store.lake.Lake.content_hash` describes it."""
    total = 0
    for frame in [frames] if isinstance(frames, pl.DataFrame) else frames:
        for part in frame.select(sorted(frame.columns)).iter_slices(_ROWS):
            for line in part.write_ndjson().encode().splitlines():
                total += int.from_bytes(hashlib.blake2b(line, digest_size=_HASH_BYTES, key=key).digest(), "big")
    return f"{total % (1 << 8 * _HASH_BYTES):0{2 * _HASH_BYTES}x}"
