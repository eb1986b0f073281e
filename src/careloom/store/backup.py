"""A zone's database as one SQLite file, whichever database it lies in, without a single data key; and back.

SQLite is copied by its backup API while others write; PostgreSQL is read in one snapshot, table by table, into the same
tables. One form for both: a backup can be restored to either, and an erasure takes rows out of it without PostgreSQL.
The keys and salts that it lacks stand in `careloom.store.key_ledger`.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Table, create_engine

from careloom.errors import IntegrityError
from careloom.store import audit_log, bulk, row_policies, table_texts
from careloom.store.database import COUNTERS, POSTGRESQL_TRIGGERS, SQLITE_TRIGGERS
from careloom.store.erased_rows import number_of
from careloom.store.key_ledger import Key, KeyLedger
from careloom.store.schema import metadata

_ROWS = 2000
_BY_SUBJECT = (
    "DELETE FROM resource_history WHERE subject IN lost_subject",
    "DELETE FROM trained_on WHERE pseudonym IN (SELECT pseudonym FROM subject_key WHERE subject IN lost_subject)",
    "DELETE FROM rights_rule WHERE subject IN lost_subject",
    "DELETE FROM emergency WHERE subject IN lost_subject",
    "DELETE FROM prediction WHERE subject IN lost_subject",
    "UPDATE linkage_decision SET subject = NULL, reason = x'' WHERE subject IN lost_subject",
    "UPDATE vault_request SET state = 'erased', subject = NULL, body = x'', remark = x'' WHERE subject IN lost_subject",
    "UPDATE manifest SET name = NULL, subject = NULL WHERE subject IN lost_subject",
)
_NAMED = (
    "INSERT OR IGNORE INTO lost_resource SELECT rid FROM resource WHERE subject IN lost_subject",
    "INSERT OR IGNORE INTO lost_record SELECT rec FROM record WHERE subject IN lost_subject",
    "INSERT OR IGNORE INTO lost_patient SELECT id FROM resource WHERE type = 'Patient' AND rid IN lost_resource",
)
_ALL = (
    "DELETE FROM linkage_decision WHERE pair IN (SELECT pair FROM linkage_pair WHERE one IN lost_patient "
    "OR other IN lost_patient)",
    "DELETE FROM linkage_pair WHERE one IN lost_patient OR other IN lost_patient",
    "DELETE FROM idx_eq WHERE rid IN lost_resource",
    "DELETE FROM idx_range WHERE rid IN lost_resource",
    "DELETE FROM record_link WHERE rid IN lost_resource OR rec IN lost_record",
    "DELETE FROM resource_history WHERE rid IN lost_resource",
    "DELETE FROM resource_history WHERE (rid, version) IN (SELECT rid, version FROM lost_version)",
    "DELETE FROM resource WHERE rid IN lost_resource",
    *_BY_SUBJECT,
    "DELETE FROM quarantine WHERE rec IN lost_record",
    "DELETE FROM record_fact WHERE rec IN lost_record",
    "UPDATE resource SET record = NULL WHERE record IN lost_record",
    "UPDATE resource_history SET record = NULL WHERE record IN lost_record",
    "DELETE FROM record WHERE rec IN lost_record",
    "DELETE FROM subject_link WHERE subject IN lost_subject",
    "DELETE FROM subject_key WHERE subject IN lost_subject",
)


@dataclass(frozen=True, slots=True)
class Dumped:
    """What stands in a dump: rows of each table, counters, the end of the audit chain."""

    tables: dict[str, int]
    counters: dict[str, int]
    head: audit_log.Head


def dump(connection: Connection, place: Path) -> tuple[Dumped, list[Key], list[tuple[str, int, bytes]]]:
    """Writes the zone that the connection sees to a new file; what it holds, the keys and the salts that it lacks."""
    place.unlink(missing_ok=True)
    os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if bulk.is_postgresql(connection):
        keys, salts = _copied(connection, place)
    else:
        keys, salts = _backed_up(connection, place)
    with closing(_opened(place)) as database:
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise IntegrityError("the copy of the database is damaged", "Check the disk, then back up again.")
        dumped = told(database)
    sync(place)
    return dumped, keys, salts


def told(database: sqlite3.Connection) -> Dumped:
    """What stands in a file."""
    tables = {
        str(table.name): int(database.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])  # noqa: S608
        for table in metadata.sorted_tables
    }
    facts = dict(database.execute("SELECT name, value FROM meta").fetchall())
    row = database.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    head = audit_log.Head(*row) if row else audit_log.EMPTY
    return Dumped(tables, {name: int(facts[f"counter.{name}"]) for name in COUNTERS}, head)


def _backed_up(connection: Connection, place: Path) -> tuple[list[Key], list[tuple[str, int, bytes]]]:
    """By SQLite's backup API, over a connection of its own; then the keys are taken out."""
    source = Path(str(connection.engine.url.database))
    read_only = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(read_only, uri=True, timeout=30)) as live, closing(sqlite3.connect(place)) as copy:
        live.backup(copy, pages=4096)
    with closing(_opened(place)) as copy:
        keys = copy.execute("SELECT subject, pseudonym, wrapped, kek_id FROM subject_key").fetchall()
        salts = copy.execute("SELECT project, epoch, salt FROM vault_epoch WHERE length(salt) > 0").fetchall()
        with copy:
            copy.execute("UPDATE subject_key SET wrapped = x''")
            copy.execute("UPDATE vault_epoch SET salt = x''")
        copy.execute("VACUUM")
    return keys, salts


