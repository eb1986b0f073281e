"""Who may do what where: roles, zones and scopes. Every service asks here first, and every refusal is audited."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from careloom.services.purposes import DEFAULT, PATIENT_REQUESTED

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
    "break-glass",
    "train",
    "approve",
    "introspect",
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
``break-glass``: open the record of one patient that consent withholds.
``train``: train, measure and register models; ``approve``: let a version of a model that somebody else registered
answer for patients.
``introspect``: learn what a token that somebody shows is worth.
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
        "train": frozenset({"identified", "research", "synthetic"}),
        "operate": ZONES,
        "monitor": ZONES,
    },
    "data-steward": {
        "approve": frozenset({"identified"}),
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
        "train": frozenset({"research", "synthetic"}),
        "inquire": frozenset({"identified"}),
    },
    "clinician": {
        "approve": frozenset({"identified"}),
        "correct": frozenset({"identified"}),
        "break-glass": frozenset({"identified"}),
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
    "administrator": {"administer": ZONES, "introspect": ZONES, "monitor": ZONES},
    "auditor": {"audit": ZONES, "monitor": ZONES},
    "service": {
        "ingest": frozenset({"landing", "identified"}),
        "search": frozenset({"identified"}),
        "read": frozenset({"identified"}),
        "create": frozenset({"identified"}),
        "update": frozenset({"identified"}),
        "monitor": frozenset({"identified"}),
        "introspect": frozenset({"identified"}),
    },
    "patient": {"search": frozenset({"identified"}), "read": frozenset({"identified"})},
}
"""Role -> verb -> zones. A verb that a role does not list is refused. ``patient`` grants nothing to who is not bound to
one: see `Principal.patient`."""
ROLES |= {"admin": ROLES["administrator"], "researcher": ROLES["data-scientist"]}
IN_COMPARTMENT: frozenset[Verb] = frozenset({"read", "search", *WRITES})
"""All that a principal bound to a patient can do."""


class Scope(NamedTuple):
    """One thing that a token allows: a verb, on one FHIR resource type or `ANY`."""

    verb: Verb
    resource_type: str = ANY


@dataclass(frozen=True, slots=True)
class Emergency:
    """Leave to see the record of one patient although consent withholds it: break-glass, opened with a reason.

    zone, patient  where, and whose: the id of the Patient as stored
    until          UTC-aware; it is over from then on
    """

    id: str
    zone: Zone
    patient: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a person or a client, with what was granted to them.

    name       as it stands in the audit log
    roles      names of `ROLES`
    zones      the zones granted; a role gives nothing outside them
    scopes     what the token at hand allows, which narrows the roles; None when no token narrows them
    purpose    purpose of use, HL7 v3 PurposeOfUse code
    request    id of the request that this principal makes, empty outside HTTP; audited
    patient    id of the Patient, as stored, to whose compartment everything is narrowed; empty for nobody's
    actors     what FHIR calls this principal, ``Practitioner/<stored id>`` and the like, for consents that name actors
    purposes   purposes of use that the registry allows, each with its kinds, which narrows the roles; None for all
    emergency  break-glass that was opened for this principal, perhaps over by now
    """

    name: str
    roles: frozenset[str]
    zones: frozenset[Zone]
    scopes: frozenset[Scope] | None = None
    purpose: str = DEFAULT
    request: str = ""
    patient: str = ""
    actors: frozenset[str] = frozenset()
    purposes: frozenset[str] | None = None
    emergency: Emergency | None = None

    def granting(self, verb: Verb, zone: Zone) -> frozenset[str]:
        """The roles of this principal that grant the verb in the zone, whatever its zones and scopes."""
        return _granting(self.roles, verb, zone, bool(self.patient))

    def may(self, verb: Verb, zone: Zone, resource_type: str = "") -> bool:
        """True when a role of this principal grants the verb in the zone, the zone was granted, and a scope covers it.

        What it is for and whom it concerns is decided elsewhere: see `careloom.services.access_decision`.

        resource_type  empty for what is about no single type: only a scope on `ANY` covers that
        """
        is_bound = bool(self.patient) and verb not in IN_COMPARTMENT
        is_here = zone in self.zones and self.is_covered(verb, resource_type)
        return not is_bound and is_here and bool(self.granting(verb, zone))

    def is_covered(self, verb: Verb, resource_type: str = "") -> bool:
        """True when a scope covers the verb on the type, or none narrows this principal."""
        return self.scopes is None or not self.scopes.isdisjoint({Scope(verb), Scope(verb, resource_type or ANY)})


@lru_cache(1024)
def _granting(roles: frozenset[str], verb: Verb, zone: Zone, is_bound: bool) -> frozenset[str]:
    return frozenset(
        role for role in roles if zone in ROLES.get(role, {}).get(verb, frozenset()) and (role != "patient" or is_bound)
    )


def default_purpose(roles: frozenset[str], patient: str) -> str:
    """The purpose of use of a request that names none: that of a patient's own request, or healthcare operations."""
    return PATIENT_REQUESTED if patient and roles == {"patient"} else DEFAULT


def local_operator(name: str) -> Principal:
    """The person at this machine's command line, who can read the key files anyway: every role, every zone."""
    return Principal(name, frozenset(ROLES), ZONES)
