"""Who is behind pseudonyms: a keyed name cannot be inverted, so every name of the zone is made again and compared.

What a policy encrypted is opened with the epoch's key: ``sealed/...`` names the patient and the identifier. Ids are
read in pages, no seal is opened on the way, and nothing is kept of what does not match.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from careloom.deid.policy import packaged_policy
from careloom.errors import IntegrityError, NotFound
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.services.platform import Platform
from careloom.services.vault_epochs import ZONE, Naming, naming
from careloom.store.vault import Epoch
from careloom.store.zone_store import ZoneStore

Json = dict[str, Any]


SEALED = "sealed"
"""Stands before a sealed identifier where other pseudonyms have their type."""


class Original(NamedTuple):
    """A resource of the identified zone; with `identifier`, one number of a patient (type and id empty: nobody's)."""

    type: str
    id: str
    is_deleted: bool
    identifier: Json | None = None


@dataclass(frozen=True, slots=True)
class Reversal:
    """What stands behind pseudonyms ``Type/name``.

    found    pseudonym -> original; those of the question that nothing has are left out
    looked   names that were made again
    seconds  how long it took
    """

    found: dict[str, Original]
    looked: int
    seconds: float


def reverse(platform: Platform, epoch: Epoch, pseudonyms: Sequence[str]) -> Reversal:
    """Finds what stands behind the pseudonyms of one epoch. raises Erased if it is retired."""
    began = platform.runtime.now()
    names = naming(platform, epoch)
    rename = names.rename
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for pseudonym in pseudonyms:
        kind, _, name = pseudonym.partition("/")
        wanted[kind].add(name)
    found: dict[str, Original] = {}
    for sealed in wanted.pop(SEALED, ()):
        original = _opened(platform, names, sealed)
        if original is not None:
            found[f"{SEALED}/{sealed}"] = original
    looked = len(found)
    with platform.store(ZONE).vault() as reader:
        for kind, missing in sorted(wanted.items()):
            for name, is_deleted in reader.resource_ids(kind):
                looked += 1
                pseudonym = rename(kind, name)
                if pseudonym in missing:
                    found[f"{kind}/{pseudonym}"] = Original(kind, name, is_deleted)
                    missing.discard(pseudonym)
                    if not missing:
                        break
    return Reversal(found, looked, (platform.runtime.now() - began).total_seconds())


def _opened(platform: Platform, names: Naming, sealed: str) -> Original | None:
    """What was sealed; None where it does not open under this epoch's key, or its patient was erased."""
    try:
        patient, system, value = orjson.loads(names.sealed.open(sealed))
    except (IntegrityError, ValueError):
        return None
    store = platform.store(ZONE)
    if patient and store.is_erased(patient):
        return None
    held = store.read_named("Patient", [patient]).get(patient) if patient else None
    is_deleted = held is not None and held.deleted
    return Original("Patient" if patient else "", patient, is_deleted, {"system": system, "value": value})


def patients_behind(store: ZoneStore, originals: Sequence[Original]) -> frozenset[str]:
    """Stored ids of the patients in whose compartment the originals are; a deleted one counts by its last content."""
    return frozenset(
        patient for one in originals if one.type for patient in patients_of(_content(store, one))
    ) | frozenset(one.id for one in originals if one.identifier is not None and one.id)


def answer(platform: Platform, epoch: Epoch, pseudonym: str, original: Original | None) -> Json:
    """Who is behind one pseudonym; `original` is None where it is not there any more.

    returns  ``name``, ``resource`` (the stored id), ``state`` (current, deleted or erased), ``patient`` whose dates
             moved by ``days`` (None where it is about none), ``identifiers`` of a Patient, ``source`` system
    """
    if original is None:
        nothing: Json = {"resource": None, "patient": None, "days": None, "identifiers": [], "source": ""}
        return {"name": pseudonym, "state": "erased"} | nothing
    if not original.type:
        nobodys: Json = {"resource": None, "patient": None, "days": None, "source": ""}
        return {"name": pseudonym, "state": "current", "identifiers": [original.identifier]} | nobodys
    store = platform.store(ZONE)
    resource = _content(store, original)
    names = naming(platform, epoch)
    patient = _patient_of(platform, resource)
    identifiers = resource.get("identifier", []) if original.type == "Patient" else []
    if original.identifier is not None:
        identifiers = [original.identifier]
    return {
        "name": pseudonym,
        "resource": f"{original.type}/{original.id}",
        "state": "deleted" if original.is_deleted else "current",
        "patient": f"Patient/{patient}" if patient else None,
        "days": names.shift(patient) if patient else None,
        "identifiers": [_identifier(one) for one in identifiers if isinstance(one, dict) and one.get("value")],
        "source": _source(store, original),
    }


def _identifier(identifier: Resource) -> Json:
    return {"system": str(identifier.get("system", "")), "value": str(identifier["value"])}


def _patient_of(platform: Platform, resource: Resource) -> str | None:
    """The patient by whose days the policy moves the dates of a resource."""
    return packaged_policy(platform.settings.deidentify.policy).patient_of(resource)


def _source(store: ZoneStore, original: Original) -> str:
    held = store.read_named(original.type, [original.id]).get(original.id)
    record = held.record_id if held is not None else ""
    return store.source_of_record(record) if record else ""


def _content(store: ZoneStore, original: Original) -> Resource:
    """The newest version that says something; a bare name where none is left."""
    try:
        versions = store.history(original.type, original.id)
    except NotFound:
        versions = []
    kept = next((version.resource() for version in versions if not version.deleted), None)
    return kept or {"resourceType": original.type, "id": original.id}
