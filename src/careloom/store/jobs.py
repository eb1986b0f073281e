"""Long work as jobs: a queue that survives restarts, with progress, log, cancel, restart, retries and time limits.

What to do waits in a queue of `huey` (`careloom.store.jobs_queue`); how it goes stands in the table ``job``. A job's
request is JSON and its log holds message codes: neither ever holds a patient's value. One worker at a time takes jobs,
one job after the other; a lock that ends with its process sees to that.

A message only says that somebody should look: whether a job runs is decided in its row. So a message that is lost is
sent again, one too many does nothing, and a job is begun by one worker. What it has done when its worker dies is not
undone: it is begun again, and each step of it finds out itself whether it was done (`careloom.services`).
"""

import fcntl
import json
import logging
import os
import resource
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from careloom.errors import CareloomError, Conflict, SetupError, TimedOut
from careloom.logs import log
from careloom.runtime import Runtime
from careloom.store.audit_log import microseconds
from careloom.store.jobs_queue import Queue, answered
from careloom.store.jobs_rules import PASSING, Rules, stopped_after
from careloom.store.jobs_table import FORGOTTEN, Job, JobFilter, JobTable, State
from careloom.traces import lasted, step, took, traceparent

__all__ = [
    "FORGOTTEN",
    "CancelledError",
    "Job",
    "JobFilter",
    "Jobs",
    "OverdueError",
    "Progress",
    "Rules",
    "State",
    "Stop",
    "Work",
]

Work = Callable[["Progress", dict[str, Any]], Mapping[str, Any] | None]
"""Does a job: reports through the first argument, reads its request from the second, returns its result as JSON."""

_LOCK_NAME = "worker-lock"
_POLL_SECONDS = 0.1
_POLLS_PER_LOOK = 50
"""After so many polls without work the worker looks for jobs that wait without a message in the queue."""


def cpu_seconds() -> float:
    """Seconds of processors that this process took so far, with those processes of it that have ended."""
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in each)


class CancelledError(Exception):
    """Stops the work of a job that somebody cancelled; never leaves this room."""


class StoppedError(Exception):
    """Stops the work of a job whose worker is to end: it waits again; never leaves this room."""


class OverdueError(Exception):
    """Stops the work of a job that has taken longer than it may; never leaves this room."""


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the worker to end; a signal handler may set it, for it is no lock."""

    asked: bool = False


class Progress:
    """What running work tells about itself.

    until  of the monotonic clock: a report after it ends the work; None for never
    """

    def __init__(self, jobs: "Jobs", job_id: str, until: float | None = None) -> None:
        self._jobs = jobs
        self._until = until
        self.job_id = job_id

    def report(self, done: int, total: int = 0, so_far: Mapping[str, Any] | None = None) -> None:
        """Notes how far the work is, and what would be its result if it ended now.

        raises  CancelledError if somebody asked for that, StoppedError if the worker is to end, OverdueError if the
                work has taken too long: let them pass
        """
        values: dict[str, Any] = {"done": done, "total": total}
        if so_far is not None:
            values["result"] = json.dumps(dict(so_far))
        if not self._jobs._try(self.job_id, ("running",), values):
            raise CancelledError
        if self._jobs.stop.asked:
            raise StoppedError
        if self._until is not None and time.monotonic() > self._until:
            raise OverdueError

    def log(self, code: str) -> None:
        """Adds a line to the job's log: a fixed message code, e.g. ``ingest.file-done``."""
        self._jobs._log(self.job_id, code)


