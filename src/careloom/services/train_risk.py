"""Trains a model of risk for a task: cohort, features, leakage guard, learner, calibration, judgement, registration.

The training set is pinned to a snapshot of the zone's facts and refused where the leakage guard finds anything. Nobody
is learnt from who withholds research or left; a version of the registry says whom it learnt from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time
from typing import Any

import orjson
import polars as pl

from careloom.errors import CareloomError, NotFound, QueryError
from careloom.mlops.card_declared import written
from careloom.mlops.drift_profile import make_profile
from careloom.pipeline.registry import load
from careloom.risk.definition_texts import NOTE, OBSERVED, PLACE, foretold, notes_to_leave_out, texts_of
from careloom.risk.evaluate import Resampling
from careloom.risk.features_registry import NOTES
from careloom.risk.groups import ATTRIBUTES, UNKNOWN
from careloom.risk.models import Model
from careloom.risk.models_days_report import judged_days
from careloom.risk.models_directions import directions
from careloom.risk.models_elsewhere import KINDS, Elsewhere, judged_elsewhere
from careloom.risk.models_package import pack
from careloom.risk.models_report import Judge, report, text
from careloom.risk.models_training import LEARNERS, Plan, trained
from careloom.risk.tasks import Task, ready_tasks, shipped_task, task_from_toml
from careloom.risk.tasks_baselines import baselines
from careloom.risk.tasks_material import Material, days_beside, material
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.model_card_files import said_of
from careloom.services.models import RegisterAsk, register
from careloom.services.models_kept import version_name
from careloom.services.platform import Platform
from careloom.services.risk_champion import against, champion_of
from careloom.services.risk_cohorts import TrainingAsk, make_training_set
from careloom.services.risk_facts import make_facts, read_facts, shift_of
from careloom.services.search import zone_of
from careloom.services.train_risk_again import pipeline_again
from careloom.services.trainings import people_behind
from careloom.services.view import Watch

OPERATION = "train-risk"
EVALUATION, TRAINING, PROFILE, TEXTS = "evaluation.json", "training.json", "profile.json", "card.toml"
_STEPS = 4
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainAsk:
    """What to train.

    task         name of a task that ships, a TOML file, or the text of one
    facts        a version of the table of facts; empty: it is made of the zone as it is now
    seed         of the learner and of every interval
    is_kept      the version is registered; false: its files are handed back only
    resamples    of patients, for the intervals
    reason       why, for who approves the version
    learner      this one alone, with the task's candidates for it, or its usual settings
    trials       of Optuna for each learner, in place of the task's candidates; 0 for none. Folds of the training
                 patients judge them
    seconds      of processor time that no further trial begins after
    judge        where models that are made anew are tested: some of `careloom.risk.models_elsewhere.KINDS`
    cohort, features  in place of those that the task names: a name, a TOML file, or the text of one
    """

    task: str
    zone: str = "research"
    facts: str = ""
    seed: int = 1
    is_kept: bool = True
    resamples: int = 500
    reason: str = ""
    learner: str = ""
    trials: int = 0
    seconds: float = 600.0
    judge: Sequence[str] = KINDS
    cohort: str = ""
    features: str = ""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was trained.

    version   as registered; empty where it was not
    snapshot  the training set, by which it is read
    report    as `careloom.risk.models_report.report`
    findings  what the gates say; empty where it was not registered
    files     of the version, by name
    lineage   what a registration tells, or would tell
    pseudonyms  of the identified zone, of whom it learnt from
    """

    task: str
    version: str
    snapshot: str
    report: Json
    findings: list[Json]
    files: Mapping[str, bytes] = field(repr=False)
    lineage: Json = field(default_factory=dict, repr=False)
    pseudonyms: tuple[str, ...] = field(default=(), repr=False)

    def as_json(self) -> Json:
        """The report as plain JSON, without the files."""
        return {
            "task": self.task, "version": self.version, "snapshot": self.snapshot, "report": self.report,
            "findings": self.findings, "files": {name: len(data) for name, data in self.files.items()},
        }  # fmt: skip

    @property
    def page(self) -> str:
        """The report as a person reads it."""
        return text(self.report)


def tasks() -> list[Json]:
    """The tasks that ship: name, title, cohort, features, learner, digest."""
    found = [shipped_task(name) for name in ready_tasks()]
    return [
        {name: getattr(one, name) for name in ("name", "title", "cohort", "features", "learner", "digest")}
        for one in found
    ]


