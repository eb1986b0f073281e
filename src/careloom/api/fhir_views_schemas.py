"""The routes of views as the OpenAPI document shows them: parameters, bodies and answers, each with an example."""

from typing import Any

from flask_openapi3.types import ResponseDict

from careloom.api import fhir_operations_schemas as operations
from careloom.api import fhir_schemas as schemas
from careloom.services.view import ready_views
from careloom.services.view_run import MOST_ROWS

Json = dict[str, Any]
FORMATS = {
    "json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
"""Format -> the media type of its answer."""
NAMES = {
    **{name: name for name in FORMATS}, **{kind.partition(";")[0]: name for name, kind in FORMATS.items()},
    "application/ndjson": "ndjson", "application/fhir+json": "json", "*/*": "json", "application/*": "json",
    "text/*": "csv",
}  # fmt: skip
"""What ``_format`` or Accept may say -> format."""
VIEW: Json = {
    "name": "view", "in": "path", "required": True, "schema": {"type": "string", "enum": ready_views()},
    "description": "A view that ships.", "example": ready_views()[0],
}  # fmt: skip
REFERENCE = operations.query(
    "viewReference", {"type": "string", "enum": [f"ViewDefinition/{name}" for name in ready_views()]},
    "A view that ships.", f"ViewDefinition/{ready_views()[0]}",
) | {"required": True}  # fmt: skip
RUN = [
    operations.query("_format", {"type": "string", "enum": list(FORMATS)}, "Goes before the header Accept.", "csv"),
    operations.query("header", {"type": "string", "enum": ["true", "false"]}, "Of CSV: its first line.", "true"),
    operations.query("patient", {"type": "string", "pattern": schemas.IDS_PATTERN}, "Of these alone.", "a3k5r7w2m4q6"),
    operations.SINCE,
    operations.query("_limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}, "Rows at most.", 100),
]  # fmt: skip
VIEW_EXAMPLE: Json = {
    "resourceType": "ViewDefinition", "name": "people", "status": "active", "resource": "Patient",
    "select": [{"column": [{"name": "id", "path": "getResourceKey()"}, {"name": "birth_date", "path": "birthDate"}]}],
}  # fmt: skip
RUN_BODY = operations.body(
    "A ViewDefinition, or Parameters: viewResource or viewReference, resource, and the parameters of the address.",
    operations.ref("AnyResource"),
    operations.parameters(
        {"name": "viewResource", "resource": VIEW_EXAMPLE}, {"name": "_format", "valueCode": "csv"}
    ),
)  # fmt: skip
_ROWS = [{"id": "a3k5r7w2m4q6s7x5c4v3b2n7ka", "birth_date": "1961-04-05"}]
_BYTES: Json = {"type": "string", "format": "binary"}
TABLE: ResponseDict = {
    "200": {
        "description": "The rows.",
        "content": {
            FORMATS["json"]: {"schema": {"type": "array", "items": {"type": "object"}}, "example": _ROWS},
            FORMATS["ndjson"]: {"schema": _BYTES, "example": '{"id":"a3k5r7w2m4q6","birth_date":"1961-04-05"}\n'},
            FORMATS["csv"]: {"schema": _BYTES, "example": "id,birth_date\na3k5r7w2m4q6,1961-04-05\n"},
            FORMATS["parquet"]: {"schema": _BYTES, "example": "PAR1"},
        },
    }
}
_AT = "https://careloom.example.org/fhir/research/$viewdefinition-export/20261122T010203Z-abc234"
EXPORT_BODY = operations.body(
    "Parameters: view (name, and viewResource or viewReference) once or more, _format, patient, _since, "
    "clientTrackingId.",
    operations.ref("Parameters"),
    operations.parameters(
        {"name": "view", "part": [{"name": "name", "valueString": "people"},
                                  {"name": "viewResource", "resource": VIEW_EXAMPLE}]},
        {"name": "_format", "valueCode": "csv"},
    ),
)  # fmt: skip
NAMED: Json = {
    "name": "view", "in": "path", "required": True, "schema": {"type": "string", "pattern": schemas.ID_PATTERN},
    "description": "The name of a view of the export.", "example": "people",
}  # fmt: skip
_TEXT: Json = {"schema": {"type": "string"}}


def _parameters(status: str, *more: Json) -> Json:
    parts = [
        {"name": "exportId", "valueString": "20261122T010203Z-abc234"}, {"name": "status", "valueCode": status},
        {"name": "location", "valueUri": _AT}, {"name": "cancelUrl", "valueUri": _AT}, *more,
    ]  # fmt: skip
    return {"application/fhir+json": {"schema": operations.ref("Parameters"), "example": operations.parameters(*parts)}}


ACCEPTED: ResponseDict = {
    "202": {
        "description": "It is queued.",
        "headers": {"Content-Location": {"description": "Where to watch it.", **_TEXT, "example": _AT}},
        "content": _parameters("accepted"),
    }
}
STATUS: ResponseDict = {
    "200": {
        "description": "It is whole.",
        "headers": {"Expires": {"description": "When its files are removed.", **_TEXT}},
        "content": _parameters(
            "completed",
            {"name": "output", "part": [{"name": "name", "valueString": "people"},
                                        {"name": "location", "valueUri": f"{_AT}/people/Patient.1.ndjson"}]},
        ),
    },
    "202": {
        "description": "It waits or is made.",
        "headers": {
            "X-Progress": {"description": "How far it is.", **_TEXT, "example": "50000 of 1180000 resources"},
            "Retry-After": {"description": "Seconds until to look again.", **_TEXT, "example": "5"},
        },
        "content": _parameters("in-progress"),
    },
}  # fmt: skip
