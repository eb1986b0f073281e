"""Jobs that are tried again, begin later, or take longer than they may."""

import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGALRM, SIGKILL
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom import traces
from careloom.errors import CareloomError, Conflict, InputError, Precondition, SetupError, Unavailable
from careloom.runtime import Runtime
from careloom.store.jobs import Jobs, Progress
from careloom.store.jobs_rules import Rules
from careloom.store.jobs_tables import FILE_NAME

START = datetime(2026, 1, 1, tzinfo=UTC)


class Hand:
    """A clock that somebody sets, and chance that is always as large as it can be."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def on(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def jobs(tmp_path: Path, hand: Hand) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "jobs", Runtime(clock=hand, random_bytes=lambda count: b"\xff" * count))
    yield made
    made.close()


def failing(jobs: Jobs, error: CareloomError, times: int, rules: Rules) -> str:
    """A job that fails so often and is done then."""
    left = [error] * times

    def work(progress: Progress, request: dict[str, Any]) -> None:
        if left:
            raise left.pop()

    jobs.register("failing", work, rules=rules)
    return jobs.submit("failing", {}, actor="me")


def test_an_error_that_may_pass_is_tried_again_after_ever_longer_waits(jobs: Jobs, hand: Hand) -> None:
    job_id = failing(jobs, Conflict("busy", "again"), 3, Rules(attempts=5, first_wait_seconds=4.0))
    waits = []
    while jobs.get(job_id).state == "waiting":
        jobs.recover()
        jobs.run_waiting()
        job = jobs.get(job_id)
        if job.due is not None:
            waits.append((job.due - hand.time).total_seconds())
            hand.on(waits[-1] - 0.001)
            jobs.recover()
            assert jobs.run_waiting() == 0
            hand.on(0.001)
    assert waits == [4.0, 8.0, 16.0]
    done = jobs.get(job_id)
    assert (done.state, done.attempts, done.failures, done.error_code, done.due) == ("done", 4, 0, "", None)
    assert [code for _, code in jobs.log_of(job_id)] == ["jobs.retry.state.conflict"] * 3


def test_a_job_whose_tries_are_used_up_has_failed_and_a_hand_gives_it_all_of_them_again(jobs: Jobs, hand: Hand) -> None:
    job_id = failing(jobs, Unavailable("away", "again"), 3, Rules(attempts=2))
    for _ in range(2):
        jobs.recover()
        jobs.run_waiting()
        hand.on(1000)
    failed = jobs.get(job_id)
    assert (failed.state, failed.error_code, failed.failures) == ("failed", "setup.unavailable", 2)
    jobs.restart(job_id)
    assert jobs.get(job_id).failures == 0
    jobs.run_waiting()
    assert jobs.get(job_id).state == "waiting"
    hand.on(1000)
    jobs.recover()
    jobs.run_waiting()
    assert jobs.get(job_id).state == "done"


@pytest.mark.parametrize(
    "error", [InputError("no", "never"), SetupError("no", "mend it"), Precondition("changed", "read it again")]
)
def test_an_error_that_does_not_pass_is_not_tried_again(jobs: Jobs, error: CareloomError) -> None:
    job_id = failing(jobs, error, 1, Rules(attempts=5))
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).error_code) == ("failed", error.code)


def test_a_job_that_waits_for_its_next_try_can_be_cancelled(jobs: Jobs, hand: Hand) -> None:
    job_id = failing(jobs, Conflict("busy", "again"), 1, Rules(attempts=5))
    jobs.run_waiting()
    assert jobs.cancel(job_id) is True
    hand.on(1000)
    jobs.recover()
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).attempts) == ("cancelled", 1)


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_a_wait_is_at_least_half_of_the_doubled_one_and_never_longer_than_the_longest(
    failures: int, chance: float
) -> None:
    rules = Rules(first_wait_seconds=5.0, longest_wait_seconds=900.0)
    whole = min(900, 5 * 2 ** (failures - 1))
    assert whole / 2 <= rules.wait_seconds(failures, chance) <= whole


def test_a_job_with_a_time_begins_when_it_is_due_and_not_before(jobs: Jobs, hand: Hand) -> None:
    jobs.register("late", lambda progress, request: None)
    job_id = jobs.submit("late", {}, actor="me", due=START + timedelta(hours=1))
    jobs.recover()
    assert jobs.run_waiting() == 0
    jobs.queue.send(job_id)  # a message that comes too early
    jobs.run_waiting()
    assert jobs.get(job_id).state == "waiting"
    hand.on(3600)
    jobs.recover()
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).attempts) == ("done", 1)


def test_a_job_that_runs_over_is_stopped_at_its_next_report(jobs: Jobs) -> None:
    reached = []

    def long(progress: Progress, request: dict[str, Any]) -> None:
        progress.report(1, 3)
        time.sleep(1.1)
        progress.report(2, 3)
        reached.append("after")

    jobs.register("long", long, rules=Rules(attempts=5, timeout_seconds=1.0))
    job_id = jobs.submit("long", {}, actor="me")
    jobs.run_waiting()
    job = jobs.get(job_id)
    assert (job.state, job.error_code, job.done, reached) == ("failed", "state.timed-out", 2, [])
    assert [code for _, code in jobs.log_of(job_id)] == ["jobs.timed-out"]


HANGS = """
import sys, time, re
from pathlib import Path
from careloom.runtime import Runtime
from careloom.store import jobs_rules
from careloom.store.jobs import Jobs
from careloom.store.jobs_rules import Rules

