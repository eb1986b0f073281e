"""Admission: every service asks here first; who is refused is written into the audit chain of the zone."""

from careloom.audit import AuditEvent
from careloom.errors import AccessError
from careloom.services.access import Principal, Verb, Zone, require
from careloom.services.platform import Platform
from careloom.store.zone_store import ZoneStore


def admit(
    platform: Platform, who: Principal, verb: Verb, zone: Zone, resource_type: str = "", *, operation: str = ""
) -> None:
    """Returns when `who` may; see `careloom.services.access.require`.

    operation  as the audit chain calls the use case; the verb if it is empty
    raises     AccessError, after the refusal is durable in the audit chain
    """
    try:
        require(who, verb, zone, resource_type)
    except AccessError:
        event = AuditEvent(
            time=platform.runtime.now(), actor=who.name, action="execute", operation=operation or verb, zone=zone,
            outcome="refused", purpose=who.purpose, detail={"verb": verb},
        )  # fmt: skip
        _chain(platform, zone).append_audit(event)
        raise


def _chain(platform: Platform, zone: Zone) -> ZoneStore:
    """The store whose chain tells about a zone: identified for landing, and for zones that hold nothing yet."""
    if zone == "landing" or not platform.has_store(zone):
        return platform.store("identified")
    return platform.store(zone)