def task_named(name: str) -> Task:
    """A task that ships, that of a TOML file, or that of a text (of several lines). raises NotFound; FormatError"""
    if name in ready_tasks():
        return shipped_task(name)
    if "\n" in name:
        return task_from_toml(name)
    try:
        return task_from_toml(Path(name).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise NotFound("there is no such task", f"Name a TOML file, or one of {', '.join(ready_tasks())}.") from None


def train_risk(platform: Platform, who: Principal, ask: TrainAsk, watch: Watch | None = None) -> TrainReport:
    """Trains, judges and registers a version of a task's model.

    raises  AccessError; NotFound, FormatError for the task; QueryError where there are too few patients, or for the
            identified zone; StateError where the training set leaks; Conflict; SetupError where the learner's library
            is not installed
    """
    zone = zone_of(ask.zone)
    admit(platform, who, "train", zone, operation=OPERATION)
    try:
        task = task_named(ask.task)
        if not set(ask.judge) <= set(KINDS):
            raise QueryError("there is no such judgement", f"Name some of {', '.join(KINDS)}.")
        if task.days is not None and ask.learner == "sequence":
            raise QueryError("days are foretold from features", "Take another learner than sequence for this task.")
        found = _trained(platform, who, ask, task, watch or _silent)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    detail = {"task": task.name, "digest": task.digest, "version": found.version, "table": found.snapshot}
    note(platform, who, OPERATION, zone, action="create", detail=detail)
    return found


def _silent(_done: int, _total: int) -> None:
    return


def _trained(platform: Platform, who: Principal, ask: TrainAsk, task: Task, watch: Watch) -> TrainReport:
    said = said_of(platform.settings.models.cards, task, is_as_shipped=not (ask.cohort or ask.features))
    pin = ask.facts or make_facts(platform, who, ask.zone, notes=notes_of(who, ask.zone)).name
    watch(1, _STEPS)
    events = read_facts(platform, who, ask.zone, pin)
    also = NOTES if (events["kind"] == NOTE).any() else ""
    made = make_training_set(platform, who, ask.zone, replace(set_of(ask, task, pin), also=also))
    frame = platform.lake(zone_of(ask.zone)).read(made.name)
    people = _people(platform, ask.zone, frame)
    kept = frame.filter(pl.col("patient_id").is_in(list(people))) if ask.zone == "research" else frame
    best = champion_of(platform, task.name) if ask.is_kept else None
    kinds = (ask.learner, "" if best is None else best[1].kind)
    told = material(_without(task, made.manifest), kept, made.manifest, events, kinds, made.hints)
    watch(2, _STEPS)
    plan = _planned(task, ask, told, platform.keys.derive("split", "risk"))
    about = _about_training(task, made.manifest, made.name)
    model = trained(told.about, told.rows["train"], told.rows["validation"], plan, about).model
    days = days_beside(task, told, model, plan)
    model = model if days is None else replace(model, days=days.model)
    told = told.seen_by(model)
    watch(3, _STEPS)
    beside = baselines(task.baselines, told, events, plan)
    judge = Judge(ask.seed, ATTRIBUTES, ppv=task.ppv, resamples=ask.resamples)
    page = report(model, told.rows["test"], judge, baselines=beside.risks, groups=told.groups["test"])
    away = Elsewhere(
        ask.judge, Resampling(ask.seed, min(200, ask.resamples)), page, shift_of(platform, zone_of(ask.zone)),
        searched=ask.trials > 0,
    )  # fmt: skip
    page["beside"] = list(beside.told)
    if days is not None:
        page["days"] = judged_days(days, model.features, told.with_days("test"), Resampling(ask.seed, ask.resamples))
    page["directions"] = directions(model, told.rows["test"].frame, task.directions)
    page["elsewhere"] = judged_elsewhere(told.about, told.rows, plan, away)
    files = _files(model, told, page, made.manifest, made.name) | {TEXTS: written(said)}
    whole = _Made(model, told, page, files, made.manifest, made.name, sorted(people.values()), bool(also), events)
    lineage = _lineage(platform, ask, task, whole)
    version, findings = _registered(platform, who, ask, task, whole, lineage)
    watch(_STEPS, _STEPS)
    return TrainReport(task.name, version, made.name, page, findings, files, lineage, tuple(whole.pseudonyms))


def set_of(ask: TrainAsk, task: Task, pin: str) -> TrainingAsk:
    """Which training set it is trained on."""
    return TrainingAsk(ask.cohort or task.cohort, ask.features or task.features, pin)


def notes_of(who: Principal, zone_name: str) -> bool:
    """Whether facts of a zone are made with what annotated notes say: where there are such, for who may search them."""
    zone = zone_of(zone_name)
    return zone == "research" and who.may("search", zone, "DocumentReference")


def _without(task: Task, manifest: Json) -> Task:
    """The task without features of notes that mean its outcome."""
    texts = texts_of(manifest)
    gone = () if texts is None else notes_to_leave_out(foretold(manifest), texts.read()[1])
    return replace(task, left_out=(*task.left_out, *gone))


def _planned(task: Task, ask: TrainAsk, told: Material, key: bytes) -> Plan:
    """How the model is made, with settings that a search found where one was asked for."""
    plan = task.plan(key, ask.seed)
    if ask.learner:
        if ask.learner not in LEARNERS:
            raise QueryError("there is no such learner", f"Name one of {', '.join(LEARNERS)}.")
        plan = replace(plan, learner=ask.learner, candidates=tuple(task.candidates_of(ask.learner)))
    if not ask.trials:
        return plan
    learners = (plan.learner,) if ask.learner else task.learners
    best = []
    for learner in learners:  # each gets its share of the budget; folds then choose among the best of each
        own = task.candidates_of(learner)
        start = {name: one for name, one in own[0].items() if name != "learner"} if own else {}
        search = load("risk.search.ask")(learner, start, ask.trials, ask.seconds / len(learners), key, ask.seed)
        found = load("risk.search")(search, told.about, told.rows["train"], process_time)
        best.append({**found.best.settings, "learner": learner})
    return replace(plan, candidates=tuple(best))


@dataclass(frozen=True, slots=True)
class _Made:
    model: Model
    told: Material
    page: Json
    files: Mapping[str, bytes]
    manifest: Json
    snapshot: str
    pseudonyms: list[str]
    has_notes: bool
    events: pl.DataFrame


def _people(platform: Platform, zone_name: str, frame: pl.DataFrame) -> dict[str, str]:
    """Patient of the set -> keyed pseudonym; nobody of a zone that is of nobody. raises QueryError"""
    zone = zone_of(zone_name)
    if zone == "synthetic":
        return {}
    if zone != "research":
        raise QueryError("risk models are trained on de-identified patients", "Name the research or synthetic zone.")
    return people_behind(platform, zone, frame["patient_id"].unique().to_list())


def _about_training(task: Task, manifest: Mapping[str, Any], snapshot: str) -> Json:
    """What the package says of its training."""
    cohort, features = manifest["cohort"], manifest["features"]
    return {
        "task": {"name": task.name, "digest": task.digest},
        "cohort": {"name": cohort["name"], "digest": cohort["digest"]},
        "features": {"name": features["name"], "digest": features["digest"]},
        "snapshot": snapshot, "pin": manifest["facts"], "split": manifest["split"],
        **({OBSERVED: manifest[OBSERVED]} if OBSERVED in manifest else {}),
    }  # fmt: skip


def _files(model: Model, told: Material, page: Json, manifest: Json, snapshot: str) -> dict[str, bytes]:
    """The package, its evaluation, the training set's manifest, and the profile that drift is held against."""
    test = told.rows["test"]
    groups = told.groups["test"].select("sex", "age_band").with_columns(pl.all().fill_null(UNKNOWN))
    made = pack(model)
    made[EVALUATION] = _json(evaluation(page, snapshot))
    made[TRAINING] = _json(manifest | {"demographics": _demographics(told)})
    if test.frame.height >= 100:
        threshold = model.threshold.alert_from if model.threshold is not None else 1.1
        made[PROFILE] = make_profile(
            test.frame, [one.as_json() for one in model.features], model.score(test.frame), test.happened,
            threshold=threshold, groups=groups, people=test.patients,
        ).as_json()  # fmt: skip
    return made


def _json(told: Json) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)


