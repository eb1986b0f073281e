"""Links between the entries of a transaction, replaced by what the entries are called once they are stored.

source  FHIR R4 (4.0.1) http.html, "Transaction Processing Rules": replaced are references and elements of the types
        uri, url, oid and uuid, and href and src of the narrative; canonicals are not
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from careloom.fhir.drafts import Resource
from careloom.fhir.references import each_reference, parse_reference
from careloom.fhir.search_grammar import pairs_of
from careloom.fhir.validate_tables import resource_types, type_table

_LINKS = frozenset({"uri", "url", "oid", "uuid"})


def relinked(resource: Resource, names: Mapping[str, str]) -> Resource:
    """A copy in which every link that `names` knows leads to its new name. The resource must be valid.

    names  ``fullUrl`` of an entry, or ``Type/id`` as the Bundle has it -> ``Type/id`` as it is stored
    """
    return _object(resource, resource["resourceType"], names) if names else resource


def _object(node: dict[str, Any], kind: str, names: Mapping[str, str]) -> dict[str, Any]:
    elements = type_table(kind).properties
    made: dict[str, Any] = {}
    for name, value in node.items():
        element = elements.get(name)
        made[name] = value if element is None else _value(value, kind, name, element.kind, names)
    return made


def _value(value: Any, owner: str, name: str, kind: str, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_value(one, owner, name, kind, names) for one in value]
    if isinstance(value, dict):
        if "resourceType" in value and value["resourceType"] in resource_types():
            kind = value["resourceType"]
        return _object(value, kind, names) if _is_known(kind) else value
    if not isinstance(value, str):
        return value
    if kind in _LINKS or (owner == "Reference" and name == "reference"):
        return names.get(value, value)
    return _narrative(value, names) if kind == "xhtml" else value


def _is_known(kind: str) -> bool:
    try:
        type_table(kind)
    except KeyError:
        return False
    return True


def _narrative(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        if old in text:
            for mark in "\"'":
                for attribute in ("href", "src"):
                    text = text.replace(f"{attribute}={mark}{old}{mark}", f"{attribute}={mark}{new}{mark}")
    return text


def recondition(condition: str, names: Mapping[str, str]) -> str:
    """Search criteria in which every value that `names` knows is its new name. raises QueryError"""
    if not names or not named_in(condition) & names.keys():
        return condition
    pairs = [
        (name, ",".join(names.get(word, word) for word in value.split(","))) for name, value in pairs_of(condition)
    ]
    return urlencode(pairs, quote_via=quote, safe=":/,$|")


def named_in(condition: str) -> frozenset[str]:
    """The values of search criteria, those joined by commas apart. raises QueryError"""
    return frozenset(word for _, value in pairs_of(condition) for word in value.split(","))


def conditions_of(resource: Resource) -> list[dict[str, Any]]:
    """The Reference objects in it that name their target by a search: ``Patient?identifier=...``."""
    return [one for one in each_reference(resource) if parse_reference(one["reference"]).form == "conditional"]
