"""Routes that query stored notes: what they say, and notes by their words. What is searched stands in bodies alone."""

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI

from careloom.api import nlp_queries_schemas as schemas
from careloom.api.answers import answers, document, problems
from careloom.api.context import platform, who
from careloom.api.nlp import TAG
from careloom.api.schemas import Problem
from careloom.services import note_facts, note_search
from careloom.services.note_query import ConceptAsk, NotePage, NoteScope, Period

_SEARCHES: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_REFUSALS = (400, 401, 403, 404, 409, 413, 415, 500, 503)

nlp_queries = APIBlueprint("nlp_queries", __name__, url_prefix="/api/v1/nlp", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(nlp_queries, Problem, schemas.FactPage, schemas.FoundNotePage)
    app.register_api(nlp_queries)


@nlp_queries.post(
    "/facts/search",
    summary="Find what notes say",
    operation_id="search_note_facts",
    security=_SEARCHES,
    responses={200: answers(schemas.FactPage, "A page, in order of notes."), **problems(*_REFUSALS)},
)
def facts(body: schemas.FactsAsk) -> Response:
    """By concept with what is a kind of it, label, assertion, section, time and patient; each with its characters."""
    ask = note_facts.FactsAsk(
        _scope(body), _concept(body), tuple(body.labels), tuple(body.presence), tuple(body.temporality),
        tuple(body.experiencer), tuple(body.sections), Period(body.since, body.until), body.led,
    )  # fmt: skip
    return _json(note_facts.facts(platform(), who(), ask))


@nlp_queries.post(
    "/notes/search",
    summary="Find notes by words and concepts",
    operation_id="search_notes",
    security=_SEARCHES,
    responses={200: answers(schemas.FoundNotePage, "A page, in order of notes."), **problems(*_REFUSALS)},
)
def notes(body: schemas.NoteSearchAsk) -> Response:
    """All of some words or a phrase, whatever case and accents; with snippets for who may read notes."""
    ask = note_search.NoteSearchAsk(
        _scope(body), body.text, body.phrase, _concept(body), tuple(body.presence), Period(body.since, body.until)
    )
    return _json(note_search.search_notes(platform(), who(), ask))


def _scope(body: schemas.FactsAsk | schemas.NoteSearchAsk) -> NoteScope:
    return NoteScope(body.zone, tuple(body.patients), body.limit, body.cursor)


def _concept(body: schemas.FactsAsk | schemas.NoteSearchAsk) -> ConceptAsk:
    if not body.concepts:
        return ConceptAsk()
    return ConceptAsk(tuple(body.concepts), body.descendants, body.candidates)


def _json(page: NotePage) -> Response:
    return Response(orjson.dumps(page.as_json()), content_type="application/json")
