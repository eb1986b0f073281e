"""What is asked of stored notes, and what was found in them, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from careloom.client.note_reports import NoteAssertion, NoteConcept


@dataclass(frozen=True, slots=True)
class FactQuery:
    """Which of what notes say is wanted: what fits everything that is named. What is empty narrows nothing.

    concepts                            one of them, as ``SNOMED|73211009``
    descendants                         what is a kind of the concept counts, too
    candidates                          codes that may be meant count, too, not only the likeliest
    labels                              one of them, as ``PROBLEM``
    presence, temporality, experiencer  one of them, as ``present``, ``historical``, ``family``
    sections                            kind of the section that it stands in, one of them
    since, until                        half-open: when it was by the timeline of the note, else when that was written
    led                                 only what became a fact, or what the record says already
    patients                            a patient, or a cohort, by stored id
    """

    concepts: tuple[str, ...] = field(default=(), repr=False)
    descendants: bool = True
    candidates: bool = False
    labels: tuple[str, ...] = ()
    presence: tuple[str, ...] = ()
    temporality: tuple[str, ...] = ()
    experiencer: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    led: bool = False
    patients: tuple[str, ...] = field(default=(), repr=False)


EVERYTHING = FactQuery()


@dataclass(frozen=True, slots=True)
class NoteSearch:
    """Which notes are wanted: words, a concept, or both.

    text          all of these words, whatever their case and accents; ``dysp*`` is every word that begins so
    phrase        one after the other
    presence      how the concept is asserted
    since, until  when the note was written, half-open

    Everything else is as of `FactQuery`.
    """

    text: str = field(default="", repr=False)
    phrase: bool = False
    concepts: tuple[str, ...] = field(default=(), repr=False)
    descendants: bool = True
    candidates: bool = False
    presence: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    patients: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class LedFact:
    """What became of a fact that rests on an annotation; `fact` is the resource, empty where there is none."""

    type: str
    outcome: str
    fact: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundFact:
    """An annotation of a stored note.

    note        the version that was read
    time, type  of the note
    id          of the annotation, within the note
    start, end  code points of the note as it came, half-open
    text        None for who may search notes, but not read them; `attributes` are empty then
    origin      ``annotations`` of the reader, or a person's ``correction``
    current     False where the note has changed since
    facts       what became of what rests on it
    """

    note: str
    patient: str
    encounter: str
    time: str
    type: str
    id: str
    start: int
    end: int
    label: str
    text: str | None = field(repr=False)
    score: float | None
    section: str
    attributes: Mapping[str, str] = field(repr=False)
    assertion: NoteAssertion | None
    codes: tuple[NoteConcept, ...]
    origin: str
    reader: str
    current: bool
    facts: tuple[LedFact, ...]


@dataclass(frozen=True, slots=True)
class FoundFactPage:
    """Some of what notes say, in order of notes; it may be empty and not be the last.

    next     cursor of the page after it; None on the last one
    scanned  notes that were opened for it
    notes    notes of the zone
    """

    items: tuple[FoundFact, ...]
    next: str | None
    scanned: int
    notes: int


@dataclass(frozen=True, slots=True)
class NoteSnippet:
    """A place in a note: `start` and `end` of what was found, and the `text` around it, which begins at `offset`."""

    start: int
    end: int
    offset: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundNote:
    """A note that was found.

    words        how often the words or the phrase stand there
    annotations  ids of those with the concept
    snippets     up to three; None for who may search notes, but not read them
    """

    note: str
    patient: str
    encounter: str
    time: str
    type: str
    words: int
    annotations: tuple[str, ...]
    snippets: tuple[NoteSnippet, ...] | None


@dataclass(frozen=True, slots=True)
class FoundNotePage:
    """Some notes; as `FoundFactPage`."""

    items: tuple[FoundNote, ...]
    next: str | None
    scanned: int
    notes: int
