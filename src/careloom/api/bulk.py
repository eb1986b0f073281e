"""Bulk Data Access over HTTP: kick off an export, watch it, fetch its files, cancel it.

source  FHIR Bulk Data Access 2.0.0 (2021)
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import orjson
from flask import Response, request
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date

from careloom.api import bulk_schemas as schemas
from careloom.api.context import base_url, platform, who
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, is_lenient
from careloom.api.fhir_pages import text_of, zone_of
from careloom.api.fhir_schemas import ID, ZONE, errors, is_id
from careloom.api.fhir_sent import resource_sent
from careloom.api.problems import answer
from careloom.api.schemas import ASYNC_PATTERN
from careloom.errors import CareloomError, NotFound, QueryError
from careloom.services import exports as service
from careloom.services import own_parameters
from careloom.services.admission import note
from careloom.services.export_ask import ExportAsk, Level, parameters_of, patients_of, with_parameters
from careloom.services.platform import STORED_ZONES
from careloom.store.zone_store import Zone

_TAG = Tag(name="Bulk Data", description="FHIR Bulk Data Access 2.0: a zone as NDJSON, in the background.")
_SCOPE = [{"oauth2": ["system/*.r", "system/*.s"]}]
_READ = [{"oauth2": ["system/*.r"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 500, 503)
RETRY_SECONDS = 5
NDJSON = "application/fhir+ndjson"
_ASYNC = re.compile(ASYNC_PATTERN, re.IGNORECASE)

bulk = APIBlueprint("bulk", __name__, url_prefix="/fhir", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    bulk.components_schemas.update(schemas.components())
    app.register_api(bulk)


@bulk.get(
    "/<zone>/$export",
    summary="Export everything",
    description="Of a zone, as far as the caller may see it. Watch the address of Content-Location.",
    operation_id="export_system",
    security=_SCOPE,
    openapi_extensions={"parameters": [ZONE, *schemas.ASK]},
    responses={**schemas.ACCEPTED, **errors(*_REFUSALS)},
)
def export_system() -> Response:
    """The export of a zone, queued."""
    return _queued("system")


@bulk.get(
    "/<zone>/Patient/$export",
    summary="Export all patients",
    description="What is in the compartment of some patient. Watch the address of Content-Location.",
    operation_id="export_patients",
    security=_SCOPE,
    openapi_extensions={"parameters": [ZONE, *schemas.ASK]},
    responses={**schemas.ACCEPTED, **errors(*_REFUSALS)},
)
def export_patients() -> Response:
    """The export of all patients, queued."""
    return _queued("patient")


@bulk.get(
    "/<zone>/Group/<id>/$export",
    summary="Export the patients of a group",
    description="What is in the compartments of a Group's active members. Watch the address of Content-Location.",
    operation_id="export_group",
    security=_SCOPE,
    openapi_extensions={"parameters": [ZONE, ID, *schemas.ASK]},
    responses={**schemas.ACCEPTED, **errors(*_REFUSALS)},
)
def export_group() -> Response:
    """The export of a group, queued."""
    return _queued("group")


@bulk.post(
    "/<zone>/$export",
    summary="Export everything, asked in a body",
    description="As by GET; the parameters stand in a Parameters resource.",
    operation_id="export_system_by_body",
    security=_SCOPE,
    openapi_extensions={"parameters": [ZONE, schemas.PREFER], "requestBody": schemas.BODY},
    responses={**schemas.ACCEPTED, **errors(*_REFUSALS, 415)},
)
def export_system_by_body() -> Response:
    """The export of a zone, queued."""
    return _queued("system")


@bulk.post(
    "/<zone>/Patient/$export",
    summary="Export all patients, asked in a body",
    description="As by GET; the parameters stand in a Parameters resource.",
    operation_id="export_patients_by_body",
    security=_SCOPE,
    openapi_extensions={"parameters": [ZONE, schemas.PREFER], "requestBody": schemas.BODY},
    responses={**schemas.ACCEPTED, **errors(*_REFUSALS, 415)},
)
def export_patients_by_body() -> Response:
    """The export of all patients, queued."""
    return _queued("patient")


@bulk.post(
    "/<zone>/Group/<id>/$export",
    summary="Export the patients of a group, asked in a body",
    description="As by GET; the parameters stand in a Parameters resource.",
    operation_id="export_group_by_body",
    security=_SCOPE,
    openapi_extensions={"parameters": [ZONE, ID, schemas.PREFER], "requestBody": schemas.BODY},
    responses={**schemas.ACCEPTED, **errors(*_REFUSALS, 415)},
)
def export_group_by_body() -> Response:
    """The export of a group, queued."""
    return _queued("group")


@bulk.get(
    "/<zone>/$export/<export_id>",
    summary="Watch an export",
    description="202 while it is made, then its manifest. Only who asked for it sees it.",
    operation_id="export_status",
    security=_READ,
    openapi_extensions={"parameters": [ZONE, schemas.EXPORT]},
    responses={**schemas.STATUS, **errors(401, 403, 404, 409, 500, 503)},
)
def status() -> Response:
    """The export as it stands."""
    zone, export_id = zone_of(_named("zone")), _named("export_id")
    here = f"{base_url()}/fhir/{zone}/$export/{export_id}"
    told = service.show(platform(), who(), zone, export_id, files_at=here)
    if told["state"] == "failed":
        return answer(500, told["error"], "the export failed", "Export again; its operator sees why by this code.")
    if "manifest" not in told:
        response = Response(status=202)
        done, total = told["progress"]["done"], told["progress"]["total"]
        response.headers["X-Progress"] = f"{done} of {total} resources" if total else told["state"]
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response
    response = Response(orjson.dumps(told["manifest"]), content_type="application/json")
    response.headers["Expires"] = http_date(datetime.fromisoformat(told["expires"]))
    return response


@bulk.delete(
    "/<zone>/$export/<export_id>",
    summary="Cancel an export",
    description="Stops it if it is not done, and removes its files.",
    operation_id="cancel_export",
    security=_READ,
    openapi_extensions={"parameters": [ZONE, schemas.EXPORT]},
    responses={"202": {"description": "It is cancelled."}, **errors(401, 403, 404, 409, 500, 503)},
)
def cancelled() -> Response:
    """Nothing is left of it."""
    service.cancel(platform(), who(), zone_of(_named("zone")), _named("export_id"))
    return Response(status=202)


@bulk.get(
    "/<zone>/$export/<export_id>/<file>",
    summary="Fetch a file of an export",
    description="NDJSON: one resource a line, as reading it gave at the manifest's transactionTime.",
    operation_id="export_file",
    security=_READ,
    openapi_extensions={"parameters": [ZONE, schemas.EXPORT, schemas.FILE]},
    responses={**schemas.LINES, **errors(401, 403, 404, 409, 500, 503)},
)
def fetched() -> Response:
    """The lines of a file."""
    zone = zone_of(_named("zone"))
    found = service.fetch(platform(), who(), zone, _named("export_id"), _named("file"))
    response = Response(found.pieces, content_type=NDJSON)
    response.content_length = found.size_bytes
    return response


def _queued(level: Level) -> Response:
    with _understanding():
        zone, pairs = zone_of(_named("zone")), query_pairs()
        Format(())
        if not is_asynchronous():
            raise QueryError("an export is answered later only", "Send the header Prefer: respond-async.")
        group = _named("id") if level == "group" else ""
        if group and not is_id(group):
            raise NotFound("this is no id of FHIR", "Ids have up to 64 letters, digits, hyphens and dots.")
        patients: tuple[str, ...] = ()
        here = f"{base_url()}{request.path}" + (f"?{text_of(pairs)}" if pairs else "")
        if request.method == "POST" and (request.content_length or "Transfer-Encoding" in request.headers):
            sent = resource_sent()
            pairs, patients = [*pairs, *parameters_of(sent)], patients_of(sent)
        asked = ExportAsk(zone, level, group, patients=patients, address=here)
        own = own_parameters.searched(platform(), zone)
        ask = with_parameters(asked, pairs, is_lenient=is_lenient(), own=own)
    if request.method == "HEAD":  # it changes nothing: whether the caller may is all that it tells
        service.permitted(platform(), who(), ask)
        note(platform(), who(), "export-queue", zone)
        return Response(status=200)
    made = service.submit(platform(), who(), ask)
    response = Response(status=202)
    response.headers["Content-Location"] = f"{base_url()}/fhir/{zone}/$export/{made['id']}"
    return response


def is_asynchronous() -> bool:
    """True when the request wants to be answered later."""
    return _ASYNC.search(request.headers.get("Prefer", "")) is not None


@contextmanager
def _understanding() -> Iterator[None]:
    """Notes that a request came to nothing because it makes no sense: the service never hears of it."""
    try:
        yield
    except (CareloomError, HTTPException) as error:
        zone: Zone = next((one for one in STORED_ZONES if one == _named("zone")), "identified")
        code = error.code if isinstance(error, CareloomError) else f"http.{error.code}"
        note(platform(), who(), "export-queue", zone, outcome="failed", detail={"code": code})
        raise


def _named(part: str) -> str:
    """A part of the address, by its name in the route."""
    found: str = (request.view_args or {})[part]
    return found
