"""Whom research leaves out: patients under a restriction or an objection, and what Consents withhold from research."""

from careloom.services.access import Principal
from careloom.services.consent_rules import Asked
from careloom.services.consents import Withheld
from careloom.services.platform import Platform
from careloom.services.restrictions import LeftOut, excluded

RESEARCH = "HRESCH"
"""Purpose of use of the research zone: healthcare research, HL7 v3 PurposeOfUse."""
ACTIONS = frozenset({"access", "use"})
"""What making and reading the research zone does with a record (consentaction)."""


def left_out_of_research(platform: Platform, who: Principal) -> LeftOut:
    """Whom, and what, a run of `who` that makes the research zone leaves out as things stand now.

    A patient is left out whole where everything is withheld, or the Patient resource itself is.
    """
    asked = _asked(platform, who.actors)
    excepted, withheld = excluded(platform), platform.consents("identified").withheld(asked)
    if withheld is None:
        return LeftOut(excepted)
    return LeftOut(
        excepted | _whole(platform, withheld, asked), lambda resource: bool(withheld.of(resource, asked))
    )  # fmt: skip


def withholding_research(platform: Platform, who: Principal) -> frozenset[str]:
    """The stored ids of patients of whom consents, as things stand now, withhold everything from research by `who`."""
    if not platform.has_store("identified"):
        return frozenset()
    asked = _asked(platform, who.actors)
    withheld = platform.consents("identified").withheld(asked)
    return frozenset() if withheld is None else _whole(platform, withheld, asked)


def _whole(platform: Platform, withheld: Withheld, asked: Asked) -> frozenset[str]:
    named = platform.store("identified").read_named("Patient", withheld.partly)
    nameless = {one for one, stored in named.items() if stored.deleted or withheld.of(stored.resource(), asked)}
    return withheld.wholly | nameless


def out_of_training(platform: Platform) -> frozenset[str]:
    """The stored ids of patients from whom no model learns: also those who withhold a part, or from somebody named."""
    withheld = platform.consents("identified").withheld(_asked(platform, frozenset()))
    return excluded(platform) | (withheld.wholly | withheld.in_part if withheld else frozenset())


def _asked(platform: Platform, actors: frozenset[str]) -> Asked:
    return Asked(actors, RESEARCH, ACTIONS, platform.runtime.now())
