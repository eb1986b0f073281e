"""``ViewDefinition/$run`` over HTTP: a view of SQL-on-FHIR as a table, at once.

source  SQL-on-FHIR v2.1, operation $run of ViewDefinition
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import orjson
import polars as pl
from flask import Response, request
from flask_openapi3 import OpenAPI
from werkzeug.exceptions import NotAcceptable

from careloom.api import fhir_schemas as schemas
from careloom.api import fhir_views_schemas as shown
from careloom.api.context import platform, who
from careloom.api.fhir_addresses import named, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import is_lenient
from careloom.api.fhir_pages import zone_of
from careloom.api.fhir_parameters import Given, given
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_sent
from careloom.errors import NotFound, QueryError
from careloom.services.view import OPERATION, definition_of, ready_views
from careloom.services.view_run import MOST_ROWS, RunAsk, run_view

_SEARCH = [{"oauth2": ["system/*.s"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 422, 500, 503)
_NAMES = ("_format", "header", "viewReference", "viewResource", "patient", "_since", "_limit", "resource")
_NAMES_OF_ONE = tuple(name for name in _NAMES if not name.startswith("view") and name != "resource")
_WORDS = (
    "Rows in the order in which their resources first came, at most 10,000, of what consents and restrictions let the "
    "caller see. A resource that does not fit the view is 422: no row is left out silently."
)


def register(_app: OpenAPI) -> None:
    """Adds nothing: the routes stand on the blueprint of all FHIR routes."""


@fhir.get(
    "/<zone>/ViewDefinition/<named:view>/$run",
    summary="Run a view that ships",
    description=f"By its name. {_WORDS}",
    operation_id="run_ready_view",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE, shown.VIEW, *shown.RUN]},
    responses={**shown.TABLE, **schemas.errors(*_REFUSALS)},
)
def run_ready_view() -> Response:
    """The rows of a view that ships."""
    return _ran(named("view"))


@fhir.get(
    "/<zone>/ViewDefinition/$run",
    summary="Run a view by reference",
    description=f"viewReference names one that ships: ViewDefinition/NAME. {_WORDS}",
    operation_id="run_view_by_reference",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE, shown.REFERENCE, *shown.RUN]},
    responses={**shown.TABLE, **schemas.errors(*_REFUSALS)},
)
def run_view_by_reference() -> Response:
    """The rows of a view that is named."""
    return _ran("")


@fhir.post(
    "/<zone>/ViewDefinition/$run",
    summary="Run a view",
    description=f"The ViewDefinition as the body, or Parameters: viewResource, resource to look at. {_WORDS}",
    operation_id="run_view",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE, *shown.RUN], "requestBody": shown.RUN_BODY},
    responses={**shown.TABLE, **schemas.errors(*_REFUSALS, 413, 415)},
)
def run_sent_view() -> Response:
    """The rows of a view that was sent."""
    return _ran("")


def _ran(view: str) -> Response:
    with understanding(OPERATION):
        zone, pairs = zone_of(named("zone")), query_pairs()
        body = resource_sent() if request.method == "POST" else None
        is_view = body is not None and body.get("resourceType") != "Parameters"
        asked = given(
            pairs, None if is_view else body, names=_NAMES_OF_ONE if view else _NAMES, is_lenient=is_lenient()
        )  # fmt: skip
        kind, has_header = _format(asked), asked.one("header") or "true"
        if has_header not in ("true", "false"):
            raise QueryError("header is neither true nor false", "Write true or false.")
        ask = _ask(asked, body if is_view else definition_at(view, asked))
    ran = run_view(platform(), who(), zone, ask)
    if ran.has_lists and kind == "csv":
        raise QueryError("CSV holds no lists", "Ask for json, ndjson or parquet, or take collection out of the view.")
    content = WRITERS[kind](ran.frame, has_header == "true")
    return Response(content, content_type=shown.FORMATS[kind])


def definition_at(view: str, asked: Given) -> Any:
    """The view that is named, or in the parameters. raises NotFound, QueryError"""
    sent, reference = asked.resource("viewResource"), asked.one("viewReference")
    if view or reference:
        if sent is not None:
            raise QueryError("there are two views", "Give viewResource or viewReference, one of them.")
        name = view or reference.removeprefix("ViewDefinition/")
        if name not in ready_views():
            raise NotFound("there is no such view", f"Send it, or name one of {', '.join(ready_views())}.")
        return definition_of(name)
    if sent is None:
        raise QueryError("there is no view", "Send a ViewDefinition as the body or as viewResource.")
    return sent


def _ask(asked: Given, definition: Any) -> RunAsk:
    limit = asked.one("_limit") or str(MOST_ROWS)
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10):
        raise QueryError("_limit is no number of rows", "Write a whole number.")
    patients = tuple(one.removeprefix("Patient/") for one in asked.listed("patient"))
    if any(not schemas.is_id(one) for one in patients):
        raise QueryError("patient refers to no patient", "Write Patient/ID.")
    return RunAsk(definition, asked.resources.get("resource"), patients, asked.one("_since"), int(limit))


def _format(asked: Given) -> str:
    """The name of the format: that of ``_format``, else the first one that Accept names. raises NotAcceptable"""
    told = asked.one("_format")
    for one in [told] if told else request.headers.get("Accept", "*/*").split(","):
        name = one.partition(";")[0].strip().lower()
        if name in shown.NAMES:
            return shown.NAMES[name]
    raise NotAcceptable


def _json(frame: pl.DataFrame, _: bool) -> bytes:
    return orjson.dumps(frame.to_dicts())


def _ndjson(frame: pl.DataFrame, _: bool) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in frame.iter_rows(named=True))


def _csv(frame: pl.DataFrame, has_header: bool) -> bytes:
    return frame.write_csv(include_header=has_header).encode()


def _parquet(frame: pl.DataFrame, _: bool) -> bytes:
    out = BytesIO()
    frame.write_parquet(out, compression="zstd")
    return out.getvalue()


WRITERS: dict[str, Callable[[pl.DataFrame, bool], bytes]] = {
    "json": _json, "ndjson": _ndjson, "csv": _csv, "parquet": _parquet,
}  # fmt: skip
"""Format -> what writes a table in it, with or without the first line of CSV."""
