"""Relations between the annotations of a note: a linear model on pairs, and rules that bound it.

The model says how probable each pair of a type is; rules say that a dose belongs to one drug (and to those joined with
it), that ``respectively`` deals out in order, that a range after ``ref`` is no finding, and that the date in a heading
is the date of the tests below. What a rule says has no score.

    model     src/careloom/nlp/models/relations.zip, by tools/train_relation_model.py
    measured  docs/datasheets/nlp-relations.md
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from careloom.nlp.component import digest
from careloom.nlp.labels import RELATIONS
from careloom.nlp.quantities_tables import columns
from careloom.nlp.relation_features import Words, features
from careloom.nlp.relation_pairs import Pair, Row, are_joined, pairs_of, rows_of
from careloom.nlp.relation_rules import rules
from careloom.runtime import packaged
from careloom.text.linear import LinearModel
from careloom.text.note import AnnotatedNote, Annotation, Relation, Span

NAME = "relations"
RULES = "1"
"""Version of what stands in this file and in relations.toml."""
MODEL = "models/relations.zip"
_LONGEST_HEADING, _MOST_BELOW, _TO_RESPECTIVELY = 80, 60, 3
_RANGE = re.compile(r"[<>≤≥]?\s*\d[\d.,]*(?:\s*(?:-|–|to)\s*\d[\d.,]*)?")


@dataclass(frozen=True, slots=True)
class Decided:
    """A pair that is related."""

    type: str
    pair: Pair
    score: float | None


class Relations:
    """The component; keeps nothing of a note.

    model  the archive of a linear model of pairs; the one that ships unless told
    raises SetupError where the archive is no such model
    """

    name = NAME

    def __init__(self, model: bytes | None = None) -> None:
        self._model = LinearModel(packaged("nlp", MODEL) if model is None else model)
        self._least: Mapping[str, float] = self._model.card.get("least", {})
        self.version = f"{RULES}.{self._model.card.get('version', '')}-{digest(MODEL, 'relations.toml')}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """The note with the relations between its annotations; those that are there stay.

        raises  ValueError where an annotation has no id
        """
        if not annotated.annotations:
            return replace(annotated, readers={**annotated.readers, self.name: self.version})
        if not all(one.id for one in annotated.annotations):
            raise ValueError("relations need annotations with ids")
        known = {(one.type, one.head, one.tail) for one in annotated.relations}
        source = f"{self.name}/{self.version}"
        found = [
            Relation(one.type, one.pair.head.id, one.pair.tail.id, one.score, source)
            for one in self.decided(annotated)
            if (one.type, one.pair.head.id, one.pair.tail.id) not in known
        ]
        return replace(
            annotated,
            relations=(*annotated.relations, *found),
            readers={**annotated.readers, self.name: self.version},
        )

    def decided(self, annotated: AnnotatedNote) -> list[Decided]:
        """The pairs that are related, by place of tail and head."""
        text, rows = annotated.note.text, rows_of(annotated)
        pairs = pairs_of(rows, text)
        scored = self._scored(pairs, rows, text)
        chosen = _chosen(scored, rows, text, self._least)
        chosen = _dealt_out(chosen, rows, text)
        chosen = _in_columns(chosen, annotated)
        found = {(one.type, one.pair.head.id, one.pair.tail.id): one for one in (*chosen, *_below(rows, text))}
        return sorted(
            found.values(), key=lambda one: (one.pair.tail.span, one.pair.head.span, one.type, one.pair.tail.id)
        )

    def _scored(self, pairs: Sequence[Pair], rows: Sequence[Row], text: str) -> list[Decided]:
        """Every pair with every type it may have, and how probable that is."""
        names: list[list[str]] = []
        what: list[tuple[str, Pair]] = []
        words: dict[int, Words] = {}
        for pair in pairs:
            row = rows[pair.row]
            if pair.row not in words:
                words[pair.row] = Words.of(row, text)
            seen = features(pair, row, words[pair.row], text)
            for kind in _types(pair, row, text):
                names.append([f"{kind} {one}" for one in seen])
                what.append((kind, pair))
        scores = self._model.scores_of(names)[:, 0].tolist()
        return [Decided(kind, pair, round(score, 4)) for (kind, pair), score in zip(what, scores, strict=True)]


def _types(pair: Pair, row: Row, text: str) -> tuple[str, ...]:
    """What the two may be.

    A value that a word before it calls normal is a reference, any other one a finding; a reaction that stands behind
    a drug is not that of an allergen before the drug.
    """
    if pair.head.label == "ALLERGEN":
        low, high = pair.inner
        return () if any(one.label == "MEDICATION" for one in row.items[low:high]) else pair.types
    if pair.tail.label != "TEST_VALUE":
        return pair.types
    start = pair.tail.span.start
    words = text[max(row.span.start, start - 24) : start]
    is_range = _RANGE.fullmatch(pair.tail.text or pair.tail.span.of(text)) is not None
    is_reference = is_range and rules().reference.search(words) is not None
    return tuple(kind for kind in pair.types if (kind == "test-reference") == is_reference)


def _chosen(scored: Sequence[Decided], rows: Sequence[Row], text: str, least: Mapping[str, float]) -> list[Decided]:
    """Of all scored pairs those probable enough, each tail with as few heads as its type allows."""
    by_tail: dict[tuple[str, str], list[Decided]] = defaultdict(list)
    best: dict[tuple[str, str, str], float] = {}
    for one in scored:
        if one.score is not None and one.score >= least.get(one.type, 0.5):
            by_tail[one.type, one.pair.tail.id].append(one)
            best[one.type, one.pair.head.id, one.pair.tail.id] = one.score
    kept = []
    for (kind, _), each in by_tail.items():
        if kind in rules().owner:
            each = _owned(each, rows, text)
        for one in each:
            ids = (one.pair.head.id, one.pair.tail.id)
            if all(best.get((other, *ids), 0) <= (one.score or 0) for other in rules().instead[kind]):
                kept.append(one)
    return kept


def _owned(each: Sequence[Decided], rows: Sequence[Row], text: str) -> list[Decided]:
    """The most probable head, and those joined with it."""
    first = max(each, key=lambda one: (one.score or 0, -one.pair.head.span.start))
    return [
        one
        for one in each
        if one is first
        or (
            one.pair.above == 0 == first.pair.above
            and are_joined(one.pair.head, first.pair.head, rows[one.pair.row], text)
        )
    ]


def _dealt_out(chosen: list[Decided], rows: Sequence[Row], text: str) -> list[Decided]:
    """With what ``respectively`` says in place of what the model says of the same tails."""
    marked = {
        number for number, row in enumerate(rows) if rules().respectively.search(text, row.span.start, row.span.end)
    }
    if not marked:
        return chosen
    told = {(one.type, one.pair.tail.id): one for number in marked for one in _in_order(rows, number, text)}
    return [*(one for one in chosen if (one.type, one.pair.tail.id) not in told), *told.values()]


def _in_order(rows: Sequence[Row], number: int, text: str) -> Iterator[Decided]:
    """As many tails right before ``respectively`` as there are heads before them, each with its head."""
    row = rows[number]
    for word in rules().respectively.finditer(text, row.span.start, row.span.end):
        for kind, (head, tail) in RELATIONS.items():
            tails = [row.items[place] for place in row.groups.get(tail, ())]
            tails = _run([one for one in tails if one.span.end <= word.start()], row, text)
            if len(tails) < 2 or word.start() - tails[-1].span.end > _TO_RESPECTIVELY:
                continue
            heads = [row.items[place] for place in row.groups.get(head, ())]
            heads = [one for one in heads if one.span.end <= tails[0].span.start][-len(tails) :]
            if len(heads) == len(tails):
                for owner, one in zip(heads, tails, strict=True):
                    yield Decided(kind, Pair(owner, one, (kind,), number, 0, 0, -1, (0, 0)), None)


def _run(tails: Sequence[Annotation], row: Row, text: str) -> list[Annotation]:
    """The last of `tails` that are joined with one another."""
    run: list[Annotation] = []
    for one in reversed(tails):
        if run and not are_joined(one, run[0], row, text):
            break
        run.insert(0, one)
    return run


def _in_columns(chosen: Sequence[Decided], annotated: AnnotatedNote) -> list[Decided]:
    """With each value of a table related to the name of its column, and to nothing else, nor that name to a date."""
    table = columns(annotated.note.text)
    if not table:
        return list(chosen)
    names = {one.span: one for one in annotated.annotations if one.label == "TEST"}
    values = {one.span: one for one in annotated.annotations if one.label == "TEST_VALUE"}
    told = [
        (names[one.name], values[place])
        for one in table
        if (place := Span(one.value.start, one.value.end)) in values and one.name in names
    ]
    heads, tails = {head.id for head, _ in told}, {tail.id for _, tail in told}
    kept = [one for one in chosen if one.pair.head.id not in heads and one.pair.tail.id not in tails]
    kind = ("test-result",)
    return [*kept, *(Decided(kind[0], Pair(head, tail, kind, 0, 0, 0, -1, (0, 0)), None) for head, tail in told)]


def _below(rows: Sequence[Row], text: str) -> Iterator[Decided]:
    """The date of a heading with each test of the rows below it that have no date of their own."""
    for number, row in enumerate(rows):
        dates = row.groups.get("DATE_TIME", ())
        words = text[row.span.start : row.span.end]
        if len(dates) != 1 or "TEST" in row.groups or len(words) > _LONGEST_HEADING or not words.endswith(":"):
            continue
        for under in range(number + 1, min(len(rows), number + 1 + _MOST_BELOW)):
            other = rows[under]
            if other.block != row.block or "DATE_TIME" in other.groups:
                break
            for place in other.groups.get("TEST", ()):
                pair = Pair(
                    other.items[place], row.items[dates[0]], ("test-date",), number, under - number, 0, -1, (0, 0)
                )
                yield Decided("test-date", pair, None)
