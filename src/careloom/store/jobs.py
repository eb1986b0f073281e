"""Long work as jobs: a queue that survives restarts, with progress, log, cancel and restart.

What to do waits in a queue of `huey` (SQLite); how it goes stands in the table ``job`` of the same file. A job's
request is JSON and its log holds message codes: neither ever holds a patient's value. Messages in the queue are JSON,
never pickles, so that whoever can write the file cannot run code through it.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from huey import SqliteHuey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, create_engine, event, insert, select, update
from sqlalchemy.engine import Row

from careloom.errors import CareloomError, Conflict, NotFound, SetupError
from careloom.runtime import Runtime
from careloom.store.audit_log import microseconds, time_of
from careloom.store.engine import private_folder, translated

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Work = Callable[["Progress", dict[str, Any]], Mapping[str, Any] | None]
"""Does a job: reports through the first argument, reads its request from the second, returns its result as JSON."""

FILE_NAME = "jobs.db"
FORGOTTEN: dict[str, Any] = {"forgotten": True}
"""What stands in place of a request that is not kept any more."""
_metadata = MetaData()
_job = Table(
    "job",
    _metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("result", Text, nullable=False, default="{}"),
    Column("done", BigInteger, nullable=False, default=0),
    Column("total", BigInteger, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("error_code", Text, nullable=False, default=""),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("ended", BigInteger),
)
_job_log = Table(
    "job_log",
    _metadata,
    Column("seq", Integer, primary_key=True),
    Column("job", Text, nullable=False, index=True),
    Column("time", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
)


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

    def report(self, done: int, total: int = 0) -> None:
        """Notes how far the work is. raises CancelledError if somebody asked for that: let it pass."""
        self._jobs._change(self.job_id, done=done, total=total)
        if self._jobs.get(self.job_id).state == "cancelled":
            raise CancelledError

    def log(self, code: str) -> None:
        """Adds a line to the job's log: a fixed message code, e.g. ``ingest.file-done``."""
        self._jobs._log(self.job_id, code)


