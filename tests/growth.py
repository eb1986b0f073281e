"""How the work of a function grows with what it is given. The clock itself is measured in bench/, never here."""

import time
from collections.abc import Callable
from typing import Any

TIMES = 8
LOOKS = 5
LEAST_SECONDS = 0.002
ENDLESS_SECONDS = 60.0
"""What has a way to run away takes hours; what has none takes a small part of this on the slowest machine."""


def seconds_of(work: Callable[[], Any]) -> float:
    """Processor seconds of this thread alone: others may have a server, a reader or a pool at work."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def refuse_worse_than_linear(read: Callable[[Any], Any], make: Callable[[int], Any], size: int) -> None:
    """Fails if eight times as much takes more than three times eight times the work; its square would take 64 times.

    read  the work
    make  what it gets, of a size
    size  of the smaller one; so large that what is done once is the lesser part

    A crowded machine only adds time, so the least of some looks counts, and one good look in five is enough.
    """
    small, large = make(size), make(size * TIMES)
    read(small)
    found = []
    for _ in range(LOOKS):
        least = max(min(seconds_of(lambda: read(small)) for _ in range(3)), LEAST_SECONDS)
        found.append(seconds_of(lambda: read(large)) / least)
        if found[-1] < 3 * TIMES:
            return
    raise AssertionError(f"{TIMES} times as much took {min(found):.0f} times the work")
