"""A look at a watched version: its newest predictions against its profile, kept as a report; its alarms live on.

Nothing of a patient leaves: a report holds counts, shares and names of features and groups.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from careloom.errors import NotFound, QueryError
from careloom.mlops.drift import judge
from careloom.mlops.drift_findings import Finding
from careloom.mlops.drift_inputs import staleness
from careloom.mlops.drift_profile import Profile
from careloom.mlops.drift_thresholds import Thresholds
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.subgroups import by_subgroup
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.monitor_alarms import settled
from careloom.services.monitor_control import Controlled, controlled
from careloom.services.monitor_outcomes import ZONE, label_due
from careloom.services.monitor_profiles import in_force, profile_of
from careloom.services.monitor_window import labelled, window_of
from careloom.services.platform import Platform
from careloom.store.alarms import chart as chart_of
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

    A look at other days or by other thresholds than those in force opens, closes and tells no alarm.
    """

    version: str
    until: datetime | None = None
    days: float | None = None
    thresholds: str = ""
    run: str = ""

    @property
    def is_in_force(self) -> bool:
        """Whether it is a look at now, by what is in force: one that alarms follow from."""
        return self.until is None and self.days is None and not self.thresholds


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look reads.

    recent  predictions of the window
    ripe    those whose horizon ended in it, or in the days of grace before it
    long    those whose horizon ended in the year before its end
    newest  when the version predicted last; None for never
    chart   where its sequential control stood; None where it begins, or is looked at for other days
    told    outcomes that were told and are not final
    """

    window: Window
    recent: list[Logged]
    ripe: list[Logged]
    long: list[Logged]
    newest: datetime | None
    chart: Json | None
    gone: dict[str, int]
    told: int


def look(platform: Platform, who: Principal, ask: LookAsk) -> Json:
    """Looks at a version, keeps what it found, and puts what is to be told of it into the outbox.

    returns  ``id``, ``version``, ``since``, ``until``, ``started``, ``ended``, ``actor``, ``predictions``, ``skipped``
             (made with another profile), ``outcomes`` (final: nothing is judged by others), ``provisional`` (told, of
             all times, and not final yet), ``labelled`` (new ones), ``unlabelled`` (``waiting``, ``retired`` within the
             window and ``gone`` before anybody knew, by reason), ``findings``, ``alarms`` (kind, place and level),
             ``performance`` and ``groups`` (None and empty where outcomes are too few), ``sequential``, ``answers``,
             ``thresholds``, ``queued`` (what is to be told)
    raises   AccessError; QueryError for what is no version; NotFound for one that is not registered or has no profile;
             FormatError for thresholds that mean nothing
    """
    admit(platform, who, "operate", ZONE, operation=RUN)
    model, number = named(ask.version)
    limits = in_force(platform, ask.thresholds)
    profile, started = profile_of(platform, model, number), platform.runtime.now()
    new = label_due(platform, who, model, number, limits)
    seen = _seen(platform, ask, limits, started)
    found = judge(profile, window_of(seen.recent, profile), window_of(seen.ripe, profile), limits)
    if seen.newest is not None and ask.until is None and (silent := staleness(seen.newest, started, limits)):
        found.insert(0, silent)
    chart = controlled(seen.long, limits, seen.chart)
    report: Json = {
        "id": ask.run or platform.run_id(), "version": ask.version, "since": instant(seen.window.since),
        "until": instant(seen.window.until), "started": instant(started), "actor": who.name,
        "predictions": len(seen.recent), "skipped": sum(one.said.profile != profile.digest for one in seen.recent),
        "labelled": new.new, "unlabelled": _unlabelled(seen, new.waiting),
        "outcomes": sum(one.outcome is not None for one in seen.ripe), "provisional": seen.told,
        "findings": [one.as_json() for one in found],
        "alarms": _alarms(found, chart), "answers": _answers(seen.recent), "thresholds": limits.as_json(),
        **_measured(seen.ripe, profile), "sequential": None if chart is None else chart.as_json(),
        "ended": instant(platform.runtime.now()),
    }  # fmt: skip
    reports_of(platform, model, number).keep(report, most=platform.settings.monitor.keep_runs)
    return report | {"queued": _settled(platform, who, ask, report, (seen, chart))}


def _seen(platform: Platform, ask: LookAsk, limits: Thresholds, started: datetime) -> _Seen:
    model, number = named(ask.version)
    until = ask.until or started
    window = Window(model, number, until - timedelta(days=ask.days or limits.days), until)
    with platform.store(ZONE).predictions() as log:
        newest = next((last for name, version, _, last in log.versions() if (name, version) == (model, number)), None)
        ripe = log.ripened(replace(window, since=window.since - timedelta(days=limits.grace_days)))
        long = log.ripened(replace(window, since=until - timedelta(days=_CONTROLLED_DAYS)))
        recent, gone, told = log.window(window), log.gone(model, number), log.provisional(model, number)
    chart = None
    if ask.is_in_force:
        with platform.store(ZONE).connect() as connection:
            chart = chart_of(connection, ask.version)
    return _Seen(window, recent, ripe, long, newest, chart, gone, told)


def _settled(
    platform: Platform, who: Principal, ask: LookAsk, report: Json, found: tuple[_Seen, Controlled | None]
) -> list[Json]:
    """In one step: the look in the audit chain, what becomes of alarms, what is to be told, where the chart stands."""
    seen, chart = found
    judged = {(one["kind"], one["place"]) for one in report["findings"]}
    if seen.newest is not None:
        judged.add(("stale", ""))
    if chart is not None and chart.fresh:
        judged |= {("sequential", side) for side in chart.calm}
    detail = {"model": ask.version, "run": report["id"], "alarms": len(report["alarms"])}
    with platform.store(ZONE).transaction(event(platform, who, RUN, ZONE, detail=detail)) as step:
        if not ask.is_in_force:
            return []
        if chart is not None and step.alarms.chart(ask.version) == seen.chart:
            step.alarms.put_chart(ask.version, chart.kept(report["id"]))
        return settled(step.alarms, platform.settings.monitor, report, judged)


def _unlabelled(seen: _Seen, waiting: int) -> Json:
    """How many predictions have no outcome though their horizon has passed, and why."""
    now = [one.retired for one in seen.long if one.retired and one.noted is not None and one.noted >= seen.window.since]
    return {"waiting": waiting, "retired": dict(sorted(Counter(now).items())), "gone": seen.gone}


def named(version: str) -> tuple[str, str]:
    """(name, number) of ``NAME@3``. raises QueryError"""
    name, sign, number = version.partition("@")
    if not sign or not number.isdecimal() or not name.replace("-", "").replace("_", "").isalnum():
        raise QueryError("that is no version", "Write name and number: readmission-30d@3.")
    return name, number


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


def _alarms(found: Sequence[Finding], chart: Controlled | None) -> list[Json]:
    told = [{"kind": one.kind, "place": one.place, "level": one.level} for one in found if one.is_alarm]
    sides = sorted({"up" if one["upwards"] else "down" for one in (chart.crossings if chart else [])})
    return [*told, *({"kind": "sequential", "place": side, "level": "medium"} for side in sides)]


def _answers(recent: Sequence[Logged]) -> Json:
    counts = {"alerts": sum(one.said.alert for one in recent), "accepted": 0, "overridden": 0}
    reasons: dict[str, int] = {}
    for one in recent:
        if one.answer in counts:
            counts[one.answer] += 1
        if one.reason:
            reasons[one.reason] = reasons.get(one.reason, 0) + 1
    return counts | {"reasons": dict(sorted(reasons.items()))}
