"""What the identified zone knows about each patient, looked up a batch at a time."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from careloom.deid.leaks import numbers_of
from careloom.deid.text_known import Known, known_from
from careloom.fhir.references import parse_reference
from careloom.store.zone_store import ZoneStore

_REMEMBERED = 8192


class KnownPeople:
    """Names, addresses and numbers of patients and those around them, and of clinicians and places.

    Remembers the last `_REMEMBERED` patients; what relatives have registered stays in memory as a whole.

    relatives  patient id -> what is known of those around, for whoever asks about few patients; by default all are read
    """

    def __init__(self, store: ZoneStore, relatives: Mapping[str, Sequence[Known]] | None = None) -> None:
        self._store = store
        self._patients: dict[str, Known] = {}
        self._numbers: dict[str, frozenset[str]] = {}
        self._relatives = self._read_relatives() if relatives is None else relatives
        self.named = lru_cache(_REMEMBERED)(self._read_named)
        """``Practitioner/<id>`` and the like -> what is known about it."""

    def fetch(self, patient_ids: Iterable[str]) -> None:
        """Reads the patients of a batch at once, those that are not remembered."""
        missing = sorted(set(patient_ids) - self._patients.keys())
        if len(self._patients) + len(missing) > _REMEMBERED:
            self._patients.clear()
            self._numbers.clear()
        found = self._store.read_named("Patient", missing)
        for name in missing:
            stored = found.get(name)
            own = [known_from([stored.resource()])] if stored is not None and not stored.deleted else []
            self._patients[name] = joined([*own, *self._relatives.get(name, ())])

    def patient(self, patient_id: str) -> Known:
        """What the record knows about a patient and relatives; nothing where there is no such patient."""
        if patient_id not in self._patients:
            self.fetch([patient_id])
        return self._patients[patient_id]

    def numbers(self, patient_id: str) -> frozenset[str]:
        """The patient's `careloom.deid.leaks.numbers_of`."""
        if patient_id not in self._numbers:
            self._numbers[patient_id] = numbers_of([self.patient(patient_id)])
        return self._numbers[patient_id]

    def _read_relatives(self) -> Mapping[str, Sequence[Known]]:
        found: dict[str, list[Known]] = {}
        for stored in self._store.scan(["RelatedPerson"]):
            resource = stored.resource()
            told = parse_reference(str(resource.get("patient", {}).get("reference", "")))
            found.setdefault(told.id, []).append(known_from([resource]))
        return found

    def _read_named(self, name: str) -> Known:
        kind, _, one = name.partition("/")
        found = self._store.read_named(kind, [one])
        return known_from([stored.resource() for stored in found.values() if not stored.deleted])


def joined(known: Iterable[Known]) -> Known:
    """All of them as one."""
    every = list(known)
    return Known(
        tuple(name for one in every for name in one.names),
        tuple(address for one in every for address in one.addresses),
        tuple(value for one in every for value in one.values),
        tuple(birth for one in every for birth in one.birth_dates),
    )
