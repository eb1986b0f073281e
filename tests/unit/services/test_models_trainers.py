"""Trainers of taggers and of synthetic tables by the steps of a pipeline, on what others made."""

import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from careloom.errors import AccessError, BudgetSpent, QueryError
from careloom.mlops import pipeline_file
from careloom.pipeline.registry import load
from careloom.risk.models_package import unpack
from careloom.risk.tasks import ready_tasks, shipped_task
from careloom.runtime import packaged
from careloom.services.access import local_operator
from careloom.services.jobs import work
from careloom.services.model_card import shown_card
from careloom.services.models import open_version, shown, verify
from careloom.services.models_pipeline import resume, run
from careloom.services.models_promote import approve, roll_back
from careloom.services.models_runs import runs, show_run
from careloom.services.models_trainer import Asked, require_options, trainer_named
from careloom.services.models_trainer_ner import OPTIONS as OPTIONS_OF_NER
from careloom.services.models_trainer_risk import OPTIONS
from careloom.services.models_trainer_synthetic import OPTIONS as OPTIONS_OF_SYNTHETIC
from careloom.services.models_trainer_synthetic import READY
from careloom.services.monitor_retrain import retrain
from careloom.services.note_reader import ARCHIVE
from careloom.services.train_risk import TrainAsk, train_risk
from careloom.tables.research import PATIENTS as RESEARCH_PATIENTS
from tests.api.kit import Installation
from tests.models_kit import SECOND
from tests.store_kit import event
from tests.synthesis_kit import METADATA, OFFICER, SCIENTIST, Place
from tests.unit.services.test_train_risk import PATIENTS
from tests.unit.services.test_train_risk import _of as simulated_stays

SYNTHETIC = """
version = 1
name = "stays"
model = "synthetic-stays"
trainer = "synthetic"
gates = "synthetic"
steps = ["snapshot", "checks", "train", "evaluate", "gates", "register", "approval", "deploy", "smoke", "monitor"]
[options]
file = "FILE"
metadata = "META"
epsilon = 2.0
target = "sex"
rows = 300
options = {bins = 8, steps = 40}
[deploy]
to = "champion"
"""


def test_a_generator_goes_the_whole_way_draws_from_its_registered_files_and_is_taken_back(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "meta.toml").write_text(METADATA)
    text = SYNTHETIC.replace("FILE", str(place.file)).replace("META", str(tmp_path / "meta.toml"))
    who = local_operator("omar")
    one = run(place.platform, who, text)
    assert (one["state"], one["version"]) == ("waiting", "synthetic-stays@1")
    outputs = show_run(place.platform, OFFICER, one["run"])["outputs"]
    assert outputs["evaluate"]["measures"]["epsilon"]["value"] <= 2.0
    assert outputs["evaluate"]["measures"]["shape"]["value"] is not None
    with pytest.raises(AccessError):
        approve(place.platform, who, one["version"], "mine")
    approve(place.platform, SECOND, one["version"], "its bound is kept")
    assert resume(place.platform, who, one["run"])["done"][-1] == "monitor"
    assert show_run(place.platform, OFFICER, one["run"])["outputs"]["smoke"] == {"answers": 200, "wrong": 0}

    told = shown(place.platform, SECOND, "synthetic-stays")
    assert (told["number"], told["aliases"], told["pipeline"]) == (1, ["champion"], one["run"])
    assert told["training"], "it is written down whom it learnt from"
    assert verify(place.platform, SECOND, "synthetic-stays@1")["whole"]
    card = shown_card(place.platform, SECOND, "synthetic-stays@1").as_json()
    assert (card["name"], card["version"]) == ("synthetic-stays", 1)
    assert "epsilon" in card["evaluations"]["evaluation"]["measures"]

    second = run(place.platform, who, text.replace("epsilon = 2.0", "epsilon = 1.5"))
    approve(place.platform, SECOND, second["version"], "its bound is lower")
    assert resume(place.platform, who, second["run"])["state"] == "done"
    back = roll_back(place.platform, who, "synthetic-stays", "its dates are odd")
    assert (back["was"], back["now"]) == ("synthetic-stays@2", "synthetic-stays@1")
    place.platform.close()


