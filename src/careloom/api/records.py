"""Routes of raw records: find, show, fetch. What is searched stands in a body, never in an address."""

import datetime as time
from typing import Annotated, Any

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import ConfigDict, Field, StrictBool

from careloom.api.answers import answers, document, problems
from careloom.api.context import platform, who
from careloom.api.schemas import CODE_PATTERN, Count, Model, Moment, Problem
from careloom.services import raw_records as service

_TAG = Tag(name="Raw records", description="Messages and documents as they arrived.")
_LOOK: list[dict[str, list[str]]] = [{"oauth2": ["careloom/quarantine"]}]
_FETCH: list[dict[str, list[str]]] = [{"oauth2": ["careloom/quarantine", "system/*.r"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)
_RECORD_ID = "aaaqeayeaudaocajbifqydiob4"
RECORD_PATTERN = r"^[a-z2-7]{26}$"

records = APIBlueprint("records", __name__, url_prefix="/api/v1/records", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(records, Problem, RecordPage, RecordDetail)
    app.register_api(records)


class RecordSearch(Model):
    """Which records: those that meet every condition that is set."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"type": "ORU^R01", "limit": 20}})

    control_id: Annotated[str, Field(max_length=200)] = Field(
        "", description="MSH-10, or of a document's id `root^extension`, or `root` alone."
    )
    type: Annotated[str, Field(pattern=rf"^({service.TYPE.pattern})?$", max_length=20)] = Field(
        "", description="ADT^A01, ADT for every event, or a document's LOINC code."
    )
    since: Moment | None = Field(None, description="Made at this time or later.")
    until: Moment | None = Field(None, description="Made before this time.")
    patient: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="Stored id, or that of `source`; never empty, for that would ask for everybody."
    )
    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{0,64}$")] = Field(
        "", description="The system whose own id the patient has; empty for the configured one."
    )
    faulty: StrictBool = Field(False, description="Only those whose structure is not that of their type.")
    limit: Annotated[int, Field(ge=1, le=service.LONGEST_LIMIT)] = 50
    cursor: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = Field("", description="`next` of the page before.")


class RecordPath(Model):
    """Which record."""

    record_id: Annotated[str, Field(pattern=RECORD_PATTERN)] = Field(
        ..., description="The id of the record.", json_schema_extra={"example": _RECORD_ID}
    )


_SUMMARY: dict[str, Any] = {
    "record": _RECORD_ID, "format": "hl7v2", "type": "ADT^A01", "made": "2026-11-22T01:02:03+00:00",
    "received": "2026-11-22T01:02:04.412000+00:00", "faults": 0, "state": "stored", "reason": "",
}  # fmt: skip


class RecordSummary(Model):
    """One raw record without its content."""

    record: Annotated[str, Field(pattern=RECORD_PATTERN)]
    format: str
    type: str = Field(description="Empty where the format says nothing of itself.")
    made: time.datetime | None
    received: time.datetime
    faults: Count | None = Field(description="Ways in which its structure differs; null where nobody checked.")
    state: str = Field(description="stored, waiting (in quarantine) or redriven.")
    reason: Annotated[str, Field(pattern=rf"^({CODE_PATTERN[1:-1]})?$")]


class RecordPage(Model):
    """Some records, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_SUMMARY], "next": None}})

    items: list[RecordSummary]
    next: str | None


class RecordIssue(Model):
    """One thing wrong with a record's structure, without any value of it."""

    code: str
    severity: str
    place: str
    message: str


class RecordDetail(RecordSummary):
    """One record with what its structure lacks."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": _SUMMARY
            | {"structure": "ADT_A01", "issues": [], "manifest": _RECORD_ID, "position": 0, "bytes": 812}
        },
    )

    structure: str = Field(description="What it was checked against; empty for none.")
    issues: list[RecordIssue]
    manifest: str = Field(description="The file it arrived in first.")
    position: Count
    bytes: Count


@records.post(
    "",
    summary="Find raw records",
    operation_id="find_records",
    security=_LOOK,
    responses={200: answers(RecordPage, "A page, newest first."), **problems(*_REFUSALS, 413, 415)},
)
def found(body: RecordSearch) -> Response:
    """By control id, type, time and patient; no content is told."""
    asked = service.RecordsAsk(
        control_id=body.control_id, type=body.type, since=body.since, until=body.until, patient=body.patient or "",
        source=body.source, is_faulty=body.faulty, limit=body.limit, cursor=body.cursor,
    )  # fmt: skip
    return Response(orjson.dumps(service.find_records(platform(), who(), asked)), content_type="application/json")


@records.get(
    "/<record_id>",
    summary="Show a raw record",
    operation_id="show_record",
    security=_LOOK,
    responses={200: answers(RecordDetail, "The record without its content."), **problems(*_REFUSALS, 404)},
)
def shown(path: RecordPath) -> Response:
    """Type, time, place in its file, and what its structure lacks."""
    made = service.show_record(platform(), who(), path.record_id)
    return Response(orjson.dumps(made), content_type="application/json")


_BYTES: dict[str, Any] = {
    "application/octet-stream": {
        "schema": {"type": "string", "format": "binary"},
        "example": "MSH|^~\\&|LAB|NORTH|||20261122||ADT^A08|A-1|P|2.5.1\rPID|1||m1\r",
    }
}


@records.get(
    "/<record_id>/raw",
    summary="Fetch a raw record's bytes",
    operation_id="raw_record",
    security=_FETCH,
    responses={200: {"description": "The exact bytes.", "content": _BYTES}, **problems(*_REFUSALS, 404)},
)
def raw(path: RecordPath) -> Response:
    """Audited as a disclosure: the bytes identify people."""
    body = service.raw_bytes(platform(), who(), path.record_id)
    answer = Response(body, content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = "attachment"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
