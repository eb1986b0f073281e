"""Annotate: the notes of a zone are read, what they say becomes facts of the record, and each fact leads to its words.

A run takes patients in order, so many notes at once as the settings say. The notes of a patient are read (or, of an
incremental run, taken as they were read before), the facts of all of them are merged with the record
(`careloom.nlp.facts`), and everything of these patients is written in one transaction with its audit event. What no
note supports any more is retired: deleted, its versions kept until the patient is erased.

In the research zone facts are written under the policy that made the zone. De-identification makes that zone anew, so
that they go with it: annotate it again after that.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from careloom.audit import AuditEvent
from careloom.errors import FormatError, NotFound, QueryError
from careloom.fhir.references import patients_of
from careloom.issues import Issue
from careloom.nlp.reader import Reading
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.annotate import ZONES, AnnotateAsk, AnnotateReport
from careloom.services.annotate_conflicts import rows_of
from careloom.services.annotate_documents import KIND, PERSON, READER, Kept
from careloom.services.annotate_patient import Held, Made, Merger, ReadNote, held_of, of_patient
from careloom.services.note_reader import reader_in_force
from careloom.services.platform import Platform
from careloom.services.research_policy import require_one_current_policy
from careloom.services.restrictions import Hidden, hidden, not_exported
from careloom.services.search import zone_of
from careloom.services.sight import view_of
from careloom.services.stored_notes import TYPE, StoredNote, notes_by_patient, read_notes, whose
from careloom.store.kept_reports import KeptReports
from careloom.store.rows import Tally, instant
from careloom.store.zone_policy import ZonePolicy, policies_of
from careloom.store.zone_store import Zone

FOLDER_NAME = "annotations"
MOST_RUNS = 200
_MOST_CONFLICTS = 100
Json = dict[str, Any]
Watch = Callable[[int, int, Json], None]
"""(notes done, in all, what was counted so far): called before the first and after each transaction; may raise to stop
the run."""


def annotate(platform: Platform, who: Principal, ask: AnnotateAsk, watch: Watch | None = None) -> AnnotateReport:
    """Reads the notes of a zone, or of one patient, and writes what they say; the report is kept.

    A run that was stopped has kept what it committed; an incremental one goes on from there.

    raises  AccessError; QueryError for a zone without notes; NotFound for the patient; StateError for a research zone
            that is not of one current policy; Conflict if the store is being written by another
    """
    if ask.zone not in ZONES:
        raise QueryError(f"notes of the {ask.zone} zone are not annotated", f"Choose one of {', '.join(ZONES)}.")
    admit(platform, who, "annotate", ask.zone)
    report = _ran(_Run(platform, who, ask, not_exported(platform, zone_of(ask.zone))), watch)
    rows = rows_of(platform.store(zone_of(ask.zone)), report.conflicts)
    kept_runs(platform).keep({**report.as_json(), "conflicts": []}, rows, most=MOST_RUNS)
    detail = {"run": report.run_id, "reader": report.reader, "notes": dict(report.notes), "facts": dict(report.facts)}
    note(platform, who, "annotate", ask.zone, action="execute", detail=detail)
    return report


def merge_patient(platform: Platform, who: Principal, ask: AnnotateAsk) -> AnnotateReport:
    """The same without a report that is kept, for who was admitted: after a note was corrected, which is care."""
    return _ran(_Run(platform, who, ask, hidden(platform, who, zone_of(ask.zone))), None)


def _ran(run: "_Run", watch: Watch | None) -> AnnotateReport:
    groups = run.groups()
    total = sum(map(len, groups.values()))
    done = 0
    if watch is not None:
        watch(0, total, run.so_far())
    for batch in _batches(groups, run.batch_notes):
        run.take(batch)
        done += sum(len(ids) for _, ids in batch)
        if watch is not None:
            watch(done, total, run.so_far())
    report = run.report
    report.ended = run.now()
    return report


def kept_runs(platform: Platform) -> KeptReports:
    """Where the reports of finished runs are kept."""
    return KeptReports(platform.settings.data.directory / FOLDER_NAME)


def patient_id_of(name: str) -> str:
    """The id of ``Patient/<id>`` or of ``<id>``."""
    return name.removeprefix("Patient/")


class _Run:
    """One run: what is read, what was counted."""

    def __init__(self, platform: Platform, who: Principal, ask: AnnotateAsk, left_out: Hidden) -> None:
        self._platform = platform
        self._who = who
        self._ask = ask
        zone = zone_of(ask.zone)
        self._store = platform.store(zone)
        self._left_out = left_out
        self._view = view_of(platform, who, zone, "annotate", "annotate")
        self._reader = reader_in_force(platform)
        self._policy = policy_of(platform, zone)
        self.batch_notes = platform.settings.annotate.batch_notes
        now = self.now()
        self._merger = Merger(platform, zone, now, refuted=ask.refuted)
        self.report = AnnotateReport(
            ask.run_id or platform.run_id(), who.name, now, ask.zone, self._reader.version, self._reader.readers,
            ask.is_incremental, ask.refuted,
        )  # fmt: skip

    def now(self) -> str:
        """The time, as reports tell it."""
        return instant(self._platform.runtime.now())

    def groups(self) -> dict[str, list[str]]:
        """Patient -> ids of their notes. raises NotFound for a patient who is not here"""
        if self._ask.patient:
            name = patient_id_of(self._ask.patient)
            return {name: self._notes_of(name)}
        groups = notes_by_patient(self._store)
        for name in self._kept_for():
            groups.setdefault(name, [])
        return _first(groups, self._ask.most_notes)

    def _notes_of(self, name: str) -> list[str]:
        """Ids of one patient's notes, looked up. raises NotFound"""
        of = of_patient(self._platform, self._store, TYPE, name)
        ids = sorted(one.id for one in of if whose(one.resource()) == name)
        patient = self._store.read_named("Patient", [name]).get(name)
        is_here = ids or (patient is not None and not patient.deleted)
        if not is_here and not any(True for _ in of_patient(self._platform, self._store, KIND, name)):
            raise NotFound(f"{self._ask.zone}: there is no such patient", "Name it by its stored id: search for it.")
        return ids

    def _kept_for(self) -> set[str]:
        """Patients of whom something is kept: their notes may be gone."""
        return {patient for stored in self._store.scan([KIND]) for patient in patients_of(stored.resource())}

    def so_far(self) -> Json:
        """What was counted, for whoever watches."""
        told = self.report.as_json()
        return {name: told[name] for name in ("zone", "notes", "facts")}

    def take(self, batch: Sequence[tuple[str, list[str]]]) -> None:
        """Reads the notes of some patients and commits what they say.

        Who withholds some of the notes, or is left out, stays as it was: to read the others alone would take facts
        away.
        """
        batch = [(patient, ids) for patient, ids in batch if not self._is_withheld(patient, ids)]
        held = {patient: held_of(self._platform, self._store, patient) for patient, _ in batch}
        notes = {patient: list(self._readable(ids)) for patient, ids in batch}
        old = {
            patient: {one.note_id: self._known(one, held[patient]) for one in ones} for patient, ones in notes.items()
        }
        wanted = [one for patient, ones in notes.items() for one in ones if old[patient][one.note_id] is None]
        fresh = self._read(wanted)
        made: list[Made] = []
        for patient, ones in notes.items():
            if self._is_as_it_was(ones, old[patient], held[patient]):
                continue
            read = [self._counted(one, old[patient][one.note_id] or fresh[one.note_id], held[patient]) for one in ones]
            made.append(self._merger.made(patient, read, held[patient]))
        self._commit(made)

    def _is_withheld(self, patient: str, note_ids: Sequence[str]) -> bool:
        """True where a restriction leaves the patient out, or consents withhold the patient or one of these notes."""
        if self._left_out.covers({self._store.pseudonym(patient)}):
            self.report.notes["withheld"] += len(note_ids)
            return True
        withheld = self._view.withheld
        if withheld is None or patient not in withheld.wholly | withheld.in_part:
            return False
        notes = self._store.read_named(TYPE, note_ids).values()
        if patient in withheld.wholly or not all(self._view.shows(one.resource()) for one in notes):
            self.report.notes["withheld"] += len(note_ids)
            return True
        return False

    def _readable(self, note_ids: Iterable[str]) -> Iterator[StoredNote]:
        for one in read_notes(self._store, note_ids, self._platform.settings.annotate.max_text_bytes):
            if one.issue is None:
                yield one
            else:
                self.report.notes["refused"] += 1
                self.report.issues[one.issue.code] += 1

    def _known(self, one: StoredNote, held: Held) -> Reading | None:
        """How an incremental run knows a note already: read by this version as it is now."""
        kept = held.documents.get((one.note_id, READER))
        if not self._ask.is_incremental or kept is None:
            return None
        if (kept.note, kept.reader) != (one.reference, self._reader.version):
            return None
        return _again(kept, one)

    def _read(self, wanted: Sequence[StoredNote]) -> Mapping[str, Reading]:
        most = self._platform.settings.annotate.max_text_bytes
        readings = self._reader.read_texts([(one.text, one.about) for one in wanted], most)
        for reading in readings:
            self.report.found.update(one.label for one in reading.annotated.annotations)
            self.report.relations.update(one.type for one in reading.annotated.relations)
        self.report.notes["read"] += len(wanted)
        return {one.note_id: reading for one, reading in zip(wanted, readings, strict=True)}

    def _is_as_it_was(self, ones: Sequence[StoredNote], old: Mapping[str, Reading | None], held: Held) -> bool:
        """True where every note is known and merged likewise, and none is gone; counts the known ones."""
        self.report.notes["skipped"] += sum(reading is not None for reading in old.values())
        there = {one.note_id for one in ones}
        is_gone = any(note_id not in there for note_id, _ in held.documents)
        return (
            self._ask.is_incremental
            and not is_gone
            and all(old.values())
            and all(self._is_merged(one, held) for one in ones)
        )

    def _is_merged(self, one: StoredNote, held: Held) -> bool:
        """True where what counts of a note was merged, and by a run that was asked the same."""
        kept = self._correction(one, held) or held.documents[one.note_id, READER]
        return "facts" in kept.content and kept.has_refuted == self._ask.refuted

    def _correction(self, one: StoredNote, held: Held) -> Kept | None:
        kept = held.documents.get((one.note_id, PERSON))
        return kept if kept is not None and kept.note == one.reference else None

    def _counted(self, one: StoredNote, found: Reading, held: Held) -> ReadNote:
        """What counts of a note: a person's word on this version of it, else what was found."""
        kept = self._correction(one, held)
        if kept is None and (one.note_id, PERSON) in held.documents:
            self.report.issues[_stale().code] += 1
        said = None if kept is None else _again(kept, one)
        if kept is None or said is None:
            return ReadNote(one, found, READER, self._reader.version)
        return ReadNote(one, said, PERSON, kept.reader, (found, self._reader.version))

    def _commit(self, made: Sequence[Made]) -> None:
        """Writes what was made of some patients; who has notes that changed meanwhile is left to the next run."""
        if not made:
            return
        written: list[Made] = []
        with self._store.transaction(self._event, self._policy) as tx:
            written = [one for one in made if self._is_current(one)]
            pairs = [pair for one in written for pair in one.writes]
            numbers = tx.record_numbers(sorted({record for _, record in pairs if record}))
            tx.write([replace(write, rec=numbers.get(record)) for write, record in pairs])
        for one in written:
            self.report.facts.update(one.outcomes)
            self.report.types.update(one.types)
            self.report.issues.update(Counter(issue.code for issue in one.issues))
            room = _MOST_CONFLICTS - len(self.report.conflicts)
            self.report.conflicts += one.conflicts[: max(0, room)]
        self.report.issues.update(Counter(_changed().code for _ in range(len(made) - len(written))))

    def _is_current(self, one: Made) -> bool:
        """True where neither its notes nor what is kept of them, such as a person's word, have changed since."""
        now = self._store.read_named(TYPE, one.notes)
        if any(name not in now or now[name].version != version for name, version in one.notes.items()):
            return False
        kept = self._store.read_named(KIND, one.held)
        there = {name: 0 if stored.deleted else stored.version for name, stored in kept.items()}
        return all(there.get(name, 0) == version for name, version in one.held.items())

    def _event(self, tally: Tally) -> AuditEvent:
        detail = {"run": self.report.run_id, "reader": self.report.reader, "resources": dict(tally.outcomes)}
        return event(
            self._platform, self._who, "annotate", self._ask.zone,
            action="update", subjects=tally.pseudonyms, detail=detail,
        )  # fmt: skip


