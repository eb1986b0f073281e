"""Who may do what where: roles, zones and scopes. Every service asks here first, and every refusal is audited."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from careloom.errors import AccessError

Zone = Literal["landing", "identified", "research", "synthetic"]
Verb = Literal[
    "ingest",
    "read",
    "search",
    "create",
    "update",
    "delete",
    "quarantine",
    "link",
    "decide",
    "deidentify",
    "preview",
    "inquire",
    "reidentify",
    "erase",
    "rights",
    "audit",
    "operate",
    "monitor",
    "administer",
    "quality",
    "annotate",
    "correct",
]
"""``create``, ``update`` (a patch too), ``delete``: write resources through FHIR.
``link``: find which patients are one person and see the pairs; ``decide``: accept, reject and undo them.
``preview``: see what de-identification makes of one text or resource.
``inquire``: ask who is behind pseudonyms, and learn it once it is approved; ``reidentify``: see what everybody asked,
approve or refuse it, rotate and retire the keys of pseudonyms.
``rights``: what a patient is entitled to (all that is kept of them, restriction, objection, rectification), legal
holds, and what retention removes.
``annotate``: have notes and texts read, and what was found written as facts; ``correct``: say what a note means, in
place of what was found.
``monitor``: counts, runs and health, nothing of a patient. ``administer``: who may come in. ``quality``: look at how
good the data is, and which resources break a rule."""
ZONES: frozenset[Zone] = frozenset(get_args(Zone))
VERBS: frozenset[Verb] = frozenset(get_args(Verb))
ANY = "*"
WRITES: tuple[Verb, ...] = ("create", "update", "delete")
"""What changes resources through FHIR. No role has it outside the identified zone: the research zone takes what
de-identification writes under its current policy, and the synthetic one what synthesis writes."""

ROLES: dict[str, dict[Verb, frozenset[Zone]]] = {
    "data-engineer": {
        "ingest": frozenset({"landing", "identified"}),
        "search": frozenset({"identified"}),
        "read": frozenset({"identified"}),
        **dict.fromkeys(WRITES, frozenset[Zone]({"identified"})),
        "quarantine": frozenset({"landing"}),
        "link": frozenset({"identified"}),
        "deidentify": frozenset({"identified", "research"}),
        "preview": frozenset({"identified", "research"}),
        "quality": frozenset({"identified", "research", "synthetic"}),
        "annotate": frozenset({"identified", "research"}),
        "operate": ZONES,
        "monitor": ZONES,
    },
    "data-steward": {
        "correct": frozenset({"identified"}),
        "link": frozenset({"identified"}),
        "decide": frozenset({"identified"}),
        "inquire": frozenset({"identified"}),
        "quality": frozenset({"identified"}),
        "search": frozenset({"identified"}),
        "read": frozenset({"identified"}),
        "monitor": frozenset({"identified"}),
    },
    "data-scientist": {
        "search": frozenset({"research", "synthetic"}),
        "read": frozenset({"research", "synthetic"}),
        "monitor": frozenset({"research", "synthetic"}),
        "quality": frozenset({"research", "synthetic"}),
        "annotate": frozenset({"research"}),
        "correct": frozenset({"research"}),
        "inquire": frozenset({"identified"}),
    },
    "clinician": {
        "correct": frozenset({"identified"}),
        "search": frozenset({"identified"}),
        "read": frozenset({"identified"}),
        "monitor": frozenset({"identified"}),
    },
    "record-author": {
        **dict.fromkeys(WRITES, frozenset[Zone]({"identified"})),
        "search": frozenset({"identified"}),
        "read": frozenset({"identified"}),
        "monitor": frozenset({"identified"}),
    },
    "privacy-officer": {
        "audit": ZONES,
        "erase": ZONES,
        "rights": ZONES,
        "preview": frozenset({"identified", "research"}),
        "inquire": frozenset({"identified"}),
        "reidentify": frozenset({"identified"}),
        "search": frozenset({"identified", "research", "synthetic"}),
        "read": frozenset({"identified", "research", "synthetic"}),
        "quarantine": frozenset({"landing"}),
        "monitor": ZONES,
    },
    "administrator": {"administer": ZONES, "monitor": ZONES},
}
"""Role -> verb -> zones. A verb that a role does not list is refused."""


class Scope(NamedTuple):
    """One thing that a token allows: a verb, on one FHIR resource type or `ANY`."""

    verb: Verb
    resource_type: str = ANY


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a person or a client, with what was granted to them.

    name     as it stands in the audit log
    roles    names of `ROLES`
    zones    the zones granted; a role gives nothing outside them
    scopes   what the token at hand allows, which narrows the roles; None when no token narrows them
    purpose  purpose of use, HL7 v3 PurposeOfUse code
    request  id of the request that this principal makes, empty outside HTTP; audited
    """

    name: str
    roles: frozenset[str]
    zones: frozenset[Zone]
    scopes: frozenset[Scope] | None = None
    purpose: str = "HOPERAT"
    request: str = ""

    def may(self, verb: Verb, zone: Zone, resource_type: str = "") -> bool:
        """True when a role of this principal grants the verb in the zone, the zone was granted, and a scope covers it.

        resource_type  empty for what is about no single type: only a scope on `ANY` covers that
        """
        if zone not in self.zones:
            return False
        if self.scopes is not None and self.scopes.isdisjoint({Scope(verb), Scope(verb, resource_type or ANY)}):
            return False
        return any(zone in ROLES.get(role, {}).get(verb, frozenset()) for role in self.roles)


def local_operator(name: str) -> Principal:
    """The person at this machine's command line, who can read the key files anyway: every role, every zone."""
    return Principal(name, frozenset(ROLES), ZONES)


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
