"""What a person reads on a terminal of 80 columns, and how commands end that nobody waits for."""

import subprocess
from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import write_feeds


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    made.environment["COLUMNS"] = "80"
    return made


def test_headers_and_ids_are_whole_on_80_columns(line: CommandLine, tmp_path: Path) -> None:
    shown = line.run("ingest", *write_feeds(tmp_path / "feeds")).stdout
    assert all(word in shown for word in ("quarantined", "resources", "landing", "before"))
    assert max(map(len, shown.splitlines())) <= 80
    found = line.json("search", "Patient")["entry"][0]["resource"]["id"]
    assert f"Patient/{found} " in line.run("search", "Patient").stdout


def test_the_quarantine_is_named_only_when_something_is_in_it(line: CommandLine, tmp_path: Path) -> None:
    feeds = write_feeds(tmp_path / "feeds")
    assert "careloom quarantine list" not in line.run("ingest", *feeds).stdout
    broken = tmp_path / "broken.json"
    broken.write_text('{"resourceType": "Patient", "id": ', "utf-8")
    assert "Refused records: careloom quarantine list" in line.run("ingest", broken).stdout
    first, second = line.run("quarantine", "list").stdout.splitlines()[:2]
    entry = line.json("quarantine", "list")[0]
    assert first.startswith(f"{entry['record']}  {entry['reason']}  ")
    assert second.strip()[0].isupper()


def test_erasure_without_an_answer_erases_nothing_and_is_nobodys_defect(line: CommandLine, tmp_path: Path) -> None:
    line.run("ingest", *write_feeds(tmp_path / "feeds"))
    before = line.json("search", "Patient?_summary=count")["total"]
    patient = line.json("search", "Patient")["entry"][0]["resource"]["id"]
    for answer in (b"", b"n\n"):
        ended = subprocess.run(
            line.arguments("erase", f"Patient/{patient}"), env=line.environment, cwd=line.folder, input=answer,
            capture_output=True, timeout=300, check=False,
        )  # fmt: skip
        assert (ended.returncode, b"Nothing was erased." in ended.stdout) == (130, True)
    assert line.json("search", "Patient?_summary=count")["total"] == before


@pytest.mark.parametrize("option", [(), ("--json",)], ids=["table", "json"])
def test_a_reader_that_has_enough_is_no_failure(line: CommandLine, option: tuple[str, ...]) -> None:
    with subprocess.Popen(
        line.arguments("audit", "report", *option), env=line.environment, cwd=line.folder, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert (running.stderr.read(), running.wait(60)) == (b"", 0)
