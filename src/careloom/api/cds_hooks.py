"""Routes of CDS Hooks: discovery, a call, feedback. Every address needs a bearer token of a registered client.

source  CDS Hooks 2.0 (https://cds-hooks.hl7.org)
"""

from typing import Any

from flask import Response, request
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.cds_cards_schemas import CdsCards, CdsServices, sound
from careloom.api.cds_hooks_schemas import CdsCallBody, CdsFeedbackBody, CdsFeedbackTaken, CdsServicePath
from careloom.api.context import platform, who
from careloom.api.schemas import Problem
from careloom.services.cds_calls import hook_ask

_TAG = Tag(
    name="CDS Hooks",
    description="Cards for the EHR: risks that reach a threshold, what is against an order.",
)
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_READ: list[dict[str, list[str]]] = [{"oauth2": ["system/*.r"]}]
_CORRECT: list[dict[str, list[str]]] = [{"oauth2": ["careloom/correct"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 500, 503)

cds = APIBlueprint("cds", __name__, url_prefix="/cds-services", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes; what an EHR sends along may be longer than other bodies."""
    document(cds, Problem, CdsServices, CdsCards, CdsFeedbackTaken)
    app.register_api(cds)


@cds.before_request
def bounded() -> None:
    """Sets the limit on bodies of calls and feedback."""
    request.max_content_length = platform().settings.cds.max_call_bytes


@cds.get(
    "",
    summary="List the CDS services",
    operation_id="cds_discovery",
    security=_MONITOR,
    responses={200: answers(CdsServices, "One a model and hook, and those of orders."), **problems(*_REFUSALS)},
)
def discovered() -> Response:
    """Those of models with a champion and a threshold of alerts, and those that look at orders."""
    from careloom.services import cds_services  # noqa: PLC0415 - what scores takes time to load

    return json_answer(sound(CdsServices, {"services": cds_services.discovery(platform(), who())}))


@cds.post(
    "/<service_id>",
    summary="Call a CDS service",
    operation_id="cds_call",
    security=_READ,
    responses={200: answers(CdsCards, "Cards, or none."), **problems(*_REFUSALS, 404, 409, 412, 413, 415)},
)
def called(path: CdsServicePath, body: CdsCallBody) -> Response:
    """The record is read from the store; where it is not there from what the call brings, else 412."""
    from careloom.services import cds_services  # noqa: PLC0415 - the same

    ask = hook_ask(body.model_dump(exclude={"prefetch"}) | {"prefetch": body.prefetch})
    return json_answer(sound(CdsCards, {"cards": cds_services.cards(platform(), who(), path.service_id, ask)}))


@cds.post(
    "/<service_id>/feedback",
    summary="Tell what became of cards",
    operation_id="cds_feedback",
    security=_CORRECT,
    responses={200: answers(CdsFeedbackTaken, "How many were kept."), **problems(*_REFUSALS, 404, 413, 415)},
)
def fed_back(path: CdsServicePath, body: CdsFeedbackBody) -> Response:
    """Live predictive value and reasons of overrides are made of this. Comments are not kept."""
    from careloom.services import cds_services  # noqa: PLC0415 - the same

    told = [one.model_dump() for one in body.feedback]
    return json_answer(cds_services.feedback(platform(), who(), path.service_id, told))
