"""Trains a risk model by the steps of a pipeline; how it learns and is judged is in `careloom.services.train_risk`.

Options: task, cohort, features (a name that ships, a TOML file, or a text), zone, seed, resamples, learner, trials,
seconds, judge (kinds with a comma between, or none), notes (no: none are read); what each means, and what holds
without it, stands at `careloom.services.train_risk.TrainAsk`. Facts are those of the zone as the run begins.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import polars as pl

from careloom.errors import CareloomError
from careloom.risk.evaluate import Resampling
from careloom.risk.models_elsewhere import KINDS
from careloom.risk.models_features import ModelFeature
from careloom.risk.models_package import unpack
from careloom.risk.models_sequence_told import told_to
from careloom.risk.models_training import Rows
from careloom.risk.tasks_material import timeline_of
from careloom.services.access import Principal
from careloom.services.models_trainer import Asked, Fitted, require_options
from careloom.services.risk_champion import compared, inputs_of, sees_alike
from careloom.services.risk_cohorts import make_training_set
from careloom.services.risk_facts import make_facts, read_facts
from careloom.services.search import zone_of
from careloom.services.train_risk import TRAINING, TrainAsk, notes_of, set_of, task_named, train_risk
from careloom.services.trainings import people_behind

PIPELINE = "pipeline.json"
"""In the files of a version: what training told of it, and its risks of a few rows that the smoke test asks again."""
SMOKE_ROWS = 20
OPTIONS = ("task", "cohort", "features", "zone", "seed", "resamples", "learner", "trials", "seconds", "judge", "notes")
Json = dict[str, Any]


class RiskTrainer:
    """See the module. It keeps nothing: what a step needs is in the snapshot, or in the model's files."""

    def snapshot(self, asked: Asked) -> Json:
        """A version of the table of facts, made of the zone as it is now.

        raises  NotFound for the task; QueryError for an option that there is not
        """
        require_options(asked.options, OPTIONS)
        task_named(_task(asked.options))
        zone = str(asked.options.get("zone", "research"))
        made = make_facts(asked.platform, asked.who, zone, notes=may_read_notes(asked.options, asked.who, zone))
        return {"zone": zone, "snapshot": made.name}

    def checks(self, asked: Asked) -> Json:
        """What the leakage guard finds in the training set of that snapshot. raises StateError where it finds any"""
        ask = ask_of(asked)
        wanted = set_of(ask, task_named(ask.task), ask.facts)
        made = make_training_set(asked.platform, asked.who, ask.zone, wanted)
        return {"findings": len(made.manifest["leaks"]), "table": made.name}

    def train(self, asked: Asked) -> Fitted:
        """Trains and judges on patients who are held out. raises as `careloom.services.train_risk.train_risk`"""
        ask = ask_of(asked)
        made = train_risk(asked.platform, asked.who, ask)
        model = unpack(made.files)
        risks = [float(one) for one in model.score(_invented(model.features))]
        beside = {"evaluation": made.lineage["evaluation"], "smoke": risks}
        files = {**made.files, PIPELINE: orjson.dumps(beside, option=orjson.OPT_SORT_KEYS)}
        return Fitted(files, {"training": ask.seed}, frozenset(made.pseudonyms))

    def evaluate(self, asked: Asked, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None) -> Json:
        """What was measured when it was trained, and the paired difference from the champion on the same patients."""
        told: Json = orjson.loads(files[PIPELINE])["evaluation"]
        told["against"] = {} if champion is None else _against(asked, files, champion)
        return told

    def smoke(self, asked: Asked, files: Mapping[str, bytes]) -> Json:
        """Asks the registered files for the risks of rows that no patient has, and compares with what training told."""
        told = orjson.loads(files[PIPELINE])["smoke"]
        model = unpack(files)
        found = model.score(_invented(model.features))
        return {"answers": len(told), "wrong": int((np.abs(found - np.array(told)) > 1e-9).sum())}


def may_read_notes(options: Mapping[str, Any], who: Principal, zone: str) -> bool:
    """Whether a run reads notes: where who runs it may, and the options do not say ``no``: a training that is asked for
    again in the platform's name reads none where the first one, in a person's, read none.
    """
    return notes_of(who, zone) and options.get("notes", "") != "no"


def _judge(told: str) -> tuple[str, ...]:
    return KINDS if not told else () if told == "none" else tuple(one.strip() for one in told.split(","))


def ask_of(asked: Asked) -> TrainAsk:
    """What the options ask for; nothing is registered here."""
    told, usual = asked.options, TrainAsk(_task(asked.options))
    return replace(
        usual, zone=asked.snapshot["zone"], facts=asked.snapshot["snapshot"], is_kept=False,
        seed=int(told.get("seed", usual.seed)), resamples=int(told.get("resamples", usual.resamples)),
        cohort=str(told.get("cohort", usual.cohort)), features=str(told.get("features", usual.features)),
        learner=str(told.get("learner", usual.learner)), trials=int(told.get("trials", usual.trials)),
        seconds=float(told.get("seconds", usual.seconds)), judge=_judge(str(told.get("judge", ""))),
    )  # fmt: skip


def _against(asked: Asked, files: Mapping[str, bytes], champion: Mapping[str, bytes]) -> Json:
    """Differences from the champion on the held-out rows of the training set; empty where it cannot be asked them."""
    model, zone = unpack(files), zone_of(asked.snapshot["zone"])
    frame = asked.platform.lake(zone).read(model.training["snapshot"])
    test = frame.filter(pl.col("label").is_not_null() & (pl.col("fold") == "test"))
    if zone == "research":
        people = people_behind(asked.platform, zone, test["patient_id"].unique().to_list())
        test = test.filter(pl.col("patient_id").is_in(list(people)))
    rows = Rows(test, test["label"].to_numpy().astype(np.bool_), test["patient_id"])
    ask = ask_of(asked)
    try:
        best = unpack(champion)
        events = pl.DataFrame()
        if "sequence" in (best.kind, model.kind) or not sees_alike(best, model):
            events = read_facts(asked.platform, asked.who, asked.snapshot["zone"], model.training["pin"])
        if "sequence" in (best.kind, model.kind):
            rows = replace(rows, timeline=timeline_of(test, orjson.loads(files[TRAINING]), events))
        other = best.score(inputs_of(champion, model, rows, events))
    except CareloomError:
        return {}
    return compared(
        rows, model.score(told_to(model, test, rows.timeline)), other, Resampling(ask.seed, min(200, ask.resamples))
    )


def _task(options: Mapping[str, Any]) -> str:
    return str(options.get("task", ""))


def _invented(features: tuple[ModelFeature, ...]) -> pl.DataFrame:
    """Rows that span what training saw of each feature, and belong to nobody."""
    place = np.linspace(0, 1, SMOKE_ROWS)
    columns: dict[str, pl.Series] = {}
    for number, one in enumerate(features):
        turned = np.roll(place, number * 7)
        if one.type == "number":
            low, high = one.minimum or 0.0, one.maximum if one.maximum is not None else (one.minimum or 0.0) + 1.0
            columns[one.name] = pl.Series(low + (high - low) * turned, dtype=pl.Float64)
        elif one.type == "flag":
            columns[one.name] = pl.Series(turned > 0.5, dtype=pl.Boolean)
        else:
            levels = one.levels or ("other",)
            columns[one.name] = pl.Series([levels[int(each * (len(levels) - 1))] for each in turned], dtype=pl.String)
    return pl.DataFrame(columns)


TRAINER = RiskTrainer()
