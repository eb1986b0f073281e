"""Ingestions as callers see them: sent and queued, watched, their issues, cancelled.

An ingestion is a run, a job, or both under one id. Ids sort by the time at which they were made.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from careloom.errors import Conflict, InputError, NotFound, TooLarge
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.ingest import INGEST_ZONES, IngestAsk, refuse_format
from careloom.services.jobs import KIND, Upload, cancel, queue
from careloom.services.platform import Platform
from careloom.services.quarantine import summary
from careloom.services.queued import state_of
from careloom.services.runs import COUNTS, find_run, run_ids, told_of
from careloom.store import quarantine_by_run
from careloom.store.jobs import Job

NEWEST = "99999999T999999Z-zzzzzz"
MOST_FILES = 1000
"""Files that one upload may hold."""
NAME_LENGTH = 255
Pieces = Iterable[bytes]
Json = dict[str, Any]

_NOTHING: Json = {"totals": dict.fromkeys(("files", *COUNTS), 0), "by_format": [], "issues": []}


@dataclass(frozen=True, slots=True)
class UploadAsk:
    """How what is sent is to be read. An empty `source` means the configured one; `is_import` as of an `IngestAsk`."""

    format: str = "auto"
    source: str = ""
    is_import: bool = False


def submit_upload(platform: Platform, who: Principal, files: Iterable[tuple[str, Pieces]], ask: UploadAsk) -> Json:
    """Keeps what is sent, sealed, and queues its ingestion; returns the ingestion once both are durable.

    files   (name, bytes in pieces), read once and in order; whatever is raised on the way leaves nothing behind. A
            named one may be empty: the ingestion says so of it, and of the others what they hold
    raises  AccessError; InputError if there is no such format or nothing was sent; TooLarge if there are more files
            than `MOST_FILES`; SetupError if the disk is full
    """
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone, operation="upload")
    refuse_format(ask.format)
    run_id = platform.run_id()
    with platform.spools.begin(run_id) as spool:
        has_named = False
        for number, (name, pieces) in enumerate(files):
            if number == MOST_FILES:
                raise TooLarge(f"the upload holds more than {MOST_FILES} files", "Send them in several, or as a zip.")
            has_named |= bool(name)
            spool.begin_part(name.encode("utf-8", "replace").decode()[:NAME_LENGTH] or f"upload {number + 1}")
            for piece in pieces:
                spool.write(piece)
        if not spool.size_bytes and not has_named:
            raise InputError("the upload is empty", "Send the bytes of one or more files.")
    asked = IngestAsk(format=ask.format, source=ask.source, run_id=run_id, is_import=ask.is_import)
    try:
        return _of_job(queue(platform, who, asked, Upload(spool.key, spool.parts)))
    except BaseException:
        platform.spools.destroy(run_id)
        raise


def list_ingestions(platform: Platform, who: Principal, *, limit: int = 20, cursor: str = "") -> Json:
    """``items``, newest first, and ``next``: the cursor of the page after this one, None on the last."""
    admit(platform, who, "monitor", "landing", operation="ingestions")
    before = cursor or NEWEST
    jobs = {job.id: job for job in _jobs(platform, before, limit + 1)}
    ids = sorted({*jobs, *run_ids(platform, before=before, limit=limit + 1)}, reverse=True)
    items = [_shown(platform, run_id, jobs.get(run_id)) for run_id in ids[:limit]]
    note(platform, who, "ingestions", "landing", detail={"listed": len(items)})
    return {"items": items, "next": ids[limit - 1] if len(ids) > limit else None}


def show_ingestion(platform: Platform, who: Principal, run_id: str) -> Json:
    """One ingestion with ``files``, ``stages`` and ``config_hash``; those are empty until it has ended.

    raises  AccessError; NotFound
    """
    admit(platform, who, "monitor", "landing", operation="ingestions")
    job, manifest = _found(platform, who, run_id)
    note(platform, who, "ingestions", "landing", detail={"run": run_id})
    shown = _of(job, manifest)
    if manifest is None:
        return shown | {"files": [], "stages": [], "config_hash": ""}
    return shown | {name: manifest[name] for name in ("files", "stages", "config_hash")}


@dataclass(frozen=True, slots=True)
class IssuePlace:
    """Which refused records: of one reason, or of all if `code` is empty; `cursor` as the page before gave it."""

    code: str = ""
    limit: int = 50
    cursor: str = ""


def issues_of(platform: Platform, who: Principal, run_id: str, page: IssuePlace = IssuePlace()) -> Json:
    """``counts`` of all kinds of issues, ``items`` that wait in quarantine in order of arrival, and ``next``.

    raises  AccessError; NotFound
    """
    admit(platform, who, "quarantine", "landing", operation="ingestions")
    job, manifest = _found(platform, who, run_id)
    files = [file["manifest_id"] for file in manifest["files"]] if manifest else []
    with platform.store("identified").connect() as connection:
        rows = quarantine_by_run.listed(
            connection, run_id, files, reason=page.code, limit=page.limit + 1, after=int(page.cursor or 0)
        )
    items = [summary(row) for row in rows[: page.limit]]
    note(platform, who, "ingestions", "landing", detail={"run": run_id, "listed": len(items)})
    following = str(rows[page.limit - 1].rec) if len(rows) > page.limit else None
    return {"counts": _of(job, manifest)["issues"], "items": items, "next": following}


def cancel_ingestion(platform: Platform, who: Principal, run_id: str) -> Json:
    """Stops an ingestion: at once if it waits, at its next report if it runs; what it has committed stays.

    Whoever sent it may, and who may operate the landing zone.

    raises  AccessError; NotFound; Conflict if it has ended
    """
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone, operation="ingestions")
    job, manifest = _found(platform, who, run_id)
    if job is None:
        raise Conflict("the ingestion has ended", "Only one that waits or runs can be cancelled.")
    if job.actor != who.name:
        admit(platform, who, "operate", "landing", operation="ingestions")
    return _of(cancel(platform, who, run_id), manifest)


def _jobs(platform: Platform, before: str, limit: int) -> list[Job]:
    if not platform.has_jobs():
        return []
    with platform.jobs() as jobs:
        return jobs.page(KIND, before=before, limit=limit)


def _found(platform: Platform, who: Principal, run_id: str) -> tuple[Job | None, Json | None]:
    """The job and the manifest of an ingestion, of which there may be only one. raises NotFound, audited."""
    job = None
    if platform.has_jobs():
        with platform.jobs() as jobs:
            job = jobs.find(run_id)
    manifest = find_run(platform, run_id)
    if manifest is None and (job is None or job.kind != KIND):
        note(platform, who, "ingestions", "landing", outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such ingestion", "List them: GET /api/v1/ingestions.")
    return job, manifest


def _shown(platform: Platform, run_id: str, job: Job | None) -> Json:
    """One line of the list; the manifest is only read when the job does not tell it all."""
    if job is not None and "totals" in job.result:
        return _of_job(job)
    return _of(job, find_run(platform, run_id))


def _of(job: Job | None, manifest: Json | None) -> Json:
    if job is not None:
        return _of_job(job) | (told_of(manifest) if manifest is not None else {})
    if manifest is None:
        raise ValueError("an ingestion is a job, a run or both")
    summed = told_of(manifest)
    size = summed["totals"]["bytes"]
    return {
        "id": manifest["run_id"],
        "state": "done",
        "actor": manifest.get("actor", ""),
        "started": manifest["started"],
        "ended": manifest["ended"],
        "progress": {"done": size, "total": size},
        **summed,
        "error": None,
    }


def _of_job(job: Job) -> Json:
    return state_of(job) | _NOTHING | {name: job.result[name] for name in _NOTHING if name in job.result}
