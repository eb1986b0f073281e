"""Records that were refused whole: kept sealed in landing, listed with their reason, ready to be driven again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.crypto.envelope import nonces
from careloom.issues import Issue
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.resources import WriteTools
from careloom.store.schema import quarantine
from careloom.store.subjects import SHARED

_SELECT = """
SELECT q.rec, r.record_id, r.format, m.manifest_id, q.position, q.place, q.reason, q.issues, q.state, q.attempts,
       q.created, q.updated
FROM quarantine q JOIN record r ON r.rec = q.rec LEFT JOIN manifest m ON m.manifest = q.manifest"""

_AGAIN = """
UPDATE quarantine SET reason = ?, issues = ?, context = ?, state = 'waiting', attempts = attempts + 1, updated = ?
WHERE qid = ?"""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One refused record, without its content.

    manifest_id  of the file it arrived in first, empty if it came alone; `position` within it
    reason       the code of the first issue that refuses
    state        ``waiting`` or ``redriven``
    """

    rec: int
    record_id: str
    format: str
    manifest_id: str
    position: int
    place: str
    reason: str
    issues: tuple[Issue, ...]
    state: str
    attempts: int
    created: datetime
    updated: datetime


def quarantine_context(zone: str, record_id: str) -> bytes:
    """What the seal of a reader's context is bound to."""
    return f"{zone}/quarantine/{record_id}".encode()


def add(tools: WriteTools, rec: int, *, issues: Sequence[Issue], place: str, context: bytes = b"") -> None:
    """Puts a landed record into quarantine; again for one that is there: counts an attempt and takes the new issues."""
    listed = [(one.code, one.severity, one.place, one.message, one.remedy) for one in issues]
    text = orjson.dumps(listed).decode()
    reason = next((issue.code for issue in issues if issue.refuses), "")
    sealed = _sealed(tools, rec, context)
    known = bulk.fetch(tools.connection, "SELECT qid FROM quarantine WHERE rec = ?", (rec,))
    if known:
        bulk.run(tools.connection, _AGAIN, [(reason, text, sealed, tools.now, known[0][0])])
        return
    ((manifest, position),) = bulk.fetch(
        tools.connection, "SELECT manifest, position FROM record WHERE rec = ?", (rec,)
    )
    row = (
        tools.count("qid", 1),
        rec,
        manifest,
        position,
        place,
        reason,
        text,
        sealed,
        "waiting",
        1,
        tools.now,
        tools.now,
    )
    bulk.insert(tools.connection, quarantine, [row])


def _sealed(tools: WriteTools, rec: int, context: bytes) -> bytes:
    ((record_id, subject),) = bulk.fetch(
        tools.connection, "SELECT record_id, subject FROM record WHERE rec = ?", (rec,)
    )
    sealer = tools.subject_keys.numbered(tools.connection, (subject,))[subject]
    (nonce,) = nonces(1, tools.random_bytes)
    return tools.bodies.seal(sealer, context, quarantine_context(tools.zone_keys.zone, record_id), nonce, 0)


def sealed_context(connection: Connection, record_id: str) -> tuple[int, bytes] | None:
    """(number of the key, sealed context) of a quarantined record; None if it is not there or was redriven."""
    sql = "SELECT r.subject, q.context FROM quarantine q JOIN record r ON r.rec = q.rec WHERE r.record_id = ?"
    rows = bulk.fetch(connection, sql, (record_id,))
    return (rows[0][0], rows[0][1]) if rows and rows[0][1] else None


def redriven(tools: WriteTools, rec: int) -> None:
    """Notes that what the record says is now stored."""
    sql = "UPDATE quarantine SET state = 'redriven', context = ?, attempts = attempts + 1, updated = ? WHERE rec = ?"
    bulk.run(tools.connection, sql, [(b"", tools.now, rec)])


def listed(
    connection: Connection, *, state: str = "waiting", reason: str = "", limit: int = 1000, after: int = 0
) -> list[Quarantined]:
    """Quarantined records in order of arrival; `after` is the `rec` of the last one of the page before."""
    sql = _SELECT + " WHERE q.rec > ? AND (? = '' OR q.state = ?) AND (? = '' OR q.reason = ?) ORDER BY q.rec LIMIT ?"
    return [_entry(row) for row in bulk.fetch(connection, sql, (after, state, state, reason, reason, limit))]


def of_record(connection: Connection, record_id: str) -> Quarantined | None:
    """The entry of one record, None if it is not in quarantine."""
    rows = bulk.fetch(connection, _SELECT + " WHERE r.record_id = ?", (record_id,))
    return _entry(rows[0]) if rows else None


def of_records(connection: Connection, recs: Iterable[int]) -> list[Quarantined]:
    """The entries of records by row number, in order of arrival."""
    return [_entry(row) for row in bulk.fetch_in(connection, _SELECT + " WHERE q.rec {in} ORDER BY q.rec", recs)]


def subjects_of(connection: Connection, record_id: str) -> tuple[str, ...]:
    """Keyed pseudonyms of the patients under whose key a record lies, sorted."""
    sql = (
        "SELECT k.subject, k.pseudonym FROM record r JOIN subject_key k ON k.subject = r.subject WHERE r.record_id = ?"
    )
    rows = bulk.fetch(connection, sql, (record_id,))
    if not rows:
        return ()
    subject, name = rows[0]
    joint = bulk.fetch(connection, "SELECT pseudonym FROM subject_link WHERE subject = ?", (subject,))
    if joint:
        return tuple(sorted(row[0] for row in joint))
    return () if subject == SHARED or ":" in name else (str(name),)


def waiting(connection: Connection, recs: Iterable[int]) -> list[int]:
    """Those of the records that wait in quarantine."""
    sql = "SELECT rec FROM quarantine WHERE state = 'waiting' AND rec {in}"
    return sorted(row[0] for row in bulk.fetch_in(connection, sql, recs))


def reasons(connection: Connection) -> dict[str, int]:
    """How many records wait, by reason."""
    sql = "SELECT reason, count(*) FROM quarantine WHERE state = 'waiting' GROUP BY reason ORDER BY reason"
    return dict(bulk.fetch(connection, sql))


def _entry(row: tuple[Any, ...]) -> Quarantined:
    rec, record_id, record_format, manifest_id, position, place, reason, issues, state, attempts, created, updated = row
    return Quarantined(
        rec=rec,
        record_id=str(record_id),
        format=str(record_format),
        manifest_id=str(manifest_id or ""),
        position=position,
        place=str(place),
        reason=str(reason),
        issues=tuple(Issue(*fields) for fields in orjson.loads(str(issues))),
        state=str(state),
        attempts=attempts,
        created=time_of(created),
        updated=time_of(updated),
    )
