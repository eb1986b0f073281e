"""What the notes of one patient together make: facts to be written, facts to be retired, documents and Provenances.

It is all made anew whenever a note of the patient was read or corrected, from every document that is kept: so a fact
lasts exactly as long as a note supports it, and the record, which is asked each time, does not say so itself.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.validate import check
from careloom.issues import Issue
from careloom.nlp.facts import RECORD_TYPES, Decided, Sourced, decided
from careloom.nlp.reader import Reading
from careloom.nlp.to_fhir import ORIGIN, TYPES, facts_of, with_ids
from careloom.services.annotate_documents import (
    KIND,
    PERSON,
    READER,
    Kept,
    Merged,
    Said,
    SpanHashes,
    Told,
    document,
    document_id,
    fact_name,
    kept_of,
    provenance,
    provenance_id,
)
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.stored_notes import StoredNote
from careloom.store.rows import Stored, Write, canonical
from careloom.store.search_links import Index
from careloom.store.search_sql import search as run_search
from careloom.store.zone_store import Zone, ZoneStore

PROVENANCE = "Provenance"
_PAGE = 1000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadNote:
    """A note of the patient and what is held of it.

    reading    what counts: what the reader found, or what a person said in its place
    origin     who said so
    reader     the reader's version, or who the person is
    overruled  what the reader found where a person speaks in its place, and its version
    """

    note: StoredNote
    reading: Reading
    origin: str
    reader: str
    overruled: tuple[Reading, str] | None = None


@dataclass(slots=True)
class Made:
    """What is to be written of one patient.

    notes     version by id of the notes that it was made of: if one has changed since, nothing may be written
    held      version by id of the documents that its notes may have, 0 for none: if one has changed since, neither
    writes    each with the id of the source record that it stands on; empty for none
    outcomes  ``new``, ``agree``, ``conflict``, ``retired``
    """

    patient_id: str
    notes: Mapping[str, int]
    held: Mapping[str, int] = field(default_factory=dict)
    writes: list[tuple[Write, str]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    conflicts: list[dict[str, str]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Held:
    """What the zone holds of a patient beside notes.

    record     resources that systems sent; in the research zone also what came there through de-identification
    facts      resources that were read from notes of this zone before
    documents  documents by (note, origin)
    """

    record: list[Resource]
    facts: list[Stored]
    documents: dict[tuple[str, str], Kept]


def held_of(platform: Platform, store: ZoneStore, patient_id: str) -> Held:
    """Everything of the patient that facts are held against."""
    found = Held([], [], {})
    for stored in of_patient(platform, store, KIND, patient_id):
        kept = kept_of(stored)
        if kept is not None:
            found.documents[kept.note_id, kept.origin] = kept
    told = {one["fact"] for kept in found.documents.values() for one in kept.content.get("facts", ())}
    for kind in RECORD_TYPES:
        for stored in of_patient(platform, store, kind, patient_id):
            resource = stored.resource()
            if is_fact(resource) and f"{kind}/{stored.id}" in told:
                found.facts.append(stored)
            else:
                found.record.append(resource)
    return found


def is_fact(resource: Resource) -> bool:
    """True for a resource that was read from a note."""
    tags = resource.get("meta", {}).get("tag", ())
    return any((one.get("system"), one.get("code")) == (ORIGIN["system"], ORIGIN["code"]) for one in tags)


def of_patient(platform: Platform, store: ZoneStore, kind: str, patient_id: str) -> Iterator[Stored]:
    """Every current resource of a type that is of a patient."""
    by, cursor = "subject=Patient/" if kind == "AdverseEvent" else "patient=", None
    while True:
        found, cursor = matching(platform, store, f"{kind}?{by}{patient_id}", limit=_PAGE, cursor=cursor)
        yield from found
        if cursor is None:
            return


def matching(
    platform: Platform, store: ZoneStore, asked: str, *, limit: int, cursor: str | None = None
) -> tuple[list[Stored], str | None]:
    """A page of the current resources that a FHIR search finds by stored ids, and the cursor of the one after it.

    raises  QueryError for a cursor of another search
    """
    blind = platform.blind_index(zone_of(store.zone))
    with store.connect() as connection:
        index = Index(connection, blind, lambda _, name: (name,))
        page = run_search(index, parse_search(asked), limit=limit, cursor=cursor)
    return store.read_many(page.rids), page.next_cursor


class Merger:
    """Makes what is to be written of a patient in one zone."""

    def __init__(self, platform: Platform, zone: Zone, recorded: str, *, refuted: bool) -> None:
        self._names = platform.names
        self._store = platform.store(zone)
        self._hashes = SpanHashes(platform.keys, zone)
        self._recorded = recorded
        self._refuted = refuted

    def made(self, patient_id: str, notes: Sequence[ReadNote], held: Held) -> Made:
        """The writes of one patient, whose notes these are, all of them."""
        made = Made(
            patient_id,
            {one.note.note_id: one.note.stored.version for one in notes},
            self._versions((one.note.note_id for one in notes), held),
        )
        sourced = [
            Sourced(fact, one.note.note_id, one.note.about.time)
            for one in notes
            for fact in facts_of(one.reading.annotated)
        ]
        verdicts = decided(sourced, held.record)
        name = fact_name(self._names, patient_id)
        resources = with_ids((one.fact for one in verdicts if self._is_written(one)), name)
        valid = {key: one for key, one in resources.items() if self._is_valid(one, made)}
        told = self._told(verdicts, valid, made)
        records = {one.note.note_id: one.note.stored.record_id for one in notes}
        for one in verdicts:
            if one.fact.key in valid:
                self._put(made, valid[one.fact.key], records.get(one.sources[0].note, ""))
                made.types[valid[one.fact.key]["resourceType"]] += 1
        for note in notes:
            self._keep(made, note, told.get(note.note.note_id, ([], [])), records[note.note.note_id])
        self._retire(made, valid.values(), notes, held)
        return made

    def _versions(self, note_ids: Iterable[str], held: Held) -> dict[str, int]:
        """Version by id of every document that notes may have, 0 for one that is not there."""
        known = {kept.stored.id: kept.stored.version for kept in held.documents.values()}
        names = {document_id(self._names, name, origin) for name in note_ids for origin in (READER, PERSON)}
        return dict.fromkeys(sorted(names), 0) | known

    def _is_written(self, one: Decided) -> bool:
        return one.outcome == "new" or (one.outcome == "refuted" and self._refuted)

    def _is_valid(self, resource: Resource, made: Made) -> bool:
        faults = check(resource)
        if faults:
            message = f"a fact would be no valid FHIR: {faults[0].code}"
            made.issues.append(
                Issue("nlp.fact-invalid", "error", faults[0].place, message, "Report it with its place.")
            )
        return not faults

    def _told(
        self, verdicts: Iterable[Decided], valid: Mapping[str, Resource], made: Made
    ) -> dict[str, tuple[list[Told], list[Json]]]:
        """Of each note what it supports, and what became of each of its facts."""
        found: dict[str, tuple[list[Told], list[Json]]] = {}
        for one in verdicts:
            own = valid.get(one.fact.key)
            reference = f"{own['resourceType']}/{own['id']}" if own is not None else one.against
            if one.outcome in ("new", "agree", "conflict") and (own is not None or one.against):
                made.outcomes[one.outcome] += 1
            if one.outcome == "conflict":
                about = {"type": one.fact.resource["resourceType"], "against": one.against, "reason": one.reason}
                made.conflicts.append(about | {"note": f"DocumentReference/{one.sources[0].note}"})
            for source in one.sources:
                supported, facts = found.setdefault(source.note, ([], []))
                ids, score = source.fact.annotations, source.fact.score
                if reference and one.outcome != "conflict":
                    supported.append(Told(reference, ids, score, agrees=own is None))
                facts.append(
                    {
                        "type": one.fact.resource["resourceType"], "outcome": one.outcome, "fact": reference,
                        "reason": one.reason, "annotations": list(ids),
                    }
                )  # fmt: skip
        return found

    def _keep(self, made: Made, one: ReadNote, told: tuple[list[Told], list[Json]], record: str) -> None:
        """The document of a note and its Provenance, unless they are there as they would be."""
        note_id, patient_id = one.note.note_id, made.patient_id
        said = Said(document_id(self._names, note_id, one.origin), one.note.reference, one.reader, one.origin)
        self._put(made, document(patient_id, one.reading, said, Merged(told[1], self._refuted)), record)
        if one.overruled is not None:
            found, reader = one.overruled
            beside = Said(document_id(self._names, note_id, READER), one.note.reference, reader)
            self._put(made, document(patient_id, found, beside), record)
        name = provenance_id(self._names, note_id)
        proof = provenance(name, one.reading, told[0], said, self._recorded, self._hashes)
        before = self._store.read_named(PROVENANCE, [proof["id"]]).get(proof["id"])
        if before is None or before.deleted or _without_time(before.resource()) != _without_time(proof):
            self._put(made, proof, "")

    def _put(self, made: Made, resource: Resource, record: str) -> None:
        kind, patients = resource["resourceType"], (made.patient_id,)
        made.writes.append((Write(kind, resource["id"], canonical(resource), patients, resource=resource), record))

    def _retire(self, made: Made, valid: Iterable[Resource], notes: Sequence[ReadNote], held: Held) -> None:
        """Facts that no note supports any more, and what was kept of notes that are gone."""
        current = {(one["resourceType"], one["id"]) for one in valid}
        for stored in held.facts:
            if (stored.type, stored.id) not in current and stored.type in TYPES:
                self._drop(made, stored.type, stored.id)
                made.outcomes["retired"] += 1
        there = {one.note.note_id for one in notes}
        for (note_id, _), kept in held.documents.items():
            if note_id not in there:
                self._drop(made, KIND, kept.stored.id)
                self._drop(made, PROVENANCE, provenance_id(self._names, note_id))

    def _drop(self, made: Made, kind: str, name: str) -> None:
        made.writes.append((Write(kind, name, b"", (made.patient_id,), action="delete"), ""))


def _without_time(proof: Resource) -> Resource:
    return {key: value for key, value in proof.items() if key not in ("recorded", "meta")}
