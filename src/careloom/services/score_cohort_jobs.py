"""Scoring a whole zone as a job: queued, watched, cancelled, done by the worker with the rights of whoever asked.

The queue keeps no patient: the job's result names predictions, and who is on the list is read from the log of
predictions when its asker looks. Who was erased meanwhile, or is hidden from the asker by now, is not on it any more.
A job that was killed goes on as of the same moment with the same version, and logs nothing twice.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from careloom.errors import NotFound, QueryError
from careloom.risk.stratify import UnitCosts
from careloom.services import jobs as job_service
from careloom.services.access import Principal
from careloom.services.access_decision import Ask, decide
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed, unsealed
from careloom.services.models_kept import resolve
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.services.score import moment_of, require_writer
from careloom.services.score_cohort import CohortScoreAsk, names_of, score_cohort
from careloom.services.score_facts import types
from careloom.services.search import zone_of
from careloom.services.sight import knows_of
from careloom.store.jobs import Job, JobFilter, Jobs, Progress
from careloom.store.zone_store import Zone

KIND = "score-cohort"
OPERATION = "score-queue"
LISTED = 500
Json = dict[str, Any]


def submit_scoring(platform: Platform, who: Principal, ask: CohortScoreAsk) -> Json:
    """Queues that a zone is scored, and returns the job's state.

    raises  AccessError; NotFound for the model; InputError for a moment; QueryError for a trial, which keeps nothing
            that could be read later
    """
    zone = zone_of(ask.zone)
    for kind in types():
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    if ask.write:
        require_writer(platform, who, zone)
    if ask.trial:
        raise QueryError("a trial keeps nothing that could be read later", "Ask for it without the queue.")
    moment_of(platform, ask.as_of)
    version = resolve(platform, ask.model).name
    job_id = platform.run_id()
    detail = {"model": version, "run": job_id}
    note(platform, who, OPERATION, zone, action="create", detail=detail)
    told = asdict(ask) | {"as_of": None if ask.as_of is None else ask.as_of.isoformat()}
    request = sealed(platform, {"ask": told, "who": rights_of(who)})
    with platform.jobs() as jobs:
        jobs.submit(KIND, request | {"zone": zone, "model": ask.model}, actor=who.name, job_id=job_id)
        return _state(jobs.get(job_id))


def scorings(platform: Platform, who: Principal) -> list[Json]:
    """The newest scorings that `who` queued, of zones that they may search, the newest first.

    returns  as `scoring_state`, with ``created`` and without who is listed; `LISTED` at most
    raises   AccessError for who may search no zone
    """
    zones = {zone for zone in STORED_ZONES if _searches(who, zone)}
    for kind in types() if not zones else ():
        admit(platform, who, "search", "identified", kind, operation=OPERATION)
    found: list[Job] = []
    if platform.has_jobs():
        with platform.jobs() as jobs:
            found = jobs.chosen(JobFilter(kind=KIND, actor=who.name), limit=LISTED)
    told = [_state(job) | {"created": job.created.isoformat()} for job in found]
    listed = [{name: one[name] for name in one if name != "report"} for one in told if one["zone"] in zones]
    note(platform, who, OPERATION, "identified", detail={"listed": len(listed)})
    return listed


def _searches(who: Principal, zone: Zone) -> bool:
    return all(decide(who, Ask("search", zone, kind)).is_permit for kind in types())


def scoring_state(platform: Platform, who: Principal, job_id: str) -> Json:
    """How far a job is; ``report`` when it is done, as `CohortScoreReport.as_json` with ``left``: how many are on its
    list no more. Only who asked for it sees it, and everybody listed is audited as disclosed.

    raises  AccessError; NotFound
    """
    job = _found(platform, who, job_id)
    zone = zone_of(job.request.get("zone") or job.result["zone"])
    for kind in types():
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    if job.state != "done":
        note(platform, who, OPERATION, zone, detail={"run": job_id})
        return _state(job)
    listed = _listed(platform, who, zone, job.result["listed"])
    subjects = [platform.store(zone).pseudonym(row["patient"]) for row in listed]
    note(platform, who, OPERATION, zone, subjects=subjects, detail={"run": job_id, "listed": len(listed)})
    left = len(job.result["listed"]) - len(listed)
    return _state(job) | {"report": {**job.result["report"], "listed": listed, "left": left}}


def cancel_scoring(platform: Platform, who: Principal, job_id: str) -> Json:
    """Stops a job that waits or runs; what it has logged stays. raises AccessError; NotFound; Conflict if it ended"""
    job = _found(platform, who, job_id)
    zone = zone_of(job.request.get("zone") or job.result["zone"])
    for kind in types():
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    note(platform, who, OPERATION, zone, action="delete", detail={"run": job_id})
    return _state(job_service.cancel(platform, who, job_id))


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job; of one that had begun, as of the same moment and by the same version as before."""
    asked = unsealed(platform, request)
    told, who = asked["ask"], asker_of(platform, jobs, progress, asked)
    costs = None if told["costs"] is None else UnitCosts(**told["costs"])
    as_of = None if told["as_of"] is None else datetime.fromisoformat(told["as_of"])
    ask = CohortScoreAsk(**told | {"costs": costs, "as_of": as_of, "run": progress.job_id})
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        begun = jobs.get(progress.job_id).result or {
            "model": resolve(own, ask.model).name, "as_of": moment_of(own, ask.as_of).isoformat(), "zone": ask.zone,
        }  # fmt: skip
        progress.report(0, 0, begun)
        ask = replace(ask, model=begun["model"], as_of=datetime.fromisoformat(begun["as_of"]))
        report = score_cohort(own, who, ask, progress.report).as_json()
        patients = [row["patient"] for row in report.pop("listed")]
        return begun | {"report": report, "listed": names_of(own, zone_of(ask.zone), progress.job_id, patients)}


def _found(platform: Platform, who: Principal, job_id: str) -> Job:
    """The job that `who` asked for. raises NotFound, audited; also for one of somebody else"""
    job = find_job(platform, KIND, job_id)
    if job is None or job.actor != who.name:
        admit(platform, who, "monitor", "identified", operation=OPERATION)
        note(platform, who, OPERATION, "identified", outcome="failed", detail={"code": NotFound.code})
        raise NotFound("you asked for no scoring of this id", "Queue one: careloom score --cohort NAME --queue.")
    return job


def _listed(platform: Platform, who: Principal, zone: Zone, names: list[str]) -> list[Json]:
    """Whom the predictions of these names, in order of their ranks, are of; those `who` may still know of."""
    with platform.store(zone).predictions() as log:
        found = {one.name: one.said for one in log.named(names)}
    pseudonym, may_know = platform.store(zone).pseudonym, knows_of(platform, who, zone)
    return [
        {
            "patient": said.patient, "index_time": said.index_time.isoformat(), "index": said.index, "risk": said.score,
            "alert": said.alert, "rank": rank,
        }
        for rank, name in enumerate(names, 1)
        if (said := found.get(name)) is not None and may_know({pseudonym(said.patient)})
    ]  # fmt: skip


def _state(job: Job) -> Json:
    """The state with ``model`` and ``zone``: the version by its number from when the job begins."""
    told = job.request | job.result
    return state_of(job) | {"model": told.get("model", ""), "zone": told.get("zone", ""), "report": None}
