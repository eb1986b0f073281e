"""A task whose learners are compared, and a sequence of facts that is trained, signed, served and explained."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest

from careloom.errors import FormatError
from careloom.risk.models_package import unpack
from careloom.risk.tasks import task_from_toml
from careloom.runtime import packaged
from careloom.services.model_card import make_card
from careloom.services.models import open_version
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.train_risk import TrainAsk, train_risk
from tests.api.kit import Installation
from tests.score_kit import lead
from tests.store_kit import event
from tests.unit.services.test_train_risk import PATIENTS, _of

LEARNERS = 'learners = ["logistic", "lightgbm", "sequence"]'
TASK = packaged("risk", "tasks/readmission-30d.toml").decode().replace('learner = "logistic"', LEARNERS)
SEQUENCE = """
[[candidates]]
learner = "sequence"
epochs = 4
width = 8
states = 8
rate = 0.02
length = 8
fewest = 10

[[candidates]]
learner = "lightgbm"
rounds = 30
"""
AT = datetime(2023, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    for name in ("torch", "lightgbm", "optuna"):
        pytest.importorskip(name)
    draw = np.random.default_rng(5)
    with Installation(tmp_path_factory.mktemp("sequence")) as one:
        with one.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
            transaction.write([write for number in range(PATIENTS) for write in _of(number, draw)])
        yield one


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("task") / "three.toml"
    file.write_text(TASK + SEQUENCE)
    return str(file)


def test_the_learner_with_the_least_loss_in_folds_of_the_training_patients_is_trained(
    made: Installation, task: str
) -> None:
    found = train_risk(made.platform, made.operator, TrainAsk(task, "synthetic", seed=2, is_kept=False, resamples=20))
    told = orjson.loads(found.files["model.json"])
    tried = told["training"]["learners"]
    assert set(tried) == {"logistic", "lightgbm", "sequence"}
    assert told["kind"] == told["training"]["learner"] == min(tried, key=tried.__getitem__)


def test_a_sequence_is_searched_trained_signed_served_and_explained(made: Installation, task: str) -> None:
    ask = TrainAsk(task, "synthetic", seed=2, learner="sequence", trials=2, seconds=60, resamples=20)
    trained = train_risk(made.platform, made.operator, ask)
    assert trained.findings  # the gates said something
    assert trained.report["measures"]["auroc"]["value"] > 0.6
    files = open_version(made.platform, trained.version)[1]  # checked against its signature
    model = unpack(files)
    assert model.kind == "sequence"
    assert {"model.json", "model.safetensors", "evaluation.json", "training.json"} <= set(files)
    inputs = make_card(made.platform, made.operator, trained.version).of("input_variables").text
    assert "sex (sex)" in inputs
    assert "date of birth (age) (age)" in inputs
    many = score_cohort(made.platform, made.operator, CohortScoreAsk(trained.version, "synthetic", as_of=AT))
    assert many.listed
    for row in many.listed[:5]:
        one = score(made.platform, made.operator, ScoreAsk(trained.version, row["patient"], "synthetic", AT))
        assert one.assessment is not None
        assert one.assessment.probability == pytest.approx(row["risk"], abs=1e-5)  # its numbers have 32 bits
        assert one.assessment.basis
        said = one.assessment.explanation
        odds = np.log(one.assessment.probability / (1 - one.assessment.probability))
        assert said.total == pytest.approx(odds, abs=1e-6)
        behind = {fact.resource for each in said.factors for told in each.statements for fact in told.facts}
        assert behind & set(one.assessment.basis)


def test_a_table_is_compared_with_a_champion_that_is_a_sequence(made: Installation, task: str) -> None:
    ask = TrainAsk(task, "synthetic", seed=2, learner="sequence", resamples=20, judge=())
    champion = train_risk(made.platform, made.operator, ask).version
    lead(made.platform, "readmission-30d", champion=int(champion.partition("@")[2]))
    table = TrainAsk("readmission-30d", "synthetic", seed=2, resamples=20, judge=())
    against = train_risk(made.platform, made.operator, table).lineage["evaluation"]["against"]
    assert against["champion"] == champion
    assert against["measures"]["auroc"]["value"] is not None


def test_what_serves_a_sequence_is_numpy_alone() -> None:
    source = (Path(unpack.__code__.co_filename).parent / "models_sequence_told.py").read_text("utf-8")
    assert "torch" not in source


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LEARNERS, 'learners = ["logistic", "logistic"]'),
        (LEARNERS, "learners = []"),
        (LEARNERS, 'learners = ["forest"]'),
        (LEARNERS, LEARNERS + '\nlearner = "logistic"'),
        (LEARNERS, 'learners = ["logistic", "lightgbm"]'),
    ],
)
def test_learners_that_are_none_or_stand_twice_are_refused(old: str, new: str) -> None:
    with pytest.raises(FormatError):
        task_from_toml((TASK + SEQUENCE).replace(old, new))
    assert isinstance(task_from_toml(TASK + SEQUENCE).learners, tuple)
    assert pl.DataFrame(task_from_toml(TASK + SEQUENCE).candidates_of("sequence")).height == 1
