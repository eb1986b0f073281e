"""Routes of duplicates: look for resources that are there twice, list the groups, export them."""

from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import base_url, platform, who
from careloom.api.duplicates_schemas import GROUPS_CURSOR, DuplicatePage, DuplicatesLook
from careloom.api.linkage import TAG
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem
from careloom.quality.duplicates_csv import as_csv
from careloom.services import duplicates as service
from careloom.services.duplicates_jobs import look_state, submit_look

_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/link"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

duplicates = APIBlueprint("duplicates", __name__, url_prefix="/api/v1/linkage/duplicates", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(duplicates, Problem, DuplicatesLook, DuplicatePage)
    app.register_api(duplicates)


class GroupsQuery(Model):
    """Which groups, and which page of them."""

    type: Annotated[str, Field(pattern=r"^([A-Z][A-Za-z]{1,63})?$")] = told("", "Only groups of this type.", "")
    kind: Annotated[str, Field(pattern=r"^(content|event)?$")] = told("", "Only groups of this kind.", "content")
    limit: Annotated[int, Field(ge=1, le=200)] = told(20, "Items of one page.", 20)
    cursor: Annotated[str, Field(pattern=GROUPS_CURSOR)] = told("", "`next` of the page before.", "")


class LookPath(Model):
    """Which look."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the look.", RUN_ID)


@duplicates.post(
    "/looks",
    summary="Look for resources that are there twice",
    operation_id="look_for_duplicates",
    security=_SCOPE,
    responses={
        202: answers(
            DuplicatesLook,
            "The look is queued.",
            headers={"Location": {"schema": {"type": "string"}, "description": "Where to watch it."}},
        ),
        **problems(*_REFUSALS),
    },
)
def looked() -> Response:
    """Every resource is held against all others of its person, by the job worker; nothing is removed."""
    made = submit_look(platform(), who())
    response = json_answer(made, 202)
    response.headers["Location"] = f"{base_url()}/api/v1/linkage/duplicates/looks/{made['id']}"
    return response


@duplicates.get(
    "/looks/<run_id>",
    summary="How far a look for duplicates is",
    operation_id="duplicates_look_state",
    security=_SCOPE,
    responses={200: answers(DuplicatesLook, "The look as it stands."), **problems(*_REFUSALS, 404)},
)
def state(path: LookPath) -> Response:
    """Waiting, running, done, failed or cancelled."""
    return json_answer(look_state(platform(), who(), path.run_id))


@duplicates.get(
    "",
    summary="List resources that are there twice",
    operation_id="list_duplicates",
    security=_SCOPE,
    responses={200: answers(DuplicatePage, "Counts, and a page of groups."), **problems(*_REFUSALS, 404)},
)
def listed(query: GroupsQuery) -> Response:
    """What the newest look found: ids, no value of any patient. 404 if the look of a cursor is not kept any more."""
    ask = service.GroupsAsk(query.type, query.kind, query.limit, query.cursor)
    return json_answer(service.list_groups(platform(), who(), ask))


@duplicates.get(
    "/looks/<run_id>/export",
    summary="Export what a look found",
    operation_id="export_duplicates",
    security=_SCOPE,
    responses={
        200: {
            "description": "One line for each resource that is there twice.",
            "content": {"text/csv": {"schema": {"type": "string"}, "example": "group,same,type,resource,record\r\n"}},
        },
        **problems(*_REFUSALS, 404),
    },
)
def exported(path: LookPath) -> Response:
    """CSV; 404 until the look is done."""
    made = Response(
        as_csv(service.export_groups(platform(), who(), path.run_id)), content_type="text/csv; charset=utf-8"
    )
    made.headers["Content-Disposition"] = f'attachment; filename="duplicates-{path.run_id}.csv"'
    return made
