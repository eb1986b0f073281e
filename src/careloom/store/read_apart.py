"""Bytes of a database's file, read by another process.

SQLite keeps others away by POSIX locks, and the system takes all locks of a process on a file away as soon as that
process closes the file anywhere. A file that SQLite may have open here is therefore never opened beside it: the next
process that closes the database would think itself the last one, and remove the journal that this one still writes.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from careloom.errors import SetupError

_ENDINGS = (".db", ".db-shm")
"""Of the files that SQLite locks; every database of ours is named so. It locks no journal."""


def is_locked_by_name(path: Path) -> bool:
    """True for a file on which SQLite may hold locks of this process."""
    return path.name.endswith(_ENDINGS)


@contextmanager
def read_apart(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a regular file, from the start. raises FileNotFoundError; OSError where it cannot be read"""
    try:
        reader = subprocess.Popen(  # noqa: S603 - no shell, and an absolute path
            ["cat", str(path.absolute())],  # noqa: S607 - POSIX names no place for it
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise SetupError("there is no command cat", "Install it: databases are read by it.") from None
    with reader, cast("IO[bytes]", reader.stdout) as stream:
        yield stream
        is_read = not stream.read(1)
    if is_read and reader.returncode:
        raise FileNotFoundError if not path.exists() else OSError
