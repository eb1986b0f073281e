"""Rules on patients: legal holds, restrictions, objections. Who set one, when and why is kept; the why is sealed."""

from dataclasses import dataclass
from typing import Any, get_args

from careloom.errors import Conflict, QueryError
from careloom.services import models_taint
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, event, note
from careloom.services.exports import withdraw
from careloom.services.patients_named import stored_id
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.restrictions import not_exported
from careloom.store.rights import Kind, RightsRule
from careloom.store.rows import instant
from careloom.store.zone_store import Zone as StoredZone

LONGEST_REASON = 500
OPERATIONS: dict[str, str] = {"hold": "hold", "restrict": "restrict", "object": "object"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuleAsk:
    """What to set on whom, and why.

    kind     hold, restrict or object
    patient  ``Patient/<id>``; empty for a hold on a whole `zone`
    zone     landing, identified, research or synthetic; only for such a hold
    reason   a sentence; it may name the patient, it is sealed
    """

    kind: Kind
    patient: str = ""
    zone: str = ""
    reason: str = ""
    source: str = ""


def set_rule(platform: Platform, who: Principal, ask: RuleAsk) -> Json:
    """Sets a rule; it holds when this returns.

    returns  the rule, see `as_json`, with ``exports`` that were withdrawn and ``trainings`` that are tainted now
    raises   AccessError; QueryError; NotFound; Erased; Conflict where the same rule holds already
    """
    zone = _zone_of(ask)
    admit(platform, who, "rights", zone, operation=ask.kind)
    require_reason(ask.reason)
    patient = stored_id(platform, ask.patient, ask.source) if ask.patient else ""
    place = _place(zone)
    store = platform.store(place)
    with store.rights() as reader:
        if any(one.patient == patient and one.zone == zone for one in reader.rules((ask.kind,))):
            raise Conflict(f"there is such a {ask.kind} already", "Look at it: careloom subject rules.")
    subjects = [store.pseudonym(patient)] if patient else []
    made: list[str] = []
    tainted: list[str] = []
    detail: Json = {"kind": ask.kind, "of": zone}
    told = event(platform, who, ask.kind, zone, action="create", subjects=subjects, detail=detail)
    with store.transaction(told) as step:
        made.append(step.rights.add(ask.kind, patient, zone, who.name, ask.reason.strip()))
        if patient and ask.kind != "hold":
            tainted += step.rights.taint(subjects[0], ask.kind)
    if patient and ask.kind != "hold":
        models_taint.settle(platform, who)
    exports = _withdrawn(platform, ask.kind)
    with store.rights() as reader:
        return as_json(reader.rule(made[0])) | {"exports": exports, "trainings": tainted}


def require_reason(text: str) -> None:
    """Returns where there is a reason of a length that is kept. raises QueryError"""
    if not 0 < len(text.strip()) <= LONGEST_REASON:
        raise QueryError(f"a reason has 1 to {LONGEST_REASON} characters", "Say who decided it, and on what ground.")


def end_rule(platform: Platform, who: Principal, rule: str) -> Json:
    """Ends a rule. raises AccessError; NotFound; Conflict where it has ended"""
    place, found = _find(platform, who, rule)
    if found.ended is not None:
        raise Conflict("the rule has ended already", "Nothing is left to do.")
    store = platform.store(place)
    subjects = (store.pseudonym(found.patient),) if found.patient else ()
    zone: Zone = found.zone if found.zone in get_args(Zone) else place  # type: ignore[assignment]
    detail: Json = {"kind": found.kind, "of": zone, "ended": True}
    told = event(platform, who, found.kind, zone, action="update", subjects=subjects, detail=detail)
    with store.transaction(told) as step:
        step.rights.end(rule, who.name)
    with store.rights() as reader:
        return as_json(reader.rule(rule))


def rules(
    platform: Platform, who: Principal, *, kinds: tuple[str, ...] = (), patient: str = "", ended: bool = False
) -> list[Json]:
    """Rules of all zones, oldest first. raises AccessError; NotFound for a patient who is not known"""
    admit(platform, who, "rights", "identified", operation="rules")
    wanted = stored_id(platform, patient) if patient else None
    found: list[RightsRule] = []
    for zone in STORED_ZONES:
        if platform.has_store(zone):
            with platform.store(zone).rights() as reader:
                found += reader.rules(kinds, patient=wanted, ended=ended)
    named = [platform.store("identified").pseudonym(one.patient) for one in found if one.patient]
    note(platform, who, "rules", "identified", subjects=named, detail={"listed": len(found)})
    return [as_json(one) for one in found]


def as_json(rule: RightsRule) -> Json:
    """A rule: rule, kind, patient (empty for a zone), zone, actor, created, ender, ended (empty), reason."""
    return {
        "rule": rule.rule, "kind": rule.kind, "patient": f"Patient/{rule.patient}" if rule.patient else "",
        "zone": rule.zone, "actor": rule.actor, "created": instant(rule.created), "ender": rule.ender,
        "ended": "" if rule.ended is None else instant(rule.ended), "reason": rule.reason,
    }  # fmt: skip


def _zone_of(ask: RuleAsk) -> Zone:
    if bool(ask.patient) == bool(ask.zone):
        raise QueryError("a rule is on a patient or, for a hold, on a zone", "Name one of the two.")
    if ask.kind not in OPERATIONS or (ask.zone and ask.kind != "hold"):
        raise QueryError("there is no such rule", "A rule is hold, restrict or object; a zone can only be held.")
    if ask.zone and ask.zone not in get_args(Zone):
        raise QueryError("there is no such zone", f"Choose one of {', '.join(get_args(Zone))}.")
    return ask.zone or "identified"  # type: ignore[return-value]


def _place(zone: Zone) -> StoredZone:
    """The store that keeps the rules on a zone: landing lies in the identified one."""
    return "identified" if zone == "landing" else zone


def _find(platform: Platform, who: Principal, rule: str) -> tuple[StoredZone, RightsRule]:
    admit(platform, who, "rights", "identified", operation="rules")
    for zone in STORED_ZONES:
        if not platform.has_store(zone):
            continue
        with platform.store(zone).rights() as reader:
            known = {one.rule: one for one in reader.rules(ended=True)}
            if rule in known:
                return zone, known[rule]
    with platform.store("identified").rights() as reader:
        return "identified", reader.rule(rule)  # says that there is none


def _withdrawn(platform: Platform, kind: str) -> int:
    """Removes exports that hold who may not be exported any more; how many."""
    if kind == "hold":
        return 0
    zones: tuple[StoredZone, ...] = ("identified", "research")
    return sum(
        withdraw(platform, zone, not_exported(platform, zone).numbers) for zone in zones if platform.has_store(zone)
    )
