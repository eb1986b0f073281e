"""Routes of exploring: what there is in a zone, charts of it, and rows of it. Values stand in bodies, not in addresses.

Services are loaded when somebody asks: tables take 100 MB.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.explore_schemas import (
    Condition,
    ExploreBody,
    Explored,
    ExploredRows,
    ExplorePath,
    ExploreSources,
    GridBody,
)
from careloom.api.schemas import Problem

if TYPE_CHECKING:
    from careloom.services.explore_filters import Filter

_TAG = Tag(name="Explore", description="Distributions, trends, cross-tabs and rows of a zone; small cells left out.")
_SEARCH: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 404, 409, 413, 415, 500, 503)

explore = APIBlueprint("explore", __name__, url_prefix="/api/v1/explore", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(explore, Problem, ExploreSources, Explored, ExploredRows)
    app.register_api(explore)


@explore.get(
    "/<zone>/sources",
    summary="List what can be explored",
    operation_id="list_explore_sources",
    security=_SEARCH,
    responses={200: answers(ExploreSources, "Tables first, then views."), **problems(400, 401, 403, 409, 500, 503)},
)
def listed(path: ExplorePath) -> Response:
    """Tables of the zone's lake, and the views that ship over its store; of the identified zone views alone."""
    from careloom.services.explore import explore_sources  # noqa: PLC0415 - see the module

    return json_answer({"items": explore_sources(platform(), who(), path.zone)})


@explore.post(
    "/<zone>",
    summary="Chart a table or view",
    operation_id="explore_source",
    security=_SEARCH,
    responses={200: answers(Explored, "Counts; small cells are null."), **problems(*_REFUSALS)},
)
def charted(path: ExplorePath, body: ExploreBody) -> Response:
    """A cell of fewer patients than `smallest_cell` is left out, and so is what would give it away."""
    from careloom.services.explore import ExploreAsk  # noqa: PLC0415 - see the module
    from careloom.services.explore import explore as explored  # noqa: PLC0415 - the same
    from careloom.services.explore_charts import ChartAsk  # noqa: PLC0415 - the same

    charts = tuple(ChartAsk(one.kind, one.column, one.by, one.value, tuple(one.names)) for one in body.charts)
    ask = ExploreAsk(body.source, charts, _filters(body.filters), body.against)
    return json_answer(explored(platform(), who(), path.zone, ask))


@explore.post(
    "/<zone>/rows",
    summary="Read rows of a table or view",
    operation_id="explore_rows",
    security=_SEARCH,
    responses={200: answers(ExploredRows, "A page of them."), **problems(*_REFUSALS)},
)
def rows(path: ExplorePath, body: GridBody) -> Response:
    """Sorted and filtered here; columns that may name a person are never among them."""
    from careloom.services.explore import GridAsk, explore_rows  # noqa: PLC0415 - see the module

    ask = GridAsk(
        body.source, tuple(body.columns), _filters(body.filters), body.sort, body.is_descending, body.start, body.limit
    )
    return json_answer(explore_rows(platform(), who(), path.zone, ask))


def _filters(sent: Iterable[Condition]) -> "tuple[Filter, ...]":
    from careloom.services.explore_filters import Filter  # noqa: PLC0415 - see the module

    return tuple(Filter(one.column, one.operator, tuple(one.values)) for one in sent)
