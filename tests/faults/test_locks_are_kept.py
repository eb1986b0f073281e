"""Whatever a process does with a database's file beside SQLite, other processes still see that it has it open."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from careloom.crypto.keys_local import LocalKeys
from careloom.store import access_registry, jobs_tables, key_ledger, terminology
from careloom.store.engine import DATABASE_NAME, open_engine
from careloom.store.read_apart import is_locked_by_name
from careloom.store.written import written_files
from tests.store_kit import event, open_zone

COMES_AND_GOES = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
print(database.execute("SELECT count(*) FROM audit").fetchone()[0])
database.close()
"""


def count_elsewhere(file: Path) -> int:
    """What another process counts that opens the database, reads, and closes it again."""
    done = subprocess.run([sys.executable, "-c", COMES_AND_GOES, str(file)], check=True, capture_output=True)
    return int(done.stdout)


def searched(data: Path) -> None:
    for file in written_files(data):
        assert sum(map(len, file.contents())) == file.size_bytes


def opened_again(data: Path) -> None:
    engine = open_engine(data, "identified")
    with engine.connect():
        pass
    engine.dispose()


@pytest.mark.parametrize("beside", [searched, opened_again])
def test_what_is_written_after_the_file_was_read_beside_sqlite_is_there(
    tmp_path: Path, beside: Callable[[Path], None]
) -> None:
    file = tmp_path / "data" / "identified" / DATABASE_NAME
    store = open_zone(tmp_path / "data", LocalKeys.open(tmp_path / "keys"))
    store.append_audit(event())
    beside(tmp_path / "data")
    before = count_elsewhere(file)
    store.append_audit(event())  # into a journal that the other process must not have removed
    assert count_elsewhere(file) == before + 1
    store.close()
    assert count_elsewhere(file) == before + 1


def test_every_database_of_ours_has_a_name_by_which_it_is_read_apart() -> None:
    for name in (
        DATABASE_NAME,
        access_registry.FILE_NAME,
        jobs_tables.FILE_NAME,
        key_ledger.FILE_NAME,
        terminology.FILE_NAME,
    ):
        assert is_locked_by_name(Path(name))
        assert is_locked_by_name(Path(f"{name}-shm"))
