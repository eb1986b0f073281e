"""A training of a risk model written down as a pipeline, so that an erasure or drift can ask for it again."""

import json
from collections.abc import Mapping
from pathlib import Path

from careloom.mlops import pipeline_file
from careloom.risk.cohorts_definition import ready
from careloom.risk.features_definition import ready_features
from careloom.risk.tasks import Task, ready_tasks

STEPS = ("snapshot", "checks", "train", "evaluate", "gates", "register", "approval")
"""It ends with the approval: people gave the version before its part in the traffic, and people give it to the next."""


def pipeline_again(task: Task, named: str, texts: Mapping[str, str], options: Mapping[str, str | int | float]) -> str:
    """The TOML text of a pipeline that trains the task on the newest facts of its zone.

    What ships is named, and is then what ships by that time; a task, cohort or features of one's own stand there whole.

    task     with the cohort and the features that it was trained with
    named    as the training named the task
    texts    ``cohort`` and ``features``, as they were read
    options  of the trainer `risk`, beside these three; an empty text and 0 are left out
    raises   FormatError where that is no pipeline: the training fails then, and not the erasure that asks for it
    """
    own = {
        "task": named if named in ready_tasks() or "\n" in named else Path(named).read_text("utf-8"),
        "cohort": task.cohort if task.cohort in ready() else texts["cohort"],
        "features": task.features if task.features in ready_features() else texts["features"],
    }
    head: dict[str, object] = {
        "version": 1, "name": task.name, "meaning": task.title, "model": task.name, "trainer": "risk",
        "gates": task.gates, "reason": "trained again as the version before, on the newest facts",
        "steps": list(STEPS),
    }  # fmt: skip
    told = {name: value for name, value in {**own, **options}.items() if value not in ("", 0)}
    text = "\n".join([*_lines(head), "", "[options]", *_lines(told), ""])
    pipeline_file.read(text)
    return text


def _lines(told: Mapping[str, object]) -> list[str]:
    """Keys and values as TOML: JSON's texts, numbers and lists of texts, but no surrogate pairs and no bare DEL."""
    return [
        f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f") for name, value in told.items()
    ]
