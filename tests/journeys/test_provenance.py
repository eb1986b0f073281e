"""Every resource is named by the one Provenance of its source record, which a search finds."""

from pathlib import Path

import pytest

from careloom.fhir.validate import check
from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import write_feeds


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    line.json("ingest", *write_feeds(tmp_path / "feeds"))
    return line


def found(line: CommandLine, query: str) -> list[dict]:
    return [entry["resource"] for entry in line.json("search", query).get("entry", [])]


def test_a_resource_is_named_by_the_provenance_of_its_record(line: CommandLine) -> None:
    for observation in found(line, "Observation?"):
        name = f"Observation/{observation['id']}"
        (provenance,) = found(line, f"Provenance?target={name}")
        assert observation["meta"]["source"] == f"urn:careloom:record:{provenance['id']}"
        assert any(target["reference"].startswith(f"{name}/_history/") for target in provenance["target"])
        assert check(provenance) == []
        assert found(line, f"Provenance?_id={provenance['id']}") == [provenance]


def test_the_provenance_of_a_message_names_all_that_was_made_of_it(line: CommandLine) -> None:
    (observation,) = found(line, "Observation?code=http://loinc.org|2345-7&_count=1")
    (provenance,) = found(line, f"Provenance?target=Observation/{observation['id']}")
    kinds = {target["reference"].partition("/")[0] for target in provenance["target"]}
    assert {"Observation", "DiagnosticReport", "Patient"} <= kinds
    assert line.json("search", f"Provenance?_id={provenance['id']}&_summary=count")["total"] == 1


@pytest.mark.parametrize(
    "query", ["Provenance?_id=nothing", "Provenance?target=Observation/none", "Provenance?recorded=ge2090"]
)
def test_a_search_that_means_no_record_finds_none(line: CommandLine, query: str) -> None:
    assert found(line, query) == []
