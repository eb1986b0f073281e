"""What versions do while they answer is counted; who breaks a limit is taken out at once, and that is told.

A service sends counts every few seconds; scores, cards and batches add theirs where they keep their answers, and look
at the limits now and then; so do outcomes and clinicians' answers when they come, and the worker. A canary that breaks
a limit ends; a champion that does is replaced by the one before it; a shadow stops to listen.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from weakref import WeakKeyDictionary

from careloom.errors import CareloomError, Conflict, StateError
from careloom.logs import log
from careloom.mlops import breach
from careloom.mlops.breach import Verdict
from careloom.mlops.counting import Counts, from_json
from careloom.services.access import Principal, local_operator
from careloom.services.admission import admit, note
from careloom.services.models_alarm import OPERATION, WATCHER, told_of
from careloom.services.models_counts import Part, add, looked_at
from careloom.services.models_kept import Change, Json, put_traffic, traffic_of, version_name, write
from careloom.services.models_mirror import mirror_soon
from careloom.services.models_promote import Back, rolled_back
from careloom.services.platform import Platform
from careloom.store.models import ModelWork, listed
from careloom.store.rows import instant
from careloom.store.transaction import Transaction

COUNT, WATCH = "models-count", OPERATION


def count(platform: Platform, who: Principal, model: str, counts: Mapping[int, Counts]) -> list[Json]:
    """Adds what versions did since the last time, and takes out who broke a limit.

    counts  version number -> what was counted of it
    returns what was done, as `watch` tells it
    raises  AccessError; QueryError for counts that are none; NotFound for a version that there is not
    """
    admit(platform, who, "operate", "identified", operation=COUNT)
    checked = {number: from_json(each.as_json()) for number, each in counts.items()}

    def act(step: Transaction) -> ModelWork:
        found = [step.models.find("version", version_name(model, number)) for number in checked]
        add(step, model, checked, platform.runtime.now())
        return found[0]

    if checked:
        detail = {"model": model, "requests": {str(number): each.requests for number, each in checked.items()}}
        write(platform, who, Change(COUNT, detail), act)
    return applied(platform, model)


def watch(platform: Platform, who: Principal, model: str) -> Json:
    """What the limits say of everybody who answers: ``model``, ``parts`` (part -> version, breaches, seen, enough).

    raises  AccessError
    """
    admit(platform, who, "monitor", "identified", operation=WATCH)
    note(platform, who, WATCH, "identified", detail={"model": model})
    parts = looked_at(platform, model)
    return {
        "model": model,
        "parts": {
            part: {"version": version_name(model, number), **breach.as_json(each)}
            for part, (number, each) in parts.items()
        },
    }  # fmt: skip


def applied(platform: Platform, model: str) -> list[Json]:
    """Takes out who broke a limit: ``part``, ``version``, ``now``, ``breaches`` of the step that was taken.

    One step at a time: counts begin anew after it.
    """
    found, limits = looked_at(platform, model), breach.shipped()
    for number in {*traffic_of(platform, model)["past"][:1]} - {each for each, _ in found.values()}:
        told_of(platform, version_name(model, number), limits, None)
    if "champion" in found:
        told_of(platform, version_name(model, found["champion"][0]), limits, found["champion"][1])
    for part, (number, verdict) in found.items():
        if verdict.breaches and (taken := _taken_out(platform, model, part, number, verdict)):
            return taken
    return []


def sweep(platform: Platform) -> None:
    """Looks at every model that somebody answers for; the worker does so when it waits."""
    if not platform.has_store("identified"):
        return
    with platform.store("identified").connect() as connection:
        names = [one.name for one in listed(connection, "traffic") if one.state == "serving"]
    for name in names:
        applied(platform, name)


LOOK_SECONDS = 10.0
"""A process that scores looks at the limits of a model at most so often."""


class _Looks:
    """When this process looked at the limits of each model of a platform; threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: WeakKeyDictionary[Platform, dict[str, datetime]] = WeakKeyDictionary()

    def is_due(self, platform: Platform, model: str) -> bool:
        now = platform.runtime.now()
        with self._lock:
            kept = self._newest.setdefault(platform, {})
            if model in kept and abs((now - kept[model]).total_seconds()) < LOOK_SECONDS:
                return False
            kept[model] = now
            return True


_LOOKS = _Looks()


def settle_soon(platform: Platform, model: str) -> None:
    """Takes out who broke a limit, once in `LOOK_SECONDS`: for who has just given an answer."""
    if _LOOKS.is_due(platform, model):
        settle(platform, model)


def settle(platform: Platform, model: str) -> list[Json]:
    """What `applied` does; where it cannot be done, that is in the log, and whoever asked has what they asked for."""
    try:
        return applied(platform, model)
    except CareloomError as error:
        log(__name__, "limits could not be looked at", level=logging.ERROR, error_code=error.code)
        return []


def _taken_out(platform: Platform, model: str, part: Part, number: int, verdict: Verdict) -> list[Json]:
    who = local_operator(WATCHER)
    version, why = version_name(model, number), verdict.breaches[0]
    done: Json = {"part": part, "version": version, "breaches": list(verdict.breaches)}
    if part == "shadow":
        before = traffic_of(platform, model)
        if before["shadow"] != number:
            return []
        after = {**before, "shadow": None, "last": {"step": "watch", "time": instant(platform.runtime.now())}}
        change = Change(WATCH, {"version": version, "part": part, "breaches": list(verdict.breaches)})
        write(platform, who, change, lambda step: put_traffic(step, model, before, after))
        mirror_soon(platform, who)
        return [{**done, "now": ""}]
    try:
        made = rolled_back(platform, who, model, why, Back(by="limit", part=part, number=number))
    except Conflict:  # another process did the same meanwhile
        return []
    except StateError:  # the only champion that there ever was: people decide whether no answer is better
        log(__name__, "a champion breaks a limit and nobody was before it", level=logging.ERROR)
        return []
    return [{**done, "now": made["now"]}]
