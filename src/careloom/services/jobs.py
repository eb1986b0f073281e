"""Jobs: long work queued, watched, cancelled, restarted, and worked off.

What a job is asked to do may name files, and a file's name may name a patient: requests lie sealed in the queue.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from careloom.crypto.envelope import seal, unseal
from careloom.services.access import Principal, local_operator
from careloom.services.admission import admit
from careloom.services.ingest import INGEST_ZONES, IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.store.jobs import Job, Jobs, Progress

_CONTEXT = b"careloom/jobs/request"


def submit_ingest(platform: Platform, who: Principal, ask: IngestAsk) -> dict[str, Any]:
    """Queues an ingestion and returns its job.

    raises  AccessError; NotFound if a path is not there now
    """
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone)
    platform.inputs(ask.paths)
    request = {
        "paths": [str(path.resolve()) for path in ask.paths],
        "format": ask.format,
        "mapping": str(ask.mapping.resolve()) if ask.mapping else "",
        "source": ask.source,
        "processes": ask.processes,
    }
    with platform.jobs() as jobs:
        job_id = jobs.submit("ingest", _sealed(platform, request), actor=who.name)
        return _as_json(jobs.get(job_id))


def list_jobs(platform: Platform, who: Principal, limit: int = 100) -> list[dict[str, Any]]:
    """Jobs, newest first: job_id, kind, state, actor, done, total, started, ended, attempts, error, result."""
    admit(platform, who, "operate", "landing")
    with platform.jobs() as jobs:
        return [_as_json(job) for job in jobs.listed(limit=limit)]


def show_job(platform: Platform, who: Principal, job_id: str) -> dict[str, Any]:
    """One job with its log (time, code). raises NotFound."""
    admit(platform, who, "operate", "landing")
    with platform.jobs() as jobs:
        log = [{"time": time.isoformat(), "code": code} for time, code in jobs.log_of(job_id)]
        return _as_json(jobs.get(job_id)) | {"log": log}


def cancel_job(platform: Platform, who: Principal, job_id: str) -> str:
    """The state after asking it to stop. raises NotFound; Conflict if it has ended."""
    admit(platform, who, "operate", "landing")
    with platform.jobs() as jobs:
        jobs.cancel(job_id)
        return jobs.get(job_id).state


def restart_job(platform: Platform, who: Principal, job_id: str) -> str:
    """The state after queueing it again. raises NotFound; Conflict unless it failed or was cancelled."""
    admit(platform, who, "operate", "landing")
    with platform.jobs() as jobs:
        jobs.restart(job_id)
        return jobs.get(job_id).state


def forget_requests(platform: Platform, named: Callable[[bytes, str], bool]) -> int:
    """Destroys what ended jobs were asked where it names a patient; how many. A job that is done keeps nothing."""
    if not platform.has_jobs():
        return 0

    def is_doomed(request: dict[str, Any]) -> bool:
        told = _unsealed(platform, request)
        return any(named(path.encode("utf-8", "surrogateescape"), told["source"]) for path in told["paths"])

    with platform.jobs() as jobs:
        return jobs.forget(is_doomed)


def work(platform: Platform, *, once: bool) -> int:
    """Runs queued jobs; with `once`, returns how many were run when nothing waits any more, else only when stopped."""
    with platform.jobs() as jobs:
        jobs.register("ingest", lambda progress, request: _ingest(platform, jobs, progress, request))
        jobs.recover()
        if once:
            return jobs.run_waiting()
        jobs.consumer().run()
        return 0


def _ingest(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> dict[str, Any]:
    told = _unsealed(platform, request)
    ask = IngestAsk(
        tuple(Path(path) for path in told["paths"]),
        told["format"],
        Path(told["mapping"]) if told["mapping"] else None,
        told["source"],
        told["processes"],
    )
    actor = jobs.get(progress.job_id).actor
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        manifest = ingest(own, local_operator(actor), ask, progress.report)
    return {"run": manifest.run_id, "records": manifest.records, "quarantined": manifest.quarantined}


def _sealed(platform: Platform, request: Mapping[str, Any]) -> dict[str, str]:
    key = platform.keys.derive("seal", "jobs")
    return {"sealed": b64encode(seal(key, orjson.dumps(request), _CONTEXT)).decode()}


def _unsealed(platform: Platform, request: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(
        unseal(platform.keys.derive("seal", "jobs"), b64decode(request["sealed"]), _CONTEXT)
    )
    return told


def _as_json(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "kind": job.kind,
        "state": job.state,
        "actor": job.actor,
        "done": job.done,
        "total": job.total,
        "attempts": job.attempts,
        "created": job.created.isoformat(),
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
        "error": job.error_code,
        "result": job.result,
    }
