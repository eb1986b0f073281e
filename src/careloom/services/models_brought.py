"""A version that is brought in: what its maker says of it is declared, and what gates read is measured here.

A model of a patient's risk is let loose on the held-out patients of a task, whose training set the leakage guard looked
at; the numbers of that are its evaluation. Without such a task it has none: it is kept, shown, and passes no gate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from careloom.errors import CareloomError, QueryError
from careloom.risk.definition_texts import NOTE, Texts, observed_days, texts_of
from careloom.risk.evaluate import Resampling
from careloom.risk.features_definition import shipped_features
from careloom.risk.features_registry import NOTES
from careloom.risk.groups import ATTRIBUTES
from careloom.risk.models import Model
from careloom.risk.models_package import unpack
from careloom.risk.models_report import Judge, report
from careloom.risk.tasks import Task, ready_tasks, shipped_task
from careloom.risk.tasks_baselines import baselines
from careloom.risk.tasks_material import material
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.models import RegisterAsk, register, require_nobody
from careloom.services.monitor_profiles import texts_in
from careloom.services.platform import Platform
from careloom.services.risk_champion import against, champion_of
from careloom.services.risk_cohorts import TrainingAsk, make_training_set
from careloom.services.risk_facts import make_facts, newest_facts, read_facts
from careloom.services.score_models import definitions_of
from careloom.services.search import zone_of
from careloom.services.train_risk import evaluation, notes_of, task_named
from careloom.services.trainings import people_behind

OPERATION = "models-evaluate"
OF_OURS = ("pipeline", "training", "declared", "retraining", "rights", "task", "evaluated_on")
"""What a lineage that is brought in cannot say: a run or training here, how to train it, on what it was measured."""
RESAMPLES_AGAINST = 200
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluateOn:
    """On what a model that is brought in is measured.

    task   a risk task that ships, or a TOML file: its cohort, features and held-out patients
    facts  a version of the zone's table of facts, or newest; empty: it is made of the zone as it is now
    """

    task: str
    zone: str = "research"
    facts: str = ""
    seed: int = 1
    resamples: int = 500


def bring_in(platform: Platform, who: Principal, ask: RegisterAsk, on: EvaluateOn | None = None) -> Json:
    """Registers a version that was trained elsewhere, on data of nobody here; as `careloom.services.models.register`.

    on      where it is measured; None: its numbers stay declared, and no gate reads them
    raises  as `register`; QueryError for data of somebody here, for another kind of model than one of risk, and where
            the task is not its task, or measures it by another cohort or features than it answers by; NotFound for
            the task; StateError where the task's training set leaks
    """
    require_nobody(ask.lineage)
    told = {name: value for name, value in ask.lineage.items() if name not in OF_OURS}
    said = told.get("evaluation")
    declared: Json = {"evaluation": dict(said) if isinstance(said, Mapping) else {}, "leaks": told.pop("leaks", None)}
    if on is None:
        measured: Json = {"evaluation": {**declared["evaluation"], "by": "declared"}}
    else:
        measured = _measured(platform, who, ask, on)
    return register(platform, who, replace(ask, lineage={**told, "declared": declared, **measured}))


def _measured(platform: Platform, who: Principal, ask: RegisterAsk, on: EvaluateOn) -> Json:
    """``evaluation``, ``leaks`` and ``evaluated_on`` of the lineage; it is in the audit chain, also where it fails."""
    zone = zone_of(on.zone)
    admit(platform, who, "train", zone, operation=OPERATION)
    try:
        task = task_named(on.task)
        found = _judged(platform, who, ask, on, task)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    detail = {"model": ask.model, "task": task.name, "digest": task.digest, "table": found["evaluated_on"]["table"]}
    note(platform, who, OPERATION, zone, action="execute", detail=detail)
    return found


def _judged(platform: Platform, who: Principal, ask: RegisterAsk, on: EvaluateOn, task: Task) -> Json:
    model = unpack(ask.files)
    best = champion_of(platform, ask.model)
    asked = (model,) if best is None else (model, best[1])
    _require_its_task(ask.model, asked, task)
    pin = newest_facts(platform, zone_of(on.zone)) if on.facts == "newest" else on.facts
    pin = pin or make_facts(platform, who, on.zone, notes=notes_of(who, on.zone)).name
    events = read_facts(platform, who, on.zone, pin)
    also = NOTES if (events["kind"] == NOTE).any() and any(map(_reads_notes, asked)) else ""
    made = make_training_set(platform, who, on.zone, TrainingAsk(task.cohort, task.features, pin, also=also))
    frame = _permitted(platform, on.zone, platform.lake(zone_of(on.zone)).read(made.name))
    told = material(task, frame, made.manifest, events, [one.kind for one in asked]).seen_by(model)
    test = told.rows["test"]
    if missing := [one.name for one in model.features if one.name not in test.frame.columns]:
        raise QueryError(f"{task.name} has no feature {missing[0]}", f"It has those of the set {task.features}.")
    _require_same_input(model, texts_in(ask.files), made.manifest)
    plan = task.plan(platform.keys.derive("split", "risk"), on.seed)
    beside = baselines(task.baselines, told, events, plan)
    judge = Judge(on.seed, ATTRIBUTES, ppv=task.ppv, resamples=on.resamples)
    how = Resampling(on.seed, min(RESAMPLES_AGAINST, on.resamples))
    page = report(model, test, judge, baselines=beside.risks, groups=told.groups["test"])
    whole = evaluation(page, made.name)
    kept = {name: whole[name] for name in ("data", "measures", "counts", "subgroups", "operating")}
    return {
        "evaluation": {**kept, "by": "careloom", "against": against(platform, ask.model, model, test, how, events)},
        "leaks": {"findings": len(made.manifest["leaks"])},
        "evaluated_on": {
            "task": task.name, "digest": task.digest, "ships": task.digest in _shipped(), "zone": on.zone,
            "table": made.name, "facts": pin,
        },
    }  # fmt: skip


def _shipped() -> set[str]:
    return {shipped_task(name).digest for name in ready_tasks()}


def _reads_notes(model: Model) -> bool:
    """Whether it has features of the set of notes that ships: these stand beside a task's where they are asked for."""
    return bool({one.name for one in model.features} & {one.name for one in shipped_features(NOTES).features})


