"""Who is behind pseudonyms: a keyed name cannot be inverted, so every name of the zone is made again and compared.

Ids are read in pages, no seal is opened on the way, and nothing is kept of what does not match.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from careloom.deid.policy import packaged_policy
from careloom.deid.scrub import Scrubber
from careloom.errors import NotFound
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.services.platform import Platform
from careloom.services.vault_epochs import ZONE, Naming, naming
from careloom.store.vault import Epoch
from careloom.store.zone_store import ZoneStore

Json = dict[str, Any]


class Original(NamedTuple):
    """A resource of the identified zone."""

    type: str
    id: str
    is_deleted: bool


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
    rename = naming(platform, epoch).rename
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for pseudonym in pseudonyms:
        kind, _, name = pseudonym.partition("/")
        wanted[kind].add(name)
    found: dict[str, Original] = {}
    looked = 0
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


def patients_behind(store: ZoneStore, originals: Sequence[Original]) -> frozenset[str]:
    """Stored ids of the patients in whose compartment the originals are; a deleted one counts by its last content."""
    return frozenset(patient for one in originals for patient in patients_of(_content(store, one)))


def answer(platform: Platform, epoch: Epoch, pseudonym: str, original: Original | None) -> Json:
    """Who is behind one pseudonym; `original` is None where it is not there any more.

    returns  ``name``, ``resource`` (the stored id), ``state`` (current, deleted or erased), ``patient`` whose dates
             moved by ``days`` (None where it is about none), ``identifiers`` of a Patient, ``source`` system
    """
    if original is None:
        nothing: Json = {"resource": None, "patient": None, "days": None, "identifiers": [], "source": ""}
        return {"name": pseudonym, "state": "erased"} | nothing
    store = platform.store(ZONE)
    resource = _content(store, original)
    names = naming(platform, epoch)
    patient = _patient_of(platform, names, resource)
    identifiers = resource.get("identifier", []) if original.type == "Patient" else []
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


def _patient_of(platform: Platform, names: Naming, resource: Resource) -> str | None:
    """The patient by whose days the policy moves the dates of a resource."""
    policy = packaged_policy(platform.settings.deidentify.policy)
    return Scrubber(policy, names.rename, names.shift, platform.runtime.now().date()).patient_of(resource)


def _source(store: ZoneStore, original: Original) -> str:
    record = store.read(original.type, original.id).record_id
    return store.source_of_record(record) if record else ""


def _content(store: ZoneStore, original: Original) -> Resource:
    """The newest version that says something; a bare name where none is left."""
    try:
        versions = store.history(original.type, original.id)
    except NotFound:
        versions = []
    kept = next((version.resource() for version in versions if not version.deleted), None)
    return kept or {"resourceType": original.type, "id": original.id}
