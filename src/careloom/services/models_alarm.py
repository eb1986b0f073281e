"""The alarm of a champion whose scores left its own profile while those beside it did not: people decide."""

from datetime import timedelta

from careloom.mlops.breach import Limits, Verdict
from careloom.services.access import local_operator
from careloom.services.admission import event
from careloom.services.monitor_alarms import channels_of
from careloom.services.monitor_alerts import message_of
from careloom.services.platform import Platform
from careloom.store.alarms import Alarm, standing
from careloom.store.rows import instant

OPERATION = "models-watch"
WATCHER = "careloom-watch"
"""The actor of steps that nobody took: a limit did."""
KIND = "own-scores"
_LEVEL = "large"


def told_of(platform: Platform, version: str, limits: Limits, verdict: Verdict | None) -> None:
    """Opens the alarm where it begins to hold, and closes it where it holds no more; both are told by every channel.

    verdict  None for a version that is the champion no more; one that compared nothing changes nothing
    """
    alarms = () if verdict is None else verdict.alarms
    if alarms is None:
        return
    with platform.store("identified").connect() as connection:
        before = [one for one in standing(connection, version) if one.kind == KIND]
    if bool(alarms) == bool(before):
        return
    what = "opened" if alarms else "resolved"
    detail = {"version": version, "alarm": what, "why": list(alarms)}
    told = event(platform, local_operator(WATCHER), OPERATION, "identified", action="update", detail=detail)
    with platform.store("identified").transaction(told) as step:
        now = [one for one in step.alarms.standing(version) if one.kind == KIND]
        if alarms and not now:
            now = [step.alarms.opened(version, KIND, "", _LEVEL)]
        elif alarms:  # another process did the same meanwhile
            return
        for one in () if alarms else now:
            step.alarms.closed(one.id)
        for channel in channels_of(platform.settings.monitor) if now else ():
            step.alarms.queue(
                version, channel, message_of(_report(platform, version, limits, verdict), _said(now, what))
            )


def _said(alarms: list[Alarm], what: str) -> list[dict[str, object]]:
    return [
        {"id": one.id, "event": what, "kind": one.kind, "place": one.place, "level": one.level} for one in alarms
    ]  # fmt: skip


def _report(platform: Platform, version: str, limits: Limits, verdict: Verdict | None) -> dict[str, object]:
    """What a message says of when, and how many requests the version had within the last hour."""
    now, asked = platform.runtime.now(), 0 if verdict is None else verdict.seen["errors"]["n"]
    return {
        "version": version, "id": platform.run_id(), "since": instant(now - timedelta(minutes=limits.quality_minutes)),
        "until": instant(now), "predictions": asked, "findings": [],
    }  # fmt: skip
