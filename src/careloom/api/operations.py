"""Routes for operators: how everything is that this installation depends on."""

from dataclasses import asdict

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.operations_schemas import Health
from careloom.api.schemas import Problem
from careloom.services import dependencies

_TAG = Tag(name="Operations", description="For who keeps this installation running.")
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]

operations = APIBlueprint("operations", __name__, url_prefix="/api/v1", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(operations, Problem, Health)
    app.register_api(operations)


@operations.get(
    "/health",
    summary="How is everything that is needed?",
    operation_id="health",
    security=_MONITOR,
    responses={200: answers(Health, "Each dependency as it is now."), **problems(400, 401, 403, 500, 503)},
)
def shown() -> Response:
    """Keys, stores, queue, worker, disk, Redis, MLflow and collectors, each asked now: state, latency and numbers."""
    found = dependencies.health(platform(), who())
    return json_answer({"state": dependencies.state_of(found), "dependencies": [asdict(one) for one in found]})
