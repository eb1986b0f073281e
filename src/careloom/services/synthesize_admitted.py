"""Models and samples by name, for who may see them: nobody else is told which names there are."""

from contextlib import suppress
from typing import Literal

from careloom.errors import AccessError, NotFound
from careloom.services.access import Principal, Verb, Zone
from careloom.services.access_decision import Ask, decide
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.synthesize import work, zone_of_account
from careloom.store.synthesis import Work


def admitted(
    platform: Platform, who: Principal, verb: Verb, name: str, kind: Literal["model", "sample"], *, operation: str
) -> tuple[Work, Zone]:
    """One model or sample, and the zone of its account, in which `who` may.

    raises  for a name that there is not and for one of a zone in which `who` may not the same, in the same words:
            AccessError for who may not in the research zone, else NotFound; StateError as `admit`
    """
    missing = NotFound(f"there is no such {kind}", "List them: careloom synthesize list.")
    try:
        one = work(platform, name, kind)
    except NotFound:
        admit(platform, who, verb, "research", operation=operation)
        raise missing from None
    zone = zone_of_account(one.body["account"])
    if zone != "research" and not _may(platform, who, verb, zone):
        with suppress(AccessError):  # it is in the audit chain
            admit(platform, who, verb, zone, operation=operation)
        admit(platform, who, verb, "research", operation=operation)
        raise missing
    admit(platform, who, verb, zone, operation=operation)
    return one, zone


def _may(platform: Platform, who: Principal, verb: Verb, zone: Zone) -> bool:
    decision = decide(who, Ask(verb, zone, at=platform.runtime.now()))
    return decision.is_permit and "compartment" not in decision.obligations
