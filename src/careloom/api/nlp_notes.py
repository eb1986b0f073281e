"""Routes of stored notes: what is held of one, what a person says in its place, and all that people have said."""

from typing import Annotated, Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI
from pydantic import Field

from careloom.api import nlp_notes_schemas as schemas
from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import platform, who
from careloom.api.nlp import TAG
from careloom.api.nlp_schemas import Format, NoteZone
from careloom.api.schemas import Model, Problem
from careloom.services import annotate_corrections as service

_READS: list[dict[str, list[str]]] = [{"oauth2": ["system/*.r"]}]
_CORRECTS: list[dict[str, list[str]]] = [{"oauth2": ["careloom/correct"]}]
_EXPORTS: list[dict[str, list[str]]] = [{"oauth2": ["careloom/correct", "system/*.r"]}]
_REFUSALS = (400, 401, 403, 404, 409, 410, 500, 503)
_NOTE_ID = "4q2c7lq6m5v3w0f1d2y8z9k7xa"

nlp_notes = APIBlueprint("nlp_notes", __name__, url_prefix="/api/v1/nlp", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(nlp_notes, Problem, schemas.StoredNoteAnnotations, schemas.Corrected, schemas.CorrectionPage)
    app.register_api(nlp_notes)


class NotePath(Model):
    """Which note."""

    zone: NoteZone = told(..., "The zone that holds it.", "identified")
    note_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,64}$")] = told(
        ..., "Id of the DocumentReference.", _NOTE_ID
    )


class CorrectionsQuery(Model):
    """Which page of what people have corrected."""

    zone: NoteZone = told("research", "The zone whose notes they are of.", "research")
    limit: Annotated[int, Field(ge=1, le=200)] = told(100, "Items of one page.", 100)
    cursor: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,400}$")] = told(
        "", "`next` of the page before; empty for the first page.", ""
    )


class FormatQuery(Model):
    """As what."""

    format: Format = told("json", "As of one text.", "brat")


@nlp_notes.get(
    "/notes/<zone>/<note_id>",
    summary="What is held of a note",
    operation_id="note_annotations",
    security=_READS,
    responses={200: answers(schemas.StoredNoteAnnotations, "It with its text."), **problems(*_REFUSALS)},
)
def held(path: NotePath, query: FormatQuery) -> Response:
    """A person's word where there is one, else what the reader found. 404 until the note was annotated."""
    made = service.note_annotations(platform(), who(), path.zone, path.note_id, query.format)
    told: dict[str, Any] = dict.fromkeys(schemas.OF_JSON)
    if query.format == "json":
        told |= {name: made.pop(name) for name in schemas.OF_JSON}
        return json_answer({"format": "json", "findings": made, "document": None, **told})
    return json_answer({"format": query.format, "findings": None, "document": made, **told})


@nlp_notes.post(
    "/notes/<zone>/<note_id>/correction",
    summary="Say what a note means",
    operation_id="correct_note",
    security=_CORRECTS,
    responses={200: answers(schemas.Corrected, "What became of its facts."), **problems(*_REFUSALS, 413, 415)},
)
def corrected(path: NotePath, body: schemas.CorrectionAsk) -> Response:
    """The whole of its annotations as a person wants them; the facts of its patient are merged anew."""
    ask = service.CorrectAsk(path.zone, path.note_id, body.document, body.brat)
    made = service.correct(platform(), who(), ask).as_json()
    return json_answer({name: made[name] for name in ("zone", "notes", "facts")})


@nlp_notes.get(
    "/corrections",
    summary="Export what people have corrected",
    operation_id="list_corrections",
    security=_EXPORTS,
    responses={
        200: answers(schemas.CorrectionPage, "A page, in the order in which they came."),
        **problems(*_REFUSALS),
    },
)
def exported(query: CorrectionsQuery) -> Response:
    """Notes with the annotations that people gave them, as `careloom train ner --corrections` learns from them.

    The answer holds words of patients.
    """
    page = service.correction_page(platform(), who(), query.zone, limit=query.limit, cursor=query.cursor)
    return json_answer({"items": list(page.items), "next": page.next})
