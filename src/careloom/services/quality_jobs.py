"""Looks at the quality of a zone as jobs: queued, watched, done by the worker."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from careloom.errors import NotFound
from careloom.services.access import Principal, local_operator
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.quality import QualityAsk, quality, rules_in_force, runs_of, since_of
from careloom.services.search import zone_of
from careloom.store.jobs import Job, Jobs, Progress

LOOK_KIND = "quality"
Json = dict[str, Any]


def submit_look(platform: Platform, who: Principal, ask: QualityAsk) -> Json:
    """Queues a look and returns its state; its id is also that of the run.

    raises  AccessError; QueryError; InputError for malformed rules
    """
    zone = zone_of(ask.zone)
    admit(platform, who, "quality", zone, operation="quality-queue")
    since_of(ask.since)
    rules_in_force(platform, ask)
    run_id = platform.run_id()
    request = {
        "zone": zone, "source": ask.source, "since": ask.since, "thresholds": dict(ask.thresholds),
        "purpose": who.purpose, "request": who.request,
    }  # fmt: skip
    note(platform, who, "quality-queue", zone, action="create", detail={"run": run_id})
    with platform.jobs() as jobs:
        jobs.submit(LOOK_KIND, sealed(platform, request) | {"zone": zone}, actor=who.name, job_id=run_id)
        return _state(jobs.get(run_id), zone)


def look_state(platform: Platform, who: Principal, run_id: str) -> Json:
    """How far a look is: ``id``, ``zone``, ``state``, ``actor``, ``started``, ``ended``, ``progress``, ``error``.

    raises  AccessError; NotFound
    """
    job = _find(platform, run_id)
    if job is not None:
        zone = zone_of(job.request.get("zone") or job.result.get("zone", ""))
        admit(platform, who, "quality", zone, operation="quality-state")
        told = _state(job, zone)
    else:
        brief = next((one for one in runs_of(platform).briefs(("identified", "research", "synthetic"))
                      if one["run_id"] == run_id), None)  # fmt: skip
        if brief is None:
            admit(platform, who, "quality", "identified", operation="quality-state")
            raise NotFound("there is no look at the data of this id", "List them: careloom quality runs.")
        zone = zone_of(brief["zone"])
        admit(platform, who, "quality", zone, operation="quality-state")
        done = {"done": brief["resources"], "total": brief["resources"]}
        told = {"id": run_id, "zone": zone, "state": "done", "actor": brief["actor"], "started": brief["started"],
                "ended": brief["ended"], "progress": done, "error": None}  # fmt: skip
    note(platform, who, "quality-state", zone, detail={"run": run_id})
    return told


def do_look(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does a queued look, in the name of whoever asked for it."""
    asked = unsealed(platform, request)
    who = local_operator(jobs.get(progress.job_id).actor)
    who = replace(who, purpose=asked["purpose"], request=asked["request"])
    ask = QualityAsk(asked["zone"], asked["source"], asked["since"], None, asked["thresholds"], progress.job_id)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        report = quality(own, who, ask, progress.report)
    return {"run": progress.job_id, "zone": report["zone"], "score": report["score"]}


def _find(platform: Platform, run_id: str) -> Job | None:
    if not platform.has_jobs():
        return None
    with platform.jobs() as jobs:
        job = jobs.find(run_id)
    return job if job is not None and job.kind == LOOK_KIND else None


def _state(job: Job, zone: str) -> Json:
    return {
        "id": job.id,
        "zone": zone,
        "state": job.state,
        "actor": job.actor,
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
        "progress": {"done": job.done, "total": job.total},
        "error": job.error_code or None,
    }
