"""Consents in force of a zone: read once, sorted by whom they concern, and asked what they withhold.

A zone counts the writes that touched a Consent; while that count stands, nothing is read again. Patients without a
Consent appear nowhere, so that they cost nothing.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import orjson

from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.services.consent_rules import Asked, depends_on_content, next_turn, ruling, tamed
from careloom.store.database import consent_marks
from careloom.store.export_scan import numbers_of
from careloom.store.zone_store import ZoneStore

_KEPT_ANSWERS = 64


@dataclass(frozen=True, slots=True)
class Withheld:
    """What consents in force withhold from one ask.

    wholly  ids of patients of whom everything is withheld
    partly  id of a patient -> the consents that say of each resource whether it is
    until   from when it has to be found anew
    names   keyed pseudonyms of all these patients
    """

    wholly: frozenset[str]
    partly: dict[str, tuple[Resource, ...]]
    until: datetime
    names: frozenset[str] = frozenset()

    @property
    def in_part(self) -> frozenset[str]:
        """Ids of the patients of whom a part is withheld."""
        return frozenset(self.partly)

    def of(self, resource: Resource, asked: Asked) -> frozenset[str]:
        """Those of the patients whom a resource is about that withhold it."""
        return frozenset(
            patient
            for patient in patients_of(resource)
            if patient in self.wholly or _denies(self.partly.get(patient, ()), asked, resource)
        )


class ConsentBook:
    """The consents of one zone, kept for as long as nobody writes one. Threads may share it."""

    def __init__(self, store: ZoneStore) -> None:
        self._store = store
        self._lock = Lock()
        self._marks = (0, 0, 0)
        self._consents: dict[str, tuple[Resource, ...]] = {}
        self._answers: OrderedDict[tuple[frozenset[str], str, frozenset[str]], Withheld] = OrderedDict()
        self._numbers: OrderedDict[frozenset[str], tuple[int, ...]] = OrderedDict()

    def withheld(self, asked: Asked) -> Withheld | None:
        """What is withheld from an ask; None where nothing is."""
        with self._store.connect() as connection:
            marks = consent_marks(connection)
        if marks[0] == 0:
            return None
        with self._lock:
            if marks[:2] != self._marks[:2]:
                self._consents = self._read()
                self._answers.clear()
            if marks != self._marks:
                self._numbers.clear()
            self._marks = marks
            key = (asked.actors, asked.purpose, asked.actions)
            found = self._answers.get(key)
            if found is None or asked.at >= found.until:
                found = self._answers[key] = self._sorted(asked)
                if len(self._answers) > _KEPT_ANSWERS:
                    self._answers.popitem(last=False)
        return found if found.wholly or found.partly else None

    def numbers(self, patients: frozenset[str]) -> tuple[int, ...]:
        """Numbers of all data keys that seal something of these patients; found anew once there is a new key."""
        with self._lock:
            found = self._numbers.get(patients)
            if found is None:
                with self._store.connect() as connection:
                    found = numbers_of(connection, sorted(map(self._store.pseudonym, patients)))
                self._numbers[patients] = found
                if len(self._numbers) > _KEPT_ANSWERS:
                    self._numbers.popitem(last=False)
        return found

    def _read(self) -> dict[str, tuple[Resource, ...]]:
        found: dict[str, tuple[Resource, ...]] = {}
        for stored in self._store.scan(["Consent"]):
            consent = orjson.loads(stored.content)
            if consent.get("status") == "active":
                for patient in patients_of(consent):
                    found[patient] = (*found.get(patient, ()), tamed(consent))
        return found

    def _sorted(self, asked: Asked) -> Withheld:
        wholly, partly, until = set(), {}, next_turn((), asked.at)
        for patient, consents in self._consents.items():
            until = min(until, next_turn(consents, asked.at))
            if any(depends_on_content(one, asked) for one in consents):
                partly[patient] = consents
            elif _denies(consents, asked, {}):
                wholly.add(patient)
        names = frozenset(map(self._store.pseudonym, wholly | partly.keys()))
        return Withheld(frozenset(wholly), partly, until, names)


def _denies(consents: Collection[Resource], asked: Asked, resource: Resource) -> bool:
    return any(ruling(one, asked, resource) == "deny" for one in consents)
