"""Jobs: long work queued, watched, cancelled, restarted, and worked off.

What a job is asked to do may name files, and a file's name may name a patient: requests lie sealed in the queue. What
was uploaded lies sealed in a spool under the job's id, and its key in the request: both go when the job is done or
cancelled, and stay when it failed, so that it can be tried again.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from careloom.errors import Conflict, IntegrityError, NotFound
from careloom.pipeline.manifest import RunManifest
from careloom.pipeline.registry import load
from careloom.services import exports, models_watch, own_parameters, reconciliation, report_jobs
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.arrivals import Wanted, read_through
from careloom.services.ingest import INGEST_ZONES, IngestAsk, ingest, refuse_format
from careloom.services.job_requests import sealed, unsealed
from careloom.services.job_rules import rules_of
from careloom.services.models_kept import versions_of
from careloom.services.platform import InputFile, Platform
from careloom.services.queued import asker_of, rights_of
from careloom.services.reports import Render
from careloom.services.runs import find_run, told, told_of
from careloom.store.alarms import is_any_due
from careloom.store.jobs import FORGOTTEN, Job, JobFilter, Jobs, Progress, State, Stop, Work
from careloom.store.synthesis import unfinished
from careloom.store.uploads import Part

KIND = "ingest"
LOADED_WHEN_ASKED = (
    "annotate",
    "audit-verify",
    "deidentify",
    "duplicates",
    "erase",
    "lake-refresh",
    "linkage",
    "monitor",
    "models-mirror",
    "models-pipeline",
    "normalize",
    "quality",
    "redrive",
    "score-cohort",
    "synthesize",
    "train-risk",
)
"""Kinds whose libraries take a worker a second to load: it does that when the first such job runs."""
REPORT_SECONDS = 0.25
"""A running job says at most so often how far it is; it is cancelled when it says so."""
LOOKS_EVERY = timedelta(minutes=5)
"""How often a worker asks whether a watched model is due."""
ORPHAN_AFTER = timedelta(days=1)
"""A spool that no job names and that nobody has written to for so long was left behind by a server that died."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What was sent: the key of the spool, and the files in it."""

    key: bytes
    parts: tuple[Part, ...]


def submit_ingest(platform: Platform, who: Principal, ask: IngestAsk) -> dict[str, Any]:
    """Queues an ingestion and returns its job, whose id is also that of the run.

    raises  AccessError; InputError if the format has no name; NotFound if a path is not there now
    """
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone)
    refuse_format(ask.format)
    platform.inputs(ask.paths)
    return _as_json(queue(platform, who, ask))


def queue(platform: Platform, who: Principal, ask: IngestAsk, upload: Upload | None = None) -> Job:
    """Notes who queues what, and queues it; the caller has asked for admission."""
    job_id = ask.run_id or platform.run_id()
    request = {
        "paths": [str(path.resolve()) for path in ask.paths],
        "format": ask.format,
        "mapping": str(ask.mapping.resolve()) if ask.mapping else "",
        "source": ask.source,
        "processes": ask.processes,
        "who": rights_of(who),
        "import": ask.is_import,
    }
    detail: dict[str, object] = {"job": job_id}
    if upload is not None:
        request["key"] = b64encode(upload.key).decode()
        request["parts"] = [[part.name, part.start, part.size_bytes] for part in upload.parts]
        detail |= {"files": len(upload.parts), "bytes": sum(part.size_bytes for part in upload.parts)}
    note(platform, who, "upload" if upload else "jobs", "landing", action="create", detail=detail)
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, request), actor=who.name, job_id=job_id)
        return jobs.get(job_id)


