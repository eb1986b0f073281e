"""Routes of monitoring: versions that predict, looks at them, thresholds, what came of predictions.

Services are loaded when somebody asks: what judges predictions takes time to load.
"""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems, queued_answer
from careloom.api.context import base_url, platform, who
from careloom.api.lists import ListQuery, TimesQuery, paged
from careloom.api.monitoring_schemas import (
    AlarmNote,
    AlarmsQuery,
    LookJobPath,
    ModelAlarmLife,
    ModelAlarmList,
    ModelAlarmPath,
    ModelLook,
    ModelLookBody,
    ModelLookList,
    ModelLookPath,
    ModelLookState,
    MonitorThresholds,
    PredictionFeedbackBody,
    PredictionFeedbackTaken,
    WatchedList,
    WatchedVersionPath,
)
from careloom.api.schemas import Problem

_TAG = Tag(name="Monitoring", description="Models that predict: drift, calibration, live figures, feedback.")
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_OPERATE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/operate"]}]
_CORRECT: list[dict[str, list[str]]] = [{"oauth2": ["careloom/correct"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 500, 503)

monitoring = APIBlueprint("monitoring", __name__, url_prefix="/api/v1/monitoring", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(
        monitoring,
        Problem,
        WatchedList,
        ModelLookList,
        ModelAlarmLife,
        ModelAlarmList,
        ModelLook,
        ModelLookState,
        MonitorThresholds,
        PredictionFeedbackTaken,
    )
    app.register_api(monitoring)


@monitoring.get(
    "/versions",
    summary="List the versions that predict",
    operation_id="list_watched",
    security=_MONITOR,
    responses={200: answers(WatchedList, "All of them, by name."), **problems(*_REFUSALS)},
)
def versions(query: ListQuery) -> Response:
    """Each with its newest look."""
    from careloom.services import monitor_shown  # noqa: PLC0415 - see the module

    return paged(monitor_shown.watched(platform(), who()), query, by="version", order="names")


@monitoring.get(
    "/versions/<version>",
    summary="Show the newest look at a version",
    operation_id="show_watched",
    security=_MONITOR,
    responses={200: answers(ModelLook, "It as it was found."), **problems(*_REFUSALS, 404)},
)
def newest(path: WatchedVersionPath) -> Response:
    """404 where nobody has looked at it yet."""
    from careloom.services import monitor_shown  # noqa: PLC0415 - see the module

    return json_answer(monitor_shown.shown(platform(), who(), path.version))


@monitoring.get(
    "/versions/<version>/looks",
    summary="List the looks at a version",
    operation_id="list_model_looks",
    security=_MONITOR,
    responses={200: answers(ModelLookList, "The newest hundred that are kept."), **problems(*_REFUSALS)},
)
def looks(path: WatchedVersionPath, query: TimesQuery) -> Response:
    """Newest first."""
    from careloom.services import monitor_shown  # noqa: PLC0415 - see the module

    return paged(monitor_shown.looks(platform(), who(), path.version), query, by="id", at="ended")


@monitoring.get(
    "/versions/<version>/alarms",
    summary="List the alarms of a version",
    operation_id="list_model_alarms",
    security=_MONITOR,
    responses={200: answers(ModelAlarmList, "The newest hundred."), **problems(*_REFUSALS)},
)
def alarms(path: WatchedVersionPath, query: AlarmsQuery) -> Response:
    """Since when each stands, who was told, and which channel is still to be told something."""
    from careloom.services import monitor_shown  # noqa: PLC0415 - see the module

    return json_answer({"items": monitor_shown.alarms(platform(), who(), path.version, query.state)})


@monitoring.post(
    "/versions/<version>/alarms/<alarm_id>/acknowledge",
    summary="Acknowledge an alarm",
    operation_id="acknowledge_model_alarm",
    security=_OPERATE,
    responses={200: answers(ModelAlarmLife, "It as it stands now."), **problems(*_REFUSALS, 404, 409, 413, 415)},
)
def acknowledged(path: ModelAlarmPath, body: AlarmNote) -> Response:
    """It is told again only once it worsens, or is over. 409 for one that is closed."""
    from careloom.services import monitor_shown  # noqa: PLC0415 - see the module

    return json_answer(monitor_shown.acknowledge(platform(), who(), path.version, path.alarm_id, body.note))


@monitoring.get(
    "/versions/<version>/looks/<run_id>",
    summary="Show a look at a version",
    operation_id="show_model_look",
    security=_MONITOR,
    responses={200: answers(ModelLook, "It as it was found."), **problems(*_REFUSALS, 404)},
)
def one_look(path: ModelLookPath) -> Response:
    """Counts, shares and names of features and groups: nothing of a patient."""
    from careloom.services import monitor_shown  # noqa: PLC0415 - see the module

    return json_answer(monitor_shown.shown(platform(), who(), path.version, path.run_id))


@monitoring.post(
    "/looks",
    summary="Look at a version now",
    operation_id="start_model_look",
    security=_OPERATE,
    responses={202: queued_answer(ModelLookState), **problems(*_REFUSALS, 404, 409)},
)
def start(body: ModelLookBody) -> Response:
    """As a job; 404 for a version that is not registered, or that has no profile."""
    from careloom.services import monitor_jobs  # noqa: PLC0415 - see the module

    made = monitor_jobs.submit_look(platform(), who(), body.version)
    return json_answer(made, 202, at=f"{base_url()}/api/v1/monitoring/looks/{made['id']}")


@monitoring.get(
    "/looks/<run_id>",
    summary="Show a look as a job",
    operation_id="show_model_look_state",
    security=_MONITOR,
    responses={200: answers(ModelLookState, "It as it stands."), **problems(*_REFUSALS, 404)},
)
def state(path: LookJobPath) -> Response:
    """Once it is done, what it found stands below its version."""
    from careloom.services import monitor_jobs  # noqa: PLC0415 - see the module

    return json_answer(monitor_jobs.look_state(platform(), who(), path.run_id))


@monitoring.get(
    "/thresholds",
    summary="Show the thresholds in force",
    operation_id="show_monitor_thresholds",
    security=_MONITOR,
    responses={200: answers(MonitorThresholds, "As the file lays them out."), **problems(*_REFUSALS, 404)},
)
def thresholds() -> Response:
    """Those that ship, changed by the file of the settings."""
    from careloom.services import monitor_shown  # noqa: PLC0415 - see the module

    return json_answer({"thresholds": monitor_shown.limits(platform(), who())})


@monitoring.post(
    "/feedback",
    summary="Tell what came of predictions",
    operation_id="take_prediction_feedback",
    security=_CORRECT,
    responses={200: answers(PredictionFeedbackTaken, "What became of it."), **problems(*_REFUSALS, 409, 413)},
)
def feedback(body: PredictionFeedbackBody) -> Response:
    """Answers of clinicians to alerts, and outcomes; an outcome is provisional until horizon and grace have passed."""
    from careloom.services import monitor_labels  # noqa: PLC0415 - see the module

    told = [
        monitor_labels.Feedback(one.prediction, one.outcome, one.answer, one.reason) for one in body.items
    ]  # fmt: skip
    return json_answer(monitor_labels.take_feedback(platform(), who(), told))
