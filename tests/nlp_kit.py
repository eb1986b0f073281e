"""What tests of annotated notes share: components that find given words, so that each test says what was found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from careloom.nlp.assembly import reader
from careloom.nlp.reader import NoteReader
from careloom.nlp.splitting import Sentences
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import ICD_10_CM
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Note, Relation, Section, Span


@dataclass(frozen=True)
class Words:
    """Finds words, each with its label and whatever else is said about it."""

    words: Sequence[tuple[str, str, Mapping[str, Any]]]
    name: str = "words"
    version: str = "1"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        text = annotated.note.text
        found = [
            Annotation(Span(*match.span()), label, f"{self.name} {self.version}", **fields)
            for word, label, fields in self.words
            for match in re.finditer(re.escape(word), text)
        ]
        return replace(annotated, annotations=(*annotated.annotations, *found))


@dataclass(frozen=True)
class Joins:
    """Joins the annotations of two texts."""

    pairs: Sequence[tuple[str, str, str]]
    name: str = "joins"
    version: str = "1"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        ids: dict[str, str] = {}
        for one in annotated.annotations:
            ids.setdefault(one.text, one.id)
        made = [Relation(kind, ids[head], ids[tail]) for kind, head, tail in self.pairs if {head, tail} <= ids.keys()]
        return replace(annotated, relations=(*annotated.relations, *made))


@dataclass(frozen=True)
class Headed:
    """Sections by headings that end in a colon at the start of a line."""

    kinds: Mapping[str, str]
    name: str = "sections"
    version: str = "1"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        text = annotated.note.text
        heads = [match for match in re.finditer(r"(?m)^([A-Z][A-Za-z ]+):", text) if match[1] in self.kinds]
        ends = [head.start() for head in heads[1:]] + [len(text)]
        found = [
            Section(self.kinds[head[1]], Span(head.start(), head.end()), Span(head.end(), end))
            for head, end in zip(heads, ends, strict=True)
        ]
        return replace(annotated, sections=tuple(found))


def note(text: str, **fields: str) -> Note:
    return Note(fields.pop("note_id", "n1"), text, **fields)


DIABETES = Concept(ICD_10_CM, "E11.9", "Type 2 diabetes mellitus without complications", 0.9, 1)
HYPERTENSION = Concept(ICD_10_CM, "I10", "Essential (primary) hypertension", 0.9, 1)
ABSENT = Assertion("absent", certainty="negative")


_WORDS: list[tuple[str, str, Mapping[str, Any]]] = [
    ("diabetes", "PROBLEM", {"codes": (DIABETES,), "score": 0.9}),
    ("hypertension", "PROBLEM", {"codes": (HYPERTENSION,)}),
    ("migraine", "PROBLEM", {}),
    ("pneumonia", "PROBLEM", {"assertion": ABSENT}),
    ("chest pain", "SYMPTOM", {}),
    ("metformin", "MEDICATION", {}),
    ("500 mg", "DOSAGE", {"attributes": {"dose": "500", "unit": "mg"}}),
    ("pulse", "TEST", {}),
    ("61", "TEST_VALUE", {}),
]


def simple_linker(terminology: object, *, rerank: bool = False) -> Words:
    """What `simple_reader` finds, in the version that ranks anew."""
    return Words(_WORDS, version="anew") if rerank else Words(_WORDS)


def simple_reader(terminology: object, *, rerank: bool = False) -> NoteReader:
    """A reader of a few words, in place of the one that ships: `careloom.pipeline.registry` leads here in tests."""
    joins = Joins([("drug-dose", "metformin", "500 mg"), ("test-result", "pulse", "61")])
    return NoteReader([Sentences(), simple_linker(terminology, rerank=rerank)], [joins])


@cache
def shipped_reader(_terminology: object, *, rerank: bool = False) -> NoteReader:
    """The reader that ships, over what ships, loaded once however often a test starts anew."""
    return reader(PACKAGED, rerank=rerank)
