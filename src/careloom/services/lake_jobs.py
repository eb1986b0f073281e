"""A refresh of a view's table as a job: queued, watched, done in the name of whoever asked."""

from collections.abc import Mapping
from typing import Any

from careloom.errors import NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.services.search import zone_of
from careloom.services.view_table import refresh_table
from careloom.store.jobs import FORGOTTEN, Job, Jobs, Progress
from careloom.store.zone_store import Zone

KIND = "lake-refresh"
OPERATION = "lake-refresh"
Json = dict[str, Any]


def submit_refresh(platform: Platform, who: Principal, zone_name: str, path: str) -> Json:
    """Queues the refresh of a table and returns it as it stands.

    raises  AccessError; NotFound if there is no such table, or it is of no view; QueryError
    """
    zone = _admitted(platform, who, zone_name)
    if "definition" not in platform.lake(zone).state(path).facts:
        raise NotFound(f"table {path} is of no view", "Only tables of views are refreshed: careloom view NAME --table.")
    run_id = platform.run_id()
    asked = {"zone": zone, "table": path, "who": rights_of(who)}
    note(platform, who, OPERATION, zone, action="create", detail={"table": path, "job": run_id})
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, asked) | {"zone": zone, "table": path}, actor=who.name, job_id=run_id)
        return _told(jobs.get(run_id))


def show_refresh(platform: Platform, who: Principal, zone_name: str, run_id: str) -> Json:
    """One refresh: as `careloom.services.queued.state_of`, with ``table``; ``done``, ``version`` and ``rows`` are None
    until it is done.

    raises  AccessError; NotFound; QueryError
    """
    zone = _admitted(platform, who, zone_name)
    job = find_job(platform, KIND, run_id)
    if job is None or _zone_of(job) != zone:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such refresh", "Queue one: POST .../refresh of the table.")
    note(platform, who, OPERATION, zone, detail={"job": run_id})
    return _told(job)


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job; one that was killed is done anew, and ends with the same rows."""
    asked = unsealed(platform, request)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        report = refresh_table(
            own, asker_of(platform, jobs, progress, asked), asked["zone"], asked["table"], progress.job_id
        )
    return {"zone": asked["zone"], "table": asked["table"]} | {
        "done": report.done, "version": report.version, "rows": report.rows,
    }  # fmt: skip


def _admitted(platform: Platform, who: Principal, zone_name: str) -> Zone:
    zone = zone_of(zone_name)
    if zone == "identified":
        raise QueryError("the identified zone has no lake", "Name research or synthetic.")
    admit(platform, who, "search", zone, operation=OPERATION)
    return zone


def _zone_of(job: Job) -> str:
    return str(job.result.get("zone") or job.request.get("zone", ""))


def _told(job: Job) -> Json:
    asked = job.result if job.request == FORGOTTEN else job.request
    ended = {name: job.result.get(name) for name in ("done", "version", "rows")}
    return state_of(job) | {"table": str(asked.get("table", ""))} | ended
