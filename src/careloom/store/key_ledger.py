"""What backups are worth nothing without: the wrapped data keys of their patients, kept once, outside all of them.

``backups.db`` lies in the folder of the keys. A backup holds no wrapped key and no salt of an epoch: both stand here
alone. So an erasure that destroys a key here makes every backup unreadable for that patient at once, also those on
tapes that nobody can reach. It also keeps what was erased (marks of patients, numbers of rows), so that a backup that
is restored after the loss of the database loses the same.
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from careloom.store import bulk, erased_rows
from careloom.store.engine import private_file, private_folder

FILE_NAME = "backups.db"
_LOCK_NAME = "backups.lock"
_TABLES = """
CREATE TABLE IF NOT EXISTS backup (backup TEXT PRIMARY KEY, created INTEGER NOT NULL, place TEXT NOT NULL,
  is_whole INTEGER NOT NULL, counters TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS data_key (zone TEXT NOT NULL, subject INTEGER NOT NULL, pseudonym TEXT NOT NULL,
  wrapped BLOB NOT NULL, kek_id TEXT NOT NULL, seen TEXT NOT NULL, PRIMARY KEY (zone, subject)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS salt (project TEXT NOT NULL, epoch INTEGER NOT NULL, salt BLOB NOT NULL,
  PRIMARY KEY (project, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstone (zone TEXT NOT NULL, mark BLOB NOT NULL, created INTEGER NOT NULL,
  PRIMARY KEY (zone, mark)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (zone TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL,
  version INTEGER NOT NULL, PRIMARY KEY (zone, kind, number, version)) WITHOUT ROWID;
"""
Key = tuple[int, str, bytes, str]
"""(number, pseudonym, wrapped, id of the key-encryption key)."""


@dataclass(frozen=True, slots=True)
class KnownBackup:
    """A backup as the ledger knows it.

    is_whole  false while it is being made, and for good where that was killed
    counters  zone -> counter -> value at that time
    """

    backup: str
    created: int
    place: Path
    is_whole: bool
    counters: Mapping[str, Mapping[str, int]]


class KeyLedger:
    """The ledger of one installation. Each call is durable when it returns; processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    @property
    def is_there(self) -> bool:
        """True once a backup was made."""
        return self._path.is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the one right to change backups: who makes one, settles one, restores one."""
        private_folder(self._path.parent)
        handle = os.open(self._path.with_name(_LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def begin(self, backup: str, created: int, place: Path) -> None:
        """Notes a backup that is being made: an erasure from now on counts for it."""
        with self._open() as database, database:
            row = (backup, created, str(place), "{}")
            database.execute("INSERT OR REPLACE INTO backup VALUES (?, ?, ?, 0, ?)", row)

    def finish(self, backup: str, counters: Mapping[str, Mapping[str, int]]) -> None:
        """Notes that a backup is whole."""
        with self._open() as database, database:
            sql = "UPDATE backup SET is_whole = 1, counters = ? WHERE backup = ?"
            database.execute(sql, (json.dumps(counters, sort_keys=True), backup))

    def moved(self, backup: str, place: Path) -> None:
        """Notes where a backup lies now."""
        with self._open() as database, database:
            database.execute("UPDATE backup SET place = ? WHERE backup = ?", (str(place), backup))

    def remove(self, backup: str) -> int:
        """Forgets a backup, and the keys that no later one needs; how many keys."""
        with self._open() as database:
            with database:
                database.execute("DELETE FROM backup WHERE backup = ?", (backup,))
                sql = "DELETE FROM data_key WHERE seen < (SELECT coalesce(min(backup), '~') FROM backup)"
                gone = database.execute(sql).rowcount
                if not database.execute("SELECT 1 FROM backup").fetchone():
                    database.execute("DELETE FROM salt")
            database.execute("VACUUM")
        return gone

    def backups(self) -> list[KnownBackup]:
        """All backups, oldest first."""
        if not self.is_there:
            return []
        with self._open() as database:
            rows = database.execute("SELECT * FROM backup ORDER BY backup").fetchall()
        return [
            KnownBackup(name, made, Path(at), bool(whole), json.loads(told)) for name, made, at, whole, told in rows
        ]

    def put(self, backup: str, zone: str, keys: Iterable[Key], salts: Iterable[tuple[str, int, bytes]]) -> None:
        """Keeps the keys and salts that a backup needs."""
        with self._open() as database, database:
            sql = "INSERT OR REPLACE INTO data_key VALUES (?, ?, ?, ?, ?, ?)"
            database.executemany(sql, ((zone, *key, backup) for key in keys))
            database.executemany("INSERT OR REPLACE INTO salt VALUES (?, ?, ?)", salts)

    def keys(self, zone: str) -> dict[int, tuple[bytes, str]]:
        """Number -> (wrapped key, id of its key-encryption key)."""
        with self._open() as database:
            rows = database.execute("SELECT subject, wrapped, kek_id FROM data_key WHERE zone = ?", (zone,)).fetchall()
        return {number: (wrapped, kek_id) for number, wrapped, kek_id in rows}

    def salts(self) -> dict[tuple[str, int], bytes]:
        """(project, epoch) -> salt."""
        with self._open() as database:
            rows = database.execute("SELECT project, epoch, salt FROM salt").fetchall()
        return {(project, epoch): salt for project, epoch, salt in rows}

    def tombstones(self, zone: str) -> list[tuple[bytes, int]]:
        """The marks of erased patients: (mark, when)."""
        with self._open() as database:
            return database.execute("SELECT mark, created FROM tombstone WHERE zone = ?", (zone,)).fetchall()

    def gone(self, zone: str) -> list[tuple[str, int, int]]:
        """The rows that erasures took: (kind, number, version)."""
        with self._open() as database:
            return database.execute("SELECT kind, number, version FROM gone WHERE zone = ?", (zone,)).fetchall()

    def take(self, zone: str, connection: Connection) -> int:
        """Takes over what a zone's database knows to be erased, and destroys those keys; how many of patients."""
        marks = [
            (zone, bytes(mark), made) for mark, made in bulk.fetch(connection, "SELECT mark, created FROM tombstone")
        ]
        gone = [(zone, *row) for row in erased_rows.noted(connection)]
        retired = bulk.fetch(connection, "SELECT project, epoch FROM vault_epoch WHERE retired IS NOT NULL")
        with self._open() as database:
            with database:
                database.executemany("INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?)", marks)
                database.executemany("INSERT OR IGNORE INTO gone VALUES (?, ?, ?, ?)", gone)
                numbers = [(zone, number) for _, kind, number, _ in gone if kind == "subject"]
                sql = "DELETE FROM data_key WHERE zone = ? AND subject = ?"
                destroyed = database.executemany(sql, numbers).rowcount if numbers else 0
                salts = [tuple(row) for row in retired]
                database.executemany("DELETE FROM salt WHERE project = ? AND epoch = ?", salts)
            if destroyed or salts:
                database.execute("VACUUM")
        return max(0, destroyed)

    def highest(self, zone: str) -> dict[str, int]:
        """The highest value of each counter that any backup or erased row has seen: no number is used twice."""
        found: dict[str, int] = {}
        for one in self.backups():
            for name, value in one.counters.get(zone, {}).items():
                found[name] = max(found.get(name, 0), value)
        named = {"subject": "subject", "resource": "rid", "record": "rec"}
        for kind, number, _ in self.gone(zone):
            if kind in named:
                found[named[kind]] = max(found.get(named[kind], 0), number)
        return found

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        private_folder(self._path.parent)
        private_file(self._path)
        with closing(sqlite3.connect(self._path, timeout=30)) as database:
            database.execute("PRAGMA secure_delete = ON")
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_TABLES)
            yield database
