"""A look at a watched version: its newest predictions against its profile, kept as a report, told where it is an alarm.

Nothing of a patient leaves: a report holds counts, shares and names of features and groups.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from careloom.errors import NotFound, QueryError
from careloom.mlops.drift import judge
from careloom.mlops.drift_findings import Finding
from careloom.mlops.drift_inputs import staleness
from careloom.mlops.drift_profile import Profile
from careloom.mlops.drift_sequential import control, limit_for
from careloom.mlops.drift_thresholds import Thresholds, thresholds
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.subgroups import by_subgroup
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.monitor_labels import ZONE, label_due
from careloom.services.monitor_profiles import profile_of
from careloom.services.monitor_window import labelled, window_of
from careloom.services.platform import Platform
from careloom.store.kept_reports import KeptReports
from careloom.store.predictions import Logged, Window
from careloom.store.rows import instant

RUN = "monitor-run"
_EVALUATED = Resampling(seed=20261130, resamples=200)
_LEAST_EVENTS = 20
_CONTROLLED_DAYS = 365
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LookAsk:
    """Which version, and which days.

    version     ``NAME@3``
    until       end of the window; None for now
    days        how long it is; None for what the thresholds say
    thresholds  a TOML text that changes some of those in force; empty for none
    run         id of the run; empty for a new one
    """

    version: str
    until: datetime | None = None
    days: float | None = None
    thresholds: str = ""
    run: str = ""


def look(platform: Platform, who: Principal, ask: LookAsk) -> Json:
    """Looks at a version and keeps what it found.

    returns  ``id``, ``version``, ``since``, ``until``, ``started``, ``ended``, ``actor``, ``predictions``, ``skipped``
             (made with another profile), ``outcomes``, ``labelled`` (new ones), ``findings``, ``alarms`` (kind, place
             and level), ``performance`` and ``groups`` (None and empty where outcomes are too few), ``sequential``,
             ``answers``, ``thresholds``
    raises   AccessError; QueryError for what is no version; NotFound for one that is not registered or has no profile;
             FormatError for thresholds that mean nothing
    """
    admit(platform, who, "operate", ZONE, operation=RUN)
    model, number = named(ask.version)
    limits = in_force(platform, ask.thresholds)
    profile, started = profile_of(platform, model, number), platform.runtime.now()
    new = label_due(platform, who, model, number)
    until = ask.until or started
    window = Window(model, number, until - timedelta(days=ask.days or limits.days), until)
    with platform.store(ZONE).predictions() as log:
        recent, ripe = log.window(window), log.ripened(window)
        long = log.ripened(replace(window, since=until - timedelta(days=_CONTROLLED_DAYS)))
        newest = next((last for name, version, _, last in log.versions() if (name, version) == (model, number)), None)
    found = judge(profile, window_of(recent, profile), window_of(ripe, profile), limits)
    if newest is not None and ask.until is None and (silent := staleness(newest, started, limits)) is not None:
        found.insert(0, silent)
    told = _measured(ripe, profile) | {"sequential": _controlled(long, limits)}
    alarms = _alarms(found, told["sequential"])
    report: Json = {
        "id": ask.run or platform.run_id(), "version": ask.version, "since": instant(window.since),
        "until": instant(until), "started": instant(started), "actor": who.name, "predictions": len(recent),
        "skipped": sum(one.said.profile != profile.digest for one in recent), "labelled": new,
        "outcomes": sum(one.outcome is not None for one in ripe), "findings": [one.as_json() for one in found],
        "alarms": alarms, "answers": _answers(recent), "thresholds": limits.as_json(), **told,
        "ended": instant(platform.runtime.now()),
    }  # fmt: skip
    reports_of(platform, model, number).keep(report, most=platform.settings.monitor.keep_runs)
    note(platform, who, RUN, ZONE, detail={"model": ask.version, "run": report["id"], "alarms": len(alarms)})
    return report


def named(version: str) -> tuple[str, str]:
    """(name, number) of ``NAME@3``. raises QueryError"""
    name, sign, number = version.partition("@")
    if not sign or not number.isdecimal() or not name.replace("-", "").replace("_", "").isalnum():
        raise QueryError("that is no version", "Write name and number: readmission-30d@3.")
    return name, number


def in_force(platform: Platform, own: str = "") -> Thresholds:
    """The thresholds that ship, changed by the file of the settings and then by a TOML text of one's own.

    raises  FormatError; NotFound where the file of the settings is not there
    """
    file = platform.settings.monitor.thresholds
    text = "" if file is None else platform.read_text(Path(file))
    return thresholds(text, own)


def reports_of(platform: Platform, model: str, number: str) -> KeptReports:
    """The looks at one version that are kept."""
    return KeptReports(platform.settings.data.directory / "monitoring" / f"{model}@{number}")


def newest_report(platform: Platform, version: str) -> Json:
    """The newest look at a version. raises NotFound; QueryError"""
    found = reports_of(platform, *named(version)).newest()
    if found is None:
        raise NotFound("nobody has looked at that version", "Look at it: careloom monitor run NAME@3.")
    return found


def _measured(ripe: Sequence[Logged], profile: Profile) -> Json:
    """Discrimination and calibration on outcomes that are known, with intervals by patient, and a row a group."""
    rows = labelled(ripe)
    events = int(rows["happened"].sum() or 0)
    if min(events, rows.height - events) < _LEAST_EVENTS:
        return {"performance": None, "groups": []}
    whole = evaluate(rows["happened"].to_numpy(), rows["risk"].to_numpy(), rows["patient_id"].to_numpy(), _EVALUATED)
    kinds = [name for name in rows.columns if name not in ("patient_id", "happened", "risk")]
    threshold = min(profile.scores.threshold, 1.0)
    groups = by_subgroup(rows, kinds, threshold=threshold, how=_EVALUATED) if kinds else None
    return {"performance": asdict(whole), "groups": [] if groups is None else groups.table.to_dicts()}


def _controlled(long: Sequence[Logged], limits: Thresholds) -> Json | None:
    """Both CUSUMs over what came: one outcome of a patient and an index, however often it was predicted."""
    once = {one.said.case: one for one in reversed(long) if one.outcome is not None}
    known = list(reversed(once.values()))
    if not known:
        return None
    limits = replace(limits, limit=limit_for(len(known), limits))
    scores = np.array([one.said.score for one in known])
    told = control(scores, np.array([bool(one.outcome) for one in known]), limits)
    crossed = None if told.crossed is None else instant(known[told.crossed].matures)
    return {
        "outcomes": len(known), "up": told.up, "down": told.down, "limit": limits.limit, "crossed": crossed,
        "upwards": told.upwards,
    }  # fmt: skip


def _alarms(found: Sequence[Finding], sequential: Json | None) -> list[Json]:
    told = [{"kind": one.kind, "place": one.place, "level": one.level} for one in found if one.is_alarm]
    if sequential is not None and sequential["crossed"] is not None:
        told.append({"kind": "sequential", "place": "up" if sequential["upwards"] else "down", "level": "medium"})
    return told


def _answers(recent: Sequence[Logged]) -> Json:
    counts = {"alerts": sum(one.said.alert for one in recent), "accepted": 0, "overridden": 0}
    reasons: dict[str, int] = {}
    for one in recent:
        if one.answer in counts:
            counts[one.answer] += 1
        if one.reason:
            reasons[one.reason] = reasons.get(one.reason, 0) + 1
    return counts | {"reasons": dict(sorted(reasons.items()))}
