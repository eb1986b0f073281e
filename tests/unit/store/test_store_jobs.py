"""Jobs: queued, run, told about, cancelled, restarted, found again after a death."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from careloom.errors import Conflict, InputError, NotFound, SetupError, Unavailable
from careloom.runtime import Runtime
from careloom.store.jobs import Jobs, Progress
from careloom.store.jobs_queue import PASSWORD
from careloom.store.jobs_tables import FILE_NAME
from tests.redis_kit import redis_server
from tests.store_kit import Clock


def double(progress: Progress, request: dict[str, Any]) -> Mapping[str, Any]:
    progress.report(1, 2)
    progress.log("test.half")
    progress.report(2, 2)
    return {"twice": request["n"] * 2}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture(params=["file", "redis"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    """On either queue: what holds of jobs holds wherever their messages wait."""
    queue = request.getfixturevalue("redis") if request.param == "redis" else ""
    made = Jobs(tmp_path / "jobs", Runtime(clock=Clock()), queue=queue)
    if queue:
        made.queue.huey.flush()
    made.register("double", double)
    yield made
    made.close()


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Jobs]:
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


def test_the_queue_holds_no_pickles(in_file: Jobs, tmp_path: Path) -> None:
    job_id = in_file.submit("double", {"n": 1}, actor="me")
    connection = sqlite3.connect(tmp_path / "jobs" / FILE_NAME)
    ((message,),) = connection.execute("SELECT data FROM task").fetchall()
    connection.close()
    assert bytes(message).startswith(b"[")
    assert job_id.encode() in bytes(message)


def test_a_job_may_bring_its_own_id_and_pages_fall_by_id(jobs: Jobs) -> None:
    for name in ("20260101T000000Z-aaaaaa", "20260301T000000Z-aaaaaa", "20260201T000000Z-aaaaaa"):
        assert jobs.submit("double", {"n": 1}, actor="me", job_id=name) == name
    jobs.submit("other", {}, actor="me", job_id="20260401T000000Z-aaaaaa")
    page = jobs.page("double", before="20260301T000000Z-aaaaaa", limit=1)
    assert [job.id[:8] for job in page] == ["20260201"]
    assert [job.id[:8] for job in jobs.page("double", before="9", limit=9)] == ["20260301", "20260201", "20260101"]


def test_jobs_are_counted_by_state(jobs: Jobs) -> None:
    for number in range(3):
        jobs.submit("double" if number else "unknown", {"n": 1}, actor="me")
    jobs.run_waiting()
    jobs.submit("double", {"n": 1}, actor="me")
    assert jobs.counted() == {"done": 2, "failed": 1, "waiting": 1}


def test_a_running_job_tells_what_it_has_made_so_far(jobs: Jobs) -> None:
    seen: list[dict[str, Any]] = []

    def long(progress: Progress, request: dict[str, Any]) -> dict[str, Any]:
        progress.report(1, 2, {"made": 7})
        seen.append(jobs.get(progress.job_id).result)
        raise InputError("no", "never")

    jobs.register("long", long)
    job_id = jobs.submit("long", {}, actor="me")
    jobs.run_waiting()
    assert seen == [{"made": 7}]
    assert (jobs.get(job_id).state, jobs.get(job_id).result) == ("failed", {"made": 7})


def test_a_job_whose_worker_is_to_stop_waits_again(jobs: Jobs) -> None:
    def long(progress: Progress, request: dict[str, Any]) -> None:
        jobs.stop.asked = True
        progress.report(1, 2)

    jobs.register("long", long)
    job_id, other = jobs.submit("long", {}, actor="me"), jobs.submit("double", {"n": 1}, actor="me")
    jobs.run_until_stopped()
    assert [jobs.get(name).state for name in (job_id, other)] == ["waiting", "waiting"]
    assert [code for _, code in jobs.log_of(job_id)] == ["jobs.stopped"]
    jobs.stop.asked = False
    jobs.register("long", lambda progress, request: None)
    jobs.run_waiting()
    assert [jobs.get(name).state for name in (job_id, other)] == ["done", "done"]


def test_a_chore_that_fails_holds_up_no_other(jobs: Jobs) -> None:
    done: list[str] = []

    def broken() -> None:
        done.append("broken")
        jobs.stop.asked = True
        raise InputError("no", "never")

    jobs.chores += [broken, lambda: done.append("next")]
    jobs.run_until_stopped()
    assert done == ["broken", "next"]


def test_a_job_cancelled_between_queue_and_worker_does_not_run(jobs: Jobs) -> None:
    job_id = jobs.submit("double", {"n": 1}, actor="me")
    assert jobs.queue.next() == job_id
    assert jobs.cancel(job_id) is True
    jobs._run(job_id)
    assert (jobs.get(job_id).state, jobs.get(job_id).attempts) == ("cancelled", 0)


def test_a_job_whose_message_is_lost_is_queued_again(jobs: Jobs) -> None:
    jobs.register("end", lambda progress, request: setattr(jobs.stop, "asked", True))
    lost, last = jobs.submit("double", {"n": 1}, actor="me"), jobs.submit("end", {}, actor="me")
    while jobs.queue.next() is not None:
        pass
    jobs.run_until_stopped()
    assert [jobs.get(name).state for name in (lost, last)] == ["done", "done"]


def test_a_job_whose_message_cannot_be_queued_is_submitted_and_queued_later(in_file: Jobs, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "jobs" / FILE_NAME) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON task BEGIN SELECT RAISE(ABORT, 'full'); END")
    job_id = in_file.submit("double", {"n": 1}, actor="me")
    assert in_file.run_waiting() == 0
    with sqlite3.connect(tmp_path / "jobs" / FILE_NAME) as database:
        database.execute("DROP TRIGGER full")
    in_file.recover()
    assert in_file.run_waiting() == 1
    assert in_file.get(job_id).state == "done"


def test_two_messages_for_one_job_run_it_once(jobs: Jobs) -> None:
    job_id = jobs.submit("double", {"n": 1}, actor="me")
    while jobs.queue.next() is not None:
        pass
    assert jobs.recover() == 0
    jobs.recover()
    jobs.run_waiting()
    assert (jobs.get(job_id).state, jobs.get(job_id).attempts) == ("done", 1)


def test_who_registered_for_it_hears_of_jobs_that_are_done_or_cancelled(jobs: Jobs) -> None:
    heard: list[tuple[str, str]] = []

    def work(progress: Progress, request: dict[str, Any]) -> None:
        if request["n"] == 1:
            raise InputError("no", "never")
        if request["n"] == 2:
            jobs.cancel(progress.job_id)
            progress.report(1)

    jobs.register("heard", work, ended=lambda job: heard.append((job.id, job.state)))
    ids = [jobs.submit("heard", {"n": number}, actor="me") for number in range(3)]
    jobs.run_waiting()
    assert heard == [(ids[0], "done"), (ids[2], "cancelled")]


def test_a_cancelled_job_that_is_forgotten_cannot_be_restarted(jobs: Jobs) -> None:
    job_id = jobs.submit("double", {"n": 1}, actor="me")
    assert jobs.cancel(job_id)
    jobs.forget_one(job_id)
    with pytest.raises(Conflict):
        jobs.restart(job_id)


def test_only_one_worker_holds_the_right_to_run_jobs(jobs: Jobs, tmp_path: Path) -> None:
    other = Jobs(tmp_path / "jobs", Runtime())
    with jobs.only_worker(), pytest.raises(Conflict), other.only_worker():
        raise AssertionError("two workers")
    with other.only_worker():
        pass
    other.close()


def test_a_queue_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    opened: list[Jobs] = []
    threads = [Thread(target=lambda: opened.append(Jobs(tmp_path, Runtime()))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 12
    for each in opened:
        each.close()


def test_messages_in_redis_are_json_and_what_means_nothing_is_passed_over(redis: str, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, Runtime(), queue=redis)
    jobs.queue.huey.flush()
    jobs.register("double", double)
    for nonsense in (
        b"",
        b"\x80\x04K\x01.",
        b"[]",
        b'["id", "other.task"]',
        b'{"a": 1}',
        b'["1","x.careloom_job",null]',
    ):
        jobs.queue.huey.storage.enqueue(nonsense)
    job_id = jobs.submit("double", {"n": 1}, actor="me")
    assert any(one.startswith(b"[") and job_id.encode() in one for one in jobs.queue.huey.storage.enqueued_items())
    assert jobs.queue.waiting() == {job_id}
    assert jobs.run_waiting() == 1
    assert jobs.get(job_id).state == "done"
    jobs.close()


def test_a_redis_that_is_away_loses_no_job(tmp_path: Path) -> None:
    with redis_server(tmp_path) as address:
        jobs = Jobs(tmp_path / "jobs", Runtime(), queue=address)
        jobs.register("double", double)
        lost = jobs.submit("double", {"n": 1}, actor="me")
    away = jobs.submit("double", {"n": 2}, actor="me")
    with pytest.raises(Unavailable):
        jobs.run_waiting()
    jobs.close()
    with redis_server(tmp_path) as address:
        again = Jobs(tmp_path / "jobs", Runtime(), queue=address)
        again.register("double", double)
        again.recover()
        assert again.run_waiting() == 2
        assert [again.get(name).state for name in (lost, away)] == ["done", "done"]
        again.close()


def test_a_redis_is_asked_with_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server(tmp_path, password="of-this-test") as address:  # pragma: allowlist secret
        refused = Jobs(tmp_path / "jobs", Runtime(), queue=address)
        with pytest.raises(Unavailable):
            refused.run_waiting()
        refused.close()
        monkeypatch.setenv(PASSWORD, "of-this-test")
        jobs = Jobs(tmp_path / "jobs", Runtime(), queue=address)
        jobs.register("double", double)
        job_id = jobs.submit("double", {"n": 2}, actor="me")
        jobs.run_waiting()
        assert jobs.get(job_id).state == "done"
        jobs.close()


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        Jobs(tmp_path, Runtime(), queue="http://example.org")
