"""A data steward at the command line: run, look, decide, undo; what it says names nobody unless asked to."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.hospital import CommandLine

Json = dict[str, Any]


def person(name: str, given: str, **other: Any) -> Json:
    return {"resourceType": "Patient", "id": name, "name": [{"family": "Quillfeather", "given": [given]}],
            "birthDate": "1961-04-05", "gender": "female", **other}  # fmt: skip


def pulse(name: str, patient: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-01-02T03:04:05Z",
        "valueQuantity": {"value": 71, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    feed = [person("a1", "Wilhelmina"), person("a2", "Mina"), pulse("o1", "a1"), pulse("o2", "a2")]
    (made.folder / "feed.ndjson").write_text("\n".join(map(json.dumps, feed)) + "\n")
    made.run("ingest", made.folder / "feed.ndjson")
    return made


def test_from_the_first_run_to_the_golden_record(line: CommandLine) -> None:
    assert line.json("linkage", "run")["pairs"] == {"review": 0, "linked": 1, "rejected": 0}
    (pair,) = line.json("linkage", "list", "--state", "linked")["items"]
    told = line.run("linkage", "list", "--state", "all").stdout + line.run("linkage", "run").stdout
    assert "Quillfeather" not in told
    assert pair["pair"] in told
    shown = line.run("linkage", "show", pair["pair"]).stdout
    for words in ("Quillfeather", "Mina", "one given name may stand for the other"):
        assert words in shown.replace("\n", " ") or words.split()[0] in shown
    assert line.json("linkage", "undo", pair["pair"])["state"] == "review"
    assert line.json("linkage", "accept", pair["pair"], "--reason", "seen both")["state"] == "linked"
    assert "seen both" in line.run("linkage", "show", pair["pair"]).stdout
    line.run("linkage", "accept", pair["pair"], expect=4)
    assert line.json("linkage", "reject", pair["pair"])["history"][-1]["after"] == "rejected"
    line.run("linkage", "undo", pair["pair"])
    assert len(line.json("linkage", "golden", pair["patients"][0])["records"]) == 2
    assert "Quillfeather" in line.run("linkage", "golden", pair["patients"][1]).stdout
    found = line.json("linkage", "duplicates")
    assert [(group["kind"], len(group["members"])) for group in found["groups"]] == [("content", 2)]
    assert "There twice" in line.run("linkage", "duplicates").stdout


def test_a_queued_run_is_done_by_the_worker(line: CommandLine) -> None:
    job = line.json("linkage", "run", "--queue", "--full")
    line.run("worker", "--once")
    assert line.json("jobs", "show", job["id"])["result"]["pairs"]["linked"] == 1


def test_a_pair_that_is_not_there_is_the_callers_fault(line: CommandLine) -> None:
    line.run("linkage", "show", "x" * 26, expect=2)
    line.run("linkage", "golden", "Patient/nobody", expect=2)
