"""Who has a zone open: all share it, but for whoever puts a backup in its place and has to be alone with it.

On SQLite a lock on an empty file beside the database, for as long as the store is open; on PostgreSQL an advisory lock
of each session. A process that dies shares nothing any more.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from careloom.errors import Conflict, SetupError
from careloom.store.engine import translated

FILE_NAME = "store.use"
_IN_USE = 4711_0002
"""PostgreSQL advisory lock."""
_PATIENCE_SECONDS = 2.0
"""A server that was just stopped may need a moment to let go."""


class Use:
    """One opened store's share of its zone.

    raises  Conflict while somebody is alone with the zone: at once on SQLite, at the next connection on PostgreSQL
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file: int | None = None
        self._is_alone = False
        if engine.dialect.name == "postgresql":
            event.listen(engine, "connect", self._share)
            return
        path = Path(str(engine.url.database)).with_name(FILE_NAME)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise SetupError(f"{path} cannot be opened ({type(error).__name__})", "check its owner") from None
        try:
            _in_time(lambda: _flock(self._file, fcntl.LOCK_SH), _restored())
        except Conflict:
            self.close()
            raise

    def _share(self, connection: Any, _record: Any) -> None:
        if self._is_alone:
            return
        with connection.cursor() as cursor:
            (is_shared,) = cursor.execute("SELECT pg_try_advisory_lock_shared(%s)", (_IN_USE,)).fetchone()
        connection.rollback()  # the lock is the session's and stays
        if not is_shared:
            raise _restored()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else has the zone open while the block runs, nor opens it. raises Conflict"""
        self._engine.dispose()
        with self._alone_on_postgresql() if self._file is None else self._alone_on_sqlite(self._file):
            yield

    @contextmanager
    def _alone_on_sqlite(self, file: int) -> Iterator[None]:
        _in_time(lambda: _flock(file, fcntl.LOCK_EX), _used())
        try:
            _require_no_stranger(Path(str(self._engine.url.database)))
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_SH)

    @contextmanager
    def _alone_on_postgresql(self) -> Iterator[None]:
        with translated(), self._engine.connect() as holder:

            def is_alone() -> bool:
                found = holder.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", (_IN_USE,)).scalar_one()
                holder.rollback()
                return bool(found)

            _in_time(is_alone, _used())
            self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False
                self._engine.dispose()
                holder.invalidate()

    def close(self) -> None:
        """Gives the share back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _flock(file: int | None, kind: int) -> bool:
    if file is None:
        return False
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _in_time(act: Callable[[], bool], otherwise: Conflict) -> None:
    """Tries again and again for a moment. raises what is given"""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not act():
        if time.monotonic() > deadline:
            raise otherwise
        time.sleep(0.02)


def _require_no_stranger(database: Path) -> None:
    """No other program has the file open, such as the shell of SQLite. raises Conflict; changes nothing"""
    try:
        with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as held:
            held.execute("PRAGMA locking_mode = EXCLUSIVE")
            held.execute("BEGIN EXCLUSIVE")
            held.execute("ROLLBACK")
    except sqlite3.OperationalError:
        raise _used() from None


def _used() -> Conflict:
    return Conflict("a process uses the store", "Stop the server, the worker and the listeners, then restore again.")


def _restored() -> Conflict:
    return Conflict("a backup is being put in place of the store", "Try again when that is done.")