def _copied(connection: Connection, place: Path) -> tuple[list[Key], list[tuple[str, int, bytes]]]:
    """Table by table from one snapshot: `connection` reads in REPEATABLE READ."""
    make_tables(place)
    keys: list[Key] = []
    salts: list[tuple[str, int, bytes]] = []
    with closing(_opened(place)) as copy, copy:
        for table in metadata.sorted_tables:
            names = ", ".join(column.name for column in table.columns)
            marks = ", ".join("?" for _ in table.columns)
            for rows in _pages(connection, table):
                if table.name == "subject_key":
                    keys += [(row[0], row[1], row[2], row[3]) for row in rows]
                    rows = [(row[0], row[1], b"", *row[3:]) for row in rows]
                if table.name == "vault_epoch":
                    salts += [(row[0], row[1], row[2]) for row in rows if row[2]]
                    rows = [(row[0], row[1], b"", *row[3:]) for row in rows]
                copy.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608 our own names
        revision = bulk.fetch(connection, "SELECT version_num FROM alembic_version")[0][0]
        copy.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        for statement in SQLITE_TRIGGERS:
            copy.execute(statement)
    return keys, salts


def _pages(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    names = ", ".join(column.name for column in table.columns)
    sql = f"SELECT {names} FROM {table.name}"  # noqa: S608 our own names
    with connection.execution_options(yield_per=_ROWS).exec_driver_sql(sql) as result:
        for part in result.partitions(_ROWS):
            yield [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in part]


def make_tables(place: Path) -> None:
    """The tables of a zone in an empty file, without triggers and rows."""
    engine = create_engine(f"sqlite:///{place}")
    with engine.begin() as connection:
        table_texts.make_tables(connection, metadata)
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    engine.dispose()


def take_out(database: sqlite3.Connection, gone: Iterable[Sequence[Any]], further: Iterable[int] = ()) -> int:
    """Removes erased rows from a file; how many rows changed.

    gone     (kind, number, version) of `careloom.store.erased_rows`
    further  numbers of data keys that are lost beside those
    """
    with database:
        _fill_lost(database, gone, further)
        for sql in _NAMED:
            database.execute(sql)
        counted = database.total_changes
        for sql in _ALL:
            database.execute(sql)
        requests = {row[0] for row in database.execute("SELECT number FROM lost_request")}
        named = [(one,) for (one,) in database.execute("SELECT request FROM vault_request WHERE state <> 'erased'")]
        sql = "UPDATE vault_request SET state = 'erased', subject = NULL, body = x'', remark = x'' WHERE request = ?"
        database.executemany(sql, [one for one in named if number_of(one[0]) in requests])
        return database.total_changes - counted


def _fill_lost(database: sqlite3.Connection, gone: Iterable[Sequence[Any]], further: Iterable[int]) -> None:
    for kind in ("subject", "resource", "record", "request"):
        database.execute(f"CREATE TEMP TABLE IF NOT EXISTS lost_{kind} (number INTEGER PRIMARY KEY)")
    database.execute("CREATE TEMP TABLE IF NOT EXISTS lost_patient (id TEXT PRIMARY KEY)")
    database.execute("CREATE TEMP TABLE IF NOT EXISTS lost_version (rid INTEGER, version INTEGER)")
    for kind, number, version in gone:
        if kind == "version":
            database.execute("INSERT INTO lost_version VALUES (?, ?)", (number, version))
        else:
            database.execute(f"INSERT OR IGNORE INTO lost_{kind} VALUES (?)", (number,))  # noqa: S608 our own names
    database.executemany("INSERT OR IGNORE INTO lost_subject VALUES (?)", ((one,) for one in further))


def settle(place: Path, gone: Iterable[Sequence[Any]]) -> int:
    """Removes erased rows from a backup's file, in place of it when all is done; how many rows changed."""
    draft = place.with_name(f"{place.name}.part")
    with closing(_opened(place)) as whole, closing(sqlite3.connect(draft)) as copy:
        copy.execute("PRAGMA secure_delete = ON")
        whole.backup(copy)
        changed = take_out(copy, gone)
        if changed:
            copy.execute("VACUUM")
    if changed:
        sync(draft)
    else:
        draft.unlink()
    return changed


def fill(place: Path, zone: str, ledger: KeyLedger, now: int, least: Mapping[str, int]) -> tuple[int, int]:
    """Makes a copy of a backup whole again: keys and salts put in, whoever was erased since taken out.

    least    values below which no counter may fall
    returns  (rows that left, patients' keys that are no more)
    """
    keys, salts = ledger.keys(zone), ledger.salts()
    with closing(_opened(place)) as database:
        known = [row[0] for row in database.execute("SELECT subject FROM subject_key")]
        lost = [number for number in known if number not in keys]
        changed = take_out(database, ledger.gone(zone), lost)
        with database:
            rows = [(*keys[number], number) for number in known if number in keys]
            database.executemany("UPDATE subject_key SET wrapped = ?, kek_id = ? WHERE subject = ?", rows)
            for (project, epoch), salt in salts.items():
                sql = "UPDATE vault_epoch SET salt = ? WHERE project = ? AND epoch = ?"
                database.execute(sql, (salt, project, epoch))
            sql = "UPDATE vault_epoch SET retired = ? WHERE retired IS NULL AND epoch > 1 AND length(salt) = 0"
            database.execute(sql, (now,))
            database.executemany("INSERT OR IGNORE INTO tombstone VALUES (?, ?)", ledger.tombstones(zone))
            noted = ledger.gone(zone)
            database.executemany("INSERT OR IGNORE INTO erased_row VALUES (?, ?, ?)", noted)
            highest = ledger.highest(zone)
            _raise_counters(database, {name: max(highest.get(name, 0), least.get(name, 0)) for name in COUNTERS})
        database.execute("VACUUM")
    return changed, len(lost)


def _raise_counters(database: sqlite3.Connection, highest: dict[str, int]) -> None:
    """No number is used twice; other processes drop their keys; the file is rewritten, so no scrub is due."""
    facts = dict(database.execute("SELECT name, value FROM meta").fetchall())
    for name in COUNTERS:
        value = max(int(facts[f"counter.{name}"]), highest.get(name, 0)) + (name == "erasures")
        database.execute("UPDATE meta SET value = ? WHERE name = ?", (str(value), f"counter.{name}"))
    sql = "UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'counter.erasures') WHERE name = 'scrubbed'"
    database.execute(sql)


def carry_audit(place: Path, live: Connection) -> int:
    """Puts what the live chain has after the backup's into a copy; how many events. The chain is never set back.

    raises  IntegrityError where the live chain does not go on from the backup's
    """
    with closing(_opened(place)) as database:
        head = told(database).head
        at = bulk.fetch(live, "SELECT hash FROM audit WHERE seq = ?", (head.seq,))
        if head.seq and (not at or bytes(at[0][0]) != head.hash):
            raise IntegrityError("the audit chain here does not go on from the backup's", "Restore to another place.")
        sql = "SELECT seq, time, body, prev, hash, signature FROM audit WHERE seq > ? ORDER BY seq"
        rows = [tuple(row) for row in bulk.fetch(live, sql, (head.seq,))]
        with database:
            database.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", rows)
    return len(rows)


def load(place: Path, connection: Connection) -> None:
    """Puts a file in place of all tables of PostgreSQL, within the transaction of the connection."""
    sql = connection.exec_driver_sql
    sql("DROP TRIGGER IF EXISTS audit_keeps_rows ON audit") if _has(connection, "audit") else None
    sql("DROP FUNCTION IF EXISTS audit_is_append_only()")
    for table in reversed(metadata.sorted_tables):
        sql(f"DROP TABLE IF EXISTS {table.name} CASCADE")
    sql("DROP TABLE IF EXISTS alembic_version")
    table_texts.make_tables(connection, metadata)
    sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    with closing(_opened(place)) as file:
        for table in metadata.sorted_tables:
            flags = [number for number, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
            names = ", ".join(column.name for column in table.columns)
            cursor = file.execute(f"SELECT {names} FROM {table.name}")  # noqa: S608 our own names
            while rows := cursor.fetchmany(_ROWS):
                typed = [tuple(bool(one) if at in flags else one for at, one in enumerate(row)) for row in rows]
                bulk.insert(connection, table, typed)
        (revision,) = file.execute("SELECT version_num FROM alembic_version").fetchone()
        (zone,) = file.execute("SELECT value FROM meta WHERE name = 'zone'").fetchone()
    row_policies.protect(connection, metadata.tables, zone)
    bulk.run(connection, "INSERT INTO alembic_version VALUES (?)", [(revision,)])
    for statement in POSTGRESQL_TRIGGERS:
        sql(statement)


def _has(connection: Connection, table: str) -> bool:
    return bool(bulk.fetch(connection, "SELECT to_regclass(?) IS NOT NULL", (table,))[0][0])


def _opened(place: Path) -> sqlite3.Connection:
    database = sqlite3.connect(place, timeout=30)
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA secure_delete = ON")
    database.execute("PRAGMA synchronous = FULL")
    return database


def settle_journal(place: Path) -> None:
    """Leaves a database in one file, durable, without a journal beside it."""
    with closing(_opened(place)):
        pass
    sync(place)


def sync(place: Path) -> None:
    """Forces a file and its name to the disk."""
    for path in (place, place.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
