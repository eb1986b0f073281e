"""Events of the audit chains for who may read them over HTTP, a page at a time, and checks of whole chains as jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from careloom.errors import NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.audit import patient_id_of, verify
from careloom.services.clients import stored_patient
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.services.search import zone_of
from careloom.store.audit_found import Wanted, newest
from careloom.store.audit_log import microseconds, time_of
from careloom.store.audit_subject import About
from careloom.store.jobs import Job, Jobs, Progress
from careloom.store.zone_store import Zone

KIND = "audit-verify"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventsAsk:
    """Which events of which chain; what is empty or None asks for nothing.

    chain    the zone whose chain is read
    about    the zone that an event is about, ``landing`` among them
    patient  ``Patient/<id>``, as stored; in the identified zone the source's own id, too
    subject  the keyed pseudonym of a patient, as events have it
    before   only rows with a smaller number
    """

    chain: str = "identified"
    actor: str = ""
    operation: str = ""
    outcome: str = ""
    about: str = ""
    patient: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def events(platform: Platform, who: Principal, ask: EventsAsk, *, limit: int) -> list[Json]:
    """Events of a chain, newest first. That they are read is in the chain before the first one is.

    returns  seq, time, actor, operation, action, outcome, zone, purpose, subjects (keyed pseudonyms), detail, hash
    raises   AccessError; QueryError
    """
    zone = zone_of(ask.chain)
    admit(platform, who, "audit", zone)
    subject = _pseudonym(platform, zone, ask.patient) if ask.patient else ask.subject
    asked = {name: getattr(ask, name) for name in ("actor", "operation", "outcome", "about") if getattr(ask, name)}
    note(platform, who, "audit", zone, subjects=(subject,) if subject else (), detail={"events": True, **asked})
    if not platform.has_store(zone):
        return []
    wanted = Wanted(
        ask.actor, ask.operation, ask.outcome, ask.about, subject,
        None if ask.since is None else microseconds(ask.since),
        None if ask.until is None else microseconds(ask.until),
        ask.before,
    )  # fmt: skip
    with platform.store(zone).connect() as connection:
        return [_shown(one) for one in newest(connection, wanted, limit)]


def submit_verification(platform: Platform, who: Principal, zone_name: str = "") -> Json:
    """Queues a check of one chain, or of all; its state. raises AccessError; QueryError"""
    zones = [zone_of(zone_name)] if zone_name else list(STORED_ZONES)
    for zone in zones:
        admit(platform, who, "audit", zone)
    run_id = platform.run_id()
    # Told in one chain: that of another zone may be cut, which is what is asked, and takes no event then.
    note(platform, who, "audit", "identified", action="execute", detail={"verification": run_id, "zones": zones})
    request = {"zones": zones, "who": rights_of(who)}
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, request) | {"zones": zones}, actor=who.name, job_id=run_id)
        return _state(jobs.get(run_id))


def verification(platform: Platform, who: Principal, run_id: str) -> Json:
    """How far a check is, and once it is done its ``report``, as `careloom.services.audit.verify` returns it.

    raises  AccessError; NotFound
    """
    job = find_job(platform, KIND, run_id)
    for zone in ["identified"] if job is None else _zones(job):
        admit(platform, who, "audit", zone_of(zone))
    if job is None:
        raise NotFound("there is no check of audit chains of this id", "Begin one: POST /api/v1/audit/verifications.")
    note(platform, who, "audit", "identified", detail={"verification": run_id})
    return _state(job)


def do_verification(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does a queued check, in the name of whoever asked for it."""
    asked = unsealed(platform, request)
    who = asker_of(platform, jobs, progress, asked)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        report = verify(own, who, tuple(zone_of(zone) for zone in asked["zones"]))
    return {"zones": asked["zones"], "report": report}


def _pseudonym(platform: Platform, zone: Zone, patient: str) -> str:
    if zone == "identified":
        return platform.store(zone).pseudonym(stored_patient(platform, patient))
    name = patient_id_of(patient)
    return platform.store(zone).pseudonym(name) if platform.has_store(zone) else ""


def _shown(one: About) -> Json:
    names = ("actor", "operation", "action", "outcome", "zone", "purpose", "subjects", "detail")
    told = {name: one.event[name] for name in names}
    return {"seq": one.seq, "time": time_of(one.time).isoformat(), **told, "hash": one.hash.hex()}


def _state(job: Job) -> Json:
    return state_of(job) | {"zones": _zones(job), "report": job.result.get("report")}


def _zones(job: Job) -> list[str]:
    """The zones of a check; all of them for one that ended without a result, whose request is forgotten."""
    return list(job.request.get("zones") or job.result.get("zones") or STORED_ZONES)
