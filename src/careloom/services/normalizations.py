"""Normalizations as callers see them: queued, watched, listed with what they did, cancelled.

A normalization is a job, the report of a finished run, or both under one id. Ids sort by the time at which they were
made. What a run that was cancelled or failed had committed stays, and is told.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from careloom.errors import Conflict, NotFound
from careloom.services import jobs as job_service
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed
from careloom.services.normalize import ZONE, kept_runs, policy_in_force
from careloom.services.normalize_jobs import KIND
from careloom.services.normalize_report import Counts, by_code, named, read_counts
from careloom.services.platform import Platform
from careloom.services.queued import find_job, rights_of, state_of, state_of_report
from careloom.store.jobs import Job

NEWEST = "99999999T999999Z-zzzzzz"
Json = dict[str, Any]


def submit(platform: Platform, who: Principal, *, is_rehearsal: bool, policy: Path | None = None) -> Json:
    """Queues a normalization and returns it as it stands; its id is also that of the run.

    raises  AccessError; NotFound; SetupError if the policy is not usable
    """
    admit(platform, who, "ingest", ZONE, operation="normalize-queue")
    policy_in_force(platform, policy)
    run_id = platform.run_id()
    kept = str(policy.resolve()) if policy else ""
    asked = {"rehearsal": is_rehearsal, "policy": kept, "who": rights_of(who)}
    detail = {"run": run_id, "rehearsal": is_rehearsal}
    note(platform, who, "normalize-queue", ZONE, action="create", detail=detail)
    with platform.jobs() as jobs:
        request = sealed(platform, asked) | {"rehearsal": "yes" if is_rehearsal else ""}
        jobs.submit(KIND, request, actor=who.name, job_id=run_id)
        return _brief(jobs.get(run_id), None)


def list_runs(platform: Platform, who: Principal, *, limit: int = 20, cursor: str = "") -> Json:
    """``items``, newest first, and ``next``: the cursor of the page after this one, None on the last.

    raises  AccessError
    """
    admit(platform, who, "ingest", ZONE, operation="normalize-list")
    before, kept = cursor or NEWEST, kept_runs(platform)
    jobs = {job.id: job for job in _jobs(platform, before, limit + 1)}
    ids = sorted({*jobs, *kept.ids(before)[: limit + 1]}, reverse=True)
    items = [_brief(jobs.get(run_id), kept.find(run_id)) for run_id in ids[:limit]]
    note(platform, who, "normalize-list", ZONE, detail={"listed": len(items)})
    return {"items": items, "next": ids[limit - 1] if len(ids) > limit else None}


def show_run(platform: Platform, who: Principal, run_id: str) -> Json:
    """One run with ``changes`` and ``warnings``, by code with examples: those so far while it runs.

    raises  AccessError; NotFound
    """
    admit(platform, who, "ingest", ZONE, operation="normalize-show")
    job, report = _found(platform, who, run_id)
    counts = _counts(job, report)
    store = platform.store(ZONE)
    examples = named(store, counts)
    patients = {one["patient"] for some in examples.values() for one in some if one["patient"]}
    subjects = {store.pseudonym(one.removeprefix("Patient/")) for one in patients}
    note(platform, who, "normalize-show", ZONE, subjects=subjects, detail={"run": run_id})
    return _brief(job, report) | by_code(counts, examples)


def cancel_run(platform: Platform, who: Principal, run_id: str) -> Json:
    """Stops a run: at once if it waits, before its next transaction if it runs; what it has committed stays.

    Whoever asked for it may, and who may operate the identified zone.

    raises  AccessError; NotFound; Conflict if it has ended
    """
    admit(platform, who, "ingest", ZONE, operation="normalize-cancel")
    job, report = _found(platform, who, run_id)
    if job is None:
        raise Conflict("the normalization has ended", "Only one that waits or runs can be cancelled.")
    if job.actor != who.name:
        admit(platform, who, "operate", ZONE, operation="normalize-cancel")
    return _brief(job_service.cancel(platform, who, run_id), report)


def _jobs(platform: Platform, before: str, limit: int) -> list[Job]:
    if not platform.has_jobs():
        return []
    with platform.jobs() as jobs:
        return jobs.page(KIND, before=before, limit=limit)


def _found(platform: Platform, who: Principal, run_id: str) -> tuple[Job | None, Json | None]:
    """The job and the report of a run, of which there may be only one. raises NotFound, audited."""
    job, report = find_job(platform, KIND, run_id), kept_runs(platform).find(run_id)
    if job is None and report is None:
        note(platform, who, "normalize-show", ZONE, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such normalization", "List them: GET /api/v1/normalizations.")
    return job, report


def _counts(job: Job | None, report: Json | None) -> Counts:
    """What a run did, or has done so far."""
    if report is not None:
        return read_counts(report)
    stands: Mapping[str, Any] = job.result if job is not None else {}
    return read_counts(stands["counts"]) if "counts" in stands else Counts()


def _brief(job: Job | None, report: Json | None) -> Json:
    """One line of the list."""
    counts = _counts(job, report)
    told = state_of(job) if job is not None else state_of_report(report or {}, counts.read)
    is_rehearsal = report["rehearsal"] if report is not None else bool(job and _is_rehearsal(job))
    left = sum(counts.warnings.values())
    return told | {
        "rehearsal": is_rehearsal, "read": counts.read, "changed": counts.changed, "refused": counts.refused,
        "left": left,
    }  # fmt: skip


def _is_rehearsal(job: Job) -> bool:
    return bool(job.request.get("rehearsal") or job.result.get("rehearsal"))
