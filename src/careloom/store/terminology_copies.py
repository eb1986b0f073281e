"""Copies of the file of loaded terminologies: taken while others write, looked through, brought back."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from careloom.errors import Conflict, FormatError, IntegrityError, NotFound, SetupError
from careloom.store.engine import private_file, private_folder
from careloom.store.read_apart import read_apart
from careloom.store.terminology_schema import VERSION

BUSY_SECONDS: Final = 30.0
"""How long a restore waits for somebody who loads."""
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_MAGIC: Final = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Held:
    """A release in a file, and its number of concepts when it was loaded."""

    system: str
    version: str
    title: str
    concepts: int


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file holds and what is wrong with it.

    problems  ``pages`` (SQLite finds its pages or indexes damaged), ``concepts`` (a release has more or fewer than it
              was loaded with), ``words`` (names and their index differ)
    """

    releases: tuple[Held, ...]
    problems: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """True when nothing was wrong."""
        return not self.problems


def examine(file: Path) -> Examined:
    """Reads all of a file, one in use or a copy; changes nothing.

    raises  NotFound; FormatError if it holds no terminologies; SetupError if it is of another version
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}", "Check the path.")
    with read_apart(file) as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise FormatError(f"{file} is no file of terminologies", "Name one that careloom terminology backup made.")
    try:
        with _reading(file) as connection:
            return _examine(connection, file)
    except sqlite3.DatabaseError:
        return Examined((), ("pages",))


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A copy of a file in use that somebody put on a read-only disk is read as it lies."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        if file.with_name(f"{file.name}-wal").exists():
            raise SetupError(f"{file} cannot be read beside its journal", "Copy both to a folder of yours.") from None
        connection = sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    with closing(connection):
        yield connection


def _examine(connection: sqlite3.Connection, file: Path) -> Examined:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    named = connection.execute("SELECT 1 FROM sqlite_schema WHERE name IN ('release', 'concept')").fetchall()
    if version == 0 or len(named) != 2:
        raise FormatError(f"{file} is no file of terminologies", "Name one that careloom terminology backup made.")
    if version != VERSION:
        raise SetupError(f"{file} is of another version of Careloom", "Load the terminologies again.")
    connection.execute("BEGIN")  # one state, also while somebody loads
    problems = []
    if connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
        problems.append("pages")
    rows = connection.execute(
        "SELECT system, version, title, concepts, (SELECT COUNT(*) FROM concept WHERE concept.release = release.id)"
        " FROM release ORDER BY system, version"
    ).fetchall()
    if any(row[3] != row[4] for row in rows):
        problems.append("concepts")
    (names,) = connection.execute("SELECT COUNT(*) FROM name").fetchone()
    if (names,) != connection.execute("SELECT COUNT(*) FROM word_docsize").fetchone():
        problems.append("words")
    return Examined(tuple(Held(*row[:4]) for row in rows), tuple(problems))


def snapshot(file: Path, target: Path) -> Examined:
    """Copies one committed state of the file, whoever loads meanwhile; the copy appears whole or not at all.

    raises  NotFound if nothing was loaded; Conflict if `target` is there; SetupError if it cannot be written;
            IntegrityError if the file is damaged
    """
    if not file.is_file():
        raise NotFound("no terminology was loaded", "There is nothing to back up: what ships comes with the package.")
    if target.exists():
        raise Conflict(f"{target} is there already", "Name a new file, or move the old one away.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600))
        with closing(_writable(file)) as source, closing(_writable(partial)) as copy:
            source.backup(copy, progress=_impatient)
            copy.execute("PRAGMA journal_mode = DELETE")  # a file alone, without a journal beside it
        found = examine(partial)
        if not found.is_whole:
            raise IntegrityError(
                f"{file} is damaged ({', '.join(found.problems)})", "Restore a backup, or load the terminologies again."
            )
        _durable(partial)
        os.link(partial, target)  # unlike a rename it never takes the place of a file
        return found
    except FileExistsError:
        raise Conflict(f"{target} is there already", "Name a new file, or move the old one away.") from None
    except OSError as error:
        raise SetupError(f"{target} cannot be written ({type(error).__name__})", "Check the folder and disk.") from None
    except sqlite3.DatabaseError as error:
        raise _failed(error, file) from None
    finally:
        partial.unlink(missing_ok=True)


def restore(copy: Path, file: Path, *, replace: bool = False) -> Examined:
    """Puts a copy in place of the file, in one transaction; whoever has the file open sees the copy from then on.

    replace  forgets releases that were loaded and that the copy lacks
    raises   NotFound, FormatError, SetupError for a copy that is none; IntegrityError if it is damaged; Conflict if it
             lacks a loaded release, or while somebody loads
    """  # fmt: skip
    found = examine(copy)
    if file.is_file() and copy.samefile(file):
        raise Conflict(f"{copy} is the file in use", "Name a backup of it.")
    if not found.is_whole:
        raise IntegrityError(f"{copy} is damaged ({', '.join(found.problems)})", "Restore another backup.")
    lost = [] if replace or not file.is_file() else sorted(_loaded(file) - _names(found))
    if lost:
        named = ", ".join(f"{system} {version}" for system, version in lost)
        raise Conflict(f"the backup lacks what is loaded: {named}", "Back that up first, or add --replace.")
    private_folder(file.parent)
    private_file(file)
    try:
        _put(copy, file)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise _failed(error, file) from None
        for each in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            each.unlink(missing_ok=True)  # nothing of it can be read, and nothing can be written into it
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        _put(copy, file)
    return found


def _put(copy: Path, file: Path) -> None:
    with _reading(copy) as source, closing(_writable(file)) as target:
        target.execute("PRAGMA journal_mode = WAL")
        source.backup(target, progress=_impatient)


def _names(found: Examined) -> set[tuple[str, str]]:
    return {(each.system, each.version) for each in found.releases}


def _loaded(file: Path) -> set[tuple[str, str]]:
    """The releases of the file in use; none if it is so broken that they cannot be told."""
    try:
        return _names(examine(file))
    except (FormatError, SetupError):
        return set()


def _writable(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, isolation_level=None, timeout=BUSY_SECONDS)


def _impatient(status: int, _remaining: int, _total: int) -> None:
    """Python would try for ever."""
    if status in _BUSY:
        raise Conflict("somebody else is loading terminologies", "Try again when that is done.")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _failed(error: sqlite3.DatabaseError, file: Path) -> Exception:
    if _is_damage(error):
        return IntegrityError(f"{file} is damaged", "Restore a backup, or load the terminologies again.")
    return SetupError(f"{file} failed ({getattr(error, 'sqlite_errorname', type(error).__name__)})", "Check the disk.")


def _durable(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
