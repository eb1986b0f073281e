"""Data quality at the terminal: what a person reads, what a pipeline is told."""

import csv
import json
from pathlib import Path

import pytest

from tests.api.kit import OBSERVATION, PATIENT
from tests.journeys.hospital import CommandLine


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    made = CommandLine(tmp_path_factory.mktemp("quality"))
    late = {**OBSERVATION, "id": "late", "effectiveDateTime": "2131-01-01"}
    (made.folder / "feed.ndjson").write_text("".join(json.dumps(one) + "\n" for one in (PATIENT, OBSERVATION, late)))
    made.run("ingest", "feed.ndjson", "--source", "north")
    return made


def test_a_score_below_what_was_asked_is_told_from_a_wrong_option(line: CommandLine) -> None:
    assert "below 100" in line.run("quality", "--fail-under", "100", expect=7).stdout
    assert line.json("quality", "--fail-under", "100", expect=7)["score"] < 100
    line.run("quality", "--fail-under", "1")
    line.run("quality", "--fail-under", "101", expect=2)
    line.run("quality", "--zone", "nowhere", expect=2)
    line.run("quality", "--source", "", expect=2)
    line.run("quality", "show", "no-duplicates", "--source", "", expect=2)


def test_the_elements_that_are_least_often_there_are_shown(line: CommandLine) -> None:
    said = line.run("quality").stdout
    table = said[said.index("Least often there") : said.index("all of them: --completeness")]
    shares = [float(row.split()[-1]) for row in table.splitlines() if " north " in row]
    assert 0 < len(shares) <= 10
    assert shares == sorted(shares)
    assert max(shares) < 100


def test_every_element_is_shown_and_written_on_demand(line: CommandLine) -> None:
    said = line.run("quality", "--completeness", "--completeness-csv", "fields.csv").stdout
    assert "Patient.birthDate" in said
    assert "--completeness" not in said
    with Path(line.folder / "fields.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {one["source"] for one in lines} == {"north"}
    assert [one["percent"] for one in lines if (one["type"], one["field"]) == ("Patient", "birthDate")] == ["100.0"]
    again = line.run("quality", "report", "--completeness", "--findings-csv", "findings.csv").stdout
    with Path(line.folder / "findings.csv").open(newline="") as file:
        found = {one["rule"]: one for one in csv.DictReader(file)}
    assert found["not-in-the-future"]["where"].startswith("north, Observation")
    assert found["not-in-the-future"]["examples"].startswith("Observation/")
    assert all(f"{one['type']}.{one['field']}" in again for one in lines)
