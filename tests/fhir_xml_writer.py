"""A resource as FHIR XML: slow and plain, to judge the reader by."""

from typing import Any
from xml.sax.saxutils import quoteattr

from careloom.fhir.validate_tables import Type, type_table


def as_xml(resource: dict[str, Any]) -> str:
    """The XML document of a resource."""
    return '<?xml version="1.0" encoding="UTF-8"?>' + _resource(resource, ' xmlns="http://hl7.org/fhir"')


def _resource(resource: dict[str, Any], space: str = "") -> str:
    name = resource["resourceType"]
    inner = {key: value for key, value in resource.items() if key != "resourceType"}
    return f"<{name}{space}>{_members(inner, type_table(name))}</{name}>"


def _members(node: dict[str, Any], table: Type) -> str:
    out = []
    for name, element in table.properties.items():
        values, besides = node.get(name), node.get(f"_{name}")
        if values is None and besides is None:
            continue
        if not element.many:
            values, besides = [values], [besides]
        values = values or [None] * len(besides)
        besides = besides or [None] * len(values)
        for value, beside in zip(values, besides, strict=True):
            out.append(_one(name, element.kind, value, beside, primitive=element.primitive))
    return "".join(out)


def _one(name: str, kind: str, value: Any, beside: Any, *, primitive: bool) -> str:
    if kind == "xhtml":
        return str(value)
    if kind == "Resource":
        return f"<{name}>{_resource(value)}</{name}>"
    attributes, inner = "", ""
    if primitive:
        if value is not None:
            said = str(value).lower() if isinstance(value, bool) else str(value)
            attributes = f" value={quoteattr(said)}"
        held = beside or {}
    else:
        held = value
    for each in ("id", "url"):
        if each in held and (each == "id" or kind == "Extension"):
            attributes += f" {each}={quoteattr(held[each])}"
    rest = {key: each for key, each in held.items() if key != "id" and not (key == "url" and kind == "Extension")}
    inner = _members(rest, type_table("Element" if primitive else kind))
    return f"<{name}{attributes}>{inner}</{name}>"
