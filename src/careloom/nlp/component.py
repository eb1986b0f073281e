"""What reads a note: one part of the whole, pure, with a name and a version."""

from functools import cache
from hashlib import sha256
from typing import Protocol

from careloom.runtime import packaged
from careloom.text.note import AnnotatedNote


@cache
def digest(*names: str) -> str:
    """Eight hex digits of the data files of this room by these names: a version that changes whenever one does.

    raises  FileNotFoundError if the installation lacks one
    """
    made = sha256()
    for name in names:
        made.update(sha256(packaged("nlp", name)).digest())
    return made.hexdigest()[:8]


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
