"""The component that cuts a note into sentences: `careloom.text.sentences`, none of which reaches over two sections."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from careloom.text.note import AnnotatedNote, Section, Span
from careloom.text.sentences import sentences


class Sentences:
    """Sets `AnnotatedNote.sentences`, unless a component before has; a title opens a sentence."""

    name = "sentences"
    version = "1"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """The note with its sentences, unless it has some."""
        if annotated.sentences:
            return annotated
        text = annotated.note.text
        return replace(annotated, sentences=tuple(_parted(text, sentences(text), annotated.sections)))


def _parted(text: str, spans: Sequence[Span], sections: Sequence[Section]) -> Iterator[Span]:
    """The sentences, cut where a section begins inside one."""
    starts = [one.title.start if len(one.title) else one.body.start for one in sections]
    at = 0
    for span in spans:
        start = span.start
        while at < len(starts) and starts[at] <= start:
            at += 1
        while at < len(starts) and starts[at] < span.end:
            yield from _stripped(text, start, starts[at])
            start, at = starts[at], at + 1
        yield from _stripped(text, start, span.end)


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield Span(start, end)
