"""Routes of forecasts: beds, discharges and slots ahead, overbooking, and whom to call under a capacity.

Counts, chances and risks that a caller brings are answered and not kept. Services are loaded when somebody asks.
"""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.forecasts_schemas import (
    Calls,
    CallsBody,
    ForecastBody,
    ForecastCountsBody,
    ForecastList,
    Overbooking,
    OverbookingBody,
    SessionBody,
    SessionForecast,
)
from careloom.api.schemas import Problem
from careloom.errors import InputError

_TAG = Tag(name="Forecasts", description="Daily counts ahead with intervals, overbooking, whom to call first.")
_SEARCH: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
_REFUSALS: tuple[Any, ...] = (400, 401, 403, 413, 415, 500, 503)

forecasts = APIBlueprint("forecasts", __name__, url_prefix="/api/v1/forecasts", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(forecasts, Problem, ForecastList, Overbooking, SessionForecast, Calls)
    app.register_api(forecasts)


@forecasts.post(
    "/zone",
    summary="Forecast beds, discharges or slots",
    operation_id="forecast_zone",
    security=_SEARCH,
    responses={200: answers(ForecastList, "The zone as one unit, or each of its units."), **problems(*_REFUSALS, 409)},
)
def of_zone(body: ForecastBody) -> Response:
    """Reads the stays or appointments of the whole zone; of slots, what is booked already counts."""
    from careloom.services.risk_forecast import ForecastAsk, forecast_zone  # noqa: PLC0415 - see the module

    asked = ForecastAsk(body.days, _days(body.closed), body.judged, body.by_unit, body.past)
    return json_answer({"items": forecast_zone(platform(), who(), body.zone, body.what, asked)})


@forecasts.post(
    "/counts",
    summary="Forecast units by their daily counts",
    operation_id="forecast_counts",
    security=_MONITOR,
    responses={200: answers(ForecastList, "A unit each."), **problems(*_REFUSALS)},
)
def of_counts(body: ForecastCountsBody) -> Response:
    """Each unit by itself: half a year of counts at least, and the days ahead beside that."""
    import polars as pl  # noqa: PLC0415 - see the module

    from careloom.services.risk_forecast import ForecastAsk, forecast_counts  # noqa: PLC0415 - the same

    rows = [
        (one.unit, _day(one.start) + timedelta(days=number), count)
        for one in body.units
        for number, count in enumerate(one.counts)
    ]
    frame = pl.DataFrame(rows, {"unit": pl.String, "date": pl.Date, "count": pl.Float64}, orient="row")
    asked = ForecastAsk(body.days, _days(body.closed), body.judged)
    return json_answer({"items": forecast_counts(platform(), who(), frame, asked)})


@forecasts.post(
    "/overbooking",
    summary="How far to overbook a session",
    operation_id="overbook",
    security=_MONITOR,
    responses={200: answers(Overbooking, "The number with the least expected cost."), **problems(*_REFUSALS)},
)
def overbooking(body: OverbookingBody) -> Response:
    """At most 20 more than are booked."""
    from careloom.services.risk_forecast import overbook_session  # noqa: PLC0415 - see the module

    told = body.model_dump()
    return json_answer(overbook_session(platform(), who(), told.pop("show"), told.pop("capacity"), **told))


@forecasts.post(
    "/session",
    summary="How far to overbook a day, by a model",
    operation_id="overbook_session",
    security=_SEARCH,
    responses={200: answers(SessionForecast, "The day, and whom to remind first."), **problems(*_REFUSALS, 404, 409)},
)
def session(body: SessionBody) -> Response:
    """What a model of missed appointments says of each booked visit, not one rate for all; logged as other scores."""
    from careloom.services.score_sessions import SessionAsk, score_session  # noqa: PLC0415 - see the module

    return json_answer(score_session(platform(), who(), SessionAsk(**{**body.model_dump(), "day": _day(body.day)})))


@forecasts.post(
    "/calls",
    summary="Whom to call first under a capacity",
    operation_id="call_list",
    security=_MONITOR,
    responses={200: answers(Calls, "The list, and what it is expected to save."), **problems(*_REFUSALS)},
)
def call_list(body: CallsBody) -> Response:
    """Of risks that the caller brings; of a registered model: score the cohort."""
    from careloom.risk.stratify import UnitCosts  # noqa: PLC0415 - see the module
    from careloom.services.risk_forecast import calls  # noqa: PLC0415 - the same

    risks = [(one.name, one.risk) for one in body.risks]
    return json_answer(calls(platform(), who(), risks, body.capacity, UnitCosts(**body.costs.model_dump())))


def _days(told: Collection[str]) -> tuple[date, ...]:
    return tuple(map(_day, told))


def _day(told: str) -> date:
    try:
        found = date.fromisoformat(told)
    except ValueError:
        raise InputError("forecast: a day", "No calendar has it.") from None
    if not 1900 <= found.year <= 2200:
        raise InputError("forecast: a day", "Name one from 1900 to 2200.")
    return found
