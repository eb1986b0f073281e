"""Routes of notes: one text analyzed, what reads here, and annotations of stored notes as jobs."""

from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api import nlp_schemas as schemas
from careloom.api.answers import answers, document, json_answer, problems, queued_answer, told
from careloom.api.context import base_url, platform, who
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem, RunsQuery
from careloom.services import annotate as service
from careloom.services import annotations as run_service
from careloom.services.note_models import note_models

TAG = Tag(name="Notes", description="What clinical texts say, as annotations, codes, relations and facts.")
_READS: list[dict[str, list[str]]] = [{"oauth2": ["careloom/annotate"]}]
_WATCHES: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

nlp = APIBlueprint("nlp", __name__, url_prefix="/api/v1/nlp", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(nlp, Problem, schemas.Analysis, schemas.NoteModels)
    document(nlp, schemas.AnnotationRun, schemas.AnnotationRunDetail, schemas.AnnotationRunPage)
    app.register_api(nlp)


class AnnotationPath(Model):
    """Which annotation."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the annotation.", RUN_ID)


@nlp.post(
    "/analyze",
    summary="Analyze one text",
    operation_id="analyze_text",
    security=_READS,
    responses={200: answers(schemas.Analysis, "What was found."), **problems(*_REFUSALS, 413, 415)},
)
def analyzed(body: schemas.AnalyzeAsk) -> Response:
    """Entities with assertion and codes, relations, times, social determinants. Nothing is kept; the use is audited."""
    ask = service.AnalyzeAsk(
        body.text, body.format, body.note, body.patient, body.encounter, body.time, body.type, body.refuted, body.rerank
    )
    made = service.analyze(platform(), who(), ask)
    is_own = made.format == "json"
    told = {"findings": made.result if is_own else None, "document": None if is_own else made.result}
    return json_answer({"format": made.format, "reader": made.reader, **told})


@nlp.get(
    "/models",
    summary="What reads notes",
    operation_id="note_models",
    security=_READS,
    responses={200: answers(schemas.NoteModels, "Components and models."), **problems(*_REFUSALS)},
)
def models() -> Response:
    """Every component with its version, and every trained model with its card, its licences and its hash."""
    return json_answer(note_models(platform(), who()))


@nlp.post(
    "/annotations",
    summary="Annotate stored notes",
    operation_id="annotate_notes",
    security=_READS,
    responses={
        202: queued_answer(schemas.AnnotationRun),
        **problems(*_REFUSALS, 413, 415),
    },
)
def queued(body: schemas.AnnotationAsk) -> Response:
    """Reads the notes of a zone, and merges what they say with the record: facts that trace to their words."""
    ask = service.AnnotateAsk(body.zone, body.patient, body.incremental, body.refuted)
    made = run_service.submit(platform(), who(), ask)
    return json_answer(made, 202, at=f"{base_url()}/api/v1/nlp/annotations/{made['id']}")


@nlp.get(
    "/annotations",
    summary="List annotations of stored notes",
    operation_id="list_annotations",
    security=_WATCHES,
    responses={200: answers(schemas.AnnotationRunPage, "A page, newest first."), **problems(*_REFUSALS)},
)
def listed(query: RunsQuery) -> Response:
    """Those of every face of the platform, in the zones that the caller may monitor."""
    return json_answer(run_service.list_runs(platform(), who(), limit=query.limit, cursor=query.cursor))


@nlp.get(
    "/annotations/<run_id>",
    summary="Show an annotation of stored notes",
    operation_id="show_annotation",
    security=_WATCHES,
    responses={200: answers(schemas.AnnotationRunDetail, "It as it stands."), **problems(*_REFUSALS, 404)},
)
def shown(path: AnnotationPath) -> Response:
    """How far it is; when it is done, what was found and what became of the facts, in counts."""
    return json_answer(run_service.show_run(platform(), who(), path.run_id))


@nlp.post(
    "/annotations/<run_id>/cancel",
    summary="Cancel an annotation of stored notes",
    operation_id="cancel_annotation",
    security=_WATCHES,
    responses={200: answers(schemas.AnnotationRun, "It, cancelled."), **problems(*_REFUSALS, 404)},
)
def cancelled(path: AnnotationPath) -> Response:
    """At once if it waits, before its next transaction if it runs. What it has committed stays.

    Only who asked for it may, and who may operate its zone.
    """
    return json_answer(run_service.cancel_run(platform(), who(), path.run_id))
