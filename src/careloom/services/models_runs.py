"""Runs of pipelines as they are kept, and queued: what each step made, where a run stopped, what it waits for."""

from collections.abc import Mapping
from typing import Any

from careloom.errors import NotFound
from careloom.mlops.pipeline_file import STEPS
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.models_kept import Change, write
from careloom.services.platform import Platform
from careloom.store.models import ModelWork, find, listed
from careloom.store.rows import instant

KIND = "models-pipeline"
RUN = "models-pipeline"
RETRAINER = "careloom-retraining"
"""Who starts a run that nobody asked for: somebody whom the model learnt from left."""
Json = dict[str, Any]


def begin(platform: Platform, who: Principal, run: str, pipeline: Mapping[str, Any]) -> ModelWork:
    """Keeps a run that has begun. pipeline: name, model, text"""
    body = {**pipeline, "starter": who.name, "outputs": {}, "at": "", "version": "", "error": ""}
    change = Change(RUN, {"run": run, "pipeline": pipeline["name"], "model": pipeline["model"]})
    return write(
        platform, who, change, lambda step: step.models.add("run", run, pipeline["name"], "queued", body)
    )  # fmt: skip


def go(platform: Platform, who: Principal, run: ModelWork, state: str, **more: Any) -> ModelWork:
    """Says how far a run is, with the audit record. more: entries of the body that changed"""
    body = {**run.body, **more}
    change = Change(RUN, {"run": run.name, "state": state, "step": body["at"]})
    return write(platform, who, change, lambda step: step.models.change("run", run.name, state, body))


def run_named(platform: Platform, name: str) -> ModelWork:
    """A run. raises NotFound"""
    with platform.store("identified").connect() as connection:
        return find(connection, "run", name)


def queue(platform: Platform, actor: str, request: Mapping[str, str], job_id: str = "") -> str:
    """Queues a run, or its resumption: the id of the job."""
    with platform.jobs() as jobs:
        return jobs.submit(KIND, dict(request), actor=actor, job_id=job_id)


def resume_soon(platform: Platform, run: str) -> None:
    """Queues that a run goes on, where it waits for an approval; in the name of who started it."""
    try:
        one = run_named(platform, run) if run else None
    except NotFound:
        return
    if one is not None and one.state == "waiting":
        queue(platform, one.body["starter"], {"run": one.name})


def runs(platform: Platform, who: Principal, pipeline: str = "") -> list[Json]:
    """Runs, newest first: as `told`. raises AccessError"""
    admit(platform, who, "monitor", "identified", operation=RUN)
    with platform.store("identified").connect() as connection:
        found = listed(connection, "run", pipeline)
    note(platform, who, RUN, "identified", detail={"listed": len(found)})
    return [told(one) for one in found]


def show_run(platform: Platform, who: Principal, run: str) -> Json:
    """One run, as `told`, with what each step made. raises AccessError; NotFound"""
    admit(platform, who, "monitor", "identified", operation=RUN)
    one = run_named(platform, run)
    note(platform, who, RUN, "identified", detail={"run": run})
    return told(one) | {"outputs": one.body["outputs"]}


def told(one: ModelWork) -> Json:
    """run, pipeline, model, state (queued, running, waiting, done, failed, withheld), at, done, version, error."""
    body = one.body
    return {
        "run": one.name, "pipeline": one.parent, "model": body["model"], "state": one.state, "at": body["at"],
        "done": [step for step in STEPS if step in body["outputs"]], "version": body["version"],
        "error": body["error"], "starter": body["starter"], "created": instant(one.created),
        "changed": instant(one.changed), "outputs": {},
    }  # fmt: skip
