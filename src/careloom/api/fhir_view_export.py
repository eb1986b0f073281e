"""``$viewdefinition-export`` over HTTP: kick off, watch, fetch, cancel, as a bulk export.

source  SQL-on-FHIR v2.1, operation $viewdefinition-export; FHIR asynchronous pattern (R4 3.1.6)
"""

from datetime import datetime
from typing import Any

import orjson
from flask import Response, request
from flask_openapi3 import OpenAPI
from werkzeug.http import http_date

from careloom.api import bulk_schemas
from careloom.api import fhir_schemas as schemas
from careloom.api import fhir_views_schemas as shown
from careloom.api.bulk import RETRY_SECONDS, is_asynchronous
from careloom.api.context import base_url, platform, who
from careloom.api.fhir_addresses import named, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import is_lenient
from careloom.api.fhir_pages import zone_of
from careloom.api.fhir_parameters import given
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_sent
from careloom.api.fhir_views import WRITERS, definition_at
from careloom.api.problems import FHIR_TYPE, answer
from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.services import exports, view_export

_SCOPE = [{"oauth2": ["system/*.r", "system/*.s"]}]
_READ = [{"oauth2": ["system/*.r"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 413, 415, 500, 503)
_NAMES = ("_format", "patient", "_since", "clientTrackingId")
OPERATION = "export-queue"


def register(_app: OpenAPI) -> None:
    """Adds nothing: the routes stand on the blueprint of all FHIR routes."""


@fhir.post(
    "/<zone>/$viewdefinition-export",
    summary="Export views",
    description="Of a zone, as far as the caller may see it, in the background. Watch the address of Content-Location.",
    operation_id="export_views",
    security=_SCOPE,
    openapi_extensions={"parameters": [schemas.ZONE, bulk_schemas.PREFER], "requestBody": shown.EXPORT_BODY},
    responses={**shown.ACCEPTED, **schemas.errors(*_REFUSALS)},
)
def export_views() -> Response:
    """The export of views, queued."""
    with understanding(OPERATION):
        zone = zone_of(named("zone"))
        if not is_asynchronous():
            raise QueryError("an export is answered later only", "Send the header Prefer: respond-async.")
        body = resource_sent()
        asked, views = _views(body)
        form = asked.one("_format") or "ndjson"
        if form not in shown.FORMATS:
            raise QueryError("_format is none that is written", f"Ask for {', '.join(shown.FORMATS)}.")
        patients = tuple(one.removeprefix("Patient/") for one in asked.listed("patient"))
        if any(not schemas.is_id(one) for one in patients):
            raise QueryError("patient refers to no patient", "Write Patient/ID.")
        address = f"{base_url()}{request.path}"
        ask = view_export.ViewExportAsk(views, form, patients, asked.one("_since"), address)
        export = view_export.export_ask(zone, ask)
    made = view_export.submit(platform(), who(), export)
    here = f"{base_url()}/fhir/{zone}/$viewdefinition-export/{made['id']}"
    told = _told(made["id"], "accepted", here, form, asked.one("clientTrackingId"))
    return Response(orjson.dumps(told), 202, content_type=FHIR_TYPE, headers={"Content-Location": here})


@fhir.get(
    "/<zone>/$viewdefinition-export/<export_id>",
    summary="Watch an export of views",
    description="202 while it is made, then its manifest as Parameters. Only who asked for it sees it.",
    operation_id="views_export_status",
    security=_READ,
    openapi_extensions={"parameters": [schemas.ZONE, bulk_schemas.EXPORT]},
    responses={**shown.STATUS, **schemas.errors(401, 403, 404, 409, 500, 503)},
)
def views_export_status() -> Response:
    """The export as it stands."""
    zone, export_id = zone_of(named("zone")), named("export_id")
    here = f"{base_url()}/fhir/{zone}/$viewdefinition-export/{export_id}"
    told = view_export.show(platform(), who(), zone, export_id)
    if told["state"] == "failed":
        return answer(500, told["error"], "the export failed", "Export again; its operator sees why by this code.")
    if "views" not in told:
        response = Response(orjson.dumps(_told(export_id, "in-progress", here)), 202, content_type=FHIR_TYPE)
        done, total = told["progress"]["done"], told["progress"]["total"]
        response.headers["X-Progress"] = f"{done} of {total} resources" if total else told["state"]
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response
    manifest = _told(export_id, "completed", here, told["form"])
    manifest["parameter"] += [
        {"name": name, "valueInstant": told[moment]}
        for name, moment in (("exportStartTime", "started"), ("exportEndTime", "ended"))
        if told[moment]
    ]
    for name, files in told["views"].items():
        places = [{"name": "location", "valueUri": f"{here}/{name}/{file}"} for file in files]
        manifest["parameter"].append({"name": "output", "part": [{"name": "name", "valueString": name}, *places]})
    response = Response(orjson.dumps(manifest), content_type=FHIR_TYPE)
    response.headers["Expires"] = http_date(datetime.fromisoformat(told["expires"]))
    return response


@fhir.delete(
    "/<zone>/$viewdefinition-export/<export_id>",
    summary="Cancel an export of views",
    description="Stops it if it is not done, and removes its files.",
    operation_id="cancel_views_export",
    security=_READ,
    openapi_extensions={"parameters": [schemas.ZONE, bulk_schemas.EXPORT]},
    responses={"202": {"description": "It is cancelled."}, **schemas.errors(401, 403, 404, 409, 500, 503)},
)
def cancel_views_export() -> Response:
    """Nothing is left of it."""
    exports.cancel(platform(), who(), zone_of(named("zone")), named("export_id"))
    return Response(status=202)


@fhir.get(
    "/<zone>/$viewdefinition-export/<export_id>/<view>/<file>",
    summary="Fetch a file of an export of views",
    description="The rows as the export was asked to write them. 422 where a resource does not fit: no row goes out.",
    operation_id="views_export_file",
    security=_READ,
    openapi_extensions={"parameters": [schemas.ZONE, bulk_schemas.EXPORT, shown.NAMED, bulk_schemas.FILE]},
    responses={**shown.TABLE, **schemas.errors(401, 403, 404, 409, 422, 500, 503)},
)
def views_export_file() -> Response:
    """The rows of a file."""
    zone, export_id = zone_of(named("zone")), named("export_id")
    frame = view_export.fetch(platform(), who(), zone, export_id, named("view"), named("file"))
    form = view_export.form_of(platform(), export_id)
    return Response(WRITERS[form](frame, True), content_type=shown.FORMATS[form])


def _views(body: Resource) -> tuple[Any, tuple[view_export.NamedView, ...]]:
    """The parameters, and the views among them. raises QueryError; NotFound for a view that does not ship"""
    listed = body.get("parameter")
    parts = listed if isinstance(listed, list) else []
    told = [one for one in parts if isinstance(one, dict) and one.get("name") == "view"]
    rest = {**body, "parameter": [one for one in parts if one not in told]}
    asked = given(query_pairs(), rest, names=_NAMES, is_lenient=is_lenient())
    views = []
    for number, one in enumerate(told, 1):
        inner = {"resourceType": "Parameters", "parameter": one.get("part", [])}
        part = given((), inner, names=("name", "viewReference", "viewResource"))
        name = part.one("name") or f"view-{number}"
        if not schemas.is_id(name):
            raise QueryError("the name of a view is no name of a file", "Use letters, digits, hyphens and dots.")
        views.append(view_export.NamedView(name, definition_at("", part)))
    return asked, tuple(views)


def _told(export_id: str, status: str, here: str, form: str = "", tracking: str = "") -> Resource:
    """What every answer about an export says of it."""
    parts: list[Resource] = [
        {"name": "exportId", "valueString": export_id},
        {"name": "status", "valueCode": status},
        {"name": "location", "valueUri": here},
        {"name": "cancelUrl", "valueUri": here},
    ]
    parts += [{"name": "_format", "valueCode": form}] if form else []
    parts += [{"name": "clientTrackingId", "valueString": tracking}] if tracking else []
    return {"resourceType": "Parameters", "parameter": parts}
