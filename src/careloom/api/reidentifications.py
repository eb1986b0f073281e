"""Routes of the pseudonym vault: ask who is behind pseudonyms, list, show, decide, reveal."""

from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import base_url, platform, who
from careloom.api.reidentifications_schemas import (
    CURSOR_PATTERN,
    ID_PATTERN,
    ONE_ID,
    AskedReidentification,
    Reidentification,
    ReidentificationAsk,
    ReidentificationDecision,
    ReidentificationPage,
    RevealedReidentification,
)
from careloom.api.schemas import Model, Problem
from careloom.services import vault

TAG = Tag(name="Reidentification", description="Who is behind pseudonyms: asked, approved by another, revealed.")
_ASK: list[dict[str, list[str]]] = [{"oauth2": ["careloom/inquire"]}]
_DECIDE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/reidentify"]}]
_REFUSALS = (400, 401, 403, 500, 503)

reidentifications = APIBlueprint("reidentifications", __name__, url_prefix="/api/v1/reidentifications", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    shown = (ReidentificationPage, Reidentification, AskedReidentification, RevealedReidentification)
    document(reidentifications, Problem, *shown)
    app.register_api(reidentifications)


class ReidentificationsQuery(Model):
    """Which page."""

    limit: Annotated[int, Field(ge=1, le=200)] = told(20, "Items of one page.", 20)
    cursor: Annotated[str, Field(pattern=CURSOR_PATTERN)] = told("", "`next` of the page before.", "")


class ReidentificationPath(Model):
    """Which request."""

    request_id: Annotated[str, Field(pattern=ID_PATTERN)] = told(..., "The id of the request.", ONE_ID)


@reidentifications.post(
    "",
    summary="Ask who is behind pseudonyms",
    operation_id="ask_reidentification",
    security=_ASK,
    responses={
        201: answers(
            AskedReidentification,
            "The request is kept; somebody else has to approve it.",
            headers={"Location": {"schema": {"type": "string"}, "description": "Where the request stands."}},
        ),
        **problems(*_REFUSALS, 404, 410, 413, 415),
    },
)
def asked(body: ReidentificationAsk) -> Response:
    """Each name is looked for at once; one that nothing stands behind is refused by its number."""
    question = vault.Question(tuple(body.names), body.reason, body.purpose, body.project, body.epoch)
    made = vault.ask(platform(), who(), question)
    response = json_answer(made, 201)
    response.headers["Location"] = f"{base_url()}/api/v1/reidentifications/{made['id']}"
    return response


@reidentifications.get(
    "",
    summary="List requests",
    operation_id="list_reidentifications",
    security=_ASK,
    responses={200: answers(ReidentificationPage, "A page, newest first."), **problems(*_REFUSALS)},
)
def listed(query: ReidentificationsQuery) -> Response:
    """One's own, or everybody's with the scope careloom/reidentify; no pseudonym and no reason."""
    return json_answer(vault.list_requests(platform(), who(), limit=query.limit, cursor=query.cursor))


@reidentifications.get(
    "/<request_id>",
    summary="Show a request",
    operation_id="show_reidentification",
    security=_ASK,
    responses={200: answers(Reidentification, "What was asked, why, and how it stands."), **problems(*_REFUSALS, 404)},
)
def shown(path: ReidentificationPath) -> Response:
    """One's own, or anybody's with the scope careloom/reidentify."""
    return json_answer(vault.show(platform(), who(), path.request_id))


@reidentifications.post(
    "/<request_id>/decisions",
    summary="Approve or refuse",
    operation_id="decide_reidentification",
    security=_DECIDE,
    responses={
        200: answers(Reidentification, "The request as it stands now."),
        **problems(*_REFUSALS, 404, 409, 410, 413, 415),
    },
)
def decided(path: ReidentificationPath, body: ReidentificationDecision) -> Response:
    """Nobody decides what they asked themselves."""
    return json_answer(vault.decide(platform(), who(), path.request_id, body.decision, body.remark))


@reidentifications.post(
    "/<request_id>/reveal",
    summary="Learn who is behind the pseudonyms",
    operation_id="reveal_reidentification",
    security=_ASK,
    responses={200: answers(RevealedReidentification, "The answers."), **problems(*_REFUSALS, 404, 409, 410)},
)
def revealed(path: ReidentificationPath) -> Response:
    """For who asked, while an approval holds; audited as a disclosure of the patients."""
    return json_answer(vault.reveal(platform(), who(), path.request_id))
