"""Routes of models: versions, their signatures, who approves, who answers, and the way back.

Services are loaded when somebody asks.
"""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.lists import paged
from careloom.api.models_schemas import (
    ApprovalBody,
    CanaryBody,
    ModelCardCounts,
    ModelCardQuery,
    ModelEvaluation,
    ModelNamePath,
    ModelReasonBody,
    ModelsQuery,
    ModelVersion,
    ModelVersionList,
    ModelVersionPath,
    ModelWatch,
    RolledBack,
    ShadowBody,
    ShownModelVersion,
    VerifiedModelVersion,
)
from careloom.api.schemas import Problem

_TAG = Tag(name="Models", description="Trained models: registered once, approved by a second person, taken back.")
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_APPROVE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/approve"]}]
_OPERATE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/operate"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 404, 500, 503)
_CHANGES: tuple[Any, ...] = (*_REFUSALS, 409, 413, 415)

models = APIBlueprint("models", __name__, url_prefix="/api/v1/models", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(
        models, Problem, ModelVersionList, ModelVersion, ShownModelVersion, VerifiedModelVersion, ModelCardCounts,
        ModelEvaluation, ModelWatch, RolledBack,
    )  # fmt: skip
    app.register_api(models)


@models.get(
    "",
    summary="List versions",
    operation_id="list_model_versions",
    security=_MONITOR,
    responses={200: answers(ModelVersionList, "Newest first."), **problems(400, 401, 403, 500, 503)},
)
def listed(query: ModelsQuery) -> Response:
    """With measures and who answers, without lineage and files."""
    from careloom.services import models as service  # noqa: PLC0415 - see the module

    return paged(service.models(platform(), who(), query.model), query, by="version", at="created")


@models.get(
    "/<version>",
    summary="Show a version",
    operation_id="show_model_version",
    security=_MONITOR,
    responses={200: answers(ShownModelVersion, "It as it stands."), **problems(*_REFUSALS)},
)
def shown(path: ModelVersionPath) -> Response:
    """Lineage, files by SHA-256, what its gates found, the signed manifest, who answers for its model."""
    from careloom.services import models as service  # noqa: PLC0415 - see the module

    return json_answer(service.shown(platform(), who(), path.version))


@models.get(
    "/<version>/verification",
    summary="Check a version",
    operation_id="verify_model_version",
    security=_MONITOR,
    responses={200: answers(VerifiedModelVersion, "What was found."), **problems(*_REFUSALS)},
)
def verified(path: ModelVersionPath) -> Response:
    """Its signature, every file, and the digest that stands in the audit chain."""
    from careloom.services import models as service  # noqa: PLC0415 - see the module

    return json_answer(service.verify(platform(), who(), path.version))


@models.get(
    "/<version>/evaluation",
    summary="How good a version was",
    operation_id="model_evaluation",
    security=_MONITOR,
    responses={200: answers(ModelEvaluation, "As signed."), **problems(*_REFUSALS)},
)
def evaluation(path: ModelVersionPath) -> Response:
    """Measures with intervals, calibration and decision curves, groups, stress; of too few patients no numbers."""
    from careloom.services.model_evaluation import shown_evaluation  # noqa: PLC0415 - see the module

    return json_answer(shown_evaluation(platform(), who(), path.version))


_CARD: dict[str, Any] = {
    "description": "The card as a file.",
    "content": {
        "application/json": {"schema": {"type": "object"}, "example": {"format": 1, "attributes": []}},
        "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
        "application/xml": {"schema": {"type": "string"}, "example": "<AppliedModelCard/>"},
    },
}


@models.get(
    "/<version>/card",
    summary="The model card of a version",
    operation_id="model_card",
    security=_MONITOR,
    responses={200: _CARD, **problems(*_REFUSALS)},
)
def card(path: ModelVersionPath, query: ModelCardQuery) -> Response:
    """31 source attributes of HTI-1, each with where it comes from and whether it is stale; nothing is kept."""
    from careloom.services.model_card import shown_card  # noqa: PLC0415 - see the module

    made = shown_card(platform(), who(), path.version)
    if query.format == "json":
        return json_answer(made.as_json())
    content, kind = _card_as(made, query.format)
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{made.name}-{made.version}.{query.format}"'
    return answer


@models.get(
    "/<version>/card/counts",
    summary="How complete a card is",
    operation_id="model_card_counts",
    security=_MONITOR,
    responses={200: answers(ModelCardCounts, "Of its card made now."), **problems(*_REFUSALS)},
)
def card_counts(path: ModelVersionPath) -> Response:
    """How many of the 31 attributes are answered, and how; what lacks, what is stale, what keeps from promotion."""
    from careloom.services.model_card import card_counts as counted  # noqa: PLC0415 - see the module

    return json_answer(counted(platform(), who(), path.version))


def _card_as(made: Any, form: str) -> tuple[bytes, str]:
    if form == "xml":
        from careloom.mlops.card_chai import as_xml  # noqa: PLC0415 - see the module

        return as_xml(made), "application/xml"
    from careloom.mlops.card_html import as_html  # noqa: PLC0415 - see the module

    return as_html(made).encode(), "text/html; charset=utf-8"


@models.post(
    "/<version>/approve",
    summary="Approve a version",
    operation_id="approve_model_version",
    security=_APPROVE,
    responses={200: answers(ModelVersion, "It, approved."), **problems(*_CHANGES)},
)
def approved(path: ModelVersionPath, body: ApprovalBody) -> Response:
    """By another person than who registered it; 409 ``state.withheld`` where a gate keeps it back."""
    from careloom.services import models_promote as service  # noqa: PLC0415 - see the module

    return json_answer(service.approve(platform(), who(), path.version, body.reason, is_held=body.hold))


@models.post(
    "/<version>/promote",
    summary="Make a version the champion",
    operation_id="promote_model_version",
    security=_APPROVE,
    responses={200: answers(ModelVersion, "It, the champion."), **problems(*_CHANGES)},
)
def promoted(path: ModelVersionPath, body: ModelReasonBody) -> Response:
    """All patients get its answers. A canary of it has to have answered often enough, without a breach."""
    from careloom.services import models_promote as service  # noqa: PLC0415 - see the module

    return json_answer(service.promote(platform(), who(), path.version, body.reason))


@models.post(
    "/<version>/retire",
    summary="Retire a version",
    operation_id="retire_model_version",
    security=_OPERATE,
    responses={200: answers(ModelVersion, "It, retired."), **problems(*_CHANGES)},
)
def retired(path: ModelVersionPath, body: ModelReasonBody) -> Response:
    """For good; its manifest stays. 409 for the champion."""
    from careloom.services import models_promote as service  # noqa: PLC0415 - see the module

    return json_answer(service.retire(platform(), who(), path.version, body.reason))


@models.post(
    "/<version>/shadow",
    summary="Let a version listen",
    operation_id="shadow_model_version",
    security=_OPERATE,
    responses={200: answers(ModelVersion, "It, the shadow or no more."), **problems(*_CHANGES)},
)
def shadowed(path: ModelVersionPath, body: ShadowBody) -> Response:
    """It scores every patient beside the champion, and nobody is shown what it says."""
    from careloom.services import models_traffic as service  # noqa: PLC0415 - see the module

    return json_answer(service.shadow(platform(), who(), path.version, end=body.end))


@models.post(
    "/<version>/canary",
    summary="Let a version answer for some",
    operation_id="canary_model_version",
    security=_OPERATE,
    responses={200: answers(ModelVersion, "It, the challenger."), **problems(*_CHANGES)},
)
def answering(path: ModelVersionPath, body: CanaryBody) -> Response:
    """Always the same patients; it is taken out by itself where it breaks a limit."""
    from careloom.services import models_traffic as service  # noqa: PLC0415 - see the module

    return json_answer(service.canary(platform(), who(), path.version, body.share))


@models.post(
    "/<model>/rollback",
    summary="Take back the newest step",
    operation_id="roll_back_model",
    security=_OPERATE,
    responses={200: answers(RolledBack, "Who is out, and who answers."), **problems(*_CHANGES)},
)
def rolled_back(path: ModelNamePath, body: ModelReasonBody) -> Response:
    """A canary ends; without one, the champion before answers again."""
    from careloom.services import models_promote as service  # noqa: PLC0415 - see the module

    return json_answer(service.roll_back(platform(), who(), path.model, body.reason))


@models.get(
    "/<model>/watch",
    summary="What the limits say",
    operation_id="watch_model",
    security=_MONITOR,
    responses={200: answers(ModelWatch, "Of everybody who answers."), **problems(400, 401, 403, 500, 503)},
)
def watched(path: ModelNamePath) -> Response:
    """Errors, times, scores and outcomes of the last hour and day."""
    from careloom.services import models_watch as service  # noqa: PLC0415 - see the module

    return json_answer(service.watch(platform(), who(), path.model))
