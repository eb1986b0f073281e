"""The research zone under one policy after another: what it holds is what the last one lets through."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import ALDA, BRAM, secrets, write_feeds


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    made.run("ingest", *write_feeds(tmp_path / "feeds"))
    return made


def lengths(line: CommandLine) -> set[int]:
    """How long the dates of the research zone's encounters and observations are written."""
    found = line.json("search", "Observation", "--zone", "research")["entry"]
    return {len(entry["resource"]["effectiveDateTime"]) for entry in found if "effectiveDateTime" in entry["resource"]}


def test_the_zone_follows_the_policy_of_the_last_run(line: CommandLine) -> None:
    assert line.json("deidentify", "--policy", "safe-harbor")["policy"]["name"] == "safe-harbor"
    assert lengths(line) == {4}
    assert line.json("deidentify")["policy"]["name"] == "first"
    assert line.json("store", "check")["consistent"]
    assert 4 not in lengths(line)
    assert lengths(line)


def test_the_report_counts_is_signed_and_tells_no_value(line: CommandLine) -> None:
    said = line.run("deidentify", "--policy", "safe-harbor").stdout
    assert "The signed report" in said
    (place,) = (line.data / "research" / "reports").glob("*.json")
    signed = json.loads(place.read_text())
    report, page = signed["report"], place.with_suffix(".html").read_text()
    assert sum(one["read"] for one in report["types"]) == sum(one["kept"] + one["held_back"] for one in report["types"])
    assert report["removed"]["A"] >= 2
    assert report["risk"]["patients"] == next(one["kept"] for one in report["types"] if one["type"] == "Patient")
    assert not [secret for secret in secrets(ALDA) + secrets(BRAM) if secret in place.read_bytes() + page.encode()]
    assert report["policy"]["digest"] in page
    assert line.json("audit", "signature", place)["signed"] is True
    place.write_text(place.read_text().replace('"A": ', '"A": 1', 1))
    assert line.json("audit", "signature", place, expect=6)["signed"] is False
    place.write_text("{}")
    line.run("audit", "signature", place, expect=2)


def test_a_policy_that_does_not_ship_is_refused_by_name(line: CommandLine) -> None:
    ended = line.run("deidentify", "--policy", "safe-harbour", expect=5)
    assert "first, safe-harbor, limited-data-set" in ended.stdout + ended.stderr


def test_a_queued_run_is_listed_waits_and_is_told_when_it_is_done(line: CommandLine) -> None:
    assert line.json("deidentify", "reports")["items"] == []
    run_id = line.json("deidentify", "--policy", "safe-harbor", "--queue")["id"]
    (waiting,) = line.json("deidentify", "reports")["items"]
    assert (waiting["id"], waiting["state"], waiting["policy"]) == (run_id, "waiting", "safe-harbor")
    line.run("worker", "--once")
    told = line.json("deidentify", "reports", run_id)
    assert (told["state"], told["signed"]) == ("done", True)
    said = line.run("deidentify", "reports", run_id).stdout
    assert "electronic mail addresses" in said or "names" in said
    assert not [secret for secret in secrets(ALDA) + secrets(BRAM) if secret in said.encode()]
    line.run("deidentify", "reports", "20261122T010203Z-abc234", expect=2)
    cancelled = line.json("deidentify", "--queue")["id"]
    line.run("jobs", "cancel", cancelled)
    assert "two policies" in " ".join(line.run("deidentify", "reports", cancelled).stdout.split())


def test_a_policy_is_read_with_the_reason_of_each_entry(line: CommandLine) -> None:
    said = line.run("deidentify", "policies", "safe-harbor").stdout
    assert "small-zip3" in said or "20,000 people" in said
    assert {one["name"]: one["dates"] for one in line.json("deidentify", "policies")} == {
        "first": "shift", "safe-harbor": "year", "limited-data-set": "keep", "expert": "shift",
        "gdpr-pseudonymisation": "shift",
    }  # fmt: skip
    line.run("deidentify", "policies", "none", expect=2)