def _demographics(told: Material) -> Json:
    """Attribute -> group -> patients of the training part; groups of fewer than 11 are left out."""
    train = told.groups["train"].with_columns(patient_id=told.rows["train"].patients)
    found: Json = {}
    for name in ATTRIBUTES:
        counted = train.with_columns(pl.col(name).fill_null("unknown")).group_by(name).agg(
            pl.col("patient_id").n_unique().alias("patients")
        )  # fmt: skip
        found[name] = {row[name]: row["patients"] for row in counted.sort(name).to_dicts() if row["patients"] >= 11}
    return found


def evaluation(page: Json, snapshot: str) -> Json:
    """A report as gates and model cards read it: measures with bounds, counts, subgroups, operating point, and the
    whole page."""
    rows = page["rows"]
    further = {
        "ece_excess": _beyond_chance(page["measures"]["ece"]["value"], page["ece_by_chance"]),
        "events": float(min(rows["events"], rows["rows"] - rows["events"])),
    }
    measures = dict(page["measures"]) | {
        name: {"value": value, "low": None, "high": None} for name, value in further.items()
    }
    measures["subgroup_gap_auroc"] = _gap(page)
    if "days" in page:
        measures |= {"days_off": page["days"]["off"], "days_interval_coverage": page["days"]["coverage"]}
    return {
        "data": f"held-out patients of {snapshot}",
        "measures": measures,
        "counts": {"n": rows["rows"], "patients": rows["patients"], "events": rows["events"]},
        "subgroups": page["subgroups"]["table"],
        "operating": page["threshold"],
        "report": page,
    }


