"""A model made elsewhere: what it declares is shown and never counts, what Careloom measures passes the gates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from careloom.errors import NotFound, QueryError, Withheld
from careloom.risk.cohorts_definition import shipped_text
from careloom.risk.features_definition import shipped_features_text
from careloom.risk.models_package import FILE
from careloom.risk.tasks import task_from_toml
from careloom.runtime import packaged
from careloom.services.model_card import DECLARED_DATA, facts_of
from careloom.services.models import RegisterAsk, register, shown
from careloom.services.models_brought import EvaluateOn, bring_in
from careloom.services.models_kept import resolve
from careloom.services.models_promote import approve, promote
from careloom.services.models_retrain import queue_retraining
from careloom.services.train_risk import TrainAsk, train_risk
from tests.api.kit import Installation
from tests.models_kit import PIPELINE, SECOND
from tests.store_kit import event
from tests.unit.services.test_models_trainers import LOOSE
from tests.unit.services.test_train_risk import PATIENTS
from tests.unit.services.test_train_risk import _of as simulated_stays

NAME, TASK = "readmission-elsewhere", "readmission-30d"
DECLARED = {"auroc": {"value": 0.99, "low": 0.98, "high": 1.0}, "ece": {"value": 0.001, "low": 0.0, "high": 0.002}}


@dataclass
class Place:
    """An installation with stays, and a model whose maker boasts."""

    made: Installation
    files: Mapping[str, bytes]
    auroc: float

    def ask(self, files: Mapping[str, bytes] | None = None) -> RegisterAsk:
        """What its maker hands in, with more than its maker may say."""
        lineage = {
            "data": {"zone": "public", "snapshot": "a hospital elsewhere, 2025"}, "seeds": {"training": 1},
            "leaks": {"findings": 0}, "pipeline": "a run of ours", "task": {"name": TASK},
            "evaluation": {"data": "500 patients elsewhere", "measures": DECLARED, "by": "careloom"},
        }  # fmt: skip
        return RegisterAsk(NAME, files or self.files, lineage, gates="loose")

    def brought(self, on: EvaluateOn | None = None) -> dict[str, Any]:
        """The version, as it is shown."""
        made = bring_in(self.made.platform, self.made.operator, self.ask(), on)
        return shown(self.made.platform, SECOND, made["version"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("brought")
    (folder / "loose.toml").write_text(LOOSE)
    draw = np.random.default_rng(5)
    with Installation(folder / "here", models={"gates": folder}) as made:
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([write for number in range(PATIENTS) for write in simulated_stays(number, draw)])
        ask = TrainAsk(TASK, "synthetic", seed=2, is_kept=False, resamples=20)
        trained = train_risk(made.platform, made.operator, ask)
        files = {name: data for name, data in trained.files.items() if name.startswith("model")}
        yield Place(made, files, trained.report["measures"]["auroc"]["value"])


def test_declared_numbers_are_shown_as_declared_and_satisfy_no_gate(place: Place) -> None:
    told = place.brought()
    evaluation = told["lineage"]["evaluation"]
    assert (evaluation["by"], evaluation["measures"]["auroc"]["value"]) == ("declared", 0.99)
    assert told["pipeline"] == "", "it cannot say that a run here made it"
    failed = [one for one in told["findings"] if not one["passed"]]
    assert {one["rule"].split()[0] for one in failed} == {"auroc", "ece", "leaks"}
    assert all("--evaluate-on" in one["why"] for one in failed)
    with pytest.raises(Withheld):
        approve(place.made.platform, SECOND, told["version"], "its maker says it is good")
    same_source = facts_of(place.made.platform, resolve(place.made.platform, told["version"])).same_source
    assert same_source is not None
    assert same_source.data == f"{DECLARED_DATA} 500 patients elsewhere"


def test_a_recipe_that_is_brought_in_is_run_by_nobody(place: Place) -> None:
    platform, ask = place.made.platform, place.ask()
    forged = {"retraining": PIPELINE, "evaluated_on": {"task": TASK}}
    made = bring_in(platform, place.made.operator, replace(ask, lineage={**ask.lineage, **forged}))
    one = resolve(platform, made["version"])
    assert not {"task", *forged} & set(one.body["manifest"]["report"]["lineage"])
    assert queue_retraining(platform, one) == ""
    older = {**ask.lineage, "pipeline": "", "declared": {}, "retraining": PIPELINE}
    kept = register(platform, place.made.operator, replace(ask, lineage=older))
    assert queue_retraining(platform, resolve(platform, kept["version"])) == ""


def test_what_careloom_measures_on_the_held_out_patients_of_a_task_passes_the_gates(place: Place) -> None:
    told = place.brought(EvaluateOn(TASK, "synthetic", resamples=20))
    lineage = told["lineage"]
    assert lineage["evaluation"]["by"] == "careloom"
    assert lineage["evaluation"]["measures"]["auroc"]["value"] == pytest.approx(place.auroc, abs=1e-9)
    assert lineage["declared"]["evaluation"]["measures"]["auroc"]["value"] == 0.99
    assert (lineage["evaluated_on"]["task"], lineage["leaks"]) == (TASK, {"findings": 0})
    assert all(one["passed"] for one in told["findings"]), told["findings"]
    assert approve(place.made.platform, SECOND, told["version"], "measured here")["state"] == "approved"
    facts = facts_of(place.made.platform, resolve(place.made.platform, told["version"]))
    assert facts.external is not None
    assert facts.same_source is not None
    assert facts.same_source.measures["auroc"]["value"] == pytest.approx(place.auroc, abs=1e-9)
    assert facts.same_source.data.startswith("held-out patients of ")
    assert facts.external.data == f"{DECLARED_DATA} 500 patients elsewhere"
    events = b"".join(orjson.dumps(one) for one in place.made.platform.store("synthetic").audit_events())
    assert b"models-evaluate" in events


def test_a_model_is_measured_by_the_cohort_and_the_features_that_it_answers_by(place: Place) -> None:
    cohort, features = shipped_text("readmission_30_days"), shipped_features_text("general")
    others = [(cohort.replace("min_years = 18", "min_years = 0"), features)]
    others.append((cohort, features.replace("window_days = 365", "window_days = 7")))
    platform, who, on = place.made.platform, place.made.operator, EvaluateOn(TASK, "synthetic", resamples=20)
    for one in others:
        assert one != (cohort, features)
        with pytest.raises(QueryError, match="answers by another"):
            bring_in(platform, who, place.ask(carrying(place, *one)), on)
    made = bring_in(platform, who, place.ask(carrying(place, cohort, features)), on)
    assert all(one["passed"] for one in made["findings"])
    told = orjson.loads(place.files[FILE])
    training = {**told["training"], "cohort": "in_hospital_death"}
    named = {**place.files, FILE: orjson.dumps({**told, "training": training})}
    with pytest.raises(QueryError, match="answers by another cohort"):
        bring_in(platform, who, place.ask(named), on)


def carrying(place: Place, cohort: str, features: str) -> dict[str, bytes]:
    """The files of the model with texts of a cohort and of features."""
    return {**place.files, "training.json": orjson.dumps({"definitions": {"cohort": cohort, "features": features}})}


def test_a_model_is_measured_on_its_own_outcome_and_who_approves_it_is_told_of_a_task_of_its_own(place: Place) -> None:
    own = packaged("risk", f"tasks/{TASK}.toml").decode()
    platform, who = place.made.platform, place.made.operator
    other = own.replace('outcome = "', 'outcome = "something else than ')
    with pytest.raises(QueryError, match="another outcome"):
        bring_in(platform, who, place.ask(), EvaluateOn(other, "synthetic", resamples=20))
    easy = own.replace("at_risk = ", "at_risk = 0.9  # ")
    assert easy != own
    made = bring_in(platform, who, place.ask(), EvaluateOn(easy, "synthetic", resamples=20))
    assert "measured on a task of its own" in [one["rule"] for one in made["findings"]]
    approved = approve(platform, SECOND, made["version"], "I looked at the task")
    assert "measured on a task of its own" in [one["rule"] for one in approved["approval"]["findings"]]


def test_no_champion_is_replaced_by_the_exam_of_another_outcome(place: Place) -> None:
    platform, who = place.made.platform, place.made.operator
    ask = replace(place.ask(), model="readmission-abroad")
    first = bring_in(platform, who, ask, EvaluateOn(TASK, "synthetic", resamples=20))
    promote(platform, SECOND, first["version"], "measured here")
    stay = packaged("risk", f"tasks/{TASK}.toml").decode().replace('outcome = "', 'outcome = "another stay, not the ')
    told = orjson.loads(place.files[FILE])
    other = {**place.files, FILE: orjson.dumps({**told, "outcome": task_from_toml(stay).outcome})}
    with pytest.raises(QueryError, match="champion of readmission-abroad"):
        bring_in(platform, who, replace(ask, files=other), EvaluateOn(stay, "synthetic", resamples=20))


def test_a_model_is_only_measured_on_what_it_predicts(place: Place) -> None:
    told = orjson.loads(place.files[FILE])
    far = {**place.files, FILE: orjson.dumps({**told, "horizon_days": 90.0})}
    stranger = [{**told["features"][0], "name": "shoe_size"}, *told["features"][1:]]
    other = {**place.files, FILE: orjson.dumps({**told, "features": stranger})}
    platform, who = place.made.platform, place.made.operator
    for files in (far, other):
        with pytest.raises((QueryError, ValueError)):
            bring_in(platform, who, place.ask(files), EvaluateOn(TASK, "synthetic", resamples=20))
    with pytest.raises(NotFound):
        bring_in(platform, who, place.ask(), EvaluateOn("shoe-size", "synthetic"))
    with pytest.raises(QueryError):
        bring_in(platform, who, place.ask(), EvaluateOn(TASK, "identified"))
