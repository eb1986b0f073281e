"""`kill -9` of the worker at random points of a job, and another worker: each effect of the job is there once."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.test_ingest_killed import BATCH, committed, copy_keys, ingest, state
from tests.journeys.feeds import write_many
from tests.journeys.hospital import CommandLine

RECORDS = 4000


def queued(line: CommandLine, feeds: Path) -> str:
    return str(line.json("ingest", feeds, "--queue")["job_id"])


def worker(line: CommandLine) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        line.arguments("worker", "--once"), env=line.environment, cwd=line.folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def killed_at(line: CommandLine, resources: int, later: float) -> bool:
    """Whether a worker still ran when it was killed, `later` seconds after so many resources were committed."""
    running = worker(line)
    while running.poll() is None and committed(line) < resources:
        time.sleep(0.002)
    time.sleep(later)
    running.send_signal(signal.SIGKILL)
    return running.wait() == -signal.SIGKILL


def campaign(tmp_path: Path, kills: int, records: int) -> None:
    feeds = tmp_path / "feeds"
    write_many(feeds, records)
    calm, stormy = CommandLine(tmp_path / "calm"), CommandLine(tmp_path / "stormy")
    for line in (calm, stormy):
        line.folder.mkdir()
        line.environment["CARELOOM__INGEST__BATCH_RECORDS"] = BATCH
    ingest(calm, feeds)
    copy_keys(calm, stormy)
    job_id = queued(stormy, feeds)
    chance = random.Random(20261201)
    points = sorted(chance.uniform(-0.05, 0.8) * records for _ in range(kills))
    hit = sum(killed_at(stormy, int(point), chance.uniform(0.0, 0.02)) for point in points)
    assert hit == kills, f"only {hit} of {kills} workers were hit while they ran"
    assert worker(stormy).wait() == 0
    job = stormy.json("jobs", "show", job_id)
    begun = [line for line in job["log"] if line["code"] == "jobs.recovered"]
    assert (job["state"], job["attempts"]) == ("done", len(begun) + 1)
    assert len(begun) >= kills // 4, "hardly a worker had begun the job when it was killed"
    assert state(stormy) == state(calm)
    assert [file.name for file in (stormy.data / "runs").glob("*.provenance.json")] == [f"{job_id}.provenance.json"]


def test_four_kills_of_the_worker_leave_each_effect_once(tmp_path: Path) -> None:
    campaign(tmp_path, 4, RECORDS // 4)


@pytest.mark.long
def test_forty_kills_of_the_worker_leave_each_effect_once(tmp_path: Path) -> None:
    campaign(tmp_path, 40, RECORDS)
