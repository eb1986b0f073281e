"""The route that shows real and synthetic rows of a sample beside each other, without cells of few patients."""

from typing import Any, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI
from pydantic import ConfigDict, Field

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.schemas import Count, Model, Problem
from careloom.api.synthetic import READ, REFUSALS, TAG
from careloom.api.synthetic_schemas import RunPath

OVERLAYS: dict[str, Any] = {
    "state": "shown", "version": 1, "smallest": 11, "real_rows": 8000, "synthetic_rows": 10000,
    "columns": [
        {"name": "sex", "kind": "categorical", "unit": "", "labels": ["F", "M"], "real": [4100, 3900],
         "synthetic": [5080, 4920]},
        {"name": "days", "kind": "integer", "unit": "d", "labels": ["below 5", "5 to 10", "10 and more"],
         "real": [4000, 3000, 1000], "synthetic": [5100, 3800, 1100]},
    ],
    "pairs": {"columns": ["sex", "days"], "real": [[None, 0.21], [0.21, None]],
              "synthetic": [[None, 0.18], [0.18, None]]},
}  # fmt: skip

synthetic_overlays = APIBlueprint("synthetic_overlays", __name__, url_prefix="/api/v1/synthetic", abp_tags=[TAG])


class OverlaidColumn(Model):
    """A column of both sides in the same bins."""

    name: str
    kind: str
    unit: str = Field(description="UCUM, empty where it has none.")
    labels: list[str]
    real: list[Count | None] = Field(description="Rows a bin, of who was learnt from; null: left out.")
    synthetic: list[Count | None]


class OverlaidPairs(Model):
    """How pairs of columns hang together: Pearson of two numbers (-1 to 1), Cramer's V of all else (0 to 1)."""

    columns: list[str]
    real: list[list[float | None]]
    synthetic: list[list[float | None]]


class SampleOverlays(Model):
    """Real and synthetic rows of a table beside each other."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": OVERLAYS})

    state: Literal["shown", "before", "none"] = Field(
        description="before: it was judged before overlays were kept; none: not of a table, or not judged for fidelity."
    )
    version: int | None
    smallest: Count = Field(description="Fewer patients than that are left out, with what would give them away.")
    real_rows: Count = Field(description="Looked at, by lot where there are more.")
    synthetic_rows: Count
    columns: list[OverlaidColumn]
    pairs: OverlaidPairs


def register(app: OpenAPI) -> None:
    """Adds the route."""
    document(synthetic_overlays, Problem, SampleOverlays)
    app.register_api(synthetic_overlays)


@synthetic_overlays.get(
    "/samples/<run_id>/overlays",
    summary="Show real and synthetic rows beside each other",
    operation_id="synthetic_overlays",
    security=READ,
    responses={200: answers(SampleOverlays, "As the judge kept them."), **problems(*REFUSALS, 404)},
)
def overlays_shown(path: RunPath) -> Response:
    """For who may read what was learnt: they count patients, without noise."""
    from careloom.services import synthesize_overlays as service  # noqa: PLC0415 - see careloom.api.synthetic

    return json_answer(service.overlays_of(platform(), who(), path.run_id))
