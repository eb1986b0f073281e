"""Long work as jobs: a queue that survives restarts, with progress, log, cancel and restart.

What to do waits in a queue of `huey` (SQLite); how it goes stands in the table ``job`` of the same file. A job's
request is JSON and its log holds message codes: neither ever holds a patient's value. Messages in the queue are JSON,
never pickles, so that whoever can write the file cannot run code through it. One worker at a time takes jobs, one job
after the other; a lock that ends with its process sees to that.
"""

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from huey import SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy import create_engine, delete, func, insert, select, update
from sqlalchemy.engine import Row

from careloom.errors import CareloomError, Conflict, NotFound, SetupError
from careloom.logs import log
from careloom.runtime import Runtime
from careloom.store.audit_log import microseconds, time_of
from careloom.store.engine import private_folder, translated
from careloom.store.jobs_tables import FILE_NAME, make_tables
from careloom.store.jobs_tables import job as _job
from careloom.store.jobs_tables import job_log as _job_log

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Work = Callable[["Progress", dict[str, Any]], Mapping[str, Any] | None]
"""Does a job: reports through the first argument, reads its request from the second, returns its result as JSON."""

_LOCK_NAME = "worker-lock"
_POLL_SECONDS = 0.1
_POLLS_PER_LOOK = 50
"""After so many polls without work the worker looks for jobs that wait without a message in the queue."""
FORGOTTEN: dict[str, Any] = {"forgotten": True}
"""What stands in place of a request that is not kept any more."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands. `total` is 0 while nobody knows how much there is; `error_code` as in `careloom.errors`."""

    id: str
    kind: str
    actor: str
    state: State
    request: dict[str, Any]
    result: dict[str, Any]
    done: int
    total: int
    attempts: int
    error_code: str
    created: datetime
    started: datetime | None
    ended: datetime | None


class CancelledError(Exception):
    """Stops the work of a job that somebody cancelled; never leaves this room."""


class StoppedError(Exception):
    """Stops the work of a job whose worker is to end: it waits again; never leaves this room."""


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the worker to end; a signal handler may set it, for it is no lock."""

    asked: bool = False


class _JsonMessages(Serializer):  # type: ignore[misc]
    """Queue messages as JSON lists; the base class would use pickle."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(list(data)).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class Progress:
    """What running work tells about itself."""

    def __init__(self, jobs: "Jobs", job_id: str) -> None:
        self._jobs = jobs
        self.job_id = job_id

    def report(self, done: int, total: int = 0, so_far: Mapping[str, Any] | None = None) -> None:
        """Notes how far the work is, and what would be its result if it ended now.

        raises  CancelledError if somebody asked for that, StoppedError if the worker is to end: let them pass
        """
        values: dict[str, Any] = {"done": done, "total": total}
        if so_far is not None:
            values["result"] = json.dumps(dict(so_far))
        if not self._jobs._try(self.job_id, ("running",), values):
            raise CancelledError
        if self._jobs.stop.asked:
            raise StoppedError

    def log(self, code: str) -> None:
        """Adds a line to the job's log: a fixed message code, e.g. ``ingest.file-done``."""
        self._jobs._log(self.job_id, code)


