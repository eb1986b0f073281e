"""Routes of de-identifications: start, list, show, read the signed report, cancel; and the policies that ship."""

from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, queued_answer, told
from careloom.api.context import base_url, platform, who
from careloom.api.deidentifications_schemas import (
    SIGNED,
    Deidentification,
    DeidentificationAsk,
    DeidentificationDetail,
    DeidentificationPage,
    PolicyDetail,
    PolicyList,
    SignedReport,
)
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem, RunsQuery
from careloom.services import deidentification_policies as policy_service
from careloom.services import deidentifications as service

TAG = Tag(name="De-identification", description="The research zone made by a policy; each run leaves a signed report.")
_MAKES: list[dict[str, list[str]]] = [{"oauth2": ["careloom/deidentify"]}]
_READS: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)
_FILES: dict[str, Any] = {
    "application/json": {"schema": {"$ref": "#/components/schemas/SignedReport"}, "example": SIGNED},
    "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
}

deidentifications = APIBlueprint("deidentifications", __name__, url_prefix="/api/v1/deidentifications", abp_tags=[TAG])
policies = APIBlueprint(
    "deidentification_policies", __name__, url_prefix="/api/v1/deidentification-policies", abp_tags=[TAG]
)


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(
        deidentifications, Problem, Deidentification, DeidentificationDetail, DeidentificationPage, SignedReport
    )  # fmt: skip
    document(policies, Problem, PolicyDetail, PolicyList)
    app.register_api(deidentifications)
    app.register_api(policies)


class DeidentificationPath(Model):
    """Which de-identification."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the de-identification.", RUN_ID)


class ReportQuery(Model):
    """As what."""

    format: Literal["json", "html"] = told("json", "The signed file, or one page for people.", "html")


class PolicyPath(Model):
    """Which policy."""

    name: Annotated[str, Field(pattern="^[a-z0-9-]{1,64}$")] = told(..., "Its name.", "safe-harbor")


@deidentifications.post(
    "",
    summary="Make the research zone",
    operation_id="deidentify",
    security=_MAKES,
    responses={
        202: queued_answer(Deidentification),
        **problems(*_REFUSALS, 413, 415),
    },
)
def queued(body: DeidentificationAsk) -> Response:
    """By a policy, from what the identified zone holds when it runs. What no longer passes leaves the research zone."""
    made = service.submit(platform(), who(), policy=body.policy)
    return json_answer(made, 202, at=f"{base_url()}/api/v1/deidentifications/{made['id']}")


@deidentifications.get(
    "",
    summary="List de-identifications",
    operation_id="list_deidentifications",
    security=_READS,
    responses={200: answers(DeidentificationPage, "A page, newest first."), **problems(*_REFUSALS)},
)
def listed(query: RunsQuery) -> Response:
    """Those of every face of the platform."""
    return json_answer(service.list_runs(platform(), who(), limit=query.limit, cursor=query.cursor))


@deidentifications.get(
    "/<run_id>",
    summary="Show a de-identification",
    operation_id="show_deidentification",
    security=_READS,
    responses={200: answers(DeidentificationDetail, "It as it stands."), **problems(*_REFUSALS, 404)},
)
def shown(path: DeidentificationPath) -> Response:
    """How far it is; when it is done, what passed, what was taken out, what was found, and the residual risk."""
    return json_answer(service.show_run(platform(), who(), path.run_id))


@deidentifications.get(
    "/<run_id>/report",
    summary="The signed report of a de-identification",
    operation_id="deidentification_report",
    security=_READS,
    responses={200: {"description": "The report as a file.", "content": _FILES}, **problems(*_REFUSALS, 404)},
)
def report(path: DeidentificationPath, query: ReportQuery) -> Response:
    """The file that `careloom audit signature` checks, or one page that loads nothing. 404 until there is one."""
    is_page = query.format == "html"
    content = service.signed_report(platform(), who(), path.run_id, as_html=is_page)
    made = Response(content, content_type="text/html; charset=utf-8" if is_page else "application/json")
    made.headers["Content-Disposition"] = f'attachment; filename="deidentification-{path.run_id}.{query.format}"'
    return made


@deidentifications.post(
    "/<run_id>/cancel",
    summary="Cancel a de-identification",
    operation_id="cancel_deidentification",
    security=_MAKES,
    responses={200: answers(Deidentification, "It, cancelled."), **problems(*_REFUSALS, 404)},
)
def cancelled(path: DeidentificationPath) -> Response:
    """At once if it waits, before its next transaction if it runs. What it has committed stays until the next run.

    Only who asked for it may, and who may operate the identified zone.
    """
    return json_answer(service.cancel_run(platform(), who(), path.run_id))


@policies.get(
    "",
    summary="The de-identification policies",
    operation_id="deidentification_policies",
    security=_READS,
    responses={200: answers(PolicyList, "Those that ship."), **problems(*_REFUSALS)},
)
def policies_listed() -> Response:
    """What each does with dates, addresses and texts."""
    return json_answer({"items": policy_service.list_policies(platform(), who())})


@policies.get(
    "/<name>",
    summary="Read a de-identification policy",
    operation_id="deidentification_policy",
    security=_READS,
    responses={200: answers(PolicyDetail, "The policy with its entries."), **problems(*_REFUSALS, 404)},
)
def policy_shown(path: PolicyPath) -> Response:
    """What it decides for which elements, and why. It is an allow-list: what no entry keeps does not pass."""
    return json_answer(policy_service.show_policy(platform(), who(), path.name))
