"""How often a job is tried and how long it may take, and what stops a process in which one runs over."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer

PASSING = frozenset({"state.conflict", "setup.unavailable"})
"""Codes of errors that may pass by themselves: somebody else was writing, the database did not answer."""
_LAST_SECONDS = 30.0
"""So long after the timer the kernel ends a process whose timer thread did not come to its turn."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one kind of job.

    attempts              how often it is tried at most while its errors may pass (`PASSING`)
    first_wait_seconds    before the second try, doubled before each one after it
    longest_wait_seconds  the wait is never longer
    timeout_seconds       a try that runs longer is stopped at its next report; 0 for no end
    grace_seconds         one that does not report for so long after that is stopped with its process
    """

    attempts: int = 1
    first_wait_seconds: float = 5.0
    longest_wait_seconds: float = 900.0
    timeout_seconds: float = 0.0
    grace_seconds: float = 300.0

    def wait_seconds(self, failures: int, chance: float) -> float:
        """How long to wait after so many failures: between half of the doubled wait and all of it, by `chance` (0..1).

        Many jobs that failed together, because one database was away, so do not come back together.
        """
        doubled = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** min(failures - 1, 64))
        return doubled * (1.0 + chance) / 2.0

    @property
    def last_seconds(self) -> float:
        """After so long nobody waits for a report any more; 0 for never."""
        return self.timeout_seconds + self.grace_seconds if self.timeout_seconds else 0.0


@contextmanager
def stopped_after(seconds: float, give_up: Callable[[], object]) -> Iterator[None]:
    """Kills this process, after `give_up`, when the block takes longer than that; 0 for never.

    A timer of the kernel stands behind that of Python: work that holds the interpreter lets no other thread run.
    """
    if not seconds:
        yield
        return
    timer = Timer(seconds, _kill, (give_up,))
    timer.daemon = True
    timer.start()
    signal.setitimer(signal.ITIMER_REAL, seconds + _LAST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        timer.cancel()


def _kill(give_up: Callable[[], object]) -> None:
    give_up()
    os.kill(os.getpid(), signal.SIGKILL)
