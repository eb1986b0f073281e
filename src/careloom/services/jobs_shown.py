"""Jobs as their askers see them over HTTP: their own, or those of everybody for who may operate the installation."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from careloom.errors import Conflict, NotFound
from careloom.services import jobs as service
from careloom.services.access import Principal, Verb, Zone
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.store.audit_log import microseconds, time_of
from careloom.store.jobs import Job, JobFilter, Jobs

Json = dict[str, Any]
OPERATION = "jobs"
CURSOR_PATTERN = r"^([0-9]{1,17}\.[A-Za-z0-9-]{1,64})?$"
RIGHTS: dict[str, tuple[tuple[Verb, ...], tuple[Zone, ...]]] = {
    "annotate": (("annotate",), ()),
    "audit-verify": (("audit",), ("identified", "research", "synthetic")),
    "deidentify": (("deidentify",), ("identified", "research")),
    "duplicates": (("link",), ("identified",)),
    "erase": (("erase",), ("landing", "identified", "research", "synthetic")),
    "export": (("read", "search"), ()),
    "ingest": (("ingest",), ("landing", "identified")),
    "lake-refresh": (("search",), ()),
    "linkage": (("link",), ("identified",)),
    "normalize": (("ingest",), ("identified",)),
    "quality": (("quality",), ()),
    "redrive": (("ingest",), ("landing", "identified")),
    "score-cohort": (("search",), ()),
    "train-risk": (("train",), ()),
}
"""Kind -> verbs, and zones, that whoever queued such a job needs to stop it or run it again; no zones: that of the job.

A job of any other kind is stopped and run again by operators alone. The rights are asked for anew, for those under
which it was queued may have been taken since."""
_SEEN_BY: dict[str, tuple[Verb, ...]] = {
    "models-pipeline": ("train",),
    "synthesize": ("read",),
}
"""Kind -> verbs of which a token covers one that shows one's own job, where `RIGHTS` has none; else ``operate``."""
PLACES: dict[str, str] = {
    "annotate": "/api/v1/nlp/annotations/{id}",
    "audit-verify": "/api/v1/audit/verifications/{id}",
    "deidentify": "/api/v1/deidentifications/{id}",
    "duplicates": "/api/v1/linkage/duplicates/looks/{id}",
    "erase": "/api/v1/subjects/erasure-runs/{id}",
    "export": "/fhir/{zone}/$export/{id}",
    "ingest": "/api/v1/ingestions/{id}",
    "lake-refresh": "/api/v1/lake/{zone}/refreshes/{id}",
    "linkage": "/api/v1/linkage/runs/{id}",
    "models-pipeline": "/api/v1/model-runs/{id}",
    "monitor": "/api/v1/monitoring/looks/{id}",
    "normalize": "/api/v1/normalizations/{id}",
    "quality": "/api/v1/quality/looks/{id}",
    "redrive": "/api/v1/quarantine/redrives/{id}",
    "score-cohort": "/api/v1/score-runs/{id}",
}
"""Kind -> where what a job makes is shown."""


