"""The FHIR routes that write, and histories, as the OpenAPI document shows them."""

from typing import Any, Literal

from flask_openapi3.models import OPENAPI3_REF_PREFIX
from flask_openapi3.types import ResponseDict
from pydantic import Field

from careloom.api import fhir_schemas as schemas
from careloom.api.fhir_formats import JSON_TYPE, XML_TYPE
from careloom.api.problems import FHIR_TYPE

Json = dict[str, Any]


class EntryRequest(schemas.Open):
    """What an entry asks."""

    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
    url: str


class AskedEntry(schemas.Open):
    """One interaction of a batch or transaction."""

    request: EntryRequest


class AskedBundle(schemas.Open):
    """A batch or transaction."""

    resourceType: Literal["Bundle"]  # noqa: N815
    type: Literal["batch", "transaction"]
    entry: list[AskedEntry] = Field(default_factory=list)


class EntryResponse(schemas.Open):
    """What an entry came to."""

    status: str


class AnsweredEntry(schemas.Open):
    """What one interaction came to."""

    response: EntryResponse


class AnsweredBundle(schemas.Open):
    """What a batch or transaction came to, entry by entry."""

    resourceType: Literal["Bundle"]  # noqa: N815
    type: Literal["batch-response", "transaction-response"]
    entry: list[AnsweredEntry] = Field(default_factory=list)


class History(schemas.Open):
    """A page of a history."""

    resourceType: Literal["Bundle"]  # noqa: N815
    type: Literal["history"]
    link: list[schemas.Link]


class PatchOperation(schemas.Open):
    """One operation of a JSON Patch (RFC 6902)."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str


PATCH_TYPE = "application/json-patch+json"

_TEXT: Json = {"type": "string"}
_STORED = {name: value for name, value in schemas.RESOURCE_EXAMPLE.items() if name != "meta"}
_WRITTEN = {name: value for name, value in _STORED.items() if name != "id"}


def _ref(name: str) -> Json:
    return {"$ref": f"{OPENAPI3_REF_PREFIX}/{name}"}


def _header(name: str, words: str, example: str) -> Json:
    return {
        "name": name, "in": "header", "required": False, "schema": _TEXT, "description": words, "example": example,
    }  # fmt: skip


RETURN = _header("Prefer", "return=minimal, representation or OperationOutcome.", "return=minimal")
IF_MATCH = _header("If-Match", "The version that the client holds; another one is refused.", 'W/"1"')
IF_NONE_EXIST = _header("If-None-Exist", "Criteria: what they find is left as it is.", "identifier=urn:mrn|4711")
WRITE = [*schemas.SHAPES, RETURN]
COUNT: Json = {
    "name": "_count", "in": "query", "required": False, "schema": schemas.CONTROLS["_count"][0],
    "description": "Versions on a page.", "example": 20,
}  # fmt: skip
SINCE: Json = {
    "name": "_since", "in": "query", "required": False,
    "schema": {
        "type": "string",
        "pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
    },
    "description": "An instant: versions made from then on.", "example": "2026-11-22T10:15:00Z",
}  # fmt: skip
PAGE: Json = {
    "name": "_page", "in": "query", "required": False,
    "schema": {"type": "string", "pattern": schemas.PAGE_PATTERN, "maxLength": 7000},
    "description": "A page, as a next link names it.",
}  # fmt: skip
HISTORY = [COUNT, SINCE, PAGE, *schemas.SHAPES]

PATCH_EXAMPLE = [{"op": "replace", "path": "/status", "value": "amended"}]
BUNDLE_ASKED: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
            "resource": _WRITTEN,
            "request": {"method": "POST", "url": "Observation"},
        }
    ],
}
_BASE = "https://careloom.example.org/fhir/identified/Observation"
BUNDLE_ANSWERED: Json = {
    "resourceType": "Bundle",
    "type": "transaction-response",
    "entry": [
        {
            "response": {
                "status": "201 Created",
                "location": f"{_BASE}/{schemas.RESOURCE_EXAMPLE['id']}/_history/1",
                "etag": 'W/"1"',
                "lastModified": "2026-11-22T10:15:00.000Z",
            }
        }
    ],
}
HISTORY_EXAMPLE: Json = {
    "resourceType": "Bundle",
    "type": "history",
    "total": 1,
    "link": [{"relation": "self", "url": f"{_BASE}/{schemas.RESOURCE_EXAMPLE['id']}/_history"}],
    "entry": [
        {
            "fullUrl": f"{_BASE}/{schemas.RESOURCE_EXAMPLE['id']}",
            "resource": schemas.RESOURCE_EXAMPLE,
            "request": {"method": "POST", "url": "Observation"},
            "response": {"status": "201", "etag": 'W/"1"', "lastModified": "2026-11-22T10:15:00.000Z"},
        }
    ],
}


def _body(words: str, model: str, example: Json) -> Json:
    content = {"schema": _ref(model), "example": example}
    told = {FHIR_TYPE: content, JSON_TYPE: content, XML_TYPE: schemas.AS_XML}
    return {"required": True, "description": words, "content": told}


NEW = _body("The resource; an id in it is not used.", "AnyResource", _WRITTEN)
WHOLE = _body("The resource, with its id.", "FhirResource", _STORED)
BUNDLE = _body("A Bundle of type batch or transaction.", "AskedBundle", BUNDLE_ASKED)
PATCH: Json = {
    "required": True,
    "description": "A JSON Patch, or a FHIRPath Patch as Parameters.",
    "content": {
        PATCH_TYPE: {
            "schema": {"type": "array", "items": _ref("PatchOperation")}, "example": PATCH_EXAMPLE,
        },
        FHIR_TYPE: {
            "schema": _ref("Parameters"), "example": {"resourceType": "Parameters", "parameter": []},
        },
    },
}  # fmt: skip

_HEADERS: Json = {
    "ETag": {"description": "The version, weak.", "schema": _TEXT, "example": 'W/"1"'},
    "Last-Modified": {
        "description": "When it was made.", "schema": _TEXT, "example": "Sun, 22 Nov 2026 10:15:00 GMT",
    },
}  # fmt: skip
_LOCATION: Json = {
    "Location": {
        "description": "The new version.", "schema": _TEXT,
        "example": f"{_BASE}/{schemas.RESOURCE_EXAMPLE['id']}/_history/1",
    }
}  # fmt: skip


def written(*statuses: int) -> ResponseDict:
    """The answers of an operation that writes."""
    words = {200: "It is so now.", 201: "It was made.", 204: "It is not there, or no longer."}
    found: ResponseDict = {}
    for status in statuses:
        told: Json = {"description": words[status], "headers": _HEADERS | (_LOCATION if status == 201 else {})}
        if status != 204:
            content = {"schema": _ref("AnyResource"), "example": schemas.RESOURCE_EXAMPLE}
            told["content"] = {FHIR_TYPE: content, JSON_TYPE: content}
        found[str(status)] = told
    return found
