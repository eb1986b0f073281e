"""Routes of research tables: the codebook of a table, and the table as numbers by a codebook."""

from typing import Annotated, Any

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, example_of, problems, told
from careloom.api.context import platform, who
from careloom.api.research_schemas import Codebook, EncodeAsk, EncodedTable
from careloom.api.schemas import Model, Problem
from careloom.errors import Conflict, FormatError

SMALLEST_CELL = 11
"""As `careloom.tables.encoding`, which is not loaded before somebody asks: it takes 100 MB."""
MOST_ROWS = 1_000_000
"""An answer is made in memory, for each request that waits for one."""
_TAG = Tag(name="Research tables", description="Tables of the research zone as numbers, by a codebook.")
_READ: list[dict[str, list[str]]] = [{"oauth2": ["system/*.r"]}]
_REFUSALS = (400, 401, 403, 404, 409, 413, 500, 503)
_PARQUET = "application/vnd.apache.parquet"

research = APIBlueprint("research", __name__, url_prefix="/api/v1/research", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(research, Problem, Codebook, EncodedTable)
    app.register_api(research)


class TablePath(Model):
    """Which table."""

    table: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")] = told(..., "The name of the table.", "patients")


class CodebookQuery(Model):
    """How to make one."""

    smallest: Annotated[int, Field(ge=1, le=1_000_000)] = told(
        SMALLEST_CELL, "A category of fewer patients gets no number of its own.", SMALLEST_CELL
    )


@research.get(
    "/<table>/codebook",
    summary="Make the codebook of a research table",
    operation_id="codebook",
    security=_READ,
    responses={200: answers(Codebook, "A codebook of the table as it is now."), **problems(*_REFUSALS)},
)
def codebook(path: TablePath, query: CodebookQuery) -> Response:
    """Keep it: the same codebook encodes later data alike. It holds no category of few patients."""
    from careloom.services import encode as service  # noqa: PLC0415 - see SMALLEST_CELL

    ask = service.EncodeAsk(smallest=query.smallest, most_rows=MOST_ROWS)
    made = service.codebook_of(platform(), who(), path.table, ask)
    return Response(made.as_json(), content_type="application/json")


_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": _PARQUET, "json": "application/json"}
_ANSWERS: dict[str, Any] = {
    "text/csv": {"schema": {"type": "string"}, "example": "patient_id,gender\n"},
    _PARQUET: {"schema": {"type": "string", "format": "binary"}, "example": "PAR1"},
    "application/json": {
        "schema": {"$ref": "#/components/schemas/EncodedTable"}, "example": example_of(EncodedTable)
    },
}  # fmt: skip


@research.post(
    "/<table>/encoded",
    summary="A research table as numbers",
    operation_id="encode",
    security=_READ,
    responses={200: {"description": "The table.", "content": _ANSWERS}, **problems(*_REFUSALS, 415)},
)
def encoded(path: TablePath, body: EncodeAsk) -> Response:
    """CSV, Parquet or JSON. 409 if the codebook is of another table, 413 if the table has more than a million rows."""
    from careloom.services import encode as service  # noqa: PLC0415 - see SMALLEST_CELL

    ask = service.EncodeAsk(orjson.dumps(body.codebook.model_dump()).decode(), most_rows=MOST_ROWS)
    try:
        made = service.encode_table(platform(), who(), path.table, ask)
    except FormatError as error:  # the schema has seen to its form: it is another table's
        raise Conflict(error.where, error.remedy) from None
    answer = Response(service.content_of(made, body.format), content_type=_TYPES[body.format])
    if body.format != "json":
        answer.headers["Content-Disposition"] = f'attachment; filename="{path.table}.{body.format}"'
    return answer
