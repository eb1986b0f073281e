"""Routes of normalizations: rehearse or apply, list, show, cancel."""

from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, queued_answer, told
from careloom.api.context import base_url, platform, who
from careloom.api.normalizations_schemas import (
    Normalization,
    NormalizationAsk,
    NormalizationDetail,
    NormalizationPage,
)
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem, RunsQuery
from careloom.services import normalizations as service

_TAG = Tag(name="Normalization", description="Units, codes, names and addresses in one form; each change told.")
_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/ingest"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

normalizations = APIBlueprint("normalizations", __name__, url_prefix="/api/v1/normalizations", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(normalizations, Problem, Normalization, NormalizationDetail, NormalizationPage)
    app.register_api(normalizations)


class NormalizationPath(Model):
    """Which normalization."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the normalization.", RUN_ID)


@normalizations.post(
    "",
    summary="Rehearse or apply a normalization",
    operation_id="normalize",
    security=_SCOPE,
    responses={
        202: queued_answer(Normalization),
        **problems(*_REFUSALS, 413, 415),
    },
)
def queued(body: NormalizationAsk) -> Response:
    """A rehearsal changes nothing. Otherwise each changed resource is a new version; what came is in its history."""
    made = service.submit(platform(), who(), is_rehearsal=body.rehearsal)
    return json_answer(made, 202, at=f"{base_url()}/api/v1/normalizations/{made['id']}")


@normalizations.get(
    "",
    summary="List normalizations",
    operation_id="list_normalizations",
    security=_SCOPE,
    responses={200: answers(NormalizationPage, "A page, newest first."), **problems(*_REFUSALS)},
)
def listed(query: RunsQuery) -> Response:
    """Rehearsals and those that changed something, of every face of the platform."""
    return json_answer(service.list_runs(platform(), who(), limit=query.limit, cursor=query.cursor))


@normalizations.get(
    "/<run_id>",
    summary="Show a normalization",
    operation_id="show_normalization",
    security=_SCOPE,
    responses={200: answers(NormalizationDetail, "It as it stands."), **problems(*_REFUSALS, 404)},
)
def shown(path: NormalizationPath) -> Response:
    """How far it is, and what changed by code, with resources where it did: ids and places, no value."""
    return json_answer(service.show_run(platform(), who(), path.run_id))


@normalizations.post(
    "/<run_id>/cancel",
    summary="Cancel a normalization",
    operation_id="cancel_normalization",
    security=_SCOPE,
    responses={200: answers(Normalization, "It, cancelled."), **problems(*_REFUSALS, 404)},
)
def cancelled(path: NormalizationPath) -> Response:
    """At once if it waits, before its next transaction if it runs. What it has committed stays.

    Only who asked for it may, and who may operate the identified zone.
    """
    return json_answer(service.cancel_run(platform(), who(), path.run_id))
