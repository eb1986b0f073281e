"""Worker processes do not outlive the ingestion that they work for."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.journeys.feeds import write_many
from tests.journeys.hospital import CommandLine


def processes_of(line: CommandLine) -> list[int]:
    """The processes that were started for this data directory."""
    mark = f"CARELOOM__DATA__DIRECTORY={line.data}".encode()
    found = []
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdigit() and mark in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def wait_until(count: range, line: CommandLine) -> bool:
    for _ in range(150):
        if len(processes_of(line)) in count:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to find processes")
def test_a_killed_ingestion_leaves_no_worker_behind(tmp_path: Path) -> None:
    write_many(tmp_path / "feeds", 40_000)
    line = CommandLine(tmp_path)
    line.environment["CARELOOM__INGEST__BATCH_RECORDS"] = "200"
    running = subprocess.Popen(
        line.arguments("ingest", tmp_path / "feeds", "--processes", "2", "--json"),
        env=line.environment,
        cwd=line.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert wait_until(range(4, 10), line), "the workers never started"
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert wait_until(range(1), line), f"{len(processes_of(line))} processes are left"
