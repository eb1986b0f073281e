"""Who did what to whom, when, from where and why: the event and the sink it goes to.

Audit is not logging: an operation whose event cannot be written does not happen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Action = Literal["create", "read", "update", "delete", "execute"]
Outcome = Literal["success", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One auditable act; everything in it may be shown to an auditor, so it holds keyed pseudonyms only.

    time       UTC-aware
    actor      the principal's name (a person or a client), never a patient
    action     as AuditEvent.action in FHIR R4, in words
    operation  the verb of the use case: ``ingest``, ``search``, ``erase``, ...
    zone       landing, identified, research or synthetic
    outcome    success, refused (by access rules) or failed
    subjects   keyed pseudonyms of the patients concerned, sorted
    purpose    purpose of use (HL7 v3 PurposeOfUse code, e.g. ``TREAT``, ``HRESCH``, ``HOPERAT``)
    detail     counts, types and keyed hashes; JSON values, no patient's value
    """

    time: datetime
    actor: str
    action: Action
    operation: str
    zone: str
    outcome: Outcome = "success"
    subjects: tuple[str, ...] = ()
    purpose: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


class AuditSink(Protocol):
    """Where events go. `append` returns after the event is part of the chain, or raises."""

    def append(self, event: AuditEvent) -> None:
        """Adds the event to the chain."""
