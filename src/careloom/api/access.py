"""Routes of emergencies, of who saw a patient, and of the accounting of disclosures."""

from datetime import datetime
from typing import Annotated, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api import access_schemas as schemas
from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import platform, who
from careloom.api.lists import Cursor, ListQuery, context_for, opened_place, sealed_place
from careloom.api.schemas import Model, Moment, Problem
from careloom.errors import QueryError
from careloom.services import disclosures, disclosures_page, emergencies

TAG = Tag(name="Access", description="Break-glass, who saw a patient, and the accounting of disclosures.")
_OPEN: list[dict[str, list[str]]] = [{"oauth2": ["careloom/break-glass"]}]
_AUDIT: list[dict[str, list[str]]] = [{"oauth2": ["careloom/audit"]}]
_REFUSALS = (400, 401, 403, 500, 503)

access = APIBlueprint("access", __name__, url_prefix="/api/v1", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    shown = (schemas.EmergencyReport, schemas.EmergencyList, schemas.PatientViews, schemas.Disclosures)
    document(access, Problem, *shown)
    app.register_api(access)


class EmergenciesQuery(ListQuery):
    """Which ones."""

    waiting: bool = told(False, "Only those that nobody has acknowledged.", True)
    limit: Annotated[int, Field(ge=1, le=1000)] = told(100, "Emergencies of one page.", 100)


class EmergencyPath(Model):
    """Which emergency."""

    emergency_id: Annotated[str, Field(pattern=schemas.ID_PATTERN)] = told(..., "Its id.", schemas.ONE_ID)


class PatientPath(Model):
    """Whose record."""

    patient_id: Annotated[str, Field(pattern=schemas.PATIENT_PATTERN)] = told(
        ..., "The id of the Patient, as stored or the source's own.", schemas.PATIENT
    )


class TimesQuery(Model):
    """Of what time: six years back without `since`, until now without `until`."""

    since: Moment | None = told(None, "From when, with its offset.", "2026-01-01T00:00:00Z")
    until: Moment | None = told(None, "Until when, with its offset.", "2026-12-01T00:00:00Z")


class ViewsQuery(TimesQuery):
    """Of what time, and which page."""

    limit: Annotated[int, Field(ge=1, le=1000)] = told(1000, "Views of one page.", 1000)
    cursor: Cursor = told("", "`next` of the page before; empty for the first.", "")


class DisclosuresQuery(TimesQuery):
    """Of what time, how it is written, and which page."""

    limit: Annotated[int, Field(ge=1, le=1000)] | None = told(
        None, "Disclosures of one page, of JSON alone; without it all of them.", 500
    )
    cursor: Cursor = told("", "`next` of the page before, with its limit; empty for the first.", "")
    format: Literal["json", "csv", "html"] = told("json", "csv to work with, html to print.", "html")


@access.post(
    "/emergencies",
    summary="Break the glass",
    operation_id="open_emergency",
    security=_OPEN,
    responses={
        201: answers(schemas.EmergencyReport, "Send its id as X-Break-Glass with each request that needs it."),
        **problems(*_REFUSALS, 404, 410, 413, 415),
    },
)
def opened(body: schemas.EmergencyAsk) -> Response:
    """For one patient and a while, with a reason. An alert is raised, and a privacy officer looks at it."""
    made = emergencies.open_emergency(platform(), who(), body.patient, body.reason, minutes=body.minutes)
    return json_answer(made, 201)


@access.get(
    "/emergencies",
    summary="List emergencies",
    operation_id="list_emergencies",
    security=_AUDIT,
    responses={200: answers(schemas.EmergencyList, "A page, newest first."), **problems(*_REFUSALS)},
)
def listed(query: EmergenciesQuery) -> Response:
    """In which a clinician broke the glass, why, and whether somebody has looked at it."""
    context = context_for(query)
    last = opened_place(query.cursor, context) if query.cursor else []
    after = (datetime.fromisoformat(last[0]), last[1]) if last else None
    found = emergencies.list_emergencies(
        platform(), who(), is_waiting=query.waiting, limit=query.limit + 1, after=after
    )
    page = found[: query.limit]
    more = sealed_place([page[-1]["opened"], page[-1]["id"]], context) if len(found) > len(page) else None
    return json_answer({"emergencies": page, "next": more})


@access.post(
    "/emergencies/<emergency_id>/acknowledge",
    summary="Acknowledge an emergency",
    operation_id="acknowledge_emergency",
    security=_AUDIT,
    responses={200: answers(schemas.EmergencyReport, "As it stands now."), **problems(*_REFUSALS, 404)},
)
def acknowledged(path: EmergencyPath) -> Response:
    """For a privacy officer, who has looked at it by this; who did so first stays."""
    return json_answer(emergencies.acknowledge(platform(), who(), path.emergency_id))


@access.get(
    "/audit/patients/<patient_id>/views",
    summary="Who saw this patient?",
    operation_id="patient_views",
    security=_AUDIT,
    responses={200: answers(schemas.PatientViews, "A page, newest first."), **problems(*_REFUSALS)},
)
def views(path: PatientPath, query: ViewsQuery) -> Response:
    """Every event of the audit chain about the patient; each page counts all by actor, purpose and operation."""
    context = context_for(query)
    before = int(opened_place(query.cursor, context)[0]) if query.cursor else None
    ask = disclosures.PatientAsk(f"Patient/{path.patient_id}", query.since, query.until)
    found = disclosures.patient_views(platform(), who(), ask, limit=query.limit + 1, before=before)
    page = found["views"][: query.limit]
    more = sealed_place([str(page[-1]["seq"])], context) if len(found["views"]) > len(page) else None
    return json_answer(found | {"views": page, "next": more})


@access.get(
    "/audit/patients/<patient_id>/disclosures",
    summary="Accounting of disclosures",
    operation_id="patient_disclosures",
    security=_AUDIT,
    responses={
        200: {
            "description": "By 45 CFR 164.528, oldest first; as JSON, CSV or a page to print.",
            "content": answers(schemas.Disclosures, "")["content"]
            | {
                "text/csv": {"schema": {"type": "string"}, "example": ",".join(disclosures_page.COLUMNS) + "\r\n"},
                "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
            },
        },
        **problems(*_REFUSALS),
    },
)
def accounting(path: PatientPath, query: DisclosuresQuery) -> Response:
    """What was disclosed to whom and for what; treatment, payment and operations are left out, as the rule says."""
    ask = disclosures.PatientAsk(f"Patient/{path.patient_id}", query.since, query.until)
    if query.format == "json":
        return _page_of_disclosures(ask, query)
    if query.cursor or query.limit is not None:
        raise QueryError("csv and html have no pages", "Ask for them without limit and cursor, or for JSON.")
    report = disclosures.disclosures(platform(), who(), ask)
    if query.format == "csv":
        made = Response(disclosures_page.as_csv(report), content_type="text/csv; charset=utf-8")
        made.headers["Content-Disposition"] = 'attachment; filename="disclosures.csv"'
        return made
    made = Response(disclosures_page.as_html(report), content_type="text/html; charset=utf-8")
    made.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    return made


def _page_of_disclosures(ask: disclosures.PatientAsk, query: DisclosuresQuery) -> Response:
    context = context_for(query)
    after = opened_place(query.cursor, context) if query.cursor else []
    report = disclosures.disclosures(platform(), who(), ask, after=after, limit=query.limit)
    place = report.pop("place", None)
    return json_answer(report | {"next": sealed_place(place, context) if place else None})
