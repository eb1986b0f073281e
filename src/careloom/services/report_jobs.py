"""Scheduled reports as jobs: queued when they are due, made by the worker in the name and with the rights of who asked.

What makes the PDF is given to the worker by whoever starts it, for services know no dashboard.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from careloom.errors import AccessError, CareloomError, NotFound, SetupError
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.job_requests import unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_again, asker_still
from careloom.services.report_times import next_run
from careloom.services.reports import Json, Render, keep_file, kind_of, schedules
from careloom.services.scopes import text_of
from careloom.services.tokens import signed
from careloom.store.jobs import Jobs, Progress

KIND = "report"
TOKEN_SECONDS = 600
"""So long a report may take; then its token is worth nothing."""


def queue_due(platform: Platform, jobs: Jobs) -> int:
    """Queues the reports that are due, each once however long nobody looked; how many. A chore of the worker."""
    kept, now, queued = schedules(platform), platform.runtime.now(), 0
    for made in kept.all():
        if made["paused"] or datetime.fromisoformat(made["next"]) > now:
            continue
        made["next"] = next_run(made["cadence"], made["hour"], now).isoformat()
        kept.keep(made, most=10**6)
        jobs.submit(KIND, {"schedule": made["id"]}, actor=made["by"], job_id=platform.run_id())
        queued += 1
    return queued


def work_off(platform: Platform, render: Render | None, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Makes one report, keeps it, and writes into its schedule what came of it.

    raises  AccessError for whose account is stopped, or who may not see the page any more; NotFound without a schedule
    """
    kept = schedules(platform)
    made = kept.find(str(request.get("schedule", "")))
    if made is None:
        raise NotFound("the schedule of this report is gone", "Make another one.")
    when = platform.runtime.now()
    try:
        entry = _made(platform, render, made, when)
    except Exception as error:
        code = error.code if isinstance(error, CareloomError) else "internal"
        _tell(platform, made["id"], {"at": when.isoformat(), "state": "failed", "error": code, "report": None})
        raise
    _tell(platform, made["id"], {"at": when.isoformat(), "state": "done", "error": None, "report": entry["id"]})
    return {"report": entry["id"], "schedule": made["id"], "sha256": entry["content"]}


def _made(platform: Platform, render: Render | None, made: Json, when: datetime) -> Json:
    if render is None:
        raise SetupError("this worker makes no reports", "Start careloom serve or worker.")
    who = asker_still(platform, asker_again(made["by"], unsealed(platform, made["who"])["who"]))
    if not who.scopes:
        raise AccessError("who asked for this report is granted nothing any more", "Grant it anew, or delete it.")
    content, digest = render(_token(platform, who), made["page"], when)
    entry = keep_file(platform, made, content, digest)
    note(platform, who, "report", _zone(who), action="create", detail={
        "report": entry["id"], "page": kind_of(made["page"]), "sha256": digest, "schedule": made["id"],
    })  # fmt: skip
    return entry


def _token(platform: Platform, who: Principal) -> str:
    """A token of minutes, of what is both kept and granted."""
    client = platform.clients.named(who.name)
    token, jti = signed(platform, client, text_of(who.scopes or ()), TOKEN_SECONDS, {"sub": client.id})
    detail = {"client": client.name, "token": jti, "for": "report"}
    note(platform, who, "issue-token", "identified", action="execute", detail=detail)
    return token


def _zone(who: Principal) -> Any:
    return next((zone for zone in ("identified", "research", "synthetic") if who.may("monitor", zone)), "identified")


def _tell(platform: Platform, name: str, last: Json) -> None:
    """Writes what came of a run into the schedule, unless somebody has deleted it meanwhile."""
    made = schedules(platform).find(name)
    if made is not None:
        schedules(platform).keep(made | {"last": last}, most=10**6)
