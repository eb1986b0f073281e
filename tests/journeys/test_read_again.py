"""The same bytes again: nothing changes, unless the operator asks for another reading."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from careloom.services import ingest
from tests.journeys.feeds import write_many
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


def accounted(report: dict[str, Any]) -> list[tuple[str, int]]:
    """State and records of each file; every record is one of the five things that can become of it."""
    for file in report["files"]:
        fates = ("known", "stored", "kept", "quarantined", "erased")
        assert file["records"] == sum(file[fate] for fate in fates), file
    return [(file["state"], file["records"]) for file in report["files"]]


def test_packed_split_doubled_or_renamed_nothing_changes(line: CommandLine) -> None:
    write_many(line.folder / "feeds", 300)
    accounted(line.json("ingest", line.folder / "feeds"))
    before = line.json("store", "check")
    packed, split = line.folder / "packed", line.folder / "split"
    packed.mkdir()
    split.mkdir()
    for file in (line.folder / "feeds").iterdir():
        (packed / f"renamed-{file.stem}").write_bytes(gzip.compress(file.read_bytes()))
    rows = (line.folder / "feeds" / "export.ndjson").read_bytes().splitlines(keepends=True)
    for first in range(0, len(rows), 70):
        (split / f"part-{first}.txt").write_bytes(b"".join(rows[first : first + 70]))
    accounted(line.json("ingest", packed, split, split))
    assert {state for state, _ in accounted(line.json("ingest", line.folder / "feeds", packed))} == {"unchanged"}
    after = line.json("store", "check")
    assert after["consistent"]
    assert after["content_hash"] == before["content_hash"]


def test_an_interrupted_run_accounts_for_every_record_when_it_goes_on(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_many(line.folder / "feeds", 300)
    line.environment["CARELOOM__INGEST__BATCH_RECORDS"] = "30"
    commit, commits = ingest.commit, 0

    def stopped(*arguments: Any) -> list[int]:
        nonlocal commits
        commits += 1
        if commits > 5:
            raise KeyboardInterrupt
        return commit(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "commit", stopped)
        line.run("ingest", line.folder / "feeds", expect=130)
    report = line.json("ingest", line.folder / "feeds")
    assert accounted(report) == [("complete", 300), ("complete", 30)]
    assert report["files"][0]["known"] == 150
    assert line.json("store", "check")["consistent"]
