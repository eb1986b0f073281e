"""The search parameters of FHIR R4 as data: which slots of the index a parameter reads, and where a slot's values lie.

The table is made by ``tools/make_search_parameters.py`` from HL7's definitions (CC0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import orjson

from careloom.runtime import packaged

_TABLE = "search/parameters-r4.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One step down a resource: an element by its JSON name.

    repeats  the element is a list
    field    only those elements whose `field` equals `value`; empty: all
    """

    name: str
    repeats: bool
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """Where values lie and what the index makes of them (``CodeableConcept``, ``Period``, ``string``, ...)."""

    steps: tuple[Step, ...]
    emits: str


@dataclass(frozen=True, slots=True)
class Slot:
    """What is indexed once, though several parameters may read it; `kind` as in SearchParameter.type."""

    name: str
    kind: str
    programs: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """A slot as a parameter reads it: `only` is the one target type or contact system it wants, or empty."""

    slot: str
    only: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one resource type.

    uses     the slots it is the union of
    targets  for references: the types it may point to; empty: any
    systems  for tokens on elements of type code: the systems their required value sets imply
    emits    what its programs emit, sorted: tells identifiers from codes, references from canonical URLs
    expression  of an own parameter (`careloom.fhir.search_own`): the FHIRPath that its one slot is read by; else empty
    """

    resource_type: str
    code: str
    kind: str
    uses: tuple[Use, ...]
    targets: tuple[str, ...]
    systems: tuple[str, ...]
    emits: tuple[str, ...]
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite: `code` names the parameter as which it is asked.

    of_root  its programs start at the resource, not at a part of it
    """

    code: str
    programs: tuple[Program, ...]
    of_root: bool = False


@dataclass(frozen=True, slots=True)
class Composite:
    """A search parameter that several values must meet in one part of a resource; `bases` lead to the parts."""

    resource_type: str
    code: str
    bases: tuple[tuple[Step, ...], ...]
    components: tuple[Component, ...]


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads(packaged("fhir", _TABLE))
    return table


@cache
def resource_types() -> frozenset[str]:
    """The 146 concrete resource types of R4."""
    return frozenset(_table()["resources"])


@cache
def not_compiled() -> Mapping[str, str]:
    """Ids of the definitions that are not indexed, with the reason."""
    return MappingProxyType(_table()["not_compiled"])


def _step(text: str) -> Step:
    name, _, condition = text.partition("[")
    field, _, value = condition.removesuffix("]").partition("=")
    return Step(name.removesuffix("*"), name.endswith("*"), field, value)


def _program(text: str) -> Program:
    *steps, emits = text.split(" ")
    return Program(tuple(_step(step) for step in steps), emits)


def _rows(resource_type: str, part: str) -> dict[str, Any]:
    types = _table()["types"]
    return {**types["Resource"].get(part, {}), **types.get(resource_type, {}).get(part, {})}


@cache
def slots(resource_type: str) -> Mapping[str, Slot]:
    """The slots of a type by name, those of every resource (``_profile``, ``_security``, ``_tag``) among them."""
    return MappingProxyType(
        {
            name: Slot(name, kind, tuple(_program(program) for program in programs))
            for name, (kind, *programs) in sorted(_rows(resource_type, "slots").items())
        }
    )


@cache
def parameters(resource_type: str) -> Mapping[str, Parameter]:
    """The parameters of a type by code; empty of its own for a type that R4 gives none."""
    found = slots(resource_type)
    result = {}
    for code, (kind, names, more) in sorted(_rows(resource_type, "parameters").items()):
        pairs = (name.partition(">") for name in names)
        uses = tuple(Use(slot, only) for slot, _, only in pairs)
        emits = tuple(sorted({program.emits for use in uses for program in found[use.slot].programs}))
        targets, systems = (tuple(more), ()) if kind == "reference" else ((), tuple(more))
        result[code] = Parameter(resource_type, code, kind, uses, targets, systems, emits)
    return MappingProxyType(result)


@cache
def composites(resource_type: str) -> Mapping[str, Composite]:
    """The composite parameters of a type by code."""
    return MappingProxyType(
        {
            code: Composite(
                resource_type,
                code,
                tuple(tuple(_step(step) for step in base.split()) for base in bases),
                tuple(_component(part, programs) for part, *programs in components),
            )
            for code, (bases, *components) in sorted(_rows(resource_type, "composites").items())
        }
    )


def _component(code: str, programs: list[str]) -> Component:
    of_root = programs[0].startswith("/")
    return Component(code, tuple(_program(program.removeprefix("/")) for program in programs), of_root)
