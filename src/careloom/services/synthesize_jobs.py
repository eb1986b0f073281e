"""Fits, samples and releases as jobs: queued, watched, done in the name of whoever asked.

The id of a fit's job is that of its model, the id of a sample's job that of its sample. A job that was killed is not
begun again where it had reserved: what it reserved stays spent, and it is asked for anew.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from careloom.errors import Conflict, NotFound, QueryError
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.services.synthesize import (
    FHIR,
    FIT,
    NOTES,
    RECORDS,
    FitAsk,
    fit,
    kind_of,
    told,
    work,
    zone_of_account,
)
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_fhir_work import fit_fhir, sample_fhir
from careloom.services.synthesize_let_out import RELEASE
from careloom.services.synthesize_over import taints_of
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.synthesize_rows import SAMPLE, JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_search import SearchAsk, search
from careloom.services.synthesize_shown import LIST, SHOW, samples_of
from careloom.services.synthesize_source import SourceAsk
from careloom.store.jobs import FORGOTTEN, Job, Jobs, Progress
from careloom.store.synthesis import Work, listed
from careloom.synth.release_policy import SHIPPED
from careloom.synth.tabular import Wish

KIND = "synthesize"
KINDS = {RECORDS: "records", NOTES: "notes"}
"""Engine -> what a sample that waits will hold."""
_LISTED = 200
_MAKES = ("fit", "search")
"""Acts whose job has the id of a model."""
BRIEF = ("id", "model", "state", "kind", "actor", "rows", "patients", "notes", "created", "error", "verdicts")
"""What is told of a sample to those who may not read its measures."""
Json = dict[str, Any]


def submit_fit(platform: Platform, who: Principal, ask: FitAsk) -> Json:
    """Queues a fit of a lake table and returns its model as it stands; what the engine does not take fails the job.

    raises  AccessError; QueryError
    """
    zone = zone_of_account(ask.account)
    admit(platform, who, "read", zone, operation=FIT)
    admit(platform, who, "correct", zone, operation=FIT)
    if not ask.source.table:
        raise QueryError("no table was named", "Name one of the research zone's lake: silver/patients.")
    run = queued(platform, who, zone, _fit_asked(ask, "fit"), {"act": "fit", "account": ask.account})
    return model_of(platform, run)


def submit_search(platform: Platform, who: Principal, ask: SearchAsk) -> Json:
    """Queues a search of settings over a lake table, and returns the model that it will make, as it stands.

    raises  AccessError; QueryError
    """
    zone = zone_of_account(ask.fit.account)
    admit(platform, who, "read", zone, operation=FIT)
    admit(platform, who, "correct", zone, operation=FIT)
    if not ask.fit.source.table:
        raise QueryError("no table was named", "Name one of the research zone's lake: silver/patients.")
    wanted = _fit_asked(ask.fit, "search") | {
        "trials": ask.trials, "cpu_seconds": ask.cpu_seconds, "held_share": ask.held_share,
        "selection": ask.selection, "space": ask.space,
    }  # fmt: skip
    return model_of(platform, queued(platform, who, zone, wanted, {"act": "search", "account": ask.fit.account}))


def _fit_asked(ask: FitAsk, act: str) -> Json:
    """The ask as a job keeps it."""
    return {
        "act": act, "table": ask.source.table, "metadata": ask.source.metadata, "account": ask.account,
        "engine": ask.engine, "epsilon": ask.epsilon, "delta": ask.delta, "rows_per_patient": ask.rows_per_patient,
        "target": ask.target, "options": dict(ask.options), "seed": ask.seed, "name": ask.name,
        "control_share": ask.control_share,
    }  # fmt: skip


def submit_sample(platform: Platform, who: Principal, ask: SampleAsk, judged: JudgeAsk) -> Json:
    """Queues rows to be drawn and judged, and returns the sample as it stands. raises AccessError; NotFound"""
    model, zone = admitted(platform, who, "read", ask.model, "model", operation=SAMPLE)
    wanted = {
        "act": "sample", "model": ask.model, "rows": ask.rows, "values": dict(ask.wish.values),
        "balance": ask.wish.balance, "target": judged.target, "known": list(judged.known),
        "groups": list(judged.groups), "small_cell": judged.small_cell, "kinds": list(judged.kinds),
    }  # fmt: skip
    run = queued(platform, who, zone, wanted, {"act": "sample", "account": model.body["account"], "model": ask.model})
    return sample_as(platform, run)


def submit_release(platform: Platform, who: Principal, ask: ReleaseAsk) -> Json:
    """Queues a sample's way to the gate, and returns the sample. raises AccessError; NotFound; QueryError"""
    one, zone = admitted(platform, who, "read", ask.sample, "sample", operation=RELEASE)
    if ask.policy not in SHIPPED:
        raise QueryError("there is no such policy", f"Name one of {', '.join(SHIPPED)}.")
    wanted = {"act": "release", "sample": ask.sample, "table": ask.table, "policy": ask.policy, "reason": ask.reason}
    queued(platform, who, zone, wanted, {"act": "release", "account": one.body["account"], "sample": ask.sample})
    return sample_as(platform, ask.sample)


