"""Raw records: the messages and documents as they arrived, found by what they say of themselves, checked and shown."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from careloom.errors import NotFound, QueryError
from careloom.hl7v2.parse import read
from careloom.hl7v2.structure import check_structure, structure_of
from careloom.ingest.ccda_structure import check_document
from careloom.issues import Issue
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.records import may_show
from careloom.services.restrictions import require_seen
from careloom.services.sight import view_of
from careloom.store.raw_records import FoundRecord, RecordQuery

TYPE = re.compile(r"[A-Z]{3}(\^[A-Z][0-9A-Z]{2})?|[0-9]{3,7}-[0-9]|unknown")
"""A type that a record can have: of an HL7 v2 message with or without its event, a document's LOINC code."""
LONGEST_LIMIT = 500


@dataclass(frozen=True, slots=True)
class RecordsAsk:
    """Which records; an empty field asks for nothing.

    control_id    MSH-10 of a message; ``root^extension`` or ``root`` of a document's id
    type          ``ADT^A01``, ``ADT`` for every event, the LOINC code of a document
    since, until  half-open, UTC-aware, of when it was made; of when it arrived where it does not say
    patient       ``Patient/<id>`` or the id alone: the stored one, or the one of `source` (the configured one if empty)
    cursor        `next` of the page before
    """

    control_id: str = ""
    type: str = ""
    since: datetime | None = None
    until: datetime | None = None
    patient: str = ""
    source: str = ""
    is_faulty: bool = False
    limit: int = 50
    cursor: str = ""


def find_records(platform: Platform, who: Principal, ask: RecordsAsk) -> dict[str, Any]:
    """``items`` (record, format, type, made, received, faults, state, reason) newest first, and ``next`` or None.

    raises  AccessError; QueryError if the type, the patient, the limit or the cursor is none, or since is after until
    """
    admit(platform, who, "quarantine", "landing", operation="records")
    query, pseudonym = _query(platform, ask)
    found = platform.store("identified").find_records(query)
    page = found[: ask.limit]
    subjects = (pseudonym,) if pseudonym else ()
    note(platform, who, "records", "landing", subjects=subjects, detail={"listed": len(page)})
    return {
        "items": [_summary(one) for one in page],
        "next": str(page[-1].rec) if len(found) > ask.limit else None,
    }


def show_record(platform: Platform, who: Principal, record_id: str) -> dict[str, Any]:
    """One record without its content: as in a list, and ``structure``, ``issues`` of it, ``manifest``, ``position``.

    raises  AccessError; NotFound
    """
    admit(platform, who, "quarantine", "landing", operation="records")
    store = platform.store("identified")
    raw = store.raw_record(record_id)
    found = store.find_record(record_id)
    if found is None:
        raise NotFound("there is no such record in landing", "List them: careloom records list.")
    structure, issues = structure_issues(raw.format, raw.raw)
    subjects = store.subjects_of_record(record_id)
    note(platform, who, "records", "landing", subjects=subjects, detail={"record": record_id})
    return _summary(found) | {
        "structure": structure,
        "issues": [
            {"code": one.code, "severity": one.severity, "place": one.place, "message": one.message} for one in issues
        ],
        "manifest": found.manifest_id,
        "position": found.position,
        "bytes": len(raw.raw),
    }


def raw_bytes(platform: Platform, who: Principal, record_id: str) -> bytes:
    """The exact bytes of one record. That is audited as a disclosure.

    It takes leave to look at landing and to read any type of resource in the identified zone.

    raises  AccessError; NotFound
    """
    admit(platform, who, "quarantine", "landing", operation="records")
    admit(platform, who, "read", "identified", operation="records")
    store = platform.store("identified")
    raw = store.raw_record(record_id).raw
    subjects = store.subjects_of_record(record_id)
    require_seen(platform, who, "identified", subjects)
    if not may_show(view_of(platform, who, "identified"), subjects):
        detail = {"record": record_id, "withheld": 1}
        note(platform, who, "records", "landing", outcome="failed", subjects=subjects, detail=detail)
        raise NotFound("there is no such record in landing", "List them: careloom records list.")
    note(platform, who, "records", "landing", subjects=subjects, detail={"record": record_id, "disclosed": True})
    return raw


def structure_issues(record_format: str, raw: bytes) -> tuple[str, list[Issue]]:
    """The name of the structure that a record was checked against, empty for none, and what differs from it."""
    if record_format == "ccda":
        return check_document(raw)
    if record_format != "hl7v2":
        return "", []
    message, issues = read(raw)
    return (structure_of(message), issues + check_structure(message)) if message is not None else ("", issues)


def _query(platform: Platform, ask: RecordsAsk) -> tuple[RecordQuery, str]:
    if ask.type and TYPE.fullmatch(ask.type) is None:
        raise QueryError(
            "records: that is no type of a record", "Ask for ADT^A01, ADT, or a LOINC code such as 34133-9."
        )
    if not 1 <= ask.limit <= LONGEST_LIMIT:
        raise QueryError("records: the limit is out of range", f"Ask for 1 to {LONGEST_LIMIT} records.")
    if ask.cursor and not (ask.cursor.isascii() and ask.cursor.isdecimal() and len(ask.cursor) < 19):
        raise QueryError("records: the cursor is none", "Take `next` of the page before as it is.")
    if ask.since is not None and ask.until is not None and ask.since > ask.until:
        raise QueryError("records: since is after until", "Change the two over: the times run from since to until.")
    pseudonym = _pseudonym(platform, ask) if ask.patient else ""
    query = RecordQuery(
        control_id=ask.control_id,
        kind=ask.type,
        since=ask.since,
        until=ask.until,
        pseudonym=pseudonym,
        is_faulty=ask.is_faulty,
        before=int(ask.cursor or 0),
        limit=ask.limit + 1,
    )
    return query, pseudonym


def _pseudonym(platform: Platform, ask: RecordsAsk) -> str:
    """Of the patient under the stored id if there is one, else under the source system's own."""
    store, name = platform.store("identified"), ask.patient.removeprefix("Patient/").strip()
    if not name:
        raise QueryError("records: the patient is empty", "Write Patient/<id>, or ask for no patient.")
    if store.read_named("Patient", (name,)):
        return store.pseudonym(name)
    source = ask.source or platform.settings.ingest.source
    return store.pseudonym(platform.names.resource_id(source, "Patient", name))


def _summary(found: FoundRecord) -> dict[str, Any]:
    return {
        "record": found.record_id,
        "format": found.format,
        "type": found.kind,
        "made": found.moment.isoformat() if found.moment else None,
        "received": found.received.isoformat(),
        "faults": found.faults,
        "state": found.state,
        "reason": found.reason,
    }
