"""Copies of the loaded terminologies: one committed state, checked, brought back whole or not at all."""

import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from careloom.errors import Conflict, FormatError, IntegrityError, NotFound, SetupError
from careloom.store.terminology import TerminologyStore
from careloom.store.terminology_copies import examine, restore, snapshot
from careloom.terminology.release_rows import ConceptRow, Row
from tests.unit.store.test_terminology import NOW, WARDS, made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TerminologyStore]:
    kept = TerminologyStore(tmp_path / "terminology")
    yield kept
    kept.close()


def wards(count: int) -> list[Row]:
    return [ConceptRow(f"W{number}", f"Ward number {number}") for number in range(count)]


def versions(file: Path) -> list[tuple[str, int]]:
    return [(held.version, held.concepts) for held in examine(file).releases]


def test_a_copy_brings_back_what_was_removed(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("1", wards(30)), NOW)
    copy = tmp_path / "copy.db"
    assert snapshot(store.file, copy).is_whole
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir() if "copy" in file.name] == ["copy.db"]
    store.remove(WARDS, "1")
    assert store.find(WARDS, "W7") is None
    restore(copy, store.file)
    found = store.find(WARDS, "W7")  # by the connection that was open before
    assert found is not None
    assert found.name == "Ward number 7"
    assert store.search("ward number 7")[0].concept.code == "W7"


def test_a_copy_is_restored_where_nothing_was_loaded(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("1", wards(3)), NOW)
    snapshot(store.file, tmp_path / "copy.db")
    other = TerminologyStore(tmp_path / "other" / "terminology")
    restore(tmp_path / "copy.db", other.file)
    assert [(release.version, release.concepts) for release in other.releases()] == [("1", 3)]
    assert stat.S_IMODE(other.file.stat().st_mode) == 0o600
    other.load(made("2", wards(4)), NOW)
    assert versions(other.file) == [("1", 3), ("2", 4)]
    other.close()


def test_a_copy_taken_while_somebody_loads_holds_whole_releases_only(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("0", wards(500)), NOW)
    stop = threading.Event()

    def load() -> None:
        writer = TerminologyStore(store.file.parent)
        number = 0
        while not stop.is_set():
            number += 1
            writer.load(made(str(number % 5), wards(500 + number)), NOW)
        writer.close()

    loading = threading.Thread(target=load)
    loading.start()
    try:
        copies = [tmp_path / f"copy{number}.db" for number in range(20)]
        found = [snapshot(store.file, copy) for copy in copies]
    finally:
        stop.set()
        loading.join()
    assert all(each.is_whole and each.releases for each in found)
    assert [examine(copy) for copy in copies] == found
    assert len({each.releases for each in found}) > 1, "nothing was loaded meanwhile"


def test_a_copy_sees_nothing_of_a_load_that_is_not_committed(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("1", wards(3)), NOW)
    with sqlite3.connect(store.file, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM concept")
        snapshot(store.file, tmp_path / "copy.db")
        writer.execute("ROLLBACK")
    assert versions(tmp_path / "copy.db") == [("1", 3)]


def test_a_restore_forgets_no_loaded_release_unless_told(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("1", wards(3)), NOW)
    snapshot(store.file, tmp_path / "copy.db")
    store.load(made("2", wards(4)), NOW)
    with pytest.raises(Conflict, match=f"{WARDS} 2"):
        restore(tmp_path / "copy.db", store.file)
    assert versions(store.file) == [("1", 3), ("2", 4)]
    restore(tmp_path / "copy.db", store.file, replace=True)
    assert versions(store.file) == [("1", 3)]


def test_a_damaged_file_in_use_is_replaced(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("1", wards(3)), NOW)
    snapshot(store.file, tmp_path / "copy.db")
    store.close()
    store.file.write_bytes(b"no database" * 1000)
    with pytest.raises(IntegrityError):
        snapshot(store.file, tmp_path / "second.db")
    assert not (tmp_path / "second.db").exists()
    restore(tmp_path / "copy.db", store.file)
    assert versions(store.file) == [("1", 3)]


def damaged_pages(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for at in range(4096 * 3, len(content), 4096):
        content[at : at + 64] = b"\xff" * 64
    file.write_bytes(content)


def fewer_concepts(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM concept WHERE code = 'W1'")


def unsearchable_names(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM word_docsize WHERE id = 1")


DAMAGES = [(damaged_pages, "pages"), (fewer_concepts, "concepts"), (unsearchable_names, "words")]


@pytest.mark.parametrize(("damage", "problem"), DAMAGES, ids=[each.__name__ for each, _ in DAMAGES])
def test_a_damaged_copy_is_told_and_not_restored(
    store: TerminologyStore, tmp_path: Path, damage: object, problem: str
) -> None:
    store.load(made("1", wards(300)), NOW)
    copy = tmp_path / "copy.db"
    snapshot(store.file, copy)
    assert callable(damage)
    damage(copy)
    assert problem in examine(copy).problems
    with pytest.raises(IntegrityError):
        restore(copy, store.file)
    assert versions(store.file) == [("1", 300)]


def test_what_is_no_copy_is_refused(store: TerminologyStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        snapshot(store.file, tmp_path / "copy.db")
    with pytest.raises(NotFound):
        restore(tmp_path / "missing.db", store.file)
    (tmp_path / "text.db").write_text("no database")
    sqlite3.connect(tmp_path / "foreign.db").execute("CREATE TABLE wards (name)").connection.close()
    for name in ("text.db", "foreign.db"):
        with pytest.raises(FormatError):
            restore(tmp_path / name, store.file)
    assert not store.exists()
    store.load(made("1", wards(3)), NOW)
    with pytest.raises(Conflict):
        snapshot(store.file, tmp_path / "text.db")
    assert (tmp_path / "text.db").read_text() == "no database"
    with pytest.raises(Conflict):
        restore(store.file, store.file)
    with pytest.raises(SetupError):
        snapshot(store.file, tmp_path / "no-folder" / "copy.db")


def test_a_copy_of_another_version_is_refused(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("1", wards(3)), NOW)
    snapshot(store.file, tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SetupError):
        restore(tmp_path / "copy.db", store.file)


def test_the_plain_copy_of_a_closed_file_is_restored_too(store: TerminologyStore, tmp_path: Path) -> None:
    store.load(made("1", wards(3)), NOW)
    store.close()
    shutil.copy(store.file, tmp_path / "plain.db")
    restore(tmp_path / "plain.db", store.file)
    assert versions(store.file) == [("1", 3)]


def test_a_restore_waits_for_nobody_for_ever(
    store: TerminologyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careloom.store.terminology_copies.BUSY_SECONDS", 0.1)
    store.load(made("1", wards(3)), NOW)
    snapshot(store.file, tmp_path / "copy.db")
    with sqlite3.connect(store.file, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(Conflict):
            restore(tmp_path / "copy.db", store.file)
        writer.execute("ROLLBACK")
    assert versions(store.file) == [("1", 3)]
