"""The same bytes again: nothing changes, unless the operator asks for another reading."""

from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_naming_another_format_reads_a_known_file_again(line: CommandLine) -> None:
    note = line.folder / "note.txt"
    note.write_text("alpha,beta,gamma\n1,x,3\n2,x,4\n")
    (first,) = line.json("ingest", note)["files"]
    assert (first["format"], first["quarantined"]) == ("csv", 1)
    (second,) = line.json("ingest", note, "--format", "notes")["files"]
    assert (second["format"], second["state"]) == ("notes", "complete")
    (third,) = line.json("ingest", note, "--format", "notes")["files"]
    assert third["state"] == "unchanged"
