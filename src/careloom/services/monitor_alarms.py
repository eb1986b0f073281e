"""The life of alarms: a look opens them, sees them again, closes them, and puts what is to be told into the outbox.

What a look opens and closes and what is to be told of it are one step, after its report: all of it or nothing. Each
channel is for itself: an alarm that stands is told again `quiet_hours` after that channel told it last, one that closed
is told once as resolved where it was told. What could not be looked at (too few predictions, no new outcome) stays.
What somebody acknowledged is not told again until it worsens, which is told at once, or is over.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from careloom.services.monitor_alerts import message_of
from careloom.settings import Monitor
from careloom.store.alarms import Alarm, AlarmWriter, channels_waiting

LEVELS = ("none", "small", "medium", "large")
CHANNELS = ("webhook", "mail", "azure", "otlp")
Event = Literal["opened", "standing", "resolved"]
Json = dict[str, Any]
Place = tuple[str, str]


def channels_of(settings: Monitor) -> tuple[str, ...]:
    """The channels that are on."""
    is_on = {
        "webhook": bool(settings.webhook), "mail": bool(settings.mail_to), "azure": settings.azure,
        "otlp": bool(settings.otlp),
    }  # fmt: skip
    return tuple(name for name in CHANNELS if is_on[name])


def settled(alarms: AlarmWriter, settings: Monitor, report: Mapping[str, Any], judged: Collection[Place]) -> list[Json]:
    """Opens, sees and closes the alarms of a version after a look, and queues what is to be told.

    judged   (kind, place) of everything that the look could tell of: an alarm of another stays as it is
    returns  what was queued, and what opened, once each: ``id``, ``event``, ``kind``, ``place``, ``level``
    """
    version = report["version"]
    before = {(one.kind, one.place): one for one in alarms.standing(version)}
    raised = {(one["kind"], one["place"]): one["level"] for one in report["alarms"]}
    worse = {one.id for place, one in before.items() if place in raised and _is_worse(one, raised[place])}
    for name in worse:
        alarms.worsened(name)
    for place, level in raised.items():
        if place in before:
            alarms.seen(before[place].id, level)
        else:
            alarms.opened(version, *place, level)
    standing = [one for one in alarms.standing(version) if (one.kind, one.place) in raised]
    over = [one for place, one in before.items() if place not in raised and place in judged]
    for one in over:
        alarms.closed(one.id)
    told = {one.id: _told(one, "opened") for one in standing if (one.kind, one.place) not in before}
    waiting, quiet = channels_waiting(alarms.waiting(version)), timedelta(hours=settings.quiet_hours)
    for channel in channels_of(settings):
        found = [*_again(channel, standing, waiting, quiet, worse), *_resolved(channel, over, waiting)]
        if found:
            alarms.queue(version, channel, message_of(report, found))
        told |= {one["id"]: one for one in found if one["id"] not in told}
    alarms.forget_old()
    return list(told.values())


def _again(
    channel: str, standing: Sequence[Alarm], waiting: Collection[tuple[str, str]], quiet: timedelta,
    worse: Collection[str],
) -> list[Json]:  # fmt: skip
    """What a channel was not told yet, so long ago that it is told again, or is worse than somebody acknowledged; not
    what is waiting for it, and not what somebody acknowledged.
    """
    found = []
    for one in standing:
        last = one.told.get(channel)
        is_due = last is None or one.seen - last >= quiet or one.id in worse
        if (channel, one.id) not in waiting and one.acknowledged is None and is_due:
            found.append(_told(one, "opened" if last is None else "standing"))
    return found


def _resolved(channel: str, over: Sequence[Alarm], waiting: Collection[tuple[str, str]]) -> list[Json]:
    return [_told(one, "resolved") for one in over if channel in one.told or (channel, one.id) in waiting]


def _is_worse(one: Alarm, level: str) -> bool:
    """Whether an alarm that somebody acknowledged is by now more than it was then."""
    return one.acknowledged is not None and LEVELS.index(level) > LEVELS.index(one.acknowledged.level)


def _told(one: Alarm, event: Event) -> Json:
    return {"id": one.id, "event": event, "kind": one.kind, "place": one.place, "level": one.level}
