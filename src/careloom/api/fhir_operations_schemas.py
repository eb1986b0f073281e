"""The FHIR operations as the OpenAPI document shows them: parameters, bodies and answers, each with an example."""

from typing import Any, get_args

from flask_openapi3.models import OPENAPI3_REF_PREFIX
from flask_openapi3.types import ResponseDict

from careloom.api import fhir_schemas as schemas
from careloom.api.fhir_formats import JSON_TYPE, XML_TYPE
from careloom.api.problems import FHIR_TYPE
from careloom.deid.policy import SHIPPED
from careloom.deid.text_replace import Style
from careloom.services.validate_one import DEFINITIONS, MODES

Json = dict[str, Any]
LONGEST_ASKED = 500
"""Characters of the types or the format of documents, as $docref is asked for them."""


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
    told = {FHIR_TYPE: content, JSON_TYPE: content, XML_TYPE: schemas.AS_XML}
    return {"required": is_needed, "description": words, "content": told}


MODE = query("mode", {"type": "string", "enum": list(MODES)}, "What is meant to be done with it.", "profile")
MODE_OF_STORED = query("mode", {"type": "string", "enum": ["profile", "delete"]}, "delete: could it be?", "profile")
PROFILE = query(
    "profile", {"type": "string", "minLength": 1, "maxLength": 2000},
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

_DATE = r"^(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8]))?)?$"
_PAGE = next(one for one in schemas.SEARCH if one["name"] == "_page")
SINCE = query(
    "_since",
    {
        "type": "string",
        "pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
    },
    "A FHIR instant: what was updated later.", "2026-11-22T10:15:00Z",
)  # fmt: skip
START = query("start", {"type": "string", "pattern": _DATE}, "Care from this day on; a year or month too.", "2026-01")
END = query("end", {"type": "string", "pattern": _DATE}, "Care up to this day, itself included.", "2026-11-22")
EVERYTHING = [
    START, END, SINCE, schemas.TYPES,
    query("_count", {"type": "integer", "minimum": 1, "maximum": 999_999_999}, "Resources on a page.", 20),
    _PAGE,
]  # fmt: skip
EVERYTHING_BODY = body(
    "Parameters: start, end, _since, _type and _count, each with one value.", ref("Parameters"),
    parameters({"name": "start", "valueDate": "2026-01-01"}, {"name": "_type", "valueCode": "Observation"}),
)  # fmt: skip
PAGE: ResponseDict = schemas.answers(schemas.Bundle, schemas.BUNDLE_EXAMPLE, "A page.")
_PATIENT_ID = "a3k5r7w2m4q6s7x5c4v3b2n7ka"
DOCUMENTS = [
    query("patient", {"type": "string", "pattern": schemas.ID_PATTERN}, "The patient's stored id.", _PATIENT_ID)
    | {"required": True},
    START, END,
    query(
        "type", {"type": "string", "minLength": 1, "maxLength": LONGEST_ASKED}, "Types, as tokens.",
        "http://loinc.org|34133-9",
    ),
    query("on-demand", {"type": "string", "enum": ["true", "false"]}, "Only what is made on demand: none.", "false"),
    query(
        "profile", {"type": "string", "minLength": 1, "maxLength": LONGEST_ASKED},
        "What the format of the content says.", "urn:hl7-org:sdwg:ccda-structuredBody:2.1",
    ),
]  # fmt: skip
DOCUMENTS_BODY = body(
    "Parameters: patient, start, end, type, on-demand and profile, each with one value.", ref("Parameters"),
    parameters({"name": "patient", "valueId": _PATIENT_ID}, {"name": "start", "valueDate": "2026-01-01"}),
)  # fmt: skip

STYLES: tuple[Style, ...] = get_args(Style)
DEIDENTIFY_QUERY = [
    query(
        "policy", {"type": "string", "enum": list(SHIPPED)}, "One that ships; that of the settings without.",
        "safe-harbor",
    ),
    query("style", {"type": "string", "enum": list(STYLES)}, "What stands in texts in its place.", "tag"),
    query(
        "project", {"type": "string", "minLength": 1, "maxLength": 100},
        "Whose pseudonyms, dates and surrogates it bears; needs careloom/deidentify.", "research",
    ),
]  # fmt: skip
_ASKED = {**schemas.RESOURCE_EXAMPLE}
DEIDENTIFIED_ASKED = body(
    "The resource (with an id), or Parameters: resource or text, and policy, style, patient, project.",
    ref("AnyResource"),
    parameters({"name": "resource", "resource": _ASKED}, {"name": "style", "valueCode": "tag"}),
)  # fmt: skip
DEIDENTIFIED: ResponseDict = schemas.answers(
    schemas.Parameters,
    parameters(
        {"name": "return", "resource": {**_NEW, "id": "5tq2c7lq6m5v3wyf4d2y7z2k7x"}},
        {"name": "policy", "valueString": "safe-harbor|1"},
        {"name": "removed", "part": [{"name": "letter", "valueCode": "C"}, {"name": "count", "valueInteger": 1}]},
    ),
    "What came out, or why nothing did.",
)