jobs_rules._LAST_SECONDS = 0.3
jobs = Jobs(Path(sys.argv[1]), Runtime())
jobs.may_kill = True

def sleeps(progress, request):
    time.sleep(60)

def holds_the_interpreter(progress, request):
    re.match("(a+)+$", "a" * 60 + "b")

for work in (sleeps, holds_the_interpreter):
    jobs.register(work.__name__, work, rules=Rules(attempts=1, timeout_seconds=0.2, grace_seconds=0.2))
print(jobs.submit(sys.argv[2], {}, actor="me"), flush=True)
jobs.run_waiting()
"""


@pytest.mark.parametrize(("work", "ends_by"), [("sleeps", SIGKILL), ("holds_the_interpreter", SIGALRM)])
def test_a_job_that_never_reports_is_ended_with_its_worker_and_has_failed(
    tmp_path: Path, work: str, ends_by: int
) -> None:
    command = [sys.executable, "-c", textwrap.dedent(HANGS), str(tmp_path), work]
    ran = subprocess.run(command, capture_output=True, timeout=180, check=False, text=True)
    assert ran.returncode == -ends_by, ran.stderr
    job_id = ran.stdout.strip()
    jobs = Jobs(tmp_path, Runtime())
    jobs.register(work, lambda progress, request: None, rules=Rules(timeout_seconds=0.2, grace_seconds=0.2))
    jobs.recover()
    assert (jobs.get(job_id).state, jobs.get(job_id).error_code) == ("failed", "state.timed-out")
    assert jobs.run_waiting() == 0
    jobs.close()


def test_a_job_that_lost_its_worker_long_ago_is_tried_again_while_it_has_tries(jobs: Jobs, hand: Hand) -> None:
    def dies(progress: Progress, request: dict[str, Any]) -> None:
        raise SystemExit

    rules = Rules(attempts=2, timeout_seconds=60.0)
    jobs.register("dies", dies, rules=rules)
    job_id = jobs.submit("dies", {}, actor="me")
    for expected in ("waiting", "failed"):
        with pytest.raises(SystemExit):
            jobs.run_waiting()
        hand.on(1000)
        jobs.recover()
        assert jobs.get(job_id).state == expected
    assert jobs.get(job_id).error_code == "state.timed-out"


def test_a_job_whose_end_could_not_be_written_is_run_again_by_the_same_worker(jobs: Jobs, tmp_path: Path) -> None:
    runs = []

    def work(progress: Progress, request: dict[str, Any]) -> None:
        runs.append("ran")
        with sqlite3.connect(tmp_path / "jobs" / FILE_NAME) as database:
            if len(runs) == 1:
                database.execute("CREATE TRIGGER full BEFORE UPDATE ON job BEGIN SELECT RAISE(ABORT, 'full'); END")
            else:
                jobs.stop.asked = True

    def mended() -> None:
        with sqlite3.connect(tmp_path / "jobs" / FILE_NAME) as database:
            database.execute("DROP TRIGGER IF EXISTS full")

    jobs.register("work", work)
    jobs.chores.append(mended)
    job_id = jobs.submit("work", {}, actor="me")
    jobs.run_waiting()
    assert jobs.get(job_id).state == "running"
    mended()
    jobs.run_until_stopped()
    assert (jobs.get(job_id).state, runs) == ("done", ["ran", "ran"])


def test_a_file_of_an_earlier_version_is_taken_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute(
            "CREATE TABLE job (id TEXT PRIMARY KEY, kind TEXT NOT NULL, actor TEXT NOT NULL, state TEXT NOT NULL, "
            "request TEXT NOT NULL, result TEXT NOT NULL, done BIGINT NOT NULL, total BIGINT NOT NULL, "
            "attempts INTEGER NOT NULL, error_code TEXT NOT NULL, created BIGINT NOT NULL, started BIGINT, "
            "ended BIGINT)"
        )
        database.execute(
            "INSERT INTO job VALUES ('old', 'double', 'me', 'waiting', '{}', '{}', 0, 0, 0, '', 1, NULL, NULL)"
        )
    jobs = Jobs(tmp_path, Runtime())
    jobs.register("double", lambda progress, request: None)
    assert (jobs.get("old").failures, jobs.get("old").due) == (0, None)
    jobs.recover()
    jobs.run_waiting()
    assert jobs.get("old").state == "done"
    jobs.close()


def test_how_long_jobs_wait_and_how_each_try_ends_is_told(
    jobs: Jobs, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, float]] = []
    monkeypatch.setattr(traces, "_observe", lambda name, seconds: told.append((name, seconds)))
    failing(jobs, Conflict("busy", "again"), 1, Rules(attempts=2, first_wait_seconds=4.0))
    hand.on(7)
    jobs.run_waiting()
    hand.on(5)  # it is due after four of them
    jobs.recover()
    jobs.run_waiting()
    failing(jobs, InputError("never", "so"), 1, Rules(attempts=2))
    jobs.run_waiting()
    steps = [(name, seconds) for name, seconds in told if name.startswith("job ") and name != "job failing"]
    assert [name for name, _ in steps] == [
        "job wait failing", "job waiting failing", "job wait failing", "job done failing",
        "job wait failing", "job failed failing",
    ]  # fmt: skip
    assert [seconds for name, seconds in steps if name == "job wait failing"] == [7.0, 1.0, 0.0]
    assert all(0 <= seconds < 60 for _, seconds in steps)
