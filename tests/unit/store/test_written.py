"""What lies under a folder is read a part after another, and what cannot be read is told."""

import os
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from careloom.store.engine import is_url, open_engine
from careloom.store.written import SLICE_BYTES, file_values, table_rows, written_files, zone_values

ROWS, WIDTH = 6000, 4000


@pytest.fixture
def connection(place: Path | str) -> Iterator[Connection]:
    """To a database with one table of 24 MB."""
    engine = open_engine(place, "research")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE note (number INTEGER, content TEXT)")
        mark = "%s" if is_url(place) else "?"
        rows = [(1_000_000 + at, "x" * WIDTH) for at in range(ROWS)]
        connection.exec_driver_sql(f"INSERT INTO note VALUES ({mark}, {mark})", rows)
        yield connection
    engine.dispose()


def test_a_large_table_of_a_zone_is_read_a_part_after_another(connection: Connection) -> None:
    tracemalloc.start()
    try:
        parts = zone_values(connection)
        seen = [(table, len(values), values[:2]) for table, values in parts]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {table for table, _, _ in seen} == {"note"}
    assert sum(count for _, count, _ in seen) == 2 * ROWS
    assert seen[0][2] == [b"1000000", b"x" * WIDTH]
    assert peak < 4 * SLICE_BYTES < ROWS * WIDTH


def test_a_large_table_is_not_sent_by_the_server_as_a_whole(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        pytest.skip("SQLite has no server")
    with closing(zone_values(connection)) as parts:
        next(parts)
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_cursors").scalar_one() == 1


def test_a_broken_database_or_table_is_told_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + bytes(500))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + bytes(500))
    assert list(file_values(tmp_path / "broken.db")) == [("", None)]
    assert list(table_rows(tmp_path / "broken.parquet", ["patient_id"])) == [("", None)]


def test_each_value_of_a_database_stands_by_itself(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute('CREATE TABLE "a ""b""" (one TEXT, two BLOB, three INTEGER, four REAL)')
        database.execute('INSERT INTO "a ""b""" VALUES (?, ?, ?, ?)', ("said", b"\x1f\x8b", 6175550142, None))
        database.commit()
    assert list(file_values(tmp_path / "a.db")) == [('a "b"', [b"said", b"\x1f\x8b", b"6175550142"])]


def test_links_pipes_and_empty_folders_are_told_apart(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "full").mkdir(parents=True)
    (root / "empty").mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("of somebody")
    (root / "full" / "file.txt").write_text("text")
    (root / "out").symlink_to(outside)
    (root / "out.txt").symlink_to(outside / "secret.txt")
    (root / "within").symlink_to("full")
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    told = {one.place: (one.kind, one.is_closed, b"".join(one.contents())) for one in written_files(root)}
    assert told == {
        "full/file.txt": ("file", False, b"text"),
        "empty": ("name", False, b""),
        "out": ("link", True, os.fsencode(outside)),
        "out.txt": ("link", True, os.fsencode(outside / "secret.txt")),
        "within": ("link", False, b"full"),
        "dangling": ("link", False, b"nowhere"),
        "pipe": ("name", True, b""),
    }
