"""The research zone under one policy after another: what it holds is what the last one lets through."""

from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import write_feeds


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
    assert line.json("deidentify", "--policy", "safe-harbor")["policy"] == "safe-harbor"
    assert lengths(line) == {4}
    assert line.json("deidentify")["policy"] == "first"
    assert 4 not in lengths(line)
    assert lengths(line)


def test_a_policy_that_does_not_ship_is_refused_by_name(line: CommandLine) -> None:
    ended = line.run("deidentify", "--policy", "safe-harbour", expect=5)
    assert "first, safe-harbor, limited-data-set" in ended.stdout + ended.stderr
