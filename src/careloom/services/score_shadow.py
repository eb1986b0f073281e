"""What a shadow says of a patient, after the answer is out: an answer never waits for who only listens.

A thread of the process asks the shadow; so many may wait, and one more is dropped and counted: what the limits say of a
shadow shows how many. Closing the platform waits for those that were taken.
"""

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition

from careloom.logs import log

THREADS = 1
WAITING = 32
"""Patients whom a process still has to ask its shadows about. Our own choice: of more, answers come faster than the
shadow, and a sample of them is as good."""


@dataclass
class Shadows:
    """The shadows' work of one process, done in the background; threads may share it, and forks make their own.

    waiting  how many may be under way
    """

    waiting: int = WAITING
    _taken: int = 0
    _changed: Condition = field(default_factory=Condition)
    _pool: ThreadPoolExecutor | None = None
    _process: int = 0

    def takes(self) -> bool:
        """Takes a place for one more, which `do` has to fill or `give_back` to free; false where all are taken."""
        with self._changed:
            if self._process != os.getpid():  # threads do not live on in a fork
                self._pool, self._process, self._taken = None, os.getpid(), 0
            if self._taken >= self.waiting:
                return False
            self._taken += 1
            return True

    def give_back(self) -> None:
        """Frees a place that `takes` took."""
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()

    def do(self, work: Callable[[], object]) -> None:
        """Does the work in the background, in the place that `takes` took; what it raises is in the log."""
        with self._changed:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="shadow")
            pool = self._pool
        pool.submit(self._done, work)

    def settle(self) -> None:
        """Returns when all that was taken is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken == 0 or self._process != os.getpid())

    def close(self) -> None:
        """Waits for what was taken, and ends the threads."""
        self.settle()
        if self._pool is not None and self._process == os.getpid():
            self._pool.shutdown()
        self._pool = None

    def _done(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 whatever is wrong with who only listens: the answer stands
            log(__name__, "a shadow failed", level=logging.WARNING, kind=type(error).__name__)
        finally:
            self.give_back()
