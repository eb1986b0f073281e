"""Where a generator of notes learns: annotated notes of the research zone, or the notes of a simulated hospital.

Controls are set aside by patient as `careloom.services.synthesize_source` does it: of the research zone the same ones
as those of tables and whole records.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from careloom.errors import FormatError, InputError, NotFound
from careloom.nlp.corpora_notes import gold_notes
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.annotate_documents import KIND, PERSON, READER, Kept, kept_of
from careloom.services.deidentify_detectors import scrubber, teams
from careloom.services.platform import Platform
from careloom.services.sight import view_of
from careloom.services.stored_notes import TYPE, StoredNote, note_of, whose
from careloom.services.synthesize_notes import Identifiers, from_annotated, from_simulated
from careloom.services.synthesize_source import Source, split
from careloom.services.trainings import people_behind
from careloom.simulate.notes import TYPES
from careloom.synth.metadata import Column, Table
from careloom.synth.notes_facts import SourceNote

Json = dict[str, Any]
STYLE = "research.note"
"""Who writes the notes of the zone: nobody tells, so that they are of one style."""
OTHER = "other"
"""The kind of a note whose type is none of the simulator's."""
_KINDS = {code.code: kind for kind, code in TYPES.items()}
_TABLE = Table("notes", (Column("patient_id", "id", nullable=False),), subject="patient_id")


@dataclass(frozen=True, slots=True, eq=False)
class NotesSource:
    """Notes with what they mention; `source`: their patients, a row a note, for the split and the books."""

    notes: tuple[SourceNote, ...]
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class NotesSplit:
    """Notes to learn, and those of patients whom no generator sees.

    told    counts, as `careloom.services.synthesize_source.split` tells them; rows are notes
    learnt  keyed pseudonyms of the patients to learn; none of a folder
    """

    members: tuple[SourceNote, ...]
    controls: tuple[SourceNote, ...]
    told: Json
    learnt: tuple[str, ...]


def read_notes_of(platform: Platform, who: Principal, folder: Path | None, zone: str) -> NotesSource:
    """The notes to learn; the caller has asked for admission.

    folder  of a simulated hospital (``answers/notes.ndjson``); None: the research zone
    raises  InputError where no note was annotated; NotFound, FormatError for the folder; SetupError for detectors
    """
    if folder is not None:
        return _source(platform, simulated_notes(folder), {}, ({}, 0), zone)
    found, left_out = _stored(platform, who)
    if not found:
        raise InputError(
            "no note of the research zone was annotated",
            "Let notes pass (careloom deidentify --policy safe-harbor), then careloom annotate --zone research.",
        )
    people = people_behind(platform, "research", sorted({one.patient for one in found}))
    chosen = [one for one in found if one.patient in people]
    return _source(platform, chosen, {"zone": "research"}, (people, left_out + len(found) - len(chosen)), "research")


def simulated_notes(folder: Path) -> list[SourceNote]:
    """The notes of a simulated hospital by their gold. raises NotFound; FormatError"""
    files = sorted(folder.rglob("notes.ndjson"))
    if not files:
        raise NotFound("there is no notes.ndjson in the folder", "Make one: careloom simulate DIR --feeds notes.")
    found: list[SourceNote] = []
    for file in files:
        lines = file.read_bytes()
        try:
            rows = [orjson.loads(line) for line in lines.splitlines()]
            about = {row["note_id"]: (row["patient_id"], row["kind"]) for row in rows}
            found += [from_simulated(one, *about[one.id]) for one in gold_notes(lines)]
        except (ValueError, KeyError, TypeError):
            raise FormatError(f"{file.name}: these are no notes with answers", "Simulate them anew.") from None
    return found


