"""Synthetic patients with notes: what a synthetic record says of an encounter, written down by a generator of notes.

The record leads: a note is given its facts and takes diagnoses, drugs, tests, procedures from nowhere else. What it
could not tell is named, so that record and note can be held against each other.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from careloom.errors import NotFound
from careloom.fhir.drafts import Resource
from careloom.simulate.notes import TYPES
from careloom.synth.notes_facts import Fact, NoteRecord, measured, medication, problem, procedure
from careloom.synth.notes_generate import NoteGenerator, Wanted
from careloom.synth.notes_manner import Written
from careloom.synth.records import Records
from careloom.synth.records_fhir import SYNTHETIC, by_patient
from careloom.terminology.systems import LOINC

MEASURED = ("laboratory", "vital-signs")
"""Categories of observations that a note tells."""
_OTHER_NOTE = (LOINC, "34109-9", "Note")
_YEAR_DAYS = 365.25
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NotesWish:
    """How notes are written.

    style, kind  as `careloom.synth.notes_generate.Wanted` has them
    encounters   whose notes are written; None: all
    """

    style: str = ""
    kind: str = ""
    encounters: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class EncounterNote:
    """The note of one encounter.

    record    what the encounter says, as the note was given it
    written   the note: text, what it tells and where, and what of the record it could not (`Written.lost`)
    resource  the same as a DocumentReference
    """

    patient_id: str
    encounter_id: str
    record: NoteRecord
    written: Written
    resource: Resource


def with_notes(
    given: Records, generator: NoteGenerator, draw: np.random.Generator, wish: NotesWish | None = None,
    told: Callable[[float], None] | None = None,
) -> list[EncounterNote]:  # fmt: skip
    """A note for each encounter, patient by patient in order of time; the same for the same generator of chance.

    Encounters that say nothing that a note could tell have none.
    """
    wish = wish or NotesWish()
    asked = [one for one in _encounters(given, wish) if one[1].facts]
    wanted = [Wanted(wish.style, wish.kind, record) for _, record in asked]
    made = generator.write(wanted, draw, told) if wanted else []
    return [
        EncounterNote(visit["patient_id"], visit["encounter_id"], record, one, document_of(visit, one))
        for (visit, record), one in zip(asked, made, strict=True)
    ]


def resources_with_notes(given: Records, notes: Sequence[EncounterNote]) -> Iterator[Resource]:
    """Every resource of the records, patient by patient, each patient's notes after what they refer to."""
    own: dict[str, list[Resource]] = {}
    for note in notes:
        own.setdefault(note.patient_id, []).append(note.resource)
    for patient, made in by_patient(given):
        yield from made
        yield from own.get(patient, ())


def note_record(given: Records, encounter: str) -> NoteRecord:
    """What a note of this encounter is given. raises NotFound for one that is not there

    Diagnoses and drugs that begin in it, or began before and have not ended; what was measured in it, the last value
    of each code, of the categories `MEASURED`; procedures of it.
    """
    for _, record in _encounters(given, NotesWish(encounters=frozenset({encounter}))):
        return record
    raise NotFound("there is no such encounter in these records", "Name one of their table of encounters.")


def document_of(visit: Row, note: Written) -> Resource:
    """A note as a DocumentReference (FHIR R4) of its encounter, marked as test data; visit: a row of encounters."""
    data = note.text.encode()
    digest = hashlib.sha1(data, usedforsecurity=False).digest()  # SHA-1 is what FHIR's Attachment.hash means
    known = TYPES.get(note.kind)
    system, code, display = _OTHER_NOTE if known is None else (known.system, known.code, known.display)
    at = f"{visit['start'].isoformat()[:19]}Z"
    return {
        "resourceType": "DocumentReference", "id": f"{visit['encounter_id']}-note",
        "meta": {"security": [SYNTHETIC]}, "status": "current",
        "type": {"coding": [{"system": system, "code": code, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{visit['patient_id']}"}, "date": at,
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8", "data": base64.b64encode(data).decode(),
                    "size": len(data), "hash": base64.b64encode(digest).decode(),
                }
            }
        ],
        "context": {"encounter": [{"reference": f"Encounter/{visit['encounter_id']}"}], "period": {"start": at}},
    }  # fmt: skip


def _encounters(given: Records, wish: NotesWish) -> Iterator[tuple[Row, NoteRecord]]:
    """The rows of encounters that are wished for, with what each says."""
    frames = {name: frame.partition_by("patient_id", as_dict=True) for name, frame in given.tables()}
    for person in given.patients.iter_rows(named=True):
        own = {name: parts.get((person["patient_id"],)) for name, parts in frames.items()}
        visits = own["encounters"]
        for visit in () if visits is None else visits.sort("start", "encounter_id").iter_rows(named=True):
            if wish.encounters is None or visit["encounter_id"] in wish.encounters:
                yield visit, _record(person, visit, own)


def _record(person: Row, visit: Row, own: dict[str, pl.DataFrame | None]) -> NoteRecord:
    start: datetime = visit["start"]
    facts: dict[tuple[str, str], Fact] = {}
    for name, told in _TOLD.items():
        frame = own[name]
        for row in () if frame is None else frame.sort("start", "event_id").iter_rows(named=True):
            if (fact := told(row) if _is_of(name, row, visit) else None) is not None:
                facts[fact.label, fact.concept] = fact
    age = None if person["birth"] is None else int((start.date() - person["birth"]).days // _YEAR_DAYS)
    sex = person.get("sex") if person.get("sex") in ("female", "male") else ""
    return NoteRecord(tuple(facts.values()), age, str(sex), start.date())


def _is_of(name: str, row: Row, visit: Row) -> bool:
    """Whether an encounter tells of it: it is of the encounter, or lasts from before into it."""
    if row["encounter_id"] == visit["encounter_id"]:
        return True
    lasts = name in ("conditions", "medications") and row["start"] <= visit["start"]
    return lasts and (row["stop"] or datetime.max.replace(tzinfo=UTC)) > visit["start"]


def _code(row: Row) -> str:
    return f"{row['system'] or ''}|{row['code']}"


def _name(row: Row) -> str:
    return str(row["display"] or row["code"])


def _measured(row: Row) -> Fact | None:
    if row["category"] not in MEASURED or row["value"] is None:
        return None
    value = float(row["value"])
    return measured(_name(row), str(int(value) if value.is_integer() else value), row["unit"] or "", _code(row))


_TOLD: dict[str, Callable[[Row], Fact | None]] = {
    "conditions": lambda row: problem(_name(row), _code(row)),
    "medications": lambda row: medication(_name(row), code=_code(row)),
    "observations": _measured,
    "procedures": lambda row: procedure(_name(row), _code(row)),
}