def list_jobs(
    platform: Platform, who: Principal, wanted: JobFilter | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Jobs, newest first: job_id, kind, state, actor, done, total, started, ended, attempts, error, result."""
    admit(platform, who, "operate", "landing", operation="jobs")
    with platform.jobs() as jobs:
        found = [_as_json(job) for job in jobs.chosen(wanted or JobFilter(), limit=limit)]
    note(platform, who, "jobs", "landing", detail={"listed": len(found)})
    return found


def show_job(platform: Platform, who: Principal, job_id: str) -> dict[str, Any]:
    """One job with its log (time, code). raises NotFound."""
    admit(platform, who, "operate", "landing", operation="jobs")
    with platform.jobs() as jobs:
        job = jobs.get(job_id)
        log = [{"time": time.isoformat(), "code": code} for time, code in jobs.log_of(job_id)]
    note(platform, who, "jobs", "landing", detail={"job": job.id})
    return _as_json(job) | {"log": log}


def cancel_job(platform: Platform, who: Principal, job_id: str) -> str:
    """The state after asking it to stop. raises NotFound; Conflict if it has ended."""
    admit(platform, who, "operate", "landing", operation="jobs")
    return cancel(platform, who, job_id).state


def cancel(platform: Platform, who: Principal, job_id: str) -> Job:
    """Notes who cancels what, and cancels it; the caller has asked for admission. raises NotFound; Conflict."""
    with platform.jobs() as jobs:
        _note_change(platform, who, jobs.get(job_id), ("waiting", "running"), "cancelled")
        if jobs.cancel(job_id):
            _let_go(platform, jobs, jobs.get(job_id))
        return jobs.get(job_id)


def restart_job(platform: Platform, who: Principal, job_id: str) -> str:
    """The state after queueing it again. raises NotFound; Conflict unless it failed or was cancelled."""
    admit(platform, who, "operate", "landing", operation="jobs")
    return restart(platform, who, job_id).state


def restart(platform: Platform, who: Principal, job_id: str) -> Job:
    """Notes who queues what again, and queues it; the caller has asked for admission. raises NotFound; Conflict."""
    with platform.jobs() as jobs:
        _note_change(platform, who, jobs.get(job_id), ("failed", "cancelled"), "waiting")
        jobs.restart(job_id)
        return jobs.get(job_id)


def _note_change(platform: Platform, who: Principal, job: Job, states: tuple[State, ...], to: State) -> None:
    if job.state not in states:
        raise Conflict(f"the job is {job.state}", "Look at it again before changing it.")
    note(platform, who, "jobs", "landing", action="update", detail={"job": job.id, "to": to})


def forget_requests(platform: Platform, named: Callable[[bytes, str], bool]) -> int:
    """Destroys what ended jobs were asked, and were sent, where it names a patient; how many. A done job keeps nothing.

    An upload that waits or runs stays: its sender was told that it will be stored, and the patient's tombstone sees to
    it that it brings nobody back.
    """
    if not platform.has_jobs():
        return 0

    def is_doomed(job: Job) -> bool:
        if job.kind == "erase":  # one that failed or was cancelled names its patient: it is queued anew
            return True
        if job.kind != KIND:
            return False
        asked = unsealed(platform, job.request)
        paths = [path.encode("utf-8", "surrogateescape") for path in asked["paths"]]
        if not any(named(path, asked["source"]) for path in paths) and not _is_named(platform, job.id, asked, named):
            return False
        platform.spools.destroy(job.id)
        return True

    with platform.jobs() as jobs:
        return jobs.forget(is_doomed)


def _is_named(platform: Platform, job_id: str, asked: Mapping[str, Any], named: Callable[[bytes, str], bool]) -> bool:
    """True when a file of an upload names the patient, or nobody can read it any more."""
    settings = platform.settings.ingest
    try:
        return any(
            named(raw, asked["source"] or settings.source)
            for file in _uploads(platform, job_id, asked)
            for raw in read_through(file, settings, Wanted(asked["format"]))
        )
    except (IntegrityError, NotFound):
        return True


def work(
    platform: Platform, *, once: bool, stop: Stop | None = None, may_kill: bool = False, render: Render | None = None
) -> int:
    """Runs queued jobs; with `once`, returns how many were run when nothing is due any more, else only when stopped.

    render    makes a report of a page; without it scheduled reports fail
    may_kill  this process does nothing else, and may be killed with a job that does not end in time
    raises    Conflict if another worker runs here
    """
    with platform.jobs() as jobs, jobs.only_worker():
        jobs.stop = stop or jobs.stop
        jobs.may_kill = may_kill
        _register(platform, jobs)
        _register_one(jobs, report_jobs.KIND, partial(report_jobs.work_off, platform, render))
        jobs.chores += [partial(exports.sweep, platform), partial(_mend_synthesis, platform)]
        jobs.chores += [partial(models_watch.sweep, platform), partial(_settle_models, platform)]
        jobs.chores += [_Looks(platform, jobs).queue_due, partial(_tell, platform)]
        jobs.chores += [partial(report_jobs.queue_due, platform, jobs)]
        report_jobs.queue_due(platform, jobs)
        _mend_synthesis(platform)
        _tell(platform)
        jobs.recover()
        sweep(platform, jobs)
        if once:
            return jobs.run_waiting()
        jobs.run_until_stopped()
        return 0


def _register(platform: Platform, jobs: Jobs) -> None:
    register = partial(_register_one, jobs)
    register(KIND, partial(_ingest, platform, jobs), partial(_let_go, platform, jobs))
    for kind in LOADED_WHEN_ASKED:
        register(kind, partial(_load_and_do, kind, platform, jobs))
    register(exports.KIND, partial(exports.work_off, platform, jobs), partial(exports.let_go, platform))
    register(own_parameters.KIND, partial(own_parameters.work_off, platform, jobs))


def _register_one(jobs: Jobs, kind: str, does: Work, ended: Callable[[Job], object] | None = None) -> None:
    jobs.register(kind, does, ended=ended, rules=rules_of(kind))


def _load_and_do(
    kind: str, platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]
) -> dict[str, Any]:
    done: dict[str, Any] = load(f"job.{kind}")(platform, jobs, progress, request)
    return done


class _Looks:
    """Queues looks at watched models that are due; what does it is loaded only where something predicted."""

    def __init__(self, platform: Platform, jobs: Jobs) -> None:
        self._platform = platform
        self._jobs = jobs
        self._next = platform.runtime.now()

    def queue_due(self) -> None:
        """Asks at most once in `LOOKS_EVERY`."""
        platform, now = self._platform, self._platform.runtime.now()
        if now < self._next or not platform.settings.monitor.every_hours or not platform.has_store("identified"):
            return
        self._next = now + LOOKS_EVERY
        with platform.store("identified").predictions() as log:
            is_any = log.is_any()
        if is_any:
            load("monitor.due")(platform, self._jobs)


def _mend_synthesis(platform: Platform) -> None:
    """Ends fits, draws and releases whose process died; what does it is loaded only where there is one."""
    if not platform.has_store("identified"):
        return
    with platform.store("identified").connect() as connection:
        is_any = bool(unfinished(connection))
    if is_any:
        load("job.synthesize-mend")(platform)


def _tell(platform: Platform) -> None:
    """Tells alarms that wait to be told; what does it is loaded only where there is one."""
    if not platform.has_store("identified"):
        return
    with platform.store("identified").connect() as connection:
        is_any = is_any_due(connection, platform.runtime.now())
    if is_any:
        load("monitor.tell")(platform)


def _settle_models(platform: Platform) -> None:
    """Retires champions whose days are over; what does it is loaded only where there is a model."""
    if versions_of(platform):
        load("job.models-taint")(platform)


def sweep(platform: Platform, jobs: Jobs) -> int:
    """Destroys spools that nobody will read: of jobs that are done or cancelled, or left behind without a job."""
    swept = 0
    for spool in platform.spools.listed():
        job = jobs.find(spool.name)
        if job is None and platform.runtime.now() - spool.written > ORPHAN_AFTER:
            swept += platform.spools.destroy(spool.name)
        elif job is not None and job.state in ("done", "cancelled"):
            swept += _let_go(platform, jobs, job)
    return swept


def _let_go(platform: Platform, jobs: Jobs, job: Job) -> bool:
    """Destroys what was uploaded for a job that is done or cancelled, and its key."""
    if not platform.spools.destroy(job.id):
        return False
    jobs.forget_one(job.id)
    return True


def _ingest(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> dict[str, Any]:
    """Does the job; one whose run had ended when its worker died only gets its result."""
    job_id = progress.job_id
    ended = find_run(platform, job_id)
    asked = {} if ended is not None and request == FORGOTTEN else unsealed(platform, request)
    if ended is not None:
        return _ended(platform, jobs, progress, asked) | _result(told_of(ended))
    ask = IngestAsk(
        tuple(Path(path) for path in asked["paths"]),
        asked["format"],
        Path(asked["mapping"]) if asked["mapping"] else None,
        asked["source"],
        asked["processes"],
        _uploads(platform, job_id, asked),
        job_id,
    )
    who = asker_of(platform, jobs, progress, asked)
    reporter = _Reporter(progress, platform.runtime.now)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        manifest = ingest(own, who, ask, reporter.watch, reporter.begun)
        done = _ended(own, jobs, progress, asked)
    return done | _result(told(manifest.files, manifest.issues_as_json()))


def _ended(platform: Platform, jobs: Jobs, progress: Progress, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the job of a finished run tells beside its counts; an import is reconciled first."""
    if not asked.get("import"):
        return {"run": progress.job_id}
    if reconciliation.find(platform, progress.job_id) is None:
        reconciliation.kept(platform, asker_of(platform, jobs, progress, asked), progress.job_id)
    return {"run": progress.job_id, "import": True}


def _result(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: summary["totals"][name] for name in ("records", "quarantined")} | summary


class _Reporter:
    """Says now and then how far a run is and what it has made so far."""

    def __init__(self, progress: Progress, clock: Callable[[], datetime]) -> None:
        self._progress = progress
        self._clock = clock
        self._next = clock()
        self._manifest: RunManifest | None = None

    def begun(self, manifest: RunManifest) -> None:
        """Takes the manifest that grows."""
        self._manifest = manifest

    def watch(self, done: int, total: int) -> None:
        """Passes it on, if the last time is long enough ago."""
        if self._clock() < self._next and done < total:
            return
        made = self._manifest
        self._progress.report(done, total, told(made.files, made.issues_as_json()) if made else None)
        self._next = self._clock() + timedelta(seconds=REPORT_SECONDS)


def _uploads(platform: Platform, job_id: str, asked: Mapping[str, Any]) -> tuple[InputFile, ...]:
    key = b64decode(asked.get("key", ""))
    parts = [Part(*fields) for fields in asked.get("parts", ())]
    return tuple(
        InputFile(part.name, part.size_bytes, partial(platform.spools.open, job_id, key, part)) for part in parts
    )


def _as_json(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "kind": job.kind,
        "state": job.state,
        "actor": job.actor,
        "done": job.done,
        "total": job.total,
        "attempts": job.attempts,
        "failures": job.failures,
        "due": job.due.isoformat() if job.due else None,
        "created": job.created.isoformat(),
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
        "error": job.error_code,
        "result": job.result,
    }
