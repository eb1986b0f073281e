"""The operations that a zone offers, with where each is defined, as a CapabilityStatement lists them.

What a server really takes is its routes: `careloom.api.fhir_offered` reads them, and a statement lists what stands in
both. A test holds the two together.
"""

from collections.abc import Collection
from typing import NamedTuple

from careloom.fhir.drafts import Resource

_R4 = "http://hl7.org/fhir/OperationDefinition"
_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
EVERY = "*"
"""Stands for every resource type."""


class Operation(NamedTuple):
    """One operation: the resource type of its address, empty for the zone itself; its name without the dollar sign."""

    resource_type: str
    name: str


class Offered(NamedTuple):
    """What the routes of an application take: codes of interactions (`restful-interaction`), and operations."""

    interactions: frozenset[str]
    operations: frozenset[Operation]


class _Told(NamedTuple):
    definition: str
    words: str = ""
    identified_only: bool = False


_VIEW = "At ViewDefinition/$run, and ViewDefinition/NAME/$run for views that ship."
_TERMINOLOGY = "Below /fhir/terminology, a base of its own."
OPERATIONS: dict[Operation, _Told] = {
    Operation("", "export"): _Told(f"{_BULK}/export"),
    Operation("Patient", "export"): _Told(f"{_BULK}/patient-export"),
    Operation("Group", "export"): _Told(f"{_BULK}/group-export"),
    Operation("", "import"): _Told("urn:careloom:operation:import", identified_only=True),
    Operation("", "de-identify"): _Told("urn:careloom:operation:de-identify", identified_only=True),
    Operation(EVERY, "de-identify"): _Told("urn:careloom:operation:de-identify", identified_only=True),
    Operation(EVERY, "validate"): _Told(f"{_R4}/Resource-validate", "Against FHIR R4 itself, not against profiles."),
    Operation("Patient", "everything"): _Told(f"{_R4}/Patient-everything"),
    Operation("Encounter", "everything"): _Told(f"{_R4}/Encounter-everything"),
    Operation("DocumentReference", "docref"): _Told("http://hl7.org/fhir/us/core/OperationDefinition/docref"),
    Operation("", "viewdefinition-export"): _Told("http://sql-on-fhir.org/OperationDefinition/$viewdefinition-export"),
    Operation("ViewDefinition", "run"): _Told("http://sql-on-fhir.org/OperationDefinition/$run", _VIEW),
}
"""What zones offer. ViewDefinition is no resource type of R4: its operation is told as one of the zone."""
TERMINOLOGY: dict[Operation, _Told] = {
    Operation("CodeSystem", "lookup"): _Told(f"{_R4}/CodeSystem-lookup", _TERMINOLOGY),
    Operation("CodeSystem", "validate-code"): _Told(f"{_R4}/CodeSystem-validate-code", _TERMINOLOGY),
    Operation("CodeSystem", "subsumes"): _Told(f"{_R4}/CodeSystem-subsumes", _TERMINOLOGY),
    Operation("ConceptMap", "translate"): _Told(f"{_R4}/ConceptMap-translate", _TERMINOLOGY),
    Operation("ValueSet", "expand"): _Told(f"{_R4}/ValueSet-expand", _TERMINOLOGY),
}
"""What the base of terminology offers; the statement of the installation tells of it."""


def operations_of(resource_type: str, offered: Collection[Operation], *, is_identified: bool) -> list[Resource]:
    """The operations at a resource type."""
    return [
        _shown(one, told)
        for one, told in OPERATIONS.items()
        if one in offered
        and one.resource_type in (EVERY, resource_type)
        and (is_identified or not told.identified_only)
    ]


def operations_of_zone(offered: Collection[Operation], *, is_identified: bool, is_of_all: bool) -> list[Resource]:
    """The operations at a zone itself, at ViewDefinition, and those of terminology for the installation."""
    more = TERMINOLOGY if is_of_all else {}
    return [
        _shown(one, told)
        for one, told in {**OPERATIONS, **more}.items()
        if one in offered and (one.resource_type in ("", "ViewDefinition") or one in more)
        if is_identified or not told.identified_only
    ]


def _shown(one: Operation, told: _Told) -> Resource:
    shown = {"name": one.name, "definition": told.definition}
    return shown | ({"documentation": told.words} if told.words else {})
