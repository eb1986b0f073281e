"""Raw records found again: by what they say of themselves, by patient, by when they arrived. Newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.audit_log import microseconds, time_of
from careloom.store.zone_keys import ZoneKeys

_SELECT = """
SELECT r.rec, r.record_id, r.format, r.received, f.kind, f.moment, f.faults, m.manifest_id, r.position, q.state,
       q.reason
FROM record r LEFT JOIN record_fact f ON f.rec = r.rec LEFT JOIN manifest m ON m.manifest = r.manifest
LEFT JOIN quarantine q ON q.rec = r.rec"""
_OF_PATIENT = """r.subject IN (SELECT subject FROM subject_key WHERE pseudonym = ?
UNION SELECT subject FROM subject_link WHERE pseudonym = ?)"""


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records: those that meet every condition that is set.

    control_id    what the sender calls the message or document
    kind          its type; ``ADT`` for every ADT message, ``ADT^A01`` for one event
    since, until  half-open, of when it was made; of when it arrived where it does not say
    pseudonym     of the patient, `ZoneKeys.pseudonym`
    is_faulty     only those whose structure is not that of their type
    before        `FoundRecord.rec` of the last one of the page before; 0 for the first page
    """

    control_id: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    pseudonym: str = ""
    format: str = ""
    is_faulty: bool = False
    before: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """One landed record without its content.

    faults  as `RecordFact.faults`
    kind    empty where the format says nothing of itself, or the record landed before facts were kept
    state   ``stored``; ``waiting`` in quarantine for `reason`; ``redriven`` out of it
    """

    rec: int
    record_id: str
    format: str
    received: datetime
    kind: str
    moment: datetime | None
    faults: int | None
    manifest_id: str
    position: int
    state: str
    reason: str


def find(connection: Connection, keys: ZoneKeys, query: RecordQuery) -> list[FoundRecord]:
    """The records that the query asks for, newest arrival first, at most `query.limit`."""
    conditions, values = _conditions(keys, query)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"{_SELECT}{where} ORDER BY r.rec DESC LIMIT ?"
    return [_found(row) for row in bulk.fetch(connection, sql, (*values, query.limit))]


def find_one(connection: Connection, record_id: str) -> FoundRecord | None:
    """The record of this id, None if it is not here."""
    rows = bulk.fetch(connection, f"{_SELECT} WHERE r.record_id = ?", (record_id,))
    return _found(rows[0]) if rows else None


def _conditions(keys: ZoneKeys, query: RecordQuery) -> tuple[list[str], list[Any]]:
    made = "coalesce(f.moment, r.received)"
    asked: list[tuple[bool, str, tuple[Any, ...]]] = [
        (bool(query.control_id), "f.control = ?", (keys.control_key(query.control_id),)),
        ("^" in query.kind or query.kind[:1].isdigit(), "f.kind = ?", (query.kind,)),
        (query.kind.isalpha(), "f.kind >= ? AND f.kind < ?", (query.kind, f"{query.kind}_")),
        (query.since is not None, f"{made} >= ?", (query.since and microseconds(query.since),)),
        (query.until is not None, f"{made} < ?", (query.until and microseconds(query.until),)),
        (bool(query.pseudonym), _OF_PATIENT, (query.pseudonym, query.pseudonym)),
        (bool(query.format), "r.format = ?", (query.format,)),
        (query.is_faulty, "f.faults > ?", (0,)),
        (bool(query.before), "r.rec < ?", (query.before,)),
    ]
    wanted = [(sql, values) for is_set, sql, values in asked if is_set]
    return [sql for sql, _ in wanted], [value for _, values in wanted for value in values]


def _found(row: tuple[Any, ...]) -> FoundRecord:
    rec, record_id, record_format, received, kind, moment, faults, manifest_id, position, state, reason = row
    return FoundRecord(
        rec=rec,
        record_id=str(record_id),
        format=str(record_format),
        received=time_of(received),
        kind=str(kind or ""),
        moment=None if moment is None else time_of(moment),
        faults=faults,
        manifest_id=str(manifest_id or ""),
        position=position,
        state=str(state or "stored"),
        reason=str(reason or "") if state == "waiting" else "",
    )
