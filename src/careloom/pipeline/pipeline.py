"""Stages in a row, checked when they are put together and accounted for when they run."""

import hashlib
import json
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter
from typing import Any

from careloom.errors import SetupError
from careloom.issues import Issue
from careloom.pipeline.batch import Batch, Merge, Refusal, Schema
from careloom.pipeline.stage import Stage, check_conservation


@dataclass(slots=True)
class StageCount:
    """What one stage did: items in and out, inputs refused and merged, seconds spent."""

    entered: int = 0
    left: int = 0
    refused: int = 0
    merged: int = 0
    seconds: float = 0.0

    def add(self, other: "StageCount") -> None:
        """Adds another count of the same stage."""
        self.entered += other.entered
        self.left += other.left
        self.refused += other.refused
        self.merged += other.merged
        self.seconds += other.seconds


@dataclass(slots=True)
class Result:
    """What a pipeline made of one batch.

    batch     items of the last stage's schema, with origins in the batch that entered
    refused   one per refused origin
    merged    one per merged origin
    warnings  (origin, issue), nothing refused by them
    counts    by stage name
    """

    batch: Batch[Any]
    refused: list[Refusal] = field(default_factory=list)
    merged: list[Merge] = field(default_factory=list)
    warnings: list[tuple[int, Issue]] = field(default_factory=list)
    counts: dict[str, StageCount] = field(default_factory=dict)

    def add(self, part: "Result") -> None:
        """Adds what became of further items of the same batch; `batch` itself stays."""
        self.refused += part.refused
        self.merged += part.merged
        self.warnings += part.warnings
        for name, count in part.counts.items():
            self.counts.setdefault(name, StageCount()).add(count)


class Pipeline:
    """Stages that fit, in order.

    at_a_time  how many items go through all stages together, 0 for all of a batch: what few items grow into on the way
               still lies in the processor's cache at the next stage, and is gone before the next items come
    raises     SetupError when built from stages that do not fit: the law of fit
    """

    def __init__(self, name: str, stages: list[Stage], config: dict[str, Any], at_a_time: int = 0) -> None:
        if not stages:
            raise SetupError(f"pipeline {name}: it has no stage", "Give it at least one.")
        for first, second in pairwise(stages):
            if first.gives != second.takes:
                raise SetupError(
                    f"pipeline {name}: {first.name} gives {first.gives.name}, {second.name} takes {second.takes.name}",
                    "Put a stage between them, or declare equal schemas.",
                )
        names = [stage.name for stage in stages]
        if len(set(names)) != len(names):
            raise SetupError(f"pipeline {name}: two stages share a name", "Name each stage differently.")
        self.name = name
        self.stages = stages
        self.config = config
        self.at_a_time = at_a_time

    @property
    def takes(self) -> Schema:
        """The schema of the batches that enter."""
        return self.stages[0].takes

    @property
    def config_hash(self) -> str:
        """SHA-256 in hex over stage names, versions and configuration: equal hashes promise equal output."""
        described = [self.name, [[stage.name, stage.version] for stage in self.stages], self.config]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def run(self, batch: Batch[Any]) -> Result:
        """Runs all stages over one batch; an origin refused by one stage does not reach the next.

        raises  IntegrityError if a stage loses or invents an input: the law of conservation
        """
        size = self.at_a_time
        if not size or len(batch.items) <= size:
            return self._together(batch)
        items: list[Any] = []
        origins: list[int] = []
        whole = Result(Batch(self.stages[-1].gives, items, origins))
        for start in range(0, len(batch.items), size):
            end = start + size
            part = self._together(Batch(batch.schema, batch.items[start:end], batch.origins[start:end]))
            items += part.batch.items
            origins += part.batch.origins
            whole.add(part)
        return whole

    def _together(self, batch: Batch[Any]) -> Result:
        result = Result(batch)
        for stage in self.stages:
            entering = result.batch
            started = perf_counter()
            outcome = stage.run(entering)
            seconds = perf_counter() - started
            check_conservation(stage, entering, outcome)
            result.counts[stage.name] = StageCount(
                len(entering.items), len(outcome.batch.items), len(outcome.refused), len(outcome.merged), seconds
            )
            result.refused += outcome.refused
            result.merged += outcome.merged
            result.warnings += outcome.warnings
            result.batch = outcome.batch
        return result
