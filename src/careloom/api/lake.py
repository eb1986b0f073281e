"""Routes of the lake: tables, their columns, versions and rows, and the refresh of a view's table.

Services are loaded when somebody asks: tables take 100 MB.
"""

from typing import Any
from urllib.parse import urlencode

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems, queued_answer
from careloom.api.context import base_url, platform, who
from careloom.api.lake_schemas import (
    RefreshPath,
    RowsQuery,
    Table,
    TableDetail,
    TableList,
    TablePath,
    TableRefresh,
    ZonePath,
)
from careloom.api.schemas import Problem

_TAG = Tag(name="Lake", description="Delta tables of the research and synthetic zones: versions, columns, rows.")
_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)
_ARROW = "application/vnd.apache.arrow.stream"
_PARQUET = "application/vnd.apache.parquet"
_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "arrow": _ARROW, "parquet": _PARQUET}
_ROWS: dict[str, Any] = {
    "description": "The rows; `Link` names the next page, `X-Careloom-Table` the table and version that they are of.",
    "content": {
        "application/x-ndjson": {"schema": {"type": "string"}, "example": '{"patient_id":"4q2c"}\n'},
        "text/csv": {"schema": {"type": "string"}, "example": "patient_id\n4q2c\n"},
        _ARROW: {"schema": {"type": "string", "format": "binary"}, "example": "an Arrow IPC stream"},
        _PARQUET: {"schema": {"type": "string", "format": "binary"}, "example": "PAR1"},
    },
    "headers": {
        "Link": {"schema": {"type": "string"}, "description": 'The next page, `rel="next"`; absent on the last.'},
        "X-Careloom-Table": {"schema": {"type": "string"}, "description": "`layer/name@version`."},
    },
}

lake = APIBlueprint("lake", __name__, url_prefix="/api/v1/lake", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(lake, Problem, TableList, TableDetail, TableRefresh)
    app.register_api(lake)


@lake.get(
    "/<zone>/tables",
    summary="List the tables of a zone",
    operation_id="list_tables",
    security=_SCOPE,
    responses={200: answers(TableList, "All of them, by path."), **problems(*_REFUSALS)},
)
def listed(path: ZonePath) -> Response:
    """Research tables lie in silver, tables of views in gold."""
    from careloom.services import lake as service  # noqa: PLC0415 - see the module

    found = service.lake_tables(platform(), who(), path.zone)
    return json_answer({"items": [_brief(one) for one in found]})


@lake.get(
    "/<zone>/tables/<layer>/<name>",
    summary="Show a table",
    operation_id="show_table",
    security=_SCOPE,
    responses={200: answers(TableDetail, "It as it is now."), **problems(*_REFUSALS, 404)},
)
def shown(path: TablePath) -> Response:
    """Its columns with how close each comes to a person, its versions, and the snapshots that are kept."""
    from careloom.services import lake as service  # noqa: PLC0415 - see the module

    found = service.lake_table(platform(), who(), path.zone, _named(path))
    told = {name: found[name] for name in ("columns", "versions")}
    return json_answer(_brief(found) | told | {"snapshots": [one["name"] for one in found["snapshots"]]})


@lake.get(
    "/<zone>/tables/<layer>/<name>/rows",
    summary="Read rows of a table",
    operation_id="read_table",
    security=_SCOPE,
    responses={200: _ROWS, **problems(*_REFUSALS, 404)},
)
def rows(path: TablePath, query: RowsQuery) -> Response:
    """A page of one version, whose order never changes. What restrictions and consents keep from the caller is left
    out of the page, which may then hold fewer rows than asked, or none, and still not be the last.
    """
    from careloom.services import lake_read  # noqa: PLC0415 - see the module

    name = _named(path) if query.version is None else f"{_named(path)}@{query.version}"
    columns = tuple(query.columns.split(",")) if query.columns else ()
    ask = lake_read.RowsAsk(name, columns, query.start, query.limit)
    page = lake_read.read_rows(platform(), who(), path.zone, ask)
    answer = Response(lake_read.content_of(page, query.format), content_type=_TYPES[query.format])
    answer.headers["X-Careloom-Table"] = f"{page.path}@{page.version}"
    if page.next is not None:
        told = {"version": page.version, "columns": query.columns, "start": page.next, "limit": query.limit}
        asked = urlencode({name: value for name, value in told.items() if value != ""} | {"format": query.format})
        address = f"{base_url()}/api/v1/lake/{path.zone}/tables/{page.path}/rows?{asked}"
        answer.headers["Link"] = f'<{address}>; rel="next"'
    return answer


@lake.post(
    "/<zone>/tables/<layer>/<name>/refresh",
    summary="Bring the table of a view up to date",
    operation_id="refresh_table",
    security=_SCOPE,
    responses={202: queued_answer(TableRefresh), **problems(*_REFUSALS, 404)},
)
def refreshed(path: TablePath) -> Response:
    """As a job; 404 for a table that is of no view."""
    from careloom.services import lake_jobs  # noqa: PLC0415 - see the module

    made = lake_jobs.submit_refresh(platform(), who(), path.zone, _named(path))
    return json_answer(made, 202, at=f"{base_url()}/api/v1/lake/{path.zone}/refreshes/{made['id']}")


@lake.get(
    "/<zone>/refreshes/<run_id>",
    summary="Show a refresh",
    operation_id="show_refresh",
    security=_SCOPE,
    responses={200: answers(TableRefresh, "It as it stands."), **problems(*_REFUSALS, 404)},
)
def refresh(path: RefreshPath) -> Response:
    """Whether it is done, and what became of the table."""
    from careloom.services import lake_jobs  # noqa: PLC0415 - see the module

    return json_answer(lake_jobs.show_refresh(platform(), who(), path.zone, path.run_id))


def _named(path: TablePath) -> str:
    return f"{path.layer}/{path.name}"


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    told = {name: found[name] for name in Table.model_fields if name != "view"}
    return told | {"view": found["facts"].get("view", "")}
