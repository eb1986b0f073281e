"""Routes of linkage: run, list, show, decide, and the golden record."""

from typing import Annotated, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import base_url, platform, who
from careloom.api.linkage_schemas import (
    CURSOR_PATTERN,
    ID_PATTERN,
    ONE_ID,
    DecidedPair,
    Decision,
    GoldenRecord,
    LinkageJob,
    PairDetail,
    PairPage,
    RunAsk,
)
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem
from careloom.services import golden as golden_service
from careloom.services import linkage_jobs, linkage_review

TAG = Tag(name="Linkage", description="Which patients are one person: found, explained, decided, undone.")
_LINK: list[dict[str, list[str]]] = [{"oauth2": ["careloom/link"]}]
_LOOK: list[dict[str, list[str]]] = [{"oauth2": ["careloom/link", "system/*.r"]}]
_DECIDE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/decide"]}]
_READ: list[dict[str, list[str]]] = [{"oauth2": ["system/*.r"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

linkage = APIBlueprint("linkage", __name__, url_prefix="/api/v1/linkage", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(linkage, Problem, PairPage, PairDetail, DecidedPair, LinkageJob, GoldenRecord)
    app.register_api(linkage)


class PairsQuery(Model):
    """Which pairs, and which page of them."""

    state: Literal["", "review", "linked", "rejected"] = told("", "Only pairs of this state.", "review")
    origin: Literal["", "model", "person", "feed"] = told("", "Only what this one decided.", "")
    patient: Annotated[str, Field(pattern=ID_PATTERN)] | None = told(None, "Stored id of a Patient.", ONE_ID)
    least: Annotated[float, Field(ge=0, le=1)] = told(0.0, "Least probability.", 0.05)
    limit: Annotated[int, Field(ge=1, le=200)] = told(20, "Items of one page.", 20)
    cursor: Annotated[str, Field(pattern=CURSOR_PATTERN)] = told("", "`next` of the page before.", "")


class PairPath(Model):
    """Which pair."""

    pair: Annotated[str, Field(pattern=ID_PATTERN)] = told(..., "The id of the pair.", ONE_ID)


class LinkageRunPath(Model):
    """Which run."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the run.", RUN_ID)


class PersonPath(Model):
    """Which patient."""

    patient_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,64}$")] = told(..., "A Patient's stored id.", ONE_ID)


@linkage.post(
    "/runs",
    summary="Find patients who are one person",
    operation_id="run_linkage",
    security=_LINK,
    responses={
        202: answers(
            LinkageJob,
            "The run is queued.",
            headers={"Location": {"schema": {"type": "string"}, "description": "Where to watch the run."}},
        ),
        **problems(*_REFUSALS, 413, 415),
    },
)
def queued(body: RunAsk) -> Response:
    """Links the sure ones when the job worker gets to it, and leaves the doubtful for a person."""
    made = linkage_jobs.submit_run(platform(), who(), full=body.full)
    response = json_answer(made, 202)
    response.headers["Location"] = f"{base_url()}/api/v1/linkage/runs/{made['id']}"
    return response


@linkage.get(
    "/runs/<run_id>",
    summary="Show a queued run",
    operation_id="show_linkage_run",
    security=_LINK,
    responses={200: answers(LinkageJob, "The run as it stands."), **problems(*_REFUSALS, 404)},
)
def run_shown(path: LinkageRunPath) -> Response:
    """How far it is, and what it found once it is done."""
    return json_answer(linkage_jobs.show_run(platform(), who(), path.run_id))


@linkage.get(
    "/pairs",
    summary="List pairs",
    operation_id="list_pairs",
    security=_LINK,
    responses={200: answers(PairPage, "A page, the strongest first."), **problems(*_REFUSALS)},
)
def listed(query: PairsQuery) -> Response:
    """Ids, scores and reasons; no value of any patient."""
    ask = linkage_review.PairsAsk(
        query.state, query.origin, query.patient or "", query.least, query.limit, query.cursor
    )
    return json_answer(linkage_review.list_pairs(platform(), who(), ask))


@linkage.get(
    "/pairs/<pair>",
    summary="Show a pair side by side",
    operation_id="show_pair",
    security=_LOOK,
    responses={200: answers(PairDetail, "Both patients, what agrees, what was decided."), **problems(*_REFUSALS, 404)},
)
def shown(path: PairPath) -> Response:
    """Audited as a disclosure of both patients."""
    return json_answer(linkage_review.show_pair(platform(), who(), path.pair))


@linkage.post(
    "/pairs/<pair>/decisions",
    summary="Accept, reject or undo",
    operation_id="decide_pair",
    security=_DECIDE,
    responses={200: answers(DecidedPair, "The pair as it stands now."), **problems(*_REFUSALS, 404, 413, 415)},
)
def decided(path: PairPath, body: Decision) -> Response:
    """Patient.link follows at once; who, when and why is kept."""
    return json_answer(linkage_review.decide(platform(), who(), path.pair, body.action, body.reason))


@linkage.get(
    "/patients/<patient_id>/golden",
    summary="The golden record of a person",
    operation_id="golden_record",
    security=_READ,
    responses={
        200: answers(GoldenRecord, "The best value of each field, with its origin."),
        **problems(*_REFUSALS, 404, 410),
    },
)
def golden(path: PersonPath) -> Response:
    """Made from all records that linked pairs make one person with this one."""
    return json_answer(golden_service.golden(platform(), who(), path.patient_id))
