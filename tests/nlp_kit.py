"""What tests of annotated notes share: components that find given words, so that each test says what was found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from careloom.text.note import AnnotatedNote, Annotation, Note, Relation, Section, Span


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
