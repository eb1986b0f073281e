"""Routes of reports: the register, what schedules have made, and the schedules."""

from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import base_url, platform, who
from careloom.api.lists import ListQuery, paged
from careloom.api.reports_schemas import (
    SHA256,
    ReportEntries,
    ReportEntry,
    ReportMade,
    ReportSchedule,
    ReportScheduleAsk,
    ReportSchedulePage,
    SchedulePaused,
)
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem
from careloom.services import reports as service

_TAG = Tag(name="Reports", description="Pages as PDF: who made which, by their hashes; and those made again and again.")
_SCOPE = [{"oauth2": ["careloom/monitor"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)
_BODY = (413, 415)
_FILE = {
    "description": "The PDF.",
    "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.4"}},
}

reports = APIBlueprint("reports", __name__, url_prefix="/api/v1", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(reports, Problem, ReportEntries, ReportSchedulePage)
    app.register_api(reports)


class ReportsQuery(ListQuery):
    """Which reports."""

    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = told(
        "", "Only the reports of this hash, of content or file, whoever made or declared them.", SHA256
    )


class ReportPath(Model):
    """Which report."""

    report_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the report.", RUN_ID)


class SchedulePath(Model):
    """Which schedule."""

    schedule_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the schedule.", RUN_ID)


@reports.get(
    "/reports",
    summary="List reports, or verify one by its hash",
    operation_id="list_reports",
    security=_SCOPE,
    responses={200: answers(ReportEntries, "A page of the register."), **problems(*_REFUSALS)},
)
def listed(query: ReportsQuery) -> Response:
    """One's own (of everybody for who may audit); with `sha256` those of that hash, made or declared."""
    return paged(service.listed(platform(), who(), query.sha256), query, by="id", at="made")


@reports.post(
    "/reports",
    summary="Register a report",
    operation_id="register_report",
    security=_SCOPE,
    responses={201: answers(ReportEntry, "Its entry."), **problems(*_REFUSALS, *_BODY)},
)
def registered(body: ReportMade) -> Response:
    """Declared by the caller: not proved to be made here. The dashboard does so for whoever downloads one."""
    return json_answer(service.record(platform(), who(), body.page, body.content, body.file), 201)


@reports.get(
    "/reports/<report_id>",
    summary="Download a report",
    operation_id="download_report",
    security=_SCOPE,
    responses={200: _FILE, **problems(*_REFUSALS, 404)},
)
def downloaded(path: ReportPath) -> Response:
    """One that a schedule of the caller has made and that is kept."""
    headers = {
        "Content-Disposition": f'attachment; filename="careloom-{path.report_id}.pdf"', "Cache-Control": "no-store",
    }  # fmt: skip
    return Response(service.pdf(platform(), who(), path.report_id), content_type="application/pdf", headers=headers)


@reports.delete(
    "/reports/<report_id>",
    summary="Destroy the file of a report",
    operation_id="delete_report",
    security=_SCOPE,
    responses={200: answers(ReportEntry, "Its entry, which stays."), **problems(*_REFUSALS, 404)},
)
def destroyed(path: ReportPath) -> Response:
    """The entry of the register stays, so that copies can be verified."""
    return json_answer(service.discard(platform(), who(), path.report_id))


@reports.get(
    "/report-schedules",
    summary="List schedules of reports",
    operation_id="list_report_schedules",
    security=_SCOPE,
    responses={200: answers(ReportSchedulePage, "A page of schedules."), **problems(*_REFUSALS)},
)
def schedules(query: ListQuery) -> Response:
    """One's own; of everybody for who may operate the installation."""
    return paged(service.listed_schedules(platform(), who()), query, by="id", at="created")


@reports.post(
    "/report-schedules",
    summary="Have a page made as a report again and again",
    operation_id="schedule_report",
    security=_SCOPE,
    responses={201: answers(ReportSchedule, "The schedule."), **problems(*_REFUSALS, *_BODY)},
)
def scheduled(body: ReportScheduleAsk) -> Response:
    """With what the caller may each time, by no scope that this token lacks. No page of a patient is taken."""
    ask = service.Ask(body.page, body.cadence, body.hour, body.keep)
    made = service.schedule(platform(), who(), ask)
    return json_answer(made, 201, at=f"{base_url()}/api/v1/report-schedules")


@reports.put(
    "/report-schedules/<schedule_id>/paused",
    summary="Pause a schedule, or let it go on",
    operation_id="pause_report_schedule",
    security=_SCOPE,
    responses={200: answers(ReportSchedule, "It as it is now."), **problems(*_REFUSALS, *_BODY, 404)},
)
def paused(path: SchedulePath, body: SchedulePaused) -> Response:
    """What was missed while it rested is not made up for."""
    return json_answer(service.pause(platform(), who(), path.schedule_id, paused=body.paused))


@reports.delete(
    "/report-schedules/<schedule_id>",
    summary="End a schedule",
    operation_id="delete_report_schedule",
    security=_SCOPE,
    responses={200: answers(ReportSchedule, "It as it was."), **problems(*_REFUSALS, 404)},
)
def ended(path: SchedulePath) -> Response:
    """The files of its reports are destroyed; their entries in the register stay."""
    return json_answer(service.delete(platform(), who(), path.schedule_id))
