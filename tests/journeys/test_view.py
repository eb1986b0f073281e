"""From feeds to a table: ingest, de-identify, view the research zone into a file."""

from pathlib import Path

import polars as pl

from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import ALDA, BRAM, secrets, write_feeds


def test_the_research_zone_becomes_a_table_that_tells_nobody(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    line.run("ingest", *write_feeds(tmp_path / "feeds"))
    line.run("deidentify", "--policy", "safe-harbor")
    out = tmp_path / "observations.parquet"
    report = line.json("view", "observation", "--out", out)
    table = pl.read_parquet(out)
    assert report["rows"] == table.height > 0
    assert report["refused"] == 0
    assert table["patient_key"].null_count() == 0
    assert not [secret for secret in secrets(ALDA) + secrets(BRAM) if secret in out.read_bytes()]
    line.run("view", "observation", "--out", out, expect=4)
    line.run("view", "patient", "--zone", "identified", "--out", tmp_path / "patients.csv", expect=2)
    assert line.json("audit", "verify")
    assert line.json("view", "patient", "--limit", "1")["shown"][0]["key"].startswith("Patient/")
