"""Erase: a patient leaves every zone: keys, records, resources, index, research rows and tables."""

from collections.abc import Callable
from typing import Any

from careloom.audit import AuditEvent
from careloom.errors import NotFound, QueryError
from careloom.fhir.drafts import Resource
from careloom.services.access import Principal, require
from careloom.services.deidentify import forget_research
from careloom.services.platform import Platform
from careloom.store.erasure import ErasureReport
from careloom.store.zone_store import ZoneStore

SHORTEST_WORD_BYTES = 5
"""A shorter identifier is no evidence that bytes are about the patient."""


def erase(platform: Platform, who: Principal, patient: str, *, source: str = "") -> dict[str, Any]:
    """Erases a patient for good.

    patient  ``Patient/<id>``, the stored id or the source system's own
    returns  ``already_erased``, ``pseudonym`` and ``removed`` (what -> count)
    raises   AccessError; QueryError; NotFound if no such patient was ever stored
    """
    for zone in ("landing", "identified", "research", "synthetic"):
        require(who, "erase", zone)
    kind, slash, name = patient.partition("/")
    if kind != "Patient" or not slash or not name:
        raise QueryError("a patient is named Patient/<id>", "For example Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa.")
    store = platform.store("identified")
    candidates = (name, platform.names.resource_id(source or platform.settings.ingest.source, "Patient", name))
    known = store.read_named("Patient", candidates)
    erased_before = [candidate for candidate in candidates if store.is_erased(candidate)]
    if not known and not erased_before:
        raise NotFound("there is no such patient", "Search for the patient first: careloom search 'Patient?...'.")
    patient_id = next(iter(known)) if known else erased_before[0]
    named = names_patient(store, patient_id, name)
    report = store.erase([patient_id], lambda done: _event(platform, who, done), names_patient=named)
    removed = {
        "data keys": report.keys,
        "resources": report.resources,
        "versions": report.versions,
        "source records": report.records,
        "quarantined records": report.quarantined,
        "index rows": report.index_rows,
        "file names": report.file_names,
    }
    removed |= forget_research(platform, who, patient_id)
    return {
        "patient": f"Patient/{patient_id}",
        "already_erased": bool(erased_before) and report.is_empty,
        "pseudonym": report.pseudonyms[0],
        "removed": removed,
    }


def names_patient(store: ZoneStore, patient_id: str, asked: str) -> Callable[[bytes], bool]:
    """Whether bytes that nobody could assign (a quarantined record, a file's name) give this patient away.

    They do when they hold an id, identifier, phone, mail address or street line of any version still there, or a family
    and a given name together. Case does not count; words too short to be evidence are left out.
    """
    strong = {asked}
    pairs: set[tuple[str, str]] = set()
    for resource in _versions(store, patient_id):
        strong |= set(_words(resource))
        names = resource.get("name", [])
        pairs |= {(name["family"], given) for name in names if "family" in name for given in name.get("given", [])}
    words = [word.lower().encode() for word in sorted(strong) if len(word.encode()) >= SHORTEST_WORD_BYTES]
    both = [(family.lower().encode(), given.lower().encode()) for family, given in sorted(pairs)]

    def named(raw: bytes) -> bool:
        text = raw.lower()
        return any(word in text for word in words) or any(one in text and two in text for one, two in both)

    return named


def _versions(store: ZoneStore, patient_id: str) -> list[Resource]:
    try:
        return [stored.resource() for stored in store.history("Patient", patient_id) if not stored.deleted]
    except NotFound:
        return []


def _words(resource: Resource) -> list[str]:
    found = [identifier.get("value") for identifier in resource.get("identifier", [])]
    found += [telecom.get("value") for telecom in resource.get("telecom", [])]
    found += [line for address in resource.get("address", []) for line in address.get("line", [])]
    return [word for word in found if isinstance(word, str)]


def _event(platform: Platform, who: Principal, done: ErasureReport) -> AuditEvent:
    return AuditEvent(
        time=platform.runtime.now(),
        actor=who.name,
        action="delete",
        operation="erase",
        zone="identified",
        subjects=done.pseudonyms,
        purpose=who.purpose,
        detail={"keys": done.keys, "resources": done.resources, "versions": done.versions, "records": done.records},
    )
