"""Looks at watched versions as jobs: queued by people or by the clock, and what follows an alarm.

Drift opens a retraining: a job that trains a new version by the pipeline of the old one. What it trains goes through
the same gates and the same second person as any version: nothing here promotes anything.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from careloom.errors import CareloomError, NotFound
from careloom.logs import log
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed
from careloom.services.monitor import RUN, LookAsk, look, named, reports_of
from careloom.services.monitor_alarms import CHANNELS
from careloom.services.monitor_numbers import numbers_of
from careloom.services.monitor_otlp import send_numbers
from careloom.services.monitor_outcomes import ZONE
from careloom.services.monitor_profiles import profile_of
from careloom.services.monitor_tell import deliver
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.store.jobs import Job, Jobs, Progress

KIND = "monitor"
SCHEDULE = "schedule"
"""Who asks for looks that nobody else asked for."""
RETRAIN = "monitor.retrain"
"""In the registry of names: (platform, who, version, reason) -> the run that trains the model anew."""
OPENS = frozenset({"values", "missing", "scores", "mix", "calibration", "slope", "group", "ppv"})
"""Kinds of alarms that a newer model may mend; broken inputs and silence are not among them, nor a CUSUM by itself."""
Json = dict[str, Any]
_UNTOLD: Json = {"told": [], **dict.fromkeys(CHANNELS, "off")}


def submit_look(platform: Platform, who: Principal, version: str) -> Json:
    """Queues a look and returns its state; its id is also that of the look.

    raises  AccessError; QueryError; NotFound for a version without a profile
    """
    admit(platform, who, "operate", ZONE, operation=RUN)
    profile_of(platform, *named(version))
    run = platform.run_id()
    note(platform, who, RUN, ZONE, action="create", detail={"model": version, "run": run})
    asked = sealed(platform, {"who": rights_of(who)}) | {"version": version}
    with platform.jobs() as jobs:
        jobs.submit(KIND, asked, actor=who.name, job_id=run)
        return _state(jobs.get(run))


def look_state(platform: Platform, who: Principal, run: str) -> Json:
    """How far a queued look is. raises AccessError; NotFound"""
    admit(platform, who, "monitor", ZONE, operation="monitor-state")
    job = find_job(platform, KIND, run)
    if job is None:
        raise NotFound("there is no look of this id", "POST /api/v1/monitoring/runs queues one.")
    note(platform, who, "monitor-state", ZONE, detail={"run": run})
    return _state(job)


def look_now(platform: Platform, who: Principal, ask: LookAsk) -> Json:
    """A look, what it tells, and what follows it: the report, ``told``, ``retraining`` (id of a job, or empty), and
    ``refused`` (why no retraining began, and what to do; empty where nothing was refused).
    """
    found = look(platform, who, ask)
    report = {name: value for name, value in found.items() if name != "queued"}
    told = _told(platform, who, report, found["queued"]) if ask.is_in_force else _UNTOLD
    asks = platform.settings.monitor.retrain and ask.is_in_force
    opened, refused = _retrained(platform, who, report) if asks else ("", "")
    note(platform, who, "monitor-looked", ZONE, detail={
        "model": ask.version, "run": report["id"], "queued": len(told["told"]), "retraining": opened,
        **{way: told[way] for way in CHANNELS},
    })  # fmt: skip
    kept = report | {"told": told, "retraining": opened, "refused": refused}
    reports_of(platform, *named(ask.version)).keep(kept, most=platform.settings.monitor.keep_runs)
    return kept


def _told(platform: Platform, who: Principal, report: Json, queued: list[Json]) -> Json:
    """Sends numbers to collectors, and what waits in the outbox: ``told``, and what became of it by channel."""
    found, settings = _UNTOLD | {"told": queued}, platform.settings.monitor
    numbers = list(numbers_of(report))
    if settings.azure:
        found["azure"] = _tried(lambda: load("monitor.azure")(numbers, None))
    if settings.otlp:
        ended = datetime.fromisoformat(report["ended"])
        found["otlp"] = _tried(lambda: send_numbers(settings.otlp, numbers, ended))
    for one, state in deliver(platform, who):
        if one.version == report["version"] and state != "dropped" and found[one.channel] != "failed":
            found[one.channel] = state
    return found


def _tried(act: Callable[[], object]) -> str:
    try:
        act()
    except CareloomError:
        return "failed"
    except Exception as error:  # noqa: BLE001 whatever a collector answers, alarms are told and drift is answered
        log(__name__, "numbers of a look were not sent", level=logging.ERROR, kind=type(error).__name__)
        return "failed"
    return "sent"


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does a queued look, in the name of whoever asked for it."""
    who = asker_of(platform, jobs, progress, request)
    ask = LookAsk(request["version"], run=progress.job_id)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        report = look_now(own, who, ask)
    return {"run": report["id"], "version": ask.version, "alarms": len(report["alarms"])}


def queue_due(platform: Platform, jobs: Jobs) -> int:
    """Queues a look at every version that predicted and that nobody looked at for `every_hours`; how many. A chore."""
    hours, now = platform.settings.monitor.every_hours, platform.runtime.now()
    if not hours or not platform.has_store(ZONE):
        return 0
    with platform.store(ZONE).predictions() as log:
        versions = log.versions() if log.is_any() else []
    waiting = {job.request.get("version") for job in jobs.listed(limit=1000) if job.kind == KIND and job.ended is None}
    queued = 0
    for model, number, _, newest in versions:
        version = f"{model}@{number}"
        if version in waiting or not _is_due(platform, jobs, (model, number), now - timedelta(hours=hours)):
            continue
        if now - newest > timedelta(days=90):
            continue  # nobody uses it any more, and its silence was told
        jobs.submit(KIND, {"version": version}, actor=SCHEDULE, job_id=platform.run_id())
        queued += 1
    return queued


def _is_due(platform: Platform, jobs: Jobs, which: tuple[str, str], before: datetime) -> bool:
    """True where neither a look nor a look that failed is newer than a moment."""
    kept = reports_of(platform, *which).newest()
    if kept is not None and datetime.fromisoformat(kept["ended"]) > before:
        return False
    version = "@".join(which)
    tried = [job for job in jobs.listed(limit=1000) if job.kind == KIND and job.request.get("version") == version]
    if any(job.created > before for job in tried):
        return False
    try:
        profile_of(platform, *which)
    except CareloomError:
        return False  # a version without a profile cannot be watched: whoever asks for it by name is told
    return True


def _retrained(platform: Platform, who: Principal, report: Mapping[str, Any]) -> tuple[str, str]:
    """Queues a retraining where an alarm asks for one: its run, or why none began. Pipelines take time to load."""
    kinds = sorted({one["kind"] for one in report["alarms"]} & OPENS)
    if not kinds:
        return "", ""
    reason = f"drift in look {report['id']}: {', '.join(kinds)}"
    try:
        return str(load(RETRAIN)(platform, who, report["version"], reason)), ""
    except CareloomError as error:
        note(platform, who, "monitor-retrain", ZONE, outcome="failed", detail={
            "model": report["version"], "code": error.code})  # fmt: skip
        return "", f"{error.where}. {error.remedy}"


def _state(job: Job) -> Json:
    return state_of(job) | {"version": job.request.get("version") or job.result.get("version", "")}