@dataclass(frozen=True, slots=True)
class JobsAsk:
    """Which jobs, and which page of them: `cursor` is ``next`` of the page before."""

    wanted: JobFilter = field(default_factory=JobFilter)
    limit: int = 20
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watcher knows: the last number of the log, and the job as it was told; nothing yet by default."""

    log: int = 0
    told: str = ""

    @property
    def id(self) -> str:
        """As the id of an event: what comes back in Last-Event-ID."""
        return f"{self.log}:{self.told}"


Event = tuple[str, str, Json]
"""Name, id and data: ``log`` a line, ``progress`` a job that goes on, ``end`` one that has ended."""


def list_page(platform: Platform, who: Principal, ask: JobsAsk) -> Json:
    """``items`` newest first, and ``next``, the cursor of the page after them or None."""
    wanted = ask.wanted if _operates(who) else replace(ask.wanted, actor=who.name)
    found: list[Job] = []
    if platform.has_jobs() and ask.wanted.actor in ("", wanted.actor):  # of others there are none to see
        with platform.jobs() as jobs:
            found = _seen_of(jobs, who, wanted, ask)
    page = found[: ask.limit]
    note(platform, who, OPERATION, "landing", detail={"listed": len(page)})
    more = f"{microseconds(page[-1].created)}.{page[-1].id}" if len(found) > len(page) else None
    return {"items": [as_json(job) for job in page], "next": more}


def show_one(platform: Platform, who: Principal, job_id: str) -> Json:
    """One job. raises NotFound, also for one of somebody else."""
    job = _visible(platform, who, job_id)
    note(platform, who, OPERATION, "landing", detail={"job": job.id})
    return as_json(job)


def log_page(platform: Platform, who: Principal, job_id: str, *, after: int, limit: int) -> Json:
    """``items`` (number, time, code), oldest first, and ``next``, the number after which the next page begins."""
    job = _visible(platform, who, job_id)
    with platform.jobs() as jobs:
        lines = jobs.log_after(job.id, after, limit=limit + 1)
    note(platform, who, OPERATION, "landing", detail={"job": job.id, "lines": min(len(lines), limit)})
    page = lines[:limit]
    return {"items": [_line(*line) for line in page], "next": page[-1][0] if len(lines) > limit else None}


def cancel_one(platform: Platform, who: Principal, job_id: str) -> Json:
    """The job after it was asked to stop. raises NotFound; AccessError; Conflict if it has ended."""
    return as_json(service.cancel(platform, who, _changeable(platform, who, job_id).id))


def retry_one(platform: Platform, who: Principal, job_id: str) -> Json:
    """The job as it waits again. raises NotFound; AccessError; Conflict unless it failed or was cancelled."""
    return as_json(service.restart(platform, who, _changeable(platform, who, job_id).id))


def watch(platform: Platform, who: Principal, job_id: str, last_event: str) -> "Watch":
    """What will be told of a job from now on. raises NotFound, before anything is told.

    last_event  id of the last event that the watcher has, from where it goes on; empty for none
    """
    job = _visible(platform, who, job_id)
    note(platform, who, OPERATION, "landing", detail={"job": job.id, "watched": True})
    return Watch(platform, job.id, _seen(last_event))


class Watch:
    """The events of one job. Each look reads the job and its log, and tells what changed since the last one."""

    def __init__(self, platform: Platform, job_id: str, seen: Seen) -> None:
        self._platform = platform
        self._job_id = job_id
        self._seen = seen

    def is_told(self) -> bool:
        """True when it has ended and the watcher knows."""
        with self._platform.jobs() as jobs:
            job = jobs.find(self._job_id)
            return job is None or (self._is_over(job) and not jobs.log_after(job.id, self._seen.log, limit=1))

    def _is_over(self, job: Job) -> bool:
        return job.ended is not None and self._seen.told == _told(job)

    def events(self, pause: Callable[[], bool]) -> Iterator[Event | None]:
        """What happened, as it happens; None after each look that found nothing. Ends when the job has.

        pause  waits until the next look, and says whether there is one
        """
        with self._platform.jobs() as jobs:
            while True:
                job = jobs.find(self._job_id)
                if job is None or self._is_over(job):
                    return
                found = [*self._log(jobs), *self._change(job)]
                if not found:
                    yield None
                yield from found
                if job.ended is not None or not pause():
                    return

    def _log(self, jobs: Jobs) -> Iterator[Event]:
        while lines := jobs.log_after(self._job_id, self._seen.log):
            for number, time, code in lines:
                self._seen = replace(self._seen, log=number)
                yield "log", self._seen.id, _line(number, time, code)

    def _change(self, job: Job) -> Iterator[Event]:
        told = _told(job)
        if told != self._seen.told:
            self._seen = replace(self._seen, told=told)
            yield "end" if job.ended is not None else "progress", self._seen.id, as_json(job)


def as_json(job: Job) -> Json:
    """A job as HTTP and the SDK show it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "actor": job.actor,
        "created": job.created.isoformat(),
        "due": job.due.isoformat() if job.due else None,
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
        "progress": {"done": job.done, "total": job.total},
        "attempts": job.attempts,
        "failures": job.failures,
        "error": job.error_code or None,
        "about": _place(job),
        "cpu_seconds": job.cpu,
        "wall_seconds": job.wall,
        "bytes": _bytes(job),
    }


