"""Old predictions of the log: counted, and removed from every zone that keeps some; nothing under a hold goes."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection

from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.retention_rules import RetentionRule
from careloom.store import retention
from careloom.store.audit_log import microseconds
from careloom.store.export_scan import numbers_of
from careloom.store.rights import held_zone, patients_under
from careloom.store.zone_store import Zone, ZoneStore


def due(platform: Platform, cutoff: datetime) -> retention.Due:
    """Predictions made before a moment, and those of them that a hold keeps."""
    found = retention.Due(0, 0, 0)
    for _, store in _stores(platform):
        with store.connect() as connection:
            held, before = _held(store, connection), microseconds(cutoff)
            one = retention.due_predictions(connection, before, held if held is not None else ())
        kept = one.due + one.held if held is None else one.held
        goes = 0 if held is None else one.due
        oldest = min([moment for moment in (found.oldest, one.oldest) if moment], default=0)
        found = retention.Due(found.due + goes, found.held + kept, oldest)
    return found


def remove(platform: Platform, who: Principal, rule: RetentionRule, told: Callable[[int], object]) -> int:
    """Removes them, zone by zone, each with its audit event; the freed space is rewritten."""
    cutoff, removed = rule.cutoff(platform.runtime.now()), 0
    before = 0 if cutoff is None else microseconds(cutoff)
    for zone, store in _stores(platform):
        detail: dict[str, object] = {"rule": rule.rule}
        with store.transaction(
            lambda _, zone=zone, detail=detail: event(  # type: ignore[misc]
                platform, who, "retain", zone, action="delete", detail=detail
            )
        ) as step:
            held = _held(store, step.connection)
            gone = 0 if held is None else retention.remove_predictions(step.connection, before, held)
            detail["removed"] = gone
        if gone:
            store.scrub()
        removed += gone
        told(removed)
    return removed


def _stores(platform: Platform) -> Iterator[tuple[Zone, ZoneStore]]:
    for zone in STORED_ZONES:
        if platform.has_store(zone):
            yield zone, platform.store(zone)


def _held(store: ZoneStore, connection: Connection) -> Collection[int] | None:
    """The data keys of patients under a hold; None where the whole zone is."""
    if held_zone(connection):
        return None
    patients = patients_under(connection, ("hold",))
    return numbers_of(connection, sorted(map(store.pseudonym, patients)))
