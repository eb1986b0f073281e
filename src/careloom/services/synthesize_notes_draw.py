"""Notes of nobody: drawn of a generator, with records that grow or that a sample of whole records gives; kept sealed.

What is laid by are FHIR resources: a DocumentReference a note, and the patient, or the whole record, that it is of.
Beside them lies what each note was meant to tell, for the judge.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
import orjson
import polars as pl

from careloom.errors import Conflict, InputError, QueryError
from careloom.fhir.drafts import Resource
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.services.synthesize import (
    NOTES,
    RECORDS,
    Tell,
    files_of,
    open_state,
    require_clean,
    work,
)
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_over import BESIDE
from careloom.services.synthesize_patients import NotesWish, document_of, resources_with_notes, with_notes
from careloom.services.synthesize_records import STRIDE, named, staged_records, table_parts
from careloom.services.synthesize_rows import SAMPLE, Drawn, drawn_as
from careloom.store.synthesis import Work
from careloom.synth.notes_facts import Fact, Mention, SourceNote
from careloom.synth.notes_generate import NoteGenerator, Wanted
from careloom.synth.notes_manner import Written
from careloom.synth.records import COLUMNS, Records, records
from careloom.synth.records_fhir import SYNTHETIC

Json = dict[str, Any]
NOTES_AT_MOST = 100_000
AT_ONCE = 48
"""Notes that are written and laid by together."""
_NOTES_ALONE, _WITH_RECORDS = 2, 2 + len(COLUMNS)


@dataclass(frozen=True, slots=True)
class NotesSampleAsk:
    """Which notes of which model.

    notes    how many, where their records grow
    kind     of every note; empty: as the notes that were learnt
    records  a staged sample of whole records, each of whose encounters gets a note; empty: records grow
    """

    model: str
    notes: int = 100
    kind: str = ""
    records: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class StagedNote:
    """A note that was drawn: as it was written, with the record it was to tell, and how much of it was lost."""

    note: SourceNote
    facts: tuple[Fact, ...]
    lost: int


def sample(platform: Platform, who: Principal, ask: NotesSampleAsk, tell: Tell | None = None) -> Json:
    """Draws notes and lays them by, sealed, as FHIR; the sample, whose rows are its FHIR resources.

    raises  AccessError; NotFound; InputError; QueryError for another model, or a kind that nobody wrote; StateError
            for a model that failed or is tainted; Conflict for records that were let out, or whose model has seen
            patients that the judge of the other calls controls
    """
    model, zone = admitted(platform, who, "read", ask.model, "model", operation=SAMPLE)
    if model.body["engine"] != NOTES:
        raise QueryError("the model writes no notes", "Fit one that does: careloom synthesize notes fit.")
    if not 0 < ask.notes <= NOTES_AT_MOST:
        raise InputError("that many notes cannot be drawn", f"Ask for 1 to {NOTES_AT_MOST:,}.")
    given = _given(platform, who, model, ask.records) if ask.records else None
    state, _ = open_state(platform, model)
    generator: NoteGenerator = load("synth.notes.gpt.load")(state).generator()
    if ask.kind and not any(ask.kind in kinds for kinds in generator.material.styles.values()):
        raise QueryError("the model has learnt no note of this kind", f"Name one of {', '.join(_kinds(generator))}.")
    run, seed = ask.run or platform.run_id(), int.from_bytes(platform.runtime.random_bytes(7), "big")
    wish = {"values": {"kind": ask.kind} if ask.kind else {}, "ranges": {}, "balance": ""}
    body: Json = {
        "account": model.body["account"], "actor": who.name, "rows": 0, "seed": seed, "wish": wish, "report": None,
        "release": None, "notes": 0, "patients": 0, BESIDE: "" if given is None else given.parent,
        "records": ask.records, STRIDE: _NOTES_ALONE if given is None else _WITH_RECORDS,
    }  # fmt: skip
    detail = {"model": model.name, "sample": run, "notes": ask.notes, "records": ask.records}
    begins = event(platform, who, SAMPLE, zone, action="create", detail=detail)
    task = _Notes(generator, np.random.default_rng(seed), ask, run, body)
    parts = task.grown(tell) if given is None else task.of_records(platform, given, tell)
    return drawn_as(platform, who, begins, Drawn(run, model.name, body), parts)


def staged_notes(platform: Platform, one: Work) -> Iterator[StagedNote]:
    """The notes of a sample with what they were to tell. raises NotFound where they are gone"""
    for number, part in enumerate(files_of(platform).parts(f"staging/{one.name}")):
        if number % one.body[STRIDE] == 1:
            for each in orjson.loads(part):
                yield _staged(each)


def staged_tables(platform: Platform, one: Work) -> Iterator[Records]:
    """The records that the notes of a sample tell; nothing where these grew."""
    parts = files_of(platform).parts(f"staging/{one.name}")
    for _ in parts:
        next(parts)
        if one.body[STRIDE] == _WITH_RECORDS:
            yield records({name: pl.read_parquet(BytesIO(next(parts))) for name in COLUMNS})


def _given(platform: Platform, who: Principal, model: Work, name: str) -> Work:
    """The sample of records that is to be told. raises NotFound; Conflict; QueryError; StateError"""
    one, _ = admitted(platform, who, "read", name, "sample", operation=SAMPLE)
    beside = work(platform, one.parent, "model")
    if beside.body["engine"] != RECORDS:
        raise QueryError("the sample is not of whole records", "Draw one: careloom synthesize records sample.")
    if one.state not in ("staged", "judged", "refused"):
        raise Conflict(f"the sample of records is {one.state}", "Draw another one: careloom synthesize records sample.")
    require_clean(platform, beside)
    sides = [(each.body["account"], each.body["split"]["share"]) for each in (model, beside)]
    if sides[0] != sides[1]:
        raise Conflict(
            "one of the models may have learnt from patients whom the other set aside",
            "Fit both in one account with one share of controls.",
        )
    return one


@dataclass(frozen=True, slots=True, eq=False)
class _Notes:
    """Notes on their way to the staging place; `body` is told how many there are."""

    generator: NoteGenerator
    draw: np.random.Generator
    ask: NotesSampleAsk
    run: str
    body: Json

    def grown(self, tell: Tell | None) -> Iterator[bytes]:
        """Notes whose records grow, each of a patient of its own."""
        for first in range(0, self.ask.notes, AT_ONCE):
            count = min(AT_ONCE, self.ask.notes - first)
            wanted = [Wanted(self._style(), self.ask.kind) for _ in range(count)]
            written = self.generator.write(wanted, self.draw)
            ids = [f"{self.run}-{first + number}" for number in range(count)]
            made = [each for own, note in zip(ids, written, strict=True) for each in alone(own, note)]
            yield from self._laid_by(made, list(zip(ids, written, strict=True)), count)
            if tell is not None:
                tell(self.body["notes"], self.ask.notes)

    def of_records(self, platform: Platform, given: Work, tell: Tell | None) -> Iterator[bytes]:
        """Patients of a sample of records, with a note for each encounter that says something."""
        done, patients = 0, int(given.body["patients"])
        for _, drawn in staged_records(platform, given):
            own = named(drawn, given.name, self.run)
            wish = NotesWish(kind=self.ask.kind, style=self._style() if self.ask.kind else "")
            notes = with_notes(own, self.generator, self.draw, wish)
            told_ = [(one.patient_id, one.written) for one in notes]
            yield from self._laid_by(list(resources_with_notes(own, notes)), told_, own.patients.height)
            yield from table_parts(own)
            done += own.patients.height
            if tell is not None:
                tell(done, patients)

    def _style(self) -> str:
        """Whose style a note of the wished kind has; empty where any may come."""
        styles = self.generator.material.styles
        odds = {style: kinds[self.ask.kind] for style, kinds in styles.items() if self.ask.kind in kinds}
        if not odds:
            return ""
        share = np.array(list(odds.values())) / sum(odds.values())
        return str(self.draw.choice(list(odds), p=share))

    def _laid_by(self, made: Sequence[Resource], notes: Sequence[tuple[str, Written]], patients: int) -> list[bytes]:
        self.body["rows"] += len(made)
        self.body["notes"] += len(notes)
        self.body["patients"] += patients
        return laid_by(made, notes)


def laid_by(made: Sequence[Resource], notes: Sequence[tuple[str, Written]]) -> list[bytes]:
    """What is laid by of some notes, each with its patient's id: resources as NDJSON, and what each was to tell."""
    lines = b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in made)
    return [lines, orjson.dumps([_plain(patient, one) for patient, one in notes])]


