"""What a release is read into: rows that a store keeps, and the files they are read from.

A reader is a generator: a release of half a million descriptions passes through without being held.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from careloom.issues import Issue
from careloom.terminology.concepts import Release

NameKind = Literal["preferred", "full", "synonym"]
"""``preferred`` is shown; where there is none, ``full`` is; else the first synonym."""


class ConceptRow(NamedTuple):
    """One code. `name` may be empty where names come in rows of their own."""

    code: str
    name: str
    is_active: bool = True
    is_abstract: bool = False
    properties: tuple[tuple[str, str], ...] = ()


class NameRow(NamedTuple):
    """One name of a code."""

    code: str
    text: str
    kind: NameKind


class ParentRow(NamedTuple):
    """A code is directly a kind of another."""

    code: str
    parent: str


class PropertyRow(NamedTuple):
    """Something more about a code."""

    code: str
    key: str
    value: str


class MapRow(NamedTuple):
    """A code of one system says something about a code of another; equivalence as in a ConceptMap."""

    source_system: str
    source: str
    target_system: str
    target: str
    equivalence: str
    origin: str


class SetRow(NamedTuple):
    """A ValueSet, whole, as JSON."""

    url: str
    version: str
    content: str


Row = ConceptRow | NameRow | ParentRow | PropertyRow | MapRow | SetRow


class Files(Protocol):
    """The files of a release, in a folder, an archive or alone."""

    def names(self) -> list[str]:
        """Their paths below the top, with ``/``, sorted."""
        ...

    def lines(self, name: str) -> Iterator[str]:
        """The lines of one, as UTF-8 without their ends."""
        ...


@dataclass(slots=True)
class Reading:
    """One release while it is read: its rows, and what could not be read.

    unreadable  lines that were left out, by file; known when the rows have been taken
    """

    release: Release
    rows: Iterator[Row]
    unreadable: dict[str, int] = field(default_factory=dict)

    def issues(self) -> list[Issue]:
        """One issue for each file with lines that could not be read."""
        return [
            Issue(
                "terminology.line-unreadable",
                "warning",
                file,
                f"{count} lines are not as the format has them, and were left out",
                "Compare the file with the publisher's; download it again.",
            )
            for file, count in sorted(self.unreadable.items())
        ]

    def leave_out(self, file: str) -> None:
        """Counts a line that could not be read."""
        self.unreadable[file] = self.unreadable.get(file, 0) + 1
