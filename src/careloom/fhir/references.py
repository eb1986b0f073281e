"""References: what a reference string says, and whose compartment a resource is in."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from careloom.fhir.drafts import Resource
from careloom.fhir.validate_tables import patient_paths, resource_types

Form = Literal["relative", "absolute", "urn", "contained", "conditional", "other"]

_REST = re.compile(
    r"(?P<base>https?://[^?#\s]+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?(#(?P<fragment>\S+))?"
).fullmatch
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?(\S+)").fullmatch
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+").fullmatch


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of a ``Reference.reference``; "" where a part is absent.

    form     relative (``Patient/1``), absolute (``http://server/Patient/1`` or any other url), urn, contained (``#id``
             or ``#``), conditional (``Patient?identifier=...``, transactions only), other (no valid reference)
    type     resource type, where the string names one that FHIR R4 has
    id       logical id, or the id of a contained resource
    query    what follows ``?`` in a conditional reference
    """

    form: Form
    type: str = ""
    id: str = ""
    version: str = ""
    base: str = ""
    fragment: str = ""
    query: str = ""


def parse_reference(text: str) -> Reference:
    """The parts of a reference string."""
    if text[:1] == "#":
        return Reference("contained", id=text[1:])
    match = _REST(text)
    if match is not None and match["type"] in resource_types():
        return Reference(
            "absolute" if match["base"] else "relative",
            match["type"],
            match["id"],
            match["version"] or "",
            match["base"] or "",
            match["fragment"] or "",
        )
    conditional = _CONDITIONAL(text)
    if conditional is not None and conditional[1] in resource_types():
        return Reference("conditional", conditional[1], query=conditional[2])
    if text[:4] == "urn:" and _SCHEME(text):
        return Reference("urn")
    return Reference("absolute" if _SCHEME(text) else "other")


def each_reference(node: Any) -> Iterator[dict[str, Any]]:
    """Every object with a ``reference`` string below a JSON value; any depth, no particular order."""
    todo = [node]
    while todo:
        item = todo.pop()
        if item.__class__ is dict:
            if item.get("reference").__class__ is str:
                yield item
            todo += [value for value in item.values() if value.__class__ is dict or value.__class__ is list]
        elif item.__class__ is list:
            todo += [value for value in item if value.__class__ is dict or value.__class__ is list]


def patients_of(resource: Resource) -> tuple[str, ...]:
    """Ids of the patients in whose compartment the resource is, by its literal references ``Patient/<id>``.

    returns  ids in order of the compartment's parameters, each once; a Patient is in its own compartment only
    source   CompartmentDefinition patient of FHIR R4 4.0.1
    """
    kind = resource.get("resourceType")
    if kind == "Patient":
        own = resource.get("id")
        return (own,) if isinstance(own, str) else ()
    return _finder(kind if isinstance(kind, str) else "")(resource)


@cache
def _finder(kind: str) -> Callable[[Resource], tuple[str, ...]]:
    """The compartment search of one type, its paths split beforehand."""
    paths = patient_paths().get(kind, [])
    plain = tuple(path for path in paths if "." not in path)
    deep = tuple(tuple(path.split(".")) for path in paths if "." in path)

    def find(resource: Resource) -> tuple[str, ...]:
        found: list[str] = []
        for name in plain:
            value = resource.get(name)
            if value is not None:
                _collect(value, found)
        for first, *rest in deep:
            if first in resource:
                _descend(resource[first], rest, found)
        return tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found))

    return find


def _descend(value: Any, names: list[str], found: list[str]) -> None:
    if value.__class__ is list:
        for item in value:
            _descend(item, names, found)
    elif not names:
        _collect(value, found)
    elif value.__class__ is dict and names[0] in value:
        _descend(value[names[0]], names[1:], found)


def _collect(value: Any, found: list[str]) -> None:
    """Adds the id of each Reference to a Patient."""
    if value.__class__ is list:
        for item in value:
            _collect(item, found)
        return
    text = value.get("reference") if value.__class__ is dict else None
    if text.__class__ is str and text[:8] == "Patient/":
        name = text[8:]
        found.append(name if "/" not in name else name.partition("/")[0])
