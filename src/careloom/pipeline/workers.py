"""Work on many items in local worker processes, in order, with few items in flight at a time."""

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from careloom.errors import StateError

Recipe = TypeVar("Recipe")
Item = TypeVar("Item")
Made = TypeVar("Made")

WINDOW_PER_PROCESS = 2
"""Items in flight per process: enough to keep it busy, few enough to bound memory."""

_work: Callable[[Any], Any] | None = None


def in_order(
    start: Callable[[Recipe], Callable[[Item], Made]],
    recipe: Recipe,
    items: Iterable[Item],
    processes: int,
    lost: StateError,
) -> Iterator[tuple[Item, Made]]:
    """Each item with what is made of it, in the order given; who stops asking stops the work.

    start   called once in each worker with the recipe: what it gives back works on an item. Travels by its name.
    lost    raised if a worker dies
    raises  whatever the work raises
    """
    flying: deque[tuple[Item, Future[Made]]] = deque()
    with ProcessPoolExecutor(processes, get_context("forkserver"), _begin, (start, recipe)) as pool:
        try:
            for item in items:
                flying.append((item, pool.submit(_done, item)))
                if len(flying) >= processes * WINDOW_PER_PROCESS:
                    done, future = flying.popleft()
                    yield done, future.result()
            while flying:
                done, future = flying.popleft()
                yield done, future.result()
        except BrokenProcessPool:
            raise lost from None
        finally:
            for _, future in flying:
                future.cancel()


def _begin(start: Callable[[Any], Callable[[Any], Any]], recipe: Any) -> None:
    global _work  # noqa: PLW0603 - made once in each worker process
    _work = start(recipe)
    gc.freeze()
    gc.disable()  # full collections are dear, and nearly nothing of an item is cyclic
    Thread(target=_end_with_parent, daemon=True).start()


def _done(item: Any) -> Any:
    if _work is None:
        raise StateError("workers: the process was not begun", "Start it through in_order.")
    try:
        return _work(item)
    finally:
        gc.collect(0)


def _end_with_parent() -> None:
    """Ends this worker when the process that it works for is gone, even by `kill -9`: it would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
