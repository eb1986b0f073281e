"""Watched models: versions that predict, looks at them, thresholds, what came of predictions."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.monitoring import _BELOW, _run, _version
from careloom.client.monitoring_reports import (
    AlarmList,
    FeedbackTaken,
    Limits,
    ListedLook,
    Look,
    LookList,
    LookState,
    StandingAlarm,
    WatchedList,
    WatchedVersion,
)
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class Monitoring:
    """The models that predict, as the client's token allows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Monitoring({self._session.base}{_BELOW})"

    async def versions(self) -> tuple[WatchedVersion, ...]:
        """Every version that predicts, with its newest look. raises AccessError"""
        return decode(WatchedList, await self._session.whole(self._url("versions"))).items

    async def newest(self, version: str) -> Look:
        """The newest look at a version (``readmission-30d@3``). raises NotFound"""
        return decode(Look, await self._get(_version(version)))

    async def looks(self, version: str) -> tuple[ListedLook, ...]:
        """The newest looks at a version that are kept."""
        return decode(LookList, await self._session.whole(self._url(f"{_version(version)}/looks"))).items

    async def alarms(self, version: str, state: Literal["", "standing", "closed"] = "") -> tuple[StandingAlarm, ...]:
        """The newest alarms of a version, those that stand first. raises AccessError"""
        query = f"?{urlencode({'state': state})}" if state else ""
        return decode(AlarmList, await self._get(f"{_version(version)}/alarms{query}")).items

    async def acknowledge(self, version: str, alarm: str, note: str = "") -> StandingAlarm:
        """The alarm, seen by this: it is told again only once it worsens, or is over.

        note    kept beside it; name no patient
        raises  NotFound; Conflict for one that is closed
        """
        where = f"{_version(version)}/alarms/{segment(alarm, 'id of an alarm')}/acknowledge"
        return decode(StandingAlarm, await self._post(where, {"note": note}))

    async def look(self, version: str, run_id: str) -> Look:
        """One look at a version. raises NotFound"""
        return decode(Look, await self._get(f"{_version(version)}/looks/{_run(run_id)}"))

    async def start(self, version: str) -> LookState:
        """Queues a look; see `wait`. raises NotFound for a version without a profile"""
        return decode(LookState, await self._post("looks", {"version": version}))

    async def state(self, run_id: str) -> LookState:
        """A queued look as it stands. raises NotFound"""
        return decode(LookState, await self._get(f"looks/{_run(run_id)}"))

    async def wait(self, run_id: str, *, timeout: float = 600.0, poll: float = 1.0) -> LookState:
        """The look when it is done. raises StateError if it failed, was cancelled or is not done in time"""
        return await until_ended(self._session.wire.pace, lambda: self.state(run_id), timeout=timeout, poll=poll)

    async def thresholds(self) -> dict[str, Any]:
        """The thresholds in force."""
        return decode(Limits, await self._get("thresholds")).thresholds

    async def feedback(self, items: Iterable[Mapping[str, Any]]) -> FeedbackTaken:
        """Tells what came of predictions: ``prediction``, and ``outcome`` or ``answer`` with ``reason``."""
        return decode(FeedbackTaken, await self._post("feedback", {"items": [dict(one) for one in items]}))

    def _url(self, where: str) -> str:
        return f"{self._session.base}{_BELOW}{where}"

    async def _get(self, where: str) -> Any:
        return await self._session.document(Ask(method="GET", url=self._url(where)))

    async def _post(self, where: str, body: Mapping[str, Any]) -> Any:
        return await self._session.document(
            Ask(method="POST", url=self._url(where), body=JsonBody(body), is_repeatable=False)
        )
