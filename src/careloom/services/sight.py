"""What a principal may know of in a zone: its patient's compartment, and what consents in force do not withhold."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Literal

from careloom.errors import AccessError
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.services.access import Principal, Verb
from careloom.services.access_decision import COMMON, Ask, decide, is_own
from careloom.services.consent_rules import Asked
from careloom.services.consents import Withheld
from careloom.services.platform import Platform
from careloom.services.restrictions import Hidden, hidden, require_seen
from careloom.store.sight import EVERYTHING, Sight, number_of
from careloom.store.zone_store import Zone

Use = Literal["access", "export", "annotate"]
ACTIONS: dict[Use, frozenset[str]] = {
    "access": frozenset({"access"}),
    "export": frozenset({"access", "disclose"}),
    "annotate": frozenset({"access", "use"}),
}
"""What is done -> the actions of a Consent (consentaction) that it takes."""


@dataclass(slots=True)
class View:
    """The sight of one request, and how much of what it came across it left out.

    sight     for the store
    lifted    ids of patients of whom break-glass showed what consents withhold
    left_out  resources that were looked at, and left out
    own       keyed pseudonym of the one patient; empty for everybody's
    withheld  what consents withhold from the principal; None where nothing is
    hidden    patients whom it leaves out whatever consents say
    """

    sight: Sight = EVERYTHING
    lifted: set[str] = field(default_factory=set)
    left_out: int = 0
    own: str = ""
    withheld: Withheld | None = None
    hidden: Hidden = field(default_factory=Hidden)

    def shows(self, resource: Resource) -> bool:
        """True when the resource may be known of."""
        return self.sight.shows(resource)


def view_of(platform: Platform, who: Principal, zone: Zone, use: Use = "access", verb: Verb = "read") -> View:
    """What `who` may know of in a zone; of patients whose processing is restricted, care and privacy alone know."""
    view, left_out = _consented(platform, who, zone, use, verb), hidden(platform, who, zone)
    view.hidden = left_out
    if left_out.numbers:
        pseudonym, before = platform.store(zone).pseudonym, view.sight

        def shows(resource: Resource) -> bool:
            return not left_out.covers(set(map(pseudonym, patients_of(resource)))) and before.shows(resource)

        view.sight = replace(before, hidden=(*before.hidden, *left_out.numbers), shows=shows)
    return view


def knows_of(platform: Platform, who: Principal, zone: Zone) -> Callable[[Collection[str]], bool]:
    """What says whether `who` may know of what is about these patients (keyed pseudonyms), whatever it is: none of
    them is restricted, and none withholds even a part.
    """
    view = view_of(platform, who, zone)
    names = view.withheld.names if view.withheld else frozenset()
    return lambda subjects: names.isdisjoint(subjects) and not view.hidden.covers(subjects)


def require_known(platform: Platform, who: Principal, zone: Zone, subjects: Collection[str]) -> None:
    """Returns where `who` may know of what is about all these patients, as `knows_of`. raises AccessError"""
    require_seen(platform, who, zone, subjects)
    if not knows_of(platform, who, zone)(subjects):
        raise AccessError(
            "a consent withholds what is about this patient", "Ask a privacy officer, or for a purpose that it permits."
        )


def _consented(platform: Platform, who: Principal, zone: Zone, use: Use, verb: Verb) -> View:
    """What consents let `who` know of. It costs one look at a counter where nobody withholds anything."""
    store = platform.store(zone)
    view, withheld = View(), None
    if not is_own(who):
        asked = Asked(who.actors, who.purpose, ACTIONS[use], platform.runtime.now())
        withheld = platform.consents(zone).withheld(asked)
    if not who.patient and withheld is None:
        return view
    one = _Limits(platform, who, zone, verb, withheld, view, ACTIONS[use])
    view.withheld, book = withheld, platform.consents(zone)
    wholly = withheld.wholly if withheld else frozenset()
    partly = withheld.in_part if withheld else frozenset()
    if who.emergency is not None and who.emergency.patient in wholly:
        # What is shared with somebody else who withholds it stays hidden, so this patient has to be looked at.
        wholly, partly = wholly - {who.emergency.patient}, partly | {who.emergency.patient}
    only = None
    if who.patient:
        view.own = store.pseudonym(who.patient)
        with store.connect() as connection:
            only = number_of(connection, view.own)
    view.sight = Sight(
        only,
        COMMON if who.patient else frozenset(),
        book.numbers(wholly) if wholly else (),
        book.numbers(partly) if partly else (),
        one.shows,
    )
    return view


@dataclass(frozen=True, slots=True)
class _Limits:
    """The look at one resource's content."""

    platform: Platform
    who: Principal
    zone: Zone
    verb: Verb
    withheld: Withheld | None
    view: View
    actions: frozenset[str]

    def shows(self, resource: Resource) -> bool:
        patients = frozenset(patients_of(resource))
        if not patients and not self.who.patient:
            return True
        now = self.platform.runtime.now()
        denied: frozenset[str] = frozenset()
        if self.withheld is not None and patients:
            asked = Asked(self.who.actors, self.who.purpose, self.actions, now)
            denied = self.withheld.of(resource, asked)
        kind = str(resource.get("resourceType", ""))
        decision = decide(self.who, Ask(self.verb, self.zone, kind, patients, denied, now))
        if decision.reason == "permitted-in-emergency":
            self.view.lifted |= denied
        self.view.left_out += decision.reason == "consent-denied"
        return decision.is_permit
