"""A note and the places in it: half-open offsets in code points of NFC text."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The characters from `start` up to, not including, `end`; sorts by place.

    raises  ValueError unless 0 <= start <= end
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError("a span needs 0 <= start <= end")

    def __len__(self) -> int:
        return self.end - self.start

    def __bool__(self) -> bool:
        return True

    def of(self, text: str) -> str:
        """The characters of `text` in this span."""
        return text[self.start : self.end]

    def covers(self, other: "Span") -> bool:
        """True where `other` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: "Span") -> bool:
        """True where both share at least one character."""
        return self.start < other.end and other.start < self.end and len(self) > 0 and len(other) > 0

    def shifted(self, distance: int) -> "Span":
        """The span `distance` characters further on."""
        return Span(self.start + distance, self.end + distance)


@dataclass(frozen=True, slots=True)
class Note:
    """One clinical text with what is known about it.

    note_id       the id it is stored under, or the source's own
    text          NFC, line ends as line feeds: `careloom.text.normalize.normalize` makes it so
    patient_id    whom it is about; empty where nobody said
    encounter_id  the visit it belongs to; empty where nobody said
    time          ISO 8601 with offset, or a date; empty where nobody said
    type          LOINC document code; empty where nobody said
    raises        ValueError where the text is not NFC or holds carriage returns: offsets would mean nothing
    """

    note_id: str
    text: str
    patient_id: str = ""
    encounter_id: str = ""
    time: str = ""
    type: str = ""

    def __post_init__(self) -> None:
        if "\r" in self.text or not unicodedata.is_normalized("NFC", self.text):
            raise ValueError("the text of a note is NFC with line feeds: normalize it first")


Presence = Literal["present", "absent", "possible", "conditional", "hypothetical"]
Temporality = Literal["current", "historical", "future"]
Experiencer = Literal["patient", "family", "other"]
Certainty = Literal["positive", "positivePossible", "neutralPossible", "negativePossible", "negative"]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a note.

    kind   what it is about in our words, e.g. ``medications``; ``other`` where the title is unknown
    title  the characters of the heading; empty at the start of the body where there is none
    body   everything below the heading up to the next section
    code   LOINC code of the kind; empty where it has none
    score  probability of the kind between 0 and 1; None where the heading said it
    """

    kind: str
    title: Span
    body: Span
    code: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """Whether what an annotation names is there, when, and in whom.

    presence     ``absent``: denied, not found, ruled out; ``possible``: suspected and not settled; ``conditional``:
                 only under a condition, e.g. on exertion; ``hypothetical``: may come, e.g. a reason to return
    temporality  ``historical``: over before this visit; ``future``: planned
    experiencer  whom it is about
    certainty    as sure as the author is, in the words of Text Analytics for health
    """

    presence: Presence = "present"
    temporality: Temporality = "current"
    experiencer: Experiencer = "patient"
    certainty: Certainty = "positive"


@dataclass(frozen=True, slots=True)
class Concept:
    """A code that may be meant.

    system  canonical URI of the code system
    score   between 0 and 1, comparable within one annotation
    rank    1 for the best
    """

    system: str
    code: str
    display: str
    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something that was found, or is known, about some characters of a note.

    label       what it is, e.g. ``PROBLEM``, ``NAME``
    source      the component or person that says so, with version
    score       probability between 0 and 1; None where the source gives none
    attributes  further findings by name, e.g. ``{"value": "2026-03-01"}``
    id          within the note, e.g. ``T12``; empty until the note is read as a whole
    text        the characters of the span; empty where nobody set them
    section     kind of the section it stands in; empty where there is none
    assertion   None for what can be neither there nor absent, e.g. a dose
    codes       by rank; empty where nothing is meant that has a code, or nothing was found
    """

    span: Span
    label: str
    source: str = ""
    score: float | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    id: str = ""
    text: str = ""
    section: str = ""
    assertion: Assertion | None = None
    codes: tuple[Concept, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """Two annotations of one note that belong together.

    type    e.g. ``drug-dose``, ``before``
    head    id of the annotation that the other one says something about
    tail    id of the other one
    score   probability between 0 and 1; None where the source gives none
    source  the component or person that says so, with version
    """

    type: str
    head: str
    tail: str
    score: float | None = None
    source: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class AnnotatedNote:
    """A note with all that was found in it.

    sections     in order, disjoint; together with their titles they cover what is not white space
    sentences    in order, disjoint
    annotations  by place; of different labels they may overlap
    relations    between `annotations`, by id
    readers      component -> version, of each that looked
    """

    note: Note
    sections: tuple[Section, ...] = ()
    sentences: tuple[Span, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    relations: tuple[Relation, ...] = ()
    readers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
