"""From a simulated hospital to whole patients of nobody, by the command line: fitted, drawn, judged, kept in."""

from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine
from tests.later import has

pytestmark = [pytest.mark.long, pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")]


def test_whole_patients_by_the_command_line(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    line.run("simulate", "hospital", "--patients", "20", "--feeds", "fhir", "--no-notes")
    line.run("synthesize", "ledger", "budget", "research", "--epsilon", "3")
    fit = ("synthesize", "records", "fit", "--folder", "hospital/feeds/site-1", "--option", "epochs=1")
    model = line.json(*fit, "--option", "width=16", "--option", "layers=1", "--option", "longest=200")["model"]
    drawn = line.json("synthesize", "records", "sample", model, "--patients", "6", "--where", "sex=female")["sample"]
    line.run("synthesize", "judge", drawn, expect=2)
    assert "records judge" in line.run("synthesize", "release", drawn, "women", expect=4).stderr
    shown = line.run("synthesize", "records", "judge", drawn, "--kind", "records").stdout
    assert "codes_together" in shown
    assert "privacy is missing" in shown
    assert "courses_excess" in line.run("synthesize", "show", drawn).stdout
    assert "membership_area" in line.run("synthesize", "release", drawn, "women", expect=4).stderr
    assert line.json("synthesize", "list", "--releases") == []
    line.run("synthesize", "discard", model)
