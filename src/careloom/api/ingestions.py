"""Routes of ingestions: send, list, watch, issues, cancel."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Annotated, Any, Literal

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field
from werkzeug.exceptions import ServiceUnavailable

from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.bodies import FILE_FIELD, FORM_TYPE, MEDIA_TYPES, sent_files
from careloom.api.context import EXTENSION, base_url, platform, who
from careloom.api.pace import Pace
from careloom.api.schemas import (
    CODE_PATTERN,
    RUN_ID,
    RUN_PATTERN,
    Ingestion,
    IngestionDetail,
    IngestionPage,
    IssuePage,
    Model,
    Problem,
)
from careloom.services import ingestions as service

_TAG = Tag(name="Ingestions", description="Bring feeds in, and see what became of them.")
_MONITOR = [{"oauth2": ["careloom/monitor"]}]
_INGEST = [{"oauth2": ["careloom/ingest"]}]
_QUARANTINE = [{"oauth2": ["careloom/quarantine"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

ingestions = APIBlueprint("ingestions", __name__, url_prefix="/api/v1/ingestions", abp_tags=[_TAG])


_PLACES = "careloom-upload-places"
"""Uploads may hold half of a process's threads, so that the slowest of them leave room for everything else."""


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    threads = app.extensions[EXTENSION].settings.api.threads
    app.extensions[_PLACES] = BoundedSemaphore(max(1, threads // 2))
    document(ingestions, Problem, Ingestion, IngestionDetail, IngestionPage, IssuePage)
    app.register_api(ingestions)


_CURSOR = "`next` of the page before; empty for the first page."


class UploadQuery(Model):
    """How the bytes are to be read."""

    format: Literal["auto", "fhir", "fhir-xml", "hl7v2", "ccda", "csv", "notes"] = told(
        "auto", "What the files hold; auto goes by their content.", "auto"
    )
    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{0,64}$")] = told(
        "", "Name of the sending system: the same id from it is the same thing. Empty: the configured one.", "main-lab"
    )


class PageQuery(Model):
    """Which page of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = told(20, "Items of one page.", 20)
    cursor: Annotated[str, Field(pattern=rf"^({RUN_PATTERN[1:-1]})?$")] = told("", _CURSOR, RUN_ID)


class IssueQuery(Model):
    """Which refused records."""

    code: Annotated[str, Field(pattern=rf"^({CODE_PATTERN[1:-1]})?$")] = told(
        "", "Only records that were refused for this reason.", "fhir.required-missing"
    )
    limit: Annotated[int, Field(ge=1, le=500)] = told(50, "Items of one page.", 50)
    cursor: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = told("", _CURSOR, "17")


class RunPath(Model):
    """Which ingestion."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the ingestion.", RUN_ID)


_LINE = '{"resourceType":"Patient","id":"p1","gender":"female"}\n'
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
_EXAMPLES: dict[str, Any] = {
    "application/fhir+ndjson": _LINE,
    "application/x-ndjson": _LINE,
    "application/fhir+json": {"resourceType": "Patient", "id": "p1"},
    "application/json": {"resourceType": "Patient", "id": "p1"},
    "x-application/hl7-v2+er7": "MSH|^~\\&|LAB|HOSP|||20261122||ORU^R01|1|P|2.5.1\r",
    "text/plain": "Patient-ID: p1\n\nSlept well.\n",
    "text/csv": "Id,BIRTHDATE\np1,1961-04-05\n",
}
_ANY_JSON: dict[str, Any] = {"schema": {"description": "Read by its content; what is no FHIR is refused there."}}
_FILES: dict[str, Any] = {
    "type": "object",
    "properties": {
        FILE_FIELD: {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary"},
            "description": f"The files, each a part of its own with a file name; at most {service.MOST_FILES}.",
        }
    },
    "required": [FILE_FIELD],
    "additionalProperties": False,
}
_BODY: dict[str, Any] = {
    "description": "The bytes of one file, or a form with several. Archives are opened. Content-Encoding may be gzip.",
    "required": True,
    "content": {
        kind: dict(_ANY_JSON if kind in ("application/json", "application/fhir+json") else _BINARY)
        | ({"example": _EXAMPLES[kind]} if kind in _EXAMPLES else {})
        for kind in MEDIA_TYPES
    }
    | {FORM_TYPE: {"schema": _FILES}},
}


