"""Capability: what this installation can do as a FHIR server, made from the tables that reading and searching use."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import careloom
from careloom.fhir.drafts import Resource
from careloom.fhir.search_criteria import MODIFIERS
from careloom.fhir.search_parameters import Composite, Parameter, composites, parameters, resource_types
from careloom.fhir.search_texts import PREFIXES
from careloom.services.access import ROLES
from careloom.services.capability_operations import (
    OPERATIONS,
    TERMINOLOGY,
    Offered,
    operations_of,
    operations_of_zone,
)
from careloom.services.platform import STORED_ZONES

READS = ("read", "vread", "history-instance", "history-type", "search-type")
"""What can be done with every resource type in every zone."""
INTERACTIONS = (*READS, "create", "update", "patch", "delete")
"""What can be done where clients may write."""
WRITTEN_ZONES = frozenset(zone for verbs in ROLES.values() for zone in verbs.get("create", ()))
"""Zones in which some role may write through FHIR."""
FORMATS = ("application/fhir+json", "application/json", "json")
CHANGED = "2026-12-01"
"""The day on which what is claimed here last changed."""

_OF_ALL = ("batch", "transaction", "history-system", "search-system")
EVERYTHING = Offered(frozenset((*INTERACTIONS, *_OF_ALL)), frozenset((*OPERATIONS, *TERMINOLOGY)))
"""All that a statement can tell of; a test holds it against the routes."""
_SERVICES = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_PREFIXED = ("date", "number", "quantity")
_SEARCHED = (
    "Searched by GET and by POST _search. Commas join alternatives, repeated names narrow; dates, numbers and "
    f"quantities take the prefixes {' '.join(PREFIXES)}. References are followed by chains (subject:Patient.name) and "
    "_has (_has:Observation:patient:code), three links at most. Answers are shaped by _count, _sort (_id, "
    "_lastUpdated, dates, numbers, quantities), _total, _summary and _elements, and hold what _include and "
    "_revinclude ask for, with :iterate in rounds. Unknown parameters are refused unless the request says "
    "Prefer: handling=lenient. The link to the next page holds the search sealed, for one hour. Bodies may also be "
    "application/fhir+xml; answers are JSON."
)


class OwnSearched(NamedTuple):
    """An own search parameter of a zone that is on: type, code, kind, and the canonical address of its definition."""

    resource_type: str
    code: str
    kind: str
    url: str


def capability_statement(
    base_url: str,
    zone: str = "",
    *,
    update_creates: bool = False,
    own: Sequence[OwnSearched] = (),
    offered: Offered | None = None,
) -> Resource:
    """The CapabilityStatement of one zone, or of the installation if `zone` is empty.

    base_url        what clients call the installation, without a slash at its end
    update_creates  the setting of that name
    own             the zone's own search parameters that are on
    offered         what the routes of the application take; None for all that is known here
    """
    offered = EVERYTHING if offered is None else offered
    is_written = not zone or zone in WRITTEN_ZONES
    fhir_url = f"{base_url}/fhir/{zone}" if zone else f"{base_url}/fhir"
    bases = ", ".join(f"{base_url}/fhir/{name}" for name in STORED_ZONES)
    description = f"The {zone} zone of this Careloom." if zone else f"This Careloom. Each zone is a FHIR base: {bases}."
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{fhir_url}/metadata",
        "version": careloom.__version__,
        "name": "Careloom",
        "title": "Careloom FHIR API",
        "status": "active",
        "date": CHANGED,
        "publisher": "Careloom",
        "description": "A hospital's records, read, searched and written; every use decided and audited.",
        "kind": "instance",
        "software": {"name": "Careloom", "version": careloom.__version__},
        "implementation": {"description": description, "url": fhir_url},
        "fhirVersion": "4.0.1",
        "format": list(FORMATS),
        "patchFormat": ["application/json-patch+json", "application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": _SEARCHED,
                "security": _security(base_url),
                "resource": _resources(is_written, update_creates, own, offered),
                "interaction": [
                    {"code": code}
                    for code in _OF_ALL
                    if code in offered.interactions and (is_written or code != "transaction")
                ],
                "operation": operations_of_zone(offered.operations, is_identified=is_written, is_of_all=not zone),
            }
        ],
    }


def _security(base_url: str) -> Resource:
    services = (("OAuth", "OAuth"), ("SMART-on-FHIR", "SMART-on-FHIR"))
    return {
        "extension": [
            {
                "url": _OAUTH_URIS,
                "extension": [
                    {"url": "authorize", "valueUri": f"{base_url}/oauth2/authorize"},
                    {"url": "token", "valueUri": f"{base_url}/oauth2/token"},
                    {"url": "revoke", "valueUri": f"{base_url}/oauth2/revoke"},
                ],
            }
        ],
        "cors": False,
        "service": [{"coding": [{"system": _SERVICES, "code": code, "display": name}]} for code, name in services],
        "description": "OAuth 2 client credentials (SMART backend services) with scopes such as system/Observation.rs.",
    }


@cache
def _resources(is_written: bool, update_creates: bool, own: Sequence[OwnSearched], offered: Offered) -> list[Resource]:
    known = INTERACTIONS if is_written else READS
    interactions = [{"code": code} for code in known if code in offered.interactions]
    return [
        {
            "type": name,
            "interaction": interactions,
            "versioning": "versioned",
            "readHistory": True,
            "updateCreate": is_written and update_creates,
            "conditionalCreate": is_written,
            "conditionalRead": "full-support",
            "conditionalUpdate": is_written,
            "conditionalDelete": "single" if is_written else "not-supported",
            "referencePolicy": ["literal", "logical", "local"],
            "searchInclude": ["*", *(f"{name}:{code}" for code in _reference_codes(name))],
            **({"searchRevInclude": _pointers()[name]} if name in _pointers() else {}),
            "searchParam": _search_parameters(name, own),
            "operation": operations_of(name, offered.operations, is_identified=is_written),
        }
        for name in sorted(resource_types())
    ]


def _search_parameters(resource_type: str, more: Sequence[OwnSearched]) -> list[Resource]:
    own = [
        {"name": one.code, "type": one.kind, "documentation": _documentation(one)}
        for one in parameters(resource_type).values()
    ]
    every = [
        {"name": "_id", "type": "token", "documentation": "Stored ids, or ids of the source system."},
        {"name": "_lastUpdated", "type": "date", "documentation": "When the store last changed it."},
        {"name": "_source", "type": "uri", "documentation": "The source record that it was made from."},
    ]
    every += [
        {"name": one.code, "type": "composite", "documentation": f"Values {_shape(one)}."}
        for one in composites(resource_type).values()
    ]
    every += [
        {"name": one.code, "type": one.kind, **({"definition": one.url} if one.url else {})}
        for one in more
        if one.resource_type == resource_type
    ]
    return sorted([*own, *every], key=lambda row: row["name"])


def _shape(composite: Composite) -> str:
    return "$".join(component.code for component in composite.components)


def _reference_codes(resource_type: str) -> list[str]:
    return [one.code for one in parameters(resource_type).values() if one.kind == "reference"]


@cache
def _pointers() -> dict[str, list[str]]:
    """Type -> what points to it by name, as ``Observation:subject``."""
    found: dict[str, list[str]] = {}
    for source in sorted(resource_types()):
        for parameter in parameters(source).values():
            for target in parameter.targets if parameter.kind == "reference" else ():
                found.setdefault(target, []).append(f"{source}:{parameter.code}")
    return found


def _documentation(parameter: Parameter) -> str:
    """What can be asked, in words: targets and modifiers."""
    modifiers = [f":{name}" for name in MODIFIERS[parameter.kind]]
    if any(use.only for use in parameter.uses):
        modifiers.remove(":missing")
    if parameter.kind == "token" and "Identifier" not in parameter.emits:
        modifiers.remove(":of-type")
    if parameter.kind == "reference":
        modifiers.insert(0, ":Type")
    words = [f"Modifiers {', '.join(modifiers)}."] if modifiers else []
    if parameter.targets:
        words.insert(0, f"Points to {', '.join(parameter.targets)}.")
    if parameter.kind in _PREFIXED:
        words.append("Takes prefixes.")
    return " ".join(words) or "Takes no modifier."
