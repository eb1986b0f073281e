"""FHIR in XML to the same drafts as FHIR in JSON, driven by the element tables of R4.

Which elements repeat, which values are numbers or booleans, and where a resource stands in another, all come from
`careloom.fhir.validate_tables`. What the tables do not know is carried over as it stands, so that the validator refuses
it with its place. Source: FHIR R4 4.0.1, 2.6.1 (XML) and 2.6.2 (JSON representation).
"""

import copy
import re
from typing import Any

from lxml import etree

from careloom.fhir.validate_tables import Type, resource_types, type_table
from careloom.ingest.conversion import Conversion
from careloom.ingest.fhir_json import convert_document
from careloom.ingest.xml_read import Element, children, read
from careloom.issues import Issue
from careloom.pipeline.record import Record

FHIR = "{http://hl7.org/fhir}"
_DIV = "{http://www.w3.org/1999/xhtml}div"
ROOT_OPTION = "xml_root"
"""Option of a record that is one entry of a Bundle: the declaration and the start tag of the Bundle."""

_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_INTEGERS = frozenset(("integer", "positiveInt", "unsignedInt"))
_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}"
_NAME = re.compile(r"<([\w:.-]+)[^<>]*>\Z")
_MAX_DIGITS = 17


def convert(record: Record) -> Conversion:
    """The drafts of one resource, one Bundle, or one entry of a Bundle.

    ``context.targets`` maps the ``fullUrl`` of each entry of the Bundle to ``Type/id``; ``context.options`` holds the
    Bundle's start tag where the record is an entry.
    """
    root = (record.context.options or {}).get(ROOT_OPTION, "")
    raw = record.raw
    if root:
        named = _NAME.search(root)
        raw = root.encode() + raw + f"</{named[1]}>".encode() if named is not None else raw
    tree, problem = read(raw)
    if tree is None:
        return Conversion(issues=[problem] if problem is not None else [])
    name = str(tree.tag)
    if not name.startswith(FHIR) or name[len(FHIR) :] not in resource_types():
        text = "the root element is no resource of FHIR R4"
        return Conversion(issues=[Issue("fhir-xml.no-resource", "error", "", text, "send FHIR R4 resources")])
    document = resource_of(tree)
    if root:
        entries = document.get("entry")
        document = entries[0] if isinstance(entries, list) and len(entries) == 1 else {}
    return convert_document(document, record.context.targets or {})


def resource_of(element: Element) -> dict[str, Any]:
    """The JSON of the resource that an element is."""
    name = _local(element)
    out: dict[str, Any] = {"resourceType": name}
    _members(element, _table(name), out)
    return out


def _local(element: Element) -> str:
    """The name of an element of FHIR and of the XHTML ``div``; the long name of any other."""
    name = str(element.tag)
    if name == _DIV:
        return "div"
    return name.removeprefix(FHIR)


def _table(name: str) -> Type | None:
    try:
        return type_table(name)
    except KeyError:
        return None


def _members(element: Element, table: Type | None, out: dict[str, Any]) -> None:
    """Adds the children of an element as properties."""
    for each in children(element):
        name = _local(each)
        known = table.properties.get(name) if table is not None else None
        if known is None:
            _add(out, name, _unknown(each), many=False)
        elif known.kind == "xhtml":
            _add(out, name, _xhtml(each), many=False)
        elif known.primitive:
            _primitive(each, name, known.kind, out, many=known.many)
        elif known.kind == "Resource":
            inner = children(each)
            _add(
                out,
                name,
                [resource_of(one) for one in inner] if len(inner) != 1 else resource_of(inner[0]),
                many=known.many,
            )
        else:
            _add(out, name, _object(each, known.kind), many=known.many)
    for name in [key[1:] for key in out if key[0] == "_"]:
        held = out.get(name)
        if isinstance(held, list) and all(value is None for value in held):
            del out[name]


def _object(element: Element, kind: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in element.items():
        if not str(name).startswith(_SCHEMA):
            out[str(name)] = value
    _members(element, _table(kind), out)
    return out


def _add(out: dict[str, Any], name: str, value: Any, *, many: bool) -> None:
    """Adds a value; one that may not repeat and does so becomes a list, which the validator refuses."""
    held = out.get(name)
    if many:
        out[name] = [value] if held is None else [*held, value]
    elif held is None:
        out[name] = value
    else:
        out[name] = [*held, value] if isinstance(held, list) else [held, value]


def _primitive(element: Element, name: str, kind: str, out: dict[str, Any], *, many: bool) -> None:
    """A value and, under ``_name``, its id and extensions; in a list each keeps its place by nulls."""
    value = element.get("value")
    beside: dict[str, Any] = {str(key): text for key, text in element.items() if key != "value"}
    _members(element, _table("Element"), beside)
    told = _value(value, kind) if value is not None else None
    if not many:
        if told is not None:
            _add(out, name, told, many=False)
        if beside or told is None:
            _add(out, f"_{name}", beside, many=False)
        return
    values, besides = out.setdefault(name, []), out.get(f"_{name}")
    values.append(told)
    if beside and besides is None:
        besides = out[f"_{name}"] = [None] * (len(values) - 1)
    if besides is not None:
        besides.append(beside or None)


def _value(text: str, kind: str) -> Any:
    """The JSON value of a primitive; text that is not of its kind stays text, which the validator refuses."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in _INTEGERS:
        return int(text) if _WHOLE.fullmatch(text) else text
    if kind == "decimal":
        if not _DECIMAL.fullmatch(text) or sum(letter.isdigit() for letter in text) > _MAX_DIGITS:
            return text
        return float(text) if any(mark in text for mark in ".eE") else int(text)
    return text


def _xhtml(element: Element) -> str:
    """A narrative as it stands, under the XHTML namespace alone."""
    own = copy.deepcopy(element)
    own.tail = None
    etree.cleanup_namespaces(own)
    return etree.tostring(own, encoding="unicode", with_tail=False)


def _unknown(element: Element) -> Any:
    """An element that no table knows, carried over so that it is refused with its place."""
    value = element.get("value")
    if value is not None and not len(element):
        return value
    out: dict[str, Any] = {str(name): text for name, text in element.items()}
    _members(element, None, out)
    return out
