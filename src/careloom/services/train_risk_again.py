"""A training of a risk model written down as a pipeline, so that an erasure or drift can ask for it again."""

import json
from collections.abc import Mapping
from pathlib import Path

from careloom.risk.tasks import Task, ready_tasks

STEPS = ("snapshot", "checks", "train", "evaluate", "gates", "register", "approval")
"""It ends with the approval: people gave the version before its part in the traffic, and people give it to the next."""


def pipeline_again(task: Task, named: str, options: Mapping[str, str | int | float]) -> str:
    """The TOML text of a pipeline that trains the task on the newest facts of its zone.

    named    as the training named the task: one that ships, or a file, which has to stay where it is
    options  of the trainer `risk`, beside the task; an empty text and 0 are left out
    """
    place = named if named in ready_tasks() else str(Path(named).resolve())
    head: dict[str, object] = {
        "version": 1, "name": task.name, "meaning": task.title, "model": task.name, "trainer": "risk",
        "gates": task.gates, "reason": "trained again as the version before, on the newest facts",
        "steps": list(STEPS),
    }  # fmt: skip
    told = {"task": place, **{name: value for name, value in options.items() if value not in ("", 0)}}
    return "\n".join([*_lines(head), "", "[options]", *_lines(told), ""])


def _lines(told: Mapping[str, object]) -> list[str]:
    """Keys and values as TOML, which takes JSON's texts, numbers and lists of texts as they are."""
    return [f"{name} = {json.dumps(value)}" for name, value in told.items()]
