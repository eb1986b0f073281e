"""The file of loaded terminologies: all of a release or nothing, versions side by side, names found by word."""

import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from careloom.errors import CareloomError, FormatError, NotFound, SetupError, TooLarge
from careloom.store.terminology import TerminologyStore
from careloom.store.terminology_files import files_of
from careloom.terminology.concepts import Release
from careloom.terminology.reading import readings
from careloom.terminology.release_rows import ConceptRow, MapRow, NameRow, ParentRow, Reading, Row
from careloom.terminology.systems import ICD_10_CM, RXNORM, SNOMED_CT
from tests.unit.terminology.releases import RF2, RXNORM_FILES

NOW = datetime(2026, 11, 28, tzinfo=UTC)
WARDS = "http://example.org/wards"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TerminologyStore]:
    made = TerminologyStore(tmp_path / "terminology")
    yield made
    made.close()


def written(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


def zipped(file: Path, files: dict[str, str]) -> Path:
    """An archive with these files."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file


def made(version: str, rows: list[Row], effective: date | None = None) -> Reading:
    """A release of wards."""
    return Reading(Release(WARDS, version, "Wards", effective), iter(rows))


def loaded(store: TerminologyStore, path: Path) -> list[int]:
    """How many concepts each release in the files has, once loaded."""
    return [store.load(reading, NOW).release.concepts for reading in readings(files_of(path))]


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_snomed_ct_is_found_by_code_name_and_hierarchy(store: TerminologyStore, tmp_path: Path, form: str) -> None:
    path = written(tmp_path / "rf2", RF2) if form == "folder" else zipped(tmp_path / "rf2.zip", RF2)
    assert loaded(store, path) == [5]
    found = store.find(SNOMED_CT, "44054006")
    assert found is not None
    assert (found.name, found.version, found.is_active) == ("Type 2 diabetes mellitus", "20260301", True)
    assert found.names == ("Diabetes mellitus type 2 (disorder)",)
    assert found.parents == ("73211009",)
    assert store.children(SNOMED_CT, "73211009") == ("44054006", "46635009")
    retired = store.find(SNOMED_CT, "190388001")
    assert retired is not None
    assert not retired.is_active
    assert retired.properties["replaced-by"] == ("44054006",)
    assert [(each.code, each.equivalence) for each in store.translations(SNOMED_CT, "44054006")] == [
        ("E11.9", "wider"),
        ("E11.65", "inexact"),
    ]
    (back,) = store.translations(ICD_10_CM, "E11.9")
    assert (back.system, back.code, back.equivalence) == (SNOMED_CT, "44054006", "narrower")


def test_rxnorm_is_found_too(store: TerminologyStore, tmp_path: Path) -> None:
    assert loaded(store, written(tmp_path / "rx", RXNORM_FILES)) == [5]
    drug = store.find(RXNORM, "860975")
    assert drug is not None
    assert drug.properties["ingredient"] == ("6809",)


SEARCHES = [
    ("type 2 diabetes", "44054006"),
    ("DIABETES mellitus", "73211009"),
    ("diabtes type 1", "46635009"),
    ("diabetes zzzz", "73211009"),
    ("mel diab", "73211009"),
]


@pytest.mark.parametrize(("text", "code"), SEARCHES)
def test_a_text_finds_its_concept(store: TerminologyStore, tmp_path: Path, text: str, code: str) -> None:
    loaded(store, written(tmp_path / "rf2", RF2))
    assert store.search(text, SNOMED_CT, 3)[0].concept.code == code


@pytest.mark.parametrize("text", ["", "  ", '"', "* AND (", "zzzz"])
def test_a_text_without_known_words_finds_nothing(store: TerminologyStore, tmp_path: Path, text: str) -> None:
    loaded(store, written(tmp_path / "rf2", RF2))
    assert store.search(text) == []


def test_versions_stand_side_by_side_and_the_newest_answers(store: TerminologyStore) -> None:
    store.load(made("2", [ConceptRow("A", "new A"), ConceptRow("C", "C")], date(2026, 2, 1)), NOW)
    store.load(made("1", [ConceptRow("A", "old A"), ConceptRow("B", "B"), ParentRow("B", "A")], date(2025, 2, 1)), NOW)
    assert [release.version for release in store.releases()] == ["2", "1"]
    assert [store.find(WARDS, code) is not None for code in "ABC"] == [True, True, True]
    newest, older = store.find(WARDS, "A"), store.find(WARDS, "A", "1")
    assert newest is not None
    assert older is not None
    assert (newest.name, older.name) == ("new A", "old A")
    assert list(store.codes(WARDS)) == ["A", "C"]
    assert list(store.codes(WARDS, "1")) == ["A", "B"]
    assert store.children(WARDS, "A") == ()
    assert store.children(WARDS, "A", "1") == ("B",)
    assert [match.concept.version for match in store.search("a")] == ["2"]


def test_the_same_version_again_takes_the_place_of_the_first(store: TerminologyStore) -> None:
    store.load(made("1", [ConceptRow("A", "apple"), MapRow(WARDS, "A", "x", "1", "equal", "m")]), NOW)
    store.load(made("1", [ConceptRow("B", "pear")]), NOW)
    assert [release.concepts for release in store.releases()] == [1]
    assert store.find(WARDS, "A") is None
    assert store.search("apple") == []
    assert store.translations(WARDS, "A") == []
    assert [match.concept.code for match in store.search("pear")] == ["B"]


def test_a_release_that_breaks_off_leaves_what_was_there(store: TerminologyStore) -> None:
    def rows() -> Iterator[Row]:
        yield ConceptRow("B", "B")
        raise FormatError("line 2", "")

    store.load(made("1", [ConceptRow("A", "A")]), NOW)
    with pytest.raises(FormatError):
        store.load(Reading(Release(WARDS, "1", "Wards"), rows()), NOW)
    assert list(store.codes(WARDS)) == ["A"]
    with pytest.raises(FormatError):
        store.load(made("2", []), NOW)
    assert [release.version for release in store.releases()] == ["1"]


def test_a_removed_release_is_gone(store: TerminologyStore) -> None:
    with pytest.raises(NotFound):
        store.remove(WARDS, "1")
    store.load(made("1", [ConceptRow("A", "A")]), NOW)
    store.remove(WARDS, "1")
    assert store.releases() == []
    assert store.search("a") == []
    with pytest.raises(NotFound):
        store.remove(WARDS, "1")


def test_the_best_name_is_shown_and_dates_are_kept(store: TerminologyStore) -> None:
    rows: list[Row] = [ConceptRow("A", ""), NameRow("A", "short", "synonym"), NameRow("A", "whole name", "full")]
    reading = made("1", rows)
    reading.release = replace(reading.release, expires=date(2026, 12, 31), licence="free")
    store.load(reading, NOW)
    found = store.find(WARDS, "A")
    assert found is not None
    assert (found.name, found.names) == ("whole name", ("short",))
    (release,) = store.releases()
    assert (release.expires, release.licence) == (date(2026, 12, 31), "free")


def test_without_a_file_there_is_nothing_and_none_is_made(store: TerminologyStore) -> None:
    assert (store.releases(), store.find(WARDS, "A"), store.children(WARDS, "A")) == ([], None, ())
    assert (list(store.codes(WARDS)), store.translations(WARDS, "A"), store.search("a")) == ([], [], [])
    assert store.value_set("http://example.org/set") is None
    assert not store.file.parent.exists()


def test_a_file_of_another_version_is_refused(store: TerminologyStore) -> None:
    store.load(made("1", [ConceptRow("A", "A")]), NOW)
    store.close()
    with sqlite3.connect(store.file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SetupError):
        store.find(WARDS, "A")


def test_only_its_owner_can_read_the_file(store: TerminologyStore) -> None:
    store.load(made("1", [ConceptRow("A", "A")]), NOW)
    assert store.file.stat().st_mode & 0o077 == 0


def test_broken_and_swollen_archives_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 nothing more")
    latin = written(tmp_path / "latin", {})
    latin.mkdir()
    (latin / "a.obo").write_bytes(b"ontology: x\n[Term]\nid: A:1\nname: caf\xe9\n")
    cases: list[tuple[Path, type[CareloomError]]] = [
        (broken, FormatError),
        (zipped(tmp_path / "bomb.zip", {"a.obo": "0" * 50_000_000}), TooLarge),
        (tmp_path / "nowhere", NotFound),
        (latin, FormatError),
    ]
    for path, error in cases:
        with pytest.raises(error):
            [list(reading.rows) for reading in readings(files_of(path))]
