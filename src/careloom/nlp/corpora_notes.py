"""Notes of a simulated hospital with everything that is known of them: lines of its answers in, notes out.

A line of ``answers/notes.ndjson``, as `careloom simulate` writes it, has ``note_id``, ``family``, ``time``, ``text``,
``spans`` and ``relations``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from careloom.errors import InputError
from careloom.nlp.corpora import Document, longest
from careloom.text.note import AnnotatedNote, Annotation, Note, Section, Span
from careloom.text.sentences import sentences

NOTE = {
    "problem": "PROBLEM",
    "symptom": "SYMPTOM",
    "finding": "SYMPTOM",
    "test": "TEST",
    "result": "TEST_VALUE",
    "unit": "UNIT",
    "drug": "MEDICATION",
    "vaccine": "MEDICATION",
    "dose": "DOSAGE",
    "route": "ROUTE",
    "frequency": "FREQUENCY",
    "duration": "DURATION",
    "procedure": "PROCEDURE",
    "device": "DEVICE",
    "anatomy": "ANATOMY",
    "allergen": "ALLERGEN",
    "relative": "FAMILY_RELATION",
    "age": "AGE",
    "date": "DATE_TIME",
    "clock": "DATE_TIME",
    "relative time": "DATE_TIME",
}
"""Labels of simulated notes as ours."""


Code = tuple[str, str]
"""System and code."""


@dataclass(frozen=True, slots=True)
class GoldSpan:
    """A span of a note.

    kind       ``entity``, ``phi``, ``section``, ``time`` or ``social``
    label      of its kind, in the simulator's words
    assertion  present, absent, possible, conditional, hypothetical, historical, family; empty for what has none
    """

    id: str
    kind: str
    label: str
    start: int
    end: int
    text: str
    assertion: str
    codes: tuple[Code, ...]
    attributes: Mapping[str, str]

    @property
    def place(self) -> tuple[int, int]:
        """Start and end."""
        return self.start, self.end

    @property
    def note_label(self) -> str:
        """Our label of an entity or a time; empty where there is none."""
        if self.kind == "time" and self.label == "relative":
            return NOTE["relative time"]
        return NOTE.get(self.label, "") if self.kind in ("entity", "time") else ""


@dataclass(frozen=True, slots=True)
class GoldNote:
    """A simulated note.

    family     who wrote it: a family of templates
    relations  label, id of the head, id of the tail
    """

    id: str
    family: str
    time: str
    text: str
    spans: tuple[GoldSpan, ...]
    relations: tuple[tuple[str, str, str], ...]

    def of(self, kind: str) -> list[GoldSpan]:
        """Its spans of a kind."""
        return [one for one in self.spans if one.kind == kind]

    @property
    def document(self) -> Document:
        """It with its entities and times by our labels."""
        gold = [(one.start, one.end, one.note_label) for one in self.spans if one.note_label]
        return Document(self.id, self.text, longest(gold), self.family)

    def given(self, entities: Iterable[GoldSpan], *, with_sections: bool = True) -> AnnotatedNote:
        """It as a component gets it that is told entities, and the sections."""
        sections = tuple(
            Section(one.label, Span(one.start, one.start), Span(one.start, one.end))
            for one in sorted(self.of("section"), key=lambda one: one.start)
        )
        found = (
            Annotation(
                Span(*one.place), one.note_label, id=one.id, text=one.text, section=_section(sections, one.start)
            )
            for one in entities
        )
        note = Note(self.id, self.text, time=self.time)
        return AnnotatedNote(note, sections if with_sections else (), tuple(sentences(self.text)), tuple(found))


def _section(sections: Iterable[Section], at: int) -> str:
    return next((one.kind for one in sections if one.body.start <= at < one.body.end), "")


def gold_notes(lines: bytes) -> list[GoldNote]:
    """The notes of a file. raises InputError with the line that is none"""
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        try:
            found.append(_note(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            where = f"line {number} of the simulated notes is none"
            raise InputError(where, "Make them by careloom simulate.") from None
    return found


def _note(row: Mapping[str, Any]) -> GoldNote:
    spans = tuple(
        GoldSpan(
            one["id"], one["kind"], one["label"], one["start"], one["end"], one["text"], one["assertion"],
            tuple((system, code) for system, code in one["codes"]), dict(one["attributes"]),
        )
        for one in row["spans"]
    )  # fmt: skip
    relations = tuple((one["label"], one["head"], one["tail"]) for one in row["relations"])
    return GoldNote(str(row["note_id"]), row["family"], row["time"], row["text"], spans, relations)
