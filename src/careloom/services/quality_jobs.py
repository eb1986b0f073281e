"""Looks at the quality of a zone as jobs: queued, watched, done by the worker."""

from collections.abc import Mapping
from typing import Any

from careloom.errors import NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.quality import QualityAsk, quality, rules_in_force, runs_of, since_of
from careloom.services.queued import asker_of, find_job, rights_of, state_of
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
        "who": rights_of(who),
    }  # fmt: skip
    note(platform, who, "quality-queue", zone, action="create", detail={"run": run_id})
    with platform.jobs() as jobs:
        jobs.submit(LOOK_KIND, sealed(platform, request) | {"zone": zone}, actor=who.name, job_id=run_id)
        return _state(jobs.get(run_id), zone)


def look_state(platform: Platform, who: Principal, run_id: str) -> Json:
    """How far a look is: ``id``, ``zone``, ``state``, ``actor``, ``started``, ``ended``, ``progress``, ``error``.

    raises  AccessError; NotFound
    """
    job = find_job(platform, LOOK_KIND, run_id)
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
    who = asker_of(platform, jobs, progress, asked)
    ask = QualityAsk(asked["zone"], asked["source"], asked["since"], None, asked["thresholds"], progress.job_id)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        report = quality(own, who, ask, progress.report)
    return {"run": progress.job_id, "zone": report["zone"], "score": report["score"]}


def _state(job: Job, zone: str) -> Json:
    return state_of(job) | {"zone": zone}
