"""The FHIR routes as the OpenAPI document shows them: parameters, bodies and answers, each with an example."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from flask_openapi3.models import OPENAPI3_REF_PREFIX, OPENAPI3_REF_TEMPLATE
from flask_openapi3.models.schema import Schema
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel, ConfigDict, Field

from careloom.api.fhir_formats import FORMATS, JSON_TYPE
from careloom.api.problems import FHIR_TYPE, HTTP_REMEDIES, HTTP_WORDS, outcome
from careloom.fhir.search_parameters import resource_types
from careloom.services.platform import STORED_ZONES

Json = dict[str, Any]

ID_PATTERN = r"^[A-Za-z0-9\-.]{1,64}$"
IDS_PATTERN = r"^[A-Za-z0-9\-.]{1,64}(,[A-Za-z0-9\-.]{1,64})*$"
PAGE_PATTERN = r"^[A-Za-z0-9_\-]+$"
TIME_PATTERN = (
    r"^(eq|ne|gt|lt|ge|le|sa|eb|ap)?(19|20)[0-9]{2}"
    r"(-(02(-(0[1-9]|1[0-9]|2[0-8]))?|(04|06|09|11)(-(0[1-9]|[12][0-9]|30))?|(01|03|05|07|08|10|12)(-(0[1-9]|[12][0-9]|3[01]))?))?$"
)
is_id = re.compile(ID_PATTERN.rstrip("$")).fullmatch
are_ids = re.compile(IDS_PATTERN.rstrip("$")).fullmatch
_EXAMPLE_ID = "4q2c7lq6m5v3wyf4d2y7z2k7xa"


class Open(BaseModel):
    """Open to members that FHIR R4 has and this document does not list."""

    model_config = ConfigDict(extra="allow")


class Meta(Open):
    """What the store knows of a version: its number, when it was made, and the source record it was made from."""

    versionId: Annotated[str, Field(pattern=ID_PATTERN)] | None = None  # noqa: N815 - FHIR's name
    lastUpdated: str | None = None  # noqa: N815
    source: str | None = None


class FhirResource(Open):
    """A FHIR R4 resource; its type's page in the specification lists its members."""

    resourceType: str  # noqa: N815
    id: Annotated[str, Field(pattern=ID_PATTERN)]
    meta: Meta = Meta()


class Link(Open):
    """An address that belongs to a Bundle: this page (self) or the next one."""

    relation: Literal["self", "next"]
    url: str


class SearchEntryMode(Open):
    """Whether an entry matches the search, goes out beside the matches, or says something about the search."""

    mode: Literal["match", "include", "outcome"]


class AnyResource(Open):
    """A resource in a Bundle."""

    resourceType: str  # noqa: N815


class Entry(Open):
    """One resource of a page, with its address."""

    resource: AnyResource
    search: SearchEntryMode


class Bundle(Open):
    """A page of a search."""

    resourceType: Literal["Bundle"]  # noqa: N815
    type: Literal["searchset"]
    link: list[Link]


class Concept(Open):
    """What a code means, in words."""

    text: str


class OutcomeIssue(Open):
    """One thing that went wrong: where (details.text), and what to do (diagnostics)."""

    severity: Literal["fatal", "error", "warning", "information"]
    code: str
    details: Concept
    diagnostics: str


class OperationOutcome(Open):
    """What went wrong, whose fault it is and what to do; never a patient's value."""

    resourceType: Literal["OperationOutcome"]  # noqa: N815
    issue: Annotated[list[OutcomeIssue], Field(min_length=1)]


class CapabilityStatement(Open):
    """What this installation can do as a FHIR server."""

    resourceType: Literal["CapabilityStatement"]  # noqa: N815
    status: Literal["active"]
    kind: Literal["instance"]
    fhirVersion: Literal["4.0.1"]  # noqa: N815
    format: list[str]
    rest: list[dict[str, Any]]


class Parameters(Open):
    """What an operation answers."""

    resourceType: Literal["Parameters"]  # noqa: N815
    parameter: list[dict[str, Any]]


class ValueSet(Open):
    """A value set with its expansion."""

    resourceType: Literal["ValueSet"]  # noqa: N815
    status: Literal["active"]
    expansion: dict[str, Any]


class SmartConfiguration(Open):
    """Where a client of SMART App Launch gets its tokens, and how."""

    token_endpoint: str
    capabilities: list[str]


MODELS = (FhirResource, Bundle, OperationOutcome, CapabilityStatement, Parameters, ValueSet, SmartConfiguration)


def components(models: Sequence[type[BaseModel]] = MODELS) -> dict[str, Schema]:
    """The schemas that the routes refer to, by name."""
    found: dict[str, Schema] = {}
    for model in models:
        schema = model.model_json_schema(ref_template=OPENAPI3_REF_TEMPLATE)
        for name, definition in schema.pop("$defs", {}).items():
            found[name] = Schema(**definition)
        found[model.__name__] = Schema(**schema)
    names: Json = {"type": "string", "enum": sorted(resource_types()), "description": "A resource type of FHIR R4."}
    found["ResourceType"] = Schema(**names)
    return found


