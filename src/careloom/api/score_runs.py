"""Routes of queued scorings of whole zones: begun, shown, cancelled. Services are loaded when somebody asks."""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI

from careloom.api.answers import answers, document, json_answer, problems, queued_answer
from careloom.api.context import base_url, platform, who
from careloom.api.lists import StatesQuery, paged
from careloom.api.schemas import Problem
from careloom.api.score_runs_schemas import ScoreRun, ScoreRunBody, ScoreRunList, ScoreRunPath
from careloom.api.scores import SEARCH, TAG, moment

_REFUSALS: tuple[Any, ...] = (400, 401, 403, 404, 500, 503)
_LISTED: tuple[Any, ...] = (400, 401, 403, 500, 503)

score_runs = APIBlueprint("score_runs", __name__, url_prefix="/api/v1/score-runs", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(score_runs, Problem, ScoreRun, ScoreRunList)
    app.register_api(score_runs)


@score_runs.post(
    "",
    summary="Queue that everybody is scored",
    operation_id="start_score_run",
    security=SEARCH,
    responses={202: queued_answer(ScoreRun), **problems(*_REFUSALS, 413, 415)},
)
def started(body: ScoreRunBody) -> Response:
    """By the worker, with the rights that the caller has now. `trial` is not for the queue: it keeps nothing."""
    from careloom.risk.stratify import UnitCosts  # noqa: PLC0415 - see the module
    from careloom.services.score_cohort import CohortScoreAsk  # noqa: PLC0415 - the same
    from careloom.services.score_cohort_jobs import submit_scoring  # noqa: PLC0415 - the same

    told = body.model_dump()
    costs = told.pop("costs")
    told["as_of"] = moment(body.as_of)
    asked = CohortScoreAsk(**told, costs=None if costs is None else UnitCosts(**costs))
    made = submit_scoring(platform(), who(), asked)
    return json_answer(made, 202, at=f"{base_url()}/api/v1/score-runs/{made['id']}")


@score_runs.get(
    "",
    summary="List queued scorings",
    operation_id="list_score_runs",
    security=SEARCH,
    responses={200: answers(ScoreRunList, "The newest five hundred that the caller queued."), **problems(*_LISTED)},
)
def listed(query: StatesQuery) -> Response:
    """Newest first, of zones that the caller may search; whom each lists is shown by its own address."""
    from careloom.services.score_cohort_jobs import scorings  # noqa: PLC0415 - see the module

    return paged(scorings(platform(), who()), query, by="id", at="created")


@score_runs.get(
    "/<run_id>",
    summary="Show a queued scoring",
    operation_id="show_score_run",
    security=SEARCH,
    responses={200: answers(ScoreRun, "The run as it stands."), **problems(*_REFUSALS)},
)
def shown(path: ScoreRunPath) -> Response:
    """How far it is, and whom to call once it is done; to who asked for it alone. Everybody listed is audited."""
    from careloom.services.score_cohort_jobs import scoring_state  # noqa: PLC0415 - see the module

    return json_answer(scoring_state(platform(), who(), path.run_id))


@score_runs.post(
    "/<run_id>/cancel",
    summary="Cancel a queued scoring",
    operation_id="cancel_score_run",
    security=SEARCH,
    responses={200: answers(ScoreRun, "It, cancelled."), **problems(*_REFUSALS, 409)},
)
def cancelled(path: ScoreRunPath) -> Response:
    """At once if it waits, before its next thousand patients if it runs. What it has logged stays."""
    from careloom.services.score_cohort_jobs import cancel_scoring  # noqa: PLC0415 - see the module

    return json_answer(cancel_scoring(platform(), who(), path.run_id))
