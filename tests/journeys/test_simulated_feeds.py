"""What the simulator sends, our ingestion reads: every fact of clean feeds; of dirty ones a reason for each refusal."""

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest

from careloom.ingest.containers import open_members
from careloom.issues import Issue
from careloom.pipeline.batch import Batch
from careloom.services.arrivals import Wanted, records_of
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from careloom.settings import Settings
from careloom.simulate.answers import DirtAnswer, NoteAnswer
from careloom.simulate.charts import Chart, Place, charts
from careloom.simulate.draw import Draw
from careloom.simulate.feeds import feed_files, opening_files
from careloom.simulate.history import History
from careloom.simulate.hospital import Hospital, build_hospital
from careloom.simulate.notes import notes_of
from careloom.simulate.patients import simulate_patient
from careloom.simulate.pieces import DirtLevel, Feed, FeedOptions, Piece

SEED = 20
OBSERVATIONS_AT_MOST = 400
FEEDS: tuple[Feed, ...] = ("hl7v2", "fhir", "bulk", "ccda", "csv", "notes")


@dataclass
class Sent:
    """What a hospital sent in one format."""

    place: Place
    files: dict[str, bytes]
    charts: list[Chart]
    dirt: list[DirtAnswer]


@dataclass
class Read:
    """What became of it: resources by site, and each record with its issues."""

    resources: Counter[str] = field(default_factory=Counter)
    records: list[tuple[str, bytes, tuple[Issue, ...]]] = field(default_factory=list)
    observations: set[str] = field(default_factory=set)
    """Identifiers of the observations."""
    refused: int = 0
    stored: int = 0
    kept: int = 0


@cache
def people() -> tuple[tuple[int, History], ...]:
    """The first people with few facts who have, all together, at least one of every kind."""
    hospital = build_hospital(SEED)
    chosen: list[tuple[int, History]] = []
    missing = set(KINDS) - {"DocumentReference"}  # whoever is seen has notes
    for number in range(1, 400):
        history = simulate_patient(number, SEED, hospital=hospital)
        has = +facts(charts(history, _place(hospital)))
        if len(history.observations) <= OBSERVATIONS_AT_MOST and missing & {*has}:
            chosen.append((number, history))
            missing -= {*has}
        if not missing:
            return tuple(chosen)
    raise AssertionError(f"nobody has {sorted(missing)}")


def _place(hospital: Hospital) -> Place:
    return Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})


@cache
def notes_of_people() -> dict[int, list[NoteAnswer]]:
    hospital = build_hospital(SEED)
    return {number: _notes(number, history, hospital) for number, history in people()}


def _notes(number: int, history: History, hospital: Hospital) -> list[NoteAnswer]:
    return [note.gold for note in notes_of(history, hospital, Draw(SEED, number, "notes"))]


@cache
def sent(feed: Feed, level: DirtLevel) -> Sent:
    """The feed of these people; a dirty one by the first seed that cuts or mangles something, if any does."""
    for seed in range(1, 40 if level == "much" and feed != "fhir" else 2):
        made = _sent(feed, FeedOptions(seed, (feed,), level))
        if damage(made):
            break
    return made


def damage(made: Sent) -> list[DirtAnswer]:
    """What ingestion can see to be cut or mangled."""
    return [
        one
        for one in made.dirt
        if one.kind in ("truncated-message", "mangled-encoding") and "was read as" not in one.detail
    ]


def _sent(feed: Feed, options: FeedOptions) -> Sent:
    hospital = build_hospital(SEED)
    place = _place(hospital)
    pieces: dict[str, list[Piece]] = defaultdict(list)
    for piece in opening_files(place, options):
        pieces[piece.path].append(piece)
    found: list[Chart] = []
    dirt: list[DirtAnswer] = []
    for number, history in people():
        notes = notes_of_people()[number]
        made, answers = feed_files(history, place, options, notes)
        for piece in made:
            pieces[piece.path].append(piece)
        found += charts(history, place, notes)
        dirt += answers.dirt
    files = {
        path: b"".join(one.data for one in sorted(parts, key=lambda one: one.order)) for path, parts in pieces.items()
    }
    return Sent(place, files, found, dirt)


def read(feed: Feed, level: DirtLevel) -> Read:
    """What the ingestion pipeline makes of all sites' files, without a store."""
    made = sent(feed, level)
    out = Read()
    for site_id in made.place.sites:
        mapping = made.files.get(f"mappings/{site_id}.toml", b"").decode()
        pipeline = build(IngestConfig(b"k" * 32, site_id, mapping))
        latest: set[tuple[str, str]] = set()
        for path in sorted(path for path in made.files if path.startswith(f"feeds/{site_id}/{feed}/")):
            records = list(_records(path, made.files[path], mapping))
            result = pipeline.run(Batch.of(RECORD, records))
            issues: dict[int, list[Issue]] = defaultdict(list)
            for refusal in result.refused:
                issues[refusal.origin] += refusal.issues
            for origin, issue in result.warnings:
                issues[origin].append(issue)
            out.records += [(path, record.raw, tuple(issues[number])) for number, record in enumerate(records)]
            refused = {refusal.origin for refusal in result.refused}
            stored = set(result.batch.origins)
            assert not stored & refused
            out.refused += len(refused)
            out.stored += len(stored)
            out.kept += len(set(range(len(records))) - refused - stored)
            for write in result.batch.items:
                if write.type == "Observation" and write.resource is not None:
                    out.observations |= {one["value"] for one in write.resource.get("identifier", ()) if "value" in one}
            latest |= {(write.type, write.id) for write in result.batch.items}
        out.resources += Counter(kind for kind, _ in latest)
    return out


