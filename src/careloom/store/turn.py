"""Whose turn it is to write: a queue of the processes that want a zone's one write lock.

SQLite itself has no queue: a writer that finds the lock taken sleeps longer and longer, so that one that comes later
gets it first, and under load some wait for seconds. Here one waiter at a time stands before the lock, and the others
behind it. A crash leaves nothing to clean up: the system takes a dead process's place away.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from careloom.errors import Conflict, SetupError

_FIRST_SLEEP_SECONDS = 0.0003
_LONGEST_SLEEP_SECONDS = 0.004


@contextmanager
def turn(path: Path, wait_seconds: float) -> Iterator[None]:
    """Stands first in the queue while the block runs; `path` is the queue's empty file, made if it is not there.

    raises  Conflict if the others take longer than `wait_seconds`
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SetupError(f"{path} cannot be opened ({type(error).__name__})", "check its owner and the disk") from None
    try:
        _wait(descriptor, time.monotonic() + wait_seconds)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked meanwhile holds the file open too
    finally:
        os.close(descriptor)


def _wait(descriptor: int, deadline: float) -> None:
    """Asks again and again: a wait inside the system could not end in time, were the first in the queue stopped."""
    sleep_seconds = _FIRST_SLEEP_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Conflict("the store is being written by somebody else", "try again") from None
            time.sleep(sleep_seconds)
            sleep_seconds = min(2 * sleep_seconds, _LONGEST_SLEEP_SECONDS)
        else:
            return
