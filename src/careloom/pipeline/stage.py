"""A stage: a named pure function between two declared schemas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from careloom.errors import IntegrityError
from careloom.pipeline.batch import Batch, Outcome, Schema


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline.

    name     a verb: ``convert``, ``validate``
    version  changes when the same input may give another output
    takes    schema of the batch that `run` accepts
    gives    schema of the batch that `run` returns
    run      pure: the same batch gives the same outcome; origins of the output are origins of the input
    """

    name: str
    version: str
    takes: Schema
    gives: Schema
    run: Callable[[Batch[Any]], Outcome[Any]]


def check_conservation(stage: Stage, batch: Batch[Any], outcome: Outcome[Any]) -> None:
    """The law of conservation: every origin that entered is produced, refused or merged, and none is invented.

    raises  IntegrityError that names the stage and how many origins were lost or invented
    """
    entered = set(batch.origins)
    left = set(outcome.batch.origins)
    left.update(refusal.origin for refusal in outcome.refused)
    left.update(merge.origin for merge in outcome.merged)
    if entered == left:
        return
    lost, invented = len(entered - left), len(left - entered)
    raise IntegrityError(
        f"stage {stage.name} {stage.version}: {lost} of {len(entered)} inputs lost, {invented} invented",
        "This is a defect of the stage; the run stopped before anything of this batch was kept.",
    )
