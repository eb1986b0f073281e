"""Trainings of risk models as jobs: queued, watched, done by the worker in the name of whoever asked."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from careloom.errors import NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.services.search import zone_of
from careloom.services.train_risk import TrainAsk, task_named, train_risk
from careloom.store.jobs import Jobs, Progress

KIND = "train-risk"
Json = dict[str, Any]


def submit_training(platform: Platform, who: Principal, ask: TrainAsk) -> Json:
    """Queues a training and returns its state. raises AccessError; NotFound, FormatError for the task; QueryError"""
    zone = zone_of(ask.zone)
    admit(platform, who, "train", zone, operation="train-risk-queue")
    task = task_named(ask.task)
    job_id = platform.run_id()
    request = asdict(ask) | {"who": rights_of(who)}
    note(platform, who, "train-risk-queue", zone, action="create", detail={"task": task.name, "run": job_id})
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, request) | {"zone": zone}, actor=who.name, job_id=job_id)
        return state_of(jobs.get(job_id)) | {"task": task.name, "zone": zone}


def training_state(platform: Platform, who: Principal, job_id: str) -> Json:
    """How far a training is; ``result`` when it is done: task, version, snapshot. raises AccessError; NotFound"""
    job = find_job(platform, KIND, job_id)
    if job is None:
        admit(platform, who, "monitor", "identified", operation="train-risk-state")
        raise NotFound("there is no training of this id", "List jobs: careloom jobs list.")
    zone = zone_of(job.request.get("zone") or job.result.get("zone", ""))
    admit(platform, who, "train", zone, operation="train-risk-state")
    note(platform, who, "train-risk-state", zone, detail={"run": job_id})
    return state_of(job) | {"zone": zone, "result": dict(job.result)}


def do_training(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does a queued training."""
    asked = unsealed(platform, request)
    who = asker_of(platform, jobs, progress, asked)
    ask = TrainAsk(**{name: asked[name] for name in TrainAsk.__slots__ if name in asked})
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        done = train_risk(own, who, ask, progress.report)
    return {"task": done.task, "version": done.version, "snapshot": done.snapshot, "zone": ask.zone}