class Jobs(JobTable):
    """The queue of one installation. `register` all kinds before work runs; the ones who only ask need none.

    chores    what a worker that waits for work does now and then
    may_kill  this process runs jobs and nothing else: it may be killed with one that does not end in time
    """

    def __init__(self, folder: Path, runtime: Runtime, *, queue: str = "", immediate: bool = False) -> None:
        """Opens or makes ``jobs.db`` in `folder`. With `immediate`, `submit` runs the work before it returns.

        queue  address of a Redis that holds the messages; empty for the file itself
        """
        super().__init__(folder, runtime)
        self._folder = folder
        self._works: dict[str, Work] = {}
        self._rules: dict[str, Rules] = {}
        self._ended: dict[str, Callable[[Job], object]] = {}
        self.stop = Stop()
        self.may_kill = False
        self.chores: list[Callable[[], object]] = []
        self.queue = Queue(self._path, queue, self._run, immediate=immediate)

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()
        self.queue.close()

    def register(
        self, kind: str, work: Work, *, ended: Callable[[Job], object] | None = None, rules: Rules | None = None
    ) -> None:
        """Names the work of a kind of job; `ended` gets a job that the worker ended as done or cancelled."""
        self._works[kind] = work
        if ended is not None:
            self._ended[kind] = ended
        if rules is not None:
            self._rules[kind] = rules

    def submit(
        self, kind: str, request: Mapping[str, Any], *, actor: str, job_id: str = "", due: datetime | None = None
    ) -> str:
        """The id of a new waiting job: a new one, or the one given. `request` is JSON, without a patient in clear.

        The job is there once its row is: if its message cannot be queued, the worker finds that out and queues it.

        due  it does not begin before; None for at once
        """
        job_id = job_id or f"job-{secrets.token_hex(8)}"
        row = {"id": job_id, "kind": kind, "actor": actor, "state": "waiting", "request": json.dumps(dict(request))}
        self._add(**row, due=None if due is None else microseconds(due), trace=traceparent())
        if due is not None:
            return job_id
        self._send(job_id)
        return job_id

    def _send(self, job_id: str) -> None:
        try:
            self.queue.send(job_id)
        except CareloomError as error:  # the worker finds the row
            log(__name__, "a job waits without a message", level=logging.WARNING, error_code=error.code)

    def cancel(self, job_id: str) -> bool:
        """Stops a waiting job now, a running one at its next report; true if it had not begun.

        raises  NotFound; Conflict if it has ended
        """
        values = {"state": "cancelled", "ended": self._now()}
        if self._try(job_id, ("waiting",), values):
            return True
        self._move(job_id, ("running",), **values)
        return False

    def restart(self, job_id: str) -> None:
        """Runs a failed or cancelled job again from its request. raises Conflict while it waits, runs or is done."""
        if self.get(job_id).request == FORGOTTEN:
            raise Conflict(f"what {job_id} was asked is not kept any more", "queue it anew")
        anew = {"state": "waiting", "ended": None, "error_code": "", "done": 0, "failures": 0, "due": None}
        self._move(job_id, ("failed", "cancelled"), **anew)
        self._send(job_id)

    @contextmanager
    def only_worker(self) -> Iterator[None]:
        """Holds the one right to run jobs here, until the block or this process ends. raises Conflict if it is held."""
        lock = os.open(self._folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise Conflict("another worker runs the jobs of this installation", "Stop that one first.") from None
        try:
            yield
        finally:
            os.close(lock)

    def has_worker(self) -> bool:
        """True while somebody is the `only_worker`."""
        try:
            with self.only_worker():
                return False
        except Conflict:
            return True

    def recover(self) -> int:
        """Queues again what nobody runs any more; call it as the `only_worker`, while no job runs.

        A job that stands as running lost its worker. One whose time was over by then has failed, if its tries are
        used up: it would keep every worker from all other jobs.
        """
        stranded = self.listed(state="running", limit=100_000)
        for job in stranded:
            rules = self._rules.get(job.kind, Rules())
            if self._is_overdue(job, rules) and job.attempts >= rules.attempts:
                self._end(job.id, "failed", error_code=TimedOut.code)
            else:
                self._again(job.id, "jobs.recovered")
        self._queue_lost()
        return len(stranded)

    def _is_overdue(self, job: Job, rules: Rules) -> bool:
        last = timedelta(seconds=rules.last_seconds)
        return bool(last) and job.started is not None and self._runtime.now() > job.started + last

    def run_waiting(self) -> int:
        """Runs all that waits in the queue, in this thread; returns how many jobs were taken."""
        taken = 0
        while not self.stop.asked and (job_id := self.queue.next()) is not None:
            self._answer(job_id)
            taken += 1
        return taken

    def run_until_stopped(self) -> None:
        """Runs what waits and what comes, until `stop` is asked for: a running job then waits again."""
        idle = -1
        while not self.stop.asked:
            try:
                with answered():
                    idle = 0 if self.run_waiting() else idle + 1
                if idle % _POLLS_PER_LOOK == 0:
                    self.recover()
                    self._do_chores()
            except CareloomError as error:
                log(__name__, "the queue could not be read", level=logging.ERROR, error_code=error.code)
                time.sleep(1.0)
            time.sleep(_POLL_SECONDS)

    def _do_chores(self) -> None:
        """One that fails is logged, and holds up no other."""
        for chore in self.chores:
            try:
                chore()
            except CareloomError as error:
                log(__name__, "a chore of the worker failed", level=logging.ERROR, error_code=error.code)

    def _queue_lost(self) -> None:
        """Queues what is due and has no message: it became due, or a process died. One too many does no harm."""
        queued = self.queue.waiting()
        for job_id in self.ready():
            if job_id not in queued:
                self.queue.send(job_id)

    def _answer(self, job_id: str) -> None:
        """Runs a job; one whose end cannot be written stays as running, and is found by `recover`."""
        try:
            self._run(job_id)
        except Exception as error:  # noqa: BLE001 one broken job stops no other
            log(__name__, "a job did not end", level=logging.ERROR, error_code=type(error).__name__)

    def _run(self, job_id: str) -> None:
        job = self.find(job_id)
        if job is None or not self._begin(job):
            return
        rules, began = self._rules.get(job.kind, Rules()), time.perf_counter()
        if job.due or not job.attempts:  # one that was stopped waits for the next worker, not for its turn
            waited = self._runtime.now() - max(job.created, job.due or job.created)
            lasted(f"job wait {job.kind}", max(0.0, waited.total_seconds()))
        try:
            with step(f"job {job.kind}", "consumer", job.trace, careloom_job_kind=job.kind, careloom_job_id=job.id):
                result = self._do(job, rules)
        except CancelledError:
            self._log(job_id, "jobs.cancelled")
        except StoppedError:
            self._again(job_id, "jobs.stopped")
        except OverdueError:
            self._give_up(job_id, "jobs.timed-out")
        except CareloomError as error:
            self._failed(job, rules, error)
        except Exception as error:  # noqa: BLE001 the last handler of a job: one broken job stops no other
            self._log(job_id, f"jobs.broken.{type(error).__name__}")
            self._end(job_id, "failed", error_code="internal")
        else:
            self._end(job_id, "done", result=json.dumps(dict(result or {})), request=json.dumps(FORGOTTEN), failures=0)
        job = self.get(job_id)
        took(f"job {job.state} {job.kind}", began)
        if job.state in ("done", "cancelled") and job.kind in self._ended:
            self._ended[job.kind](job)

    def _do(self, job: Job, rules: Rules) -> Mapping[str, Any] | None:
        work = self._works.get(job.kind)
        if work is None:
            raise SetupError(f"this worker knows no job of kind {job.kind}", "start a worker of the same version")
        until = time.monotonic() + rules.timeout_seconds if rules.timeout_seconds else None
        kill = stopped_after(
            rules.last_seconds if self.may_kill else 0.0, partial(self._give_up, job.id, "jobs.killed")
        )
        cpu, wall = cpu_seconds(), time.monotonic()
        try:
            with kill:
                return work(Progress(self, job.id, until), job.request)
        finally:
            with suppress(CareloomError):  # what it took is told, and decides nothing
                self._spend(job.id, cpu_seconds() - cpu, time.monotonic() - wall)

    def _give_up(self, job_id: str, code: str) -> None:
        """A job that took too long has failed, unless it was cancelled."""
        with suppress(CareloomError):  # the process ends all the same, and the next worker finds the job
            self._log(job_id, code)
            self._end(job_id, "failed", error_code=TimedOut.code)

    def _failed(self, job: Job, rules: Rules, error: CareloomError) -> None:
        """Fails for good, or waits for its next try where the error may pass and tries are left."""
        failures = job.failures + 1
        if error.code not in PASSING or failures >= rules.attempts:
            self._end(job.id, "failed", error_code=error.code, failures=failures)
            return
        self._log(job.id, f"jobs.retry.{error.code}")
        wait = rules.wait_seconds(failures, self._runtime.random_bytes(1)[0] / 255)
        due = microseconds(self._runtime.now() + timedelta(seconds=wait))
        self._try(job.id, ("running",), {"state": "waiting", "failures": failures, "due": due})

    def _again(self, job_id: str, code: str) -> None:
        """A running job waits again, unless it was cancelled."""
        self._log(job_id, code)
        if self._try(job_id, ("running",), {"state": "waiting"}):
            self._send(job_id)
