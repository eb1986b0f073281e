"""Tells what waits in the outbox: each channel by itself, in order, again and again until it took it.

A try is noted before it is made, and that it was told after it: whoever dies between tells again, so that a receiver
may get a message twice and never not at all. It holds its own id and those of its alarms: by them twice is once.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal

import orjson

from careloom.errors import CareloomError
from careloom.logs import log
from careloom.pipeline.registry import load
from careloom.services.access import Principal, local_operator
from careloom.services.admission import event
from careloom.services.monitor_alerts import mail, post
from careloom.services.monitor_otlp import send_message
from careloom.services.monitor_outcomes import ZONE
from careloom.services.platform import Platform
from careloom.settings import Monitor
from careloom.store import alarms
from careloom.store.alarms import Message

TRY, TOLD = "monitor-tell", "monitor-told"
TELLER = "careloom-tell"
"""The actor of what nobody asked for at that moment: the worker tells it."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""After a try that met an error, doubled each time up to the longest. Nothing is given up."""
Json = dict[str, Any]
Ways = Mapping[str, Callable[[Json], object]]
State = Literal["sent", "failed", "dropped"]


def ways_of(settings: Monitor) -> Ways:
    """What tells a message, of each channel that is on."""
    ways: dict[str, Callable[[Json], object]] = {}
    if settings.webhook:
        ways["webhook"] = lambda message: post(settings, orjson.dumps(message))
    if settings.mail_to:
        ways["mail"] = lambda message: mail(settings, message)
    if settings.azure:
        ways["azure"] = lambda message: load("monitor.azure")([], message)
    if settings.otlp:
        ways["otlp"] = lambda message: send_message(settings.otlp, message)
    return ways


def deliver(platform: Platform, who: Principal, ways: Ways | None = None) -> list[tuple[Message, State]]:
    """Tells what is due; each message with what became of it.

    ways  what tells a message, by channel; None for those of the settings. What waits for a channel that is off is
          dropped
    """
    ways = ways_of(platform.settings.monitor) if ways is None else ways
    done: dict[str, tuple[Message, State]] = {}
    while (one := _next(platform, done)) is not None:
        state = _told(platform, who, one, ways)
        if state is None:
            break  # another process tells it
        done[one.id] = (one, state)
    return list(done.values())


def tell_due(platform: Platform) -> None:
    """Tells what is due in nobody's name; what the worker does now and then."""
    deliver(platform, local_operator(TELLER))


def _next(platform: Platform, done: Mapping[str, object]) -> Message | None:
    """The oldest of a channel and a version that is due: a later one waits until it was told, for it may resolve it."""
    now = platform.runtime.now()
    with platform.store(ZONE).connect() as connection:
        waiting = alarms.waiting(connection)
    heads: dict[tuple[str, str], Message] = {}
    for one in waiting:
        heads.setdefault((one.channel, one.version), one)
    return next((one for one in heads.values() if one.due <= now and one.id not in done), None)


def _told(platform: Platform, who: Principal, one: Message, ways: Ways) -> State | None:
    store = platform.store(ZONE)
    detail: dict[str, object] = {"model": one.version, "message": one.id, "channel": one.channel}
    way = ways.get(one.channel)
    if way is None:
        with store.transaction(event(platform, who, TOLD, ZONE, outcome="failed", detail=detail)) as step:
            step.alarms.ended(one.id, "dropped")
        return "dropped"
    wait = min(FIRST_WAIT * 2 ** min(one.tries, 10), LONGEST_WAIT)
    trying = event(platform, who, TRY, ZONE, action="execute", detail=detail | {"try": one.tries + 1})
    with store.transaction(trying) as step:
        is_mine = step.alarms.claimed(one.id, wait)
    if not is_mine:
        return None
    code = _code_of(way, one.body)
    detail |= {"alarms": len(one.body["alarms"])} | ({"code": code} if code else {})
    said = event(platform, who, TOLD, ZONE, outcome="failed" if code else "success", detail=detail)
    with store.transaction(said) as step:
        if code:
            step.alarms.failed(one.id, code)
        else:
            step.alarms.ended(one.id, "told")
    return "failed" if code else "sent"


def _code_of(way: Callable[[Json], object], message: Json) -> str:
    """The code of the error that telling met; empty for none."""
    try:
        way(message)
    except CareloomError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 whatever one channel meets, the others are told
        log(__name__, "a channel of alarms failed", level=logging.ERROR, kind=type(error).__name__)
        return "unexpected"
    return ""
