"""Linkage as a job: queued, watched, restarted like every long work."""

from collections.abc import Mapping
from typing import Any

from careloom.errors import NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.store.jobs import Job, Jobs, Progress
from careloom.store.zone_store import Zone

KIND = "linkage"
ZONE: Zone = "identified"
Json = dict[str, Any]


def submit_run(platform: Platform, who: Principal, *, full: bool = False) -> Json:
    """Queues a run and returns its job. raises AccessError."""
    admit(platform, who, "link", ZONE, operation="linkage")
    job_id = platform.run_id()
    note(platform, who, "linkage-jobs", ZONE, action="create", detail={"job": job_id})
    request = sealed(platform, {"who": rights_of(who)}) | {"full": full}
    with platform.jobs() as jobs:
        jobs.submit(KIND, request, actor=who.name, job_id=job_id)
        return _as_json(jobs.get(job_id))


def show_run(platform: Platform, who: Principal, job_id: str) -> Json:
    """How far a queued run is, and what it found. raises AccessError; NotFound."""
    admit(platform, who, "link", ZONE, operation="linkage-jobs")
    job = find_job(platform, KIND, job_id)
    if job is None:
        note(platform, who, "linkage-jobs", ZONE, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such run", "Queue one: POST /api/v1/linkage/runs.")
    note(platform, who, "linkage-jobs", ZONE, detail={"job": job.id})
    return _as_json(job)


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job, on an installation of its own."""
    from careloom.services.linkage import run  # noqa: PLC0415 - splink and DuckDB load when they are needed

    who = asker_of(platform, jobs, progress, request)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        return run(own, who, full=bool(request.get("full")), watch=progress.report)


def _as_json(job: Job) -> Json:
    return state_of(job) | {"report": job.result or None}
