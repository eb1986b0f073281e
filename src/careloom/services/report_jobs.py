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
from careloom.services.purposes import is_emergency, is_kind_of, known
from careloom.services.queued import asker_again, asker_still
from careloom.services.report_pages import refuse_page
from careloom.services.report_times import next_run
from careloom.services.reports import Json, Render, change, erasures, keep_file, kind_of, schedules
from careloom.services.scopes import text_of
from careloom.services.tokens import purpose_claim, signed
from careloom.store.jobs import Jobs, Progress

KIND = "report"
TOKEN_SECONDS = 600
"""So long a report may take; then its token is worth nothing."""


def queue_due(platform: Platform, jobs: Jobs) -> int:
    """Queues the reports that are due, each once however long nobody looked; how many. A chore of the worker."""
    now, queued = platform.runtime.now(), 0

    def following(made: Json) -> Json | None:
        if not _is_due(made, now):
            return None
        return {"next": next_run(made["cadence"], made["hour"], now).isoformat()}

    for each in schedules(platform).all():
        if _is_due(each, now) and (made := change(platform, each["id"], following)) is not None:
            jobs.submit(KIND, {"schedule": made["id"]}, actor=made["by"], job_id=platform.run_id())
            queued += 1
    return queued


def _is_due(made: Mapping[str, Any], now: datetime) -> bool:
    return not made["paused"] and datetime.fromisoformat(made["next"]) <= now


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
    refuse_page(made["page"])
    asked = asker_again(made["by"], unsealed(platform, made["who"])["who"])
    who = asker_still(platform, asked)
    if not who.scopes:
        raise AccessError("who asked for this report is granted nothing any more", "Grant it anew, or delete it.")
    since = erasures(platform)
    content, digest = render(_token(platform, who, asked.purposes), made["page"], when)
    entry = keep_file(platform, made, content, digest, since=since)
    note(platform, who, "report", _zone(who), action="create", detail={
        "report": entry["id"], "page": kind_of(made["page"]), "sha256": digest, "schedule": made["id"],
    })  # fmt: skip
    return entry


def _token(platform: Platform, who: Principal, narrowed: frozenset[str] | None) -> str:
    """A token of minutes, of what is both kept and granted, for the purpose that the schedule was made for.

    narrowed  purposes that the token had which made the schedule; None for all of its client's
    raises    AccessError where that purpose is none that a token can be for, or is not the owner's any more
    """
    client = platform.clients.named(who.name)
    limits = [one for one in (narrowed, frozenset(client.purposes.split()) or None) if one is not None]
    is_known = who.purpose in known() and not is_emergency(who.purpose)
    if not is_known or not all(is_kind_of(who.purpose, limit) for limit in limits):
        raise AccessError("the purpose of use of this schedule is not granted", "Make it anew for another purpose.")
    more = {"sub": client.id, **purpose_claim(who.purpose)}
    token, jti = signed(platform, client, text_of(who.scopes or ()), TOKEN_SECONDS, more)
    detail = {"client": client.name, "token": jti, "for": "report"}
    note(platform, who, "issue-token", "identified", action="execute", detail=detail)
    return token


def _zone(who: Principal) -> Any:
    return next((zone for zone in ("identified", "research", "synthetic") if who.may("monitor", zone)), "identified")


def _tell(platform: Platform, name: str, last: Json) -> None:
    """Writes what came of a run into the schedule, unless somebody has deleted it meanwhile."""
    change(platform, name, lambda _: {"last": last})
