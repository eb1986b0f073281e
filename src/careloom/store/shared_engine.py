"""A small database that all processes of an installation share, opened at first use."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine

from careloom.store.engine import open_engine, translated


class SharedEngine:
    """Threads may share it; a forked process opens its own connections.

    place      the data directory, or a PostgreSQL URL, as for a zone's store
    zone       what the database is called there
    file_name  of the SQLite file
    prepare    makes the tables that are not there; raises SetupError if they are of another version
    """

    def __init__(self, place: Path | str, zone: str, file_name: str, prepare: Callable[[Engine], None]) -> None:
        self._place = place
        self._zone = zone
        self._file_name = file_name
        self._prepare = prepare
        self._opening = Lock()
        self._engine: Engine | None = None
        self._owner = 0

    def close(self) -> None:
        """Closes all connections."""
        if self._engine is not None:
            self._engine.dispose(close=self._owner == os.getpid())
            self._engine = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction; durable when the block ends, undone when it raises."""
        # Not engine.writing: its advisory lock is the one that a zone's audit chain takes while we hold this open.
        with translated(), self.opened().connect() as plain:
            connection = plain.execution_options(careloom_writes=True)
            with connection.begin():
                yield connection

    def opened(self) -> Engine:
        """The engine. raises SetupError as `prepare` does"""
        engine = self._engine
        if engine is not None and self._owner == os.getpid():
            return engine
        with self._opening:
            if self._engine is not None and self._owner != os.getpid():
                self._engine.dispose(close=False)  # the connections belong to the process that we were forked from
                self._engine = None
            if self._engine is None:
                engine = open_engine(self._place, self._zone, self._file_name)
                self._prepare(engine)
                self._engine, self._owner = engine, os.getpid()
            return self._engine
