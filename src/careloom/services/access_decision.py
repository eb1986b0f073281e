"""The decision: may this principal do what it asks, why, and what must whoever does it see to.

A pure function of the principal and the ask. Everything narrows: a scope, a purpose, a patient context and a consent
can each take away, and none of them gives. Only break-glass gives something back: what a consent withholds of the one
patient for whom it was opened, to who could read it without that consent.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from careloom.errors import AccessError
from careloom.services import purposes
from careloom.services.access import IN_COMPARTMENT, ROLES, Principal, Verb, Zone

Reason = Literal[
    "permitted",
    "permitted-in-emergency",
    "zone-not-granted",
    "scope-missing",
    "role-missing",
    "purpose-unknown",
    "purpose-not-allowed",
    "purpose-needs-emergency",
    "emergency-over",
    "emergency-elsewhere",
    "compartment-verb",
    "compartment-zone",
    "compartment-other",
    "consent-denied",
    "obligation-unmet",
]
"""Why, as the audit chain tells it."""
Obligation = Literal["audit", "compartment", "consents", "alert"]
"""What whoever acts on a permit must see to: write the event; show only what is in the patient's compartment; leave out
what consents withhold; raise the alert of an emergency."""
CONSENTED: frozenset[Verb] = frozenset({"read", "search", "annotate"})
"""Verbs that consents withhold from."""
LIFTED: frozenset[Verb] = frozenset({"read", "search"})
"""Verbs for which break-glass gives back what consents withhold."""
COMMON = frozenset(
    {"HealthcareService", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole", "Substance"}
)
"""Types that a principal bound to one patient sees, too, where a resource of them is about nobody: what the patient's
own resources refer to, as SMART App Launch 2.2 (patient-specific scopes) expects."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked.

    resource_type  empty for what is about no single type
    patients       ids of the patients whom a resource at hand is about; None while nobody knows: then what is found has
                   to be narrowed (`Decision.obligations`)
    withheld       ids of patients whose consents in force withhold what is asked
    at             UTC-aware; None where no time is told: every emergency is over then
    """

    verb: Verb
    zone: Zone
    resource_type: str = ""
    patients: frozenset[str] | None = None
    withheld: frozenset[str] = frozenset()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Permit or deny, with the reason and, for a permit, what it obliges to."""

    is_permit: bool
    reason: Reason
    obligations: frozenset[Obligation] = frozenset({"audit"})


def decide(who: Principal, ask: Ask) -> Decision:
    """The decision about an ask. Pure; a denial wins over whatever else permits."""
    reason = _standing(who, ask) or _purpose(who, ask) or _compartment(who, ask)
    if reason is not None:
        return Decision(False, reason)
    is_lifted = bool(ask.withheld) and _is_lifted(who, ask)
    is_consented = ask.verb in CONSENTED and not is_own(who)
    if ask.withheld and is_consented and not is_lifted:
        return Decision(False, "consent-denied")
    obligations: set[Obligation] = {"audit"}
    if who.patient and ask.patients is None:
        obligations.add("compartment")
    if is_consented and ask.patients is None:
        obligations.add("consents")
    if purposes.is_emergency(who.purpose) and who.emergency is not None:
        obligations.add("alert")
    return Decision(True, "permitted-in-emergency" if is_lifted else "permitted", frozenset(obligations))


def is_own(who: Principal) -> bool:
    """True for a patient, or who stands for one, before the own record: consents withhold nothing of it from them."""
    return bool(who.patient) and who.roles <= {"patient"}


def _standing(who: Principal, ask: Ask) -> Reason | None:
    if ask.zone not in who.zones:
        return "zone-not-granted"
    if not who.is_covered(ask.verb, ask.resource_type):
        return "scope-missing"
    return None if who.granting(ask.verb, ask.zone) else "role-missing"