def models(platform: Platform, who: Principal) -> list[Json]:
    """Models of the research zone, and fits that wait, newest first. raises AccessError"""
    admit(platform, who, "monitor", "research", operation=LIST)
    with platform.store("identified").connect() as connection:
        found = {one.name for one in listed(connection, "model") if zone_of_account(one.body["account"]) == "research"}
    names = sorted(found | _waiting(platform, _MAKES), reverse=True)
    note(platform, who, LIST, "research", detail={"listed": len(names)})
    return [model_of(platform, one) for one in names]


def samples(platform: Platform, who: Principal) -> list[Json]:
    """Samples of the research zone, and those that wait, newest first, without what was measured. raises AccessError"""
    admit(platform, who, "monitor", "research", operation=LIST)
    with platform.store("identified").connect() as connection:
        found = [one for one in listed(connection, "sample") if zone_of_account(one.body["account"]) == "research"]
    names = sorted({one.name for one in found} | _waiting(platform, ("sample",)), reverse=True)
    note(platform, who, LIST, "research", detail={"listed": len(names)})
    told_ = (sample_as(platform, one) for one in names)
    return [{name: one[name] for name in BRIEF} for one in told_]


def model(platform: Platform, who: Principal, name: str) -> Json:
    """A model, or the fit that will make it. raises AccessError; NotFound"""
    admit(platform, who, "monitor", "research", operation=SHOW)
    try:
        found = model_of(platform, name)
    except NotFound:
        note(platform, who, SHOW, "research", outcome="failed", detail={"code": NotFound.code})
        raise
    note(platform, who, SHOW, "research", detail={"model": name})
    return found


def sample_of(platform: Platform, who: Principal, name: str) -> Json:
    """A sample with its measures, or what will draw it. raises AccessError; NotFound"""
    admit(platform, who, "read", "research", operation=SHOW)
    try:
        found = sample_as(platform, name)
    except NotFound:
        note(platform, who, SHOW, "research", outcome="failed", detail={"code": NotFound.code})
        raise
    note(platform, who, SHOW, "research", detail={"sample": name})
    return found


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job. raises Conflict where an earlier try of it has reserved already"""
    wanted = unsealed(platform, request)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        who = asker_of(platform, jobs, progress, wanted)
        {"fit": _fit, "search": _search, "sample": _draw, "release": _release}[wanted["act"]](
            own, who, progress, wanted
        )
    return {name: request.get(name, "") for name in ("act", "account", "model", "sample")}


def _fit(platform: Platform, who: Principal, progress: Progress, wanted: Json) -> None:
    _require_new(platform, progress.job_id)
    if wanted["engine"] in FHIR:
        fit_fhir(platform, who, progress.job_id, wanted, progress.report)
        return
    fit(platform, who, _fit_ask(wanted, progress.job_id), progress.report)


def _search(platform: Platform, who: Principal, progress: Progress, wanted: Json) -> None:
    _require_new(platform, progress.job_id)
    ask = SearchAsk(
        _fit_ask(wanted, progress.job_id), wanted["trials"], wanted["cpu_seconds"], wanted["held_share"],
        wanted["selection"], wanted["space"],
    )  # fmt: skip
    search(platform, who, ask, progress.report)


def _require_new(platform: Platform, run: str) -> None:
    """raises Conflict where the job's worker was killed when it had begun: `mend` said that the model has failed"""
    if _found(platform, run, "model") is not None:
        raise Conflict("this was begun before and has reserved", "Ask for it anew.")


def _fit_ask(wanted: Json, run: str) -> FitAsk:
    return FitAsk(
        SourceAsk(table=wanted["table"], metadata=wanted["metadata"]), wanted["account"], wanted["engine"],
        wanted["epsilon"], wanted["delta"], wanted["rows_per_patient"], wanted["target"], wanted["options"],
        wanted["seed"], wanted["name"], wanted["control_share"], run,
    )  # fmt: skip


def _draw(platform: Platform, who: Principal, progress: Progress, wanted: Json) -> None:
    run = progress.job_id
    if _found(platform, run, "sample") is not None:
        raise Conflict("these rows were drawn before", "Ask for others.")
    if wanted.get("engine") in FHIR:
        sample_fhir(platform, who, run, wanted, progress.report)
        return
    wish = Wish(wanted["values"], {}, wanted["balance"])
    sample(platform, who, SampleAsk(wanted["model"], wanted["rows"], wish, run), progress.report)
    known, groups = tuple(wanted["known"]), tuple(wanted["groups"])
    judge(platform, who, JudgeAsk(run, wanted["target"], known, groups, wanted["small_cell"], tuple(wanted["kinds"])))


