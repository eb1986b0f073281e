from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import ALDA, BRAM, secrets, write_feeds


def hits(folder: Path, words: list[bytes]) -> list[tuple[Path, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [(path, word) for path in files for data in [path.read_bytes()] for word in words if word in data]


def ids(line: CommandLine, query: str) -> list[str]:
    bundle = line.json("search", query)
    return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", [])]


def patients(line: CommandLine, who: dict[str, str]) -> list[str]:
    return ids(line, f"Patient?name={who['family']}")


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    report = line.json("ingest", *write_feeds(tmp_path / "feeds"))
    assert sum(file["quarantined"] for file in report["files"]) == 0
    return line


def facts(line: CommandLine, who: dict[str, str]) -> list[str]:
    found = patients(line, who)
    return found + [fact for patient in found for fact in ids(line, f"Observation?patient={patient}")]


def test_erasing_one_patient_leaves_no_byte_and_breaks_nobody_elses_proof(line: CommandLine) -> None:
    kept = facts(line, BRAM)
    gone = facts(line, ALDA)
    assert len(patients(line, BRAM)) == 3
    assert len(kept) == len(gone) == 5
    for patient in patients(line, ALDA):
        line.json("erase", patient, "--yes")
    assert hits(line.data, secrets(ALDA)) == []
    keyed = [fact.partition("/")[2].encode() for fact in gone if not fact.startswith("Patient/")]
    assert hits(line.data, keyed) == []
    assert patients(line, ALDA) == []
    assert facts(line, BRAM) == kept
    for fact in kept:
        assert line.json("verify", fact)["verified"] is True
    assert line.json("audit", "verify")["verified"] is True
    for fact in gone:
        line.run("verify", fact, expect=4 if fact.startswith("Patient/") else 2)


def test_nothing_of_any_patient_lies_in_plain_bytes_even_before(line: CommandLine) -> None:
    assert hits(line.data, secrets(ALDA) + secrets(BRAM)) == []


def test_erasing_twice_is_the_same_as_once(line: CommandLine) -> None:
    patient = patients(line, ALDA)[0]
    line.json("erase", patient, "--yes")
    assert line.json("erase", patient, "--yes")["already_erased"] is True


def test_an_erased_patient_does_not_come_back_with_the_same_files(line: CommandLine, tmp_path: Path) -> None:
    for patient in patients(line, ALDA):
        line.json("erase", patient, "--yes")
    again = line.json("ingest", *write_feeds(tmp_path / "again"))
    assert patients(line, ALDA) == []
    assert hits(line.data, secrets(ALDA)) == []
    assert sum(file["quarantined"] for file in again["files"]) == 0
