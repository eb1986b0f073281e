"""The golden record of a patient: the best value of each field of all records of the person, made when asked for."""

from typing import Any

from careloom.errors import Erased, NotFound
from careloom.quality.golden import Chosen, Member, as_patient
from careloom.quality.golden import golden as choose
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.linkage_links import with_links
from careloom.services.platform import Platform
from careloom.store.rows import Stored, instant
from careloom.store.zone_store import Zone, ZoneStore

ZONE: Zone = "identified"


def golden(platform: Platform, who: Principal, patient: str) -> dict[str, Any]:
    """The golden record, and where each value of it comes from.

    returns  ``patient``: a Patient without id that is stored nowhere; ``records``: whom it was made from; ``fields``:
             for each element the values, the records that have them, the rule that decided, and the rest
    patient  ``Patient/<id>`` or the stored id of any record of the person
    raises   AccessError; NotFound; Erased
    """
    admit(platform, who, "read", ZONE, "Patient", operation="golden")
    name = patient.removeprefix("Patient/")
    store = platform.store(ZONE)
    with store.linkage() as reader:
        group = reader.group(name)
    found = {one: stored for one, stored in store.read_named("Patient", group).items() if not stored.deleted}
    if name not in found:
        note(platform, who, "golden", ZONE, outcome="failed", detail={"code": NotFound.code})
        if store.is_erased(name):
            raise Erased(f"{ZONE}: this Patient was erased", "Nothing of it is left.")
        raise NotFound("there is no such patient", "Search for the patient first: careloom search 'Patient?...'.")
    members = [_member(store, found[each]) for each in sorted(found)]
    note(platform, who, "golden", ZONE, subjects=[store.pseudonym(each) for each in found])
    chosen = choose(members, platform.settings.linkage.trusted_sources)
    return {
        "patient": as_patient(chosen),
        "records": [
            {"id": f"Patient/{one.id}", "source": one.source, "arrived": instant(one.arrived)} for one in members
        ],
        "fields": [_field(one) for one in chosen],
    }


def _member(store: ZoneStore, stored: Stored) -> Member:
    """A record with the time at which it last changed but for our links."""
    content = with_links(stored.resource(), ())
    content.pop("meta", None)
    arrived = stored.last_updated
    for earlier in store.history("Patient", stored.id):
        before = {} if earlier.deleted else with_links(earlier.resource(), ())
        before.pop("meta", None)
        if before != content:
            break
        arrived = earlier.last_updated
    return Member(content, store.source_of_record(stored.record_id), arrived)


def _field(one: Chosen) -> dict[str, Any]:
    return {
        "name": one.name,
        "because": one.because,
        "values": [
            {"value": value, "records": [f"Patient/{each}" for each in ids]}
            for value, ids in zip(one.values, one.sources, strict=True)
        ],
        "others": [{"value": value, "records": [f"Patient/{each}" for each in ids]} for value, ids in one.others],
    }
