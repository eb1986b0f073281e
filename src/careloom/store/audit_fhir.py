"""The audit chain as FHIR R4 AuditEvent resources, for tools that read those."""

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.audit_log import rows_of

_ACTIONS = {"create": "C", "read": "R", "update": "U", "delete": "D", "execute": "E"}
_OUTCOMES = {"success": "0", "refused": "4", "failed": "8"}
"""http://hl7.org/fhir/R4/valueset-audit-event-outcome.html"""
_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_ROLES = "http://terminology.hl7.org/CodeSystem/object-role"
_ENTITIES = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_PURPOSES = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def all_events(connection: Connection) -> Iterator[Resource]:
    """Every row of the chain in order; the row's number and hash stand in the entity of the chain itself."""
    for seq, _, body, _, digest, _ in rows_of(connection):
        yield audit_event(seq, orjson.loads(body), digest)


def newest_events(connection: Connection, subject: str, limit: int) -> list[Resource]:
    """The newest rows first; only those about one keyed pseudonym if `subject` is not empty."""
    sql = "SELECT seq, body, hash FROM audit WHERE ? = '' OR body LIKE ? ORDER BY seq DESC LIMIT ?"
    rows = bulk.fetch(connection, sql, (subject, f'%"{subject}"%', limit))
    return [audit_event(seq, orjson.loads(body), digest) for seq, body, digest in rows]


def audit_event(seq: int, body: dict[str, Any], digest: bytes) -> Resource:
    """One row as an AuditEvent; patients appear as keyed pseudonyms."""
    agent: dict[str, Any] = {"who": {"display": body["actor"]}, "requestor": True}
    if body["purpose"]:
        agent["purposeOfUse"] = [{"coding": [{"system": _PURPOSES, "code": body["purpose"]}]}]
    entities = [_patient(pseudonym) for pseudonym in body["subjects"]]
    entities.append(
        {
            "what": {"identifier": {"system": "urn:careloom:audit", "value": digest.hex()}},
            "type": {"system": _ENTITIES, "code": "2", "display": "System Object"},
            "detail": [{"type": "zone", "valueString": body["zone"]}, {"type": "row", "valueString": str(seq)}]
            + [{"type": name, "valueString": _text(value)} for name, value in sorted(body["detail"].items())],
        }
    )
    return {
        "resourceType": "AuditEvent",
        "id": f"audit-{seq}",
        "type": {"system": _TYPES, "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": "urn:careloom:operation", "code": body["operation"]}],
        "action": _ACTIONS[body["action"]],
        "recorded": body["time"].replace("+00:00", "Z"),
        "outcome": _OUTCOMES[body["outcome"]],
        "agent": [agent],
        "source": {"site": body["zone"], "observer": {"display": "Careloom"}},
        "entity": entities,
    }


def _patient(pseudonym: str) -> dict[str, Any]:
    return {
        "what": {"identifier": {"system": "urn:careloom:pseudonym", "value": pseudonym}},
        "type": {"system": _ENTITIES, "code": "1", "display": "Person"},
        "role": {"system": _ROLES, "code": "1", "display": "Patient"},
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) and value else orjson.dumps(value).decode()