@contextmanager
def received(most_bytes: int) -> Iterator[Iterator[tuple[str, Iterator[bytes]]]]:
    """The files of this request's body, while a place for uploads is held. raises 503 where none is free."""
    places: BoundedSemaphore = current_app.extensions[_PLACES]
    if not places.acquire(blocking=False):
        raise ServiceUnavailable
    try:
        yield sent_files(request, most_bytes=most_bytes, pace=Pace(platform().settings.api.min_upload_bytes_per_second))
    finally:
        places.release()


@ingestions.post(
    "",
    summary="Send files to be ingested",
    operation_id="upload",
    security=_INGEST,
    openapi_extensions={"requestBody": _BODY},
    responses={
        202: answers(
            Ingestion,
            "The bytes are kept, sealed, and their ingestion is queued.",
            headers={"Location": {"schema": {"type": "string"}, "description": "Where to watch the ingestion."}},
        ),
        **problems(*_REFUSALS, 408, 413, 415),
    },
)
def upload(query: UploadQuery) -> Response:
    """Answers once the bytes are durable; what is wrong with their content stands in the ingestion's issues."""
    with received(platform().settings.api.max_upload_bytes) as files:
        made = service.submit_upload(platform(), who(), files, service.UploadAsk(query.format, query.source))
    response = json_answer(made, 202)
    response.headers["Location"] = f"{base_url()}/api/v1/ingestions/{made['id']}"
    return response


@ingestions.get(
    "",
    summary="List ingestions",
    operation_id="list_ingestions",
    security=_MONITOR,
    responses={200: answers(IngestionPage, "A page, newest first."), **problems(*_REFUSALS)},
)
def listed(query: PageQuery) -> Response:
    """Those of every face of the platform: uploads, queued jobs and runs of the command line."""
    return json_answer(service.list_ingestions(platform(), who(), limit=query.limit, cursor=query.cursor))


@ingestions.get(
    "/<run_id>",
    summary="Show an ingestion",
    operation_id="show_ingestion",
    security=_MONITOR,
    responses={200: answers(IngestionDetail, "The ingestion as it stands."), **problems(*_REFUSALS, 404)},
)
def shown(path: RunPath) -> Response:
    """How far it is, what became of its records, and, once it has ended, its files and stages."""
    return json_answer(service.show_ingestion(platform(), who(), path.run_id))


@ingestions.get(
    "/<run_id>/issues",
    summary="What was wrong in an ingestion",
    operation_id="ingestion_issues",
    security=_QUARANTINE,
    responses={200: answers(IssuePage, "Counts, and a page of refused records."), **problems(*_REFUSALS, 404)},
)
def issues(path: RunPath, query: IssueQuery) -> Response:
    """All kinds of issues with their counts, and the refused records that wait in quarantine, without their content."""
    page = service.IssuePlace(query.code, query.limit, query.cursor)
    return json_answer(service.issues_of(platform(), who(), path.run_id, page))


@ingestions.post(
    "/<run_id>/cancel",
    summary="Cancel an ingestion",
    operation_id="cancel_ingestion",
    security=_INGEST,
    responses={200: answers(Ingestion, "The ingestion, cancelled."), **problems(*_REFUSALS, 404)},
)
def cancelled(path: RunPath) -> Response:
    """At once if it waits, at its next report if it runs. What it has committed stays; what was sent is destroyed.

    Only its own sender may, and who may operate the landing zone.
    """
    return json_answer(service.cancel_ingestion(platform(), who(), path.run_id))