def _records(path: str, data: bytes, mapping: str) -> Iterator:  # type: ignore[type-arg]
    for member in open_members(io.BytesIO(data), path):
        yield from records_of(member, Settings().ingest, Wanted("auto", mapping))[1]


KINDS = (
    "Patient", "Encounter", "Condition", "Observation", "Conclusion", "DiagnosticReport", "MedicationRequest",
    "MedicationAdministration", "AllergyIntolerance", "Immunization", "Procedure", "Appointment", "Planned",
    "DocumentReference", "FamilyMemberHistory",
)  # fmt: skip


def facts(found: list[Chart]) -> Counter[str]:
    """How many resources of each type the facts are."""
    out: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for chart in found:
        history = chart.history
        out["Patient"] += 1
        out["Encounter"] += len(history.encounters)
        out["Condition"] += len(history.conditions)
        out["Observation"] += sum(len(one.components) or 1 for one in history.observations)
        out["Conclusion"] += sum(bool(one.conclusion) for one in history.reports)
        out["DiagnosticReport"] += len(history.reports)
        out["MedicationRequest"] += len(history.medications)
        out["MedicationAdministration"] += sum(len(one.administered) for one in history.medications)
        out["AllergyIntolerance"] += len(history.allergies)
        out["Immunization"] += len(history.immunizations)
        out["Procedure"] += len(history.procedures)
        out["Appointment"] += len(history.appointments)
        out["Planned"] += sum(one.status == "booked" for one in history.appointments)
        out["DocumentReference"] += len(chart.notes)
        out["FamilyMemberHistory"] += len(history.relatives)
    return out


_EVERYWHERE = (
    "Patient", "Condition", "MedicationRequest", "AllergyIntolerance", "Immunization", "Procedure"
)  # fmt: skip
_TOLD: dict[Feed, tuple[str, ...]] = {
    "hl7v2": (*_EVERYWHERE, "Encounter", "MedicationAdministration", "Appointment", "DocumentReference"),
    "fhir": (
        *_EVERYWHERE, "Encounter", "Observation", "DiagnosticReport", "MedicationAdministration", "Appointment",
        "DocumentReference", "FamilyMemberHistory",
    ),
    "bulk": (
        *_EVERYWHERE, "Encounter", "Observation", "DiagnosticReport", "MedicationAdministration", "Appointment",
        "DocumentReference", "FamilyMemberHistory",
    ),
    "ccda": (*_EVERYWHERE, "FamilyMemberHistory"),
    "csv": (*_EVERYWHERE, "Encounter", "Observation", "DiagnosticReport", "Appointment"),
    "notes": ("DocumentReference",),
}  # fmt: skip
"""What each format carries one resource for one fact of."""


@pytest.mark.parametrize("feed", FEEDS)
def test_every_fact_of_a_clean_feed_is_stored_and_nothing_is_refused(feed: Feed) -> None:
    found = read(feed, "none")
    wanted = facts(sent(feed, "none").charts)
    assert found.refused == 0
    assert {name: found.resources[name] for name in _TOLD[feed]} == {name: wanted[name] for name in _TOLD[feed]}
    if feed == "hl7v2":  # a conclusion in words stands there as an observation of its own
        assert found.resources["Observation"] == wanted["Observation"] + wanted["Conclusion"]
    if feed == "ccda":
        assert found.resources["Encounter"] == wanted["Encounter"] + wanted["Planned"]
        assert _numbers_of_observations(sent(feed, "none").charts) <= found.observations


def _numbers_of_observations(found: list[Chart]) -> set[str]:
    return {
        chart.identifier("M", one.key) for chart in found for one in chart.history.observations if not one.components
    }


@pytest.mark.parametrize("feed", FEEDS)
def test_of_a_dirty_feed_every_record_is_stored_or_refused_and_damage_is_told(feed: Feed) -> None:
    found = read(feed, "much")
    assert found.refused + found.stored + found.kept == len(found.records)
    planted = damage(sent(feed, "much"))
    for one in planted:
        assert _told(feed, found, one), one.kind
    assert planted or feed == "fhir"


def _told(feed: Feed, found: Read, answer: DirtAnswer) -> bool:
    """Whether the record that an answer is about was refused, or read with an issue."""
    mark = re.escape(answer.record.rpartition("/")[2])
    records = [(raw, issues) for path, raw, issues in found.records if path == answer.file]
    if feed in ("hl7v2", "bulk", "csv"):  # the number as a whole: O1 is not O12
        whole = re.compile(rf"(?<![\w.-]){mark}(?![\w.-])".encode())
        records = [(raw, issues) for raw, issues in records if whole.search(raw)]
    return bool(records) and all(issues for _, issues in records)
