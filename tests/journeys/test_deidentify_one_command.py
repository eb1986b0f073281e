"""One text and one resource on the command line: with a record, and where nothing is installed."""

import io
import json
from pathlib import Path

import pytest

from tests.api.kit import PATIENT
from tests.journeys.hospital import CommandLine

SAID = "Dr. Tamsin Marwick saw quillfeather on 2024-03-05. Lungs clear.\n"


def test_a_text_needs_nothing_installed_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / "note.txt").write_text(SAID)
    done = line.run("deidentify", "text", tmp_path / "note.txt", "--style", "tag")
    assert done.stdout.startswith("Dr. [NAME] saw ")
    assert done.stdout.endswith(" on [DATE]. Lungs clear.\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SAID.encode())))
    assert "Marwick" not in line.run("deidentify", "text", "--spans").stdout
    listed = line.run("deidentify", "text", tmp_path / "note.txt", "--spans", "--style", "mask").stdout
    assert "Found by safe-harbor" in listed
    (tmp_path / "patient.json").write_text(json.dumps(PATIENT))
    resource = line.json("deidentify", "resource", tmp_path / "patient.json", "--policy", "safe-harbor")
    assert (resource["resource"]["birthDate"], "name" in resource["resource"]) == ("1961", False)
    assert json.loads(line.run("deidentify", "resource", tmp_path / "patient.json").stdout)["resourceType"] == "Patient"
    assert not line.data.exists()


def test_the_record_of_a_patient_is_used_where_it_is_named(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / "feed.ndjson").write_text(json.dumps(PATIENT) + "\n")
    (tmp_path / "note.txt").write_text(SAID)
    line.run("ingest", tmp_path / "feed.ndjson")
    patient = line.json("search", "Patient")["entry"][0]["resource"]["id"]
    told = line.json("deidentify", "text", tmp_path / "note.txt", "--patient", patient, "--project", "research")
    assert "quillfeather" not in told["text"].lower()
    assert (told["project"], told["epoch"]) == ("research", 1)
    assert "deidentify-one" in json.dumps(line.json("audit", "report"))


BAD = [
    (b"\xff", ("text",), 2),
    (b"[]", ("resource",), 2),
    (b"{", ("resource",), 2),
    (b'{"resourceType": "Quillfeather"}', ("resource",), 2),
    (b"x", ("text", "--patient", "p"), 2),
    (b"x", ("text", "--policy", "first"), 2),
    (b"x", ("text", "--policy", "none"), 2),
    (b'{"resourceType": "Basic", "id": "b", "code": {"text": "x"}}', ("resource",), 7),
]


def test_what_cannot_be_done_is_refused_without_a_value(tmp_path: Path) -> None:
    line, file = CommandLine(tmp_path), tmp_path / "given"
    for content, (command, *options), code in BAD:
        file.write_bytes(content)
        done = line.run("deidentify", command, file, *options, expect=code)
        assert "Quillfeather" not in done.stdout + done.stderr
    line.run("deidentify", "text", tmp_path / "nowhere", expect=2)
    line.run("deidentify", "--policy", "safe-harbor", "text", file, expect=2)
