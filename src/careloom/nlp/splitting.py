"""Sentences of a note, as a component."""

from dataclasses import replace

from careloom.text.note import AnnotatedNote
from careloom.text.sentences import sentences


class Sentences:
    """Splits a note into sentences by `careloom.text.sentences`; a component before this one may have done so."""

    name = "sentences"
    version = "1"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """The note with its sentences, unless it has some."""
        if annotated.sentences:
            return annotated
        return replace(annotated, sentences=tuple(sentences(annotated.note.text)))
