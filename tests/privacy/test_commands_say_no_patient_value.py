"""Planted names, numbers and dates never reach what the commands print, log or write beside the sealed store."""

import json
from itertools import chain
from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import PATIENTS, secrets, write_feeds


def test_no_planted_value_in_output_logs_manifests_or_files(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    line.environment["CARELOOM__LOGS__LEVEL"] = "debug"
    feeds = tmp_path / "feeds"
    files = write_feeds(feeds)
    files[1].write_text(files[1].read_text().replace('"final"', '"finished"'))
    renamed = feeds / f"{PATIENTS[0]['family']}.ndjson"
    files[1].rename(renamed)
    spoken = [line.run("ingest", feeds), line.run("ingest", feeds, "--json")]
    spoken += [line.run("quarantine", "list"), line.run("audit", "report"), line.run("audit", "verify")]
    spoken.append(line.run("search", f"Patient?nme={PATIENTS[0]['family']}", expect=2))
    spoken += [line.run("quality"), line.run("quality", "--json"), line.run("quality", "runs", "--json")]
    report = tmp_path / "report.html"
    tables = {f"--{name}csv": tmp_path / f"{name}report.csv" for name in ("", "findings-", "completeness-")}
    spoken += [line.run("quality", "report", "--html", report, *chain.from_iterable(tables.items()))]
    spoken += [
        line.run("quality", "show", "patient-identified"),
        line.run("quality", "show", "reference-resolves", "--json"),
    ]
    words = [word for who in PATIENTS for word in secrets(who)]
    exported = "".join(file.read_text() for file in (report, *tables.values()))
    assert [word for word in words if word.decode() in exported] == []
    out = b"".join((done.stdout + done.stderr).encode() for done in spoken)
    assert [word for word in words if word in out] == []
    kept = [path for path in line.data.rglob("*") if path.is_file()]
    assert [(path, word) for path in kept for word in words if word in path.read_bytes()] == []
    assert json.loads(line.run("store", "check", "--json").stdout)["consistent"]


def test_a_type_that_is_none_is_told_in_no_place(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / "odd.json").write_text('{"resourceType": "Quillfeather", "id": "#!"}')
    line.json("ingest", tmp_path / "odd.json")
    assert "Quillfeather" not in line.run("quarantine", "list", "--json").stdout
    assert [path for path in line.data.rglob("*") if path.is_file() and b"Quillfeather" in path.read_bytes()] == []


def test_a_defect_is_told_without_the_words_of_the_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("Quillfeather")

    monkeypatch.setattr("careloom.services.search.parse_search", broken)
    done = CommandLine(tmp_path).run("search", "Patient?name=Quillfeather", expect=1)
    assert "KeyError" in done.stderr
    assert "[internal]" in done.stderr
    assert "Quillfeather" not in done.stdout + done.stderr
