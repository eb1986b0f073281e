"""Whether facts that were read from notes stand on the characters that their Provenance names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from careloom.errors import NotFound
from careloom.fhir.drafts import Resource
from careloom.fhir.references import parse_reference
from careloom.fhir.search_grammar import parse_search
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.annotate_documents import ACTIVITY, KIND, SpanHashes, spans_in
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.stored_notes import text_of
from careloom.store.search_links import Index
from careloom.store.search_sql import search as run_search
from careloom.store.zone_store import Zone, ZoneStore

PROVENANCE = "Provenance"
_MOST_FAILURES = 20
_PAGE = 200


@dataclass(frozen=True, slots=True)
class SpanProof:
    """One span behind a fact, recomputed.

    note  the version of the note
    ok    True where the characters there still hash to what was written down
    """

    note: str
    start: int
    end: int
    ok: bool


@dataclass(slots=True)
class AnnotationProof:
    """What was recomputed in a zone.

    failed  up to twenty: which Provenance, of which fact, and why
    """

    zone: str
    provenances: int = 0
    facts: int = 0
    spans: int = 0
    verified: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """True where every fact is there and every span matches."""
        return not self.failed and self.spans == self.verified

    def as_json(self) -> dict[str, Any]:
        """The proof as plain JSON."""
        told = {name: getattr(self, name) for name in ("zone", "provenances", "facts", "spans", "verified", "failed")}
        return told | {"whole": self.is_whole}


def verify_annotations(platform: Platform, who: Principal, zone_name: str) -> AnnotationProof:
    """Recomputes every hash between the facts of a zone that were read from notes, and the notes.

    raises  AccessError; QueryError for a zone that is not there
    """
    zone = zone_of(zone_name)
    admit(platform, who, "read", zone, PROVENANCE, operation="annotate-verify")
    store, proof = platform.store(zone), AnnotationProof(zone)
    hashes = SpanHashes(platform.keys, zone)
    for stored in store.scan([PROVENANCE]):
        resource = stored.resource()
        if _is_ours(resource):
            proof.provenances += 1
            _check(store, hashes, resource, proof)
    detail = {name: getattr(proof, name) for name in ("provenances", "facts", "spans", "verified")}
    note(platform, who, "annotate-verify", zone, detail=detail)
    return proof


def spans_behind(platform: Platform, zone: Zone, kind: str, name: str) -> list[SpanProof]:
    """The spans that a resource rests on, recomputed; none where it was read from no note."""
    store, hashes = platform.store(zone), SpanHashes(platform.keys, zone)
    query = parse_search(f"{PROVENANCE}?target={kind}/{name}")
    with store.connect() as connection:
        index = Index(connection, platform.blind_index(zone), lambda _, one: (one,))
        page = run_search(index, query, limit=_PAGE)
    found = []
    for stored in store.read_many(page.rids):
        resource = stored.resource()
        for target in resource.get("target", ()) if _is_ours(resource) else ():
            if target.get("reference") == f"{kind}/{name}":
                found += list(_proofs(store, hashes, resource, target))
    return found


def _is_ours(resource: Resource) -> bool:
    return bool(resource.get("activity", {}).get("text") == ACTIVITY)


def _check(store: ZoneStore, hashes: SpanHashes, resource: Resource, proof: AnnotationProof) -> None:
    for target in resource["target"]:
        reference = target["reference"]
        if reference.startswith(f"{KIND}/"):
            continue
        proof.facts += 1
        told = parse_reference(reference)
        there = store.read_named(told.type, [told.id]).get(told.id)
        if there is None or there.deleted:
            _fail(proof, resource, reference, "the fact is not there")
        for one in _proofs(store, hashes, resource, target):
            proof.spans += 1
            proof.verified += one.ok
            if not one.ok:
                _fail(proof, resource, reference, "the characters differ")


def _fail(proof: AnnotationProof, resource: Resource, reference: str, why: str) -> None:
    if len(proof.failed) < _MOST_FAILURES:
        proof.failed.append({"provenance": str(resource["id"]), "fact": reference, "reason": why})


def _proofs(store: ZoneStore, hashes: SpanHashes, resource: Resource, target: Mapping[str, Any]) -> Iterator[SpanProof]:
    reference = resource["entity"][0]["what"]["reference"]
    told = parse_reference(reference)
    try:
        source, _ = text_of(store.read_version(told.type, told.id, int(told.version)).resource())
    except NotFound:
        source = ""
    for span in spans_in(target):
        start, end = span["start"], span["end"]
        ok = end <= len(source) and hashes.of(told.id, start, end, source) == span["hash"]
        yield SpanProof(reference, start, end, ok)
