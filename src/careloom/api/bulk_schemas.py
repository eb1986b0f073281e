"""What the routes of bulk exports take and give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any

from flask_openapi3.models import OPENAPI3_REF_TEMPLATE
from flask_openapi3.models.schema import Schema
from flask_openapi3.types import ResponseDict
from pydantic import ConfigDict, Field

from careloom.api.schemas import ASYNC_PATTERN, RUN_ID, RUN_PATTERN, Count, Model

Json = dict[str, Any]
_BASE = f"https://careloom.example.org/fhir/identified/$export/{RUN_ID}"
_HASH = "3d1f0b6a5c9e4d7f8a2b1c0d9e8f7a6b"
MANIFEST: Json = {
    "transactionTime": "2026-11-22T10:15:00.000Z",
    "request": "https://careloom.example.org/fhir/identified/$export?_type=Patient,Observation",
    "requiresAccessToken": True,
    "output": [
        {"type": "Patient", "url": f"{_BASE}/Patient.1.ndjson", "count": 1180,
         "extension": {"bytes": 1201334, "hash": _HASH}},
    ],
    "deleted": [],
    "error": [],
    "extension": {"resources": 1180, "counted": 1180, "erasedSince": 0},
}  # fmt: skip


class FileProof(Model):
    """What a file is reconciled by."""

    bytes: Count
    hash: str = Field(description="BLAKE2b of the file under a key of the platform, hexadecimal.")


class ExportedFile(Model):
    """One file of an export."""

    type: str = Field(description="Of its resources; Bundle for deletions.")
    url: str
    count: Count = Field(description="Lines.")
    extension: FileProof


class ExportProof(Model):
    """What the whole is reconciled by."""

    resources: Count = Field(description="Resources in all files.")
    counted: Count = Field(description="Resources that the snapshot counted.")
    erasedSince: Count = Field(description="Lines that erasures took out since.")  # noqa: N815


class ExportManifest(Model):
    """The manifest of an export that is whole."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": MANIFEST})

    transactionTime: str = Field(description="The moment of the snapshot: the next export's _since.")  # noqa: N815
    request: str
    requiresAccessToken: bool  # noqa: N815
    output: list[ExportedFile]
    deleted: list[ExportedFile]
    error: Annotated[list[ExportedFile], Field(max_length=0)]
    extension: ExportProof


def components() -> dict[str, Schema]:
    """The schemas that the routes refer to, by name."""
    schema = ExportManifest.model_json_schema(ref_template=OPENAPI3_REF_TEMPLATE)
    inner = {name: Schema(**one) for name, one in schema.pop("$defs").items()}
    return inner | {"ExportManifest": Schema(**schema)}


def _parameter(name: str, where: str, description: str, example: object, **schema: Any) -> Json:
    return {
        "name": name, "in": where, "required": where == "path" or name == "Prefer", "description": description,
        "schema": {"type": "string"} | schema, "example": example,
    }  # fmt: skip


ASK: list[Json] = [
    _parameter("Prefer", "header", "respond-async; handling=lenient leaves out what is not understood.",
               "respond-async", pattern=ASYNC_PATTERN),
    _parameter("_since", "query", "A FHIR instant: what was updated or deleted later.", "2026-11-22T10:15:00Z"),
    _parameter("_type", "query", "Resource types, comma-separated; all that the caller may see without.", "Patient"),
    _parameter("_typeFilter", "query", "A search that resources of its type meet; more of them are alternatives.",
               "Observation?status=final"),
    _parameter("_elements", "query", "Top-level elements to write, beside mandatory ones.", "Patient.birthDate"),
    _parameter("_outputFormat", "query", "NDJSON only.", "application/fhir+ndjson"),
]  # fmt: skip
PREFER = ASK[0]
_ASKED: Json = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "_type", "valueString": "Patient,Observation"},
        {"name": "_since", "valueInstant": "2026-11-22T10:15:00Z"},
    ],
}
BODY: Json = {
    "required": False,
    "description": "The parameters of the GET, each with one valueString; valueInstant for _since; without a body "
    "those of the address count alone. Below Patient and Group also patient, a valueReference to Patient/ID: of these "
    "patients alone.",
    "content": {
        kind: {"schema": {"$ref": "#/components/schemas/Parameters"}, "example": _ASKED}
        for kind in ("application/fhir+json", "application/json")
    },
}
EXPORT = _parameter("export_id", "path", "The id of the export.", RUN_ID, pattern=RUN_PATTERN)
FILE = _parameter("file", "path", "A file of its manifest.", "Patient.1.ndjson")

_TEXT: Json = {"schema": {"type": "string"}}
ACCEPTED: ResponseDict = {
    "202": {
        "description": "It is queued.",
        "headers": {"Content-Location": {"description": "Where to watch it.", **_TEXT, "example": _BASE}},
    }
}
STATUS: ResponseDict = {
    "200": {
        "description": "It is whole.",
        "headers": {"Expires": {"description": "When its files are removed.", **_TEXT}},
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ExportManifest"}, "example": MANIFEST}
        },
    },
    "202": {
        "description": "It waits or is made.",
        "headers": {
            "X-Progress": {"description": "How far it is.", **_TEXT, "example": "50000 of 1180000 resources"},
            "Retry-After": {"description": "Seconds until to look again.", **_TEXT, "example": "5"},
        },
    },
}
LINES: ResponseDict = {
    "200": {
        "description": "The file.",
        "content": {"application/fhir+ndjson": {**_TEXT, "example": '{"resourceType":"Patient","id":"x"}\n'}},
    }
}
