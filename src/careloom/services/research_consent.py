"""Whom research leaves out: patients under a restriction or an objection, and what Consents withhold from research."""

from careloom.services.access import Principal
from careloom.services.consent_rules import Asked
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
    excepted, store = excluded(platform), platform.store("identified")
    withheld = platform.consents("identified").withheld(asked)
    if withheld is None:
        return LeftOut(excepted)
    named = store.read_named("Patient", withheld.partly)
    nameless = {one for one, stored in named.items() if stored.deleted or withheld.of(stored.resource(), asked)}
    return LeftOut(excepted | withheld.wholly | nameless, lambda resource: bool(withheld.of(resource, asked)))


def out_of_training(platform: Platform) -> frozenset[str]:
    """The stored ids of patients from whom no model learns: also those who withhold a part, or from somebody named."""
    withheld = platform.consents("identified").withheld(_asked(platform, frozenset()))
    return excluded(platform) | (withheld.wholly | withheld.in_part if withheld else frozenset())


def _asked(platform: Platform, actors: frozenset[str]) -> Asked:
    return Asked(actors, RESEARCH, ACTIONS, platform.runtime.now())
