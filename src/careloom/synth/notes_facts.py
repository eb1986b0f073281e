"""What a note tells, as plain facts, and notes to learn from with the places where they tell them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

_NO_PARTS: Mapping[str, str] = MappingProxyType({})
HEADS = (
    "PROBLEM", "SYMPTOM", "MEDICATION", "TEST", "PROCEDURE", "DEVICE", "ALLERGEN", "ANATOMY", "FAMILY_RELATION",
)  # fmt: skip
"""Labels of what has a name; labels are those of the reader of notes."""
PARTS = ("DOSAGE", "ROUTE", "FREQUENCY", "FORM", "TEST_VALUE", "UNIT")
"""Labels of what is said of a head, never without one."""
RECORDED = ("PROBLEM", "MEDICATION", "TEST", "PROCEDURE", "ALLERGEN")
"""Heads that a note with a given record takes from there alone where they are present."""
STATUSES = ("present", "absent", "possible", "conditional", "hypothetical", "historical", "family")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is so, or is not so, of a patient.

    label   one of HEADS
    name    as a clinician would write it
    status  one of STATUSES
    code    ``system|code``; empty where it has none: then its name says what it is
    parts   label of PARTS -> words: the dose of a drug, the value of a test
    """

    label: str
    name: str
    status: str = "present"
    code: str = ""
    parts: Mapping[str, str] = field(default_factory=lambda: _NO_PARTS)

    @property
    def concept(self) -> str:
        """What is meant, whatever it is called."""
        return self.code or self.name.casefold()


def problem(name: str, code: str = "", status: str = "present") -> Fact:
    """A diagnosis."""
    return Fact("PROBLEM", name, status, code)


def medication(name: str, dose: str = "", *, route: str = "", frequency: str = "", code: str = "") -> Fact:
    """A drug; what is empty is not told."""
    told = {"DOSAGE": dose, "ROUTE": route, "FREQUENCY": frequency}
    return Fact("MEDICATION", name, "present", code, {part: words for part, words in told.items() if words})


def measured(name: str, value: str, unit: str = "", code: str = "") -> Fact:
    """A test of the laboratory or a vital sign with what it found."""
    told = {"TEST_VALUE": value, "UNIT": unit}
    return Fact("TEST", name, "present", code, {part: words for part, words in told.items() if words})


def allergy(name: str, code: str = "") -> Fact:
    """What a patient does not bear."""
    return Fact("ALLERGEN", name, "conditional", code)


def procedure(name: str, code: str = "") -> Fact:
    """What was done."""
    return Fact("PROCEDURE", name, "present", code)


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """What is known when a note is written.

    facts   of the encounter and of what was there before
    age     years; None: not told
    sex     ``female``, ``male`` or empty
    day     of the encounter
    """

    facts: tuple[Fact, ...] = ()
    age: int | None = None
    sex: str = ""
    day: date = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a note that says something.

    label   of HEADS, PARTS or others the reader knows (DATE_TIME, AGE, DURATION), or of an identifier (NAME, MRN)
    status  of a head; empty otherwise
    head    the number of the mention that this one is a part of; -1 where there is none
    """

    start: int
    end: int
    label: str
    status: str = ""
    code: str = ""
    head: int = -1


@dataclass(frozen=True, slots=True)
class SourceNote:
    """A de-identified note to learn from.

    patient   whom it is about: what is kept of words is kept where enough patients have them
    style     who writes so, as ``corpus.style``; kind: what sort of note it is
    sections  kind, start and end, in order; without overlaps
    mentions  by place, without overlaps
    """

    patient: str
    style: str
    kind: str
    text: str
    sections: tuple[tuple[str, int, int], ...]
    mentions: tuple[Mention, ...]

    @property
    def corpus(self) -> str:
        """The first part of its style."""
        return self.style.split(".")[0]

    def said(self, one: Mention) -> str:
        """The words of a mention, on one line."""
        return " ".join(self.text[one.start : one.end].split())


def facts_of(note: SourceNote) -> Iterator[tuple[Mention, Fact]]:
    """Every mention of a head, with what the note says of it there."""
    parts: dict[int, dict[str, str]] = {}
    for one in note.mentions:
        if one.head >= 0 and one.label in PARTS:
            parts.setdefault(one.head, {}).setdefault(one.label, note.said(one))
    for number, one in enumerate(note.mentions):
        if one.label in HEADS:
            name = note.said(one)
            yield one, Fact(one.label, name, one.status or "present", one.code, parts.get(number, _NO_PARTS))
