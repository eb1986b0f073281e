"""Runs a pipeline over batches in local processes, in order, so that any number of processes gives the same result."""

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any

from careloom.errors import StateError
from careloom.pipeline import registry
from careloom.pipeline.batch import Batch
from careloom.pipeline.pipeline import Pipeline, Result

WINDOW_PER_PROCESS = 2
"""Batches in flight per process: enough to keep it busy, few enough to bound memory."""


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

_worker_pipeline: Pipeline | None = None


def _start_worker(spec: PipelineSpec) -> None:
    global _worker_pipeline  # noqa: PLW0603 - one pipeline per worker process, built once
    _worker_pipeline = spec.build()
    gc.freeze()
    gc.disable()
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Ends this worker when the process that it works for is gone, even by `kill -9`: it would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_in_worker(batch: Batch[Any]) -> Result:
    if _worker_pipeline is None:
        raise StateError("runner: the worker has no pipeline", "Start it through run_batches.")
    try:
        return _worker_pipeline.run(batch)
    finally:
        gc.collect(0)


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
    with ProcessPoolExecutor(processes, get_context("forkserver"), _start_worker, (spec,)) as pool:
        try:
            yield from _in_order(pool.submit, batches, processes * WINDOW_PER_PROCESS)
        except BrokenProcessPool:
            raise StateError(
                "runner: a worker process ended before its batch was done",
                "Run the same command again: what was committed is kept and skipped. Fewer processes need less memory.",
            ) from None


def _in_order(
    submit: Callable[..., "Future[Result]"], batches: Iterable[Batch[Any]], window: int
) -> Iterator[tuple[Batch[Any], Result]]:
    flying: deque[tuple[Batch[Any], Future[Result]]] = deque()
    for batch in batches:
        flying.append((batch, submit(_run_in_worker, batch)))
        if len(flying) >= window:
            done, future = flying.popleft()
            yield done, future.result()
    while flying:
        done, future = flying.popleft()
        yield done, future.result()
