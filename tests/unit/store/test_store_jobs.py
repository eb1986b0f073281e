"""Jobs: queued, run, told about, cancelled, restarted, found again after a death."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import Conflict, InputError, NotFound
from careloom.runtime import Runtime
from careloom.store.jobs import FILE_NAME, Jobs, Progress
from tests.store_kit import Clock


def double(progress: Progress, request: dict[str, Any]) -> Mapping[str, Any]:
    progress.report(1, 2)
    progress.log("test.half")
    progress.report(2, 2)
    return {"twice": request["n"] * 2}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "jobs", Runtime(clock=Clock()))
    made.register("double", double)
    yield made
    made.close()


def test_a_job_waits_runs_and_is_done(jobs: Jobs) -> None:
    job_id = jobs.submit("double", {"n": 21}, actor="me")
    waiting = jobs.get(job_id)
    assert (waiting.state, waiting.request, waiting.started) == ("waiting", {"n": 21}, None)
    assert jobs.run_waiting() == 1
    done = jobs.get(job_id)
    assert (done.state, done.result, done.done, done.total, done.attempts) == ("done", {"twice": 42}, 2, 2, 1)
    assert done.started is not None
    assert done.ended is not None
    assert done.created < done.started < done.ended
    assert [code for _, code in jobs.log_of(job_id)] == ["test.half"]


def test_immediate_jobs_are_done_when_submitted(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, Runtime(), immediate=True)
    jobs.register("double", double)
    assert jobs.get(jobs.submit("double", {"n": 1}, actor="me")).state == "done"
    jobs.close()


def test_a_failed_job_keeps_the_code_of_its_error_and_can_be_restarted(jobs: Jobs) -> None:
    tries = iter([InputError("no", "never"), ValueError("patient's name"), None])

    def sometimes(progress: Progress, request: dict[str, Any]) -> None:
        error = next(tries)
        if error is not None:
            raise error

    jobs.register("sometimes", sometimes)
    job_id = jobs.submit("sometimes", {}, actor="me")
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).error_code) == ("failed", "input")
    jobs.restart(job_id)
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).error_code) == ("failed", "internal")
    assert [code for _, code in jobs.log_of(job_id)] == ["jobs.broken.ValueError"]
    jobs.restart(job_id)
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).attempts, jobs.get(job_id).error_code) == ("done", 3, "")
    with pytest.raises(Conflict):
        jobs.restart(job_id)


def test_a_cancelled_job_never_starts(jobs: Jobs) -> None:
    job_id = jobs.submit("double", {"n": 1}, actor="me")
    jobs.cancel(job_id)
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).attempts) == ("cancelled", 0)
    with pytest.raises(Conflict):
        jobs.cancel(job_id)


def test_a_running_job_stops_at_its_next_report(jobs: Jobs) -> None:
    reached = []

    def long(progress: Progress, request: dict[str, Any]) -> None:
        progress.report(1, 3)
        jobs.cancel(progress.job_id)
        progress.report(2, 3)
        reached.append("after")

    jobs.register("long", long)
    job_id = jobs.submit("long", {}, actor="me")
    jobs.run_waiting()
    assert jobs.get(job_id).state == "cancelled"
    assert reached == []
    assert [code for _, code in jobs.log_of(job_id)] == ["jobs.cancelled"]


def test_what_ran_when_a_worker_died_runs_again(tmp_path: Path) -> None:
    first = Jobs(tmp_path, Runtime(clock=Clock()))

    def die(progress: Progress, request: dict[str, Any]) -> None:
        raise SystemExit

    first.register("double", die)
    job_id = first.submit("double", {"n": 2}, actor="me")
    with pytest.raises(SystemExit):
        first.run_waiting()
    first.close()
    second = Jobs(tmp_path, Runtime(clock=Clock()))
    second.register("double", double)
    assert second.get(job_id).state == "running"
    assert second.run_waiting() == 0
    assert second.recover() == 1
    second.run_waiting()
    assert (second.get(job_id).state, second.get(job_id).attempts) == ("done", 2)
    second.close()


def test_a_job_of_an_unknown_kind_fails(jobs: Jobs) -> None:
    job_id = jobs.submit("unknown", {}, actor="me")
    jobs.run_waiting()
    assert jobs.get(job_id).error_code == "setup"


def test_jobs_are_listed_newest_first(jobs: Jobs) -> None:
    ids = [jobs.submit("double", {"n": n}, actor="me") for n in range(3)]
    assert [job.id for job in jobs.listed()] == ids[::-1]
    assert [job.id for job in jobs.listed(state="waiting", limit=1)] == ids[-1:]
    assert jobs.listed(state="done") == []


def test_an_unknown_job_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(NotFound):
        jobs.get("job-1")


def test_the_queue_holds_no_pickles(jobs: Jobs, tmp_path: Path) -> None:
    job_id = jobs.submit("double", {"n": 1}, actor="me")
    connection = sqlite3.connect(tmp_path / "jobs" / FILE_NAME)
    ((message,),) = connection.execute("SELECT data FROM task").fetchall()
    connection.close()
    assert bytes(message).startswith(b"[")
    assert job_id.encode() in bytes(message)
