"""Admission and its record: every service asks here first, and every use, allowed or refused, is in an audit chain."""

from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack

from careloom.audit import Action, AuditEvent, Outcome
from careloom.errors import AccessError, StateError
from careloom.services.access import Principal, Verb, Zone
from careloom.services.access_decision import Ask, refusal, require
from careloom.services.platform import Platform
from careloom.services.research_policy import require_one_current_policy
from careloom.store.zone_store import ZoneStore

LOOKS: frozenset[Verb] = frozenset({"read", "search", "quality"})
"""Verbs that give out what a zone holds."""
NARROWED = frozenset({"read", "search", "history", "everything", "create", "update", "patch", "delete"})
"""Operations that show a principal bound to a patient that compartment alone; see `careloom.services.sight`."""


def admit(
    platform: Platform, who: Principal, verb: Verb, zone: Zone, resource_type: str = "", *, operation: str = ""
) -> None:
    """Returns when `who` may; see `careloom.services.access_decision.decide`.

    A principal that is bound to a patient is let into the use cases of `NARROWED` alone.

    operation  as the audit chain calls the use case; the verb if it is empty
    raises     AccessError, after the refusal is durable in the audit chain; StateError for what the research zone holds
               while that is not of one current policy, audited as failed
    """
    try:
        decision = require(who, verb, zone, resource_type, platform.runtime.now())
        if "compartment" in decision.obligations and (operation or verb) not in NARROWED:
            raise refusal(who, Ask(verb, zone, resource_type), "obligation-unmet")
    except AccessError as error:
        detail = {"verb": verb, "reason": error.reason}
        note(platform, who, operation or verb, zone, action="execute", outcome="refused", detail=detail)
        raise
    if zone == "research" and verb in LOOKS:
        try:
            require_one_current_policy(platform)
        except StateError as error:
            note(platform, who, operation or verb, zone, outcome="failed", detail={"verb": verb, "code": error.code})
            raise


class Told(TypedDict, total=False):
    """What an event may tell beyond who, what and where; by default a successful read that concerns nobody.

    subjects  keyed pseudonyms of the patients concerned
    detail    counts, types and keyed hashes
    """

    action: Action
    outcome: Outcome
    subjects: Iterable[str]
    detail: Mapping[str, object]


def note(platform: Platform, who: Principal, operation: str, zone: Zone, **told: Unpack[Told]) -> None:
    """Writes one event that belongs to no write transaction; durable when this returns."""
    chain_of(platform, zone).append_audit(event(platform, who, operation, zone, **told))


def event(platform: Platform, who: Principal, operation: str, zone: Zone, **told: Unpack[Told]) -> AuditEvent:
    """What `who` does now, as the audit chain holds it, with the id of the request if there is one."""
    detail = dict(told.get("detail", {})) | ({"request": who.request} if who.request else {})
    return AuditEvent(
        time=platform.runtime.now(),
        actor=who.name,
        action=told.get("action", "read"),
        operation=operation,
        zone=zone,
        outcome=told.get("outcome", "success"),
        subjects=tuple(sorted(set(told.get("subjects", ())))),
        purpose=who.purpose,
        detail=detail,
    )


def chain_of(platform: Platform, zone: Zone) -> ZoneStore:
    """The store whose chain tells about a zone: identified for landing, and for zones that hold nothing yet."""
    if zone == "landing" or not platform.has_store(zone):
        return platform.store("identified")
    return platform.store(zone)
