"""Runs of pipelines as they are kept, and queued: what each step made, where a run stopped, what it waits for."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from careloom.errors import Conflict, NotFound
from careloom.mlops.pipeline_file import STEPS
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.models_kept import Change, files_of, write
from careloom.services.platform import Platform
from careloom.services.trainings import permitted
from careloom.store.models import ModelWork, find, listed
from careloom.store.rows import instant
from careloom.store.synthesis_files import cut

KIND = "models-pipeline"
RUN = "models-pipeline"
RETRAINER = "careloom-retraining"
"""Who starts a run that nobody asked for: somebody whom the model learnt from left."""
Json = dict[str, Any]


def begin(platform: Platform, who: Principal, run: str, pipeline: Mapping[str, Any]) -> ModelWork:
    """Keeps a run that has begun. pipeline: name, model, text, resumers"""
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


def keep_trained(platform: Platform, run: str, files: Mapping[str, bytes], pseudonyms: Collection[str]) -> None:
    """Lays by, sealed, what a run trained and whom it learnt from, until it is registered."""
    kept = files_of(platform)
    for name, content in files.items():
        kept.write(f"runs/{run}/files/{name}", cut(content))
    kept.write(f"runs/{run}/people", cut(orjson.dumps(sorted(pseudonyms))))


def trained_by(platform: Platform, one: ModelWork) -> tuple[dict[str, bytes], frozenset[str]]:
    """What a run laid by: files and pseudonyms. raises NotFound where it is gone"""
    kept = files_of(platform)
    files = {name: kept.whole(f"runs/{one.name}/files/{name}") for name in _trained(one)}
    return files, frozenset(orjson.loads(kept.whole(f"runs/{one.name}/people")))


def drop_trained(platform: Platform, one: ModelWork) -> None:
    """Removes what a run laid by."""
    kept = files_of(platform)
    for name in [*(f"files/{each}" for each in _trained(one)), "people"]:
        kept.remove(f"runs/{one.name}/{name}")


def forget_trained(platform: Platform, who: Principal) -> list[str]:
    """Makes runs train again whose files learnt from somebody who left before they were registered; which."""
    found = []
    with platform.store("identified").connect() as connection:
        begun = [one for one in listed(connection, "run") if _trained(one) and "register" not in one.body["outputs"]]
    for one in begun:
        if one.state == "withheld":
            continue
        try:
            _, people = trained_by(platform, one)
        except NotFound:
            continue
        if set(people) - set(permitted(platform, people)):
            drop_trained(platform, one)
            left = {name: each for name, each in one.body["outputs"].items() if name in ("snapshot", "checks")}
            go(platform, who, one, "failed", outputs=left, error=Conflict.code)
            found.append(one.name)
    return found


def _trained(one: ModelWork) -> list[str]:
    return list(one.body["outputs"].get("train", {}).get("files", ()))


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
