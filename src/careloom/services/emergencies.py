"""Break-glass: a clinician opens the record of one patient that consent withholds, for a while, with a reason.

Everybody who watches learns of it at once (the log, a gauge), a privacy officer looks at each, and every read under it
stands in the audit chain with its purpose of use.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from careloom.crypto.pseudonyms import name_of
from careloom.errors import AccessError, CareloomError, NotFound, QueryError
from careloom.logs import log
from careloom.services.access import Emergency, Principal
from careloom.services.admission import admit, event, note
from careloom.services.clients import stored_patient
from careloom.services.platform import Platform
from careloom.services.purposes import BREAK_GLASS, DEFAULT, is_emergency
from careloom.store.emergencies import Opened
from careloom.store.transaction import Transaction

ZONE: Final = "identified"
SHORTEST_REASON, LONGEST_REASON = 10, 500
LOOKING = frozenset({"privacy-officer"})
"""Who acknowledges."""


def open_emergency(
    platform: Platform, who: Principal, patient: str, reason: str, *, minutes: int = 0
) -> dict[str, Any]:
    """Opens the record of one patient for `who` alone; what `as_json` tells.

    patient  ``Patient/<id>``, the id as stored or the source's own
    minutes  for how long; 0 for the setting, which is also the most
    raises   AccessError; QueryError; NotFound for a patient who is not here: audited
    """
    admit(platform, who, "break-glass", ZONE, operation="emergency-open")
    try:
        most = platform.settings.access.emergency_minutes
        if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
            raise QueryError("an emergency needs a reason", f"Give {SHORTEST_REASON} to {LONGEST_REASON} characters.")
        if not 0 <= minutes <= most:
            raise QueryError("an emergency does not last so long", f"Ask for 1 to {most} minutes.")
        made = _made(platform, who, patient, reason.strip(), minutes or most)
    except CareloomError as error:
        detail = {"code": error.code}
        note(platform, who, "emergency-open", ZONE, action="execute", outcome="failed", detail=detail)
        raise
    detail = {"emergency": made.id, "until": made.until.isoformat()}
    asking = replace(who, purpose=BREAK_GLASS)
    told = event(platform, asking, "emergency-open", ZONE, action="execute", subjects=[made.pseudonym], detail=detail)

    def act(tx: Transaction) -> None:
        tx.emergencies.add(made)
        tx.audit(told)

    platform.store(ZONE).step(act)
    log(__name__, "the glass was broken: an emergency waits to be looked at", level=logging.WARNING, actor=who.name)
    return as_json(made)


def list_emergencies(
    platform: Platform,
    who: Principal,
    *,
    is_waiting: bool = False,
    limit: int = 100,
    after: tuple[datetime, str] | None = None,
) -> list[dict[str, Any]]:
    """Emergencies, newest first; only those that nobody has acknowledged if `is_waiting`. raises AccessError

    after  (opened, id) of the last one of the page before; None for the first page
    """
    admit(platform, who, "audit", ZONE, operation="emergency-list")
    with platform.store(ZONE).emergencies() as reader:
        found = reader.page(limit=limit, is_waiting=is_waiting, after=after)
    subjects = {one.pseudonym for one in found}
    note(platform, who, "emergency-list", ZONE, subjects=subjects, detail={"count": len(found)})
    return [as_json(one) for one in found]


def acknowledge(platform: Platform, who: Principal, emergency_id: str) -> dict[str, Any]:
    """The emergency, which a privacy officer has looked at by this. raises AccessError; NotFound"""
    admit(platform, who, "audit", ZONE, operation="emergency-acknowledge")
    if not who.roles & LOOKING:
        detail = {"code": AccessError.code, "reason": "role-missing"}
        note(platform, who, "emergency-acknowledge", ZONE, action="update", outcome="refused", detail=detail)
        raise AccessError(f"{who.name} may not acknowledge emergencies", "A privacy officer does.", "role-missing")
    store = platform.store(ZONE)
    with store.emergencies() as reader:
        try:
            found = reader.find(emergency_id)
        except NotFound:
            detail = {"code": NotFound.code}
            note(platform, who, "emergency-acknowledge", ZONE, action="update", outcome="failed", detail=detail)
            raise
    told = event(
        platform, who, "emergency-acknowledge", ZONE, action="update", subjects=[found.pseudonym],
        detail={"emergency": found.id},
    )  # fmt: skip

    def act(tx: Transaction) -> None:
        tx.emergencies.acknowledge(found.id, who.name)
        tx.audit(told)

    store.step(act)
    with store.emergencies() as reader:
        return as_json(reader.find(emergency_id))


def under_emergency(platform: Platform, who: Principal, emergency_id: str) -> Principal:
    """The principal under an emergency that it opened; one that is nobody's, another's or over is told so by `decide`.

    Its purpose of use is to break the glass, unless it names another one of an emergency.
    """
    nowhere = Emergency("", ZONE, "", datetime.min.replace(tzinfo=UTC))
    purpose = who.purpose if is_emergency(who.purpose) or who.purpose != DEFAULT else BREAK_GLASS
    try:
        with platform.store(ZONE).emergencies() as reader:
            found = reader.find(emergency_id)
    except NotFound:
        return replace(who, emergency=nowhere, purpose=purpose)
    is_own = found.actor == who.name and bool(found.patient)
    opened = Emergency(found.id, ZONE, found.patient, found.until) if is_own else nowhere
    return replace(who, emergency=opened, purpose=purpose)


def as_json(opened: Opened) -> dict[str, Any]:
    """id, actor, patient, reason, opened, until, acknowledged, acknowledged_by: null until somebody did."""
    return {
        "id": opened.id,
        "actor": opened.actor,
        "patient": f"Patient/{opened.patient}" if opened.patient else None,
        "reason": opened.reason,
        "opened": opened.opened.isoformat(),
        "until": opened.until.isoformat(),
        "acknowledged": opened.acknowledged.isoformat() if opened.acknowledged else None,
        "acknowledged_by": opened.acknowledged_by or None,
    }


def _made(platform: Platform, who: Principal, patient: str, reason: str, minutes: int) -> Opened:
    store, now = platform.store(ZONE), platform.runtime.now()
    name = stored_patient(platform, patient)
    found = store.read_named("Patient", [name]).get(name)
    if found is None or found.deleted:
        raise NotFound("there is no such patient", "Name it by its id, as stored or as its source has it.")
    until = now + timedelta(minutes=minutes)
    return Opened(name_of(platform.runtime.random_bytes(16)), who.name, store.pseudonym(name), now, until, name, reason)