def _release(platform: Platform, who: Principal, _progress: Progress, wanted: Json) -> None:
    ask = ReleaseAsk(wanted["sample"], wanted["table"], wanted["policy"], reason=wanted["reason"])
    release(platform, who, ask)


def queued(platform: Platform, who: Principal, zone: Zone, wanted: Json, shown: Json) -> str:
    """Queues what is wanted, sealed, and what may be told of it; the id of the job."""
    run = platform.run_id()
    operation = {"fit": FIT, "search": FIT, "sample": SAMPLE, "release": RELEASE}[wanted["act"]]
    note(platform, who, operation, zone, action="create", detail={"job": run, **shown})
    request = sealed(platform, wanted | {"who": rights_of(who)})
    with platform.jobs() as jobs:
        jobs.submit(KIND, request | shown, actor=who.name, job_id=run)
    return run


def _jobs(platform: Platform) -> list[Job]:
    if not platform.has_jobs():
        return []
    with platform.jobs() as jobs:
        return jobs.page(KIND, before="99999999T999999Z-zzzzzz", limit=_LISTED)


def _waiting(platform: Platform, acts: Collection[str]) -> set[str]:
    """The ids of jobs of the research zone that do one of these."""
    return {
        job.id for job in _jobs(platform)
        if _said(job, "act") in acts and zone_of_account(_said(job, "account")) == "research"
    }  # fmt: skip


def _said(job: Job, name: str) -> str:
    return str((job.result if job.request == FORGOTTEN else job.request).get(name, ""))


def _found(platform: Platform, name: str, kind: Any) -> Work | None:
    try:
        return work(platform, name, kind)
    except NotFound:
        return None


def _state(one: Work | None, job: Job | None) -> Json:
    """state, error, progress and created, of what there is."""
    states = {} if job is None else state_of(job)
    state = one.state if one is not None else str(states.get("state", ""))
    return {
        "state": state, "error": states.get("error"), "progress": states.get("progress", {"done": 0, "total": 0}),
        "created": None if one is None else told(one)["created"],
        "actor": one.body["actor"] if one is not None else states.get("actor", ""),
    }  # fmt: skip


def _either(
    platform: Platform, name: str, kind: Literal["model", "sample"], otherwise: NotFound
) -> tuple[Work | None, Job | None, Json]:
    """What there is of this name in the research zone, the job that makes it, and the body. raises `otherwise`"""
    one, job = _found(platform, name, kind), find_job(platform, KIND, name)
    if job is not None and _said(job, "act") not in (_MAKES if kind == "model" else ("sample",)):
        job = None
    if (one is None and job is None) or (one is not None and zone_of_account(one.body["account"]) != "research"):
        raise otherwise
    return one, job, {} if one is None else one.body


def model_of(platform: Platform, name: str) -> Json:
    """A model, or the fit that will make it, as it stands. raises NotFound"""
    none = NotFound("there is no such model", "List them: GET /api/v1/synthetic/models.")
    one, job, body = _either(platform, name, "model", none)
    privacy, split = body.get("privacy") or {}, body.get("split") or {}
    is_learnt = one is not None and bool(body["training"])
    account = body.get("account") or (_said(job, "account") if job is not None else "")
    return _state(one, job) | {
        "id": name, "title": body.get("title", ""), "account": account,
        "engine": body.get("engine") or (_said(job, "engine") if job is not None else ""),
        "table": body.get("table", ""), "target": body.get("target", ""),
        "epsilon": body.get("epsilon"), "delta": privacy.get("delta"), "patients": split.get("patients"),
        "control_patients": split.get("control_patients"), "rows": split.get("rows"),
        "ledger": (body.get("ledger") or {}).get("entry", ""), "model_sha256": body.get("model_sha256", ""),
        "taints": taints_of(platform, one) if one is not None and is_learnt else [],
        "samples": samples_of(platform, name),
    }  # fmt: skip


def sample_as(platform: Platform, name: str) -> Json:
    """A sample, or what will draw it, as it stands. raises NotFound"""
    none = NotFound("there is no such sample", "A model lists its samples: GET /api/v1/synthetic/models/ID.")
    one, job, body = _either(platform, name, "sample", none)
    report, held = body.get("report") or {}, body.get("release") or {}
    asked_for = [each for each in _jobs(platform) if _said(each, "act") == "release" and _said(each, "sample") == name]
    return _state(one, job) | {
        "id": name, "model": one.parent if one is not None else _said(job, "model") if job else "",
        "kind": kind_of(body) if body else KINDS.get(_said(job, "engine") if job else "", "table"),
        "rows": body.get("rows", 0), "patients": body.get("patients"), "notes": body.get("notes"),
        "measures": [{"name": each, **bounds} for each, bounds in report.get("measures", {}).items()],
        "missing": [{"kind": each, "why": why} for each, why in report.get("missing", {}).items()],
        "findings": held.get("findings", []),
        "verdicts": body.get("verdicts", 0),
        "asked": [{"id": each.id, "state": each.state, "error": each.error_code or None} for each in asked_for],
    }  # fmt: skip
