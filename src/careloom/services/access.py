"""Who may do what where: roles, zones and scopes. Every service asks here first, and every refusal is audited."""

from dataclasses import dataclass
from typing import Literal

from careloom.errors import AccessError

Zone = Literal["landing", "identified", "research", "synthetic"]
Verb = Literal["ingest", "read", "search", "quarantine", "deidentify", "erase", "audit", "operate"]

ROLES: dict[str, dict[Verb, frozenset[Zone]]] = {
    "data-engineer": {
        "ingest": frozenset({"landing", "identified"}),
        "search": frozenset({"identified"}),
        "read": frozenset({"identified"}),
        "quarantine": frozenset({"landing"}),
        "deidentify": frozenset({"identified", "research"}),
        "operate": frozenset({"landing", "identified", "research", "synthetic"}),
    },
    "data-scientist": {
        "search": frozenset({"research", "synthetic"}),
        "read": frozenset({"research", "synthetic"}),
    },
    "clinician": {"search": frozenset({"identified"}), "read": frozenset({"identified"})},
    "privacy-officer": {
        "audit": frozenset({"landing", "identified", "research", "synthetic"}),
        "erase": frozenset({"landing", "identified", "research", "synthetic"}),
        "search": frozenset({"identified", "research", "synthetic"}),
        "read": frozenset({"identified", "research", "synthetic"}),
        "quarantine": frozenset({"landing"}),
    },
}
"""Role -> verb -> zones. A verb that a role does not list is refused."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a person or a client, with what was granted to them.

    name     as it stands in the audit log
    roles    names of `ROLES`
    zones    the zones granted; a role gives nothing outside them
    types    the resource types granted (SMART scopes narrow them); empty for all
    purpose  purpose of use, HL7 v3 PurposeOfUse code
    """

    name: str
    roles: frozenset[str]
    zones: frozenset[Zone]
    types: frozenset[str] = frozenset()
    purpose: str = "HOPERAT"

    def may(self, verb: Verb, zone: Zone, resource_type: str = "") -> bool:
        """True when a role of this principal grants the verb in the zone, and the zone and type were granted."""
        if zone not in self.zones or (self.types and resource_type and resource_type not in self.types):
            return False
        return any(zone in ROLES.get(role, {}).get(verb, frozenset()) for role in self.roles)


def local_operator(name: str) -> Principal:
    """The person at this machine's command line, who can read the key files anyway: every role, every zone."""
    return Principal(name, frozenset(ROLES), frozenset({"landing", "identified", "research", "synthetic"}))


def require(who: Principal, verb: Verb, zone: Zone, resource_type: str = "") -> None:
    """Returns when `who` may.

    raises  AccessError that names the verb and the zone, and what would grant it
    """
    if not who.may(verb, zone, resource_type):
        roles = sorted(role for role, verbs in ROLES.items() if zone in verbs.get(verb, frozenset()))
        raise AccessError(
            f"{who.name} may not {verb} {resource_type or 'anything'} in the {zone} zone",
            f"An administrator can grant the zone with one of these roles: {', '.join(roles) or 'none has it'}.",
        )
