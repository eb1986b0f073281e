"""The whole reader: components in order, one set of ids, one version, and a clear refusal of what is no text.

    finders   add annotations, or say more about those that are there: entities, times, assertions, codes
    joiners   need ids: relations, the timeline, tone

Between the two, spans of one label that overlap become one and ids are given; at the end, what joiners have added is
numbered too, so that ids follow places whoever found what.

Two annotations of one label that share a character become one: the longer span stays, at equal length the one with the
higher score (a rule, which has none, before a guess), then the one that was found later, for later components see more.
What the one that stays does not say itself is taken from the other: codes, an assertion, attributes.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from careloom.errors import FormatError, InputError, TooLarge
from careloom.issues import Issue
from careloom.nlp.component import Component
from careloom.text.normalize import normalize
from careloom.text.note import AnnotatedNote, Annotation, Note, Relation, Section, Span
from careloom.text.offsets import OffsetMap

NAME = "reader.nlp"
RULES = "1"
"""Version of what stands in this file."""
MAX_TEXT_BYTES = 5_000_000
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_MOST_CONTROLS = 0.1
"""Share of control characters above which a text is taken for bytes of something else."""
_HALVES = re.compile(r"[\ud800-\udfff]")


@runtime_checkable
class ReadsMany(Protocol):
    """A component that reads several notes at once faster than one after another, with the same result."""

    def read_many(self, annotated: Sequence[AnnotatedNote]) -> list[AnnotatedNote]:
        """As `Component.read` of each, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A note that was read, and the way back to the text as it came.

    source  the text as it came: what offsets outside of the reader count in
    back    from offsets in ``annotated.note.text`` to offsets in `source`
    """

    annotated: AnnotatedNote
    source: str
    back: OffsetMap

    def place(self, span: Span) -> Span:
        """Where a span of the note lies in the text as it came."""
        return self.back.span(span)


@dataclass(frozen=True, slots=True)
class About:
    """What is known about a text before it is read, as in `careloom.text.note.Note`."""

    note_id: str = ""
    patient_id: str = ""
    encounter_id: str = ""
    time: str = ""
    type: str = ""


NOTHING_KNOWN = About()
NOTHING: Mapping[str, str] = MappingProxyType({})


class NoteReader:
    """Reads notes by components; keeps nothing of a note.

    knowing  what else decides how a note is read: name -> version
    raises  ValueError where two components have one name
    """

    def __init__(
        self, finders: Sequence[Component], joiners: Sequence[Component] = (), knowing: Mapping[str, str] = NOTHING
    ) -> None:
        names = [component.name for component in (*finders, *joiners)]
        if len(names) != len(set(names)):
            raise ValueError("two components have one name")
        self._finders = tuple(finders)
        self._joiners = tuple(joiners)
        self._knowing = dict(knowing)
        versions = {c.name: c.version for c in (*self._finders, *self._joiners)}
        self.readers: Mapping[str, str] = {**versions, **knowing}
        """Component -> version, in the order in which they read."""

    def with_finder(self, component: Component) -> "NoteReader":
        """A reader of the same components but for one, in place of the finder of its name."""
        finders = [component if one.name == component.name else one for one in self._finders]
        return NoteReader(finders, self._joiners, self._knowing)

    @property
    def name(self) -> str:
        """What Provenance calls it."""
        return NAME

    @property
    def version(self) -> str:
        """Changes whenever one component's does: the rules of this file and a digest of all components."""
        named = json.dumps([RULES, *self.readers.items()]).encode()
        return f"{RULES}.{blake2b(named, digest_size=6).hexdigest()}"

    def read(self, note: Note) -> AnnotatedNote:
        """The note with all that the components find."""
        return self.read_many([note])[0]

    def read_many(self, notes: Sequence[Note]) -> list[AnnotatedNote]:
        """The same of several notes, in order; how many are read at once changes nothing of what is found."""
        read = [AnnotatedNote(note) for note in notes]
        for component in self._finders:
            read = _read_by(component, read)
        read = [settled(one) for one in read]
        for component in self._joiners:
            read = _read_by(component, read)
        if self._joiners:
            read = [settled(one) for one in read]
        return [replace(one, readers=dict(self.readers)) for one in read]

    def read_text(self, source: str, about: About = NOTHING_KNOWN, most_bytes: int = MAX_TEXT_BYTES) -> Reading:
        """A text as it came, read. raises TooLarge; FormatError for what is no text"""
        return self.read_texts([(source, about)], most_bytes)[0]

    def read_texts(self, texts: Sequence[tuple[str, About]], most_bytes: int = MAX_TEXT_BYTES) -> list[Reading]:
        """The same of several texts. raises TooLarge; FormatError for the first that is no text"""
        forms = []
        for source, _ in texts:
            require_text(source, most_bytes)
            forms.append(normalize(source))
        notes = [
            Note(a.note_id, form.text, a.patient_id, a.encounter_id, a.time, a.type)
            for form, (_, a) in zip(forms, texts, strict=True)
        ]
        read = self.read_many(notes)
        return [
            Reading(one, source, form.offsets.inverted())
            for one, form, (source, _) in zip(read, forms, texts, strict=True)
        ]