def test_a_generator_beyond_the_privacy_budget_ends_its_run_before_it_learns(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "meta.toml").write_text(METADATA)
    text = SYNTHETIC.replace("FILE", str(place.file)).replace("META", str(tmp_path / "meta.toml"))
    with pytest.raises(BudgetSpent):
        run(place.platform, local_operator("omar"), text.replace("epsilon = 2.0", "epsilon = 9.0"))
    assert [(one["state"], one["at"]) for one in runs(place.platform, OFFICER)] == [("failed", "train")]
    place.platform.close()


def test_the_pipeline_of_a_table_that_ships_says_what_is_public_of_columns_that_the_table_has() -> None:
    options = pipeline_file.read(pipeline_file.shipped("synthetic-table")).options
    assert (options["table"], options["metadata"]) == ("silver/patients", READY)
    told = tomllib.loads(packaged("sample", "patients.toml").decode())["table"]["patients"]["column"]
    assert set(told) <= {one.name for one in RESEARCH_PATIENTS.columns}


def asked(**options: Any) -> Asked:
    return Asked(None, SCIENTIST, options, "clinical-entities", "run")  # type: ignore[arg-type]


@pytest.mark.parametrize(("trainer", "option"), [("ner", "epoch"), ("ner", "teachers"), ("synthetic", "epsilom")])
def test_an_option_that_a_trainer_does_not_know_is_not_left_at_its_default(trainer: str, option: str) -> None:
    with pytest.raises(QueryError, match=option):
        trainer_named(trainer).snapshot(asked(**{option: 1}))


def test_pipelines_that_ship_have_options_that_their_trainers_know() -> None:
    known = {"risk": OPTIONS, "ner": OPTIONS_OF_NER, "synthetic": OPTIONS_OF_SYNTHETIC}
    for name in pipeline_file.shipped_names():
        one = pipeline_file.read(pipeline_file.shipped(name))
        require_options(one.options, known[one.trainer])


def suites() -> str:
    folder = os.environ.get("CARELOOM_SUITES", "")
    if not (Path(folder) / "bc5cdr").is_dir():
        pytest.skip("the corpora are not here (CARELOOM_SUITES)")
    return folder


def test_the_tagger_that_ships_passes_the_smoke_test_of_its_trainer() -> None:
    trainer, told = trainer_named("ner"), asked(data=suites())
    snapshot = trainer.snapshot(told)
    assert snapshot["snapshot"] == trainer.snapshot(told)["snapshot"]
    assert snapshot["zone"] == "public"
    assert trainer.checks(told)["findings"] == 0
    files = {ARCHIVE: packaged("nlp", "models/clinical-en.zip")}
    assert trainer.smoke(told, files) == {"answers": 5, "wrong": 0}


@pytest.mark.long
def test_the_tagger_that_ships_is_as_good_as_itself() -> None:
    trainer, told = trainer_named("ner"), asked(data=suites())
    files = {ARCHIVE: packaged("nlp", "models/clinical-en.zip")}
    found = trainer.evaluate(told, files, files)
    assert set(found["measures"]) <= {"f1_chemical_disease", "f1_disease", "f1_case_report"}
    for name, one in found["measures"].items():
        assert found["against"][name]["value"] == 0
        assert one["low"] <= one["value"] <= one["high"]


@pytest.mark.parametrize("name", ["ner", "synthetic"])
def test_a_trainer_without_its_data_says_what_to_name(name: str) -> None:
    trainer = load(f"models.trainer.{name}")
    with pytest.raises(QueryError):
        trainer.snapshot(asked()) if name == "ner" else trainer.train(asked())


RISK = """
version = 1
name = "readmission"
model = "readmission-30d"
trainer = "risk"
gates = "loose"
steps = ["snapshot", "checks", "train", "evaluate", "gates", "register", "approval", "deploy", "smoke", "monitor"]
[options]
task = "readmission-30d"
zone = "synthetic"
resamples = 20
seed = 2
"""
LOOSE = """
version = 1
name = "loose"
[[gate]]
measure = "auroc"
at_least = 0.6
[[gate]]
measure = "leaks"
at_most = 0
[[gate]]
measure = "ece"
at_most = 0.5
[[gate]]
measure = "tainted"
at_most = 0
[[gate]]
measure = "auroc"
not_worse_by = 0.05
"""


