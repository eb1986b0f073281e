"""Watched versions as people see them: which there are, their looks, alarms, the thresholds in force."""

from collections.abc import Collection, Iterator
from typing import Any, Literal

from careloom.errors import CareloomError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.models_kept import require_reason
from careloom.services.monitor import named, newest_report, reports_of
from careloom.services.monitor_numbers import Number, numbers_of
from careloom.services.monitor_outcomes import ZONE
from careloom.services.monitor_profiles import in_force, profile_of
from careloom.services.platform import Platform
from careloom.store.alarms import Alarm, channels_waiting, waiting
from careloom.store.alarms import listed as alarms_listed
from careloom.store.rows import instant

LIST, SHOW, ACKNOWLEDGE = "monitor-list", "monitor-show", "monitor-acknowledge"
LISTED = 100
AlarmState = Literal["", "standing", "closed"]
Json = dict[str, Any]


def watched(platform: Platform, who: Principal) -> list[Json]:
    """Every version that predicted: ``version``, ``predictions``, ``newest``, ``has_profile``, ``look``.

    ``look`` is its newest one: ``id``, ``ended``, ``alarms``; None where there is none. raises AccessError
    """
    admit(platform, who, "monitor", ZONE, operation=LIST)
    found = []
    for model, number, count, newest in _versions(platform):
        report = reports_of(platform, model, number).newest()
        brief = None if report is None else {name: report[name] for name in ("id", "ended", "alarms")}
        told = {"version": f"{model}@{number}", "predictions": count, "newest": instant(newest)}
        found.append(told | {"has_profile": _has_profile(platform, model, number), "look": brief})
    note(platform, who, LIST, ZONE, detail={"listed": len(found)})
    return found


def shown(platform: Platform, who: Principal, version: str, run: str = "") -> Json:
    """A look at a version: the newest, or one by its id; ``provisional`` is 0 of looks that did not count it.

    raises  AccessError; NotFound; QueryError
    """
    admit(platform, who, "monitor", ZONE, operation=SHOW)
    if run:
        found = reports_of(platform, *named(version)).find(run)
        if found is None:
            raise NotFound("there is no look of this id", "List them: careloom monitor show NAME@3 --looks.")
    else:
        found = newest_report(platform, version)
    note(platform, who, SHOW, ZONE, detail={"model": version, "run": found["id"]})
    return {"told": None, "retraining": "", "refused": "", "provisional": 0} | found


def looks(platform: Platform, who: Principal, version: str) -> list[Json]:
    """The newest looks at a version that are kept: ``id``, ``ended``, ``predictions``, ``outcomes`` (final),
    ``provisional``, ``alarms``.

    raises  AccessError; QueryError
    """
    admit(platform, who, "monitor", ZONE, operation=LIST)
    kept = reports_of(platform, *named(version))
    found = [report for run in kept.ids()[:LISTED] if (report := kept.find(run)) is not None]
    note(platform, who, LIST, ZONE, detail={"model": version, "listed": len(found)})
    names = ("id", "ended", "predictions", "outcomes", "alarms")
    return [{name: one[name] for name in names} | {"provisional": one.get("provisional", 0)} for one in found]


def alarms(platform: Platform, who: Principal, version: str, state: AlarmState = "") -> list[Json]:
    """The newest alarms of a version, those that stand first.

    state    standing, closed; empty for both
    returns  ``id``, ``kind``, ``place``, ``level``, ``opened``, ``seen`` (by a look, last), ``closed`` (None while it
             stands), ``told`` (channel -> when last), ``waiting`` (channels that are still to be told something) and
             ``acknowledged`` (by, time, level, note; None while nobody has, or since it worsened)
    raises   AccessError; QueryError
    """
    admit(platform, who, "monitor", ZONE, operation=LIST)
    named(version)
    with platform.store(ZONE).connect() as connection:
        found = alarms_listed(connection, version, LISTED)
        untold = channels_waiting(waiting(connection, version))
    found = [one for one in found if not state or (one.closed is None) is (state == "standing")]
    note(platform, who, LIST, ZONE, detail={"model": version, "listed": len(found)})
    return [_alarm(one, untold) for one in found]


def acknowledge(platform: Platform, who: Principal, version: str, alarm: str, remark: str = "") -> Json:
    """The alarm, which somebody has seen by this: it is told again only once it worsens, or is over.

    remark   kept beside it, of 500 characters at most, and of no patient
    returns  as `alarms`
    raises   AccessError; QueryError for a remark that is too long; NotFound; Conflict for an alarm that is closed
    """
    admit(platform, who, "operate", ZONE, operation=ACKNOWLEDGE)
    named(version)
    require_reason(remark)
    told = event(platform, who, ACKNOWLEDGE, ZONE, action="update", detail={"model": version, "alarm": alarm})
    with platform.store(ZONE).transaction(told) as step:
        made = step.alarms.acknowledged(version, alarm, who.name, remark)
        untold = channels_waiting(step.alarms.waiting(version))
    return _alarm(made, untold)


def _alarm(one: Alarm, untold: Collection[tuple[str, str]]) -> Json:
    seen = one.acknowledged
    return {
        "id": one.id, "kind": one.kind, "place": one.place, "level": one.level, "opened": instant(one.opened),
        "seen": instant(one.seen), "closed": None if one.closed is None else instant(one.closed),
        "told": {channel: instant(moment) for channel, moment in sorted(one.told.items())},
        "waiting": sorted(channel for channel, name in untold if name == one.id),
        "acknowledged": None if seen is None else {
            "by": seen.by, "time": instant(seen.time), "level": seen.level, "note": seen.note,
        },
    }  # fmt: skip


def limits(platform: Platform, who: Principal) -> Json:
    """The thresholds in force, as the file lays them out. raises AccessError; FormatError"""
    admit(platform, who, "monitor", ZONE, operation="monitor-thresholds")
    note(platform, who, "monitor-thresholds", ZONE)
    return in_force(platform).as_json()


def numbers(platform: Platform) -> Iterator[Number]:
    """The numbers of the newest look at every version, for who was admitted to see numbers."""
    for model, number, _, _ in _versions(platform):
        report = reports_of(platform, model, number).newest()
        if report is not None:
            yield from numbers_of(report)


def _versions(platform: Platform) -> list[tuple[str, str, int, Any]]:
    if not platform.has_store(ZONE):
        return []
    with platform.store(ZONE).predictions() as log:
        return log.versions() if log.is_any() else []


def _has_profile(platform: Platform, model: str, number: str) -> bool:
    try:
        profile_of(platform, model, number)
    except CareloomError:
        return False
    return True
