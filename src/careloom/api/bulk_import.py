"""Bulk import over HTTP: send files, watch, see what was refused, cancel.

source  FHIR asynchronous pattern (R4 3.1.6); status and manifest after Bulk Data Access 2.0.0 and the proposal of an
        import operation (smart-on-fhir/bulk-import), whose kick-off names addresses: here the files are sent
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from flask import Response, request
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from werkzeug.exceptions import HTTPException, UnsupportedMediaType

from careloom.api import bulk_import_schemas as schemas
from careloom.api.bulk import NDJSON, RETRY_SECONDS, is_asynchronous
from careloom.api.context import base_url, platform, who
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format
from careloom.api.fhir_pages import zone_of
from careloom.api.fhir_schemas import errors
from careloom.api.ingestions import received
from careloom.api.problems import answer
from careloom.errors import CareloomError, NotSupported, QueryError
from careloom.services import imports as service
from careloom.services.admission import note

_TAG = Tag(name="Bulk import", description="Files of FHIR resources into the identified zone, in the background.")
_SCOPE = [{"oauth2": ["careloom/ingest"]}]
_ERRORS = [{"oauth2": ["careloom/ingest", "careloom/quarantine"]}]
_REFUSALS = (400, 401, 403, 404, 405, 406, 409, 500, 503)
_FATES = ("stored", "known", "quarantined", "kept", "erased")

bulk_import = APIBlueprint("bulk_import", __name__, url_prefix="/fhir", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    bulk_import.components_schemas.update(schemas.components())
    app.register_api(bulk_import)


@bulk_import.post(
    "/<zone>/$import",
    summary="Import files of resources",
    description="NDJSON files, in a form or one as the body, packed or not. Watch the address of Content-Location.",
    operation_id="import_files",
    security=_SCOPE,
    openapi_extensions={"parameters": [schemas.ZONE, *schemas.ASK], "requestBody": schemas.BODY},
    responses={**schemas.ACCEPTED, **errors(*_REFUSALS, 408, 413, 415)},
)
def begun() -> Response:
    """The import, queued, once its bytes are durable."""
    with _understanding():
        zone, source = _zone(), _source()
        Format(())
        if not is_asynchronous():
            raise QueryError("an import is answered later only", "Send the header Prefer: respond-async.")
        if request.mimetype and request.mimetype not in schemas.MEDIA_TYPES:
            raise UnsupportedMediaType
    with received(platform().settings.api.max_upload_bytes) as files:
        made = service.submit(platform(), who(), files, source)
    response = Response(status=202)
    response.headers["Content-Location"] = f"{base_url()}/fhir/{zone}/$import/{made['id']}"
    return response


@bulk_import.get(
    "/<zone>/$import/<import_id>",
    summary="Watch an import",
    description="202 while it runs, then what became of every record, by file and type. Only who sent it sees it.",
    operation_id="import_status",
    security=_SCOPE,
    openapi_extensions={"parameters": [schemas.ZONE, schemas.IMPORT]},
    responses={**schemas.STATUS, **errors(401, 403, 404, 405, 409, 500, 503)},
)
def status() -> Response:
    """The import as it stands."""
    with _understanding():
        zone = _zone()
    told = service.show(platform(), who(), _named("import_id"))
    if told["state"] == "failed":
        return answer(500, told["error"], "the import failed", "Send the same files again: nothing is stored twice.")
    if "reconciliation" not in told:
        response = Response(status=202)
        done, total = told["progress"]["done"], told["progress"]["total"]
        response.headers["X-Progress"] = f"{done} of {total} bytes" if total else told["state"]
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response
    here = f"{base_url()}/fhir/{zone}/$import"
    manifest = _manifest(told["reconciliation"], here, _named("import_id"))
    return Response(orjson.dumps(manifest), content_type="application/json")


@bulk_import.get(
    "/<zone>/$import/<import_id>/errors",
    summary="What an import refused",
    description="NDJSON: an OperationOutcome for each record that waits in quarantine, without its content.",
    operation_id="import_errors",
    security=_ERRORS,
    openapi_extensions={"parameters": [schemas.ZONE, schemas.IMPORT]},
    responses={**schemas.LINES, **errors(401, 403, 404, 405, 409, 500, 503)},
)
def refused() -> Response:
    """Its refusals, one a line."""
    with _understanding():
        _zone()
    return Response(service.refusals(platform(), who(), _named("import_id")), content_type=NDJSON)


@bulk_import.delete(
    "/<zone>/$import/<import_id>",
    summary="Cancel an import",
    description="Stops it. What it has committed stays; what was sent is destroyed.",
    operation_id="cancel_import",
    security=_SCOPE,
    openapi_extensions={"parameters": [schemas.ZONE, schemas.IMPORT]},
    responses={"202": {"description": "It is being stopped."}, **errors(401, 403, 404, 405, 409, 500, 503)},
)
def cancelled() -> Response:
    """It goes no further."""
    with _understanding():
        _zone()
    service.withdraw(platform(), who(), _named("import_id"))
    return Response(status=202)


def _manifest(report: Mapping[str, Any], here: str, import_id: str) -> dict[str, Any]:
    """The reconciliation as a bulk manifest: an output for each file and type, and one error where any waits."""

    def told(one: Mapping[str, Any]) -> dict[str, Any]:
        return {name: one[name] for name in ("received", *_FATES)}

    output = [
        {
            "type": kind, "count": one["stored"] + one["known"],
            "inputUrl": f"urn:careloom:manifest:{file['manifest']}",
            "extension": told(one) | {"hash": one["hash"]},
        }
        for file in report["files"] for kind, one in file["types"].items() if kind
    ]  # fmt: skip
    waiting = report["totals"]["quarantined"]
    error = [{"type": "OperationOutcome", "count": waiting, "url": f"{here}/{import_id}/errors"}] if waiting else []
    files = [
        told(file) | {
            "manifest": file["manifest"], "state": file["state"], "bytes": file["bytes"], "root": file["root"],
            "isVerified": file["is_verified"], "isWhole": file["is_whole"],
        }
        for file in report["files"]
    ]  # fmt: skip
    return {
        "transactionTime": report["ended"],
        "request": here,
        "requiresAccessToken": True,
        "output": output,
        "error": error,
        "extension": told(report["totals"]) | {"isWhole": report["is_whole"], "files": files},
    }


def _zone() -> str:
    """The identified zone. raises NotFound; NotSupported for a zone that takes nothing from outside."""
    zone = zone_of(_named("zone"))
    if zone != "identified":
        raise NotSupported(f"the {zone} zone takes no import", "Import into the identified zone.")
    return zone


def _source() -> str:
    """The sending system that the address names. raises QueryError."""
    pairs = query_pairs()
    if any(name != "source" for name, _ in pairs) or len(pairs) > 1:
        raise QueryError("an import takes one parameter, source", "Leave the others out.")
    source = pairs[0][1] if pairs else ""
    if not schemas.is_source(source):
        raise QueryError("source is no name of a system", "Use up to 64 letters, digits and . _ : -")
    return source


@contextmanager
def _understanding() -> Iterator[None]:
    """Notes that a request came to nothing because it makes no sense: the service never hears of it."""
    try:
        yield
    except (CareloomError, HTTPException) as error:
        code = error.code if isinstance(error, CareloomError) else f"http.{error.code}"
        note(platform(), who(), "import", "landing", outcome="failed", detail={"code": code})
        raise


def _named(part: str) -> str:
    """A part of the address, by its name in the route."""
    found: str = (request.view_args or {})[part]
    return found
