"""Routes of quarantine: what waits, and another try of it."""

from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, queued_answer, told
from careloom.api.context import base_url, platform, who
from careloom.api.quarantine_schemas import QuarantinePage, Redrive, RedriveAsk
from careloom.api.schemas import CODE_PATTERN, RUN_ID, RUN_PATTERN, Model, Problem
from careloom.services import redrives as service

_TAG = Tag(name="Quarantine", description="Records that were refused whole, with place, reason and remedy.")
_BASE = "/api/v1/quarantine"
_REFUSALS = (400, 401, 403, 409, 500, 503)

quarantine = APIBlueprint("quarantine", __name__, url_prefix=_BASE, abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(quarantine, Problem, QuarantinePage, Redrive)
    app.register_api(quarantine)


class QuarantineQuery(Model):
    """Which waiting records."""

    code: Annotated[str, Field(pattern=rf"^({CODE_PATTERN[1:-1]})?$")] = told(
        "", "Only records that were refused for this reason.", "fhir.required-missing"
    )
    limit: Annotated[int, Field(ge=1, le=500)] = told(50, "Items of one page.", 50)
    cursor: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = told("", "`next` of the page before.", "17")


class RedrivePath(Model):
    """Which try."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the try.", RUN_ID)


@quarantine.get(
    "",
    summary="List what waits in quarantine",
    operation_id="list_quarantine",
    security=[{"oauth2": ["careloom/quarantine"]}],
    responses={200: answers(QuarantinePage, "A page, in order of arrival."), **problems(*_REFUSALS)},
)
def listed(query: QuarantineQuery) -> Response:
    """Records of all ingestions, with place, reason and remedy; no value of any."""
    found = service.waiting_records(platform(), who(), code=query.code, limit=query.limit, cursor=query.cursor)
    return json_answer(found)


@quarantine.post(
    "/redrives",
    summary="Try refused records again",
    operation_id="redrive",
    security=[{"oauth2": ["careloom/ingest"]}],
    responses={202: queued_answer(Redrive), **problems(*_REFUSALS, 404, 413, 415)},
)
def queued(body: RedriveAsk) -> Response:
    """After a mapping, a terminology or Careloom itself was mended. What is refused again waits again."""
    made = service.submit(platform(), who(), tuple(body.records), body.code)
    return json_answer(made, 202, at=f"{base_url()}{_BASE}/redrives/{made['id']}")


@quarantine.get(
    "/redrives/<run_id>",
    summary="Show a try",
    operation_id="show_redrive",
    security=[{"oauth2": ["careloom/quarantine"]}],
    responses={200: answers(Redrive, "It as it stands."), **problems(*_REFUSALS, 404)},
)
def shown(path: RedrivePath) -> Response:
    """How far it is, and what became of the records."""
    return json_answer(service.show(platform(), who(), path.run_id))