def _purpose(who: Principal, ask: Ask) -> Reason | None:
    if who.purpose not in purposes.known():
        return "purpose-unknown"
    if not purposes.may_name(who.granting(ask.verb, ask.zone), who.purposes, who.purpose):
        return "purpose-not-allowed"
    if who.emergency is None:
        return "purpose-needs-emergency" if who.purpose == purposes.BREAK_GLASS else None
    if ask.at is None or ask.at >= who.emergency.until:
        return "emergency-over"
    if ask.zone != who.emergency.zone:
        return "emergency-elsewhere"
    return None


def _compartment(who: Principal, ask: Ask) -> Reason | None:
    if not who.patient:
        return None
    if ask.verb not in IN_COMPARTMENT:
        return "compartment-verb"
    if ask.zone != "identified":
        return "compartment-zone"
    if ask.patients is None or ask.patients == {who.patient}:
        return None
    is_common = not ask.patients and ask.resource_type in COMMON and ask.verb in ("read", "search")
    return None if is_common else "compartment-other"


def _is_lifted(who: Principal, ask: Ask) -> bool:
    """True when break-glass gives back all that consents withhold here."""
    open_one = who.emergency
    return (
        open_one is not None
        and ask.verb in LIFTED
        and purposes.is_emergency(who.purpose)
        and ask.withheld == {open_one.patient}
    )


def require(who: Principal, verb: Verb, zone: Zone, resource_type: str = "", at: datetime | None = None) -> Decision:
    """The decision where `who` may.

    raises  AccessError that names the verb and the zone, and what would grant it
    """
    decision = decide(who, Ask(verb, zone, resource_type, at=at))
    if not decision.is_permit:
        raise refusal(who, Ask(verb, zone, resource_type), decision.reason)
    return decision


def refusal(who: Principal, ask: Ask, reason: Reason) -> AccessError:
    """The error of a denial: what may not be done, and what would grant it."""
    what = f"{who.name} may not {ask.verb} {ask.resource_type or 'anything'} in the {ask.zone} zone"
    if reason in _REMEDIES:
        return AccessError(f"{what}: {_WORDS[reason]}", _REMEDIES[reason], reason)
    roles = sorted(role for role, verbs in ROLES.items() if ask.zone in verbs.get(ask.verb, frozenset()))
    if not roles:
        return AccessError(what, f"No role may{_INSTEAD.get(ask.zone, '')}.", reason)
    remedy = f"An administrator can grant the zone with one of these roles: {', '.join(roles)}."
    return AccessError(what, remedy, reason)


_INSTEAD: dict[Zone, str] = {
    "research": ": what lies there is what de-identification writes",
    "synthetic": ": what was let out stays as it was judged; withdraw the release instead",
}


_WORDS: dict[Reason, str] = {
    "purpose-unknown": "its purpose of use is none",
    "purpose-not-allowed": "not for this purpose of use",
    "purpose-needs-emergency": "nobody breaks the glass without a reason",
    "emergency-over": "the emergency is over",
    "emergency-elsewhere": "the emergency is of another zone",
    "compartment-verb": "it is bound to one patient",
    "compartment-zone": "it is bound to one patient",
    "compartment-other": "it is bound to one patient",
    "obligation-unmet": "it is bound to one patient",
}
_REMEDIES: dict[Reason, str] = {
    "purpose-unknown": "Name a code of HL7 v3 PurposeOfUse, such as TREAT or HOPERAT.",
    "purpose-not-allowed": "Name a purpose that its roles, and the registry, allow: see docs/reference/access.md.",
    "purpose-needs-emergency": "Open an emergency for the one patient first, with a reason.",
    "emergency-over": "Open another one, with a reason, if it must be.",
    "emergency-elsewhere": "Open one in this zone.",
    "compartment-verb": "Such a principal reads, searches and writes its own compartment, and nothing else.",
    "compartment-zone": "Compartments are those of the identified zone.",
    "compartment-other": "It reaches what is about that patient alone.",
    "obligation-unmet": "What is asked here is not narrowed to one patient.",
}
