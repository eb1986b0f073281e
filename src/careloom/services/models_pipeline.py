"""Goes a pipeline: from a snapshot of data to a version that answers, step by step, and stops where a person decides.

What a step made is kept before the next begins, so a run that was killed goes on where it stood. Trained files and the
pseudonyms of who is in them lie sealed until they are registered.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

from careloom.errors import CareloomError, Conflict, StateError, Withheld
from careloom.mlops import pipeline_file
from careloom.mlops.pipeline_file import PipelineFile
from careloom.services.access import Principal, local_operator
from careloom.services.admission import admit, note
from careloom.services.models import RegisterAsk, open_version, register
from careloom.services.models_gates import judged, require_gates
from careloom.services.models_kept import folder_of, resolve, traffic_of, version_name
from careloom.services.models_promote import Back, promoted, retired, rolled_back
from careloom.services.models_rights import RIGHTS, holder, pinned
from careloom.services.models_runs import (
    RUN,
    begin,
    drop_trained,
    go,
    keep_trained,
    queue,
    run_named,
    told,
    trained_by,
)
from careloom.services.models_traffic import canary, shadow
from careloom.services.models_trainer import Asked, Fitted, Trainer, trainer_named
from careloom.services.models_watch import watch
from careloom.services.platform import Platform
from careloom.services.queued import registered_still
from careloom.store.at_work import at_work
from careloom.store.jobs import Jobs, Progress
from careloom.store.models import ModelWork

Json = dict[str, Any]


def run(platform: Platform, who: Principal, text: str) -> Json:
    """Goes a pipeline until it is done or waits for an approval; the run as `told` shows it.

    text    of the pipeline's file
    raises  AccessError; FormatError for a text that is none; Withheld where a gate does not hold; what a step raises:
            the run has failed then, and goes on from that step by `resume`
    """
    pipeline = _admitted(platform, who, text)
    one = begin(platform, who, platform.run_id(), _kept(pipeline, text) | {RIGHTS: pinned(who)})
    return _gone(platform, who, one)


def submit(platform: Platform, who: Principal, text: str) -> Json:
    """Queues the same as a job, whose id is that of the run. raises AccessError; FormatError"""
    pipeline = _admitted(platform, who, text)
    return told(submitted(platform, who, pipeline, text))


def submitted(
    platform: Platform, who: Principal, pipeline: PipelineFile, text: str, *, hands: Collection[str] = (),
    rights: Mapping[str, Any] | None = None,
) -> ModelWork:  # fmt: skip
    """What `submit` does, for who was admitted.

    hands   who else had a part in it, and does not approve what it makes
    rights  that it reads and trains with, as `careloom.services.models_rights.pinned` told; None for those of `who`
    """
    more = {"resumers": sorted(hands), RIGHTS: pinned(who) if rights is None else dict(rights)}
    one = begin(platform, who, platform.run_id(), _kept(pipeline, text) | more)
    queue(platform, who.name, {"run": one.name}, one.name)
    return one


def resume(platform: Platform, who: Principal, run_id: str) -> Json:
    """Goes on with a run that failed, was killed or waited. raises as `run`; NotFound; Conflict where it is over"""
    admit(platform, who, "train", "research", operation=RUN)
    one = run_named(platform, run_id)
    if one.state in ("done", "withheld"):
        raise Conflict(f"the run is {one.state}", "Run the pipeline again: careloom models run.")
    return _gone(platform, who, one)


def submit_resume(platform: Platform, who: Principal, run_id: str) -> Json:
    """Queues the same as a job; the run as it stands. raises AccessError; NotFound; Conflict where it is over"""
    admit(platform, who, "train", "research", operation=RUN)
    one = run_named(platform, run_id)
    if one.state in ("done", "withheld"):
        raise Conflict(f"the run is {one.state}", "Run the pipeline again.")
    note(platform, who, RUN, "research", action="update", detail={"run": run_id})
    queue(platform, who.name, {"run": one.name})
    return told(one)


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Goes a run as a job, in the name of who started it. raises AccessError for who may not come in any more"""
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        actor = jobs.get(progress.job_id).actor
        registered_still(own, actor)
        made = _gone(own, local_operator(actor), run_named(own, str(request["run"])))
    return {name: made[name] for name in ("run", "state", "version")}


