"""What was found in notes, and what annotations of stored notes did, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from careloom.client.reports import QueuedWork

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AboutNote:
    """What is known about a text; empty where nobody said.

    note                your id of it
    patient, encounter  ids that facts refer to
    time                when it was written, ISO 8601: what dates in the text are counted from
    type                LOINC code of the kind of document
    """

    note: str = ""
    patient: str = ""
    encounter: str = ""
    time: str = ""
    type: str = ""


NOTHING_KNOWN = AboutNote()


@dataclass(frozen=True, slots=True)
class NoteSection:
    """A titled part of a note; `title` and `body` are start and end, half-open, in code points.

    kind   as ``medications``; ``other`` where the title is unknown
    code   LOINC; empty where the kind has none
    score  of the kind, between 0 and 1; None where a title said it
    """

    kind: str
    title: tuple[int, ...]
    body: tuple[int, ...]
    code: str
    score: float | None


@dataclass(frozen=True, slots=True)
class NoteAssertion:
    """Whether it is there, when, and in whom.

    presence     ``present``, ``absent``, ``possible``, ``conditional`` or ``hypothetical``
    temporality  ``current``, ``historical`` or ``future``
    experiencer  ``patient``, ``family`` or ``other``
    certainty    as Text Analytics for health words it, from ``positive`` to ``negative``
    """

    presence: str
    temporality: str
    experiencer: str
    certainty: str


@dataclass(frozen=True, slots=True)
class NoteConcept:
    """A code that may be meant; `rank` is 1 for the likeliest."""

    system: str
    code: str
    display: str
    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class NoteAnnotation:
    """Something that was found in a note.

    start, end  code points of the text as it was sent, half-open
    label       as PROBLEM, MEDICATION, TOBACCO
    score       between 0 and 1; None where a rule found it
    section     kind of its section; empty where it stands in none
    source      the component that says so, with its version
    attributes  further findings by name, as ``value``, ``status``
    assertion   None for what can be neither there nor absent
    codes       the likeliest first
    """

    id: str
    start: int
    end: int
    label: str
    text: str = field(repr=False)
    score: float | None
    section: str
    source: str
    attributes: Mapping[str, str] = field(repr=False)
    assertion: NoteAssertion | None
    codes: tuple[NoteConcept, ...]


@dataclass(frozen=True, slots=True)
class NoteRelation:
    """Two annotations that belong together, by id: `tail` says something about `head`."""

    id: str
    type: str
    head: str
    tail: str
    score: float | None
    source: str


@dataclass(frozen=True, slots=True)
class NoteFindings:
    """Everything that was found in a text.

    sentences    start and end of each
    annotations  by place; of different labels they may overlap
    readers      component -> version
    """

    note: str
    patient: str
    encounter: str
    time: str
    type: str
    sections: tuple[NoteSection, ...]
    sentences: tuple[tuple[int, ...], ...]
    annotations: tuple[NoteAnnotation, ...]
    relations: tuple[NoteRelation, ...]
    readers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoredNoteAnnotations:
    """What is held of a stored note.

    text     as it came: offsets count its code points
    origin   ``annotations`` of the reader, or a person's ``correction``
    reader   version of the reader, or who the person is
    current  False where the note has changed since
    facts    what rests on it, with the ids of the annotations it rests on
    """

    findings: NoteFindings
    text: str = field(repr=False)
    origin: str
    reader: str
    current: bool
    facts: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class NoteReaderComponent:
    """One part of what reads notes."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class NoteReaderVersion:
    """What reads notes: its `version` changes whenever that of one of its `components` does."""

    name: str
    version: str
    components: tuple[NoteReaderComponent, ...]


@dataclass(frozen=True, slots=True)
class NoteModel:
    """A trained model that ships.

    licences  of what it was made from
    labels    what it tells apart
    sha256    of its archive
    card      what its training wrote
    """

    file: str
    name: str
    version: str
    licences: tuple[str, ...]
    labels: tuple[str, ...]
    sha256: str
    bytes: int
    card: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoteModels:
    """What reads notes on the platform, and the models that ship with it."""

    reader: NoteReaderVersion
    models: tuple[NoteModel, ...]


@dataclass(frozen=True, slots=True)
class NoteCounts:
    """What became of notes: read, skipped as read before by this version, refused."""

    read: int
    skipped: int
    refused: int


@dataclass(frozen=True, slots=True)
class FactCounts:
    """What became of facts: new, said by the record already, against the record, no longer supported by a note."""

    new: int
    agree: int
    conflict: int
    retired: int


@dataclass(frozen=True, slots=True)
class CorrectedNote:
    """What became of the facts of a note's patient once a person had spoken."""

    zone: str
    notes: NoteCounts
    facts: FactCounts


@dataclass(frozen=True, slots=True)
class AnnotationRun(QueuedWork):
    """One annotation of stored notes; its counts are zeros until it is done, its progress is in notes."""

    zone: str
    notes: NoteCounts
    facts: FactCounts


@dataclass(frozen=True, slots=True)
class AnnotationReader:
    """Which reader read; `components` is name -> version."""

    version: str
    components: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoteConflict:
    """What a note says against the record: the `type` of the fact, `reason`, and both sides by reference.

    reason  ``verification``, ``status`` or ``value``
    """

    type: str
    reason: str
    against: str
    note: str


@dataclass(frozen=True, slots=True)
class AnnotationReport:
    """What a run did, in counts.

    found, relations  label -> annotations, type -> relations
    types             resource type -> facts that were written
    conflicts         up to a hundred: which note says otherwise than the record; none for who may not search the zone
    issues            code -> how often
    """

    id: str
    actor: str
    started: datetime
    ended: datetime
    zone: str
    reader: AnnotationReader
    incremental: bool
    refuted: bool
    notes: NoteCounts
    found: Mapping[str, int]
    relations: Mapping[str, int]
    facts: FactCounts
    types: Mapping[str, int]
    conflicts: tuple[NoteConflict, ...]
    issues: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AnnotationRunDetail(AnnotationRun):
    """One annotation with its report: None until it is done."""

    report: AnnotationReport | None


@dataclass(frozen=True, slots=True)
class AnnotationRunPage:
    """Some annotations, newest first; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[AnnotationRun, ...]
    next: str | None
