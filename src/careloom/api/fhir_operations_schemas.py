"""The FHIR operations as the OpenAPI document shows them: parameters, bodies and answers, each with an example."""

from typing import Any

from flask_openapi3.models import OPENAPI3_REF_PREFIX
from flask_openapi3.types import ResponseDict

from careloom.api import fhir_schemas as schemas
from careloom.api.fhir_formats import JSON_TYPE
from careloom.api.problems import FHIR_TYPE
from careloom.services.validate_one import DEFINITIONS, MODES

Json = dict[str, Any]


def ref(name: str) -> Json:
    """A schema of the document, by its name."""
    return {"$ref": f"{OPENAPI3_REF_PREFIX}/{name}"}


def query(name: str, schema: Json, words: str, example: object) -> Json:
    """A parameter of an address."""
    return {
        "name": name, "in": "query", "required": False, "schema": schema, "description": words, "example": example,
    }  # fmt: skip


def parameters(*parts: Json) -> Json:
    """A Parameters resource."""
    return {"resourceType": "Parameters", "parameter": list(parts)}


def body(words: str, schema: Json, example: Json, *, is_needed: bool = True) -> Json:
    """A body that is FHIR."""
    content = {"schema": schema, "example": example}
    return {"required": is_needed, "description": words, "content": {FHIR_TYPE: content, JSON_TYPE: content}}


MODE = query("mode", {"type": "string", "enum": list(MODES)}, "What is meant to be done with it.", "profile")
MODE_OF_STORED = query("mode", {"type": "string", "enum": ["profile", "delete"]}, "delete: could it be?", "profile")
PROFILE = query(
    "profile", {"type": "string", "maxLength": 2000},
    "Of the type, as the specification defines it; any other is refused (422), for profiles are not checked.",
    f"{DEFINITIONS}Observation",
)  # fmt: skip
_NEW = {name: value for name, value in schemas.RESOURCE_EXAMPLE.items() if name not in ("id", "meta")}
VALIDATED = body(
    "The resource, or Parameters with resource, mode and profile.", ref("AnyResource"),
    parameters({"name": "resource", "resource": _NEW}, {"name": "mode", "valueCode": "profile"}),
)  # fmt: skip
_NOTHING = "nothing refuses the resource"
OUTCOME_EXAMPLE: Json = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "information", "code": "informational", "details": {"text": _NOTHING}, "diagnostics": _NOTHING,
        }
    ],
}  # fmt: skip
OUTCOME: ResponseDict = schemas.answers(schemas.OperationOutcome, OUTCOME_EXAMPLE, "What is wrong, or that nothing is.")
