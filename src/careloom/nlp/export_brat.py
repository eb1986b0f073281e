"""BRAT standoff, both ways: for people who mark and correct notes in its editor.

    T1	PROBLEM 0 10	chest pain            an annotation; a line end divides it: ``0 5;6 10``
    A1	Presence T1 absent                 its assertion, where it is not the usual one
    N1	Reference T1 ICD10CM:R07.9	Chest pain, unspecified
    #1	Attributes T1	{"status": "former"}
    R1	drug-dose Arg1:T2 Arg2:T3

Offsets count code points of the text that stands beside it. Codes keep their rank by order; scores and sources are not
written: what comes back is what a person says.

source  brat standoff format, https://brat.nlplab.org/standoff.html
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

from careloom.errors import FormatError
from careloom.nlp.export_text_analytics import SOURCES
from careloom.nlp.labels import ENTITIES, RELATIONS, SOCIAL, TEMPORAL, TONE
from careloom.text.note import (
    AnnotatedNote,
    Annotation,
    Assertion,
    Certainty,
    Concept,
    Experiencer,
    Note,
    Presence,
    Relation,
    Span,
    Temporality,
)

ASSERTIONS = {
    "Presence": ("presence", get_args(Presence)),
    "Temporality": ("temporality", get_args(Temporality)),
    "Experiencer": ("experiencer", get_args(Experiencer)),
    "Certainty": ("certainty", get_args(Certainty)),
}
"""Attribute in BRAT -> field of `Assertion` and its values."""
_SYSTEMS = {name: system for system, name in SOURCES.items()}
_TEXT_BOUND = re.compile(r"([A-Za-z_]+) (\d+ \d+(?:;\d+ \d+)*)")
_ARGUMENTS = re.compile(r"([a-z-]+) Arg1:(\S+) Arg2:(\S+)")
_USUAL = Assertion()
_ASSERTED = frozenset({"PROBLEM", "SYMPTOM", "MEDICATION", "TEST", "PROCEDURE", "ALLERGEN", "DEVICE", *SOCIAL})
"""Labels of what can be there or absent."""


def as_brat(annotated: AnnotatedNote) -> str:
    """The content of the ``.ann`` file beside ``annotated.note.text``."""
    lines: list[str] = []
    attributes: list[str] = []
    references: list[str] = []
    notes: list[str] = []
    for one in annotated.annotations:
        lines.append(f"{one.id}\t{one.label} {_places(one)}\t{' '.join(one.text.split(chr(10)))}")
        for name, value in _told(one.assertion):
            attributes.append(f"A{len(attributes) + 1}\t{name} {one.id} {value}")
        for code in sorted(one.codes, key=lambda code: code.rank):
            system = SOURCES.get(code.system, code.system.replace(" ", "%20"))
            shown = " ".join(code.display.split())
            references.append(f"N{len(references) + 1}\tReference {one.id} {system}:{code.code}\t{shown}")
        if one.attributes:
            told = json.dumps(dict(one.attributes), ensure_ascii=False, sort_keys=True)
            notes.append(f"#{len(notes) + 1}\tAttributes {one.id}\t{told}")
    relations = [f"{one.id}\t{one.type} Arg1:{one.head} Arg2:{one.tail}" for one in annotated.relations]
    return "".join(f"{line}\n" for line in [*lines, *attributes, *references, *notes, *relations])


def _places(one: Annotation) -> str:
    """Its places; a line end is in none of them, as BRAT wants it."""
    parts = []
    at = one.span.start
    for line in one.text.split("\n"):
        parts += [f"{at} {at + len(line)}"] if line else []
        at += len(line) + 1
    return ";".join(parts)


def _told(assertion: Assertion | None) -> Iterator[tuple[str, str]]:
    if assertion is not None:
        for name, (field, _) in ASSERTIONS.items():
            value = getattr(assertion, field)
            if value != getattr(_USUAL, field):
                yield name, value


def from_brat(note: Note, content: str, source: str) -> AnnotatedNote:
    """What a person says of a note.

    note     as it was when it was exported
    source   who says so, for `Annotation.source`
    raises   FormatError with the line, where it is not of this form or does not fit the note
    """
    read = _Reader(note, source)
    lines = content.replace("\r\n", "\n").split("\n")
    for kinds in ("T", "AMN#R*E"):  # what they say something about may stand below them
        for number, line in enumerate(lines, 1):
            if line and line[0] in kinds:
                read.line(line, number)
            elif line.strip() and line[0] not in "TAMN#R*E":
                raise _refused(number, "it begins with no kind of annotation")
    return read.annotated()


def _refused(number: int, why: str) -> FormatError:
    return FormatError(f"the annotations cannot be read at line {number}: {why}", "Export the note again and compare.")


class _Reader:
    """Reads one line after another; `annotated` is what they say together."""

    def __init__(self, note: Note, source: str) -> None:
        self._note = note
        self._source = source
        self._found: dict[str, Annotation] = {}
        self._relations: list[Relation] = []
        self._readers: dict[str, Callable[[list[str], int], None]] = {
            "T": self._bound, "A": self._attribute, "M": self._attribute, "N": self._code, "#": self._remark,
            "R": self._relation,
        }  # fmt: skip

    def line(self, line: str, number: int) -> None:
        """Takes one line."""
        reader = self._readers.get(line[0])
        if reader is None:
            raise _refused(number, "events and equivalences are not read")
        reader(line.split("\t", 2), number)

    def annotated(self) -> AnnotatedNote:
        """Everything, by place."""
        found = tuple(sorted(self._found.values(), key=lambda one: (one.span, one.label)))
        return AnnotatedNote(self._note, annotations=found, relations=tuple(self._relations))

    def _bound(self, parts: list[str], number: int) -> None:
        told = _TEXT_BOUND.fullmatch(parts[1]) if len(parts) == 3 else None
        if told is None or parts[0] in self._found:
            raise _refused(number, "it is no text-bound annotation, or its id stands twice")
        if told[1] not in {*ENTITIES, *SOCIAL, *TONE}:
            raise _refused(number, "there is no such label")
        places = [int(each) for each in re.split("[ ;]", told[2])]
        if places != sorted(places) or places[0] == places[-1] or places[-1] > len(self._note.text):
            raise _refused(number, "its places are not of this note")
        span = Span(places[0], places[-1])
        text = span.of(self._note.text)
        if "".join(text.split()) != "".join(parts[2].split()):
            raise _refused(number, "its words are not those of the note at that place")
        assertion = _USUAL if told[1] in _ASSERTED else None
        self._found[parts[0]] = Annotation(span, told[1], self._source, id=parts[0], text=text, assertion=assertion)

    def _about(self, text: str, number: int) -> tuple[str, Annotation, str]:
        words = text.split(" ", 2)
        if len(words) < 2 or words[1] not in self._found:
            raise _refused(number, "it is about an annotation that is not there")
        return words[0], self._found[words[1]], words[2] if len(words) == 3 else ""

    def _attribute(self, parts: list[str], number: int) -> None:
        name, one, value = self._about(parts[1] if len(parts) > 1 else "", number)
        field, values = ASSERTIONS.get(name, ("", ()))
        if value not in values:
            raise _refused(number, "there is no such attribute, or it has no such value")
        changed: dict[str, Any] = {field: value}
        self._found[one.id] = replace(one, assertion=replace(one.assertion or _USUAL, **changed))

    def _code(self, parts: list[str], number: int) -> None:
        _, one, target = self._about(parts[1] if len(parts) > 1 else "", number)
        system, colon, code = target.rpartition(":")
        if not colon or not system or not code:
            raise _refused(number, "it names no code as SYSTEM:CODE")
        uri = _SYSTEMS.get(system, system.replace("%20", " "))
        display = parts[2] if len(parts) > 2 else ""
        made = Concept(uri, code, display, 1.0, len(one.codes) + 1)
        self._found[one.id] = replace(one, codes=(*one.codes, made))

    def _remark(self, parts: list[str], number: int) -> None:
        if len(parts) < 3 or not parts[1].startswith("Attributes "):
            return  # a remark of the annotator's own, for people
        _, one, _ = self._about(parts[1], number)
        try:
            told = json.loads(parts[2])
            attributes = {str(key): str(value) for key, value in told.items()}
        except (ValueError, AttributeError):
            raise _refused(number, "its attributes are no JSON object") from None
        self._found[one.id] = replace(one, attributes=attributes)

    def _relation(self, parts: list[str], number: int) -> None:
        told = _ARGUMENTS.fullmatch(parts[1].strip()) if len(parts) > 1 else None
        if told is None or not {told[2], told[3]} <= self._found.keys():
            raise _refused(number, "it leads to an annotation that is not there")
        if told[1] not in RELATIONS and told[1] not in TEMPORAL:
            raise _refused(number, "there is no such relation")
        self._relations.append(Relation(told[1], told[2], told[3], None, self._source, parts[0]))
