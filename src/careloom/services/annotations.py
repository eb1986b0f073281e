"""Annotations as callers see them: queued, watched, listed with what they did, cancelled.

An annotation is a job, the report of a finished run, or both under one id. Ids sort by the time at which they were
made.
"""

from typing import Any

from careloom.errors import Conflict, NotFound, QueryError
from careloom.fhir.references import patients_of
from careloom.services import jobs as job_service
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.annotate import ZONES, AnnotateAsk
from careloom.services.annotate_conflicts import named
from careloom.services.annotate_jobs import KIND, counts_of
from careloom.services.annotate_notes import kept_runs
from careloom.services.job_requests import sealed
from careloom.services.platform import Platform
from careloom.services.queued import find_job, rights_of, state_of, state_of_report
from careloom.services.search import zone_of
from careloom.services.stored_notes import TYPE
from careloom.store.jobs import Job

NEWEST = "99999999T999999Z-zzzzzz"
Json = dict[str, Any]


def submit(platform: Platform, who: Principal, ask: AnnotateAsk) -> Json:
    """Queues an annotation and returns it as it stands; its id is also that of the run.

    raises  AccessError; QueryError for a zone without notes
    """
    if ask.zone not in ZONES:
        raise QueryError(f"notes of the {ask.zone} zone are not annotated", f"Choose one of {', '.join(ZONES)}.")
    admit(platform, who, "annotate", ask.zone, operation="annotate-queue")
    run_id = platform.run_id()
    asked = {
        "zone": ask.zone, "patient": ask.patient, "incremental": ask.is_incremental, "refuted": ask.refuted,
        "most_notes": ask.most_notes,
        "who": rights_of(who),
    }  # fmt: skip
    note(platform, who, "annotate-queue", ask.zone, action="create", detail={"run": run_id})
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, asked) | {"zone": ask.zone}, actor=who.name, job_id=run_id)
        return _brief(jobs.get(run_id), None)


def list_runs(platform: Platform, who: Principal, *, limit: int = 20, cursor: str = "") -> Json:
    """``items``, newest first, and ``next``: the cursor of the page after this one, None on the last.

    Those of zones in which `who` may not look at runs are left out.

    raises  AccessError
    """
    zones = _seen(platform, who, "annotate-list")
    before, kept = cursor or NEWEST, kept_runs(platform)
    jobs = {job.id: job for job in _jobs(platform, before, limit + 1)}
    ids = sorted({*jobs, *kept.ids(before)[: limit + 1]}, reverse=True)
    items = [_brief(jobs.get(run_id), kept.find(run_id)) for run_id in ids[:limit]]
    shown = [one for one in items if one["zone"] in zones]
    note(platform, who, "annotate-list", zones[0], detail={"listed": len(shown)})
    return {"items": shown, "next": ids[limit - 1] if len(ids) > limit else None}


def show_run(platform: Platform, who: Principal, run_id: str) -> Json:
    """One run, and its ``report`` once it is done; conflicts are named to who may annotate or search the zone.

    raises  AccessError; NotFound
    """
    zones = _seen(platform, who, "annotate-show")
    job, report = _found(platform, who, run_id, zones)
    subjects: set[str] = set()
    if report is not None and (who.may("annotate", report["zone"]) or who.may("search", report["zone"], TYPE)):
        store = platform.store(zone_of(report["zone"]))
        report["conflicts"], notes = named(store, kept_runs(platform).rows(run_id) or ())
        subjects = {store.pseudonym(patient) for one in notes for patient in patients_of(one.resource())}
    note(platform, who, "annotate-show", zones[0], subjects=subjects, detail={"run": run_id})
    return _brief(job, report) | {"report": report}


def cancel_run(platform: Platform, who: Principal, run_id: str) -> Json:
    """Stops a run: at once if it waits, before its next transaction if it runs; what it has committed stays.

    Whoever asked for it may, and who may operate the zone.

    raises  AccessError; NotFound; Conflict if it has ended
    """
    zones = _seen(platform, who, "annotate-cancel")
    job, report = _found(platform, who, run_id, zones)
    if job is None:
        raise Conflict("the annotation has ended", "Only one that waits or runs can be cancelled.")
    if job.actor != who.name:
        admit(platform, who, "operate", job.request["zone"], operation="annotate-cancel")
    return _brief(job_service.cancel(platform, who, run_id), report)


def _seen(platform: Platform, who: Principal, operation: str) -> tuple[Zone, ...]:
    """Zones whose runs `who` may look at. raises AccessError where there is none"""
    zones = tuple(zone for zone in ZONES if who.may("monitor", zone))
    admit(platform, who, "monitor", zones[0] if zones else ZONES[0], operation=operation)
    return zones


def _jobs(platform: Platform, before: str, limit: int) -> list[Job]:
    if not platform.has_jobs():
        return []
    with platform.jobs() as jobs:
        return jobs.page(KIND, before=before, limit=limit)


def _found(platform: Platform, who: Principal, run_id: str, zones: tuple[Zone, ...]) -> tuple[Job | None, Json | None]:
    """The job and the report of a run, of which there may be only one. raises NotFound, audited."""
    job, report = find_job(platform, KIND, run_id), kept_runs(platform).find(run_id)
    if (job is None and report is None) or _brief(job, report)["zone"] not in zones:
        note(platform, who, "annotate-show", zones[0], outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such annotation", "List them: careloom annotate reports.")
    return job, report


def _brief(job: Job | None, report: Json | None) -> Json:
    """One line of the list."""
    counts = counts_of(report if report is not None else job.result if job is not None else {})
    if job is not None:
        counts |= {"zone": job.request.get("zone") or counts["zone"]}
        return state_of(job) | counts
    return state_of_report(report or {}, sum(counts["notes"].values())) | counts
