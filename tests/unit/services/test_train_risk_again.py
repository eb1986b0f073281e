"""A training is written down as a pipeline that says the same, whatever stands in the texts of one's own."""

from dataclasses import replace

import pytest

from careloom.errors import FormatError
from careloom.mlops import pipeline_file
from careloom.risk.tasks import task_from_toml
from careloom.runtime import packaged
from careloom.services.train_risk_again import pipeline_again

OWN = packaged("risk", "tasks/readmission-30d.toml").decode()


@pytest.mark.parametrize("remark", ["\N{THUMBS UP SIGN}", "caf\u00e9", '"\\', "tab\t"])
def test_a_task_of_ones_own_stands_in_the_pipeline_letter_by_letter(remark: str) -> None:
    text = f"{OWN}\n# checked {remark}\n"
    made = pipeline_file.read(pipeline_again(task_from_toml(text), text, {}, {"seed": 1}))
    assert made.options["task"] == text


def test_a_name_with_a_control_character_is_escaped() -> None:
    options = pipeline_file.read(pipeline_again(task_from_toml(OWN), OWN, {}, {"zone": "a\x7fb"})).options
    assert options["zone"] == "a\x7fb"


def test_a_training_that_no_pipeline_can_tell_fails_itself() -> None:
    task = replace(task_from_toml(OWN), gates="")
    with pytest.raises(FormatError):
        pipeline_again(task, OWN, {}, {})
