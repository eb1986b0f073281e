"""Texts of the identified zone without identity, each under what the record knows about its patient."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from careloom.deid.leaks import has_name, has_street, names_of, streets_of
from careloom.deid.policy import Policy
from careloom.deid.recall import Recall
from careloom.deid.surrogates import Draw, Surrogates
from careloom.deid.text import ScrubbedText
from careloom.deid.text_detectors import Team
from careloom.deid.text_known import Known
from careloom.deid.text_spans import LETTERS
from careloom.fhir.drafts import Resource
from careloom.fhir.references import parse_reference
from careloom.services.deidentify_detectors import scrubber
from careloom.services.deidentify_known import KnownPeople, joined
from careloom.store.zone_store import ZoneStore

Json = Mapping[str, Any]
_AROUND = ("Practitioner", "PractitionerRole", "Organization", "Location")
_NOTES = ("DocumentReference",)
_DATES = ("date", "effectiveDateTime", "issued", "authoredOn", "recordedDate")


def surrogates_of(policy: Policy, draw: Draw, known: Known, days: int, resource: Json | None = None) -> Surrogates:
    """What stands in texts of one patient in place of what identifies.

    resource  in whose year dates without a year are taken to lie; None for a text that is part of none
    """
    year = None if resource is None else _year_of(resource)
    return Surrogates(draw, known, days, policy.small_zip3 or None, year)


def has_leak(text: str, own: Known) -> bool:
    """True when a text still holds a name or street of the patient."""
    return has_name(text, names_of(own)) or has_street(text, streets_of(own))


class RecordTexts:
    """Scrubs the texts of one zone's resources for one project.

    key        of the project, for surrogates
    days       patient id -> days by which the patient's dates move
    detectors  of `careloom.services.deidentify_detectors.teams`
    """

    def __init__(
        self,
        store: ZoneStore,
        people: KnownPeople,
        policy: Policy,
        key: bytes,
        days: Callable[[str], int],
        detectors: Sequence[Team],
    ) -> None:
        self._store = store
        self._people = people
        self._policy = policy
        self._key = key
        self._days = days
        self._scrubber = scrubber(detectors)
        self._here = scrubber(team for team in detectors if not team.sends_to)
        self._elsewhere = tuple(team.name for team in detectors if team.sends_to)
        self.found: Counter[str] = Counter()
        """Letter of `careloom.deid.identifiers` -> how many were found in texts."""
        self.recall: Recall | None = None
        self.shows: Callable[[Resource], bool] | None = None
        """True for an encounter whose clinicians and places may be looked for; None looks for those of all."""

    def measure_recall(self, run_id: str) -> None:
        """From now on identifiers are planted in copies of some notes, and it is counted how many are found.

        Copies stay here: a detector that sends texts elsewhere is left out, and the measurement says so.
        """
        counts = self._store.count()
        self.recall = Recall(self._key, run_id, sum(counts.get(kind, 0) for kind in _NOTES), self._elsewhere)

    def scrub(self, patient_id: str | None, resource: Json, text: str) -> str | None:
        """A text without identity; None where it is nobody's, or where a name of the patient would stay."""
        done = None if patient_id is None else self.scrubbed(patient_id, resource, text)
        return None if done is None else done.text

    def scrubbed(self, patient_id: str, resource: Json, text: str) -> ScrubbedText | None:
        """A text without identity, and what was found in it; None where a name of the patient would stay."""
        own = self._people.patient(patient_id)
        known = joined([own, *self._around(resource)])
        draw = Draw(self._key, patient_id)
        surrogates = surrogates_of(self._policy, draw, known, self._days(patient_id), resource)
        done = self._scrubber.scrub(text, surrogates, self._policy.text)
        if self.recall is not None and resource.get("resourceType") in _NOTES:
            self.recall.offer(str(resource.get("id", "")), text, known, self._here)
        for label, count in done.counts.items():
            self.found[LETTERS[label] or "B"] += count
        return None if has_leak(done.text, own) else done

    def _around(self, resource: Json) -> list[Known]:
        """The clinicians and places that the resource, or its encounter, names."""
        named = set(_named(resource))
        for encounter in [one for one in named if one.startswith("Encounter/")]:
            held = self._store.read_named("Encounter", [encounter.partition("/")[2]])
            there = [stored.resource() for stored in held.values() if not stored.deleted]
            named |= {name for one in there if self.shows is None or self.shows(one) for name in _named(one)}
        return [self._people.named(name) for name in sorted(named) if name.partition("/")[0] in _AROUND]


def _named(value: Any) -> Iterable[str]:
    """Every Type/id that a resource refers to."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "reference" and isinstance(item, str):
                told = parse_reference(item)
                if told.id:
                    yield f"{told.type}/{told.id}"
            else:
                yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _year_of(resource: Json) -> int | None:
    """The year of the resource's first date, in which dates without a year are taken to lie."""
    for key in _DATES:
        told = resource.get(key)
        if isinstance(told, str) and told[:4].isdigit():
            return int(told[:4])
    return None
