"""Search parameters of an installation's own: SearchParameter resources read, and what they make of a resource.

A parameter of R4 is a path that the generated extractors walk; one of these is any FHIRPath, evaluated. Each has a slot
of its own, ``own/<number>``, so that it comes and goes without a change to what the others have written. R4's
``phonetic`` is one of them, and comes with every zone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from careloom.fhir.fhirpath import compile_fhirpath
from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.fhirpath_scope import Environment
from careloom.fhir.fhirpath_values import Node, plain, resource_node
from careloom.fhir.phonetic import sounds_of
from careloom.fhir.references import parse_reference
from careloom.fhir.search_interpret import EMITTERS, Entry
from careloom.fhir.search_parameters import Parameter, Use, composites, parameters

PERSONS = ("Patient", "Person", "Practitioner", "RelatedPerson")
"""Types whose dates may be birth dates: their own parameters of dates keep blocks of days, and no number."""
PHONETIC = "phonetic"
STEPS = 20_000
"""Work of one evaluation at one resource; what takes more is found by nothing."""
_TEXTS = ("string", "markdown", "code", "id")
_PRIMITIVES = {"uri": "uri", "url": "uri", "oid": "uri", "uuid": "uri", "canonical": "canonical"}
EMITS: Mapping[str, Mapping[str, str]] = {
    "token": dict.fromkeys(_TEXTS, "code")
    | {one: one for one in ("boolean", "Coding", "CodeableConcept", "Identifier", "ContactPoint")},
    "string": dict.fromkeys(_TEXTS, "string") | {"HumanName": "parts", "Address": "parts"},
    "reference": {"Reference": "Reference", **_PRIMITIVES},
    "uri": _PRIMITIVES,
    "date": dict.fromkeys(("date", "dateTime", "instant"), "date") | {"Period": "Period", "Timing": "Timing"},
    "number": dict.fromkeys(("integer", "decimal", "positiveInt", "unsignedInt"), "number"),
    "quantity": dict.fromkeys(("Quantity", "Age", "Duration", "Distance", "Count", "SimpleQuantity"), "Quantity")
    | {"Money": "Money", "Range": "Range"},
}
"""Kind of parameter -> FHIR type of a value -> what the index makes of it."""
_LIKE = {"str": "string", "bool": "boolean", "int": "integer", "Decimal": "decimal", "Quantity": "Quantity"}


@dataclass(frozen=True, slots=True)
class OwnParameters:
    """The own parameters of a zone, by type and code; `off` those that are not to be searched by now, and why."""

    on: Mapping[str, Mapping[str, Parameter]] = field(default_factory=dict)
    off: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, resource_type: str) -> Mapping[str, Parameter]:
        """The parameters of a type by code, those of the standard first."""
        own = self.on.get(resource_type)
        return {**own, **parameters(resource_type)} if own else parameters(resource_type)

    def why_off(self, resource_type: str, code: str) -> str:
        """Why a parameter is not to be searched by; empty if it is none of these."""
        return self.off.get(resource_type, {}).get(code, "")


STANDARD = OwnParameters()
"""No own parameters."""


def own_parameter(
    resource_type: str, code: str, kind: str, expression: str = "", targets: tuple[str, ...] = ()
) -> Parameter:
    """An own parameter, without its slot: see `slotted`. That of how names sound has no expression of its own."""
    if code == PHONETIC and not expression:
        return Parameter(resource_type, code, "string", (), (), (), (PHONETIC,), f"{resource_type}.name")
    emits = frozenset(EMITS[kind].values())
    if kind == "date" and resource_type in PERSONS:
        emits = frozenset({"BirthDate"})
    return Parameter(resource_type, code, kind, (), targets, (), tuple(sorted(emits)), expression)


def slotted(parameter: Parameter, number: int) -> Parameter:
    """The parameter under the slot of that number."""
    return replace(parameter, uses=(Use(f"own/{number}"),))


def is_taken(resource_type: str, code: str) -> bool:
    """True when R4 has a parameter of the type by that code."""
    return code in parameters(resource_type) or code in composites(resource_type)


def entries_of(resource: dict[str, Any], parameter: Parameter) -> list[Entry]:
    """The index entries of an own parameter: those of `careloom.fhir.search_index.extract`, and two of their kind.

    ``("f", slot, code)``  how a name sounds
    ``("o", slot)``        there is a value; last, and only then

    Never raises: what the expression means nothing for has no entry.
    """
    slot = parameter.uses[0].slot
    places = places_of(resource, parameter)
    found = list(dict.fromkeys(entry for emits, node in places for entry in _emit(emits, slot, node)))
    return [*found, ("o", slot)] if found else []


def places_of(resource: dict[str, Any], parameter: Parameter) -> Iterator[tuple[str, Any]]:
    """(what the index makes of it, JSON) of each value that the expression finds and that the parameter can hold."""
    is_phonetic = parameter.emits == (PHONETIC,)
    try:
        items = compile_fhirpath(parameter.expression, of=parameter.resource_type).items(
            resource_node(resource), _ENVIRONMENT
        )
    except PathError:
        return
    for item in items:
        kind = item.kind if isinstance(item, Node) else _system_kind(item)
        emits = PHONETIC if is_phonetic else EMITS[parameter.kind].get(kind, "")
        if emits in ("date", "Period", "Timing") and parameter.resource_type in PERSONS:
            emits = "BirthDate"
        if emits:
            yield from _parts(emits, plain(item))


def _parts(emits: str, node: Any) -> Iterator[tuple[str, Any]]:
    """A value as the index takes it: names and addresses part by part, times of persons by their day."""
    if emits in ("parts", PHONETIC):
        below = node.values() if isinstance(node, dict) else [node]
        texts = [text for one in below for text in (one if isinstance(one, list) else [one]) if isinstance(text, str)]
        hidden = {node.get("use"), node.get("type")} if isinstance(node, dict) else set()
        yield from (("string" if emits == "parts" else PHONETIC, text) for text in texts if text not in hidden)
    elif emits == "BirthDate":
        times = [node.get("start"), node.get("end")] if isinstance(node, dict) else [node]
        yield from ((emits, time[:10]) for time in times if isinstance(time, str))
    else:
        yield emits, node


def _emit(emits: str, slot: str, node: Any) -> Iterator[Entry]:
    if emits == PHONETIC:
        yield from (("f", slot, code) for code in sounds_of(node))
    else:
        yield from EMITTERS[emits](slot, node)


def _system_kind(item: object) -> str:
    """The FHIR type that a value of FHIRPath itself is like."""
    name = type(item).__name__
    if name == "Moment":
        return {"date": "date", "datetime": "dateTime"}.get(str(getattr(item, "kind", "")).lower(), "")
    return _LIKE.get(name, "")


def _pointed_to(reference: str) -> dict[str, Any] | None:
    """What ``resolve()`` sees of another resource: its type, which is all that a definition may ask."""
    parts = parse_reference(reference)
    return {"resourceType": parts.type, "id": parts.id} if parts.type else None


_ENVIRONMENT = Environment(resolver=_pointed_to, steps=STEPS)
