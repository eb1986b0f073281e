"""Routes of data quality: look, watch, read a report, the trend, what broke a rule, export."""

from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import base_url, platform, who
from careloom.api.quality_schemas import (
    RULE_PATTERN,
    SOURCE_PATTERN,
    BrokenRows,
    Look,
    LookAsk,
    LookPage,
    QualityReport,
    RuleList,
    ZoneName,
)
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem
from careloom.quality.report_csv import TABLES
from careloom.quality.report_html import as_html
from careloom.services import quality as service
from careloom.services.quality_jobs import look_state, submit_look

_TAG = Tag(name="Quality", description="How good the data is, why, and which resources break a rule.")
_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/quality"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

quality = APIBlueprint("quality", __name__, url_prefix="/api/v1/quality", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(quality, Problem, Look, LookPage, QualityReport, BrokenRows, RuleList)
    app.register_api(quality)


class ZoneQuery(Model):
    """Which zone."""

    zone: ZoneName = told("identified", "The zone.", "identified")


class LooksQuery(ZoneQuery):
    """Which page of finished looks."""

    limit: Annotated[int, Field(ge=1, le=200)] = told(20, "Items of one page.", 20)
    cursor: Annotated[str, Field(pattern=rf"^({RUN_PATTERN[1:-1]})?$")] = told(
        "", "`next` of the page before; empty for the first page.", RUN_ID
    )


class RowsQuery(Model):
    """Which of the resources that break the rule."""

    source: Annotated[str, Field(pattern=SOURCE_PATTERN)] = told("", "Only what this source sent.", "main-lab")
    type: Annotated[str, Field(pattern=r"^[A-Za-z]{0,64}$")] = told("", "Only resources of this type.", "Observation")
    limit: Annotated[int, Field(ge=1, le=500)] = told(50, "Items of one page.", 50)
    cursor: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = told("", "`next` of the page before.", "50")


class ExportQuery(Model):
    """As what."""

    format: Literal["html", "csv", "json"] = told("html", "One page for people, CSV, or JSON.", "csv")
    table: Literal["rules", "findings", "completeness"] = told(
        "rules",
        "What of it as CSV: the counts of each rule in each place, each rule with its status, reason and examples, "
        "or how often each element is there. HTML and JSON hold all three.",
        "findings",
    )


class LookPath(Model):
    """Which look."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the look.", RUN_ID)


class RulePath(LookPath):
    """Which rule of which look."""

    rule: Annotated[str, Field(pattern=RULE_PATTERN)] = told(..., "The id of the rule.", "text-intact")


@quality.post(
    "/looks",
    summary="Look at a zone",
    operation_id="look",
    security=_SCOPE,
    responses={
        202: answers(
            Look,
            "The look is queued.",
            headers={"Location": {"schema": {"type": "string"}, "description": "Where to watch it."}},
        ),
        **problems(*_REFUSALS, 413, 415),
    },
)
def looked(body: LookAsk) -> Response:
    """Every resource is held against all rules in force, by the job worker; nothing is changed."""
    ask = service.QualityAsk(body.zone, body.source, body.since.isoformat() if body.since else "")
    made = submit_look(platform(), who(), ask)
    response = json_answer(made, 202)
    response.headers["Location"] = f"{base_url()}/api/v1/quality/looks/{made['id']}"
    return response


@quality.get(
    "/runs",
    summary="List finished looks",
    operation_id="list_looks",
    security=_SCOPE,
    responses={200: answers(LookPage, "A page, newest first."), **problems(*_REFUSALS)},
)
def listed(query: LooksQuery) -> Response:
    """Scores, and the rules that failed: the trend of a zone."""
    found = service.list_looks(platform(), who(), zone=query.zone, limit=query.limit + 1, before=query.cursor)
    shown = found[: query.limit]
    return json_answer({"items": shown, "next": shown[-1]["run_id"] if len(found) > len(shown) else None})


@quality.get(
    "/report",
    summary="The newest report of a zone",
    operation_id="newest_report",
    security=_SCOPE,
    responses={200: answers(QualityReport, "The report."), **problems(*_REFUSALS, 404)},
)
def newest(query: ZoneQuery) -> Response:
    """404 while nobody has looked at the zone yet."""
    return json_answer(service.show_look(platform(), who(), zone=query.zone))


@quality.get(
    "/rules",
    summary="The rules in force",
    operation_id="quality_rules",
    security=_SCOPE,
    responses={200: answers(RuleList, "The rules, in the order of their files."), **problems(*_REFUSALS)},
)
def rules(query: ZoneQuery) -> Response:
    """The packaged ones and the installation's own."""
    return json_answer({"items": service.list_rules(platform(), who(), query.zone)})


@quality.get(
    "/runs/<run_id>",
    summary="Show a report",
    operation_id="show_report",
    security=_SCOPE,
    responses={200: answers(QualityReport, "The report."), **problems(*_REFUSALS, 404)},
)
def shown(path: LookPath) -> Response:
    """404 until the look is done; see its state."""
    return json_answer(service.show_look(platform(), who(), path.run_id))


@quality.get(
    "/looks/<run_id>",
    summary="How far a look is",
    operation_id="look_state",
    security=_SCOPE,
    responses={200: answers(Look, "The look as it stands."), **problems(*_REFUSALS, 404)},
)
def state(path: LookPath) -> Response:
    """Waiting, running, done, failed or cancelled."""
    return json_answer(look_state(platform(), who(), path.run_id))


@quality.get(
    "/runs/<run_id>/rules/<rule>",
    summary="What broke a rule",
    operation_id="broken_rows",
    security=_SCOPE,
    responses={200: answers(BrokenRows, "A page of resources."), **problems(*_REFUSALS, 404)},
)
def rows(path: RulePath, query: RowsQuery) -> Response:
    """The resources that broke it then, with their source records; what was erased since is left out."""
    ask = service.RowsAsk(
        path.rule, path.run_id, source=query.source, type=query.type, limit=query.limit, cursor=query.cursor
    )
    return json_answer(service.broken_rows(platform(), who(), ask))


_EXPORTS: dict[str, Any] = {
    "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
    "text/csv": {"schema": {"type": "string"}, "example": "rule,title\r\n"},
    "application/json": {"schema": {"$ref": "#/components/schemas/QualityReport"}},
}


@quality.get(
    "/runs/<run_id>/export",
    summary="Export a report",
    operation_id="export_report",
    security=_SCOPE,
    responses={200: {"description": "The report as a file.", "content": _EXPORTS}, **problems(*_REFUSALS, 404)},
)
def exported(path: LookPath, query: ExportQuery) -> Response:
    """One HTML page that loads nothing, one of its tables as CSV, or the report as JSON."""
    report = service.show_look(platform(), who(), path.run_id)
    if query.format == "json":
        made = json_answer(report)
    elif query.format == "csv":
        made = Response(TABLES[query.table](report), content_type="text/csv; charset=utf-8")
    else:
        made = Response(as_html(report), content_type="text/html; charset=utf-8")
    part = f"-{query.table}" if query.format == "csv" and query.table != "rules" else ""
    made.headers["Content-Disposition"] = f'attachment; filename="quality-{path.run_id}{part}.{query.format}"'
    return made