def test_a_risk_model_that_was_trained_by_hand_is_trained_again_though_its_files_are_gone(tmp_path: Path) -> None:
    (tmp_path / "loose.toml").write_text(LOOSE)
    task = tmp_path / "ours.toml"
    told = packaged("risk", "tasks/readmission-30d.toml").decode()
    cohort = tmp_path / "cohort.toml"
    cohort.write_bytes(packaged("risk", "definitions/readmission_30_days.toml"))
    for old, new in (("clinical-risk", "loose"), ("readmission-30d", "ours"), ("readmission_30_days", str(cohort))):
        told = told.replace(f'"{old}"', f'"{new}"')
    task.write_text(told)
    draw = np.random.default_rng(5)
    with Installation(tmp_path, models={"gates": tmp_path}) as made:
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([write for number in range(PATIENTS) for write in simulated_stays(number, draw)])
        ask = TrainAsk(str(task), "synthetic", seed=3, resamples=20, learner="lightgbm")
        first = train_risk(made.platform, made.operator, ask)
        task.unlink()
        cohort.unlink()
        opened = retrain(made.platform, made.operator, first.version, "drift")
        work(made.platform, once=True)
        one = show_run(made.platform, OFFICER, opened)
        assert (one["state"], one["at"], one["version"]) == ("waiting", "approval", "ours@2")
        before, after = (open_version(made.platform, f"ours@{number}") for number in (1, 2))
        models = [unpack(each[1]) for each in (before, after)]
        assert [each.kind for each in models] == ["lightgbm", "lightgbm"]
        assert models[0].training["settings"] == models[1].training["settings"]
        frame = made.platform.lake("synthetic").read(first.snapshot)
        assert models[0].score(frame).tolist() == models[1].score(frame).tolist()  # the zone and the seed are the same


@pytest.mark.parametrize("option", ["trails", "epochs"])
def test_an_option_that_the_trainer_of_risk_models_does_not_know_is_named(option: str) -> None:
    with pytest.raises(QueryError, match=option):
        trainer_named("risk").snapshot(asked(**{"task": "readmission-30d", option: 20}))


def test_every_task_that_ships_has_a_pipeline_with_its_model_and_its_gates() -> None:
    found = [pipeline_file.read(pipeline_file.shipped(name)) for name in pipeline_file.shipped_names()]
    told = {one.options["task"]: one for one in found if one.trainer == "risk"}
    assert sorted(told) == ready_tasks()
    for name, one in told.items():
        assert (one.model, one.gates, one.steps) == (name, shipped_task(name).gates, pipeline_file.STEPS)
        assert set(one.options) <= set(OPTIONS)


def test_a_risk_model_goes_the_whole_way_twice_and_is_compared_with_itself(tmp_path: Path) -> None:
    (tmp_path / "loose.toml").write_text(LOOSE)
    draw = np.random.default_rng(5)
    with Installation(tmp_path, models={"gates": tmp_path}) as made:
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([write for number in range(PATIENTS) for write in simulated_stays(number, draw)])
        for number, place in ((1, "champion"), (2, "canary")):
            one = run(made.platform, made.operator, RISK)
            assert (one["state"], one["version"]) == ("waiting", f"readmission-30d@{number}")
            approve(made.platform, SECOND, one["version"], "looked at its card")
            assert resume(made.platform, made.operator, one["run"])["state"] == "done"
            outputs = show_run(made.platform, OFFICER, one["run"])["outputs"]
            assert outputs["deploy"]["to"] == place
            assert outputs["smoke"] == {"answers": 20, "wrong": 0}
        against = outputs["evaluate"]["against"]
        assert against["champion"] == "readmission-30d@1"
        assert against["measures"]["auroc"]["value"] == pytest.approx(0, abs=0.02)