def _ref(name: str) -> Json:
    return {"$ref": f"{OPENAPI3_REF_PREFIX}/{name}"}


def _parameter(name: str, where: str, schema: Json, description: str, example: object = None) -> Json:
    more = {"example": example} if example is not None else {}
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "schema": schema,
        "description": description,
        **more,
    }


ZONE = _parameter("zone", "path", {"type": "string", "enum": list(STORED_ZONES)}, "The zone.", "identified")
TYPE = _parameter("type", "path", _ref("ResourceType"), "The resource type.", "Observation")
ID = _parameter("id", "path", {"type": "string", "pattern": ID_PATTERN}, "A stored id.", _EXAMPLE_ID)
VERSION = _parameter("vid", "path", {"type": "string", "pattern": ID_PATTERN}, "meta.versionId.", "1")

_BOOLEAN: Json = {"type": "string", "enum": ["true", "false"]}
SHAPES = [
    _parameter("_format", "query", {"type": "string", "enum": list(FORMATS)}, "Goes before the header Accept.", "json"),
    _parameter("_pretty", "query", _BOOLEAN, "Indented, for people.", "true"),
]
CONDITIONS = [
    _parameter("If-None-Match", "header", {"type": "string"}, "Versions that the client holds.", 'W/"1"'),
    _parameter("If-Modified-Since", "header", {"type": "string"}, "If no If-None-Match is sent."),
]
PREFER = _parameter(
    "Prefer", "header", {"type": "string"}, "handling=lenient leaves unknown parameters out.", "handling=strict"
)

CONTROLS: dict[str, tuple[Json, str, object]] = {
    "_id": ({"type": "string", "pattern": IDS_PATTERN}, "Ids, joined by commas.", _EXAMPLE_ID),
    "_lastUpdated": (
        {"type": "string", "pattern": TIME_PATTERN},
        "When the store last changed it; also months, days and times to the second, with a zone.",
        "ge2026-01",
    ),
    "_count": (
        {"type": "integer", "minimum": 0, "maximum": 999_999_999},
        "Resources on a page; more than the installation's most means that most, 0 counts only.",
        20,
    ),
    "_sort": (
        {"type": "string", "enum": ["_id", "-_id", "_lastUpdated", "-_lastUpdated"]},
        "The order, descending with a minus.",
        "-_lastUpdated",
    ),
    "_total": ({"type": "string", "enum": ["none", "estimate", "accurate"]}, "Whether to count all.", "accurate"),
    "_summary": (
        {"type": "string", "enum": ["true", "text", "data", "count", "false"]},
        "The elements that FHIR flags, the narrative, all but the narrative, or the number of matches only.",
        "false",
    ),
}
"""Parameters that every type has: schema, description, example. What a type has besides stands in its zone's
CapabilityStatement."""
_PAGE_WORDS = "A page, as a next link names it; beside it go _format, _pretty and a smaller _count only."
SEARCH = [
    *(_parameter(name, "query", *row) for name, row in CONTROLS.items()),
    _parameter("_page", "query", {"type": "string", "pattern": PAGE_PATTERN, "maxLength": 7000}, _PAGE_WORDS),
    *SHAPES,
]
_KIND = f"({'|'.join(sorted(resource_types()))})"
TYPES = _parameter(
    "_type", "query", {"type": "string", "pattern": f"^{_KIND}(,{_KIND}){{0,9}}$"},
    "Types, joined by commas; all that the caller may search without.", "Patient,Observation",
)  # fmt: skip
SEARCH_OF_ALL = [one for one in SEARCH if one["name"] != "_sort"]


def _form(parameters: list[Json], example: Json) -> Json:
    properties = {one["name"]: {**one["schema"], "description": one["description"]} for one in parameters}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {
        "required": False,
        "description": "The parameters of a search, as in an address; in the body they reach no log on the way.",
        "content": {"application/x-www-form-urlencoded": {"schema": schema, "example": example}},
    }


FORM = _form([one for one in SEARCH if one["name"] != "_page"], {"_count": 20, "_sort": "-_lastUpdated"})
FORM_OF_ALL = _form(
    [TYPES, *(one for one in SEARCH_OF_ALL if one["name"] != "_page")], {"_type": "Patient,Observation", "_count": 20}
)