def _again(kept: Kept, one: StoredNote) -> Reading | None:
    """A kept document over the note again; None where it does not fit."""
    try:
        return kept.reading(one.text)
    except FormatError:
        return None


def policy_of(platform: Platform, zone: Zone) -> ZonePolicy | None:
    """Under which policy a zone is written; None where it needs none. raises StateError"""
    if zone != "research":
        return None
    require_one_current_policy(platform)
    with platform.store("research").connect() as connection:
        known = policies_of(connection)
    return known[-1] if known else None


def _stale() -> Issue:
    message = "a note has changed since a person corrected what was read in it: the correction is kept and not used"
    return Issue("nlp.correction-stale", "warning", "", message, "Correct the note as it is now.")


def _changed() -> Issue:
    message = "notes of a patient changed while they were read: nothing was written"
    return Issue("nlp.note-changed", "warning", "", message, "Run careloom annotate again.")


def _first(groups: dict[str, list[str]], most_notes: int) -> dict[str, list[str]]:
    """The first patients, until they have so many notes; all where it is 0."""
    found: dict[str, list[str]] = {}
    for patient, ids in groups.items():
        if most_notes and sum(map(len, found.values())) >= most_notes:
            break
        found[patient] = ids
    return found


def _batches(groups: Mapping[str, list[str]], size: int) -> Iterator[list[tuple[str, list[str]]]]:
    """Patients together until they have so many notes."""
    batch: list[tuple[str, list[str]]] = []
    for one in groups.items():
        batch.append(one)
        if sum(len(ids) for _, ids in batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
