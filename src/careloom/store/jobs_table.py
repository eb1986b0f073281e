"""The table of jobs: what was asked, how it goes, and its log, as codes. What to do next waits in a queue beside it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, create_engine, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.engine import Row

from careloom.errors import Conflict, NotFound
from careloom.runtime import Runtime
from careloom.store.audit_log import microseconds, time_of
from careloom.store.engine import private_folder, translated
from careloom.store.jobs_tables import FILE_NAME, make_tables
from careloom.store.jobs_tables import job as _job
from careloom.store.jobs_tables import job_log as _job_log

State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
FORGOTTEN: dict[str, Any] = {"forgotten": True}
"""What stands in place of a request that is not kept any more."""
MICRO = 1_000_000
_TIMES = ("created", "started", "ended", "due")
_SPENT = ("cpu", "wall")


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands. `total` is 0 while nobody knows how much there is; `error_code` as in `careloom.errors`.

    attempts  how often a worker took it
    failures  how often in a row it failed by an error that may pass
    due       a waiting job does not begin before; None for at once
    trace     traceparent (W3C) of the request that queued it, empty where that was no span
    cpu       seconds of processors that its tries took, in its worker and the processes that this started; None where
              nobody measured
    wall      seconds that its tries lasted, None as above
    """

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
    failures: int = 0
    due: datetime | None = None
    trace: str = ""
    cpu: float | None = None
    wall: float | None = None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs: of all that are given. `since` and `until` are of when a job was queued, half-open."""

    kind: str = ""
    state: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What jobs of one kind took that one asker queued.

    measured      of so many jobs somebody measured it
    attempts      tries of all of them
    cpu_seconds   of processors; None where nobody measured
    wall_seconds  that tries lasted, None as above
    bytes         that ingestions read, None where there was none
    """

    kind: str
    actor: str
    jobs: int
    measured: int
    attempts: int
    cpu_seconds: float | None
    wall_seconds: float | None
    bytes: int | None