class Jobs:
    """The queue of one installation. `register` all kinds before work runs; the ones who only ask need none."""

    def __init__(self, folder: Path, runtime: Runtime, *, immediate: bool = False) -> None:
        """Opens or makes ``jobs.db`` in `folder`. With `immediate`, `submit` runs the work before it returns."""
        private_folder(folder)
        self._path = folder / FILE_NAME
        self._runtime = runtime
        self._works: dict[str, Work] = {}
        self._engine = create_engine(f"sqlite:///{self._path}", connect_args={"timeout": 30})
        event.listen(self._engine, "connect", _prepare)
        with translated():
            self._path.touch(mode=0o600)
            _metadata.create_all(self._engine)
        self.huey = SqliteHuey(
            "careloom", filename=str(self._path), fsync=True, results=False, serializer=_JsonMessages(), utc=True,
            immediate=immediate, immediate_use_memory=False,
        )  # fmt: skip
        self._task = self.huey.task(name="careloom_job")(self._run)

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()
        self.huey.storage.close()

    def register(self, kind: str, work: Work) -> None:
        """Names the work of a kind of job."""
        self._works[kind] = work

    def submit(self, kind: str, request: Mapping[str, Any], *, actor: str) -> str:
        """The id of a new waiting job. `request` is JSON and names no patient in clear."""
        job_id = f"job-{secrets.token_hex(8)}"
        row = {"id": job_id, "kind": kind, "actor": actor, "state": "waiting", "request": json.dumps(dict(request))}
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(_job).values(**row, created=self._now()))
        self._task(job_id)
        return job_id

    def get(self, job_id: str) -> Job:
        """The job as it stands. raises NotFound."""
        with translated(), self._engine.connect() as connection:
            row = connection.execute(select(_job).where(_job.c.id == job_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no job {job_id}", "list the jobs to see their ids")
        return _read(row)

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
            return [(time_of(time), code) for time, code in connection.execute(query)]

    def cancel(self, job_id: str) -> None:
        """Stops a waiting job now, a running one at its next report. raises Conflict if it has ended."""
        self._move(job_id, ("waiting", "running"), state="cancelled", ended=self._now())

    def restart(self, job_id: str) -> None:
        """Runs a failed or cancelled job again from its request. raises Conflict while it waits, runs or is done."""
        if self.get(job_id).request == FORGOTTEN:
            raise Conflict(f"what {job_id} was asked is not kept any more", "queue it anew")
        self._move(job_id, ("failed", "cancelled"), state="waiting", ended=None, error_code="", done=0)
        self._task(job_id)

    def forget(self, is_doomed: Callable[[dict[str, Any]], bool]) -> int:
        """Destroys the requests of ended jobs for which `is_doomed` holds, in every byte of the file; how many."""
        ended = [job for job in self.listed(limit=1_000_000) if job.state in ("failed", "cancelled", "done")]
        doomed = [job.id for job in ended if job.request != FORGOTTEN and is_doomed(job.request)]
        for job_id in doomed:
            self._change(job_id, request=json.dumps(FORGOTTEN))
        with translated(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)
        return len(doomed)

    def recover(self) -> int:
        """Queues again what was running when a worker died; call it once before the only worker starts."""
        stranded = [job.id for job in self.listed(state="running", limit=100_000)]
        for job_id in stranded:
            self._move(job_id, ("running",), state="waiting")
            self._log(job_id, "jobs.recovered")
            self._task(job_id)
        return len(stranded)

    def run_waiting(self) -> int:
        """Runs all that waits in the queue, in this thread; returns how many jobs were taken."""
        taken = 0
        while (task := self.huey.dequeue()) is not None:
            self.huey.execute(task)
            taken += 1
        return taken

    def consumer(self, workers: int = 1) -> Consumer:
        """A worker that runs jobs until it is stopped; see `careloom.worker`."""
        return self.huey.create_consumer(workers=workers, periodic=False, worker_type="thread")

    def _run(self, job_id: str) -> None:
        job = self.get(job_id)
        if job.state != "waiting":
            return
        self._change(job_id, state="running", started=self._now(), attempts=job.attempts + 1)
        try:
            work = self._works.get(job.kind)
            if work is None:
                raise SetupError(f"this worker knows no job of kind {job.kind}", "start a worker of the same version")
            result = work(Progress(self, job_id), job.request)
        except CancelledError:
            self._log(job_id, "jobs.cancelled")
        except CareloomError as error:
            self._end(job_id, "failed", error_code=error.code)
        except Exception as error:  # noqa: BLE001 the last handler of a job: one broken job stops no other
            self._log(job_id, f"jobs.broken.{type(error).__name__}")
            self._end(job_id, "failed", error_code="internal")
        else:
            self._end(job_id, "done", result=json.dumps(dict(result or {})), request=json.dumps(FORGOTTEN))

    def _end(self, job_id: str, state: State, **values: Any) -> None:
        query = update(_job).where(_job.c.id == job_id, _job.c.state == "running")
        with translated(), self._engine.begin() as connection:
            connection.execute(query.values(state=state, ended=self._now(), **values))

    def _move(self, job_id: str, from_states: tuple[State, ...], **values: Any) -> None:
        query = update(_job).where(_job.c.id == job_id, _job.c.state.in_(from_states)).values(**values)
        with translated(), self._engine.begin() as connection:
            is_moved = connection.execute(query).rowcount == 1
        if not is_moved:
            raise Conflict(f"job {job_id} is {self.get(job_id).state}", "look at it again before changing it")

    def _change(self, job_id: str, **values: Any) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(update(_job).where(_job.c.id == job_id).values(**values))

    def _log(self, job_id: str, code: str) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(_job_log).values(job=job_id, time=self._now(), code=code))

    def _now(self) -> int:
        return microseconds(self._runtime.now())


def _prepare(connection: Any, _record: Any) -> None:
    for pragma in ("PRAGMA journal_mode=WAL", "PRAGMA secure_delete=ON"):
        connection.execute(pragma)


def _read(row: Row[Any]) -> Job:
    fields = dict(row._mapping)
    for name in ("created", "started", "ended"):
        fields[name] = None if fields[name] is None else time_of(fields[name])
    for name in ("request", "result"):
        fields[name] = json.loads(fields[name])
    return Job(**fields)
