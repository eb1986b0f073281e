"""Driving refused records again: what was mended is stored, what is about an erased patient goes, nothing is lost."""

import json
from pathlib import Path

import pytest

from careloom.services.platform import Platform
from careloom.settings import load
from tests.journeys.hospital import CommandLine
from tests.store_kit import event

MAPPING = """
name = "own"

[file.people]
recognise = ["mrn", "family", "sex", "born"]
patient = "mrn"
key = ["mrn"]

[file.people.columns]
mrn = {{ type = "string", required = true }}
family = "string"
sex = {{ type = "string" }}
born = {{ type = "date", required = true, formats = ["{born}"] }}

[[file.people.resource]]
type = "Patient"
id = "{{mrn}}"

[file.people.resource.set]
"name[0].family" = "{{family}}"
gender = "{{sex}}"
birthDate = "{{born}}"
"""
ROWS = "mrn;family;sex;born\nalda-1;Quillfeather;female;1990/01/02\nbram-2;Brandywine;male;1991/02/03\n"


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def mapping(line: CommandLine, born: str = "%Y/%m/%d") -> Path:
    file = line.folder / "own.toml"
    file.write_text(MAPPING.format(born=born))
    return file


def table(line: CommandLine, rows: str = ROWS) -> Path:
    file = line.folder / "own.csv"
    file.write_text(rows)
    return file


def patients(line: CommandLine) -> int:
    total: int = line.json("search", "Patient?_summary=count")["total"]
    return total


def test_a_table_that_no_mapping_knew_is_stored_row_by_row(line: CommandLine) -> None:
    line.json("ingest", table(line, ROWS + "cara-3;Canute;female;never\n"))
    again = line.json("quarantine", "redrive", "--mapping", mapping(line))
    assert again == {"tried": 1, "stored": 1, "refused": 0, "erased": 0}
    assert patients(line) == 2
    (row,) = line.json("quarantine", "list")
    assert row["reason"] == "delimited.bad-date"
    assert line.json("store", "check")["consistent"]


def test_rows_refused_under_one_mapping_are_read_by_the_one_given_now(line: CommandLine) -> None:
    line.json("ingest", table(line), "--mapping", mapping(line, "%d.%m.%Y"))
    assert len(line.json("quarantine", "list")) == 2
    renamed = mapping(line)
    renamed.write_text(renamed.read_text().replace('"own"', '"other"'))
    again = line.json("quarantine", "redrive", "--mapping", renamed)
    assert again == {"tried": 2, "stored": 2, "refused": 0, "erased": 0}
    assert patients(line) == 2
    assert line.json("quarantine", "list") == []


def test_a_record_that_was_stored_is_not_driven_again(line: CommandLine) -> None:
    line.json("ingest", table(line))
    record = line.json("quarantine", "list")[0]["record"]
    line.json("quarantine", "redrive", "--mapping", mapping(line))
    line.run("quarantine", "redrive", record, expect=2)


def test_a_record_that_is_accepted_when_it_arrives_again_leaves_quarantine(line: CommandLine) -> None:
    line.json("ingest", table(line), "--mapping", mapping(line, "%d.%m.%Y"))
    line.json("ingest", table(line), "--mapping", mapping(line))
    assert line.json("quarantine", "list") == []
    known = line.json("search", "Patient?name=Quillfeather")["entry"][0]["resource"]["id"]
    line.json("erase", f"Patient/{known}", "--yes")
    assert line.json("verify", "Patient/bram-2")["verified"] is True


def test_of_a_refused_table_the_erased_patient_goes_and_the_others_are_stored(line: CommandLine) -> None:
    line.json("ingest", table(line))
    known = {"resourceType": "Patient", "id": "alda-1", "name": [{"family": "Renamed"}]}
    (line.folder / "alda.json").write_text(json.dumps(known))
    line.json("ingest", line.folder / "alda.json", "--source", "elsewhere")
    line.json("erase", "Patient/alda-1", "--source", "elsewhere", "--yes")
    (waiting,) = line.json("quarantine", "list")
    mark_erased(line)
    again = line.json("quarantine", "redrive", "--mapping", mapping(line))
    assert again == {"tried": 1, "stored": 1, "refused": 0, "erased": 0}
    assert "entry" not in line.json("search", "Patient?name=Quillfeather")
    assert patients(line) == 1
    line.run("quarantine", "show", waiting["record"], expect=2)
    assert line.json("verify", "Patient/bram-2")["verified"] is True
    assert line.json("audit", "verify")["verified"] is True


def mark_erased(line: CommandLine) -> None:
    """Erases alda-1 of the configured source by something that gives nothing of the refused table away."""
    with Platform(load(environment=line.environment)) as platform:
        name = platform.names.resource_id("default", "Patient", "alda-1")
        platform.store("identified").erase([name], lambda done: event(operation="erase", subjects=done.pseudonyms))
