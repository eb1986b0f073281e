"""A look for duplicates as a job: it reads every resource of the identified zone, which takes a minute a million."""

from collections.abc import Mapping
from typing import Any

from careloom.errors import NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.duplicates import ZONE, kept_looks, look
from careloom.services.job_requests import sealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of, state_of_report
from careloom.store.jobs import Jobs, Progress

KIND = "duplicates"
Json = dict[str, Any]


def submit_look(platform: Platform, who: Principal) -> Json:
    """Queues a look and returns its state; its id is also that of the look. raises AccessError."""
    admit(platform, who, "link", ZONE, operation="duplicates-queue")
    run_id = platform.run_id()
    note(platform, who, "duplicates-queue", ZONE, action="create", detail={"run": run_id})
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, {"who": rights_of(who)}), actor=who.name, job_id=run_id)
        return state_of(jobs.get(run_id))


def look_state(platform: Platform, who: Principal, run_id: str) -> Json:
    """How far a look is, as `careloom.services.queued.state_of` tells it. raises AccessError; NotFound."""
    admit(platform, who, "link", ZONE, operation="duplicates-state")
    job, report = find_job(platform, KIND, run_id), kept_looks(platform).find(run_id) or {}
    if job is None and not report:
        note(platform, who, "duplicates-state", ZONE, outcome="failed", detail={"code": NotFound.code})
        raise NotFound(
            "there is no look for duplicates of this id", "POST /api/v1/linkage/duplicates/looks queues one."
        )
    note(platform, who, "duplicates-state", ZONE, detail={"run": run_id})
    return state_of(job) if job is not None else state_of_report(report, report["resources"])


def do_look(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does a queued look, in the name of whoever asked for it."""
    who = asker_of(platform, jobs, progress, request)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        report = look(own, who, progress.job_id, progress.report)
    return {"run": report["id"], "groups": report["group_count"]}
