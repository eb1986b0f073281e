"""What reads a note: one part of the whole, pure, with a name and a version."""

from typing import Protocol

from careloom.text.note import AnnotatedNote


class Component(Protocol):
    """Adds what it finds to an annotated note, and changes nothing of the text.

    name     stands in `AnnotatedNote.readers` and before the version in `Annotation.source`
    version  changes whenever the same note may be read otherwise
    """

    @property
    def name(self) -> str:
        """A word."""
        ...

    @property
    def version(self) -> str:
        """Of rules, model and code together."""
        ...

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with what this component finds."""
        ...
