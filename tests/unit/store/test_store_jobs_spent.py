"""What jobs take of the machine: measured by their worker, over all tries, summed by kind and asker."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import Conflict
from careloom.runtime import Runtime
from careloom.store.jobs import Jobs, Progress, Rules
from tests.store_kit import Clock


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "jobs", Runtime(clock=Clock()))
    yield made
    made.close()


def burn(progress: Progress, request: dict[str, Any]) -> None:
    until = time.process_time() + request["seconds"]
    while time.process_time() < until:
        pass
    if progress._jobs.get(progress.job_id).attempts <= request.get("fails", 0):
        raise Conflict("not yet", "Again.")


def test_what_a_job_took_is_measured_over_all_its_tries(in_file: Jobs) -> None:
    in_file.register("burn", burn, rules=Rules(attempts=3, first_wait_seconds=0.0))
    job_id = in_file.submit("burn", {"seconds": 0.1, "fails": 1}, actor="me")
    in_file.submit("burn", {"seconds": 0.05}, actor="me")
    assert in_file.get(job_id).cpu is None
    in_file.run_waiting()
    once = in_file.get(job_id)
    assert (once.state, once.attempts) == ("waiting", 1)
    assert once.cpu is not None
    assert 0.1 <= once.cpu < 1.0
    in_file.recover()
    in_file.run_waiting()
    twice = in_file.get(job_id)
    assert (twice.state, twice.attempts) == ("done", 2)
    assert twice.cpu is not None
    assert twice.wall is not None
    assert 0.2 <= twice.cpu <= twice.wall + 0.05
    (row,) = in_file.spent(since=twice.created, until=twice.created + timedelta(days=1))
    assert (row.kind, row.actor, row.jobs, row.measured, row.attempts, row.bytes) == ("burn", "me", 2, 2, 3, None)
    assert row.cpu_seconds is not None
    assert 0.25 <= row.cpu_seconds < 2.0
    assert in_file.spent(since=twice.created + timedelta(days=1), until=twice.created + timedelta(days=2)) == []