def _admitted(platform: Platform, who: Principal, text: str) -> PipelineFile:
    admit(platform, who, "train", "research", operation=RUN)
    pipeline = pipeline_file.read(text)
    trainer_named(pipeline.trainer)
    return pipeline


def _kept(pipeline: PipelineFile, text: str) -> Json:
    return {"name": pipeline.name, "model": pipeline.model, "text": text, "digest": pipeline.digest}


def _hold(platform: Platform, name: str) -> AbstractContextManager[None]:
    return at_work(folder_of(platform) / "at-work", name)


def _gone(platform: Platform, who: Principal, run_: ModelWork) -> Json:
    """Every step that is not done yet."""
    with _hold(platform, run_.name):
        one = _with_hand(platform, who, run_named(platform, run_.name))
        going = _Going(platform, who, one)
        for name in going.pipeline.steps:
            if name in one.body["outputs"]:
                continue
            one = going.one = go(platform, who, one, "running", at=name, error="")
            try:
                made = going.step(name)
            except CareloomError as error:
                is_withheld = isinstance(error, Withheld)
                if is_withheld:
                    drop_trained(platform, one)
                go(platform, who, one, "withheld" if is_withheld else "failed", error=error.code)
                raise
            if made is None:
                return told(go(platform, who, one, "waiting"))
            outputs = {**one.body["outputs"], name: made}
            one = going.one = go(platform, who, one, "running", outputs=outputs, version=going.version(outputs))
        return told(go(platform, who, one, "done"))


def _with_hand(platform: Platform, who: Principal, one: ModelWork) -> ModelWork:
    """The run, with who goes on with it among who trains: nobody of them approves what it registers."""
    if "register" in one.body["outputs"] or who.name in _hands(one):
        return one
    return go(platform, who, one, one.state, resumers=sorted({who.name, *one.body.get("resumers", ())}))


def _hands(one: ModelWork) -> set[str]:
    return {one.body["starter"], *one.body.get("resumers", ())}