def alone(own: str, note: Written) -> Iterator[Resource]:
    """A note whose record grew, and its patient: nobody of whom anything else is known."""
    day = note.record.day
    person: Resource = {"resourceType": "Patient", "id": own, "meta": {"security": [SYNTHETIC]}}
    if note.record.sex:
        person["gender"] = note.record.sex
    if note.record.age is not None:
        person["birthDate"] = f"{day.year - note.record.age:04d}"
    yield person
    visit = {"patient_id": own, "encounter_id": own, "start": datetime(day.year, day.month, day.day, tzinfo=UTC)}
    made = document_of(visit, note)
    del made["context"]["encounter"]
    yield made


def _plain(patient: str, one: Written) -> Json:
    return {
        "patient": patient, "style": one.style, "kind": one.kind, "text": one.text, "lost": len(one.lost),
        "facts": [_fact(each) for each in one.record.facts], "mentions": [asdict(each) for each in one.mentions],
    }  # fmt: skip


def _fact(one: Fact) -> Json:
    return {"label": one.label, "name": one.name, "status": one.status, "code": one.code, "parts": dict(one.parts)}


def _staged(told_: Mapping[str, Any]) -> StagedNote:
    mentions = tuple(Mention(**each) for each in told_["mentions"])
    note = SourceNote(told_["patient"], told_["style"], told_["kind"], told_["text"], (), mentions)
    return StagedNote(note, tuple(Fact(**each) for each in told_["facts"]), int(told_["lost"]))


def _kinds(generator: NoteGenerator) -> list[str]:
    return sorted({kind for kinds in generator.material.styles.values() for kind in kinds})