def _bytes(job: Job) -> int | None:
    """What an ingestion read; None of other jobs."""
    totals = job.result.get("totals")
    size = totals.get("bytes") if isinstance(totals, dict) else None
    return size if isinstance(size, int) else None


def _place(job: Job) -> str | None:
    template = PLACES.get(job.kind, "")
    zone = job.request.get("zone") or job.result.get("zone") or ""
    if not template or job.id.startswith("job-") or ("{zone}" in template and not zone):  # goes on with what has an id
        return None
    return template.replace("{zone}", str(zone)).replace("{id}", job.id)


def _line(number: int, time: datetime, code: str) -> Json:
    return {"number": number, "time": time.isoformat(), "code": code}


def _told(job: Job) -> str:
    return f"{job.state}.{job.attempts}.{job.done}.{job.total}"


def _seen(last_event: str) -> Seen:
    number, _, told = last_event.partition(":")
    is_ours = re.fullmatch(r"[0-9]{1,15}", number) and re.fullmatch(r"[a-z]{0,12}[0-9.]{0,80}", told)
    return Seen(int(number), told) if is_ours else Seen()


def _before(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    created, _, job_id = cursor.partition(".")
    return time_of(int(created)), job_id


def _seen_of(jobs: Jobs, who: Principal, wanted: JobFilter, ask: JobsAsk) -> list[Job]:
    """A page of jobs that `who` sees, and the first of the page after it."""
    found: list[Job] = []
    before = _before(ask.cursor)
    while read := jobs.chosen(wanted, before=before, limit=ask.limit + 1):
        found += [job for job in read if _sees(who, job)]
        if len(found) > ask.limit or len(read) <= ask.limit:
            break
        before = read[-1].created, read[-1].id
    return found[: ask.limit + 1]


def _sees(who: Principal, job: Job) -> bool:
    """An operator all; others their own, of a kind about which the token at hand says something, and is of no patient.

    A token for one patient shows none: what its person asked for without it may be about everybody.
    """
    if _operates(who):
        return True
    if job.actor != who.name or who.patient:
        return False
    verbs, _ = RIGHTS.get(job.kind, (_SEEN_BY.get(job.kind, ("operate",)), ()))
    return who.scopes is None or any(scope.verb in verbs for scope in who.scopes)


def _operates(who: Principal) -> bool:
    return who.may("operate", "landing")


def _visible(platform: Platform, who: Principal, job_id: str) -> Job:
    """The job, if the caller sees it: see `_sees`. raises NotFound, audited"""
    job = None
    if platform.has_jobs():
        with platform.jobs() as jobs:
            job = jobs.find(job_id)
    if job is None or not _sees(who, job):
        detail = {"code": NotFound.code}
        note(platform, who, OPERATION, "landing", outcome="refused" if job is not None else "failed", detail=detail)
        raise NotFound("there is no such job, or it is somebody else's", "List them: GET /api/v1/jobs.")
    return job


def _changeable(platform: Platform, who: Principal, job_id: str) -> Job:
    job = _visible(platform, who, job_id)
    if _operates(who):
        admit(platform, who, "operate", "landing", operation=OPERATION)
        return job
    verbs, zones = RIGHTS.get(job.kind, ((), ()))
    if not verbs:
        admit(platform, who, "operate", "landing", operation=OPERATION)
    places = zones or tuple(one for one in (job.request.get("zone"),) if one)
    if not places:
        raise Conflict("what the job was asked is not kept any more", "Queue it anew.")
    for zone in places:
        for verb in verbs:
            admit(platform, who, verb, zone, operation=OPERATION)
    return job