def refused(source: str, most_bytes: int = MAX_TEXT_BYTES) -> Issue | None:
    """Why a text is not read; None where it is."""
    if len(source) > most_bytes or len(source.encode("utf-8", "surrogatepass")) > most_bytes:
        message = f"the text has more than {most_bytes:,} bytes"
        return Issue("nlp.too-large", "error", "", message, "Send it in parts, or raise annotate.max_text_bytes.")
    if _HALVES.search(source):
        message = "the text holds half of a character"
        return Issue("nlp.no-text", "error", "", message, "Send Unicode without lone surrogates.")
    controls = sum(1 for _ in _CONTROLS.finditer(source))
    if "\0" in source or controls > _MOST_CONTROLS * len(source):
        message = "the text holds control characters as only bytes of something else do"
        return Issue("nlp.no-text", "error", "", message, "Send the text of the document, not its file.")
    return None


def require_text(source: str, most_bytes: int = MAX_TEXT_BYTES) -> None:
    """Returns where a text can be read. raises TooLarge; FormatError"""
    issue = refused(source, most_bytes)
    if issue is not None:
        kind: type[InputError] = TooLarge if issue.code == "nlp.too-large" else FormatError
        raise kind(issue.message, issue.remedy)


def settled(annotated: AnnotatedNote) -> AnnotatedNote:
    """With overlaps within a label resolved, everything in order of place, texts and sections set, and ids given.

    Ids that are there are followed: relations lead to the same annotations afterwards. A relation to what is gone goes
    to what it became part of.
    """
    kept, became = _resolved(annotated.annotations)
    kept.sort(key=lambda one: (one.span, one.label))
    text, kinds = annotated.note.text, _Kinds(annotated.sections)
    ids: dict[str, str] = {}
    made = []
    for number, one in enumerate(kept, 1):
        own = f"T{number}"
        ids |= {old: own for old in (one.id, *became.get(id(one), ())) if old}
        section = one.section or kinds.at(one.span.start)
        made.append(replace(one, id=own, text=one.span.of(text), section=section))
    order = {one.id: place for place, one in enumerate(made)}
    joined = _joined(annotated.relations, ids, order)
    return replace(annotated, annotations=tuple(made), relations=joined)


class _Kinds:
    """The kind of the section that a place is in."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = sections
        self._starts = [min(one.title.start, one.body.start) for one in sections]

    def at(self, place: int) -> str:
        """Empty where it is in none."""
        number = bisect_right(self._starts, place) - 1
        if number < 0:
            return ""
        one = self._sections[number]
        return one.kind if place < max(one.title.end, one.body.end) else ""


def _read_by(component: Component, notes: list[AnnotatedNote]) -> list[AnnotatedNote]:
    if isinstance(component, ReadsMany):
        return component.read_many(notes)
    return [component.read(one) for one in notes]


def _resolved(annotations: Sequence[Annotation]) -> tuple[list[Annotation], dict[int, list[str]]]:
    """One annotation for each run of characters and label, and the ids of those that it took in, by its identity."""
    by_label: dict[str, list[tuple[int, Annotation]]] = {}
    for number, one in enumerate(annotations):
        by_label.setdefault(one.label, []).append((number, one))
    kept: list[Annotation] = []
    became: dict[int, list[str]] = {}
    for group in by_label.values():
        for winner, took in _without_overlaps(group):
            kept.append(winner)
            became[id(winner)] = took
    return kept, became


def _without_overlaps(group: list[tuple[int, Annotation]]) -> list[tuple[Annotation, list[str]]]:
    """Annotations of one label without overlaps, each with the ids of those it took in."""
    group.sort(key=lambda pair: pair[1].span)
    found: list[tuple[Annotation, list[str]]] = []
    run: list[tuple[int, Annotation]] = []
    end = -1
    for pair in group:
        span = pair[1].span
        if run and span.start >= end and span != run[-1][1].span:
            found += _chosen(run)
            run = []
        end = max(end, span.end) if run else span.end
        run.append(pair)
    return found + (_chosen(run) if run else [])


def _chosen(run: list[tuple[int, Annotation]]) -> list[tuple[Annotation, list[str]]]:
    """Of annotations that touch one another through others: the best one, then the best of what it leaves free."""
    if len(run) == 1:
        return [(run[0][1], [])]
    waiting = sorted(run, key=_rank, reverse=True)
    chosen: list[tuple[Annotation, list[str]]] = []
    for _, one in waiting:
        at = next((n for n, (other, _) in enumerate(chosen) if _shares(one.span, other.span)), None)
        if at is None:
            chosen.append((one, []))
        else:
            winner, took = chosen[at]
            chosen[at] = (_completed(winner, one), [*took, one.id])
    return chosen


def _shares(one: Span, other: Span) -> bool:
    return one == other or one.overlaps(other)


def _rank(pair: tuple[int, Annotation]) -> tuple[int, float, int]:
    number, one = pair
    return len(one.span), 1.0 if one.score is None else one.score, number


def _completed(one: Annotation, other: Annotation) -> Annotation:
    """`one` with what only the other says."""
    return replace(
        one,
        attributes={**other.attributes, **one.attributes},
        codes=one.codes or other.codes,
        assertion=one.assertion if one.assertion is not None else other.assertion,
    )


def _joined(relations: Sequence[Relation], ids: Mapping[str, str], order: Mapping[str, int]) -> tuple[Relation, ...]:
    """Relations under the new ids, each once, in order of place; those that lead nowhere are left out."""
    found: dict[tuple[int, int, str], Relation] = {}
    for one in relations:
        head, tail = ids.get(one.head, ""), ids.get(one.tail, "")
        if head and tail and head != tail:
            key = (order[head], order[tail], one.type)
            last = found.get(key)
            if last is None or (last.score is not None and (one.score is None or one.score > last.score)):
                found[key] = replace(one, head=head, tail=tail)
    return tuple(replace(found[key], id=f"R{number}") for number, key in enumerate(sorted(found), 1))
