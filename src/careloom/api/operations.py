"""Routes for operators: how everything is that this installation depends on, and what its log says."""

from dataclasses import asdict

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.lists import context_for, opened_place, sealed_place
from careloom.api.operations_schemas import (
    Costs,
    Deployment,
    Health,
    OperatorLogPage,
    OperatorLogsQuery,
    Usage,
    WindowQuery,
)
from careloom.api.schemas import Problem
from careloom.services import dependencies, deployment, operator_logs
from careloom.services import usage as service

_TAG = Tag(name="Operations", description="For who keeps this installation running.")
_OPERATE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/operate"]}]
_EVIDENCE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/audit"]}]
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]

operations = APIBlueprint("operations", __name__, url_prefix="/api/v1", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(operations, Problem, Health, OperatorLogPage, Usage, Costs, Deployment)
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


@operations.get(
    "/logs",
    summary="What does the log say?",
    operation_id="logs",
    security=_OPERATE,
    responses={
        200: answers(OperatorLogPage, "Of all processes, newest first."),
        **problems(400, 401, 403, 500, 503),
    },
)
def logged(query: OperatorLogsQuery) -> Response:
    """Found by time, level, code and request; no line holds anything of a patient.

    A page may hold fewer lines than were asked for, or none, and still name a next one: what is rare is looked for in
    several steps.
    """
    context = context_for(query)
    place = opened_place(query.cursor, context) if query.cursor else None
    ask = operator_logs.LogsAsk(
        since=query.since, until=query.until, level=query.level, component=query.component, code=query.code,
        request=query.request, limit=query.limit, place=(place[0], int(place[1])) if place else None,
    )  # fmt: skip
    found, then = operator_logs.lines(platform(), who(), ask)
    more = sealed_place([then[0], str(then[1])], context) if then else None
    return json_answer({"items": found, "next": more})


@operations.get(
    "/usage",
    summary="How is the API used?",
    operation_id="usage",
    security=_OPERATE,
    responses={200: answers(Usage, "Requests by route, by caller and by time."), **problems(400, 401, 403, 500, 503)},
)
def used(query: WindowQuery) -> Response:
    """Counts, refusals, failures and the exact quantiles of the seconds, from the lines that are kept of requests."""
    return json_answer(service.usage(platform(), who(), query.since, query.until))


@operations.get(
    "/costs",
    summary="What did jobs take?",
    operation_id="costs",
    security=_OPERATE,
    responses={200: answers(Costs, "By kind and asker, the most CPU first."), **problems(400, 401, 403, 500, 503)},
)
def cost(query: WindowQuery) -> Response:
    """Seconds of processors, seconds that passed and bytes that were read, as measured; a price is nobody's here."""
    return json_answer(service.costs(platform(), who(), query.since, query.until))


@operations.get(
    "/deployment",
    summary="What runs here?",
    operation_id="deployment",
    security=_MONITOR,
    responses={
        200: answers(Deployment, "Versions, and fingerprints without a value."),
        **problems(400, 401, 403, 500, 503),
    },
)
def deployed() -> Response:
    """Package, libraries, stores, models in use and terminologies; which settings differ from the defaults."""
    return json_answer(deployment.running(platform(), who()))


@operations.get(
    "/deployment/evidence",
    summary="Evidence of what runs here",
    operation_id="deployment_evidence",
    security=_EVIDENCE,
    responses={
        200: {
            "description": "A zip with a signed manifest of the SHA-256 of every file.",
            "content": {
                "application/zip": {"schema": {"type": "string", "format": "binary"}, "example": "(bytes of a zip)"}
            },
        },
        **problems(400, 401, 403, 500, 503),
    },
)
def evidence() -> Response:
    """Versions, libraries, signed checkpoints of the audit chains, models in use, certificates of erasures."""
    response = Response(deployment.evidence(platform(), who()), 200, content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="careloom-evidence.zip"'
    return response