class JobTable:
    """The jobs of one installation as they stand, in ``jobs.db`` of a folder."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        """Opens or makes the table."""
        private_folder(folder)
        self._path = folder / FILE_NAME
        self._runtime = runtime
        self._engine = create_engine(f"sqlite:///{self._path}", connect_args={"timeout": 30})
        with translated():
            self._path.touch(mode=0o600)
            make_tables(self._engine)

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

    def spent(self, *, since: datetime, until: datetime) -> list[Spent]:
        """What jobs took that were queued in this half-open time, by kind and asker; what took most CPU first."""
        size = func.json_extract(_job.c.result, "$.totals.bytes")
        query = (
            select(
                _job.c.kind, _job.c.actor, func.count(), func.count(_job.c.cpu), func.sum(_job.c.attempts),
                func.sum(_job.c.cpu), func.sum(_job.c.wall), func.sum(size),
            )
            .where(_job.c.created >= microseconds(since), _job.c.created < microseconds(until))
            .group_by(_job.c.kind, _job.c.actor)
            .order_by(func.coalesce(func.sum(_job.c.cpu), 0).desc(), _job.c.kind, _job.c.actor)
        )  # fmt: skip
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Spent(kind, actor, jobs, measured, attempts or 0, _seconds(cpu), _seconds(wall), read)
            for kind, actor, jobs, measured, attempts, cpu, wall, read in rows
        ]

    def oldest_waiting(self) -> datetime | None:
        """When the job that waits for longest was queued; None where none waits."""
        query = select(func.min(_job.c.created)).where(_job.c.state == "waiting")
        with translated(), self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else time_of(found)

    def listed(self, *, state: State | None = None, limit: int = 100) -> list[Job]:
        """Jobs, newest first."""
        query = select(_job).order_by(_job.c.created.desc(), _job.c.id).limit(limit)
        query = query if state is None else query.where(_job.c.state == state)
        with translated(), self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def chosen(self, wanted: JobFilter, *, before: tuple[datetime, str] | None = None, limit: int = 100) -> list[Job]:
        """Jobs, newest first, those queued before a moment; of one moment, those whose id is less."""
        query = select(_job).order_by(_job.c.created.desc(), _job.c.id.desc()).limit(limit)
        for name in ("kind", "state", "actor"):
            if value := getattr(wanted, name):
                query = query.where(_job.c[name] == value)
        if wanted.since is not None:
            query = query.where(_job.c.created >= microseconds(wanted.since))
        if wanted.until is not None:
            query = query.where(_job.c.created < microseconds(wanted.until))
        if before is not None:
            query = query.where(tuple_(_job.c.created, _job.c.id) < (microseconds(before[0]), before[1]))
        with translated(), self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def ready(self) -> list[str]:
        """Ids of jobs that wait and are due, the oldest first."""
        query = (
            select(_job.c.id).where(_job.c.state == "waiting", self._is_due()).order_by(_job.c.created).limit(10_000)
        )
        with translated(), self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def log_of(self, job_id: str) -> list[tuple[datetime, str]]:
        """(time, message code) of a job, oldest first."""
        query = select(_job_log.c.time, _job_log.c.code).where(_job_log.c.job == job_id).order_by(_job_log.c.seq)
        with translated(), self._engine.connect() as connection:
            return [(time_of(at), code) for at, code in connection.execute(query)]

    def log_after(self, job_id: str, after: int = 0, *, limit: int = 100) -> list[tuple[int, datetime, str]]:
        """(number, time, message code) of a job, oldest first; numbers only grow, and leave out some."""
        wanted = select(_job_log.c.seq, _job_log.c.time, _job_log.c.code).where(_job_log.c.job == job_id)
        query = wanted.where(_job_log.c.seq > after).order_by(_job_log.c.seq).limit(limit)
        with translated(), self._engine.connect() as connection:
            return [(number, time_of(at), code) for number, at, code in connection.execute(query)]

    def forget(self, is_doomed: Callable[[Job], bool]) -> int:
        """Destroys the requests of ended jobs for which `is_doomed` holds, in every byte of the file; how many."""
        ended = [job for job in self.listed(limit=1_000_000) if job.state in ENDED]
        doomed = [job.id for job in ended if job.request != FORGOTTEN and is_doomed(job)]
        for job_id in doomed:
            self._change(job_id, request=json.dumps(FORGOTTEN))
        self._rewrite()
        return len(doomed)

    def forget_one(self, job_id: str) -> None:
        """Destroys the request of one ended job: it cannot be restarted then."""
        self._try(job_id, ENDED, {"request": json.dumps(FORGOTTEN)})

    def ended_before(self, moment: datetime) -> list[Job]:
        """Jobs that ended before a moment, the newest first."""
        ended = [job for job in self.listed(limit=1_000_000) if job.state in ENDED]
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

    def _add(self, **values: Any) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(_job).values(**values, created=self._now()))

    def _begin(self, job: Job) -> bool:
        """A waiting job that is due runs from now on; false where it is neither."""
        values = {"state": "running", "started": self._now(), "attempts": job.attempts + 1, "due": None}
        query = update(_job).where(_job.c.id == job.id, _job.c.state == "waiting", self._is_due()).values(**values)
        with translated(), self._engine.begin() as connection:
            return connection.execute(query).rowcount == 1

    def _is_due(self) -> ColumnElement[bool]:
        return or_(_job.c.due.is_(None), _job.c.due <= self._now())

    def _end(self, job_id: str, state: State, **values: Any) -> bool:
        return self._try(job_id, ("running",), {"state": state, "ended": self._now(), **values})

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

    def _spend(self, job_id: str, cpu_seconds: float, wall_seconds: float) -> None:
        """Adds what a try took."""
        took = {_job.c.cpu: cpu_seconds, _job.c.wall: wall_seconds}
        values = {column: func.coalesce(column, 0) + round(seconds * MICRO) for column, seconds in took.items()}
        with translated(), self._engine.begin() as connection:
            connection.execute(update(_job).where(_job.c.id == job_id).values(values))

    def _log(self, job_id: str, code: str) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(_job_log).values(job=job_id, time=self._now(), code=code))

    def _now(self) -> int:
        return microseconds(self._runtime.now())


def _seconds(micro: int | None) -> float | None:
    return None if micro is None else micro / MICRO


def _read(row: Row[Any]) -> Job:
    fields = dict(row._mapping)
    for name in _TIMES:
        fields[name] = None if fields[name] is None else time_of(fields[name])
    for name in _SPENT:
        fields[name] = _seconds(fields[name])
    for name in ("request", "result"):
        fields[name] = json.loads(fields[name])
    return Job(**fields)
