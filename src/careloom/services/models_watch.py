"""What versions do while they answer is counted here; who breaks a limit is taken out at once, and that is told.

Whoever serves sends counts every few seconds; the worker looks as well. A canary that breaks a limit ends; a champion
that does is replaced by the one before it; a shadow stops to listen.
"""

import logging
from collections.abc import Mapping

from careloom.errors import Conflict, StateError
from careloom.logs import log
from careloom.mlops import breach
from careloom.mlops.breach import Verdict
from careloom.mlops.counting import Counts, from_json, together
from careloom.services.access import Principal, local_operator
from careloom.services.admission import admit, note
from careloom.services.models_counts import PARTS, WINDOW_MINUTES, Part, looked_at
from careloom.services.models_kept import Change, Json, put_traffic, traffic_of, version_name, write
from careloom.services.models_mirror import mirror_soon
from careloom.services.models_promote import Back, rolled_back
from careloom.services.platform import Platform
from careloom.store.models import ModelWork, listed
from careloom.store.rows import instant
from careloom.store.transaction import Transaction

COUNT, WATCH = "models-count", "models-watch"
WATCHER = "careloom-watch"
"""The actor of steps that nobody took: a limit did."""


def count(platform: Platform, who: Principal, model: str, counts: Mapping[int, Counts]) -> list[Json]:
    """Adds what versions did since the last time, and takes out who broke a limit.

    counts  version number -> what was counted of it
    returns what was done, as `watch` tells it
    raises  AccessError; QueryError for counts that are none; NotFound for a version that there is not
    """
    admit(platform, who, "operate", "identified", operation=COUNT)
    window = int(platform.runtime.now().timestamp() // (60 * WINDOW_MINUTES))
    checked = {number: from_json(each.as_json()) for number, each in counts.items()}

    def act(step: Transaction) -> ModelWork:
        known = {one.name: one for one in step.models.listed("count", model)}
        for number, each in checked.items():
            step.models.find("version", version_name(model, number))
            name = f"{version_name(model, number)}/{window}"
            if name in known:
                total = together([from_json(known[name].body), each])
                step.models.change("count", name, "counted", total.as_json())
            else:
                step.models.add("count", name, model, "counted", each.as_json())
        first = next(iter(checked))
        return step.models.find("version", version_name(model, first))

    if checked:
        detail = {"model": model, "requests": {str(number): each.requests for number, each in checked.items()}}
        write(platform, who, Change(COUNT, detail), act)
    return applied(platform, model)


def watch(platform: Platform, who: Principal, model: str) -> Json:
    """What the limits say of everybody who answers: ``model``, ``parts`` (part -> version, breaches, seen, enough).

    raises  AccessError
    """
    admit(platform, who, "monitor", "identified", operation=WATCH)
    traffic = traffic_of(platform, model)
    note(platform, who, WATCH, "identified", detail={"model": model})
    parts = {part: looked_at(platform, model, part) for part in PARTS if traffic[part] is not None}
    return {
        "model": model,
        "parts": {
            part: {"version": version_name(model, traffic[part]), **breach.as_json(each)}
            for part, each in parts.items()
        },
    }  # fmt: skip


def applied(platform: Platform, model: str) -> list[Json]:
    """Takes out who broke a limit: ``part``, ``version``, ``now``, ``breaches`` of each step that was taken."""
    taken: list[Json] = []
    for part in PARTS:
        number = traffic_of(platform, model)[part]
        verdict = looked_at(platform, model, part) if number is not None else None
        if verdict is not None and verdict.breaches:
            taken += _taken_out(platform, model, part, number, verdict)
    return taken


def sweep(platform: Platform) -> None:
    """Looks at every model that somebody answers for; the worker does so when it waits."""
    if not platform.has_store("identified"):
        return
    with platform.store("identified").connect() as connection:
        names = [one.name for one in listed(connection, "traffic") if one.state == "serving"]
    for name in names:
        applied(platform, name)


def _taken_out(platform: Platform, model: str, part: Part, number: int, verdict: Verdict) -> list[Json]:
    who = local_operator(WATCHER)
    version, why = version_name(model, number), verdict.breaches[0]
    done: Json = {"part": part, "version": version, "breaches": list(verdict.breaches)}
    if part == "shadow":
        before = traffic_of(platform, model)
        after = {**before, "shadow": None, "last": {"step": "watch", "time": instant(platform.runtime.now())}}
        change = Change(WATCH, {"version": version, "part": part, "breaches": list(verdict.breaches)})
        write(platform, who, change, lambda step: put_traffic(step, model, before, after))
        mirror_soon(platform, who)
        return [{**done, "now": ""}]
    try:
        made = rolled_back(platform, who, model, why, Back(by="limit", part=part))
    except Conflict:  # another process did the same meanwhile
        return []
    except StateError:  # the only champion that there ever was: people decide whether no answer is better
        log(__name__, "a champion breaks a limit and nobody was before it", level=logging.ERROR)
        return []
    return [{**done, "now": made["now"]}]
