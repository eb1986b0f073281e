"""Writing FHIR R4 over HTTP: create, update, patch and delete, by address or by criteria.

source  FHIR R4 (4.0.1) http.html
"""

import re
from typing import Any

import orjson
from flask import Response, request
from flask_openapi3 import OpenAPI
from werkzeug.http import http_date

from careloom.api import fhir_schemas as schemas
from careloom.api import fhir_write_schemas as shown
from careloom.api.context import platform, who
from careloom.api.fhir_addresses import base, id_of, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, without_shapes
from careloom.api.fhir_pages import Base, text_of
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_sent
from careloom.audit import Action
from careloom.errors import InputError, QueryError
from careloom.fhir.drafts import Resource
from careloom.services.changes import Change, Done, Method
from careloom.services.write import write

_CREATE = [{"oauth2": ["system/*.c"]}]
_UPDATE = [{"oauth2": ["system/*.u"]}]
_DELETE = [{"oauth2": ["system/*.d"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 412, 413, 415, 422, 500, 503)
_AT = [schemas.ZONE, schemas.TYPE, schemas.ID]
_BY = [schemas.ZONE, schemas.TYPE]
_ACTIONS: dict[Method, Action] = {"create": "create", "update": "update", "patch": "update", "delete": "delete"}
_RETURN = re.compile(
    r"(?:^|[,;\s])return\s*=\s*\"?(minimal|representation|OperationOutcome)\"?\s*(?:[,;]|$)", re.IGNORECASE
)


def register(_app: OpenAPI) -> None:
    """Adds what the routes name."""
    fhir.components_schemas.update(schemas.components((shown.PatchOperation, schemas.AnyResource)))


@fhir.post(
    "/<zone>/<kind:type>",
    summary="Create a resource",
    description="The server gives the id. With If-None-Exist nothing is made where the criteria find one: 200.",
    operation_id="create",
    security=_CREATE,
    openapi_extensions={"parameters": [*_BY, shown.IF_NONE_EXIST, *shown.WRITE], "requestBody": shown.NEW},
    responses={**shown.written(200, 201), **schemas.errors(*_REFUSALS)},
)
def create() -> Response:
    """One new resource."""
    with understanding("create", "create"):
        here, pairs = base(), query_pairs()
        form = Format(pairs)
        if without_shapes(pairs):
            raise QueryError("a create takes _format and _pretty only", "Criteria go into the header If-None-Exist.")
        condition = request.headers.get("If-None-Exist")
        if condition is not None:
            condition = condition.rpartition("?")[2]
        change = Change("create", here.resource_type, condition=condition, resource=resource_sent())
    return _written(here, change, form)


@fhir.put(
    "/<zone>/<kind:type>/<named:id>",
    summary="Update a resource",
    description=(
        "The whole resource anew. What was deleted comes back: 201. An id that was never here is 405, unless "
        "fhir.update_creates is set."
    ),
    operation_id="update",
    security=_UPDATE,
    openapi_extensions={"parameters": [*_AT, shown.IF_MATCH, *shown.WRITE], "requestBody": shown.WHOLE},
    responses={**shown.written(200, 201), **schemas.errors(*_REFUSALS, 405, 410)},
)
def update() -> Response:
    """One resource anew."""
    return _changed("update", by_criteria=False)


@fhir.put(
    "/<zone>/<kind:type>",
    summary="Update by criteria",
    description="Updates the one resource that the parameters find; makes one where they find none: 201.",
    operation_id="conditional_update",
    security=[{"oauth2": ["system/*.u", "system/*.s"]}],
    openapi_extensions={"parameters": [*_BY, shown.IF_MATCH, *shown.WRITE], "requestBody": shown.NEW},
    responses={**shown.written(200, 201), **schemas.errors(*_REFUSALS, 405, 410)},
)
def update_by_criteria() -> Response:
    """The one resource that is found anew."""
    return _changed("update", by_criteria=True)


@fhir.patch(
    "/<zone>/<kind:type>/<named:id>",
    summary="Patch a resource",
    description="JSON Patch or FHIRPath Patch, by the media type of the body. What comes out must be valid.",
    operation_id="patch",
    security=_UPDATE,
    openapi_extensions={"parameters": [*_AT, shown.IF_MATCH, *shown.WRITE], "requestBody": shown.PATCH},
    responses={**shown.written(200), **schemas.errors(*_REFUSALS, 405, 410)},
)
def patch() -> Response:
    """One resource, changed in parts."""
    return _changed("patch", by_criteria=False)


@fhir.patch(
    "/<zone>/<kind:type>",
    summary="Patch by criteria",
    description="Patches the one resource that the parameters find; 404 where they find none.",
    operation_id="conditional_patch",
    security=[{"oauth2": ["system/*.u", "system/*.s"]}],
    openapi_extensions={"parameters": [*_BY, shown.IF_MATCH, *shown.WRITE], "requestBody": shown.PATCH},
    responses={**shown.written(200), **schemas.errors(*_REFUSALS, 405, 410)},
)
def patch_by_criteria() -> Response:
    """The one resource that is found, changed in parts."""
    return _changed("patch", by_criteria=True)


@fhir.delete(
    "/<zone>/<kind:type>/<named:id>",
    summary="Delete a resource",
    description="Earlier versions stay; erasing a patient removes them. What is not there is 204, too.",
    operation_id="delete",
    security=_DELETE,
    openapi_extensions={"parameters": [*_AT, shown.IF_MATCH, *shown.WRITE]},
    responses={**shown.written(200, 204), **schemas.errors(*_REFUSALS, 405)},
)
def delete() -> Response:
    """One resource less."""
    return _changed("delete", by_criteria=False)


@fhir.delete(
    "/<zone>/<kind:type>",
    summary="Delete by criteria",
    description="Deletes the one resource that the parameters find; several are 412, and none is deleted.",
    operation_id="conditional_delete",
    security=[{"oauth2": ["system/*.d", "system/*.s"]}],
    openapi_extensions={"parameters": [*_BY, shown.IF_MATCH, *shown.WRITE]},
    responses={**shown.written(200, 204), **schemas.errors(*_REFUSALS, 405)},
)
def delete_by_criteria() -> Response:
    """The one resource that is found, gone."""
    return _changed("delete", by_criteria=True)


def _changed(method: Method, *, by_criteria: bool) -> Response:
    with understanding(method, _ACTIONS[method]):
        here, pairs = base(), query_pairs()
        form, rest = Format(pairs), without_shapes(pairs)
        if by_criteria and not rest:
            raise QueryError("there are no criteria", "Name an id in the address, or criteria as parameters.")
        if rest and not by_criteria:
            raise QueryError("an address with an id takes no criteria", "Leave the id or the parameters out.")
        change = Change(
            method,
            here.resource_type,
            "" if by_criteria else id_of("id"),
            text_of(rest) if by_criteria else None,
            resource=resource_sent() if method == "update" else None,
            patch=_patch_sent() if method == "patch" else None,
            if_match=request.headers.get("If-Match", ""),
        )
    return _written(here, change, form)


def _patch_sent() -> Any:
    if request.mimetype != shown.PATCH_TYPE:
        return resource_sent()
    try:
        found = orjson.loads(request.get_data(cache=False))
    except orjson.JSONDecodeError:
        raise InputError("the body is no JSON", "Send a JSON array of operations.") from None
    if not isinstance(found, list):
        raise InputError("the body is no JSON Patch", "Send a JSON array of operations.")
    return found


def _written(here: Base, change: Change, form: Format) -> Response:
    done = write(platform(), who(), here.zone, change)
    wanted = preference()
    status = {"created": 201, "deleted": 204, "absent": 204}.get(done.became, 200)
    if wanted == "operationoutcome":
        response = form.answer(orjson.dumps(told(done)))
        status = 200 if status == 204 else status
    elif status != 204 and done.found is not None and wanted != "minimal":
        response = form.answer(done.found.content)
    else:
        response = Response(b"", content_type=form.content_type)
    response.status_code = status
    if not response.data:
        del response.headers["Content-Type"]
    if done.version and done.last_updated is not None:
        response.headers["ETag"] = f'W/"{done.version}"'
        response.headers["Last-Modified"] = http_date(done.last_updated)
        if done.became in ("created", "existing"):
            response.headers["Location"] = location(here.url, done)
    return response


def location(url: str, done: Done) -> str:
    """The address of the version that a change made, or found.

    url  of the resources of its type
    """
    return f"{url}/{done.id}/_history/{done.version}"


def preference() -> str:
    """What the header Prefer wants back, in small letters; empty where it says nothing of it."""
    match = _RETURN.search(request.headers.get("Prefer", ""))
    return match[1].lower() if match else ""


def told(done: Done) -> Resource:
    """What became of a change, as an OperationOutcome."""
    words = {"existing": "it was there already, and stays as it is", "absent": "there was nothing to delete"}
    text = words.get(done.became, f"the {done.resource_type} was {done.became}")
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "informational", "details": {"text": text}, "diagnostics": text}],
    }
