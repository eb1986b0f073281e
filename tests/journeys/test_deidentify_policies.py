"""The research zone under one policy after another: what it holds is what the last one lets through."""

import json
from pathlib import Path

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


def test_a_policy_is_read_with_the_reason_of_each_entry(line: CommandLine) -> None:
    said = line.run("deidentify", "policies", "safe-harbor").stdout
    assert "small-zip3" in said or "20,000 people" in said
    assert {one["name"]: one["dates"] for one in line.json("deidentify", "policies")} == {
        "first": "shift", "safe-harbor": "year", "limited-data-set": "keep",
    }  # fmt: skip
    line.run("deidentify", "policies", "none", expect=2)
