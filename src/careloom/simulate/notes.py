"""Clinical notes of a simulated patient with their gold: which are written, when, by whom, in which family."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from careloom.simulate.answers import NoteAnswer
from careloom.simulate.history import Clinician, Code, Encounter, History, Report, Site
from careloom.simulate.narrative.course import Course, Patient, choose_sites, course_of
from careloom.simulate.narrative.draft import Draft
from careloom.simulate.narrative.facts import Facts
from careloom.simulate.narrative.family import Family, families
from careloom.simulate.narrative.gold import finished
from careloom.simulate.narrative.people import (
    clinician_scope,
    document_scope,
    invent,
    patient_scope,
    person_name,
    site_scope,
    unit_piece,
)
from careloom.simulate.narrative.render import Block, Chance, Renderer, Scope, Value, Voice
from careloom.simulate.narrative.social import background
from careloom.simulate.narrative.times import clocked, dated
from careloom.terminology.systems import LOINC

TYPES = {
    "discharge": Code(LOINC, "18842-5", "Discharge summary"),
    "progress": Code(LOINC, "11506-3", "Progress note"),
    "admission": Code(LOINC, "34117-2", "History and physical note"),
    "radiology": Code(LOINC, "18748-4", "Diagnostic imaging study"),
    "pathology": Code(LOINC, "11526-1", "Pathology study"),
    "nursing": Code(LOINC, "34746-8", "Nurse Note"),
    "telephone": Code(LOINC, "34748-4", "Telephone encounter Note"),
    "emergency": Code(LOINC, "34111-5", "Emergency department Note"),
    "consultation": Code(LOINC, "11488-4", "Consult note"),
}
"""Kind of a note -> its LOINC document type (C-CDA R2.1 and US Core clinical note types)."""
_GENERALISTS = frozenset({"207Q00000X", "208000000X", "208M00000X", "207P00000X"})
"""NUCC codes of those who refer rather than are referred to: their visits make progress notes, not consultations."""


class Hospital(Protocol):
    """Where notes are written."""

    @property
    def sites(self) -> Sequence[Site]:
        """The sites."""
        ...

    @property
    def clinicians(self) -> Sequence[Clinician]:
        """Those who treat."""
        ...


@dataclass(frozen=True, slots=True)
class SimulatedNote:
    """A note with its gold.

    author  the clinician whom the record names for the encounter, or another of the site for reports and nursing
    gold    spans and relations, and the text itself
    """

    note_id: str
    kind: str
    type: Code
    time: datetime
    encounter: str
    author: Clinician
    text: str
    gold: NoteAnswer


@dataclass(frozen=True, slots=True)
class NotePlan:
    """How many notes are written.

    families        names of template families; empty for all
    visits_at_most  of the ambulatory and virtual encounters, the latest ones; those with a pathology report come beside
                    them, unless it is 0
    progress_at_most, nursing_at_most   of one hospital stay
    zone            the clock on the wall of the hospital
    own_families    families that are not of the package, instead of those that are
    beside          what templates of own families may ask for beside the record, for a note of that time
    """

    families: tuple[str, ...] = ()
    visits_at_most: int = 6
    progress_at_most: int = 3
    nursing_at_most: int = 2
    zone: tzinfo = UTC
    own_families: tuple[Family, ...] = ()
    beside: Callable[[datetime], Mapping[str, Value]] | None = None


@dataclass(frozen=True, slots=True)
class _Due:
    """A note that is to be written."""

    kind: str
    time: datetime
    report: Report | None = None


def notes_of(history: History, hospital: Hospital, stream: Chance, plan: NotePlan | None = None) -> list[SimulatedNote]:
    """The notes of a patient, in order of time within each encounter.

    stream  all that chance decides; the same stream gives the same notes
    """
    chosen = plan if plan is not None else NotePlan()
    names = tuple(sorted({one.family for one in hospital.clinicians}))
    if not history.encounters:
        return []
    patient = Patient(
        history,
        invent(stream, history.person, names),
        background(stream, history, history.encounters[-1].start),
        choose_sites(stream, history),
    )
    named = [families()[name] for name in chosen.families]
    available = list(chosen.own_families) or named or list(families().values())
    out: list[SimulatedNote] = []
    for encounter in _told(history, chosen.visits_at_most):
        family = available[int(stream.uniform() * len(available))]
        writer = _Writer(patient, hospital, stream, chosen, family=family, encounter=encounter)
        out += [writer.write(due) for due in writer.due()]
    return out


def _told(history: History, visits_at_most: int) -> list[Encounter]:
    """Pathology is rare, and a cancer has many visits after its own: without its visit no note would tell of it."""
    visits = [one.key for one in history.encounters if one.kind in {"ambulatory", "virtual"}]
    kept = set(visits[-visits_at_most:]) if visits_at_most else set()
    if visits_at_most:
        kept |= {one.encounter for one in history.reports if one.category == "pathology"}
    return [one for one in history.encounters if one.kind in {"inpatient", "emergency"} or one.key in kept]


class _Writer:
    """Writes the notes of one encounter in one family."""

    def __init__(
        self,
        patient: Patient,
        hospital: Hospital,
        chance: Chance,
        plan: NotePlan,
        *,
        family: Family,
        encounter: Encounter,
    ) -> None:
        self.patient, self.hospital, self.chance, self.plan = patient, hospital, chance, plan
        self.family, self.encounter = family, encounter
        self.course: Course = course_of(chance, patient, encounter)
        self.carried: dict[str, Block] = {}
        self.fahrenheit = chance.uniform() < 0.6
        self.site = next((one for one in hospital.sites if one.site_id == encounter.site_id), hospital.sites[0])
        staff = [one for one in hospital.clinicians if one.site_id == self.site.site_id] or list(hospital.clinicians)
        self.attending = next(
            (one for one in hospital.clinicians if one.clinician_id == encounter.clinician_id), staff[0]
        )
        self.colleague = staff[int(chance.uniform() * len(staff))]

    def due(self) -> list[_Due]:
        """The notes of the encounter, in order of time."""
        encounter = self.encounter
        start, end = encounter.start, encounter.end or encounter.start + timedelta(minutes=30)
        due = [
            _Due(report.category, report.issued, report)
            for report in self.patient.reports.get(encounter.key, ())
            if report.category != "laboratory"
        ]
        match encounter.kind:
            case "inpatient":
                due += self._of_stay(start, end)
            case "emergency":
                due.append(_Due("emergency", end))
            case "virtual":
                due.append(_Due("telephone", end))
            case "ambulatory":
                kind = "progress" if self.attending.role.code in _GENERALISTS else "consultation"
                due.append(_Due(kind, end))
        return sorted(due, key=lambda one: one.time)

    def _of_stay(self, start: datetime, end: datetime) -> Iterator[_Due]:
        yield _Due("admission", min(start + timedelta(hours=2 + 2 * self.chance.uniform()), end))
        days = (end - start).days
        step = max(1, days // (self.plan.progress_at_most + 1))
        for number in range(1, min(self.plan.progress_at_most, max(0, days - 1)) + 1):
            yield _Due("progress", start + timedelta(days=number * step, hours=self.chance.uniform()))
        for number in range(min(self.plan.nursing_at_most, max(1, days))):
            night = start + timedelta(days=number * step, hours=6 + 4 * self.chance.uniform())
            if night < end:
                yield _Due("nursing", night)
        if self.encounter.end is not None:
            yield _Due("discharge", end)

    def write(self, due: _Due) -> SimulatedNote:
        """One note."""
        note_id = f"N{int(self.chance.uniform() * 2**48):012X}"
        voice = Voice(self.chance, self.family, self.plan.zone)
        author = self.attending if due.kind not in {"radiology", "pathology", "nursing"} else self.colleague
        draft = Draft()
        renderer = Renderer(voice, draft, note_id, self.carried)
        renderer.render(voice.pick(self.family.notes[due.kind]), self._scope(due, author, note_id))
        text, spans, relations = finished(draft, voice)
        answer = NoteAnswer(
            note_id,
            self.patient.history.person.patient_id,
            self.encounter.key,
            due.kind,
            self.family.name,
            due.time.isoformat(),
            text,
            spans,
            relations,
        )
        return SimulatedNote(note_id, due.kind, TYPES[due.kind], due.time, self.encounter.key, author, text, answer)

    def _scope(self, due: _Due, author: Clinician, note_id: str) -> Scope:
        """Everything that a template of this note may ask for."""
        history, invented = self.patient.history, self.patient.invented
        person = history.person
        facts = Facts(self.chance, self.patient, self.course, due.time, fahrenheit=self.fahrenheit)
        mrn = next((one.value for one in person.record_numbers if one.site_id == self.site.site_id), "")
        plans = [one.member_id for one in history.coverages if one.start <= due.time.date()]
        initial, family = invented.doctor
        beds = [one for one in self.encounter.stays if one.start <= due.time]
        own: dict[str, Value] = {
            "patient": patient_scope(
                person, mrn or person.patient_id[-7:], due.time, invented, plans[-1] if plans else ""
            ),
            "author": clinician_scope(author, invented),
            "attending": clinician_scope(self.attending, invented),
            "doctor": person_name(initial, "", family, "clinician", "Dr."),
            "nurse": person_name(*_nurse(self.colleague, self.attending), "clinician"),
            "hospital": site_scope(self.site, invented),
            "unit": unit_piece(beds[-1].unit) if beds else None,
            "document": document_scope(due.time, note_id[-8:], invented),
            "date": dated(due.time),
            "clock": clocked(due.time),
            "he": "she" if person.sex == "female" else "he",
            "his": "her" if person.sex == "female" else "his",
            "him": "her" if person.sex == "female" else "him",
        }
        if due.report is not None:
            own["report"] = facts.report(due.report)
        if self.plan.beside is not None:
            own.update(self.plan.beside(due.time))
        return Scope(own, facts.groups())


def _nurse(colleague: Clinician, attending: Clinician) -> tuple[str, str, str]:
    """A nurse's name, from names that are common at the place."""
    return (attending.given, "", colleague.family)
