"""Routes of synthetic records and notes beside those of tables: fits, samples; and files of whatever was let out.

Models, samples, the gate and releases are those of ``careloom.api.synthetic``. Services are loaded when somebody asks.
"""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI

from careloom.api.answers import answers, document, problems, queued_answer
from careloom.api.context import platform, who
from careloom.api.lists import StatesQuery, paged
from careloom.api.schemas import Problem
from careloom.api.synthetic import MONITOR, READ, REFUSALS, TAG, queued
from careloom.api.synthetic_fhir_schemas import (
    DownloadQuery,
    FhirFitBody,
    NotesFitBody,
    NotesSampleBody,
    RecordsSampleBody,
)
from careloom.api.synthetic_schemas import RunPath, SampleBriefList, SyntheticModel, SyntheticSample

_SEARCH: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_TYPES = {
    "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
_FILE: dict[str, Any] = {
    "description": "The release as a file.",
    "content": {
        "application/x-ndjson": {"schema": {"type": "string"}, "example": '{"resourceType":"Patient"}\n'},
        "text/csv": {"schema": {"type": "string"}, "example": "patient_id,birth\n"},
        "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}, "example": "PAR1"},
    },
}

synthetic_fhir = APIBlueprint("synthetic_fhir", __name__, url_prefix="/api/v1/synthetic", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(synthetic_fhir, Problem, SyntheticModel, SyntheticSample, SampleBriefList)
    app.register_api(synthetic_fhir)


@synthetic_fhir.post(
    "/records/models",
    summary="Fit a generator of whole records",
    operation_id="fit_synthetic_records",
    security=READ,
    responses={202: queued_answer(SyntheticModel), **problems(*REFUSALS, 413, 415)},
)
def records_fitted(body: FhirFitBody) -> Response:
    """As a job, on the research zone's store. Needs the scope careloom/correct, too."""
    return _fit("records", body.model_dump())


@synthetic_fhir.post(
    "/notes/models",
    summary="Fit a generator of notes",
    operation_id="fit_synthetic_notes",
    security=READ,
    responses={202: queued_answer(SyntheticModel), **problems(*REFUSALS, 413, 415)},
)
def notes_fitted(body: NotesFitBody) -> Response:
    """As a job, on the annotated notes of the research zone. Needs the scope careloom/correct, too."""
    return _fit("notes", body.model_dump())


@synthetic_fhir.post(
    "/records/models/<run_id>/samples",
    summary="Draw whole records and judge them",
    operation_id="sample_synthetic_records",
    security=READ,
    responses={202: queued_answer(SyntheticSample), **problems(*REFUSALS, 404, 413, 415)},
)
def records_drawn(path: RunPath, body: RecordsSampleBody) -> Response:
    """As a job. The patients lie sealed, and no route leads to them."""
    return _sample("records", path.run_id, body.model_dump())


@synthetic_fhir.post(
    "/notes/models/<run_id>/samples",
    summary="Write notes and judge them",
    operation_id="sample_synthetic_notes",
    security=READ,
    responses={202: queued_answer(SyntheticSample), **problems(*REFUSALS, 404, 413, 415)},
)
def notes_drawn(path: RunPath, body: NotesSampleBody) -> Response:
    """As a job; with ``records`` patients whose notes tell their records. They lie sealed, and no route leads there."""
    return _sample("notes", path.run_id, body.model_dump())


@synthetic_fhir.get(
    "/samples",
    summary="List samples",
    operation_id="list_synthetic_samples",
    security=MONITOR,
    responses={200: answers(SampleBriefList, "All, newest first."), **problems(*REFUSALS)},
)
def samples_listed(query: StatesQuery) -> Response:
    """Those of the research zone, without their measures, and those that wait."""
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module

    return paged(service.samples(platform(), who()), query, by="id", at="created", order="names-down")


@synthetic_fhir.get(
    "/releases/<run_id>/data",
    summary="Fetch what was let out",
    operation_id="fetch_synthetic_release",
    security=_SEARCH,
    responses={200: _FILE, **problems(*REFUSALS, 404, 413)},
)
def fetched(path: RunPath, query: DownloadQuery) -> Response:
    """FHIR NDJSON of records and notes, or their tables; rows of a table. A release that is closed is refused (409)."""
    from careloom.services import synthesize_export as service  # noqa: PLC0415 - see the module

    ask = service.DownloadAsk(path.run_id, query.format, query.part)
    file = service.download(platform(), who(), ask)
    made = Response(file.content, content_type=_TYPES[query.format])
    made.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return made


def _fit(engine: str, told: dict[str, Any]) -> Response:
    from careloom.services import synthesize_fhir_jobs as service  # noqa: PLC0415 - see the module

    made = service.submit_fhir_fit(platform(), who(), service.FhirFitAsk(engine, **told))
    return queued(made, "models")


def _sample(engine: str, model: str, told: dict[str, Any]) -> Response:
    from careloom.services import synthesize_fhir_jobs as service  # noqa: PLC0415 - see the module

    ask = service.FhirSampleAsk(model, **told | {"kinds": tuple(told["kinds"])})
    made = service.submit_fhir_sample(platform(), who(), engine, ask)
    return queued(made, "samples")
