"""Keys rotate, processes multiply, jobs run later: what is stored stays the same."""

import json
from pathlib import Path

import pytest

from careloom.logs import KEPT_SUFFIX
from tests.journeys.feeds import write_many
from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import write_feeds


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def content(line: CommandLine) -> tuple[str, int]:
    checked = line.json("store", "check")
    assert checked["consistent"], checked["problems"]
    return checked["content_hash"], checked["resources"]


def test_keys_rotate_and_everything_still_opens(line: CommandLine, tmp_path: Path) -> None:
    line.json("ingest", *write_feeds(tmp_path / "feeds"))
    before = content(line)
    first = line.json("store", "rotate-keys")
    assert first["wrapped"] >= 3
    assert content(line) == before
    assert line.json("store", "rotate-keys")["kek"] != first["kek"]
    assert line.json("audit", "verify")["verified"]


def test_health_and_the_log_are_told_on_the_command_line(line: CommandLine) -> None:
    line.json("ingest", *write_feeds(line.folder / "feeds"))
    found = line.json("health")
    assert found["state"] == "ok"
    assert {one["name"]: one["state"] for one in found["dependencies"]}["store-identified"] == "ok"
    (line.data / "logs").mkdir()
    told = [
        {"time": f"2026-11-22T10:00:0{number}+00:00", "level": level, "logger": "careloom.x", "event": f"e{number}"}
        for number, level in enumerate(("info", "warning", "error"))
    ]
    kept = "".join(json.dumps(one | {"error_code": "setup"}) + "\n" for one in told)
    (line.data / "logs" / f"2026-11-22{KEPT_SUFFIX}").write_text(kept)
    assert [one["event"] for one in line.json("logs", "--level", "warning")] == ["e1", "e2"]
    assert [one["event"] for one in line.json("logs", "--limit", "1", "--code", "setup")] == ["e2"]
    assert [one["event"] for one in line.json("logs", "--until", "2026-11-22T10:00:01Z")] == ["e0"]
    line.run("logs", "--since", "yesterday", expect=2)


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    write_many(tmp_path / "feeds", 1500)
    found = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        line = CommandLine(folder)
        if found:
            (line.data / "keys").parent.mkdir(parents=True)
            import shutil

            shutil.copytree(tmp_path / "1" / "data" / "keys", line.data / "keys")
        line.environment["CARELOOM__INGEST__BATCH_RECORDS"] = "250"
        line.run_apart("ingest", tmp_path / "feeds", "--processes", str(number), "--json")
        found.append(content(line))
    assert found[0] == found[1]


def test_a_queued_ingestion_runs_when_a_worker_comes(line: CommandLine, tmp_path: Path) -> None:
    job = line.json("ingest", *write_feeds(tmp_path / "feeds"), "--queue")
    assert job["state"] == "waiting"
    assert b"feeds" not in b"".join(path.read_bytes() for path in (line.data / "jobs").rglob("*") if path.is_file())
    line.run("worker", "--once")
    shown = line.json("jobs", "show", job["job_id"])
    assert (shown["state"], shown["result"]["records"], shown["error"]) == ("done", 9, "")
    assert content(line)[1] > 0


def test_a_cancelled_job_does_not_run_until_it_is_restarted(line: CommandLine, tmp_path: Path) -> None:
    job = line.json("ingest", *write_feeds(tmp_path / "feeds"), "--queue")["job_id"]
    line.run("jobs", "cancel", job)
    line.run("worker", "--once")
    assert line.json("jobs", "show", job)["state"] == "cancelled"
    line.run("jobs", "restart", job)
    line.run("worker", "--once")
    assert line.json("jobs", "list")[0]["state"] == "done"


def test_a_job_is_followed_to_its_end(line: CommandLine, tmp_path: Path) -> None:
    job = line.json("ingest", *write_feeds(tmp_path / "feeds"), "--queue")["job_id"]
    line.run("worker", "--once")
    (told,) = [json.loads(text) for text in line.run("jobs", "watch", job, "--json").stdout.splitlines()]
    assert (told["event"], told["id"], told["state"]) == ("end", job, "done")
    assert line.run("jobs", "watch", job).stdout.startswith("done: ")
    other = line.json("ingest", tmp_path / "feeds", "--queue")["job_id"]
    line.run("jobs", "cancel", other)
    assert line.run("jobs", "watch", other, expect=4).stdout.startswith("cancelled: 0")
    assert [one["job_id"] for one in line.json("jobs", "list", "--state", "cancelled")] == [other]
    assert line.json("jobs", "list", "--kind", "linkage") == []
    assert "nothing was noted" in line.run("jobs", "show", job).stdout


def test_the_schema_is_current(line: CommandLine, tmp_path: Path) -> None:
    line.json("ingest", *write_feeds(tmp_path / "feeds"))
    done = line.json("store", "migrate")
    assert done["identified"].startswith("schema ")
    assert done["research"] == "no database yet"
