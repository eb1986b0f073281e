"""Retention: what the rules let go is counted, then removed, some at a time; a run that was stopped is begun again.

Reports hold counts by rule and never a patient's value. Nothing under a legal hold goes. What each rule removes:

- ``landing``: the bytes of records that are stored; ``careloom verify`` of their facts says so from then on
- ``quarantine``: refused records, whole
- ``exports``, ``jobs``, ``backups``: files, requests and logs, files and keys
- ``relinking-keys``: salts of epochs that are neither current nor in the research zone
- ``samples``: sealed rows that were drawn of a generator and not let out
- ``predictions``: what models said of patients, and what came of it
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from careloom.errors import Conflict, Held, QueryError
from careloom.pipeline.registry import load
from careloom.services import backups, erase_certificate, exports, retain_predictions
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.export import exports_of
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.retention_rules import KEEPS, REMOVES, RetentionRule, rules_of
from careloom.services.vault_epochs import find as find_epoch
from careloom.services.vault_epochs import retire
from careloom.store import retention
from careloom.store.audit_log import microseconds, time_of
from careloom.store.export_scan import numbers_of
from careloom.store.rights import held_zone, patients_under
from careloom.store.rows import instant
from careloom.store.synthesis import unused
from careloom.store.vault import Epoch
from careloom.store.zone_store import ZoneStore

Json = dict[str, Any]
Watch = Callable[[str, int], None]


def plan(platform: Platform, who: Principal, only: Collection[str] = ()) -> list[Json]:
    """What the rules would remove now; nothing is changed.

    only     names of rules; all where empty
    returns  for each: ``rule``, ``keep``, ``source``, ``why``, ``removes`` (false where nothing ever does), ``due``,
             ``held`` (kept by a legal hold), ``oldest`` (ISO 8601, empty)
    raises   AccessError; QueryError for a rule that is none; SetupError
    """
    admit(platform, who, "rights", "landing", operation="retention-plan")
    chosen = _chosen(platform, only)
    made = [_planned(platform, rule) for rule in chosen]
    note(platform, who, "retention-plan", "landing", detail={one["rule"]: one["due"] for one in made})
    return made


def run(platform: Platform, who: Principal, only: Collection[str] = (), watch: Watch | None = None) -> list[Json]:
    """Removes what the rules let go; as `plan`, with ``removed`` in place of ``due``.

    watch   (rule, how many so far), after each part; may raise to stop the run: what was done stays done
    raises  as `plan`; Held where a hold on a zone keeps all that a rule would remove
    """
    admit(platform, who, "rights", "landing", operation="retain")
    done = []
    for rule in _chosen(platform, only):
        told = _planned(platform, rule)
        removed = 0
        if told["due"] and rule.rule in REMOVES:
            so_far = partial(watch, rule.rule) if watch is not None else _nobody
            removed = _REMOVERS[rule.rule](platform, who, rule, so_far)
        done.append({**{name: told[name] for name in told if name != "due"}, "removed": removed})
    store = platform.store("identified")
    if any(one["removed"] for one in done if one["rule"] in ("landing", "quarantine")):
        store.scrub()
    note(platform, who, "retain", "landing", action="delete", detail={one["rule"]: one["removed"] for one in done})
    return done


def _nobody(count: int) -> None:
    """Where nobody watches."""


def _chosen(platform: Platform, only: Collection[str]) -> list[RetentionRule]:
    rules = rules_of(platform)
    unknown = set(only) - set(rules)
    if unknown:
        raise QueryError("there is no such retention rule", f"Known ones: {', '.join((*REMOVES, *KEEPS))}.")
    return [rules[name] for name in (*REMOVES, *KEEPS) if not only or name in only]


def _planned(platform: Platform, rule: RetentionRule) -> Json:
    cutoff = rule.cutoff(platform.runtime.now())
    found = retention.Due(0, 0, 0) if cutoff is None else _COUNTERS[rule.rule](platform, cutoff)
    return {
        "rule": rule.rule, "keep": rule.said, "source": rule.source, "why": rule.why,
        "removes": rule.rule in REMOVES, "due": found.due, "held": found.held,
        "oldest": instant(time_of(found.oldest)) if found.oldest else "",
    }  # fmt: skip


def _held(store: ZoneStore, connection: Any) -> tuple[bool, frozenset[int]]:
    """Whether a hold is on the whole zone, and the data keys of patients under one."""
    patients = patients_under(connection, ("hold",))
    return held_zone(connection), frozenset(numbers_of(connection, sorted(map(store.pseudonym, patients))))


def _records(platform: Platform, cutoff: datetime, *, refused: bool) -> retention.Due:
    store = platform.store("identified")
    with store.connect() as connection:
        is_held, numbers = _held(store, connection)
        found = retention.due_records(connection, microseconds(cutoff), numbers, refused=refused)
    return retention.Due(0, found.due + found.held, found.oldest) if is_held else found


def _remove_records(
    platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object], *, refused: bool
) -> int:
    store, removed, after = platform.store("identified"), 0, 0
    cutoff = rule.cutoff(platform.runtime.now())
    before = microseconds(cutoff) if cutoff is not None else 0
    while True:
        detail: Json = {"rule": rule.rule}
        with store.transaction(
            lambda _, detail=detail: event(platform, who, "retain", "landing", action="delete", detail=detail)  # type: ignore[misc]
        ) as step:
            is_held, numbers = _held(store, step.connection)
            if is_held:
                raise Held("a legal hold is on the zone", "It must be released first: careloom retain holds.")
            count, after = retention.remove_records(step.connection, before, numbers, refused=refused, after=after)
            detail["removed"] = count
        removed += count
        told(removed)
        if not after:
            return removed


def _landing(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    return _remove_records(platform, who, rule, told, refused=False)


def _quarantine(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    return _remove_records(platform, who, rule, told, refused=True)


def _zones_held(platform: Platform) -> bool:
    """True while a hold is on any zone: what holds data of several zones stays whole then."""
    for zone in STORED_ZONES:
        if platform.has_store(zone):
            with platform.store(zone).connect() as connection:
                if held_zone(connection) or patients_under(connection, ("hold",)):
                    return True
    return False


def _due(moments: list[int], is_held: bool = False) -> retention.Due:
    count, oldest = len(moments), min(moments, default=0)
    return retention.Due(0, count, oldest) if is_held else retention.Due(count, 0, oldest)


def _exports(platform: Platform, cutoff: datetime) -> retention.Due:
    listed = exports_of(platform).listed()
    return _due([int(written * 1e6) for _, written in listed if written < cutoff.timestamp()])


def _remove_exports(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    return exports.sweep(platform)


def _jobs(platform: Platform, cutoff: datetime) -> retention.Due:
    if not platform.has_jobs():
        return retention.Due(0, 0, 0)
    with platform.jobs() as jobs:
        moments = [microseconds(job.ended) for job in jobs.ended_before(cutoff) if job.ended is not None]
    return _due(moments, _zones_held(platform))


def _remove_jobs(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    cutoff = rule.cutoff(platform.runtime.now())
    if cutoff is None:
        return 0
    with platform.jobs() as jobs:
        ended = [job.id for job in jobs.ended_before(cutoff)]
        for job_id in ended:
            platform.spools.destroy(job_id)
        jobs.remove(ended)
    return len(ended)


def _backups(platform: Platform, cutoff: datetime) -> retention.Due:
    known = backups.ledger_of(platform).backups()
    return _due([one.created for one in known if one.created < microseconds(cutoff)], _zones_held(platform))


def _remove_backups(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    cutoff, removed = rule.cutoff(platform.runtime.now()), 0
    for one in backups.ledger_of(platform).backups():
        if cutoff is not None and one.created < microseconds(cutoff):
            detail = {"rule": rule.rule, "backup": one.backup}
            note(platform, who, "retain", "identified", action="delete", detail=detail)
            backups.remove(platform, one)
            removed += 1
            told(removed)
    return removed


def _old_epochs(platform: Platform, cutoff: datetime) -> list[Epoch]:
    """Epochs that ended before a moment, neither current nor retired."""
    with platform.store("identified").vault() as reader:
        known = reader.epochs()
    newest = {one.project: one.epoch for one in known}
    return [
        one for one in known
        if one.epoch < newest[one.project] and one.retired is None
        and (one.finished or one.created or cutoff) < cutoff
    ]  # fmt: skip


def _epochs(platform: Platform, cutoff: datetime) -> retention.Due:
    moments = [microseconds(one.finished or one.created or cutoff) for one in _old_epochs(platform, cutoff)]
    return _due(moments, _zones_held(platform))


def _remove_epochs(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    cutoff, removed = rule.cutoff(platform.runtime.now()), 0
    for one in _old_epochs(platform, cutoff) if cutoff is not None else ():
        with suppress(Conflict):  # the research zone may still hold names of it
            retire(platform, who, one.project, find_epoch(platform, one.project, one.epoch).epoch)
            removed += 1
    if removed:
        backups.forget(platform)
    return removed


def _samples(platform: Platform, cutoff: datetime) -> retention.Due:
    if not platform.has_store("identified"):
        return retention.Due(0, 0, 0)
    with platform.store("identified").connect() as connection:
        moments = [microseconds(one.changed) for one in unused(connection, cutoff)]
    return _due(moments, _zones_held(platform))


def _remove_samples(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    cutoff = rule.cutoff(platform.runtime.now())
    return 0 if cutoff is None else int(load("retain.samples")(platform, who, cutoff, told))


def _audit(platform: Platform, cutoff: datetime) -> retention.Due:
    count = 0
    for zone in STORED_ZONES:
        if platform.has_store(zone):
            with platform.store(zone).connect() as connection:
                count += retention.events_before(connection, microseconds(cutoff))
    return retention.Due(count, 0, 0)


def _certificates(platform: Platform, cutoff: datetime) -> retention.Due:
    ended = (datetime.fromisoformat(one["ended"]) for one in erase_certificate.kept(platform))
    return _due([microseconds(moment) for moment in ended if moment < cutoff])


_COUNTERS: dict[str, Callable[[Platform, datetime], retention.Due]] = {
    "landing": lambda platform, cutoff: _records(platform, cutoff, refused=False),
    "quarantine": lambda platform, cutoff: _records(platform, cutoff, refused=True),
    "exports": _exports,
    "jobs": _jobs,
    "backups": _backups,
    "relinking-keys": _epochs,
    "samples": _samples,
    "predictions": retain_predictions.due,
    "audit": _audit,
    "tombstones": lambda platform, cutoff: retention.Due(0, 0, 0),
    "certificates": _certificates,
}
_REMOVERS: dict[str, Callable[[Platform, Principal, RetentionRule, Callable[[int], object]], int]] = {
    "landing": _landing,
    "quarantine": _quarantine,
    "exports": _remove_exports,
    "jobs": _remove_jobs,
    "backups": _remove_backups,
    "relinking-keys": _remove_epochs,
    "samples": _remove_samples,
    "predictions": retain_predictions.remove,
}
