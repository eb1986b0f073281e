"""What the FHIR routes of this application offer, read from the routes themselves: interactions and operations."""

import re

from flask import Flask, current_app

from careloom.services.capability_operations import EVERY, Offered, Operation

_EXTENSION = "careloom-fhir-offered"
_PART = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_INTERACTIONS = {
    "GET {type}/{id}": "read",
    "GET {type}/{id}/_history/{vid}": "vread",
    "PUT {type}/{id}": "update",
    "PATCH {type}/{id}": "patch",
    "DELETE {type}/{id}": "delete",
    "GET {type}/{id}/_history": "history-instance",
    "GET {type}/_history": "history-type",
    "POST {type}": "create",
    "GET {type}": "search-type",
    "POST ": "batch transaction",
    "GET ": "search-system",
    "GET _history": "history-system",
}
"""Method and address below a zone -> codes of type-restful-interaction and system-restful-interaction."""


def offered() -> Offered:
    """What this application offers; its routes are read once."""
    if _EXTENSION not in current_app.extensions:
        current_app.extensions[_EXTENSION] = offered_by(current_app)
    found: Offered = current_app.extensions[_EXTENSION]
    return found


def offered_by(app: Flask) -> Offered:
    """What the routes of an application offer."""
    interactions: set[str] = set()
    operations: set[Operation] = set()
    for rule in app.url_map.iter_rules():
        path = _PART.sub(r"{\1}", rule.rule)
        if not path.startswith(("/fhir/{zone}", "/fhir/terminology/")):
            continue
        below = path.removeprefix("/fhir/{zone}").removeprefix("/fhir/terminology").lstrip("/")
        for method in rule.methods or ():
            interactions.update(_INTERACTIONS.get(f"{method} {below}", "").split())
        parts = below.split("/")
        if parts[-1].startswith("$"):
            kind = parts[0] if len(parts) > 1 else ""
            operations.add(Operation(EVERY if kind == "{type}" else kind, parts[-1].removeprefix("$")))
    return Offered(frozenset(interactions), frozenset(operations))
