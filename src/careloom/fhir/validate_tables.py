"""What FHIR R4 says about every type, as look-up tables: read once from packaged definitions, on first use."""

import gzip
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from careloom.fhir import invariants_clinical, invariants_conformance, invariants_datatypes, invariants_structures
from careloom.fhir.narrative import is_narrative
from careloom.fhir.primitives import PRIMITIVES, Check
from careloom.fhir.rules import Rule
from careloom.runtime import packaged

CHECKS: dict[str, Check] = {**PRIMITIVES, "xhtml": is_narrative}
"""Primitive type to its check."""


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON property of a type.

    name     as in the specification: ``value[x]`` for the property ``valueQuantity``
    kind     its type: a primitive, a data type, a backbone path, ``Resource``
    codes    name of the code list that it is bound to with strength required, or ""
    targets  resource types that a Reference or canonical may name; empty where any may be named
    variant  of an Extension: ``nested`` inside another, ``modifier`` as modifierExtension; else ""
    """

    name: str
    kind: str
    many: bool
    required: bool
    codes: str
    targets: tuple[str, ...]
    primitive: bool
    variant: str


@dataclass(frozen=True, slots=True)
class Type:
    """One type: its properties by JSON name, what must be there, its invariants."""

    name: str
    resource: bool
    abstract: bool
    properties: dict[str, Element]
    required: tuple[str, ...]
    rules: tuple[Rule, ...]


def _table(name: str) -> Any:
    return orjson.loads(gzip.decompress(packaged("fhir", f"definitions/{name}.json.gz")))


@cache
def _elements() -> Any:
    return _table("elements")


@cache
def _rules() -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    rooms = (invariants_datatypes, invariants_clinical, invariants_conformance, invariants_structures)
    for rule in (rule for room in rooms for rule in room.RULES):
        found.setdefault(rule.path, []).append(rule)
    return found


@cache
def type_table(name: str) -> Type:
    """The table of a type or backbone path; KeyError where FHIR R4 has no such type."""
    raw = _elements()["types"][name]
    properties = {key: element for row in raw["elements"] for key, element in _forms(row, name)}
    return Type(
        name=name,
        resource=raw["kind"] == "resource",
        abstract=bool(raw.get("abstract")),
        properties=properties,
        required=tuple(row[0] for row in raw["elements"] if row[1]),
        rules=tuple(_rules().get(name, ())),
    )


def _forms(row: list[Any], owner: str) -> list[tuple[str, Element]]:
    """The JSON properties of one element of a type: one per type of its value for a choice."""
    name, low, single, kinds, codes, targets = row
    variant = "nested" if name == "extension" and owner == "Extension" else ""
    variant = "modifier" if name == "modifierExtension" else variant

    def form(kind: str, *, many: bool) -> Element:
        return Element(name, kind, many, bool(low), codes, tuple(targets), kind in CHECKS, variant)

    if name.endswith("[x]"):
        return [(name[:-3] + kind[0].upper() + kind[1:], form(kind, many=False)) for kind in kinds]
    return [(name, form(kinds[0], many=not single))]


@cache
def human(key: str) -> str:
    """What the specification says an invariant demands."""
    return str(_elements()["humans"].get(key, "breaks an invariant"))


@cache
def resource_types() -> frozenset[str]:
    """Names of the 146 concrete resource types."""
    return frozenset(
        name for name, raw in _elements()["types"].items() if raw["kind"] == "resource" and not raw.get("abstract")
    )


@cache
def plain_codes(name: str) -> frozenset[str]:
    """Codes of a list, whatever their system: what a `code` element bound to it may hold."""
    return frozenset(code for codes in _elements()["codes"][name].values() for code in codes)


@cache
def system_codes(name: str) -> dict[str, frozenset[str]]:
    """System to codes of a list: what a Coding bound to it may hold."""
    return {system: frozenset(codes) for system, codes in _elements()["codes"][name].items()}


@cache
def _systems() -> dict[str, str]:
    systems: dict[str, str] = _table("systems")["systems"]
    return systems


@cache
def codes_of(system: str) -> frozenset[str] | None:
    """All codes of a code system of HL7 whose content is complete in R4; None for any other."""
    codes = _systems().get(system)
    return None if codes is None else frozenset(codes.split("\t"))


@cache
def value_set_urls() -> frozenset[str]:
    """Urls of the value sets of the specification."""
    return frozenset(_table("canonicals")["valuesets"])


@cache
def search_parameters() -> dict[str, list[str]]:
    """Id of a search parameter of the specification to its type, followed by its base resource types."""
    found: dict[str, list[str]] = _table("canonicals")["search"]
    return found


@cache
def extension_definitions() -> dict[str, tuple[tuple[str, ...], bool]]:
    """Url of an extension of the specification to its value types (none: it holds extensions) and if it modifies."""
    raw = _table("extensions")["extensions"]
    return {url: (tuple(kinds), bool(modifier)) for url, (kinds, modifier) in raw.items()}


@cache
def patient_paths() -> dict[str, list[str]]:
    """Resource type to the element paths that put a resource into a patient's compartment."""
    found: dict[str, list[str]] = _table("compartment")["patient"]
    return found
