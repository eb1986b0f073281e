"""What people say a note means: kept beside what the reader found, in whose place it speaks, and exported for training.

A correction is the whole of a note's annotations as a person wants them, not a change to one. It holds for the version
of the note that it was made of; once the note has changed it is kept, and not used.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from careloom.audit import AuditEvent
from careloom.errors import CareloomError, FormatError, NotFound, QueryError
from careloom.fhir.references import patients_of
from careloom.nlp.annotation_json import from_json
from careloom.nlp.export_brat import from_brat
from careloom.nlp.labels import ENTITIES, SOCIAL, TONE
from careloom.nlp.reader import Reading, settled
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.annotate import ZONES, AnnotateAsk, AnnotateReport, Format
from careloom.services.annotate_documents import (
    KIND,
    PERSON,
    READER,
    SYSTEM,
    Kept,
    Said,
    document,
    document_id,
    kept_of,
)
from careloom.services.annotate_formats import written
from careloom.services.annotate_notes import merge_patient, policy_of
from careloom.services.annotate_patient import held_of, matching
from careloom.services.platform import Platform
from careloom.services.records import told_of
from careloom.services.search import zone_of
from careloom.services.sight import view_of
from careloom.services.stored_notes import TYPE, StoredNote, note_of
from careloom.services.trainings import people_behind
from careloom.store.rows import Stored, Tally, Write, canonical
from careloom.store.zone_store import Zone
from careloom.text.normalize import normalize
from careloom.text.note import AnnotatedNote, Note

Json = dict[str, Any]
JUDGED = "person"
"""Source of an annotation that whoever corrects has accepted or changed; it is kept with their name."""


@dataclass(frozen=True, slots=True)
class CorrectAsk:
    """What a person says of a note: one of the two.

    note      id of the DocumentReference
    document  the annotation JSON, as `careloom annotate note` gives it; offsets of the text as it came. The source
              ``person`` becomes the name of who sends it
    brat      the content of the .ann file beside the text that `careloom annotate note --format brat` gives
    """

    zone: str
    note: str
    document: Mapping[str, Any] | None = None
    brat: str | None = None


def note_annotations(platform: Platform, who: Principal, zone_name: str, note_id: str, wanted: Format = "json") -> Json:
    """What is held of a note: a person's word where there is one, else what the reader found.

    returns  the format as `careloom.services.annotate.Format` names it; as JSON with ``text`` as it came, ``origin``
             (``annotations`` or ``correction``), ``reader``, ``current`` (False where the note has changed since)
    raises   AccessError; NotFound where there is no such note, or it was not annotated
    """
    zone = zone_of(zone_name)
    admit(platform, who, "read", zone, TYPE, operation="annotate-note")
    store = platform.store(zone)
    one = _note(platform, who, zone_name, note_id, operation="annotate-note")
    view = view_of(platform, who, zone)
    if not view.sight.is_whole and not view.shows(one.stored.resource()):
        note(
            platform, who, "annotate-note", zone, outcome="failed", detail={"code": NotFound.code} | told_of(who, view)
        )
        raise NotFound(f"{zone}: there is no such note", "Search for it: DocumentReference.")
    names = [document_id(platform.names, one.note_id, origin) for origin in (PERSON, READER)]
    held = store.read_named(KIND, names)
    kept = [kept_of(held[name]) for name in names if name in held and not held[name].deleted]
    known = [each for each in kept if each is not None]
    subjects = [store.pseudonym(patient) for patient in patients_of(one.stored.resource())]
    note(platform, who, "annotate-note", zone, subjects=subjects, detail={"found": len(known), "format": wanted})
    if not known:
        raise NotFound(f"{zone}: the note was not annotated", f"Run careloom annotate --zone {zone}.")
    best = next((each for each in known if each.note == one.reference), known[0])
    source = one.text if best.note == one.reference else _earlier(platform, zone_name, best)
    made = written(best.reading(source), wanted, best.reader)
    if wanted != "json":
        return made
    told = {"text": source, "origin": best.origin, "reader": best.reader, "current": best.note == one.reference}
    return made | told | {"facts": best.content.get("facts", [])}


def correct(platform: Platform, who: Principal, ask: CorrectAsk) -> AnnotateReport:
    """Keeps what a person says of a note, and merges the facts of its patient anew; returns what became of them.

    raises  AccessError; NotFound; FormatError where it does not fit the note as it is now
    """
    zone = zone_of(ask.zone)
    if zone not in ZONES:
        raise QueryError(f"notes of the {zone} zone are not annotated", f"Choose one of {', '.join(ZONES)}.")
    admit(platform, who, "correct", zone)
    one = _note(platform, who, zone, ask.note, operation="annotate-correct")
    reading = _said(ask, one, f"person {who.name}")
    patient_id = one.about.patient_id
    said = Said(document_id(platform.names, one.note_id, PERSON), one.reference, who.name, PERSON)
    resource = document(patient_id, reading, said)
    store = platform.store(zone)

    def noted(tally: Tally) -> AuditEvent:
        detail = {"annotations": len(reading.annotated.annotations), "resources": dict(tally.outcomes)}
        return event(platform, who, "annotate-correct", zone, action="update", subjects=tally.pseudonyms, detail=detail)

    with store.transaction(noted, policy_of(platform, zone)) as tx:
        tx.write([Write(KIND, resource["id"], canonical(resource), (patient_id,), resource=resource)])
    refuted = any(kept.has_refuted for kept in held_of(platform, store, patient_id).documents.values())
    return merge_patient(platform, who, AnnotateAsk(zone, patient_id, is_incremental=True, refuted=refuted))


@dataclass(frozen=True, slots=True)
class CorrectionPage:
    """Some notes that people have spoken of; `next` is the cursor of the page after it, None on the last.

    items  ``text``, ``annotations``, ``relations``, ``found`` (what the reader had found; None where it had read
           another version), ``person``, ``subject`` (keyed pseudonym of the patient in the identified zone, by which
           `careloom.services.trainings` knows who is in a training), and ``brat``: ``id``, ``text`` and
           ``annotations`` of two files. Offsets count code points of ``text``, which is the note as it was then
    """

    items: tuple[Json, ...]
    next: str | None


def correction_page(
    platform: Platform, who: Principal, zone_name: str, *, limit: int = 100, cursor: str = ""
) -> CorrectionPage:
    """What people have corrected, for training. These are words of patients: they stay in the zone's own hands.

    Patients who objected to research, or whose processing is restricted, are left out.

    raises  AccessError; QueryError for a zone without notes, and for a cursor that is none
    """
    zone = zone_of(zone_name)
    if zone not in ZONES:
        raise QueryError(f"notes of the {zone} zone are not annotated", f"Choose one of {', '.join(ZONES)}.")
    admit(platform, who, "correct", zone, operation="annotate-export")
    admit(platform, who, "read", zone, TYPE, operation="annotate-export")
    store = platform.store(zone)
    found, following = matching(platform, store, f"{KIND}?code={SYSTEM}|{PERSON}", limit=limit, cursor=cursor or None)
    view = view_of(platform, who, zone)
    found = [one for one in found if view.sight.is_whole or view.shows(one.resource())]
    subjects = {store.pseudonym(patient) for stored in found for patient in patients_of(stored.resource())}
    behind = people_behind(platform, zone, subjects_of(found))
    kept_ones = [(kept, behind.get(patient, "")) for kept, patient in _with_patients(found)]
    items = tuple(_exported(platform, zone, kept) | {"subject": subject} for kept, subject in kept_ones if subject)
    detail = {"annotations": len(items)} | told_of(who, view)
    note(platform, who, "annotate-export", zone, subjects=subjects, detail=detail)
    return CorrectionPage(items, following)


def corrections(platform: Platform, who: Principal, zone_name: str) -> Iterator[Json]:
    """Every one of them, page by page."""
    page = correction_page(platform, who, zone_name)
    yield from page.items
    while page.next is not None:
        page = correction_page(platform, who, zone_name, cursor=page.next)
        yield from page.items


def subjects_of(found: Iterable[Stored]) -> set[str]:
    """The ids, in their zone, of the patients whom resources are about."""
    return {patient for stored in found for patient in patients_of(stored.resource())}


def _with_patients(found: Iterable[Stored]) -> Iterator[tuple[Kept, str]]:
    for stored in found:
        kept = kept_of(stored)
        if kept is not None:
            yield kept, next(iter(patients_of(stored.resource())), "")


def _exported(platform: Platform, zone: Zone, kept: Kept) -> Json:
    """One of `CorrectionPage.items`."""
    source = _earlier(platform, zone, kept)
    beside = document_id(platform.names, kept.note_id, READER)
    before = platform.store(zone).read_named(KIND, [beside]).get(beside)
    found = None if before is None or before.deleted else kept_of(before)
    same = found is not None and found.note == kept.note
    return {
        "text": source, "annotations": kept.content["annotations"], "relations": kept.content["relations"],
        "found": found.content["annotations"] if same and found is not None else None, "person": kept.reader,
        "brat": {"id": kept.stored.id, **written(kept.reading(source), "brat", kept.reader)},
    }  # fmt: skip


def _note(platform: Platform, who: Principal, zone: str, note_id: str, *, operation: str) -> StoredNote:
    """The note as it is now. raises NotFound; FormatError where it holds no text; both audited as failed"""
    try:
        return _note_now(platform, zone, note_id)
    except CareloomError as error:
        note(platform, who, operation, zone_of(zone), outcome="failed", detail={"code": error.code})
        raise


def _note_now(platform: Platform, zone: str, note_id: str) -> StoredNote:
    name = note_id.removeprefix(f"{TYPE}/")
    stored = platform.store(zone_of(zone)).read_named(TYPE, [name]).get(name)
    if stored is None or stored.deleted:
        raise NotFound(f"{zone}: there is no such note", f"Search for it: careloom search '{TYPE}?...'.")
    one = note_of(stored, platform.settings.annotate.max_text_bytes)
    if one.issue is not None or not one.about.patient_id:
        raise FormatError("the note cannot be read", "Look at it: careloom search.")
    return one


def _earlier(platform: Platform, zone: str, kept: Kept) -> str:
    """The text of the note as it was when the document was made."""
    version = int(kept.note.rpartition("/")[2])
    store = platform.store(zone_of(zone))
    return note_of(store.read_version(TYPE, kept.note_id, version), platform.settings.annotate.max_text_bytes).text


def _by_person(annotated: AnnotatedNote, source: str) -> AnnotatedNote:
    """With the name of who sends it where the document says that a person judged."""
    found = annotated.annotations
    return replace(
        annotated, annotations=tuple(replace(one, source=source) if one.source == JUDGED else one for one in found)
    )


def _said(ask: CorrectAsk, one: StoredNote, source: str) -> Reading:
    """What a person says, over the note. raises FormatError; QueryError"""
    form = normalize(one.text)
    about = one.about
    if (ask.document is None) == (ask.brat is None):
        raise QueryError("there must be a document or annotations of BRAT, one of them", "Send one of them.")
    if ask.brat is not None:
        known = Note(about.note_id, form.text, about.patient_id, about.encounter_id, about.time, about.type)
        annotated = from_brat(known, ask.brat, source)
    else:
        content = dict(ask.document or {}) | {
            "note": about.note_id, "patient": about.patient_id, "encounter": about.encounter_id, "time": about.time,
            "type": about.type, "readers": {},
        }  # fmt: skip
        annotated = _by_person(from_json(content, form.text, form.offsets.span), source)
    if not {found.label for found in annotated.annotations} <= {*ENTITIES, *SOCIAL, *TONE}:
        raise FormatError("there is a label that is not known here", "See docs/reference/annotations.md.")
    return Reading(settled(annotated), one.text, form.offsets.inverted())
