"""The worker amid an ingestion: cancelled, stopped, killed, left alone by its parent. Nothing is lost or done twice."""

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import Conflict
from careloom.services.audit import verify
from careloom.services.jobs import show_job, work
from careloom.services.operate import check
from tests.api.kit import Installation
from tests.api.test_ingestions import ROUTE, get, kept, sent
from tests.journeys.feeds import observation
from tests.journeys.hospital import CommandLine

RECORDS = 2000
BATCH = 100


def feed(records: int) -> bytes:
    patients = [{"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"F{n}"}]} for n in range(97)]
    return "\n".join(map(json.dumps, patients + [observation(n) for n in range(records - 97)])).encode()


FEED = feed(RECORDS)
LONG = 4 * RECORDS
LONG_FEED = feed(LONG)


class Served(Installation):
    """An installation with small transactions, and workers in processes of their own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ingest={"batch_records": BATCH})
        self.line = CommandLine(folder)
        self.line.environment["CARELOOM__INGEST__BATCH_RECORDS"] = str(BATCH)

    @contextlib.contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        running = subprocess.Popen(
            self.line.arguments("worker"), env=self.line.environment, cwd=self.line.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield running
        finally:
            running.kill()
            running.wait()

    def state(self) -> tuple[str, int]:
        """Content hash and resources of the identified zone, which is whole."""
        found = check(self.platform, self.operator, "identified")
        assert found["consistent"], found["problems"]
        assert verify(self.platform, self.operator)["verified"]
        return found["content_hash"], found["resources"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as made:
        yield made


def committed(installation: Installation) -> int:
    """The resources that another process can see in the store."""
    database = installation.platform.settings.data.directory / "identified" / "store.db"
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as store:
        return int(store.execute("select count(*) from resource").fetchone()[0])


def wait_for(condition: Any, seconds: float = 300) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.005)
    return False


def test_a_running_ingestion_is_cancelled_at_its_next_report(served: Served) -> None:
    run_id = sent(served, LONG_FEED)
    with served.worker() as running:
        assert wait_for(lambda: get(served, f"/{run_id}").json["progress"]["done"] > 0)
        seen = get(served, f"/{run_id}").json
        assert (seen["state"], seen["totals"]["files"]) == ("running", 1)
        answer = served.client.post(f"{ROUTE}/{run_id}/cancel", headers=served.bearer())
        assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
        assert wait_for(lambda: kept(served) == [])
        assert running.poll() is None
    after = get(served, f"/{run_id}").json
    assert (after["state"], after["files"]) == ("cancelled", [])
    assert 0 < served.state()[1] < LONG
    assert work(served.platform, once=True) == 0


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, int]]:
    """What the store is when nothing goes wrong, and the keys under which it was made."""
    folder = tmp_path_factory.mktemp("calm")
    with Served(folder) as made:
        sent(made, FEED)
        work(made.platform, once=True)
        return folder / "data" / "keys", made.state()


@pytest.mark.parametrize("after", [0, pytest.param(RECORDS // 4, marks=pytest.mark.long), RECORDS // 2])
def test_a_worker_that_is_killed_amid_an_ingestion_leaves_it_to_the_next(
    calm: tuple[Path, tuple[str, int]], tmp_path: Path, after: int
) -> None:
    keys, expected = calm
    shutil.copytree(keys, tmp_path / "stormy" / "data" / "keys")
    (tmp_path / "stormy" / "data" / "keys").chmod(0o700)
    with Served(tmp_path / "stormy") as stormy:
        run_id = sent(stormy, FEED)
        with stormy.worker() as running:
            assert wait_for(lambda: get(stormy, f"/{run_id}").json["state"] == "running")
            assert wait_for(lambda: committed(stormy) >= after)
            running.send_signal(signal.SIGKILL)
            assert running.wait() == -signal.SIGKILL
        assert get(stormy, f"/{run_id}").json["state"] == "running"
        assert kept(stormy) == [run_id]
        work(stormy.platform, once=True)
        report = get(stormy, f"/{run_id}").json
        assert (report["state"], report["totals"]["records"]) == ("done", RECORDS)
        assert report["totals"]["known"] + report["totals"]["stored"] == RECORDS
        assert kept(stormy) == []
        assert stormy.state() == expected


def test_a_worker_that_is_asked_to_stop_ends_soon_and_the_job_waits_again(served: Served) -> None:
    run_id = sent(served, LONG_FEED)
    with served.worker() as running:
        assert wait_for(lambda: committed(served) > 0)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert get(served, f"/{run_id}").json["state"] == "waiting"
    assert [line["code"] for line in show_job(served.platform, served.operator, run_id)["log"]] == ["jobs.stopped"]
    assert 0 < committed(served) < LONG
    work(served.platform, once=True)
    assert get(served, f"/{run_id}").json["state"] == "done"
    assert served.state()[1] == LONG


def test_an_idle_worker_takes_an_upload_at_once(served: Served) -> None:
    with served.worker():
        first = sent(served, b"{}")
        assert wait_for(lambda: get(served, f"/{first}").json["state"] == "done")
        second = sent(served, b"{}\n{}")
        assert wait_for(lambda: get(served, f"/{second}").json["state"] != "waiting")


def test_a_run_that_had_ended_when_its_worker_died_is_not_run_again(served: Served) -> None:
    run_id = sent(served, FEED)
    work(served.platform, once=True)
    before = get(served, f"/{run_id}").json
    with contextlib.closing(sqlite3.connect(served.platform.settings.data.directory / "jobs" / "jobs.db")) as jobs:
        jobs.execute("update job set state = 'running', result = '{}'")
        jobs.commit()
    work(served.platform, once=True)
    after = get(served, f"/{run_id}").json
    assert (after["state"], after["totals"], after["issues"]) == ("done", before["totals"], before["issues"])


def test_only_one_worker_runs_at_a_time(served: Served) -> None:
    with served.worker():
        first = sent(served, b"{}")
        assert wait_for(lambda: get(served, f"/{first}").json["state"] == "done")
        with pytest.raises(Conflict):
            work(served.platform, once=True)
    assert work(served.platform, once=True) == 0


PARENT = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-m", "careloom.worker", str(os.getpid())])
time.sleep(300)
"""


def test_a_worker_ends_with_the_server_that_started_it_even_by_a_kill(served: Served) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], env=served.line.environment, cwd=served.line.folder)
    try:
        run_id = sent(served, b"{}")
        assert wait_for(lambda: get(served, f"/{run_id}").json["state"] == "done")
    finally:
        parent.kill()
        parent.wait()
    assert wait_for(lambda: _is_free(served), 20), "the worker goes on without its parent"


def _is_free(served: Served) -> bool:
    try:
        work(served.platform, once=True)
    except Conflict:
        return False
    return True


def test_two_uploads_at_once_both_arrive(served: Served) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(sent(served, FEED[:50_000]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(served.platform, once=True)
    assert len(set(found)) == 4
    assert {get(served, f"/{run_id}").json["state"] for run_id in found} == {"done"}
