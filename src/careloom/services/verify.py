"""Verify: the proof that a stored fact stands on the source bytes that its Provenance names."""

from typing import Any

from careloom.errors import Erased, NotFound, QueryError
from careloom.fhir.references import patients_of
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.annotate_verify import spans_behind
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.store.provenance import FactProof


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
    steps = [
        _step("unseal", True, f"version {proof.version} opened under its key, bound to zone, type, id and version"),
        _step("record", proof.record_matches is True, _record_detail(proof)),
    ]
    for place in proof.places:
        state = {True: "Merkle root matches", False: "Merkle root differs", None: "still being read, no root yet"}
        detail = f"position {place.position} of manifest {place.manifest_id}: {state[place.root_matches]}"
        steps.append(_step("manifest", place.root_matches is not False, detail))
    for span in spans:
        match = "match" if span.ok else "do not match"
        steps.append(_step("span", span.ok, f"characters {span.start} to {span.end} of {span.note} {match} their hash"))
    is_whole = all(span.ok for span in spans) and (proof.is_whole or (bool(spans) and not proof.record_id))
    note(platform, who, "verify", zone, subjects=subjects, detail={"type": kind, "verified": is_whole})
    return {
        "fact": f"{kind}/{proof.id}",
        "verified": is_whole,
        "record": proof.record_id,
        "steps": steps,
    }


def _step(step: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"step": step, "ok": ok, "detail": detail}


def _record_detail(proof: FactProof) -> str:
    if not proof.is_retained:
        return f"the bytes of record {proof.record_id} were removed by retention"
    if proof.record_matches is None:
        return "the fact came from no source record"
    return f"source bytes {'hash to' if proof.record_matches else 'do not hash to'} record {proof.record_id}"
