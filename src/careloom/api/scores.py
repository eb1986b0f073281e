"""Routes of scores: the risk of one patient, and whom to call first. Ids stand in bodies, never in an address.

Services are loaded when somebody asks: what scores takes time to load.
"""

from datetime import datetime
from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.schemas import Problem
from careloom.api.scores_schemas import CohortScore, CohortScoreBody, Score, ScoreBody
from careloom.errors import InputError

TAG = Tag(name="Scores", description="Risks by registered models, what they rest on, and whom to call first.")
_READ: list[dict[str, list[str]]] = [{"oauth2": ["system/*.r"]}]
SEARCH: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 404, 409, 413, 415, 500, 503)

scores = APIBlueprint("scores", __name__, url_prefix="/api/v1/scores", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(scores, Problem, Score, CohortScore)
    app.register_api(scores)


@scores.post(
    "/patient",
    summary="Score a patient",
    operation_id="score_patient",
    security=_READ,
    responses={200: answers(Score, "The risk, or why there is none."), **problems(*_REFUSALS)},
)
def of_patient(body: ScoreBody) -> Response:
    """The answer is logged for monitoring, and kept as RiskAssessment where the body says so."""
    from careloom.services.score import ScoreAsk, score  # noqa: PLC0415 - see the module

    told = body.model_dump()
    return json_answer(score(platform(), who(), ScoreAsk(**told | {"as_of": moment(body.as_of)})).as_json())


@scores.post(
    "/cohort",
    summary="Score everybody, and say whom to call first",
    operation_id="score_cohort",
    security=SEARCH,
    responses={200: answers(CohortScore, "Who stands how, and the list."), **problems(*_REFUSALS)},
)
def of_cohort(body: CohortScoreBody) -> Response:
    """Reads the whole zone, or its table of facts: for a large zone, queue it."""
    from careloom.risk.stratify import UnitCosts  # noqa: PLC0415 - see the module
    from careloom.services.score_cohort import CohortScoreAsk, score_cohort  # noqa: PLC0415 - the same

    told = body.model_dump()
    costs = told.pop("costs")
    told["as_of"] = moment(body.as_of)
    asked = CohortScoreAsk(**told, costs=None if costs is None else UnitCosts(**costs))
    return json_answer(score_cohort(platform(), who(), asked).as_json())


def moment(told: str | None) -> datetime | None:
    """The moment that a body names; None for none. raises InputError for one that no calendar or clock has"""
    try:
        return None if told is None else datetime.fromisoformat(told)
    except ValueError:
        raise InputError("score: as_of", "No calendar has this day, or no clock this time.") from None
