"""Loaded terminologies: releases of code systems, side by side, in one SQLite file of their own.

Nothing in it concerns a patient, so it is not sealed; a publisher's licence holds for the file too. Answers the port
`careloom.terminology.concepts.Terminology`.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType

from careloom.errors import FormatError, NotFound, SetupError
from careloom.issues import Issue
from careloom.store.engine import private_folder
from careloom.store.terminology_schema import BEST_NAMES, INSERTS, OWNED, TABLES, VERSION
from careloom.store.terminology_search import search
from careloom.terminology.concepts import EQUIVALENCES, REVERSED, Concept, Match, Release, Translation
from careloom.terminology.release_rows import ConceptRow, NameRow, Reading, Row

FILE_NAME = "terminology.db"
_BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a release kept: the release with its number of concepts, rows by kind, and what was left out."""

    release: Release
    rows: dict[str, int]
    issues: tuple[Issue, ...]


class TerminologyStore:
    """The file, opened when first asked; threads may share it. Without a file it answers as an empty one."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE_NAME
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def close(self) -> None:
        """Closes what was opened."""
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def exists(self) -> bool:
        """True once something was loaded."""
        return self.file.is_file()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False, timeout=30)
            self._local.connection = found
            self._opened.append(found)
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA cache_size = -65536")
            (version,) = found.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise SetupError(f"{self.file} is of another version of Careloom", "Load the terminologies again.")
        return found

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of a release or nothing of it."""
        private_folder(self.file.parent)
        self.file.touch(mode=0o600)
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone() == (0,):
                for statement in filter(str.strip, TABLES.split(";\n")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def load(self, reading: Reading, now: datetime) -> Loaded:
        """Keeps a release, in place of the same version if that was there; all of it or nothing.

        raises  FormatError if it has no rows
        """
        release = reading.release
        with self._writing() as connection:
            _remove(connection, release.system, release.version)
            added = connection.execute(
                "INSERT INTO release (system, version, title, effective, expires, is_whole, licence, loaded, concepts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                (release.system, release.version, release.title, _day(release.effective), _day(release.expires),
                 release.is_whole, release.licence, now.isoformat()),
            )  # fmt: skip
            number = added.lastrowid or 0
            counts = _insert(connection, number, reading.rows)
            if not counts:
                raise FormatError("the release has no rows that can be read", "Compare it with the publisher's files.")
            connection.execute(BEST_NAMES, {"release": number})
            connection.execute("INSERT INTO word (rowid, text) SELECT id, text FROM name WHERE release = ?", (number,))
            (concepts,) = connection.execute("SELECT COUNT(*) FROM concept WHERE release = ?", (number,)).fetchone()
            connection.execute("UPDATE release SET concepts = ? WHERE id = ?", (concepts, number))
        return Loaded(replace(release, concepts=concepts), counts, tuple(reading.issues()))

    def remove(self, system: str, version: str) -> None:
        """Forgets a release. raises NotFound if there is none."""
        if not self.exists():
            raise NotFound("no terminology was loaded", "careloom terminology list shows what there is.")
        with self._writing() as connection:
            if not _remove(connection, system, version):
                raise NotFound("this release was not loaded", "careloom terminology list shows what there is.")

    def releases(self) -> Sequence[Release]:
        """Every release of a code system, by system, the newest first; maps and value sets alone are none."""
        return [release for release in self.loaded() if release.concepts]

    def loaded(self) -> Sequence[Release]:
        """Everything that was loaded, in that order: maps and value sets too, which have no concepts."""
        if not self.exists():
            return []
        rows = self._connection().execute(
            "SELECT system, version, title, effective, expires, concepts, is_whole, licence FROM release"
            " ORDER BY system, effective DESC, loaded DESC"
        )
        return [
            Release(row[0], row[1], row[2], _date(row[3]), _date(row[4]), row[5], bool(row[6]), row[7]) for row in rows
        ]

    def _numbers(self, system: str, version: str | None) -> list[tuple[int, str]]:
        """(number, version) of the releases that may answer, the newest first."""
        if not self.exists():
            return []
        rows = self._connection().execute(
            "SELECT id, version FROM release WHERE system = ? AND ? IN ('', version)"
            " ORDER BY effective DESC, loaded DESC",
            (system, version or ""),
        )
        return list(rows)

    def find(self, system: str, code: str, version: str | None = None) -> Concept | None:
        """The concept of that version; without one, of the newest release that has it."""
        for number, known in self._numbers(system, version):
            found = self._concept(number, system, known, code)
            if found is not None:
                return found
        return None

    def _concept(self, number: int, system: str, version: str, code: str) -> Concept | None:
        ask, key = self._connection().execute, (number, code)
        row = ask("SELECT name, is_active, is_abstract FROM concept WHERE release = ? AND code = ?", key).fetchone()
        if row is None:
            return None
        names = ask("SELECT DISTINCT text FROM name WHERE release = ? AND code = ? AND text <> ?", (*key, row[0]))
        parents = ask("SELECT parent FROM parent WHERE release = ? AND code = ? ORDER BY parent", key)
        properties: dict[str, tuple[str, ...]] = {}
        for name, value in ask("SELECT key, value FROM property WHERE release = ? AND code = ? ORDER BY rowid", key):
            properties[name] = (*properties.get(name, ()), value)
        return Concept(
            system, code, row[0], version, bool(row[1]), bool(row[2]), tuple(each for (each,) in names),
            tuple(each for (each,) in parents), MappingProxyType(properties),
        )  # fmt: skip

    def children(self, system: str, code: str, version: str | None = None) -> tuple[str, ...]:
        """The codes directly below a code in the release that has it."""
        for number, _ in self._numbers(system, version):
            key = (number, code)
            ask = self._connection().execute
            if ask("SELECT 1 FROM concept WHERE release = ? AND code = ?", key).fetchone():
                return tuple(each for (each,) in ask("SELECT code FROM parent WHERE release = ? AND parent = ?", key))
        return ()

    def codes(self, system: str, version: str | None = None) -> Iterator[str]:
        """Every code of a release, of the newest without a version, sorted."""
        ask = "SELECT code FROM concept WHERE release = ? ORDER BY code"
        for number, _ in self._numbers(system, version)[:1]:
            for (code,) in self._connection().execute(ask, (number,)):
                yield code

    def _newest(self) -> dict[int, tuple[str, str]]:
        """Number -> (system, version) of the newest release of each system."""
        found: dict[str, tuple[int, str]] = {}
        ask = "SELECT id, system, version FROM release ORDER BY effective DESC, loaded DESC"
        for number, system, version in self._connection().execute(ask):
            found.setdefault(system, (number, version))
        return {number: (system, version) for system, (number, version) in found.items()}

    def translations(self, system: str, code: str) -> Sequence[Translation]:
        """Every loaded mapping of the code, in either direction, most exact first."""
        if not self.exists():
            return []
        ask, newest = self._connection().execute, self._newest()
        there = ask(
            "SELECT release, target_system, target, equivalence, origin FROM mapping"
            " WHERE source_system = ? AND source = ?", (system, code),
        )  # fmt: skip
        found = [Translation(*row[1:]) for row in there if row[0] in newest]
        back = ask(
            "SELECT release, source_system, source, equivalence, origin FROM mapping"
            " WHERE target_system = ? AND target = ?", (system, code),
        )  # fmt: skip
        found += [
            Translation(source, other, REVERSED.get(equivalence, equivalence), origin)
            for release, source, other, equivalence, origin in back
            if release in newest
        ]
        exactness = EQUIVALENCES.index
        return sorted(dict.fromkeys(found), key=lambda each: (exactness(each.equivalence), each.system, each.code))

    def search(self, text: str, system: str | None = None, limit: int = 10) -> Sequence[Match]:
        """The concepts of the newest releases whose names fit a text, best first."""
        if not self.exists():
            return []
        systems = {number: known for number, known in self._newest().items() if system in (None, known[0])}
        found = []
        for number, code, name, score in search(self._connection(), list(systems), text, limit):
            concept = self._concept(number, *systems[number], code)
            if concept is not None:
                found.append(Match(concept, name, score))
        return found

    def value_set(self, url: str, version: str | None = None) -> str | None:
        """A loaded ValueSet as JSON; the one loaded last where no version is asked for."""
        if not self.exists():
            return None
        row = self._connection().execute(
            "SELECT content FROM value_set WHERE url = ? AND ? IN ('', version) ORDER BY release DESC",
            (url, version or ""),
        ).fetchone()  # fmt: skip
        return row[0] if row else None


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _date(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _remove(connection: sqlite3.Connection, system: str, version: str) -> bool:
    row = connection.execute("SELECT id FROM release WHERE system = ? AND version = ?", (system, version)).fetchone()
    if row is None:
        return False
    connection.execute(
        "INSERT INTO word (word, rowid, text) SELECT 'delete', id, text FROM name WHERE release = ?", row
    )
    for table in OWNED:
        connection.execute(f"DELETE FROM {table} WHERE release = ?", row)  # noqa: S608 - names of our own tables
    connection.execute("DELETE FROM release WHERE id = ?", row)
    return True


def _insert(connection: sqlite3.Connection, number: int, rows: Iterator[Row]) -> dict[str, int]:
    """Keeps the rows in batches; how many of each kind there were. A concept's own name is searchable too."""
    counts: dict[str, int] = {}
    waiting: dict[str, list[tuple[object, ...]]] = {}

    def add(kind: str, values: tuple[object, ...]) -> None:
        batch = waiting.setdefault(kind, [])
        batch.append((number, *values))
        if len(batch) >= _BATCH_ROWS:
            connection.executemany(INSERTS[kind], batch)
            batch.clear()

    for row in rows:
        kind = type(row).__name__
        counts[kind] = counts.get(kind, 0) + 1
        if isinstance(row, ConceptRow):
            add(kind, row[:4])
            if row.name:
                add("NameRow", NameRow(row.code, row.name, "preferred"))
            for key, value in row.properties:
                add("PropertyRow", (row.code, key, value))
        else:
            add(kind, row)
    for kind, batch in waiting.items():
        connection.executemany(INSERTS[kind], batch)
    return counts
