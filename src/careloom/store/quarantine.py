"""Records that were refused whole: kept sealed in landing, listed with their reason, ready to be driven again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.issues import Issue
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.resources import WriteTools
from careloom.store.schema import quarantine

_SELECT = """
SELECT q.rec, r.record_id, r.format, m.manifest_id, q.position, q.place, q.reason, q.issues, q.state, q.attempts,
       q.created, q.updated
FROM quarantine q JOIN record r ON r.rec = q.rec LEFT JOIN manifest m ON m.manifest = q.manifest"""


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


def add(tools: WriteTools, rec: int, *, issues: Sequence[Issue], place: str) -> None:
    """Puts a landed record into quarantine; again for one that is there: counts an attempt and takes the new issues."""
    listed = [(one.code, one.severity, one.place, one.message, one.remedy) for one in issues]
    text = orjson.dumps(listed).decode()
    reason = next((issue.code for issue in issues if issue.refuses), "")
    sql = "SELECT qid, attempts FROM quarantine WHERE rec = ?"
    known = bulk.fetch(tools.connection, sql, (rec,))
    if known:
        qid, attempts = known[0]
        sql = "UPDATE quarantine SET reason = ?, issues = ?, state = 'waiting', attempts = ?, updated = ? WHERE qid = ?"
        bulk.run(tools.connection, sql, [(reason, text, attempts + 1, tools.now, qid)])
        return
    ((manifest, position),) = bulk.fetch(
        tools.connection, "SELECT manifest, position FROM record WHERE rec = ?", (rec,)
    )
    row = (tools.count("qid", 1), rec, manifest, position, place, reason, text, "waiting", 1, tools.now, tools.now)
    bulk.insert(tools.connection, quarantine, [row])


def redriven(tools: WriteTools, rec: int) -> None:
    """Notes that what the record says is now stored."""
    sql = "UPDATE quarantine SET state = 'redriven', attempts = attempts + 1, updated = ? WHERE rec = ?"
    bulk.run(tools.connection, sql, [(tools.now, rec)])


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
