"""Whom a caller does not see: patients whose processing is restricted, and in the research zone those who objected.

A restriction leaves the data where it is (GDPR article 18): care and privacy go on with it, nobody else. An objection
(article 21) is to research alone. Both hold at once for reading, searching and exporting; the next de-identification
leaves the patients out of the research zone and its tables.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import orjson

from careloom.errors import AccessError
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.services.access import Principal
from careloom.services.access_decision import is_own
from careloom.services.platform import Platform
from careloom.services.synthesize_over import closed_patients
from careloom.services.vault_epochs import naming, unretired
from careloom.store.export_scan import numbers_of
from careloom.store.rights import Kind, patients_under
from careloom.store.zone_store import Zone, ZoneStore

CARE: frozenset[str] = frozenset({"clinician", "record-author", "privacy-officer"})
"""Roles that go on with restricted patients in the identified zone."""
PRIVACY: frozenset[str] = frozenset({"privacy-officer"})
"""Roles that see them elsewhere."""
NOT_FOR_RESEARCH: tuple[Kind, ...] = ("restrict", "object")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Whom a caller does not see in a zone.

    pseudonyms  keyed, of that zone
    numbers     of the data keys that seal something of theirs
    """

    pseudonyms: frozenset[str] = frozenset()
    numbers: tuple[int, ...] = ()

    def covers(self, subjects: Collection[str] | Iterable[str]) -> bool:
        """True when one of these patients is among them."""
        return bool(self.pseudonyms) and not self.pseudonyms.isdisjoint(subjects)


@dataclass(slots=True)
class LeftOut:
    """Patients whom a run does not read, and how many resources it passed over.

    patients     of whom nothing is read
    is_withheld  true for a resource of somebody else that a consent withholds
    """

    patients: frozenset[str]
    is_withheld: Callable[[Resource], bool] | None = None
    resources: int = 0

    def others(self, store: ZoneStore) -> Iterator[Resource]:
        """Every current resource that is about none of them, and that nobody withholds."""
        for stored in store.scan():
            resource = orjson.loads(stored.content)
            if self._is_passed_over(resource):
                self.resources += 1
            else:
                yield resource

    def _is_passed_over(self, resource: Resource) -> bool:
        if self.patients and not self.patients.isdisjoint(patients_of(resource)):
            return True
        return self.is_withheld is not None and self.is_withheld(resource)


def hidden(platform: Platform, who: Principal, zone: Zone) -> Hidden:
    """Whom a caller does not see; of who cares or keeps privacy nobody but patients of releases that are closed."""
    closed = _closed(platform, zone)
    others = _hidden(platform, who, zone)
    return Hidden(closed.pseudonyms | others.pseudonyms, tuple(sorted({*closed.numbers, *others.numbers})))


def _hidden(platform: Platform, who: Principal, zone: Zone) -> Hidden:
    if is_own(who):  # a patient has access to the own record whatever else is restricted: GDPR article 15
        return Hidden()
    if not who.roles.isdisjoint(CARE if zone == "identified" else PRIVACY):
        return Hidden()
    ids = excluded(platform, ("restrict",) if zone == "identified" else NOT_FOR_RESEARCH)
    return _of(platform, zone, ids) if ids else Hidden()


def not_exported(platform: Platform, zone: Zone) -> Hidden:
    """Whom no export of a zone holds, whoever asks for it."""
    ids = excluded(platform, ("restrict",) if zone == "identified" else NOT_FOR_RESEARCH)
    closed, others = _closed(platform, zone), _of(platform, zone, ids) if ids else Hidden()
    return Hidden(closed.pseudonyms | others.pseudonyms, tuple(sorted({*closed.numbers, *others.numbers})))


def excluded(platform: Platform, kinds: Collection[Kind] = NOT_FOR_RESEARCH) -> frozenset[str]:
    """The stored ids, in the identified zone, of all patients on whom one of these rules is now."""
    if not platform.has_store("identified"):
        return frozenset()
    with platform.store("identified").connect() as connection:
        return frozenset(patients_under(connection, kinds))


def require_seen(platform: Platform, who: Principal, zone: Zone, subjects: Collection[str]) -> None:
    """Returns where a caller may see all these patients. raises AccessError"""
    require_not_hidden(hidden(platform, who, zone), zone, subjects)


def require_not_hidden(left_out: Hidden, zone: Zone, subjects: Collection[str]) -> None:
    """Returns where none of these patients is among those whom a caller does not see. raises AccessError"""
    if left_out.covers(subjects):
        raise AccessError(
            "the processing of this patient is restricted",
            f"Only these roles go on with it: {', '.join(sorted(CARE if zone == 'identified' else PRIVACY))}.",
        )


def _closed(platform: Platform, zone: Zone) -> Hidden:
    """Synthetic patients of releases that are over, withdrawn or half made."""
    names = closed_patients(platform) if zone == "synthetic" and platform.has_store(zone) else []
    if not names:
        return Hidden()
    store = platform.store(zone)
    pseudonyms = frozenset(map(store.pseudonym, names))
    with store.connect() as connection:
        return Hidden(pseudonyms, numbers_of(connection, sorted(pseudonyms)))


def _of(platform: Platform, zone: Zone, ids: Collection[str]) -> Hidden:
    store = platform.store(zone)
    names = set(ids)
    if zone != "identified":
        names = {naming(platform, epoch).rename("Patient", one) for epoch in unretired(platform) for one in ids}
    pseudonyms = frozenset(map(store.pseudonym, names))
    with store.connect() as connection:
        return Hidden(pseudonyms, numbers_of(connection, sorted(pseudonyms)))
