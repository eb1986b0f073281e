"""``$validate`` over HTTP: what is wrong with a resource, without writing it.

source  FHIR R4 (4.0.1), resource-operation-validate
"""

import orjson
from flask import Response, request
from flask_openapi3 import OpenAPI

from careloom.api import fhir_operations_schemas as shown
from careloom.api import fhir_schemas as schemas
from careloom.api.context import platform, who
from careloom.api.fhir_addresses import base, id_of, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, is_lenient, without_shapes
from careloom.api.fhir_pages import Base
from careloom.api.fhir_parameters import given
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_read
from careloom.api.problems import issue_of, outcome_of
from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.services.validate_one import OPERATION, ValidateAsk, Verdict, validate_one

_READ = [{"oauth2": ["system/*.r"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 410, 413, 415, 422, 500, 503)
_NAMES = ("resource", "mode", "profile")
_WORDS = (
    "The answer is 200 whenever the resource was looked at: its issues say what is wrong. With mode also whether the "
    "change would be made as things stand, for which the caller needs the right to make it. Nothing is written."
)


def register(_app: OpenAPI) -> None:
    """Adds nothing: the routes stand on the blueprint of all FHIR routes."""


@fhir.post(
    "/<zone>/<type>/$validate",
    summary="Validate a resource",
    description=f"The resource as the body, or in Parameters. {_WORDS}",
    operation_id="validate_resource",
    security=_READ,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.TYPE, shown.MODE, shown.PROFILE, *schemas.SHAPES],
        "requestBody": shown.VALIDATED,
    },
    responses={**shown.OUTCOME, **schemas.errors(*_REFUSALS)},
)
def validated_for_type() -> Response:
    """The verdict on what was sent."""
    return _told("", has_body=True)


@fhir.post(
    "/<zone>/<type>/<named:id>/$validate",
    summary="Validate a resource for an id",
    description=f"As at the type, for the resource of that id; without a body it is the stored one. {_WORDS}",
    operation_id="validate_for_instance",
    security=_READ,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.TYPE, schemas.ID, shown.MODE, shown.PROFILE, *schemas.SHAPES],
        "requestBody": {**shown.VALIDATED, "required": False},
    },
    responses={**shown.OUTCOME, **schemas.errors(*_REFUSALS)},
)
def validated_for_instance() -> Response:
    """The verdict on what was sent for an id."""
    return _told("id", has_body=True)


@fhir.get(
    "/<zone>/<type>/<named:id>/$validate",
    summary="Validate a stored resource",
    description="The current version as it is stored; with mode=delete whether it could be deleted.",
    operation_id="validate_stored",
    security=_READ,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.TYPE, schemas.ID, shown.MODE_OF_STORED, shown.PROFILE, *schemas.SHAPES]
    },
    responses={**shown.OUTCOME, **schemas.errors(400, 401, 403, 404, 406, 409, 410, 422, 500, 503)},
)
def validated_as_stored() -> Response:
    """The verdict on what is stored."""
    return _told("id", has_body=False)


def _told(part: str, *, has_body: bool) -> Response:
    with understanding(OPERATION):
        here, pairs = base(), query_pairs()
        form, resource_id = Format(pairs), id_of(part) if part else ""
        ask = _ask(here, resource_id, without_shapes(pairs), has_body=has_body)
    return form.answer(orjson.dumps(outcome(validate_one(platform(), who(), here.zone, ask))))


def _ask(here: Base, resource_id: str, pairs: list[tuple[str, str]], *, has_body: bool) -> ValidateAsk:
    is_sent = has_body and (request.content_length or "Transfer-Encoding" in request.headers)
    body, found = resource_read() if is_sent else (None, [])
    is_parameters = body is not None and (here.resource_type != "Parameters" or _holds_resource(body))
    is_parameters = is_parameters and body is not None and body.get("resourceType") == "Parameters"
    asked = given(pairs, body if is_parameters else None, names=_NAMES, is_lenient=is_lenient())
    if "resource" in asked.values:
        raise QueryError("the parameter resource holds no resource", "Send it in Parameters, or as the body.")
    resource = asked.resource("resource") if is_parameters else body
    return ValidateAsk(here.resource_type, resource_id, resource, found, asked.one("mode"), asked.one("profile"))


def _holds_resource(body: Resource) -> bool:
    """True for the parameters of this operation, where Parameters themselves are what is validated."""
    listed = body.get("parameter")
    return isinstance(listed, list) and any(
        isinstance(one, dict) and one.get("name") == "resource" and "resource" in one for one in listed
    )


def outcome(verdict: Verdict) -> Resource:
    """The OperationOutcome of a verdict; one that finds nothing says so."""
    issues = [issue_of(one) for one in verdict.issues]
    if verdict.refusal is not None:
        issues += outcome_of(verdict.refusal)["issue"]
    if not any(one["severity"] in ("fatal", "error") for one in issues):
        text = "nothing refuses the resource"
        issues.append(
            {"severity": "information", "code": "informational", "details": {"text": text}, "diagnostics": text}
        )
    return {"resourceType": "OperationOutcome", "issue": issues}
