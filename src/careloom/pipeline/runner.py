"""Runs a pipeline over batches in local processes, in order, so that any number of processes gives the same result."""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from careloom.errors import StateError
from careloom.pipeline import registry
from careloom.pipeline.batch import Batch
from careloom.pipeline.pipeline import Pipeline, Result
from careloom.pipeline.workers import in_order


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline as a value that can travel to another process: its registered name and its arguments."""

    name: str
    arguments: tuple[Any, ...]

    def build(self) -> Pipeline:
        """The pipeline itself."""
        built: Pipeline = registry.load(self.name)(*self.arguments)
        return built


BATCHES_PER_COLLECTION = 20
"""Full collections are dear and nearly nothing of a batch is cyclic."""


def run_batches(
    spec: PipelineSpec,
    batches: Iterable[Batch[Any]],
    *,
    processes: int = 1,
    local: Pipeline | None = None,
) -> Iterator[tuple[Batch[Any], Result]]:
    """Each batch with its result, in the order given.

    processes  1 runs in the calling process (with `local` if given); more runs that many workers
    raises     whatever a stage raises; StateError if a worker dies
    """
    with collector_resting() as step:
        for done in _run(spec, batches, processes, local):
            yield done
            step()


@contextmanager
def collector_resting() -> Iterator[Callable[[], None]]:
    """Stops the cyclic collector, which costs more than parsing while many objects are young; it runs now and then.

    Yields what to call after each batch.
    """
    was_enabled, count = gc.isenabled(), 0

    def step() -> None:
        nonlocal count
        count += 1
        if count % BATCHES_PER_COLLECTION == 0:
            gc.collect()

    gc.freeze()
    gc.disable()
    try:
        yield step
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def _run(
    spec: PipelineSpec, batches: Iterable[Batch[Any]], processes: int, local: Pipeline | None
) -> Iterator[tuple[Batch[Any], Result]]:
    if processes == 1:
        pipeline = local or spec.build()
        for batch in batches:
            yield batch, pipeline.run(batch)
        return
    lost = StateError(
        "runner: a worker process ended before its batch was done",
        "Run the same command again: what was committed is kept and skipped. Fewer processes need less memory.",
    )
    yield from in_order(_running, spec, batches, processes, lost)


def _running(spec: PipelineSpec) -> Callable[[Batch[Any]], Result]:
    return spec.build().run
