"""What ``_elements`` and ``_summary`` leave of a resource, marked as a subset so that nobody stores it as the whole.

source  FHIR R4 4.0.1, Search, 3.1.1.6.6 Summary and 3.1.1.6.7 Elements; the table is made by
        ``tools/make_search_elements.py`` from HL7's definitions (CC0)
"""

from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import orjson

from careloom.fhir.drafts import Resource
from careloom.fhir.search_query import Query, Summary
from careloom.runtime import packaged

_ALWAYS = ("resourceType", "id", "meta")
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads(packaged("fhir", "search/elements-r4.json"))
    return table


@cache
def element_names(resource_type: str) -> Mapping[str, tuple[str, ...]]:
    """The elements of a type as FHIR names them -> how they stand in JSON (``value``: ``valueQuantity``, ...)."""
    return MappingProxyType({name: tuple(keys) for name, keys in _table()[resource_type]["names"].items()})


def is_whole(query: Query) -> bool:
    """True when the search wants its matches as they are."""
    return not query.elements and query.summary == "false"


def shaped(resource: Resource, query: Query) -> Resource:
    """A match of the query with the elements that it asks for, those that FHIR requires, and the tag ``SUBSETTED``."""
    if is_whole(query):
        return resource
    kept = _kept(resource, query)
    meta = kept.get("meta", {})
    return {**kept, "meta": {**meta, "tag": [*meta.get("tag", ()), _SUBSETTED]}}


def _kept(resource: Resource, query: Query) -> Resource:
    row = _table()[resource["resourceType"]]
    if query.elements:
        names = element_names(resource["resourceType"])
        return _only(resource, {*row["needed"], *(key for name in query.elements for key in names[name])})
    summary: Summary = query.summary
    if summary == "data":
        return {name: value for name, value in resource.items() if name != "text"}
    if summary == "text":
        return _only(resource, {*row["needed"], "text"})
    return {**_only(resource, {*_ALWAYS}), **_flagged(resource, frozenset(row["summary"]), "")}


def _only(resource: Resource, names: Collection[str]) -> Resource:
    return {
        name: value
        for name, value in resource.items()
        if name in _ALWAYS or name in names or (name.startswith("_") and name[1:] in names)
    }


def _flagged(node: dict[str, Any], flagged: frozenset[str], path: str) -> dict[str, Any]:
    """The flagged members of a node; of one that has members of its own in the definition, the flagged of those."""
    found = {}
    for name, value in node.items():
        below = path + name.removeprefix("_")
        if below in flagged:
            has_members = any(other.startswith(f"{below}.") for other in flagged)
            found[name] = _below(value, flagged, f"{below}.") if has_members else value
    return found


def _below(value: Any, flagged: frozenset[str], path: str) -> Any:
    if isinstance(value, list):
        return [_below(one, flagged, path) for one in value]
    return _flagged(value, flagged, path) if isinstance(value, dict) else value
