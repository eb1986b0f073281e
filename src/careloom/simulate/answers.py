"""The answer key: what a feed hides, as rows that judge what was found. One NDJSON file per kind below ``answers/``.

OUT/feeds/<site>/<format>/...   what the hospital sends: hl7v2, fhir, bulk, ccda, csv, notes
OUT/answers/outcomes.ndjson     an `OutcomeAnswer` a line
OUT/answers/identities.ndjson   an `IdentityAnswer` a line: every identifier in the feeds, and whose it is
OUT/answers/dirt.ndjson         a `DirtAnswer` a line: everything that is wrong on purpose
OUT/answers/notes.ndjson        a `NoteAnswer` a line: gold spans of every note, whatever feed carries it
OUT/manifest.json               seed, versions, counts, and the SHA-256 of every file
"""

from dataclasses import dataclass
from typing import Literal

DirtKind = Literal[
    "duplicate-record", "near-duplicate-record", "duplicate-patient", "wrong-unit", "impossible-date",
    "impossible-value", "missing-field", "wrong-check-digit", "mangled-encoding", "truncated-message",
    "out-of-order-message",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutcomeAnswer:
    """One `Outcome` of one patient; `about` is the encounter's or appointment's identifier as the feeds carry it."""

    patient_id: str
    name: str
    index_time: str
    about: str
    probability: float
    happened: float


@dataclass(frozen=True, slots=True)
class IdentityAnswer:
    """One identifier under which a person stands in the feeds; a duplicate patient has two at one site."""

    patient_id: str
    site_id: str
    system: str
    value: str


@dataclass(frozen=True, slots=True)
class DirtAnswer:
    """One thing made wrong on purpose.

    file     path below OUT
    record   what names the record within the file: MSH-10, resource type and id, document id, or line number
    place    the field that was changed, as the format writes places (``OBX-5``, ``Observation.valueQuantity.unit``,
             a column's name); empty where the record as a whole is wrong
    detail   what was done, in words without a value
    """

    kind: DirtKind
    patient_id: str
    file: str
    record: str
    place: str
    detail: str


@dataclass(frozen=True, slots=True)
class SpanAnswer:
    """A gold span of a note: half-open offsets in code points of the text as written.

    kind        ``entity``, ``phi``, ``section``, ``time`` or ``social``
    label       of its kind: problem, symptom, drug, dose, test, procedure...; NAME, DATE, MRN...
    assertion   present, absent, possible, conditional, hypothetical, historical, family; empty for what has none
    codes       (system, code) pairs
    """

    id: str
    kind: str
    label: str
    start: int
    end: int
    text: str
    assertion: str = ""
    codes: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RelationAnswer:
    """A gold relation between two spans of one note, by their ids: ``drug-dose``, ``drug-reason``..."""

    label: str
    head: str
    tail: str


@dataclass(frozen=True, slots=True)
class NoteAnswer:
    """The gold of one note.

    note_id   as the feeds carry it (TXA-12, DocumentReference.identifier, file name)
    family    the template family that wrote it: train on some, test on others
    """

    note_id: str
    patient_id: str
    encounter: str
    kind: str
    family: str
    time: str
    text: str
    spans: tuple[SpanAnswer, ...]
    relations: tuple[RelationAnswer, ...]
