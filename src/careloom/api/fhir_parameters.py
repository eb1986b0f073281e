"""The parameters of an operation: of the address and of a Parameters resource, each known and of one value."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from careloom.errors import QueryError
from careloom.fhir.drafts import Resource

_VALUES = frozenset(
    {
        "valueBoolean",
        "valueCanonical",
        "valueCode",
        "valueCodeableConcept",
        "valueCoding",
        "valueDate",
        "valueDateTime",
        "valueId",
        "valueInstant",
    }
    | {"valueInteger", "valuePositiveInt", "valueReference", "valueString", "valueUnsignedInt", "valueUri", "valueUrl"}
)
_Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What an operation was given.

    values     name -> values as text, in order; a Reference counts as its ``reference``, a code as a
               token
    resources  name -> resources
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    resources: Mapping[str, Sequence[Resource]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The one value of a parameter; empty without one. raises QueryError for several that differ"""
        found = list(dict.fromkeys(self.values.get(name, ())))
        if len(found) > 1:
            raise QueryError(f"{name} is given more than once", "Give it once.")
        return found[0] if found else ""

    def listed(self, name: str) -> list[str]:
        """Every value of a parameter, lists by commas taken apart, each once. raises QueryError for an empty one"""
        parts = [part.strip(" ") for text in self.values.get(name, ()) for part in text.split(",")]
        if not all(parts):
            raise QueryError(f"{name} has an empty element", "Write its elements with one comma between two.")
        return list(dict.fromkeys(parts))

    def resource(self, name: str) -> Resource | None:
        """The one resource of a parameter; None without one. raises QueryError for several"""
        found = self.resources.get(name, ())
        if len(found) > 1:
            raise QueryError(f"{name} is given more than once", "Give it once.")
        return found[0] if found else None


def given(
    pairs: Sequence[tuple[str, str]], body: Resource | None = None, *, names: Collection[str], is_lenient: bool = False
) -> Given:
    """The parameters of the address, and those of a Parameters resource.

    names       what the operation takes
    is_lenient  others are left out instead of refused
    raises      QueryError that tells positions; values are never repeated
    """
    values: dict[str, list[str]] = {}
    resources: dict[str, list[Resource]] = {}
    for number, (name, value) in enumerate(pairs, 1):
        if name in names:
            if not value:
                raise QueryError(f"parameter {number} of the address is empty", "Give it a value, or leave it out.")
            values.setdefault(name, []).append(value)
        elif not is_lenient:
            raise _unknown(f"parameter {number} of the address", names)
    for number, one in enumerate(_parameters(body), 1):
        name = one["name"]
        if name not in names:
            if is_lenient:
                continue
            raise _unknown(f"parameter {number} of the body", names)
        resource = one.get("resource", one.get("valueResource"))  # SQL-on-FHIR writes the latter
        if isinstance(resource, dict):
            resources.setdefault(name, []).append(resource)
        else:
            values.setdefault(name, []).append(_value(number, one))
    return Given(values, resources)


def _parameters(body: Resource | None) -> list[_Json]:
    if body is None:
        return []
    listed = body.get("parameter", [])
    if body.get("resourceType") != "Parameters" or not isinstance(listed, list):
        raise QueryError("the body is no Parameters resource", "Send the parameters of the operation as one.")
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in listed):
        raise QueryError("a parameter of the body has no name", "Name each parameter.")
    return listed


def _value(number: int, one: _Json) -> str:
    found = [value for key, value in one.items() if key in _VALUES]
    value = found[0] if len(found) == 1 else None
    if isinstance(value, dict):
        value = _token(value) or value.get("reference")
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        raise QueryError(f"parameter {number} of the body has not one simple value", "Give it one value[x].")
    return str(value)


def _token(value: _Json) -> str:
    """A Coding, or the first one of a CodeableConcept, as a search writes it; empty for anything else."""
    codings = value.get("coding")
    coding = codings[0] if isinstance(codings, list) and codings else value
    code, system = (coding.get("code"), coding.get("system")) if isinstance(coding, dict) else (None, None)
    if not isinstance(code, str):
        return ""
    return f"{system}|{code}" if isinstance(system, str) else code


def _unknown(where: str, names: Collection[str]) -> QueryError:
    return QueryError(f"{where} is none of the operation", f"It takes {', '.join(sorted(names))}.")
