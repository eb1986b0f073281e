"""Watched models: versions that predict, looks at them, thresholds, what came of predictions."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
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
from careloom.client.session import Session
from careloom.client.transport import Ask
from careloom.client.waiting import until_ended

_BELOW = "/api/v1/monitoring/"


class Monitoring:
    """The models that predict, as the client's token allows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Monitoring({self._session.base}{_BELOW})"

    def versions(self) -> tuple[WatchedVersion, ...]:
        """Every version that predicts, with its newest look. raises AccessError"""
        return decode(WatchedList, self._session.whole(self._url("versions"))).items

    def newest(self, version: str) -> Look:
        """The newest look at a version (``readmission-30d@3``). raises NotFound"""
        return decode(Look, self._get(_version(version)))

    def looks(self, version: str) -> tuple[ListedLook, ...]:
        """The newest looks at a version that are kept."""
        return decode(LookList, self._session.whole(self._url(f"{_version(version)}/looks"))).items

    def alarms(self, version: str, state: Literal["", "standing", "closed"] = "") -> tuple[StandingAlarm, ...]:
        """The newest alarms of a version, those that stand first. raises AccessError"""
        query = f"?{urlencode({'state': state})}" if state else ""
        return decode(AlarmList, self._get(f"{_version(version)}/alarms{query}")).items

    def acknowledge(self, version: str, alarm: str, note: str = "") -> StandingAlarm:
        """The alarm, seen by this: it is told again only once it worsens, or is over.

        note    kept beside it; name no patient
        raises  NotFound; Conflict for one that is closed
        """
        where = f"{_version(version)}/alarms/{segment(alarm, 'id of an alarm')}/acknowledge"
        return decode(StandingAlarm, self._post(where, {"note": note}))

    def look(self, version: str, run_id: str) -> Look:
        """One look at a version. raises NotFound"""
        return decode(Look, self._get(f"{_version(version)}/looks/{_run(run_id)}"))

    def start(self, version: str) -> LookState:
        """Queues a look; see `wait`. raises NotFound for a version without a profile"""
        return decode(LookState, self._post("looks", {"version": version}))

    def state(self, run_id: str) -> LookState:
        """A queued look as it stands. raises NotFound"""
        return decode(LookState, self._get(f"looks/{_run(run_id)}"))

    def wait(self, run_id: str, *, timeout: float = 600.0, poll: float = 1.0) -> LookState:
        """The look when it is done. raises StateError if it failed, was cancelled or is not done in time"""
        return until_ended(self._session.wire.pace, lambda: self.state(run_id), timeout=timeout, poll=poll)

    def thresholds(self) -> dict[str, Any]:
        """The thresholds in force."""
        return decode(Limits, self._get("thresholds")).thresholds

    def feedback(self, items: Iterable[Mapping[str, Any]]) -> FeedbackTaken:
        """Tells what came of predictions: ``prediction``, and ``outcome`` or ``answer`` with ``reason``."""
        return decode(FeedbackTaken, self._post("feedback", {"items": [dict(one) for one in items]}))

    def _url(self, where: str) -> str:
        return f"{self._session.base}{_BELOW}{where}"

    def _get(self, where: str) -> Any:
        return self._session.document(Ask(method="GET", url=self._url(where)))

    def _post(self, where: str, body: Mapping[str, Any]) -> Any:
        return self._session.document(
            Ask(method="POST", url=self._url(where), body=JsonBody(body), is_repeatable=False)
        )


def _version(version: str) -> str:
    name, _, number = str(version).partition("@")
    return f"versions/{segment(name, 'name of a version')}@{segment(number, 'number of a version')}"


def _run(run_id: str) -> str:
    return segment(run_id, "id of a look")
