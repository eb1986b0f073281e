"""Drugs and what they did, found together in prose: an extra component, whose model is handed in and does not ship.

A sentence is read by one encoder with three heads: where its drugs are, where its adverse events are, and whether it
tells of any relation at all. Every drug goes with every event of such a sentence unless a linear model on the pair
says no.

    model     python -m tools.ade SUITES; the corpus (Gurulingappa and others, 2012, doi:10.1016/j.jbi.2012.04.008) may
              be used with citation and names no licence
    measured  docs/datasheets/nlp-relations.md
"""

import io
import zipfile
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from careloom.errors import SetupError
from careloom.nlp.relation_features import Words, features
from careloom.nlp.relation_pairs import group_of, pairs_of, rows_of
from careloom.text.linear import LinearModel
from careloom.text.note import AnnotatedNote, Annotation, Note, Relation, Span
from careloom.text.sentences import sentences
from careloom.text.tagger import Tagged, Tagger, spans_of

NAME = "adverse-events"
HEADS = ("drug", "event", "related")
PAIRS = "pairs.zip"
"""Member of the archive beside those of `careloom.text.tagger`: a linear model as `careloom.text.linear` loads it."""
TYPE = "drug-adverse-event"
_LOOK_BACK = 6
"""Annotations before a place that may reach it: those of one label never overlap."""
LEAST: Mapping[str, float] = {"drug": 0.95, "event": 0.7, "related": 0.9, "pair": 0.2}
"""Probabilities from which on a word is part of a drug or an event, a sentence tells of a relation, a pair is one.

Chosen on 5 % of the abstracts of ade_corpus_v2; of drugs and events that a sentence names as such nearly all belong
together."""


@dataclass(frozen=True, slots=True)
class Found:
    """A drug, its adverse event, and how probable it is that both are there and belong together."""

    drug: Span
    event: Span
    score: float


