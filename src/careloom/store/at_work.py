"""Whether somebody is at work on a thing that has a name: a lock on an empty file, which ends with its process.

Who begins a thing that takes long holds it; what is begun and held by nobody was left behind by a process that died.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from careloom.errors import Conflict, SetupError
from careloom.store.engine import private_folder


@contextmanager
def at_work(folder: Path, name: str) -> Iterator[None]:
    """Holds a thing while the block runs. raises Conflict while somebody else does"""
    with idle(folder, name) as is_idle:
        if not is_idle:
            raise Conflict("somebody is at work on it", "Wait until that is done, or cancel its job.")
        yield


@contextmanager
def idle(folder: Path, name: str) -> Iterator[bool]:
    """True where nobody was at work on a thing: it is held while the block runs then."""
    private_folder(folder)
    place = folder / f"{name}.lock"
    descriptor = _locked(place)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            place.unlink(missing_ok=True)  # while it is held: nobody waits for a file that is going
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked meanwhile holds the file open too
            os.close(descriptor)


def _locked(place: Path) -> int | None:
    """A descriptor that holds the lock of the file that is there now; None where somebody else does."""
    while True:
        try:
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise SetupError(f"{place} cannot be opened ({type(error).__name__})", "check its owner") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_same(descriptor, place):
            return descriptor
        os.close(descriptor)  # it was removed between the two steps: whoever held it is done


def _is_same(descriptor: int, place: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == place.stat().st_ino
    except FileNotFoundError:
        return False