def _beyond_chance(error: float, by_chance: float) -> float:
    """The calibration error (0..1) that is the model's own: what is off and what chance does add as squares do."""
    return float(max(0.0, error**2 - by_chance**2) ** 0.5)


def _gap(page: Json) -> Json:
    """How far the AUROC of the worst group lies below that of all, and what is certain of it (`low`, over all groups at
    once); None where no group has enough events."""
    apart = page["subgroups"]["apart"]
    if not apart:
        return {"value": None, "low": None, "high": None}
    value, low = (max(0.0, *(float(one[name]) for one in apart)) for name in ("gap", "low"))
    return {"value": value, "low": low, "high": None}


def _lineage(platform: Platform, ask: TrainAsk, task: Task, made: _Made) -> Json:
    """What a registration tells of where the model comes from, and how good it is."""
    told, wanted = evaluation(made.page, made.snapshot), set_of(ask, task, "")
    used, test = replace(task, cohort=wanted.cohort, features=wanted.features), made.told.rows["test"]
    how = Resampling(ask.seed, min(200, ask.resamples))  # a pipeline, which keeps nothing here, compares by itself
    return {
        "data": {"zone": ask.zone, "snapshot": made.snapshot, "facts": made.manifest["facts"]},
        "seeds": {"training": ask.seed},
        "evaluation": {
            "data": told["data"], "measures": told["measures"], "counts": told["counts"],
            "against": against(platform, task.name, made.model, test, how, made.events) if ask.is_kept else {},
        },
        "leaks": {"findings": len(made.manifest["leaks"])},
        "task": {"name": task.name, "digest": task.digest},
        "retraining": pipeline_again(used, ask.task, made.manifest[PLACE], options_again(ask, made.has_notes)),
    }  # fmt: skip


def options_again(ask: TrainAsk, has_notes: bool) -> dict[str, str | int | float]:
    """The options of the trainer `risk` that train the same again, and read no notes where this training read none."""
    return {
        "zone": ask.zone, "seed": ask.seed, "resamples": ask.resamples, "learner": ask.learner, "trials": ask.trials,
        "seconds": ask.seconds if ask.trials else 0,
        "judge": "" if tuple(ask.judge) == KINDS else ",".join(ask.judge) or "none",
        "notes": "no" if ask.zone == "research" and not has_notes else "",
    }  # fmt: skip


def _registered(
    platform: Platform, who: Principal, ask: TrainAsk, task: Task, made: _Made, lineage: Json
) -> tuple[str, list[Json]]:
    """The name of the new version, and what its gates say of it."""
    if not ask.is_kept:
        return "", []
    asked = RegisterAsk(task.name, made.files, lineage, made.pseudonyms, task.gates, ask.reason)
    version = register(platform, who, asked)
    return version_name(task.name, version["number"]), list(version["findings"])