class AdverseEvents:
    """The component; keeps nothing of a note.

    archive  of `careloom.text.tagger` with the heads of HEADS, and the member PAIRS; thresholds stand in its card
    raises   SetupError where it is no such archive
    """

    name = NAME

    def __init__(self, archive: bytes, threads: int = 1) -> None:
        self._tagger = Tagger(archive, threads)
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as members:
                self._pairs = LinearModel(members.read(PAIRS))
            self._labels = {head: self._tagger.heads[head] for head in HEADS}
        except KeyError:
            raise SetupError("the model finds no adverse events", "Train one by python -m tools.ade.") from None
        self._least = {**LEAST, **self._tagger.card.get("least", {})}
        self.version = str(self._tagger.card.get("version", ""))

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """The note with drugs, events and their relations; what overlaps an annotation of the same kind is that one.

        raises  ValueError where an annotation has no id
        """
        if not all(one.id for one in annotated.annotations):
            raise ValueError("relations need annotations with ids")
        text = annotated.note.text
        parts = annotated.sentences or tuple(sentences(text))
        source = f"{self.name}/{self.version}"
        known = _Known(annotated, source)
        related = {(one.type, one.head, one.tail) for one in annotated.relations}
        relations = list(annotated.relations)
        for one in self.find(text, parts):
            head = known.id_of(one.drug, "MEDICATION")
            tail = known.id_of(one.event, "PROBLEM")
            if (TYPE, head, tail) not in related:
                related.add((TYPE, head, tail))
                relations.append(Relation(TYPE, head, tail, one.score, source))
        return replace(
            annotated,
            annotations=tuple(sorted(known.annotations, key=lambda one: (one.span, one.label))),
            relations=tuple(relations),
            readers={**annotated.readers, self.name: self.version},
        )

    def find(self, text: str, parts: Sequence[Span], *, gate: bool = True) -> list[Found]:
        """What the sentences of a text tell, by place.

        gate  False: every sentence is known to tell of a relation
        """
        read = [part for part in parts if text[part.start : part.end].strip()]
        tagged = [self._tagger.tag(text, head, read) for head in HEADS] if read else [[], [], []]
        found: list[Found] = []
        for drugs, events, related in zip(*tagged, strict=True):
            chance = _mean(related, self._labels["related"])
            if not gate or chance >= self._least["related"]:
                found += self._joined(text, drugs, events, chance if gate else 1.0)
        return found

    def related(self, text: str, drugs: Sequence[Span], events: Sequence[Span]) -> list[Found]:
        """Of drugs and events of one sentence, given, those that belong together, by place."""
        found = [Annotation(span, "MEDICATION", id=f"D{number}") for number, span in enumerate(drugs)]
        found += [Annotation(span, "PROBLEM", id=f"E{number}") for number, span in enumerate(events)]
        scores = self._scores(text, found)
        pairs = ((drug, event, scores.get((drug, event), 1.0)) for drug in drugs for event in events)
        return [Found(*one) for one in pairs if one[2] >= self._least["pair"] and one[0] != one[1]]

    def _joined(self, text: str, drugs: Tagged, events: Tagged, chance: float) -> Iterator[Found]:
        where = spans_of(drugs, self._labels["drug"], self._least["drug"])
        what = spans_of(events, self._labels["event"], self._least["event"])
        if not where or not what:
            return
        sure = {("drug", one.span): one.score or 0.0 for one in where} | {
            ("event", one.span): one.score or 0.0 for one in what
        }
        for one in self.related(text, [each.span for each in where], [each.span for each in what]):
            both = sure["drug", one.drug] * sure["event", one.event]
            yield replace(one, score=round(float(one.score * both * chance), 4))

    def _scores(self, text: str, found: Sequence[Annotation]) -> dict[tuple[Span, Span], float]:
        """Probability of each pair that the linear model can look at: those that overlap are none of its business."""
        low, high = min(one.span.start for one in found), max(one.span.end for one in found)
        part = (Span(max(0, text.rfind("\n", 0, low) + 1), high),)
        rows = rows_of(AnnotatedNote(Note("", text), (), part, tuple(found)))
        words = [Words.of(row, text) for row in rows]
        pairs = [pair for pair in pairs_of(rows, text) if TYPE in pair.types]
        seen = [features(pair, rows[pair.row], words[pair.row], text) for pair in pairs]
        scores = self._pairs.scores_of([[f"{TYPE} {name}" for name in names] for names in seen])[:, 0].tolist()
        return {(pair.head.span, pair.tail.span): score for pair, score in zip(pairs, scores, strict=True)}


def _mean(tagged: Tagged, labels: Sequence[str]) -> float:
    """The mean over the words of a sentence of the probability not to be nothing."""
    if not len(tagged.words):
        return 0.0
    return float(1 - np.mean(tagged.probabilities[:, labels.index("O")]))


class _Known:
    """The annotations of a note, and those that come to them."""

    def __init__(self, annotated: AnnotatedNote, source: str) -> None:
        self.annotations = list(annotated.annotations)
        self._text, self._source = annotated.note.text, source
        self._taken = {one.id for one in self.annotations}
        self._places: dict[str, list[tuple[int, int, str]]] = {"MEDICATION": [], "PROBLEM": []}
        for one in self.annotations:
            if group_of(one.label) in self._places:
                self._places[group_of(one.label)].append((one.span.start, one.span.end, one.id))
        for each in self._places.values():
            each.sort()

    def id_of(self, span: Span, label: str) -> str:
        """Of the annotation of such a label that shares most with `span`; of a new one where none does."""
        places = self._places[label]
        before = bisect_left(places, (span.end,))
        near = places[max(0, before - _LOOK_BACK) : before]
        shared = [(min(end, span.end) - max(start, span.start), one) for start, end, one in near]
        most = max(shared, default=(0, ""))
        if most[0] > 0:
            return most[1]
        number = len(self.annotations) + 1
        while f"T{number}" in self._taken:
            number += 1
        own = f"T{number}"
        self._taken.add(own)
        insort(places, (span.start, span.end, own))
        self.annotations.append(Annotation(span, label, self._source, id=own, text=span.of(self._text)))
        return own
