"""Bulk import: files of FHIR resources through ingestion's pipeline, and afterwards what became of every record.

An import is an ingestion of format ``fhir``; the job, its restart after a kill, its cancellation and its quarantine are
those of ingestion. What is new is the reconciliation, told per file and type from the tables and not from the run.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import orjson

from careloom.errors import Conflict, IntegrityError, NotFound
from careloom.services import reconciliation
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.arrivals import Watch
from careloom.services.ingest import INGEST_ZONES, IngestAsk, ingest
from careloom.services.ingestions import UploadAsk, submit_upload
from careloom.services.job_requests import unsealed
from careloom.services.jobs import KIND, cancel, submit_ingest
from careloom.services.platform import Platform
from careloom.services.quarantine import REMEDY
from careloom.services.queued import find_job, state_of
from careloom.store import quarantine_by_run
from careloom.store.jobs import Job
from careloom.store.quarantine import Quarantined

_PAGE = 500
Json = dict[str, Any]
Pieces = Iterable[bytes]


def submit(platform: Platform, who: Principal, files: Iterable[tuple[str, Pieces]], source: str = "") -> Json:
    """Keeps what is sent, sealed, and queues its import; returns its state once both are durable.

    files   (name, bytes in pieces), read once and in order: NDJSON, Bundles or single resources, packed or not
    source  the system that sent them, empty for the configured one
    raises  as `careloom.services.ingestions.submit_upload`
    """
    return submit_upload(platform, who, files, UploadAsk("fhir", source, is_import=True))


def queue_import(platform: Platform, who: Principal, ask: IngestAsk) -> Json:
    """Queues the import of files of this machine. raises as `careloom.services.jobs.submit_ingest`."""
    return submit_ingest(platform, who, replace(ask, format="fhir", is_import=True))


def import_files(platform: Platform, who: Principal, ask: IngestAsk, watch: Watch | None = None) -> Json:
    """Imports files of this machine here and now; the reconciliation. raises as `careloom.services.ingest.ingest`."""
    manifest = ingest(platform, who, replace(ask, format="fhir"), watch)
    return reconciliation.kept(platform, who, manifest.run_id)


def show(platform: Platform, who: Principal, run_id: str) -> Json:
    """The import as it stands; once it is done with ``reconciliation``. Only who sent it sees it.

    raises  AccessError; NotFound
    """
    job = _found(platform, who, run_id, "import-show")
    told = state_of(job)
    if job.state == "done":
        told["reconciliation"] = reconciliation.find(platform, run_id) or reconciliation.kept(platform, who, run_id)
    note(platform, who, "import-show", "landing", detail={"run": run_id})
    return told


def refusals(platform: Platform, who: Principal, run_id: str) -> Iterator[bytes]:
    """What was refused and still waits, as NDJSON: an OperationOutcome for each record, without its content.

    raises  AccessError; NotFound
    """
    _found(platform, who, run_id, "import-errors")
    admit(platform, who, "quarantine", "landing", operation="import-errors")
    note(platform, who, "import-errors", "landing", detail={"run": run_id})
    return _refusals(platform, run_id)


def _refusals(platform: Platform, run_id: str) -> Iterator[bytes]:
    report = reconciliation.find(platform, run_id)
    files = [file["manifest"] for file in report["files"]] if report else []
    store, last = platform.store("identified"), 0
    while True:
        with store.connect() as connection:
            rows = quarantine_by_run.listed(connection, run_id, files, limit=_PAGE, after=last)
        if not rows:
            return
        yield b"".join(orjson.dumps(_outcome(row)) + b"\n" for row in rows)
        last = rows[-1].rec


def _outcome(row: Quarantined) -> Json:
    """A refusal as FHIR tells it; `expression` says where, `diagnostics` what helps and which record it is."""
    issues = [
        {
            "severity": "error" if issue.refuses else "warning",
            "code": "invalid",
            "details": {"coding": [{"system": "urn:careloom:issue", "code": issue.code}], "text": issue.message},
            "diagnostics": f"{(issue.remedy or REMEDY).rstrip('.')}. Record {row.record_id}, {row.place}.",
            **({"expression": [issue.place]} if issue.place else {}),
        }
        for issue in row.issues
    ]
    return {"resourceType": "OperationOutcome", "id": row.record_id, "issue": issues}


def withdraw(platform: Platform, who: Principal, run_id: str) -> None:
    """Stops an import that waits or runs; what it has committed stays. raises AccessError; NotFound; Conflict."""
    job = _found(platform, who, run_id, "import-cancel")
    if job.state not in ("waiting", "running"):
        raise Conflict("the import has ended", "What it stored is here; erase or delete it as any other.")
    cancel(platform, who, run_id)


def _found(platform: Platform, who: Principal, run_id: str, operation: str) -> Job:
    """The job of the caller's own import. raises AccessError; NotFound, both audited."""
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone, operation=operation)
    job = find_job(platform, KIND, run_id)
    if job is None or job.actor != who.name or job.state == "cancelled" or not _is_import(platform, job):
        note(platform, who, operation, "landing", outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such import", "It may have been cancelled; see GET /api/v1/ingestions.")
    return job


def _is_import(platform: Platform, job: Job) -> bool:
    if "import" in job.result:
        return True
    try:
        return "sealed" in job.request and bool(unsealed(platform, job.request).get("import"))
    except IntegrityError:
        return False
