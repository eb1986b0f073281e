"""Routes of runs of model pipelines: begun as a job, shown, resumed. Services are loaded when somebody asks."""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems, queued_answer
from careloom.api.context import base_url, platform, who
from careloom.api.lists import StatesQuery, paged
from careloom.api.models_schemas import ModelRun, ModelRunList, ModelRunPath, PipelineBody
from careloom.api.schemas import Problem

_TAG = Tag(name="Model runs", description="Pipelines: from a snapshot of data to patients, stopping for a person.")
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_TRAIN: list[dict[str, list[str]]] = [{"oauth2": ["careloom/train"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 500, 503)

model_runs = APIBlueprint("model_runs", __name__, url_prefix="/api/v1/model-runs", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(model_runs, Problem, ModelRun, ModelRunList)
    app.register_api(model_runs)


@model_runs.get(
    "",
    summary="List runs",
    operation_id="list_model_runs",
    security=_MONITOR,
    responses={200: answers(ModelRunList, "Newest first."), **problems(*_REFUSALS)},
)
def listed(query: StatesQuery) -> Response:
    """Where each stopped, and the version that it registered."""
    from careloom.services import models_runs as service  # noqa: PLC0415 - see the module

    return paged(service.runs(platform(), who()), query, by="run", at="created")


@model_runs.post(
    "",
    summary="Run a pipeline",
    operation_id="start_model_run",
    security=_TRAIN,
    responses={202: queued_answer(ModelRun), **problems(*_REFUSALS, 404, 409, 413, 415)},
)
def started(body: PipelineBody) -> Response:
    """As a job, in the name of who asks; it waits for the approval of another person."""
    from careloom.mlops import pipeline_file  # noqa: PLC0415 - see the module
    from careloom.services import models_pipeline as service  # noqa: PLC0415 - the same

    made = service.submit(platform(), who(), pipeline_file.shipped(body.pipeline))
    return json_answer(made, 202, at=f"{base_url()}/api/v1/model-runs/{made['run']}")


@model_runs.get(
    "/<run_id>",
    summary="Show a run",
    operation_id="show_model_run",
    security=_MONITOR,
    responses={200: answers(ModelRun, "It with what each step made."), **problems(*_REFUSALS, 404)},
)
def shown(path: ModelRunPath) -> Response:
    """Counts, measures and digests: nothing of a patient."""
    from careloom.services import models_runs as service  # noqa: PLC0415 - see the module

    return json_answer(service.show_run(platform(), who(), path.run_id))


@model_runs.post(
    "/<run_id>/resume",
    summary="Go on with a run",
    operation_id="resume_model_run",
    security=_TRAIN,
    responses={202: queued_answer(ModelRun), **problems(*_REFUSALS, 404, 409, 413, 415)},
)
def resumed(path: ModelRunPath) -> Response:
    """As a job, from the step where it failed or waits."""
    from careloom.services import models_pipeline as service  # noqa: PLC0415 - see the module

    made = service.submit_resume(platform(), who(), path.run_id)
    return json_answer(made, 202, at=f"{base_url()}/api/v1/model-runs/{made['run']}")
