"""Example requests of the FHIR routes that write, and of histories."""

from typing import Any

import orjson

from careloom.services.changes import Change
from careloom.services.write import write
from tests.api.kit import Installation

FHIR = "application/fhir+json"
NEW = {"resourceType": "Organization", "name": "Lab"}
_PATCH = [{"op": "replace", "path": "/name", "value": "Other lab"}]
_BUNDLE = {
    "resourceType": "Bundle", "type": "transaction",
    "entry": [{"resource": NEW, "request": {"method": "POST", "url": "Organization"}}],
}  # fmt: skip


def fresh(made: Installation) -> str:
    """The id of a new Organization that nothing points to."""
    return write(made.platform, made.operator, "identified", Change("create", "Organization", resource=dict(NEW))).id


def body(value: Any, kind: str = FHIR) -> dict[str, Any]:
    """A body of bytes, in which nothing is filled in."""
    return {"more": {"data": orjson.dumps(value), "content_type": kind}}


_BY = {"also": "system/*.s", "also_in": ("identified",)}
_HISTORY = "/fhir/identified/Patient/{patient}/_history"
EXAMPLES: dict[str, dict[str, Any]] = {
    "POST /fhir/{zone}": {
        "path": "/fhir/identified", "verb": "create", "told": "system/*.cruds", **body(_BUNDLE),
    },
    "POST /fhir/{zone}/{type}": {
        "path": "/fhir/identified/Organization", "verb": "create", "statuses": (201,), **body(NEW),
    },
    "PUT /fhir/{zone}/{type}/{id}": {
        "path": "/fhir/identified/Patient/{patient}", "verb": "update",
        "more": {"json": {"resourceType": "Patient", "id": "<patient>"}, "content_type": FHIR},
    },
    "PUT /fhir/{zone}/{type}": {
        "path": "/fhir/identified/Organization?_id={fresh}", "verb": "update", **_BY, **body(NEW),
    },
    "PATCH /fhir/{zone}/{type}/{id}": {
        "path": "/fhir/identified/Organization/{fresh}", "verb": "update",
        **body(_PATCH, "application/json-patch+json"),
    },
    "PATCH /fhir/{zone}/{type}": {
        "path": "/fhir/identified/Organization?_id={fresh}", "verb": "update", **_BY,
        **body(_PATCH, "application/json-patch+json"),
    },
    "DELETE /fhir/{zone}/{type}/{id}": {
        "path": "/fhir/identified/Organization/{fresh}", "verb": "delete", "statuses": (204,),
    },
    "DELETE /fhir/{zone}/{type}": {
        "path": "/fhir/identified/Organization?_id={fresh}", "verb": "delete", "statuses": (204,), **_BY,
    },
    "GET /fhir/{zone}/{type}/{id}/_history": {"path": _HISTORY, "verb": "read"},
    "GET /fhir/{zone}/{type}/_history": {"path": "/fhir/identified/Patient/_history", "verb": "search"},
    "GET /fhir/{zone}/_history": {"path": "/fhir/identified/_history", "verb": "search"},
}  # fmt: skip
