"""Verify: the proof that a stored fact stands on the source bytes that its Provenance names."""

from typing import Any

from careloom.errors import Erased, NotFound, QueryError
from careloom.fhir.references import parse_reference, patients_of
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.annotate_verify import spans_behind
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.store.provenance import FactProof
from careloom.store.zone_store import ZoneStore


def verify(platform: Platform, who: Principal, zone_name: str, fact: str, *, source: str = "") -> dict[str, Any]:
    """Every hash between the fact and its source bytes, recomputed.

    fact     ``Type/id``; the id may be the source system's own
    returns  ``fact``, ``verified``, ``record`` and ``steps`` (step, ok, detail)
    raises   AccessError; QueryError; NotFound; Erased if it belonged to an erased patient
    """
    zone = zone_of(zone_name)
    kind, slash, name = fact.partition("/")
    if not slash or not name:
        raise QueryError("a fact is named Type/id", "For example Observation/4q2c7lq6m5v3w0f1d2y8z9k7xa.")
    admit(platform, who, "read", zone, kind, operation="verify")
    store = platform.store(zone)
    candidates = (name, platform.names.resource_id(source or platform.settings.ingest.source, kind, name))
    if kind == "Patient" and any(store.is_erased(candidate) for candidate in candidates):
        raise Erased(f"{zone}: this {kind} was erased", "Nothing of it is left to verify.")
    known = store.read_named(kind, candidates)
    if not known:
        raise NotFound(f"{zone}: there is no such {kind}", "Search for it first: careloom search.")
    ((name, stored),) = list(known.items())[:1]
    proof = store.verify_fact(kind, name)
    subjects = [store.pseudonym(patient) for patient in patients_of(stored.resource())]
    spans = spans_behind(platform, zone, kind, proof.id)
    is_of_note = bool(spans) and not proof.record_id
    steps = [
        _step("unseal", True, f"version {proof.version} opened under its key, bound to zone, type, id and version")
    ]
    steps += [] if is_of_note else _source_steps(proof)
    for span in spans:
        match = "match" if span.ok else "do not match"
        steps.append(_step("span", span.ok, f"characters {span.start} to {span.end} of {span.note} {match} their hash"))
    is_whole = all(span.ok for span in spans) and (is_of_note or proof.is_whole)
    for reference in dict.fromkeys(span.note for span in spans) if is_of_note else ():
        behind = _note_behind(store, reference)
        steps += [_step("note", behind is not None, f"{reference} {'opened' if behind else 'is not there any more'}")]
        steps += [] if behind is None or not behind.record_id else _source_steps(behind)
        is_whole = is_whole and behind is not None and (behind.is_whole or _is_made_here(zone, behind))
    note(platform, who, "verify", zone, subjects=subjects, detail={"type": kind, "verified": is_whole})
    return {
        "fact": f"{kind}/{proof.id}",
        "verified": is_whole,
        "record": proof.record_id,
        "steps": steps,
    }


def _note_behind(store: ZoneStore, reference: str) -> FactProof | None:
    """The proof of the version of a note that was read; None where it is gone."""
    told = parse_reference(reference)
    try:
        return store.verify_fact(told.type, told.id, int(told.version or 0))
    except NotFound:
        return None


def _is_made_here(zone: str, proof: FactProof) -> bool:
    """True for what no source sent: notes of the research zone are made by de-identification."""
    return zone != "identified" and not proof.record_id


def _source_steps(proof: FactProof) -> list[dict[str, Any]]:
    """From a version to the bytes that it came from, and their places in files."""
    steps = [_step("record", proof.record_matches is True, _record_detail(proof))]
    for place in proof.places:
        state = {True: "Merkle root matches", False: "Merkle root differs", None: "still being read, no root yet"}
        detail = f"position {place.position} of manifest {place.manifest_id}: {state[place.root_matches]}"
        steps.append(_step("manifest", place.root_matches is not False, detail))
    return steps


def _step(step: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"step": step, "ok": ok, "detail": detail}


def _record_detail(proof: FactProof) -> str:
    if not proof.is_retained:
        return f"the bytes of record {proof.record_id} were removed by retention"
    if proof.record_matches is None:
        return "the fact came from no source record"
    return f"source bytes {'hash to' if proof.record_matches else 'do not hash to'} record {proof.record_id}"
