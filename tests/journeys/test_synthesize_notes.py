"""Notes and patients of nobody by the command line: fitted, written, drawn together, judged, and kept in."""

from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine
from tests.later import has
from tests.notes_kit import TINY, folder_of
from tests.unit.services.test_synthesize_records import folder_of as records_of

pytestmark = [pytest.mark.long, pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")]


def test_patients_with_notes_by_the_command_line(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    folder_of(tmp_path / "hospital", 40)
    records_of(tmp_path / "fhir", 40)
    line.run("synthesize", "ledger", "budget", "research", "--epsilon", "3")
    options = [f"--option={name}={value}" for name, value in TINY.items()]
    notes = line.json("synthesize", "notes", "fit", "--folder", "hospital", *options)["model"]
    small = ("--option=epochs=1", "--option=width=16", "--option=layers=1", "--option=longest=80", "--option=least=2")
    records = line.json("synthesize", "records", "fit", "--folder", "fhir", *small, "--option=heads=2")["model"]
    refused = line.run("synthesize", "patients", records, notes, "out", "--patients", "3", expect=4)
    assert "longest" in refused.stderr or "epsilon" in refused.stderr
    assert not (tmp_path / "out").exists()
    states = {one["state"] for one in line.json("synthesize", "list", "--samples")}
    assert states == {"refused", "discarded"}
    (drawn,) = [one for one in line.json("synthesize", "list", "--samples") if one["state"] == "refused"]
    assert "export" in line.run("synthesize", "--help").stdout
    line.run("synthesize", "export", drawn["sample"], "out", expect=2)
    assert not (tmp_path / "out").exists()
