"""Erase: a patient leaves every zone: keys, records, resources, index, research rows and tables."""

from typing import Any

from careloom.audit import AuditEvent
from careloom.errors import NotFound, QueryError
from careloom.fhir.drafts import Resource
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.deidentify_forget import forget_research
from careloom.services.exports import forget as forget_exports
from careloom.services.jobs import forget_requests
from careloom.services.linkage_review import let_go
from careloom.services.patient_words import names_patient
from careloom.services.platform import Platform
from careloom.store.erasure import ErasureReport, NamesPatient
from careloom.store.zone_store import ZoneStore


def erase(platform: Platform, who: Principal, patient: str, *, source: str = "") -> dict[str, Any]:
    """Erases a patient for good.

    patient  ``Patient/<id>``, the stored id or the source system's own
    returns  ``already_erased``, ``pseudonym`` and ``removed`` (what -> count)
    raises   AccessError; QueryError; NotFound if nothing here is or names such a patient, and nothing was erased
    """
    for zone in ("landing", "identified", "research", "synthetic"):
        admit(platform, who, "erase", zone)
    kind, slash, name = patient.partition("/")
    if kind != "Patient" or not slash or not name:
        raise QueryError("a patient is named Patient/<id>", "For example Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa.")
    store = platform.store("identified")
    candidates = (name, platform.names.resource_id(source or platform.settings.ingest.source, "Patient", name))
    known = store.read_named("Patient", candidates)
    erased_before = [candidate for candidate in candidates if store.is_erased(candidate)]
    sources = store.sources() | {source, platform.settings.ingest.source} - {""}

    def words(patient_id: str) -> NamesPatient:
        return names_patient(patient_id, _versions(store, patient_id), platform.names.resource_id, sources)

    found = [*known, *erased_before] or [one for one in candidates if store.has_traces(one, words(one))]
    if not found:
        raise NotFound("there is no such patient", "Search for the patient first: careloom search 'Patient?...'.")
    patient_id = found[0]
    named = words(patient_id)
    requests = forget_requests(platform, named)
    let_go(platform, who, patient_id)
    report = store.erase([patient_id], lambda done: _event(platform, who, done), names_patient=named)
    removed = _removed(report) | {"job requests": requests}
    removed |= forget_research(platform, who, patient_id)
    removed |= {"export lines": forget_exports(platform)}
    return {
        "patient": f"Patient/{patient_id}",
        "already_erased": bool(erased_before) and report.is_empty,
        "pseudonym": report.pseudonyms[0],
        "removed": removed,
    }


def _removed(report: ErasureReport) -> dict[str, int]:
    return {
        "data keys": report.keys,
        "resources": report.resources,
        "versions": report.versions,
        "source records": report.records,
        "quarantined records": report.quarantined,
        "index rows": report.index_rows,
        "file names": report.file_names,
        "linkage pairs": report.pairs,
        "vault requests": report.requests,
    }


def _versions(store: ZoneStore, patient_id: str) -> list[Resource]:
    try:
        return [stored.resource() for stored in store.history("Patient", patient_id) if not stored.deleted]
    except NotFound:
        return []


def _event(platform: Platform, who: Principal, done: ErasureReport) -> AuditEvent:
    detail = {"keys": done.keys, "resources": done.resources, "versions": done.versions, "records": done.records}
    return event(platform, who, "erase", "identified", action="delete", subjects=done.pseudonyms, detail=detail)
