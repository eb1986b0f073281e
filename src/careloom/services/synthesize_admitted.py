"""Models and samples by name, for who may see them: nobody else is told which names there are."""

from typing import Literal

from careloom.errors import AccessError, NotFound
from careloom.services.access import Principal, Verb, Zone
from careloom.services.access_decision import Ask, decide
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.synthesize import work, zone_of_account
from careloom.store.synthesis import Work

ZONES: tuple[Zone, ...] = ("research", "identified")
"""Whose patients may be learnt from."""


def admitted(
    platform: Platform, who: Principal, verb: Verb, name: str, kind: Literal["model", "sample"], *, operation: str
) -> tuple[Work, Zone]:
    """One model or sample, and the zone of its account, in which `who` may.

    raises  AccessError for who may in no zone, whatever the name; NotFound where there is none of this name, and in the
            same words where it is of a zone in which `who` may not; StateError as `admit`
    """
    if not any(_may(platform, who, verb, zone) for zone in ZONES):
        admit(platform, who, verb, ZONES[0], operation=operation)
    one = work(platform, name, kind)
    zone = zone_of_account(one.body["account"])
    try:
        admit(platform, who, verb, zone, operation=operation)
    except AccessError:
        raise NotFound(f"there is no such {kind}", "List them: careloom synthesize list.") from None
    return one, zone


def _may(platform: Platform, who: Principal, verb: Verb, zone: Zone) -> bool:
    decision = decide(who, Ask(verb, zone, at=platform.runtime.now()))
    return decision.is_permit and "compartment" not in decision.obligations
