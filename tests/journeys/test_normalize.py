"""What came stays, what was made is told, and every fact still leads to its bytes."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.journeys.hospital import CommandLine

PATIENT = {
    "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1961-04-05",
    "name": [{"family": "Quillfeather", "given": ["Oda"]}],
    "address": [{"line": ["1 Elm St"], "state": "Massachusetts", "postalCode": "02139"}],
}  # fmt: skip


def glucose(name: str, value: float, unit: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "effectiveDateTime": "2026-01-02T03:04:05Z", "valueQuantity": {"value": value, "unit": unit},
    }  # fmt: skip


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    lines = [PATIENT, glucose("g1", 5.5, "mmol/l"), glucose("g2", 99, "mg/dL"), glucose("g3", 99, "furlongs")]
    (tmp_path / "feed.ndjson").write_text("".join(json.dumps(one) + "\n" for one in lines))
    made.run("ingest", "feed.ndjson", "--source", "north")
    return made


def values(line: CommandLine) -> set[tuple[float, str]]:
    page = line.json("search", "Observation?code=http://loinc.org|2345-7")
    quantities = [entry["resource"]["valueQuantity"] for entry in page["entry"]]
    return {(one["value"], one.get("code", one["unit"])) for one in quantities}


def test_a_rehearsal_tells_and_changes_nothing(line: CommandLine) -> None:
    before = line.json("store", "check")["content_hash"]
    told = line.json("normalize", "--rehearse")
    assert (told["read"], told["changed"]) == (4, 3)
    assert told["changes"] == {"normalize.unit-coded": 2, "normalize.unit-converted": 1, "normalize.state-code": 1}
    assert told["warnings"] == {"normalize.unit-unknown": 1}
    assert line.json("store", "check")["content_hash"] == before


def test_what_is_made_is_a_new_version_on_the_same_bytes_with_a_provenance(line: CommandLine) -> None:
    told = line.json("normalize")
    assert (told["read"], told["changed"], told["refused"]) == (4, 3, 0)
    assert values(line) == {(99.1, "mg/dL"), (99, "mg/dL"), (99, "furlongs")}
    (example,) = told["examples"]["normalize.unit-converted"]
    assert example["place"] == "Observation.valueQuantity"
    proof = line.json("verify", example["resource"])
    assert proof["verified"]
    page = line.json("search", f"Provenance?target={example['resource']}")
    (made,) = [
        entry["resource"] for entry in page["entry"] if entry["resource"].get("activity", {}).get("text") == "normalize"
    ]
    assert f"{example['resource']}/_history/2" in {one["reference"] for one in made["target"]}
    assert f"{example['resource']}/_history/1" in {one["what"]["reference"] for one in made["entity"]}
    assert "normalize.unit-converted" in {one["text"] for one in made["reason"]}
    again = line.json("normalize")
    assert (again["read"], again["changed"], again["changes"]) == (4, 0, {})
    assert line.json("audit", "verify")["verified"]
    assert "Quillfeather" not in line.run("normalize").stdout


def test_an_erased_patient_takes_the_normalized_versions_along(line: CommandLine) -> None:
    line.run("normalize")
    line.run("erase", "Patient/p1", "--source", "north", "--yes")
    assert line.json("search", "Provenance?_summary=count")["total"] == 0
    assert line.json("store", "check")["resources"] == 0


def test_a_policy_of_ones_own_decides(line: CommandLine) -> None:
    (line.folder / "ours.toml").write_text("[units]\nto_ucum = true\n")
    assert line.json("normalize", "--policy", "ours.toml")["changes"] == {"normalize.unit-coded": 2}
    (line.folder / "wrong.toml").write_text("[unit]\n")
    line.run("normalize", "--policy", "wrong.toml", expect=5)


def test_a_loaded_map_adds_the_code_that_is_equivalent(line: CommandLine) -> None:
    local, group = "urn:oid:1.2.3.4", {"source": "urn:oid:1.2.3.4", "target": "http://loinc.org"}
    elements = [
        {"code": "GLU", "target": [{"code": "2345-7", "equivalence": "equivalent"}]},
        {"code": "BLOOD", "target": [{"code": "58410-2", "equivalence": "wider"}]},
    ]
    bridge = {"resourceType": "ConceptMap", "url": "urn:map", "version": "1", "group": [{**group, "element": elements}]}
    (line.folder / "map.json").write_text(json.dumps(bridge))
    (line.folder / "ours.toml").write_text(f'[codes]\ntranslate = [["{local}", "http://loinc.org"]]\n')
    sent = [
        glucose(name, 99, "mg/dL") | {"code": {"coding": [{"system": local, "code": name}]}}
        for name in ("GLU", "BLOOD")
    ]
    (line.folder / "local.ndjson").write_text("".join(json.dumps(one) + "\n" for one in sent))
    line.run("ingest", "local.ndjson", "--source", "north")
    line.run("terminology", "load", "map.json")
    assert line.json("normalize", "--policy", "ours.toml")["changes"] == {"normalize.code-translated": 1}
    (entry,) = line.json("search", f"Observation?code={local}|GLU")["entry"]
    assert [one["code"] for one in entry["resource"]["code"]["coding"]] == ["GLU", "2345-7"]


def test_a_research_table_becomes_numbers_by_a_codebook_that_later_data_uses(line: CommandLine) -> None:
    line.run("normalize")
    line.run("deidentify")
    words = ("encode", "observations", "--codebook", "book.json", "--smallest", "1", "--out")
    assert line.json(*words, "first.parquet") == {"table": "silver/observations", "rows": 3, "columns": 18, "new": True}
    assert line.json(*words, "second.csv")["new"] is False
    first, second = pl.read_parquet(line.folder / "first.parquet"), pl.read_csv(line.folder / "second.csv")
    assert first["code"].to_list() == second["code"].to_list() == [1, 1, 1]
    assert set(first["unit"].to_list()) == {1, -1}
    line.run(*words, "first.parquet", expect=4)
    line.run("encode", "nothing", "--codebook", "b.json", "--out", "x.csv", expect=2)
    for text in ("no codebook", "", "\n"):
        (line.folder / "book.json").write_text(text)
        assert "is no codebook" in line.run(*words, "third.csv", expect=2).stderr
        assert (line.folder / "book.json").read_text() == text
    assert not (line.folder / "third.csv").exists()


def test_before_there_is_a_research_zone_encode_says_how_to_make_it(line: CommandLine) -> None:
    words = ("encode", "observations", "--codebook", "book.json", "--out", "first.parquet")
    assert "careloom deidentify" in line.run(*words, expect=2).stderr
