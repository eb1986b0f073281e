"""The types that FHIRPath knows: those of FHIR R4 with what they are made from, and its own (System).

source  FHIR R4 4.0.1, StructureDefinitions (the packaged tables); FHIRPath 2.0, section 10
"""

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from careloom.fhir.fhirpath_errors import PathMeaningError
from careloom.fhir.validate_tables import Type, resource_types, type_table

SYSTEM = frozenset({"Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"})
"""Names in the namespace System."""
SYSTEM_OF = MappingProxyType(
    {
        "boolean": "Boolean", "integer": "Integer", "positiveInt": "Integer", "unsignedInt": "Integer",
        "decimal": "Decimal", "date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time",
        **dict.fromkeys(("string", "code", "id", "markdown", "uri", "url", "canonical", "uuid", "oid"), "String"),
        **dict.fromkeys(("base64Binary", "xhtml"), "String"),
        **dict.fromkeys(("Quantity", "Age", "Count", "Distance", "Duration"), "Quantity"),
    }
)  # fmt: skip
"""FHIR type -> the System type that its values turn into."""
_MADE_FROM = MappingProxyType(
    {
        **dict.fromkeys(("code", "id", "markdown"), "string"),
        **dict.fromkeys(("url", "canonical", "uuid", "oid"), "uri"),
        **dict.fromkeys(("positiveInt", "unsignedInt"), "integer"),
        **dict.fromkeys(("Age", "Count", "Distance", "Duration"), "Quantity"),
        **dict.fromkeys(("Bundle", "Binary", "Parameters", "DomainResource"), "Resource"),
        "BackboneElement": "Element", "Timing": "BackboneElement", "Dosage": "BackboneElement",
        "ElementDefinition": "BackboneElement", "Element": "", "Resource": "",
    }
)  # fmt: skip
_ABSTRACT = ("Element", "BackboneElement", "Resource", "DomainResource")


@lru_cache(8192)
def table(kind: str) -> Type | None:
    """The packaged table of a FHIR type; None of a primitive and of what is no type."""
    try:
        return type_table("Element" if kind == "BackboneElement" else kind)
    except KeyError:
        return None


@lru_cache(8192)
def is_fhir(kind: str) -> bool:
    """True for the name of a type of FHIR R4, abstract ones and backbone paths (``Patient.contact``) too."""
    return kind in SYSTEM_OF or kind in _ABSTRACT or table(kind) is not None


@lru_cache(8192)
def made_from(kind: str) -> str:
    """The type that a FHIR type specializes; "" of Element and Resource, and of what is no type."""
    if kind in _MADE_FROM:
        return _MADE_FROM[kind]
    if kind in resource_types():
        return "DomainResource"
    if "." in kind:
        found = table(kind)
        return "BackboneElement" if found is not None and "modifierExtension" in found.properties else "Element"
    return "Element" if is_fhir(kind) else ""


@lru_cache(8192)
def is_kind(kind: str, wanted: str) -> bool:
    """True where a FHIR type is the wanted one or specializes it."""
    while kind:
        if kind == wanted:
            return True
        kind = made_from(kind)
    return False


class Form(NamedTuple):
    """One JSON property that an element may be: its key, the key of what stands beside a primitive, its type."""

    key: str
    beside: str
    kind: str
    primitive: bool
    many: bool


@lru_cache(8192)
def forms(kind: str) -> dict[str, tuple[Form, ...]]:
    """Element name -> its JSON properties in a FHIR type: several for a choice, whose name has no ``[x]``."""
    found: dict[str, list[Form]] = {}
    owner = table(kind)
    for key, element in {} if owner is None else owner.properties.items():
        form = Form(key, "_" + key if element.primitive else "", element.kind, element.primitive, element.many)
        found.setdefault(element.name.removesuffix("[x]"), []).append(form)
    return {name: tuple(several) for name, several in found.items()}


@lru_cache(8192)
def by_key(kind: str) -> dict[str, tuple[str, Form]]:
    """JSON property -> (element name, form), also for what stands beside a primitive."""
    found = {}
    for name, several in forms(kind).items():
        for form in several:
            found[form.key] = (name, form)
            if form.beside:
                found[form.beside] = (name, form)
    return found


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as an expression names it; `namespace` is FHIR, System, or "" where both have such a type."""

    namespace: str
    name: str


@lru_cache(8192)
def type_name(text: str) -> TypeName:
    """The type of a name such as ``Patient``, ``FHIR.string``, ``System.Date``.

    raises  PathMeaningError where there is none
    """
    space, _, name = text.partition(".")
    if space == "System" and name in SYSTEM:
        return TypeName("System", name)
    if space == "FHIR" and is_fhir(name):
        return TypeName("FHIR", name)
    if not name and text in SYSTEM:
        return TypeName("" if is_fhir(text) else "System", text)
    if is_fhir(text):
        return TypeName("FHIR", text)
    raise PathMeaningError(
        "no such type", "Name a type of FHIR R4 (Patient, string) or of FHIRPath (System.String); case matters."
    )


def system_name(kind: str) -> str:
    """The System type that values of a FHIR type turn into; "" where there is none."""
    return SYSTEM_OF.get(kind, "")