RESOURCE_EXAMPLE: Json = {
    "resourceType": "Observation",
    "id": _EXAMPLE_ID,
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "subject": {"reference": "Patient/a3k5r7w2m4q6s7x5c4v3b2n7ka"},
    "valueQuantity": {"value": 71, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    "meta": {
        "versionId": "1",
        "lastUpdated": "2026-11-22T10:15:00.000Z",
        "source": "urn:careloom:record:q7d5s3h2k4m6p7r5t3v2x4z6ba",
    },
}
_BASE = "https://careloom.example.org/fhir/identified/Observation"
BUNDLE_EXAMPLE: Json = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 1,
    "link": [{"relation": "self", "url": f"{_BASE}?_total=accurate"}],
    "entry": [{"fullUrl": f"{_BASE}/{_EXAMPLE_ID}", "resource": RESOURCE_EXAMPLE, "search": {"mode": "match"}}],
}
AS_XML: Json = {
    "schema": {"type": "string", "format": "binary", "description": "The same in FHIR's XML."},
    "example": '<Organization xmlns="http://hl7.org/fhir"><name value="Lab"/></Organization>',
}
CAPABILITY_EXAMPLE: Json = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-11-22",
    "kind": "instance",
    "fhirVersion": "4.0.1",
    "format": ["application/fhir+json", "application/json", "json"],
    "rest": [{"mode": "server"}],
}
SMART_EXAMPLE: Json = {
    "token_endpoint": "https://careloom.example.org/oauth2/token",
    "capabilities": ["client-confidential-asymmetric"],
}

_ERRORS: dict[int, tuple[str, str, str, str]] = {
    400: (
        "A parameter that means nothing here, or a value it cannot have.",
        "input.query",
        "parameter 1 of the search is none of Observation's",
        "did you mean code, date?",
    ),
    401: (
        "No token, or one that does not hold.",
        "access.unauthenticated",
        "this address needs a bearer token",
        "Get one at /oauth2/token.",
    ),
    403: (
        "The role, the zone or the scope was not granted.",
        "access",
        "lab-gateway may not read Observation in the research zone",
        "An administrator can grant the zone with one of these roles: data-scientist, privacy-officer.",
    ),
    404: (
        "No such resource, version, type, zone or page.",
        "input.not-found",
        "identified: there is no such Observation",
        "Ids are stored ids: search for it first.",
    ),
    406: ("No JSON was asked for.", "http.not-acceptable", HTTP_WORDS[406], HTTP_REMEDIES[406]),
    409: (
        "Somebody writes for a long time, or something points to what is to be deleted.",
        "state.conflict",
        "the store is being written by somebody else",
        "try again when the other step is done",
    ),
    410: (
        "It was deleted, or its patient was erased.",
        "state.erased",
        "identified: this Patient was erased",
        "Nothing of it is left.",
    ),
    405: (
        "It is not there, and this installation gives ids itself.",
        "input.not-supported",
        "identified: there is no Patient of this id, and ids are given here",
        "Create it by POST to Patient; fhir.update_creates lets clients choose ids.",
    ),
    408: ("The body came too slowly.", "http.request-timeout", HTTP_WORDS[408], ""),
    412: (
        "Several match, or it is of another version than If-Match names.",
        "state.conflict.precondition",
        "the Observation is not of the version that If-Match names",
        "Read it again, and make the change from what it is now.",
    ),
    422: (
        "A rule of this installation keeps it out, or a patch cannot be applied.",
        "input.invalid.unprocessable",
        "a reference of the Observation leads to no Patient of the identified zone",
        "Write what it points to first, or both in one transaction; ids are stored ids.",
    ),
    413: ("The body is too long.", "http.request-entity-too-large", HTTP_WORDS[413], ""),
    415: ("The body is of another media type.", "http.unsupported-media-type", HTTP_WORDS[415], ""),
    429: ("Too many requests.", "http.too-many-requests", HTTP_WORDS[429], HTTP_REMEDIES[429]),
    500: (
        "What is kept does not match its proof.",
        "integrity",
        "a sealed value does not open",
        "restore it from a backup; see careloom doctor",
    ),
    503: ("The installation is not ready.", "setup", "the disk of the store is full", "free space, run it again"),
}

_STRING: Json = {"schema": {"type": "string"}}
_HEADERS = {
    "ETag": {"description": "The version, weak.", **_STRING, "example": 'W/"1"'},
    "Last-Modified": {
        "description": "When that version was made.", **_STRING, "example": "Sun, 22 Nov 2026 10:15:00 GMT",
    },
}  # fmt: skip


def errors(*statuses: int) -> ResponseDict:
    """Answers with an OperationOutcome, by status, each with an example."""
    found: ResponseDict = {}
    for status in statuses:
        words, code, where, remedy = _ERRORS[status]
        content = {"schema": _ref("OperationOutcome"), "example": outcome(status, code, where, remedy)}
        scheme = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "The scheme to use."}}
        told = {"headers": scheme} if status == 401 else {}
        found[str(status)] = {"description": words, "content": {FHIR_TYPE: content}, **told}
    return found


def answers(model: type[BaseModel], example: Json, words: str, *, is_versioned: bool = False) -> ResponseDict:
    """The answer 200 with its example, and 304 where versions are compared."""
    content = {"schema": _ref(model.__name__), "example": example}
    headers = _HEADERS if is_versioned else {}
    found: ResponseDict = {
        "200": {"description": words, "content": {FHIR_TYPE: content, JSON_TYPE: content}, "headers": headers}
    }
    if is_versioned:
        found["304"] = {"description": "The client holds this version already.", "headers": _HEADERS}
    return found