class _Going:
    """A run under way: what its steps made so far, and who does the next.

    What reads and trains does so with the rights that the run began with, whoever goes on with it; what comes after the
    approval is done for who approved it.
    """

    def __init__(self, platform: Platform, who: Principal, one: ModelWork) -> None:
        self.platform, self.who, self.one = platform, who, one
        self.pipeline = pipeline_file.read(one.body["text"])
        self._trainer: Trainer = trainer_named(self.pipeline.trainer)

    def step(self, name: str) -> Json | None:
        """What a step made; None where it waits for a person."""
        steps: Mapping[str, Callable[[], Json | None]] = {
            "snapshot": lambda: self._trainer.snapshot(self._asked()),
            "checks": lambda: self._trainer.checks(self._asked()),
            "train": self._train, "evaluate": self._evaluate, "gates": self._gates, "register": self._register,
            "approval": self._approval, "deploy": self._deploy, "smoke": self._smoke, "monitor": self._monitor,
        }  # fmt: skip
        return steps[name]()

    def version(self, outputs: Mapping[str, Any]) -> str:
        """The version that the run registered; empty before."""
        return str(outputs.get("register", {}).get("version", ""))

    def _made(self, step: str) -> Json:
        made: Json = self.one.body["outputs"].get(step, {})
        return made

    def _reader(self) -> Principal:
        """Who reads. raises AccessError where rights that the run began with were withdrawn"""
        rights = self.one.body.get(RIGHTS)
        return self.who if rights is None else holder(self.platform, rights, self.who.name)

    def _asked(self, who: Principal | None = None) -> Asked:
        options, made = self.pipeline.options, self._made("snapshot")
        return Asked(self.platform, who or self._reader(), options, self.pipeline.model, self.one.name, made)

    def _train(self) -> Json:
        made = self._trainer.train(self._asked())
        keep_trained(self.platform, self.one.name, made.files, made.pseudonyms)
        return {
            "files": sorted(made.files),
            "seeds": dict(made.seeds),
            "patients": len(made.pseudonyms),
            "training": made.training,
        }

    def _fitted(self) -> Fitted:
        files, people = trained_by(self.platform, self.one)
        return Fitted(files, self._made("train")["seeds"], people)

    def _evaluate(self) -> Json:
        number = traffic_of(self.platform, self.pipeline.model)["champion"]
        champion = None if number is None else version_name(self.pipeline.model, number)
        files = None if champion is None else open_version(self.platform, champion)[1]
        made = self._trainer.evaluate(self._asked(), self._fitted().files, files)
        if champion is not None:
            made["against"] = {"champion": champion, "measures": made.get("against", {})}
        return made

    def _lineage(self) -> Json:
        checks = {"leaks": self._made("checks")} if "checks" in self.pipeline.steps else {}
        trained = self._made("train")
        return {
            "data": self._made("snapshot"), "seeds": trained["seeds"], **checks,
            "evaluation": self._made("evaluate"), "pipeline": self.one.name, "training": trained["training"],
            **({RIGHTS: self.one.body[RIGHTS]} if RIGHTS in self.one.body else {}),
            "recipe": {"name": self.pipeline.name, "sha256": self.pipeline.digest, "trainer": self.pipeline.trainer},
        }  # fmt: skip

    def _gates(self) -> Json:
        asked, files = self.pipeline, self._fitted().files
        require_gates(self.platform, asked.model, asked.gates, files, are_new=asked.new_gates)
        found = judged(self.platform, self.pipeline.model, self.pipeline.gates, self._lineage())
        if failed := [one for one in found if not one["passed"]]:
            why = f"{failed[0]['rule']}: {failed[0]['why']}".rstrip(": ")
            raise Withheld(f"{len(failed)} gates keep the model back; {why}", "See careloom models runs.")
        return {"passed": len(found), "findings": found}

    def _register(self) -> Json:
        fitted = self._fitted()
        ask = RegisterAsk(
            self.pipeline.model, fitted.files, self._lineage(), fitted.pseudonyms, self.pipeline.gates,
            self.pipeline.reason, _hands(self.one), self.pipeline.new_gates,
        )  # fmt: skip
        made = register(self.platform, self._reader(), ask)
        drop_trained(self.platform, self.one)
        return {"version": made["version"], "digest": made["digest"], "training": made["training"]}

    def _approval(self) -> Json | None:
        one = resolve(self.platform, self.one.body["version"])
        if one.state == "retired":
            raise StateError(f"{one.name} was retired before anybody approved it", "Run the pipeline again.")
        approval = one.body["approval"]
        return None if approval is None else {"by": approval["by"], "time": approval["time"]}

    def _deploy(self) -> Json:
        version, to = self.one.body["version"], self.pipeline.deploy["to"]
        one = resolve(self.platform, version)
        traffic = traffic_of(self.platform, self.pipeline.model)
        if one.body["number"] == traffic["champion"]:
            return {"to": "champion", "share": 1.0}
        if one.body["number"] == traffic["challenger"]:
            return {"to": "canary", "share": traffic["share"]}
        if to == "champion" or traffic["champion"] is None:
            if one.state != "approved":
                raise StateError(f"the approval of {version} was taken back", "Have it approved anew, and resume.")
            promoted(self.platform, self.who, one, self.pipeline.reason)
            return {"to": "champion", "share": 1.0}
        if to == "shadow":
            shadow(self.platform, self.who, version)
            return {"to": "shadow", "share": 0.0}
        made = canary(self.platform, self.who, version, self.pipeline.deploy["share"])
        return {"to": "canary", "share": traffic_of(self.platform, made["model"])["share"]}

    def _smoke(self) -> Json:
        """A version that answers otherwise than it was measured is taken out again."""
        version = self.one.body["version"]
        _, files = open_version(self.platform, version)
        made = self._trainer.smoke(self._asked(self.who), files)
        if made.get("wrong") or not made.get("answers"):
            self._take_out(version)
            raise StateError(f"{version} does not answer as it was measured", "It was taken out; train it again.")
        return made

    def _take_out(self, version: str) -> None:
        one, why = resolve(self.platform, version), "the smoke test failed"
        traffic, number = traffic_of(self.platform, self.pipeline.model), one.body["number"]
        part = next((each for each in ("challenger", "champion") if traffic[each] == number), "")
        if part == "challenger" or (part and traffic["past"]):
            rolled_back(self.platform, self.who, self.pipeline.model, why, Back(by="limit", part=part))
        else:
            retired(self.platform, self.who, one, why)

    def _monitor(self) -> Json:
        return watch(self.platform, self.who, self.pipeline.model)
