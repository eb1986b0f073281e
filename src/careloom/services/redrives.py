"""Quarantine as callers see it over HTTP: what waits, by reason, and another try of it as a job.

A try that is killed goes on behind the last record that it told of. Nothing is stored twice: a record that was stored
waits no longer; one that was refused may have counted an attempt more.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from careloom.errors import InputError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.ingest import INGEST_ZONES
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.quarantine import PAGE, redrive_row, summary
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.store.jobs import Job, Jobs, Progress
from careloom.store.quarantine import Quarantined
from careloom.store.zone_store import ZoneStore

KIND = "redrive"
MOST_RECORDS = 1000
"""Records that one request may name."""
COUNTS = ("tried", "stored", "refused", "erased")
Json = dict[str, Any]


def waiting_records(platform: Platform, who: Principal, *, code: str = "", limit: int = 50, cursor: str = "") -> Json:
    """``waiting`` and ``reasons`` of all, ``items`` in order of arrival, and ``next``, None on the last page.

    code     only records that were refused for this reason
    cursor   ``next`` of the page before
    raises   AccessError
    """
    admit(platform, who, "quarantine", "landing")
    if not platform.has_store("identified"):
        note(platform, who, "quarantine", "landing", detail={"listed": 0})
        return {"waiting": 0, "reasons": [], "items": [], "next": None}
    store = platform.store("identified")
    rows = store.quarantined(reason=code, limit=limit + 1, after=int(cursor or 0))
    reasons = store.quarantine_reasons()
    note(platform, who, "quarantine", "landing", detail={"listed": len(rows[:limit])})
    most = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return {
        "waiting": sum(reasons.values()),
        "reasons": [{"code": reason, "count": count} for reason, count in most],
        "items": [summary(row) for row in rows[:limit]],
        "next": str(rows[limit - 1].rec) if len(rows) > limit else None,
    }


def submit(platform: Platform, who: Principal, records: tuple[str, ...] = (), code: str = "") -> Json:
    """Queues another try of refused records and returns it as it stands.

    records  those to try; without any, all that wait, or that wait for the reason `code`
    raises   AccessError; InputError for both; NotFound where one of the records does not wait
    """
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone, operation="quarantine")
    if records and code:
        raise InputError("records and a reason are named", "Name one of both.")
    if records:
        store = platform.store("identified")
        for record in records:
            _waiting(store, record)
    job_id = platform.run_id()
    asked = {"records": list(records), "code": code, "who": rights_of(who)}
    note(platform, who, "quarantine", "landing", action="create", detail={"job": job_id, "named": len(records)})
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, asked), actor=who.name, job_id=job_id)
        return _told(jobs.get(job_id))


def show(platform: Platform, who: Principal, job_id: str) -> Json:
    """One try: its state, and ``tried`` = ``stored`` + ``refused`` + ``erased``, so far.

    raises  AccessError; NotFound
    """
    admit(platform, who, "quarantine", "landing")
    job = find_job(platform, KIND, job_id)
    note(platform, who, "quarantine", "landing", detail={"job": job_id}, outcome="success" if job else "failed")
    if job is None:
        raise NotFound("there is no such try", "Begin one: POST /api/v1/quarantine/redrives.")
    return _told(job)


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Tries the records in the name of whoever asked, in order of arrival."""
    asked = unsealed(platform, request)
    so_far = dict.fromkeys(COUNTS, 0) | {"after": 0} | jobs.get(progress.job_id).result
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        who = asker_of(platform, jobs, progress, asked)
        for zone in INGEST_ZONES:
            admit(own, who, "ingest", zone, operation="quarantine")
        store = own.store("identified")
        total = (
            len(asked["records"])
            or sum(count for reason, count in store.quarantine_reasons().items() if asked["code"] in ("", reason))
            + so_far["tried"]
        )
        for listed in _rows(store, asked, so_far["after"]):
            row = store.quarantined_record(listed.record_id)
            if row is None or row.state != "waiting":
                continue  # erased, kept long enough, or tried by somebody else meanwhile
            so_far["tried"] += 1
            so_far[redrive_row(own, who, row)] += 1
            so_far["after"] = row.rec
            progress.report(so_far["tried"], total, so_far)
    return {name: so_far[name] for name in COUNTS}


def _rows(store: ZoneStore, asked: Mapping[str, Any], after: int) -> Iterator[Quarantined]:
    """What waits behind `after`; of named records those that wait still."""
    if asked["records"]:
        found = (store.quarantined_record(record) for record in dict.fromkeys(asked["records"]))
        named = [row for row in found if row is not None and row.state == "waiting" and row.rec > after]
        yield from sorted(named, key=lambda row: row.rec)
        return
    while page := store.quarantined(reason=asked["code"], limit=PAGE, after=after):
        yield from page
        after = page[-1].rec


def _waiting(store: ZoneStore, record: str) -> None:
    row = store.quarantined_record(record)
    if row is None or row.state != "waiting":
        raise NotFound("one of the records does not wait in quarantine", "List them: GET /api/v1/quarantine.")


def _told(job: Job) -> Json:
    return state_of(job) | {name: job.result.get(name, 0) for name in COUNTS}
