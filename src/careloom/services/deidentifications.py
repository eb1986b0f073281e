"""De-identifications as callers see them: queued, watched, listed with what they did, cancelled, their reports read.

A de-identification is a job, the signed report of a finished run, or both under one id. Ids sort by the time at which
they were made. A report that is not as this installation signed it is not told: only that it is not.
"""

from typing import Any

from careloom.errors import Conflict, NotFound
from careloom.services import jobs as job_service
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.deidentify import ZONES, policy_named
from careloom.services.deidentify_jobs import KIND, counts_of
from careloom.services.deidentify_report import KeptReport, find_report, html_of, kept_ids, shown
from careloom.services.job_requests import sealed
from careloom.services.platform import Platform
from careloom.services.queued import find_job, rights_of, state_of, state_of_report
from careloom.store.jobs import Job

NEWEST = "99999999T999999Z-zzzzzz"
ZONE: Zone = "research"
"""Where reports are read: they tell counts of that zone and nothing of a patient."""
Json = dict[str, Any]


def submit(platform: Platform, who: Principal, *, policy: str = "") -> Json:
    """Queues a de-identification and returns it as it stands; its id is also that of the run.

    policy  one that ships, by its name; that of the settings where empty
    raises  AccessError; SetupError if the policy is not usable
    """
    for zone in ZONES:
        admit(platform, who, "deidentify", zone, operation="deidentify-queue")
    name, run_id = policy_named(platform, policy).name, platform.run_id()
    asked = {"policy": name, "who": rights_of(who)}
    note(platform, who, "deidentify-queue", ZONE, action="create", detail={"run": run_id, "policy": name})
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, asked) | {"policy": name}, actor=who.name, job_id=run_id)
        return _brief(run_id, jobs.get(run_id), None)


def list_runs(platform: Platform, who: Principal, *, limit: int = 20, cursor: str = "") -> Json:
    """``items``, newest first, and ``next``: the cursor of the page after this one, None on the last.

    raises  AccessError
    """
    admit(platform, who, "monitor", ZONE, operation="deidentify-list")
    before = cursor or NEWEST
    jobs = {job.id: job for job in _jobs(platform, before, limit + 1)}
    ids = sorted({*jobs, *kept_ids(platform, before)[: limit + 1]}, reverse=True)
    items = [_brief(run_id, jobs.get(run_id), find_report(platform, run_id)) for run_id in ids[:limit]]
    note(platform, who, "deidentify-list", ZONE, detail={"listed": len(items)})
    return {"items": items, "next": ids[limit - 1] if len(ids) > limit else None}


def show_run(platform: Platform, who: Principal, run_id: str) -> Json:
    """One run, and its ``report`` once there is one that is as it was signed.

    raises  AccessError; NotFound
    """
    admit(platform, who, "monitor", ZONE, operation="deidentify-show")
    job, kept = _found(platform, who, run_id)
    note(platform, who, "deidentify-show", ZONE, detail={"run": run_id})
    told = shown(kept.report) if kept is not None and kept.is_signed else None
    return _brief(run_id, job, kept) | {"report": told}


def signed_report(platform: Platform, who: Principal, run_id: str, *, as_html: bool = False) -> bytes:
    """The signed report as it lies in its file, or as one page.

    raises  AccessError; NotFound while there is none; IntegrityError for a page of one that was changed
    """
    admit(platform, who, "monitor", ZONE, operation="deidentify-report")
    kept = _found(platform, who, run_id)[1]
    if kept is None:
        raise _missing(platform, who, "this de-identification has no report", "It has one when it is done.")
    content = html_of(kept).encode() if as_html else kept.raw
    note(platform, who, "deidentify-report", ZONE, detail={"run": run_id})
    return content


def cancel_run(platform: Platform, who: Principal, run_id: str) -> Json:
    """Stops a run: at once if it waits, before its next transaction if it runs; what it has committed stays.

    Whoever asked for it may, and who may operate the identified zone. The next run makes the research zone whole.

    raises  AccessError; NotFound; Conflict if it has ended
    """
    for zone in ZONES:
        admit(platform, who, "deidentify", zone, operation="deidentify-cancel")
    job, kept = _found(platform, who, run_id)
    if job is None:
        raise Conflict("the de-identification has ended", "Only one that waits or runs can be cancelled.")
    if job.actor != who.name:
        admit(platform, who, "operate", "identified", operation="deidentify-cancel")
    return _brief(run_id, job_service.cancel(platform, who, run_id), kept)


def _jobs(platform: Platform, before: str, limit: int) -> list[Job]:
    if not platform.has_jobs():
        return []
    with platform.jobs() as jobs:
        return jobs.page(KIND, before=before, limit=limit)


def _found(platform: Platform, who: Principal, run_id: str) -> tuple[Job | None, KeptReport | None]:
    """The job and the report of a run, of which there may be only one. raises NotFound, audited."""
    job, kept = find_job(platform, KIND, run_id), find_report(platform, run_id)
    if job is None and kept is None:
        raise _missing(platform, who, "there is no such de-identification", "List them: GET /api/v1/deidentifications.")
    return job, kept


def _missing(platform: Platform, who: Principal, where: str, remedy: str) -> NotFound:
    note(platform, who, "deidentify-show", ZONE, outcome="failed", detail={"code": NotFound.code})
    return NotFound(where, remedy)


def _brief(run_id: str, job: Job | None, kept: KeptReport | None) -> Json:
    """One line of the list; of a report that was changed nothing is believed."""
    report = kept.report if kept is not None else {}
    counts = counts_of(report)
    if job is not None and not report:
        so_far = job.result if "read" in job.result else counts
        counts = {name: so_far[name] for name in counts} | {"policy": job.request.get("policy") or so_far["policy"]}
    if job is not None:
        told = state_of(job)
    else:
        ended = {"actor": report.get("actor", ""), "started": report.get("started"), "ended": report.get("ended")}
        told = state_of_report({"id": run_id} | ended, counts["read"])
    return told | counts | {"gone": report.get("gone", 0), "signed": None if kept is None else kept.is_signed}
