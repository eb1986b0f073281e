"""Connections to a zone's database: SQLite by default, PostgreSQL by URL; its troubles in our own words."""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from careloom import traces
from careloom.errors import CareloomError, Conflict, IntegrityError, SetupError, Unavailable
from careloom.store import row_policies
from careloom.store.turn import turn

DATABASE_NAME = "store.db"
QUEUE_NAME = "store.turn"
BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""
RESTART_SECONDS = 5.0
"""How long who needs a connection waits for a server of PostgreSQL that is being started again."""
_LOOK_SECONDS = 0.1
_BUSY_SLEEP_SECONDS = 0.002
_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-8192",
    "PRAGMA wal_autocheckpoint=16384",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA trusted_schema=OFF",
)
"""The cache is small: a reader's pages are dropped whenever somebody commits, and writers were as fast with it."""
_MOST_CONNECTIONS = 32
_WRITE_LOCK = 4711_0001
"""PostgreSQL advisory lock: one writer a zone, because the audit chain has one end."""
_POSTGRES_BUSY = frozenset({"55P03", "40P01", "40001"})
"""SQLSTATE by appendix A of PostgreSQL's manual: lock not available, deadlock detected, serialization failure."""
_POSTGRES_DAMAGED = frozenset({"XX001", "XX002"})
"""Data corrupted, index corrupted."""
_POSTGRES_CHANGED = frozenset({"23503", "23505"})
"""Foreign key violation, unique violation."""
_POSTGRES_AWAY = ("08", "53", "57")
"""Classes: connection, insufficient resources, operator intervention. An error without a state broke the connection."""
_POSTGRES_REFUSED = "42501"
"""Insufficient privilege, of a command or by a policy on rows."""


def is_url(place: Path | str) -> bool:
    """True for a database URL, false for a data directory."""
    return isinstance(place, str) and "://" in place


def open_engine(place: Path | str, zone: str, file_name: str = DATABASE_NAME) -> Engine:
    """An engine for the zone's database; folders are made (mode 0700), the database is not.

    place      the data directory, or a ``postgresql+psycopg://`` URL in which ``{zone}`` stands for the zone
    file_name  of the SQLite database in the zone's folder
    """
    if is_url(place):
        url = str(place).replace("{zone}", zone)
        if not url.startswith("postgresql+psycopg://"):
            raise SetupError("the store's URL is not one of PostgreSQL", "use postgresql+psycopg://user@host/database")
        engine = create_engine(
            url, pool_pre_ping=True, pool_size=_MOST_CONNECTIONS, pool_use_lifo=True, isolation_level="READ COMMITTED"
        )
        event.listen(engine, "do_connect", Restarts().connect)
        row_policies.declare(engine, zone)
        return engine
    path = Path(place) / zone / file_name
    private_folder(path.parent)
    private_file(path)
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=0,  # as many as there are threads, each kept: to open one costs more than to read with it
        pool_use_lifo=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


class Restarts:
    """Makes connections to a server that may be started again: who needs one waits, for nothing was asked of it yet.

    A server that never was there is not waited for, nor one that has been away for longer than a restart takes.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._was_there = False
        self._missed: float | None = None

    def connect(self, dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        """A connection of the driver. raises the driver's error where there is none in time"""
        while True:
            try:
                made = dialect.connect(*arguments, **named)
            except dialect.dbapi.OperationalError:
                now = time.monotonic()
                self._missed = now if self._missed is None else self._missed
                if not self._was_there or now - self._missed > RESTART_SECONDS:
                    raise
                self._sleep(_LOOK_SECONDS)
            else:
                self._was_there, self._missed = True, None
                return made


def private_folder(folder: Path) -> None:
    """Makes a folder that only its owner can enter; raises SetupError if that cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be made ({type(error).__name__})", "check its owner and the disk") from None


def private_file(path: Path) -> None:
    """Makes a database's file that only its owner can read; SQLite gives its journal the same mode.

    A file that is there is not opened (see `careloom.store.read_apart`). raises SetupError if it cannot be made
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        if path.is_symlink() or not path.is_file():
            raise SetupError(f"{path} is no file", "put the database there, not a link to it") from None
    except OSError as error:
        raise SetupError(f"{path} cannot be opened ({type(error).__name__})", "check its owner and the disk") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions behind our back
    cursor = connection.cursor()
    keep_a_write_ahead_log(cursor)
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def keep_a_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Puts the database's journal into WAL mode, where it stays.

    Of several that open a new database at once, SQLite refuses all but one without the wait that its timeout promises
    (two readers that both want to become the writer would wait for each other), so the others ask again.
    raises  sqlite3.OperationalError if it cannot be done in `BUSY_SECONDS`
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_SLEEP_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("careloom_writes", False)
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that holds the zone's one write lock; durable when the block ends.

    raises  Conflict if the lock is not free in time, SetupError if the disk is full or not there
    """
    with traces.step("store write"), translated(), engine.connect() as plain:
        connection = plain.execution_options(careloom_writes=True)
        with _first_in_turn(engine):
            step = connection.begin()
        with step:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_WRITE_LOCK,))
            yield connection
            began = time.perf_counter()
        traces.took("store commit", began)


def _first_in_turn(engine: Engine) -> AbstractContextManager[None]:
    """PostgreSQL's lock has a queue of its own."""
    database = engine.url.database
    if engine.dialect.name == "postgresql" or not database:
        return nullcontext()
    return turn(_queue(database), BUSY_SECONDS)


@lru_cache(64)
def _queue(database: str) -> Path:
    return Path(database).with_name(QUEUE_NAME)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one committed state for as long as the block runs."""
    with traces.step("store read"), translated(), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Turns the database's errors into ours; their text is dropped, for it may quote values."""
    try:
        yield
    except DBAPIError as error:
        raise _translate(error.orig) from None
    except _driver_errors() as error:
        raise _translate(error) from None


def _driver_errors() -> tuple[type[Exception], ...]:
    """What drivers raise; psycopg's where it is in use, for loading it would lengthen every command on SQLite."""
    psycopg = sys.modules.get("psycopg")
    return (sqlite3.Error,) if psycopg is None else (sqlite3.Error, psycopg.Error)


def _translate(error: BaseException | None) -> CareloomError:
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    state = getattr(error, "sqlstate", None)
    if state in _POSTGRES_BUSY:
        return Conflict("the store is being written by somebody else", "try again")
    if state in _POSTGRES_DAMAGED:
        return IntegrityError("the store's database is damaged", "stop writing and restore the last backup")
    if state in _POSTGRES_CHANGED:
        return Conflict("the store changed below this step", "try again")
    if state == _POSTGRES_REFUSED:
        return SetupError(
            "the database does not let the store's role do this",
            "let it own the database and be a member of pg_checkpoint: docs/how-to/protect-postgresql.md",
        )
    name = type(error).__name__
    kind = Unavailable if state is None or state.startswith(_POSTGRES_AWAY) else SetupError
    return kind(f"the store's database failed ({name})", "check that it runs, its disk and its log")


def _of_sqlite(error: sqlite3.Error) -> CareloomError:
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Conflict("the store is being written by somebody else", "try again when the other step is done")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "decode to UTF-8" in str(error):
        return IntegrityError("the store's database is damaged", "stop writing and restore the last backup")
    if name.startswith("SQLITE_FULL"):
        return Unavailable(
            "the disk of the store is full; nothing of this step was written", "free space, run it again"
        )
    if name.startswith(("SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")):
        return Conflict("the store changed below this step", "try again")
    kind = Unavailable if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) else SetupError
    return kind(f"the store's database failed ({name})", "check the disk, the folder's owner and free space")
