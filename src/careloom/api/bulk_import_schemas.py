"""What the routes of bulk import take and give, as the OpenAPI document shows it, with an example of each."""

import re
from typing import Any

from flask_openapi3.models import OPENAPI3_REF_TEMPLATE
from flask_openapi3.models.schema import Schema
from flask_openapi3.types import ResponseDict
from pydantic import ConfigDict, Field

from careloom.api.bodies import FILE_FIELD, FORM_TYPE
from careloom.api.schemas import ASYNC_PATTERN, RUN_ID, RUN_PATTERN, Count, Model

Json = dict[str, Any]
MEDIA_TYPES = (
    "application/fhir+ndjson",
    "application/x-ndjson",
    "application/octet-stream",
    "application/gzip",
    "application/zip",
    FORM_TYPE,
)
"""What a body may call itself."""
_BASE = f"https://careloom.example.org/fhir/identified/$import/{RUN_ID}"
_HASH = "3d1f0b6a5c9e4d7f8a2b1c0d9e8f7a6b3d1f0b6a5c9e4d7f8a2b1c0d9e8f7a6b"
_NAME = "4q2c7lq6m5v3w2f3d2y5z7k7xa"
_COUNTS = {"received": 1180, "stored": 1170, "known": 8, "quarantined": 2, "kept": 0, "erased": 0}
_FILE = _COUNTS | {
    "manifest": _NAME, "state": "complete", "bytes": 1201334, "root": _HASH, "isVerified": True, "isWhole": True,
}  # fmt: skip
MANIFEST: Json = {
    "transactionTime": "2026-11-22T10:15:00+00:00",
    "request": "https://careloom.example.org/fhir/identified/$import",
    "requiresAccessToken": True,
    "output": [
        {"type": "Patient", "count": 1178, "inputUrl": f"urn:careloom:manifest:{_NAME}",
         "extension": _COUNTS | {"hash": _HASH}},
    ],
    "error": [{"type": "OperationOutcome", "count": 2, "url": f"{_BASE}/errors"}],
    "extension": _COUNTS | {"isWhole": True, "files": [_FILE]},
}  # fmt: skip
is_source = re.compile(r"[A-Za-z0-9._:-]{0,64}").fullmatch
"""Whether a text may name a sending system; empty: the configured one."""


class Fates(Model):
    """What became of records: received = stored + known + quarantined + kept + erased."""

    received: Count
    stored: Count = Field(description="Made a version of a resource.")
    known: Count = Field(description="The record, or its content, was here before.")
    quarantined: Count = Field(description="Refused whole, and waiting.")
    kept: Count = Field(description="Landed, and made nothing: envelopes, headers.")
    erased: Count = Field(description="About an erased patient, and not kept.")


class TypeFates(Fates):
    """The same of one type in one file."""

    hash: str = Field(description="SHA-256 over the keyed hashes of its records, in the order of the file.")


class ImportedType(Model):
    """One type of resource in one file."""

    type: str
    count: Count = Field(description="Stored or known.")
    inputUrl: str = Field(description="The manifest of the file in the landing zone.")  # noqa: N815
    extension: TypeFates


class ImportErrors(Model):
    """Where the refusals can be fetched."""

    type: str
    count: Count
    url: str


class ImportedFile(Fates):
    """One file."""

    manifest: str
    state: str = Field(description="complete, unchanged (these very bytes were read before) or unreadable.")
    bytes: Count
    root: str = Field(description="Merkle root over the keyed hashes of all its records.")
    isVerified: bool = Field(description="The root computed now is that of the manifest.")  # noqa: N815
    isWhole: bool = Field(description="Verified, and the tables hold what the run counted.")  # noqa: N815


class ImportProof(Fates):
    """All files together."""

    isWhole: bool  # noqa: N815
    files: list[ImportedFile]


class ImportManifest(Model):
    """What became of every record of an import that is done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": MANIFEST})

    transactionTime: str  # noqa: N815
    request: str
    requiresAccessToken: bool  # noqa: N815
    output: list[ImportedType]
    error: list[ImportErrors]
    extension: ImportProof


def components() -> dict[str, Schema]:
    """The schemas that the routes refer to, by name."""
    schema = ImportManifest.model_json_schema(ref_template=OPENAPI3_REF_TEMPLATE)
    inner = {name: Schema(**one) for name, one in schema.pop("$defs").items()}
    return inner | {"ImportManifest": Schema(**schema)}


_LINE = '{"resourceType":"Patient","id":"p1","gender":"female"}\n'
_FILES: Json = {
    "type": "object",
    "properties": {FILE_FIELD: {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}},
    "required": [FILE_FIELD],
    "additionalProperties": False,
}
BODY: Json = {
    "description": "One file of NDJSON, or a form with several; gzip and zip are opened.",
    "required": True,
    "content": {
        kind: {"schema": {"type": "string", "format": "binary", "minLength": 1}}
        | ({"example": _LINE} if kind.endswith("ndjson") else {})
        for kind in MEDIA_TYPES
        if kind != FORM_TYPE
    }
    | {FORM_TYPE: {"schema": _FILES}},
}
_TEXT: Json = {"schema": {"type": "string"}}
ASK: list[Json] = [
    {
        "name": "Prefer", "in": "header", "required": True, "description": "respond-async.",
        "schema": {"type": "string", "pattern": ASYNC_PATTERN}, "example": "respond-async",
    },
    {
        "name": "source", "in": "query", "required": False,
        "description": "Name of the sending system: the same id from it is the same thing. Empty: the configured one.",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9._:-]{0,64}$"}, "example": "main-lab",
    },
]  # fmt: skip
ZONE: Json = {
    "name": "zone", "in": "path", "required": True, "description": "The zone that takes imports.",
    "schema": {"type": "string", "enum": ["identified"]}, "example": "identified",
}  # fmt: skip
IMPORT: Json = {
    "name": "import_id", "in": "path", "required": True, "description": "The id of the import.",
    "schema": {"type": "string", "pattern": RUN_PATTERN}, "example": RUN_ID,
}  # fmt: skip
ACCEPTED: ResponseDict = {
    "202": {
        "description": "The bytes are kept, sealed, and their import is queued.",
        "headers": {"Content-Location": {"description": "Where to watch it.", **_TEXT, "example": _BASE}},
    }
}
STATUS: ResponseDict = {
    "200": {
        "description": "It is done.",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ImportManifest"}, "example": MANIFEST}
        },
    },
    "202": {
        "description": "It waits or runs.",
        "headers": {
            "X-Progress": {"description": "How far it is.", **_TEXT, "example": "50000 of 1180000 bytes"},
            "Retry-After": {"description": "Seconds until to look again.", **_TEXT, "example": "5"},
        },
    },
}
LINES: ResponseDict = {
    "200": {
        "description": "The refusals.",
        "content": {"application/fhir+ndjson": {**_TEXT, "example": '{"resourceType":"OperationOutcome"}\n'}},
    }
}
