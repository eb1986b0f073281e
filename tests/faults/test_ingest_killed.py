"""`kill -9` at random points of an ingestion, then the same command again: as if nothing had happened."""

import contextlib
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.feeds import write_many
from tests.journeys.hospital import CommandLine

RECORDS = 4000
BATCH = "100"
"""Records per transaction: small, so that a kill can fall between or into any of some forty commits."""


def state(line: CommandLine) -> dict[str, Any]:
    checked = line.json("store", "check")
    chain = line.json("audit", "verify")
    assert checked["consistent"], checked["problems"]
    assert chain["verified"], chain
    return {"hash": checked["content_hash"], "resources": checked["resources"]}


def ingest(line: CommandLine, feeds: Path) -> dict[str, Any]:
    report: dict[str, Any] = line.json("ingest", feeds)
    return report


def start(line: CommandLine, feeds: Path) -> subprocess.Popen[bytes]:
    """An ingestion in a process of its own."""
    return subprocess.Popen(
        line.arguments("ingest", feeds, "--json"),
        env=line.environment,
        cwd=line.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def committed(line: CommandLine) -> int:
    """The resources that another process can see in the store: 0 while there is none."""
    database = line.data / "identified" / "store.db"
    if not database.exists():
        return -1
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as store:
            return int(store.execute("select count(*) from resource").fetchone()[0])
    except sqlite3.OperationalError:
        return -1


def kill_at(line: CommandLine, feeds: Path, resources: int, later: float) -> bool:
    """True if the command still ran when it was killed: `later` seconds after it had committed so many resources.

    Progress and not time chooses the moment, so that a slow or busy machine is hit at the same places as a fast one.
    """
    running = start(line, feeds)
    while running.poll() is None and committed(line) < resources:
        time.sleep(0.002)
    time.sleep(later)
    running.send_signal(signal.SIGKILL)
    return running.wait() == -signal.SIGKILL


def campaign(tmp_path: Path, points: int, records: int = RECORDS) -> None:
    feeds = tmp_path / "feeds"
    write_many(feeds, records)
    calm = CommandLine(tmp_path / "calm")
    calm.folder.mkdir()
    calm.environment["CARELOOM__INGEST__BATCH_RECORDS"] = BATCH
    ingest(calm, feeds)
    expected = state(calm)
    chance = random.Random(20261121)
    killed = amid = 0
    for number in range(points):
        stormy = CommandLine(tmp_path / f"stormy{number}")
        stormy.folder.mkdir()
        stormy.environment["CARELOOM__INGEST__BATCH_RECORDS"] = BATCH
        copy_keys(calm, stormy)
        resources = int(chance.uniform(-0.1, 0.8) * records)
        killed += kill_at(stormy, feeds, resources, chance.uniform(0.0, 0.02))
        report = ingest(stormy, feeds)
        amid += any(file["known"] and file["stored"] for file in report["files"])
        for file in report["files"]:
            parts = ("known", "stored", "kept", "quarantined", "erased")
            assert file["records"] == sum(file[name] for name in parts)
        assert state(stormy) == expected
    print(f"{killed} of {points} runs were hit while they ran, {amid} of them in the middle of a file")
    assert killed == points, f"only {killed} of {points} runs were hit while they ran"
    assert amid >= max(points // 3, 1), f"only {amid} of {points} runs had committed a part of a file"


def copy_keys(one: CommandLine, other: CommandLine) -> None:
    """Gives `other` the same keys before it holds anything, so that keyed hashes can be compared."""
    import shutil

    other.data.mkdir(parents=True)
    shutil.copytree(one.data / "keys", other.data / "keys")
    (other.data / "keys").chmod(0o700)


def test_two_kills_change_nothing(tmp_path: Path) -> None:
    campaign(tmp_path, 2, RECORDS // 5)


@pytest.mark.long
def test_fifty_kills_change_nothing(tmp_path: Path) -> None:
    campaign(tmp_path, 50)
