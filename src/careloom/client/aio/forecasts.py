"""Forecasts of beds, discharges and slots, overbooking, and whom to call under a capacity."""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.forecasts import _BELOW
from careloom.client.forecasts_reports import Calls, ForecastList, Overbooking, SessionForecast, UnitForecast
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class Forecasts:
    """Forecasts, as the client's token allows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Forecasts({self._session.base}{_BELOW})"

    async def zone(self, what: str, days: int = 7, **more: Any) -> UnitForecast:
        """Beds, discharges or slots of a zone as a whole, some days ahead.

        more    zone, closed (days, ISO 8601), judged, past (counted days that are told, too)
        raises  AccessError; InputError for too few days
        """
        return decode(ForecastList, await self._post("zone", {"what": what, "days": days, **more})).items[0]

    async def units(self, what: str, days: int = 7, **more: Any) -> tuple[UnitForecast, ...]:
        """Beds or discharges of each ward of a zone, slots of each clinic, some days ahead.

        more    zone, closed (days, ISO 8601), judged, past
        raises  AccessError; InputError where there is nothing to count
        """
        return decode(
            ForecastList, await self._post("zone", {"what": what, "days": days, "by_unit": True, **more})
        ).items

    async def counts(self, units: Sequence[Mapping[str, Any]], days: int = 7, **more: Any) -> tuple[UnitForecast, ...]:
        """Each unit (``unit``, ``start``, ``counts``, one a day) some days ahead.

        more    closed, judged
        raises  AccessError; InputError for too few days
        """
        body = {"units": [dict(one) for one in units], "days": days, **more}
        return decode(ForecastList, await self._post("counts", body)).items

    async def overbooking(
        self, show: Sequence[float], capacity: int, *, show_of_new: float, cost_idle: float, cost_over: float
    ) -> Overbooking:
        """How many more visits to book than there are slots. show: of each booked visit, 0..1. raises AccessError"""
        costs = {"show_of_new": show_of_new, "cost_idle": cost_idle, "cost_over": cost_over}
        return decode(Overbooking, await self._post("overbooking", {"show": list(show), "capacity": capacity, **costs}))

    async def session(self, model: str, day: str, capacity: int, **more: Any) -> SessionForecast:
        """How far to overbook a day, by what a model of missed appointments says of each booked visit.

        day     ISO 8601
        more    show_of_new, cost_idle, cost_over; unit, zone, calls, cost_call, prevented, facts, trial
        raises  AccessError; NotFound, Conflict for the model; InputError where nothing is booked
        """
        return decode(
            SessionForecast, await self._post("session", {"model": model, "day": day, "capacity": capacity, **more})
        )

    async def calls(
        self, risks: Mapping[str, float], capacity: int, *, event: float, call: float, prevented: float
    ) -> Calls:
        """Whom to call first, and the expected cost that it avoids.

        risks      a name of yours -> calibrated risk
        prevented  share of events that a call prevents, by a trial
        raises     AccessError
        """
        told = [{"name": name, "risk": risk} for name, risk in risks.items()]
        costs = {"event": event, "call": call, "prevented": prevented}
        return decode(Calls, await self._post("calls", {"risks": told, "capacity": capacity, "costs": costs}))

    async def _post(self, where: str, body: dict[str, Any]) -> Any:
        url = f"{self._session.base}{_BELOW}{where}"
        return await self._session.document(Ask(method="POST", url=url, body=JsonBody(body), is_repeatable=False))
