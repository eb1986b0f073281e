"""A training is written down as a pipeline that says the same, whatever stands in the texts of one's own."""

from dataclasses import replace
from pathlib import Path

import pytest

from careloom.errors import FormatError
from careloom.mlops import pipeline_file
from careloom.risk.tasks import shipped_task, task_from_toml
from careloom.runtime import packaged
from careloom.services.access import Principal, Scope, local_operator
from careloom.services.models_runs import RETRAINER
from careloom.services.models_trainer import Asked, require_options
from careloom.services.models_trainer_risk import OPTIONS, ask_of, may_read_notes
from careloom.services.train_risk import TrainAsk, options_again
from careloom.services.train_risk_again import pipeline_again
from tests.api.kit import Installation

OWN = packaged("risk", "tasks/readmission-30d.toml").decode()


@pytest.mark.parametrize("remark", ["\N{THUMBS UP SIGN}", "caf\u00e9", '"\\', "tab\t"])
def test_a_task_of_ones_own_stands_in_the_pipeline_letter_by_letter(remark: str) -> None:
    text = f"{OWN}\n# checked {remark}\n"
    made = pipeline_file.read(pipeline_again(task_from_toml(text), text, {}, {"seed": 1}))
    assert made.options["task"] == text


def test_a_name_with_a_control_character_is_escaped() -> None:
    options = pipeline_file.read(pipeline_again(task_from_toml(OWN), OWN, {}, {"zone": "a\x7fb"})).options
    assert options["zone"] == "a\x7fb"


USUAL = TrainAsk("readmission-30d", facts="a pin", is_kept=False)


@pytest.mark.parametrize(
    "ask",
    [
        USUAL,
        replace(USUAL, judge=("temporal",)),
        replace(USUAL, judge=()),
        replace(USUAL, learner="lightgbm", trials=20, seconds=60.0, seed=7, resamples=50, zone="synthetic"),
    ],
)
def test_what_is_trained_again_is_what_was_asked_for(tmp_path: Path, ask: TrainAsk) -> None:
    text = pipeline_again(shipped_task(ask.task), ask.task, {}, options_again(ask, has_notes=False))
    options = pipeline_file.read(text).options
    require_options(options, OPTIONS)
    with Installation(tmp_path) as made:
        asked = Asked(made.platform, made.operator, options, ask.task, "", {"zone": ask.zone, "snapshot": "a pin"})
        task = shipped_task(ask.task)
        assert ask_of(asked) == replace(ask, cohort=task.cohort, features=task.features)


SCIENTIST = Principal("sci", frozenset({"data-scientist"}), frozenset({"research", "synthetic"}))


@pytest.mark.parametrize(
    ("has_notes", "who", "zone", "expected"),
    [
        (True, local_operator(RETRAINER), "research", True),
        (False, local_operator(RETRAINER), "research", False),
        (True, local_operator(RETRAINER), "synthetic", False),
        (True, replace(SCIENTIST, scopes=frozenset({Scope("search", "Observation")})), "research", False),
    ],
)
def test_notes_are_read_again_where_they_were_read_and_by_who_may(
    has_notes: bool, who: Principal, zone: str, expected: bool
) -> None:
    told = options_again(replace(USUAL, zone=zone), has_notes)
    options = pipeline_file.read(pipeline_again(shipped_task(USUAL.task), USUAL.task, {}, told)).options
    assert may_read_notes(options, who, zone) is expected


def test_a_training_that_no_pipeline_can_tell_fails_itself() -> None:
    task = replace(task_from_toml(OWN), gates="")
    with pytest.raises(FormatError):
        pipeline_again(task, OWN, {}, {})
