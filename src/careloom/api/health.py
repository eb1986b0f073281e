"""Whether the server lives, whether it can work, and its numbers for Prometheus."""

from typing import Literal

from flask import Response, request
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import BaseModel, ConfigDict

from careloom.api import metrics
from careloom.api.answers import document, problems
from careloom.api.context import platform, who
from careloom.api.problems import answer
from careloom.api.schemas import Problem
from careloom.services.health import gauges, readiness

_TAG = Tag(name="Health", description="For load balancers and Prometheus.")
health = APIBlueprint("health", __name__, abp_tags=[_TAG])


class Alive(BaseModel):
    """The server answers."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ok"}})

    status: Literal["ok"]


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(health, Problem)
    app.register_api(health)


@health.get("/healthz", summary="Does the server live?", operation_id="live", security=[], responses={200: Alive})
def live() -> Response:
    """Answers as long as the process does; touches nothing else."""
    return Response(b'{"status":"ok"}', content_type="application/json")


@health.get(
    "/readyz",
    summary="Can the server work?",
    operation_id="ready",
    security=[],
    responses={200: Alive, **problems(503)},
)
def ready() -> Response:
    """Opens the keys, asks the store and the queue of jobs; 503 while one of them does not answer."""
    if readiness(platform()).is_ready:
        return Response(b'{"status":"ok"}', content_type="application/json")
    return answer(503, "setup", "this installation is not ready", "Its operator sees why in the log.")


_EXPOSITION = {
    "content": {
        "text/plain": {
            "schema": {"type": "string"},
            "example": 'careloom_resources{type="Patient",zone="identified"} 12.0\n',
        }
    },
    "description": "The numbers in Prometheus' text format.",
}


@health.get(
    "/metrics",
    summary="Numbers for Prometheus",
    operation_id="metrics",
    security=[{"oauth2": ["careloom/monitor"]}],
    responses={200: _EXPOSITION, **problems(401, 403, 500, 503)},
)
def numbers() -> Response:
    """Requests by route and status, durations, resources, quarantine and jobs; needs the scope careloom/monitor."""
    text, content_type = metrics.exposition(gauges(platform(), who()), request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)
