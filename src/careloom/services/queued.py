"""Queued work as its asker sees it: found by id, shown as it stands, done in the asker's name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from careloom.services.access import Principal, local_operator
from careloom.services.platform import Platform
from careloom.store.jobs import Job, Jobs, Progress

Json = dict[str, Any]


def find_job(platform: Platform, kind: str, job_id: str) -> Job | None:
    """The job of this kind and id; None where there is none. Looking does not make the queue."""
    if not platform.has_jobs():
        return None
    with platform.jobs() as jobs:
        job = jobs.find(job_id)
    return job if job is not None and job.kind == kind else None


def state_of(job: Job) -> Json:
    """``id``, ``state``, ``actor``, ``started``, ``ended``, ``progress`` and ``error``, None where nothing failed."""
    return {
        "id": job.id,
        "state": job.state,
        "actor": job.actor,
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
        "progress": {"done": job.done, "total": job.total},
        "error": job.error_code or None,
    }


def state_of_report(report: Json, total: int) -> Json:
    """The same of finished work that was never queued, from its report: it was done by the command line."""
    told = {name: report[name] for name in ("id", "actor", "started", "ended")}
    return told | {"state": "done", "progress": {"done": total, "total": total}, "error": None}


def asker_of(jobs: Jobs, progress: Progress, asked: Mapping[str, Any]) -> Principal:
    """Whoever asked for the running job, with the purpose and the request that it was asked under."""
    who = local_operator(jobs.get(progress.job_id).actor)
    actors = frozenset(asked.get("actors", ()))
    return replace(who, purpose=asked.get("purpose", who.purpose), request=asked.get("request", ""), actors=actors)
