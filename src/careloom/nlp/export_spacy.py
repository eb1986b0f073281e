"""What was found as JSON of a spaCy Doc: ``Doc(nlp.vocab).from_json(...)`` reads it.

``ents`` holds spans that do not overlap, as spaCy wants them: the longest first; ``spans["annotations"]`` holds all.
The id of a span is the annotation's (spaCy 3.8 passes over it), its ``kb_id`` the best code. Tokens end where an
annotation begins or ends, so that every span is one of tokens; white space at its edges, which spaCy has outside of
tokens, is left out.

source  spaCy 3, Doc.to_json and Doc.from_json, https://spacy.io/api/doc#to_json; spacy/schemas.py, DocJSONSchema
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from careloom.text.note import AnnotatedNote, Annotation, Span
from careloom.text.tokens import tokens

Json = dict[str, Any]
GROUP = "annotations"


def as_spacy(annotated: AnnotatedNote) -> Json:
    """One Doc; offsets count code points of its own text."""
    text = annotated.note.text
    found = [replace(one, span=span) for one in annotated.annotations if len(span := _trimmed(text, one.span))]
    sentences = [span for one in annotated.sentences if len(span := _trimmed(text, one))]
    edges = {edge for span in (*(one.span for one in found), *sentences) for edge in (span.start, span.end)}
    pieces = list(_pieces(text, sorted(edges)))
    document: Json = {"text": text, "ents": [_ent(one) for one in _disjoint(found)]}
    if sentences:
        document["sents"] = [{"start": one.start, "end": one.end} for one in sentences]
    document["tokens"] = [{"id": n, "start": one.start, "end": one.end} for n, one in enumerate(pieces)]
    document["spans"] = {GROUP: [_ent(one) for one in found]}
    return document


def _trimmed(text: str, span: Span) -> Span:
    """Without white space at its edges; empty where there is nothing else."""
    said = span.of(text)
    start = span.start + len(said) - len(said.lstrip())
    return Span(start, max(start, span.start + len(said.rstrip())))


def _ent(one: Annotation) -> Json:
    best = min(one.codes, key=lambda code: code.rank, default=None)
    code = "" if best is None else f"{best.system}|{best.code}"
    return {"start": one.span.start, "end": one.span.end, "label": one.label, "id": one.id, "kb_id": code}


def _disjoint(annotations: Sequence[Annotation]) -> list[Annotation]:
    """As many as stand beside one another, the longest first; by place."""
    chosen: list[Annotation] = []
    taken: set[int] = set()
    for one in sorted(annotations, key=lambda one: (-len(one.span), one.span, one.label)):
        places = range(one.span.start, one.span.end)
        if taken.isdisjoint(places):
            taken.update(places)
            chosen.append(one)
    return sorted(chosen, key=lambda one: one.span)


def _pieces(text: str, edges: Sequence[int]) -> Iterator[Span]:
    """Tokens as spaCy has them: one blank belongs to the token before it, other white space is a token of its own."""
    at = number = 0
    spans = [one.span for one in tokens(text)]
    for span in [*spans, Span(len(text), len(text))]:
        gap = at + (1 if 0 < at < span.start and text[at] == " " else 0)
        if gap < span.start:
            yield Span(gap, span.start)
        start = span.start
        while number < len(edges) and edges[number] <= start:
            number += 1
        while number < len(edges) and edges[number] < span.end:
            yield Span(start, edges[number])
            start = edges[number]
            number += 1
        if start < span.end:
            yield Span(start, span.end)
        at = span.end
