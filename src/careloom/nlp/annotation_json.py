"""An annotated note as plain JSON, and back: the document that is kept, sent and corrected.

Offsets in JSON count code points of the text as it came, half-open; `place` leads there from the text that was read,
and back. Which keys there are, and what each means: docs/reference/annotations.md.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from careloom.errors import FormatError
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Note, Relation, Section, Span

Json = dict[str, Any]
Place = Callable[[Span], Span]


def same(span: Span) -> Span:
    """The place of a text that was read as it came."""
    return span


def as_json(annotated: AnnotatedNote, place: Place = same) -> Json:
    """What was found in a note; not the note's own text, but the text of each annotation."""
    note = annotated.note
    told = {
        "note": note.note_id, "patient": note.patient_id, "encounter": note.encounter_id, "time": note.time,
        "type": note.type,
    }  # fmt: skip
    return {
        **told,
        "sections": [_section(one, place) for one in annotated.sections],
        "sentences": [_span(place(one)) for one in annotated.sentences],
        "annotations": [_annotation(one, place) for one in annotated.annotations],
        "relations": [
            {"id": one.id, "type": one.type, "head": one.head, "tail": one.tail, "score": one.score,
             "source": one.source}
            for one in annotated.relations
        ],
        "readers": dict(annotated.readers),
    }  # fmt: skip


def from_json(document: Mapping[str, Any], text: str, place: Place = same) -> AnnotatedNote:
    """The annotated note of such a document.

    text    NFC with line feeds: what was read
    place   from offsets in the document to offsets in `text`
    raises  FormatError where it is none, or does not fit the text
    """
    try:
        known = (str(document.get(key, "")) for key in ("patient", "encounter", "time", "type"))
        note = Note(str(document["note"]), text, *known)
        annotated = AnnotatedNote(
            note,
            tuple(_read_section(one, place) for one in document.get("sections", ())),
            tuple(place(_read_span(one)) for one in document.get("sentences", ())),
            tuple(_read_annotation(one, place, text) for one in document["annotations"]),
            tuple(
                Relation(one["type"], one["head"], one["tail"], one.get("score"), one.get("source", ""), one["id"])
                for one in document.get("relations", ())
            ),
            dict(document.get("readers", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise FormatError("this is no annotation document of this note", "See docs/reference/annotations.md.") from None
    _require_whole(annotated)
    return annotated


def _require_whole(annotated: AnnotatedNote) -> None:
    """Returns where every span lies in the text and every relation leads somewhere. raises FormatError"""
    length = len(annotated.note.text)
    ids = [one.id for one in annotated.annotations]
    spans = [one.span for one in annotated.annotations] + list(annotated.sentences)
    is_inside = all(0 <= span.start < span.end <= length for span in spans)
    if not is_inside or len(ids) != len(set(ids)):
        raise FormatError("annotations lie outside of the note, or two have one id", "Send those of this note.")
    if not {end for one in annotated.relations for end in (one.head, one.tail)} <= set(ids):
        raise FormatError("a relation leads to an annotation that is not there", "Send both of its ends.")


def _span(span: Span) -> list[int]:
    return [span.start, span.end]


def _section(one: Section, place: Place) -> Json:
    return {
        "kind": one.kind, "title": _span(place(one.title)), "body": _span(place(one.body)), "code": one.code,
        "score": one.score,
    }  # fmt: skip


def _annotation(one: Annotation, place: Place) -> Json:
    span = place(one.span)
    assertion = one.assertion
    return {
        "id": one.id, "start": span.start, "end": span.end, "label": one.label, "text": one.text,
        "score": one.score, "section": one.section, "source": one.source, "attributes": dict(one.attributes),
        "assertion": None if assertion is None else {name: getattr(assertion, name) for name in Assertion.__slots__},
        "codes": [{name: getattr(code, name) for name in Concept.__slots__} for code in one.codes],
    }  # fmt: skip


def _read_span(value: Sequence[int]) -> Span:
    start, end = value
    return Span(start, end)


def _read_section(one: Mapping[str, Any], place: Place) -> Section:
    return Section(
        one["kind"], place(_read_span(one["title"])), place(_read_span(one["body"])), one.get("code", ""),
        one.get("score"),
    )  # fmt: skip


def _read_annotation(one: Mapping[str, Any], place: Place, text: str) -> Annotation:
    span = place(Span(one["start"], one["end"]))
    assertion = one.get("assertion")
    return Annotation(
        span,
        str(one["label"]),
        str(one.get("source", "")),
        one.get("score"),
        {str(key): str(value) for key, value in one.get("attributes", {}).items()},
        str(one["id"]),
        span.of(text),
        str(one.get("section", "")),
        None if assertion is None else Assertion(**assertion),
        tuple(Concept(**code) for code in one.get("codes", ())),
    )