def _require_its_task(name: str, asked: Sequence[Model], task: Task) -> None:
    """Returns where a task foretells what a model does, and the champion after it, if any. raises QueryError"""
    model = asked[0]
    if model.horizon_days != task.horizon_days:
        raise QueryError(
            f"the model looks {model.horizon_days:g} days ahead, {task.name} {task.horizon_days:g}",
            "Name the task whose outcome it predicts.",
        )
    if {one.outcome for one in asked} != {task.outcome}:
        raise QueryError(
            f"{task.name} foretells another outcome than the model, or than the champion of {name}",
            "Name the task whose outcome it predicts, in the same words, or register it by another name.",
        )


def _require_same_input(model: Model, texts: Texts | None, manifest: Mapping[str, Any]) -> None:
    """Returns where a model answers by the cohort and the features that it is measured by. raises QueryError"""
    answers, measured = definitions_of(model, texts), texts_of(manifest)
    if answers is None or measured is None:
        return
    names = {one.name.removesuffix("_missing") for one in model.features}
    if observed_days(model.training) != observed_days(manifest):
        raise QueryError(
            "the model looks back through another window of observation than the task measures it by",
            "Name a task whose cohort has the observation_days that model.json says in its training.",
        )
    (cohort, features), (own, told) = answers, measured.read()
    other = [one for one in features.features if one.name in names and one not in told.features]
    if cohort.digest != own.digest or other:
        raise QueryError(
            f"the model answers by another {other[0].name if other else 'cohort'} than the task measures it by",
            "Name a task with the cohort and the features that the model carries or names.",
        )


def _permitted(platform: Platform, zone: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of patients who may be looked at. raises QueryError for the identified zone"""
    if zone == "synthetic":
        return frame
    if zone != "research":
        raise QueryError("models are measured on de-identified patients", "Name the research or synthetic zone.")
    people = people_behind(platform, zone_of(zone), frame["patient_id"].unique().to_list())
    return frame.filter(pl.col("patient_id").is_in(list(people)))