def test_a_policy_is_looked_at_before_it_is_used(line: CommandLine, tmp_path: Path) -> None:
    told = line.json("deidentify", "lint", "safe-harbor", "--data")
    assert told["usable"]
    assert {one["level"] for one in told["findings"]} == {"note"}
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nversion = "1"\nextends = "first"\n[structure.Konditon]\nkeep."code" = "x"\n')
    assert "Konditon" in line.run("deidentify", "lint", own, expect=5).stdout
    assert line.json("deidentify", "lint", own, expect=5)["findings"][0]["code"] == "unknown-structure"
    line.run("deidentify", "--policy", own, expect=5)
    own.write_text('name = "own"\nversion = "1"\nextends = "first"\nmoments = "year"\n')
    report = line.json("deidentify", "--policy", own)
    assert report["policy"]["digest"] == line.json("deidentify", "lint", own)["digest"]
    assert lengths(line) == {4}
    line.run("deidentify", "--policy", own, "--queue", expect=5)
    own.write_text("not toml")
    line.run("deidentify", "lint", own, expect=2)
    line.run("deidentify", "lint", "none", expect=2)


NOTES = ("Quillfeather", "Odalys", "00471199", "617-555-0142", "quill@mail.example", "12 Elm Street")


def record() -> list[dict[str, Any]]:
    """One patient with a note that says all that is known, and one with a number that is a code."""
    text = (
        f"Mrs. {NOTES[1]} {NOTES[0]} (MRN {NOTES[2]}, born 04/03/1961) of {NOTES[5]} called from {NOTES[3]}, "
        f"mails to {NOTES[4]}. Hypertension since 2014; metformin 500 mg."
    )
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": NOTES[0], "given": [NOTES[1]]}],
        "identifier": [{"value": NOTES[2]}],
        "telecom": [{"system": "phone", "value": NOTES[3]}, {"system": "email", "value": NOTES[4]}],
        "address": [{"line": [NOTES[5]], "state": "MA", "postalCode": "01970"}],
        "birthDate": "1961-04-03",
    }
    note = {
        "resourceType": "DocumentReference",
        "id": "n",
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "date": "2024-03-05T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": b64(text)}}],
    }
    return [patient, note]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def ingested(tmp_path: Path, resources: list[dict[str, Any]]) -> CommandLine:
    made = CommandLine(tmp_path)
    feed = tmp_path / "feed.ndjson"
    feed.write_text("\n".join(map(json.dumps, resources)))
    made.run("ingest", feed)
    return made


@pytest.mark.parametrize("policy", ["safe-harbor", "gdpr-pseudonymisation"])
def test_a_note_passes_without_anything_that_the_record_knows(tmp_path: Path, policy: str) -> None:
    line = ingested(tmp_path, record())
    report = line.json("deidentify", "--policy", policy)
    assert {one["type"]: one["kept"] for one in report["types"]} == {"Patient": 1, "DocumentReference": 1}
    (found,) = line.json("search", "DocumentReference", "--zone", "research")["entry"]
    (content,) = found["resource"]["content"]
    text = base64.b64decode(content["attachment"]["data"]).decode()
    assert content["attachment"]["contentType"] == "text/plain; charset=utf-8"
    assert not [known for known in (*NOTES, "04/03/1961") if known.lower() in text.lower()]
    assert "Hypertension since" in text
    assert "metformin 500 mg" in text
    assert ("[NAME]" in text) == (policy == "safe-harbor")
    assert all(report["removed"][letter] for letter in "ABCDFH")
    assert (report["recall"]["notes"], report["recall"]["planted"]) == (1, 15)
    assert report["recall"]["low"] < report["recall"]["recall"] <= report["recall"]["high"]
    (page,) = (line.data / "research" / "reports").glob("*.html")
    assert "Recall in texts, measured" in page.read_text()


def test_a_resource_that_would_show_an_identifier_is_held_back(tmp_path: Path) -> None:
    """The number of this patient is also a code of SNOMED CT: nobody can tell which of the two was meant."""
    patient, _ = record()
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]},
    }
    line = ingested(tmp_path, [patient | {"identifier": [{"value": "38341003"}]}, condition])
    report = line.json("deidentify")
    assert report["issues"]["deid.leak"] == 1
    assert {one["type"]: one["held_back"] for one in report["types"]} == {"Patient": 0, "Condition": 1}