def divide_notes(platform: Platform, given: NotesSource, zone: str, share: float) -> NotesSplit:
    """The notes by whether their patient is set aside. raises InputError where one side would have nobody"""
    parts = split(platform, given.source, zone, share)
    own = set(parts.members["patient_id"].to_list())
    members = tuple(one for one in given.notes if one.patient in own)
    controls = tuple(one for one in given.notes if one.patient not in own)
    people = given.source.people
    learnt = tuple(people[one] for one in sorted(own) if people)
    return NotesSplit(members, controls, parts.told, learnt)


def in_styles_of(notes: Sequence[SourceNote], styles: Mapping[str, Mapping[str, int]]) -> list[SourceNote]:
    """Notes as if written in styles that are known: the one that writes their kind most often, else the most frequent.

    styles  style -> kind -> how often; public, so that of a note its kind alone is looked at
    """
    usual = max(styles, key=lambda one: sum(styles[one].values()))
    kinds = {kind for each in styles.values() for kind in each}
    best = {kind: max(styles, key=lambda one: styles[one].get(kind, 0)) for kind in sorted(kinds)}
    return [replace(one, style=best.get(one.kind, usual)) for one in notes]


def identifiers_by(platform: Platform, who: Principal, operation: str) -> Identifiers:
    """What finds identifiers in a text, by the detectors of the settings; whom texts go to is audited first.

    raises  SetupError
    """
    chosen = teams(platform.settings.deidentify)
    if sent := [team.sends_to for team in chosen if team.sends_to]:
        note(platform, who, operation, "research", action="execute", detail={"texts_sent_to": sent})
    finder = scrubber(chosen)

    def found(text: str) -> Iterable[tuple[int, int, str]]:
        return [(one.span.start, one.span.end, one.label) for one in finder.find(text)]

    return found


def _stored(platform: Platform, who: Principal) -> tuple[list[SourceNote], int]:
    """The annotated notes that `who` may see, and how many others there are."""
    store, view = platform.store("research"), view_of(platform, who, "research")
    documents = (kept_of(stored) for stored in store.scan([KIND]))
    kept = {(one.note_id, one.origin): one for one in documents if one is not None}
    most = platform.settings.annotate.max_text_bytes
    identifiers = identifiers_by(platform, who, "synthesize-fit")
    found, left_out = [], 0
    for stored in store.scan([TYPE]):
        resource = stored.resource()
        if not whose(resource):
            continue
        one = note_of(stored, most)
        made = _read(one, kept, identifiers) if view.shows(resource) and one.issue is None else None
        if made is None:
            left_out += 1
        else:
            found.append(made)
    return found, left_out


def _read(one: StoredNote, kept: Mapping[tuple[str, str], Kept], identifiers: Identifiers) -> SourceNote | None:
    """A note as a person annotated it, else as it was read; None where it changed since, or was never read."""
    for origin in (PERSON, READER):
        held = kept.get((one.note_id, origin))
        if held is not None and held.note == one.reference:
            try:
                read = held.reading(one.text).annotated
            except FormatError:
                continue
            return from_annotated(read, one.about.patient_id, STYLE, _KINDS.get(one.about.type, OTHER), identifiers)
    return None


def _source(
    platform: Platform, notes: Iterable[SourceNote], told: Json, known: tuple[dict[str, str], int], zone: str
) -> NotesSource:  # fmt: skip
    ordered = tuple(sorted(notes, key=lambda one: (one.patient, one.kind, one.text)))
    people, left_out = known
    digest = blake2b(key=platform.keys.derive("synthesis source", zone), digest_size=16)
    for one in ordered:
        digest.update(orjson.dumps([one.patient, one.style, one.kind, one.text, one.sections, one.mentions]))
    frame = pl.DataFrame({"patient_id": [one.patient for one in ordered]}, schema={"patient_id": pl.String})
    kinds = dict(sorted(Counter(one.kind for one in ordered).items()))
    facts = told | {"digest": digest.hexdigest(), "kinds": kinds}
    return NotesSource(ordered, Source(_TABLE, frame, facts, people, left_out))
