"""Groups of audit events under `kill -9`, on a full disk and without an anchor: acknowledged means durable."""

import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import SetupError, Unavailable
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, open_zone

ROOT = Path(__file__).resolve().parents[2]
THREADS = 8
APPENDER = """
import os, sys, threading
from pathlib import Path
from careloom.crypto.keys_local import LocalKeys
from tests.store_kit import event, open_zone

place, name = Path(sys.argv[1]), sys.argv[2]
store = open_zone(place, LocalKeys.open(place / "keys"))

def work(thread):
    for number in range(100_000):
        said = f"{name}/{thread}/{number}"
        store.append_audit(event(action="read", operation="read", detail={"said": said}))
        os.write(1, said.encode() + b"\\n")

for thread in range(8):
    threading.Thread(target=work, args=(thread,)).start()
"""


def said_in_chain(store: ZoneStore) -> list[str]:
    with store.connect() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM audit ORDER BY seq").fetchall()
    return [row[0].partition('"said":"')[2].partition('"')[0] for row in rows]


def run_and_kill(place: Path, seconds: float) -> list[str]:
    """Two processes of eight threads, killed without warning one after the other; what they said was durable."""
    appenders = [
        subprocess.Popen([sys.executable, "-c", APPENDER, str(place), name], stdout=subprocess.PIPE, cwd=ROOT)
        for name in ("one", "other")
    ]
    pipes = [appender.stdout for appender in appenders if appender.stdout is not None]
    with ThreadPoolExecutor(2) as pool:
        firsts = [pipe.readline() for pipe in pipes]
        reading = [pool.submit(pipe.read) for pipe in pipes]
        for appender in appenders:
            time.sleep(seconds)
            appender.send_signal(signal.SIGKILL)
        said = [first + rest.result(30) for first, rest in zip(firsts, reading, strict=True)]
    for appender, pipe in zip(appenders, pipes, strict=True):
        appender.wait()
        pipe.close()
    return [line.decode() for part in said for line in part.splitlines(keepends=True) if line.endswith(b"\n")]


def campaign(tmp_path: Path, points: int) -> None:
    place = tmp_path / "zone"
    LocalKeys.open(place / "keys")
    acknowledged = 0
    chance = random.Random(20261122)
    for _ in range(points):
        said = run_and_kill(place, chance.uniform(0.0, 0.4))
        acknowledged += len(said)
        store = open_zone(place, LocalKeys.open(place / "keys", create=False))
        report = store.verify_audit()
        assert report.is_whole, report.problems
        kept = said_in_chain(store)
        missing = {line.strip() for line in said} - set(kept)
        assert not missing
        assert report.rows - (report.anchored or 0) <= 2 * THREADS, "the anchor is more than a group a process behind"
        store.append_audit(event())
        assert store.verify_audit().anchored == report.rows + 1
        store.close()
    print(f"{acknowledged} events were acknowledged before {2 * points} kills")
    assert acknowledged > 20 * points


def test_kills_amid_groups_of_two_processes_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    campaign(tmp_path, 1)


@pytest.mark.long
def test_fifty_kills_amid_groups_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    campaign(tmp_path, 50)


def outcomes(store: ZoneStore, count: int) -> list[type[BaseException] | None]:
    """How that many appends at the same time end."""
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(store.append_audit, event(detail={"n": n})) for n in range(count)]
        return [None if (error := future.exception(30)) is None else type(error) for future in futures]


def test_while_the_anchor_cannot_be_written_no_event_is_acknowledged(tmp_path: Path) -> None:
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    store.append_audit(event())
    anchor = tmp_path / "identified" / "audit.anchor"
    anchor.rename(tmp_path / "elsewhere")
    anchor.symlink_to(tmp_path / "elsewhere")  # can be read, and is never written through
    assert outcomes(store, THREADS) == [SetupError] * THREADS
    assert store.verify_audit().is_whole
    assert store.verify_audit().anchored == 1
    (tmp_path / "elsewhere").rename(anchor)
    assert outcomes(store, THREADS) == [None] * THREADS
    report = store.verify_audit()
    assert report.is_whole
    assert report.anchored == report.rows
    store.close()


def test_on_a_full_disk_every_event_of_a_group_fails_and_none_is_in_the_chain(tmp_path: Path) -> None:
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    store.append_audit(event())
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = (tmp_path / "identified" / "store.db-wal").stat().st_size
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal, hard))
        failed = outcomes(store, THREADS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert failed == [Unavailable] * THREADS
    report = store.verify_audit()
    assert (report.rows, report.is_whole, report.anchored) == (1, True, 1)
    assert outcomes(store, THREADS) == [None] * THREADS
    assert store.verify_audit().rows == 1 + THREADS
    store.close()
