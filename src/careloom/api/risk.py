"""Routes of cohorts, features and training sets. Ids stand in bodies, never in an address.

Definitions are those that ship, or come as text: no file of the server is named. Services load when somebody asks.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import base_url, platform, who
from careloom.api.risk_schemas import (
    CohortBody,
    CohortCompareBody,
    CohortComparison,
    CohortCounts,
    CohortList,
    CohortWhyBody,
    CohortWhyList,
    FeatureList,
    FeaturesQuery,
    MadeTrainingSet,
    ShownTrainingSet,
    TrainingSetBody,
    TrainingSetList,
    TrainingSetPath,
    TrainingSetsPath,
)
from careloom.api.schemas import Problem

_TAG = Tag(name="Cohorts", description="Who is predicted for, by what, and the sets that models learn from.")
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_SEARCH: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 500, 503)
_READS: tuple[Any, ...] = (*_REFUSALS, 404, 409, 413, 415)

risk = APIBlueprint("risk", __name__, url_prefix="/api/v1/risk", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(
        risk, Problem, CohortList, FeatureList, CohortCounts, CohortComparison, CohortWhyList, TrainingSetList,
        ShownTrainingSet, MadeTrainingSet,
    )  # fmt: skip
    app.register_api(risk)


@risk.get(
    "/cohorts",
    summary="List the cohorts that ship",
    operation_id="list_cohorts",
    security=_MONITOR,
    responses={200: answers(CohortList, "By name."), **problems(*_REFUSALS)},
)
def listed() -> Response:
    """Name, title, source, digest."""
    from careloom.services.risk_shown import shown_cohorts  # noqa: PLC0415 - see the module

    return json_answer({"items": shown_cohorts(platform(), who())})


@risk.get(
    "/features",
    summary="List the features of a set",
    operation_id="list_features",
    security=_MONITOR,
    responses={200: answers(FeatureList, "In the order of the set."), **problems(*_REFUSALS, 404)},
)
def features(query: FeaturesQuery) -> Response:
    """What each is made of, its window and unit, what null means, which tasks use it."""
    from careloom.services.risk_shown import shown_features  # noqa: PLC0415 - see the module

    return json_answer(shown_features(platform(), who(), query.set))


@risk.post(
    "/cohorts/count",
    summary="Count a cohort rule by rule",
    operation_id="count_cohort",
    security=_SEARCH,
    responses={200: answers(CohortCounts, "What each rule leaves."), **problems(*_READS)},
)
def counted(body: CohortBody) -> Response:
    """Of a definition that ships, or of your own. Whoever stands in `shown` is audited as disclosed."""
    from careloom.services.risk_cohorts import CohortAsk, cohort  # noqa: PLC0415 - see the module
    from careloom.services.risk_shown import definition_of  # noqa: PLC0415 - the same

    ask = CohortAsk(definition_of(body.cohort, body.definition), body.facts, body.notes, body.limit)
    return json_answer(cohort(platform(), who(), body.zone, ask).as_json())


@risk.post(
    "/cohorts/why",
    summary="Why a patient is in a cohort or not",
    operation_id="cohort_why",
    security=_SEARCH,
    responses={200: answers(CohortWhyList, "Each moment."), **problems(*_READS)},
)
def reasons(body: CohortWhyBody) -> Response:
    """Which rules do not hold, what they saw, and what was missed by one rule only."""
    from careloom.services.risk_cohorts import CohortAsk, cohort_why  # noqa: PLC0415 - see the module
    from careloom.services.risk_shown import definition_of  # noqa: PLC0415 - the same

    ask = CohortAsk(definition_of(body.cohort, body.definition), body.facts, body.notes)
    return json_answer({"items": cohort_why(platform(), who(), body.zone, ask, body.patient)})


@risk.post(
    "/cohorts/compare",
    summary="Compare two cohorts",
    operation_id="compare_cohorts",
    security=_SEARCH,
    responses={200: answers(CohortComparison, "Sizes, overlap, distributions."), **problems(*_READS)},
)
def compared(body: CohortCompareBody) -> Response:
    """Of the same facts, each patient once. Cells of few patients are null, and so is what would give them away."""
    from careloom.services.risk_compare import CompareAsk, compare_cohorts  # noqa: PLC0415 - see the module
    from careloom.services.risk_shown import definition_of  # noqa: PLC0415 - the same

    one, other = definition_of(body.cohort, body.definition), definition_of(body.other_cohort, body.other_definition)
    return json_answer(compare_cohorts(platform(), who(), body.zone, CompareAsk(one, other, body.facts, body.notes)))


@risk.get(
    "/training-sets/<zone>",
    summary="List training sets",
    operation_id="list_training_sets",
    security=_SEARCH,
    responses={200: answers(TrainingSetList, "Of a zone's lake."), **problems(*_REFUSALS)},
)
def sets(path: TrainingSetsPath) -> Response:
    """Each with the snapshot of facts that it is made of."""
    from careloom.services.risk_shown import training_sets  # noqa: PLC0415 - see the module

    return json_answer({"items": training_sets(platform(), who(), path.zone)})


@risk.post(
    "/training-sets/<zone>",
    summary="Make a training set",
    operation_id="make_training_set",
    security=_SEARCH,
    responses={201: answers(MadeTrainingSet, "As it stands in the lake."), **problems(*_READS)},
)
def made(path: TrainingSetsPath, body: TrainingSetBody) -> Response:
    """Pinned to a snapshot of facts; 409 where the leakage guard finds something and `allow_leaks` is false."""
    from careloom.services.risk_cohorts import TrainingAsk, make_training_set  # noqa: PLC0415 - see the module
    from careloom.services.risk_shown import definition_of, require_shipped  # noqa: PLC0415 - the same

    cut = None if body.cut is None else datetime(body.cut.year, body.cut.month, body.cut.day, tzinfo=UTC)
    require_shipped(body.features)
    ask = TrainingAsk(
        definition_of(body.cohort, body.definition),
        body.features,
        body.facts,
        body.split,
        cut,
        allow_leaks=body.allow_leaks,
    )
    found = make_training_set(platform(), who(), path.zone, ask)
    table = found.name.partition("@")[0].rpartition("/")[2]
    return json_answer(found.as_json(), 201, at=f"{base_url()}/api/v1/risk/training-sets/{path.zone}/{table}")


@risk.get(
    "/training-sets/<zone>/<name>",
    summary="Show a training set",
    operation_id="show_training_set",
    security=_SEARCH,
    responses={200: answers(ShownTrainingSet, "With its manifest."), **problems(*_REFUSALS, 404)},
)
def shown(path: TrainingSetPath) -> Response:
    """Definitions, folds, shares of missing values, what the guard found: nothing of a patient."""
    from careloom.services.risk_shown import shown_training_set  # noqa: PLC0415 - see the module

    return json_answer(shown_training_set(platform(), who(), path.zone, f"gold/{path.name}"))
