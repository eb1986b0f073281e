"""A note while it is written: text that only grows, and the gold that grows with it. Neither exists without the other.

Whoever writes says what the characters mean in the same call, so a span points at nothing else.
Relations follow from `Mark.owner` and `Mark.role`: parts of one record that stand in one group belong together.
"""

import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

Codes = tuple[tuple[str, str], ...]
Attributes = tuple[tuple[str, str], ...]


class Mark(NamedTuple):
    """What some characters mean: the fields of a `SpanAnswer` without its place.

    owner  key of the record that the words tell of; empty where there is none
    role   which part of it: head of a relation (``drug``, ``test``, ``problem``, ``procedure``) or tail (``dose``...)
    """

    kind: str
    label: str
    assertion: str = ""
    codes: Codes = ()
    attributes: Attributes = ()
    owner: str = ""
    role: str = ""


class Piece(NamedTuple):
    """Characters with what they mean; no mark: they are just words."""

    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(slots=True)
class Placed:
    """A mark with its place in the draft and the group in which it was written."""

    mark: Mark
    start: int
    end: int
    group: int


@dataclass(slots=True)
class SectionPlace:
    """A section: its kind, the title as written, and its place."""

    kind: str
    title: str
    start: int
    end: int


class Draft:
    """Text and gold of one note, growing together.

    literal()  writes words of a template and tends the white space between them
    write()    writes a piece as it is, with its marks
    groups     records told of within one ``begin_group``/``end_group`` are related to each other
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._tail = ""
        self._article = False
        self._open_marks: list[tuple[Mark, int, int]] = []
        self._section_part = 0
        self.length = 0
        self.placed: list[Placed] = []
        self.sections: list[SectionPlace] = []
        self.parents: list[int] = [0]
        self.group = 0
        self.capitals = 0
        self.capital_next = False

    def text(self) -> str:
        """What is written so far."""
        return "".join(self._parts)

    def _append(self, text: str) -> None:
        if not text:
            return
        if self._article:
            self._article = False
            self._append("an " if text[0] in "aeioAEIO8" or text[:2] in {"11", "18"} else "a ")
        if self.capital_next and text[0].isalpha():
            self.capital_next = False
            text = _upper(text[0]) + text[1:]
        if self.capitals:
            text = "".join(_upper(letter) for letter in text)
        self._parts.append(text)
        self.length += len(text)
        self._tail = (self._tail + text)[-2:]

    def _drop_space(self) -> None:
        """Takes one blank off the end, where the next character must not follow a blank."""
        if self._tail.endswith(" ") and not any(start >= self.length for _, start, _ in self._open_marks):
            self._parts[-1] = self._parts[-1][:-1]
            self.length -= 1
            if not self._parts[-1]:
                self._parts.pop()
            self._tail = "".join(self._parts[-2:])[-2:]

    def literal(self, text: str) -> None:
        """Writes words of a template: no double blanks, one empty line at most, no blank before a stop."""
        if not text:
            return
        if not self.length:
            text = text.lstrip()
        if self._tail.endswith(" "):
            text = text.lstrip(" ")
        elif self._tail.endswith("\n") and text.startswith(" ") and not text.startswith("  "):
            text = text[1:]
        if text[:1] in {"\n", ".", ",", ";"}:
            self._drop_space()
        if text.startswith("\n") and self._tail.endswith("\n"):
            rest = text.lstrip("\n")
            room = 0 if self._tail == "\n\n" else 1
            text = "\n" * min(room, len(text) - len(rest)) + rest
        if text.strip(" ") == "." and self._tail.endswith("."):
            text = text.replace(".", "", 1)
        self._append(text)

    def article(self) -> None:
        """Writes ``a`` or ``an``, whichever the next word asks for."""
        self._article = True

    def write(self, piece: Piece) -> None:
        """Writes characters with what they mean.

        raises  ValueError where the piece is empty, blank at an end, or not NFC: its span would be wrong
        """
        text, marks = piece
        if marks and (not text or text != text.strip()):
            raise ValueError("a marked piece needs characters and no blank around them")
        if not text.isascii() and not unicodedata.is_normalized("NFC", text):
            raise ValueError("a piece is NFC")
        self._append(text)
        start = self.length - len(text)
        self.placed += [Placed(mark, start, self.length, self.group) for mark in marks]

    def begin_mark(self, mark: Mark) -> None:
        """Begins a span that lasts until `end_mark`, whatever is written in between."""
        self._open_marks.append((mark, self.length, len(self._parts)))

    def end_mark(self) -> None:
        """Ends the span that was begun last; one around nothing is an error of the template."""
        mark, start, part = self._open_marks.pop()
        written = "".join(self._parts[part:])
        inner = written.strip()
        if not inner:
            raise ValueError("a mark around nothing")
        start += len(written) - len(written.lstrip())
        self.placed.append(Placed(mark, start, start + len(inner), self.group))

    def begin_group(self) -> int:
        """A new group inside the present one; returns what `end_group` takes."""
        before = self.group
        self.parents.append(before)
        self.group = len(self.parents) - 1
        return before

    def end_group(self, before: int) -> None:
        """Back to the group that `begin_group` returned."""
        self.group = before

    def replay(self, text: str, placed: list[Placed], parents: list[int], attributes: Attributes) -> None:
        """Writes again what stood in another draft, its marks with further attributes.

        placed, parents  offsets and groups counted from where that text and its groups began; below zero: outside of it
        """
        start, first = self.length, len(self.parents)
        self._append(text)
        self.parents += [parent + first if parent >= 0 else self.group for parent in parents]
        for one in placed:
            mark = one.mark._replace(attributes=one.mark.attributes + attributes)
            group = one.group + first if one.group >= 0 else self.group
            self.placed.append(Placed(mark, start + one.start, start + one.end, group))

    def begin_section(self, kind: str, title: str) -> None:
        """Ends the section before and begins one; `title` is written by the caller's heading, empty for none."""
        self.end_section()
        self.sections.append(SectionPlace(kind, title, self.length, self.length))
        self._section_part = len(self._parts)

    def end_section(self) -> None:
        """Ends the section under way at the last character that is no blank."""
        if self.sections and self.sections[-1].end == self.sections[-1].start:
            section = self.sections[-1]
            written = "".join(self._parts[self._section_part :])
            section.start += len(written) - len(written.lstrip())
            section.end = section.start + len(written.strip())
            if section.end == section.start:
                self.sections.pop()


def _upper(letter: str) -> str:
    """The capital of a letter where that is one letter too: offsets must not move."""
    upper = letter.upper()
    return upper if len(upper) == 1 else letter
