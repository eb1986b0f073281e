"""Tables of measurements: a row of names, and rows of values below it.

    Time   BP      HR  SpO2        the value 158/92 is that of BP, 104 that of HR
    14:25  158/92  104 94%

Columns are told by bars, tabs or two blanks; where a row of names has one blank between them, by its words. A value of
another kind than its column's test is left alone. A table ends at a line without values.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from careloom.nlp.quantities_tests import Test, is_possible, test_of
from careloom.nlp.quantities_values import Measured, value_at
from careloom.text.note import Span

_CELL = re.compile(r"[^|\t\n ]+(?: [^|\t\n ]+)*")
_WORD = re.compile(r"[^|\t\n ]+")
_RULE = re.compile(r"[\s|+:=_-]*")
_LINE = re.compile(r"^.*$", re.MULTILINE)
_ROWS, _LONGEST, _LEAST = 60, 300, 2
"""Rows and characters of a line at most; columns with a test at least."""
_NO_NAME = re.compile(
    r"time|date|hour|day|when|by|initials|notes?|comments?|o2|rhythm|position|site|source|gcs|avpu|\W*", re.IGNORECASE
)
"""What may stand over a column beside tests."""


@dataclass(frozen=True, slots=True)
class Column:
    """A value in a table.

    name   where its test stands, in the row of names
    value  as `careloom.nlp.quantities_values` reads it
    row    its line
    """

    test: Test
    name: Span
    value: Measured
    row: Span


@dataclass(frozen=True, slots=True)
class _Head:
    """A row of names: the cells of its line, each with its test."""

    cells: tuple[tuple[Span, Test | None], ...]
    has_bars: bool


def columns(text: str) -> list[Column]:
    """The values of all tables of a text, by place."""
    found: list[Column] = []
    lines = [Span(*match.span()) for match in _LINE.finditer(text)]
    place = 0
    while place < len(lines):
        head = _head(text, lines[place])
        place += 1
        if head is None:
            continue
        for row in lines[place : place + _ROWS]:
            if not text[row.start : row.end].strip():
                break
            if _RULE.fullmatch(text, row.start, row.end):
                continue
            values = list(_values(text, row, head))
            if not values:
                break
            found += values
    return found


def _cells(text: str, line: Span, pattern: re.Pattern[str] = _CELL) -> list[Span]:
    return [Span(*match.span()) for match in pattern.finditer(text, line.start, line.end)]


def _head(text: str, line: Span) -> _Head | None:
    """The row of names that a line is; None where it is none."""
    if not 0 < len(line) <= _LONGEST:
        return None
    for pattern in (_CELL, _WORD):
        cells = [(cell, test_of(cell.of(text))) for cell in _cells(text, line, pattern)]
        told = [test for _, test in cells if test is not None]
        others = [cell for cell, test in cells if test is None and not _NO_NAME.fullmatch(cell.of(text))]
        if len({test.key for test in told}) >= _LEAST and len(others) * 2 <= len(told):
            return _Head(tuple(cells), "|" in line.of(text) or "\t" in line.of(text))
    return None


def _values(text: str, row: Span, head: _Head) -> Iterator[Column]:
    """The values of a line below a row of names."""
    cells = _cells(text, row)
    if len(cells) < len(head.cells) and not head.has_bars:
        words = _cells(text, row, _WORD)
        cells = words if len(words) == len(head.cells) else cells
    for name, test, cell in _matched(text, row, cells, head):
        value = value_at(text, cell.start, unit=test.unit) or value_at(text, cell.start)
        if value is not None and max(value.end, value.unit_end) <= cell.end and is_possible(test, value):
            yield Column(test, name, value, row)


def _matched(text: str, row: Span, cells: Sequence[Span], head: _Head) -> Iterator[tuple[Span, Test, Span]]:
    if len(cells) == len(head.cells):
        yield from (
            (name, test, cell) for (name, test), cell in zip(head.cells, cells, strict=True) if test is not None
        )
        return
    if len(cells) > len(head.cells) or not cells:
        return
    start = text.rfind("\n", 0, head.cells[0][0].start) + 1
    for cell in cells:  # a cell is empty: who stands nearest above
        name, test = min(head.cells, key=lambda each: _apart(each[0], cell, start, row.start))
        if test is not None and _apart(name, cell, start, row.start) <= len(name):
            yield name, test, cell


def _apart(name: Span, cell: Span, head: int, row: int) -> int:
    """How far the middle of a cell is from the middle of a name above it."""
    return abs((name.start + name.end) - 2 * head - (cell.start + cell.end) + 2 * row) // 2