class Jobs:
    """The queue of one installation. `register` all kinds before work runs; the ones who only ask need none.

    chores  what a worker that waits for work does now and then
    """

    def __init__(self, folder: Path, runtime: Runtime, *, immediate: bool = False) -> None:
        """Opens or makes ``jobs.db`` in `folder`. With `immediate`, `submit` runs the work before it returns."""
        private_folder(folder)
        self._path = folder / FILE_NAME
        self._runtime = runtime
        self._works: dict[str, Work] = {}
        self._folder = folder
        self._ended: dict[str, Callable[[Job], object]] = {}
        self.stop = Stop()
        self.chores: list[Callable[[], object]] = []
        self._engine = create_engine(f"sqlite:///{self._path}", connect_args={"timeout": 30})
        with translated():
            self._path.touch(mode=0o600)
            make_tables(self._engine)
        self.huey = SqliteHuey(
            "careloom", filename=str(self._path), fsync=True, results=False, serializer=_JsonMessages(), utc=True,
            immediate=immediate, immediate_use_memory=False,
        )  # fmt: skip
        self._task = self.huey.task(name="careloom_job")(self._run)

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()
        self.huey.storage.close()

    def register(self, kind: str, work: Work, *, ended: Callable[[Job], object] | None = None) -> None:
        """Names the work of a kind of job; `ended` gets a job that the worker ended as done or cancelled."""
        self._works[kind] = work
        if ended is not None:
            self._ended[kind] = ended

    def submit(self, kind: str, request: Mapping[str, Any], *, actor: str, job_id: str = "") -> str:
        """The id of a new waiting job: a new one, or the one given. `request` is JSON, without a patient in clear.

        The job is there once its row is: if its message cannot be queued, the worker finds that out and queues it.
        """
        job_id = job_id or f"job-{secrets.token_hex(8)}"
        row = {"id": job_id, "kind": kind, "actor": actor, "state": "waiting", "request": json.dumps(dict(request))}
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(_job).values(**row, created=self._now()))
        try:
            with translated():
                self._task(job_id)
        except CareloomError as error:
            log(__name__, "a job waits without a message", level=logging.WARNING, error_code=error.code)
        return job_id

    def get(self, job_id: str) -> Job:
        """The job as it stands. raises NotFound."""
        job = self.find(job_id)
        if job is None:
            raise NotFound("there is no such job", "list the jobs to see their ids")
        return job

    def find(self, job_id: str) -> Job | None:
        """The job as it stands, None if there is none of this id."""
        with translated(), self._engine.connect() as connection:
            row = connection.execute(select(_job).where(_job.c.id == job_id)).one_or_none()
        return None if row is None else _read(row)

    def page(self, kind: str, *, before: str, limit: int) -> list[Job]:
        """Jobs of one kind in falling order of their ids, those below `before`."""
        query = select(_job).where(_job.c.kind == kind, _job.c.id < before).order_by(_job.c.id.desc()).limit(limit)
        with translated(), self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def counted(self) -> dict[str, int]:
        """How many jobs there are, by state."""
        query = select(_job.c.state, func.count()).group_by(_job.c.state)
        with translated(), self._engine.connect() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def listed(self, *, state: State | None = None, limit: int = 100) -> list[Job]:
        """Jobs, newest first."""
        query = select(_job).order_by(_job.c.created.desc(), _job.c.id).limit(limit)
        query = query if state is None else query.where(_job.c.state == state)
        with translated(), self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def log_of(self, job_id: str) -> list[tuple[datetime, str]]:
        """(time, message code) of a job, oldest first."""
        query = select(_job_log.c.time, _job_log.c.code).where(_job_log.c.job == job_id).order_by(_job_log.c.seq)
        with translated(), self._engine.connect() as connection:
            return [(time_of(at), code) for at, code in connection.execute(query)]

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
        self._move(job_id, ("failed", "cancelled"), state="waiting", ended=None, error_code="", done=0)
        with translated():
            self._task(job_id)

    def forget(self, is_doomed: Callable[[Job], bool]) -> int:
        """Destroys the requests of ended jobs for which `is_doomed` holds, in every byte of the file; how many."""
        ended = [job for job in self.listed(limit=1_000_000) if job.state in ("failed", "cancelled", "done")]
        doomed = [job.id for job in ended if job.request != FORGOTTEN and is_doomed(job)]
        for job_id in doomed:
            self._change(job_id, request=json.dumps(FORGOTTEN))
        self._rewrite()
        return len(doomed)

    def ended_before(self, moment: datetime) -> list[Job]:
        """Jobs that ended before a moment, the newest first."""
        ended = [job for job in self.listed(limit=1_000_000) if job.state in ("failed", "cancelled", "done")]
        return [job for job in ended if job.ended is not None and job.ended < moment]

    def remove(self, job_ids: Sequence[str]) -> None:
        """Removes ended jobs and their logs, in every byte of the file."""
        with translated(), self._engine.begin() as connection:
            for job_id in job_ids:
                connection.execute(delete(_job_log).where(_job_log.c.job == job_id))
                connection.execute(delete(_job).where(_job.c.id == job_id))
        self._rewrite()

    def _rewrite(self) -> None:
        with translated(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)

    def forget_one(self, job_id: str) -> None:
        """Destroys the request of one ended job: it cannot be restarted then."""
        self._try(job_id, ("failed", "cancelled", "done"), {"request": json.dumps(FORGOTTEN)})

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

    def recover(self) -> int:
        """Queues again what was running when a worker died; call it as the `only_worker`, before anything runs."""
        stranded = [job.id for job in self.listed(state="running", limit=100_000)]
        for job_id in stranded:
            self._again(job_id, "jobs.recovered")
        self._queue_lost()
        return len(stranded)

    def run_waiting(self) -> int:
        """Runs all that waits in the queue, in this thread; returns how many jobs were taken."""
        taken = 0
        while not self.stop.asked and (task := self.huey.dequeue()) is not None:
            self.huey.execute(task)
            taken += 1
        return taken

    def run_until_stopped(self) -> None:
        """Runs what waits and what comes, until `stop` is asked for: a running job then waits again."""
        idle = -1
        while not self.stop.asked:
            try:
                with translated():
                    idle = 0 if self.run_waiting() else idle + 1
                if idle % _POLLS_PER_LOOK == 0:
                    self._queue_lost()
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
        """Queues jobs that wait without a message: a process died between the two. One too many does no harm."""
        with translated():
            queued = {message.args[0] for message in self.huey.pending()}
            for job in reversed(self.listed(state="waiting", limit=10_000)):
                if job.id not in queued:
                    self._task(job.id)

    def _run(self, job_id: str) -> None:
        job = self.find(job_id)
        begun = {"state": "running", "started": self._now(), "attempts": job.attempts + 1 if job else 0}
        if job is None or not self._try(job_id, ("waiting",), begun):
            return
        try:
            work = self._works.get(job.kind)
            if work is None:
                raise SetupError(f"this worker knows no job of kind {job.kind}", "start a worker of the same version")
            result = work(Progress(self, job_id), job.request)
        except CancelledError:
            self._log(job_id, "jobs.cancelled")
        except StoppedError:
            self._again(job_id, "jobs.stopped")
        except CareloomError as error:
            self._end(job_id, "failed", error_code=error.code)
        except Exception as error:  # noqa: BLE001 the last handler of a job: one broken job stops no other
            self._log(job_id, f"jobs.broken.{type(error).__name__}")
            self._end(job_id, "failed", error_code="internal")
        else:
            self._end(job_id, "done", result=json.dumps(dict(result or {})), request=json.dumps(FORGOTTEN))
        job = self.get(job_id)
        if job.state in ("done", "cancelled") and job.kind in self._ended:
            self._ended[job.kind](job)

    def _again(self, job_id: str, code: str) -> None:
        """A running job waits again, unless it was cancelled."""
        self._log(job_id, code)
        if self._try(job_id, ("running",), {"state": "waiting"}):
            with translated():
                self._task(job_id)

    def _end(self, job_id: str, state: State, **values: Any) -> None:
        self._try(job_id, ("running",), {"state": state, "ended": self._now(), **values})

    def _move(self, job_id: str, from_states: tuple[State, ...], **values: Any) -> None:
        if not self._try(job_id, from_states, values):
            raise Conflict(f"the job is {self.get(job_id).state}", "look at it again before changing it")

    def _try(self, job_id: str, from_states: tuple[State, ...], values: Mapping[str, Any]) -> bool:
        """Changes the job if it is in one of the states; whether it was."""
        query = update(_job).where(_job.c.id == job_id, _job.c.state.in_(from_states)).values(**values)
        with translated(), self._engine.begin() as connection:
            return connection.execute(query).rowcount == 1

    def _change(self, job_id: str, **values: Any) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(update(_job).where(_job.c.id == job_id).values(**values))

    def _log(self, job_id: str, code: str) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(_job_log).values(job=job_id, time=self._now(), code=code))

    def _now(self) -> int:
        return microseconds(self._runtime.now())


def _read(row: Row[Any]) -> Job:
    fields = dict(row._mapping)
    for name in ("created", "started", "ended"):
        fields[name] = None if fields[name] is None else time_of(fields[name])
    for name in ("request", "result"):
        fields[name] = json.loads(fields[name])
    return Job(**fields)
