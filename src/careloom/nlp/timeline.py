"""The timeline of a note: when each event was, and which came before which.

Events are PROBLEM, SYMPTOM, PROCEDURE, TEST, MEDICATION, ALLERGEN and DEVICE. Each that a time can be told of gets

    start, end   ISO 8601 days; one is absent where that side is open (what a past history tells has no start)
    time_from    clause, duration or section: what told it

and where the annotations have ids, relations ``before``, ``after`` and ``overlap`` of each event to the one that stands
behind it in the text. They follow from all statements together: dates that lie apart, and what the words between two
events say (`timeline_pairs`); closed and freed of contradictions, the weakest statement first (`timeline_order`). What
is absent or only a possibility has a place in time too: it was looked for then. What was measured stands in
docs/datasheets/nlp-times.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

from careloom.nlp.component import digest
from careloom.nlp.timeline_anchor import EVENTS, Anchors, When
from careloom.nlp.timeline_order import Statement, ordered
from careloom.nlp.timeline_pairs import MODEL, is_near, packaged_model, said
from careloom.nlp.times_scene import note_moment
from careloom.nlp.times_tokens import small
from careloom.text.linear import LinearModel
from careloom.text.note import AnnotatedNote, Annotation
from careloom.text.note import Relation as NoteRelation
from careloom.text.sentences import sentences

_RULES = "1"
BLOCK = 120
"""Events that are ordered together; in longer notes, so many at a time."""
_DATED_SCORE, _SECTION_SCORE, _SAME_SCORE = 1.0, 0.6, 0.9


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """An event with its days; `start` or `end` is None where that side is open, never both."""

    annotation: Annotation
    start: date | None
    end: date | None


class Timeline:
    """Dates the events of a note and orders them.

    model  of the order of two events; the one that ships where None
    """

    name = "timeline"

    def __init__(self, model: LinearModel | None = None) -> None:
        self._model = model if model is not None else packaged_model()
        self.version = f"{_RULES}-{digest(MODEL)}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with the times of events, and with relations between them."""
        day, _ = note_moment(annotated.note.time)
        text = annotated.note.text
        some = sorted(annotated.annotations, key=lambda one: (one.span, one.label))
        parts = annotated.sentences or tuple(sentences(text))
        anchors = Anchors(text, parts, annotated.sections, some, day)
        times = {place: when for place, one in enumerate(some) if one.label in EVENTS and (when := anchors.when(one))}
        dated = [_dated(one, times.get(place)) for place, one in enumerate(some)]
        events = [(one, times.get(place)) for place, one in enumerate(dated) if one.label in EVENTS]
        related = tuple(self._relations(small(text), events)) if all(one.id for one, _ in events) else ()
        return replace(
            annotated,
            annotations=tuple(dated),
            relations=(*annotated.relations, *related),
            readers={**annotated.readers, self.name: self.version},
        )

    def _relations(self, text: str, events: Sequence[tuple[Annotation, When | None]]) -> Iterator[NoteRelation]:
        for begin in range(0, len(events), BLOCK - 1):
            block = events[begin : begin + BLOCK]
            statements = [*_by_dates([when for _, when in block]), *self._by_words(text, [one for one, _ in block])]
            order, kept, _ = ordered(len(block), statements)
            scores = {frozenset((one.first, one.second)): one.score for one in reversed(kept)}
            for first, second in pairwise(range(len(block))):
                relation = order.relation(first, second)
                if relation is not None:
                    one, other = block[first][0], block[second][0]
                    score = scores.get(frozenset((first, second)))
                    yield NoteRelation(relation, one.id, other.id, score, f"{self.name} {self.version}")

    def _by_words(self, text: str, events: Sequence[Annotation]) -> Iterator[Statement]:
        for place, (one, other) in enumerate(pairwise(events)):
            if one.span.end <= other.span.start and is_near(text, one.span, other.span):
                relation, score = said(text, (one.span, one.label), (other.span, other.label), self._model)
                yield Statement(place, relation, place + 1, score)


def _by_dates(times: Sequence[When | None]) -> Iterator[Statement]:
    """What days say: of events whose days lie apart, in order of days; and of those that share one day."""
    both = [(place, when) for place, when in enumerate(times) if when is not None]
    known = [(one.first, one.last, place, one) for place, one in both if one.first is not None and one.last is not None]
    known.sort(key=lambda one: one[:3])
    for (_, last, one, when), (first, _, other, next_when) in pairwise(known):
        score = _SECTION_SCORE if "section" in {when.source, next_when.source} else _DATED_SCORE
        if last < first:
            yield Statement(one, "before", other, score)
        elif (when.first, when.last) == (next_when.first, next_when.last) and when.first == when.last:
            yield Statement(one, "overlap", other, _SAME_SCORE * score)


def _dated(one: Annotation, when: When | None) -> Annotation:
    if when is None:
        return one
    days = {"start": when.first, "end": when.last}
    told = {name: day.isoformat() for name, day in days.items() if day is not None}
    return replace(one, attributes={**one.attributes, **told, "time_from": when.source})


def timeline(annotated: AnnotatedNote) -> list[TimelineEvent]:
    """The dated events of a note that `Timeline` has read, by start and end; an open start counts as the end."""
    out = []
    for one in annotated.annotations:
        start, end = (_day(one.attributes.get(name)) for name in ("start", "end"))
        if one.label in EVENTS and "time_from" in one.attributes and (start or end):
            out.append(TimelineEvent(one, start, end))
    return sorted(out, key=lambda one: (one.start or one.end, one.end or date.max, one.annotation.span))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
