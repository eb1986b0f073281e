"""``$de-identify`` over HTTP: a text or a resource without identity, as FHIR; nothing of it is kept.

The same act as POST /api/v1/deidentify, whose answer tells besides where each thing stood.
"""

import orjson
from flask import Response
from flask_openapi3 import OpenAPI

from careloom.api import fhir_operations_schemas as shown
from careloom.api import fhir_schemas as schemas
from careloom.api.context import platform, who
from careloom.api.fhir_addresses import base, id_of, named, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, is_lenient, without_shapes
from careloom.api.fhir_pages import zone_of
from careloom.api.fhir_parameters import Given, given
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_sent
from careloom.api.problems import issue_of
from careloom.deid.text_replace import Style
from careloom.errors import NotSupported, QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.services import deidentify_one as service
from careloom.services import records

_PREVIEW = [{"oauth2": ["careloom/preview"]}]
_PREVIEW_OF_STORED = [{"oauth2": ["careloom/preview", "system/*.r"]}]
_NAMES = ("resource", "text", "policy", "style", "patient", "project")
_NAMES_OF_STORED = ("policy", "style", "project")
_REFUSALS = (400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 500, 503)
_WORDS = (
    "Parameters: return is the resource, or text the text, without identity; where nothing passed, outcome says why. "
    "Needs the identified and the research zone; nothing is kept."
)


def register(_app: OpenAPI) -> None:
    """Adds nothing: the routes stand on the blueprint of all FHIR routes."""


@fhir.post(
    "/<zone>/$de-identify",
    summary="De-identify a resource or text",
    description=f"The resource as the body, or in Parameters. {_WORDS}",
    operation_id="deidentify_fhir",
    security=_PREVIEW,
    openapi_extensions={
        "parameters": [schemas.ZONE, *schemas.SHAPES], "requestBody": shown.DEIDENTIFIED_ASKED,
    },
    responses={**shown.DEIDENTIFIED, **schemas.errors(*_REFUSALS)},
)  # fmt: skip
def deidentify_sent() -> Response:
    """What was sent, without identity."""
    with understanding(service.OPERATION):
        _require_identified()
        pairs, body = query_pairs(), resource_sent()
        form = Format(pairs)
        is_parameters = body.get("resourceType") == "Parameters"
        asked = given(
            without_shapes(pairs), body if is_parameters else None, names=_NAMES, is_lenient=is_lenient()
        )  # fmt: skip
        resource = asked.resource("resource") if is_parameters else body
        ask = service.OneAsk(
            asked.one("text") or None, resource, asked.one("policy"), _style(asked),
            asked.one("patient").removeprefix("Patient/"), asked.one("project"),
        )  # fmt: skip
    return form.answer(orjson.dumps(_told(service.deidentify_one(platform(), who(), ask))))


@fhir.get(
    "/<zone>/<type>/<named:id>/$de-identify",
    summary="De-identify a stored resource",
    description=f"The current version, with what the record knows of its patient looked for, too. {_WORDS}",
    operation_id="deidentify_stored",
    security=_PREVIEW_OF_STORED,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.TYPE, schemas.ID, *shown.DEIDENTIFY_QUERY, *schemas.SHAPES]
    },
    responses={**shown.DEIDENTIFIED, **schemas.errors(*(one for one in _REFUSALS if one != 415))},
)
def deidentify_stored() -> Response:
    """A stored resource without identity."""
    with understanding(service.OPERATION):
        _require_identified()
        here, resource_id, pairs = base(), id_of("id"), query_pairs()
        form = Format(pairs)
        asked = given(without_shapes(pairs), names=_NAMES_OF_STORED, is_lenient=is_lenient())
        style = _style(asked)
    service.permitted(platform(), who(), asked.one("project"))
    resource = records.read(platform(), who(), here.zone, here.resource_type, resource_id).resource()
    patients = patients_of(resource)
    patient = patients[0] if len(patients) == 1 else ""
    ask = service.OneAsk(None, resource, asked.one("policy"), style, patient, asked.one("project"))
    return form.answer(orjson.dumps(_told(service.deidentify_one(platform(), who(), ask))))


def _require_identified() -> None:
    """Returns for the zone that has identity to take out. raises NotFound; NotSupported"""
    zone = zone_of(named("zone"))
    if zone != "identified":
        raise NotSupported(f"nothing of the {zone} zone is de-identified", "Ask in the identified zone.")


def _style(asked: Given) -> Style | None:
    text = asked.one("style")
    for style in shown.STYLES:
        if style == text:
            return style
    if text:
        raise QueryError("style is none", f"Name one of {', '.join(shown.STYLES)}, or leave it out.")
    return None


def _told(report: service.OneReport) -> Resource:
    """The report as Parameters."""
    parts: list[Resource] = []
    if report.resource is not None:
        parts.append({"name": "return", "resource": report.resource})
    if report.text is not None:
        parts.append({"name": "text", "valueString": report.text})
    if report.issues:
        outcome = {"resourceType": "OperationOutcome", "issue": [issue_of(one) for one in report.issues]}
        parts.append({"name": "outcome", "resource": outcome})
    parts.append({"name": "policy", "valueString": f"{report.policy.name}|{report.policy.version}"})
    parts += [
        {"name": "removed", "part": [{"name": "letter", "valueCode": letter}, {"name": "count", "valueInteger": count}]}
        for letter, count in report.removed.items()
    ]
    return {"resourceType": "Parameters", "parameter": parts}
