"""The frozen families and names: whole, apart from what ships, the same twice, and their gold without a hole."""

import json
import re
from pathlib import Path

import pytest

from careloom.simulate.hospital import names as simulated_names
from careloom.simulate.narrative.family import KINDS, families
from tools.frozen_notes import FAMILIES, ROOT, frozen_families, frozen_hash, frozen_names, frozen_notes, write

SEED = 71


@pytest.fixture(scope="module")
def lines(suites: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """notes.ndjson of one patient."""
    out = tmp_path_factory.mktemp("frozen")
    write(frozen_notes(suites, 1, SEED), out)
    return (out / "notes.ndjson").read_text("utf-8").splitlines()


def words_of_templates() -> set[str]:
    """Words that the families write themselves: Will, May, Pastor are surnames too."""
    return set(re.findall(r"[^\W\d_]+", " ".join(file.read_text("utf-8") for file in FAMILIES.glob("*.toml"))))


def test_each_frozen_family_writes_every_kind_and_is_none_of_the_package() -> None:
    own = frozen_families()
    assert [family.name for family in own] == ["community", "scribe"]
    assert all(set(family.notes) == set(KINDS) for family in own)
    assert not {family.name for family in own} & set(families())


def test_the_datasheet_names_the_hash_of_what_is_frozen() -> None:
    assert frozen_hash() in (ROOT / "docs/datasheets/frozen-notes.md").read_text("utf-8")


def test_frozen_names_are_many_and_none_of_the_simulator(suites: Path) -> None:
    found, used = frozen_names(suites), simulated_names()
    assert min(map(len, (found.given, found.family, found.streets, found.places))) > 300
    assert len(found.organizations) > 100
    assert not set(found.given) & {*used["given_female"], *used["given_male"]}
    assert not set(found.family) & set(used["family"])


def test_the_same_seed_writes_the_same_bytes(suites: Path, lines: list[str], tmp_path: Path) -> None:
    write(frozen_notes(suites, 1, SEED), tmp_path)
    assert (tmp_path / "notes.ndjson").read_text("utf-8").splitlines() == lines


def test_what_is_no_identifier_by_gold_holds_no_frozen_name_telephone_or_address(
    suites: Path, lines: list[str]
) -> None:
    found = frozen_names(suites)
    people = {*found.given, *found.family} - words_of_templates()
    assert {json.loads(line)["family"] for line in lines} == {"community", "scribe"}
    for line in lines:
        note = json.loads(line)
        letters = list(note["text"])
        for span in note["spans"]:
            assert span["kind"] == "phi"
            assert note["text"][span["start"] : span["end"]] == span["text"]
            letters[span["start"] : span["end"]] = "\n" * (span["end"] - span["start"])
        rest = "".join(letters)
        left = {word for word in re.findall(r"[^\W\d_][\w'-]+", rest) if word in people}
        assert not left
        assert re.search(r"555-|\w@\w|https?:|www\.|\d+[/.-]\d+[/.-]\d{2}", rest) is None
