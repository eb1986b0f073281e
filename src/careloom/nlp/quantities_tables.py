"""Tables of measurements: a row of names, and rows of values below it; or times above, and names at the left.

    Time   BP      HR  SpO2        the value 158/92 is that of BP, 104 that of HR
    14:25  158/92  104 94%

    Date   3/1/2024  3/2/2024      138 is sodium of March 1, 140 of March 2
    Na     138       140

Columns are told by bars, tabs or two blanks; where a row of names has one blank between them, by its words. A value of
another kind than its column's test is left alone. A table ends at a line without values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from careloom.nlp.quantities_tests import Test, is_possible, test_of
from careloom.nlp.quantities_values import Measured, unit_of, value_at
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
    time   where its time stands: in its line, or over its column
    """

    test: Test
    name: Span
    value: Measured
    row: Span
    time: Span


_MOMENT = re.compile(
    r"(?:\d{1,2}[/.-]\d{1,2}(?:[/.-](?:\d\d|\d{4}))?|\d{4}-\d\d-\d\d)(?:[ T]\d{1,2}:?\d\d)?"
    r"|[012]?\d:[0-5]\d(?: ?[ap]m)?"
    r"|(?:[01]\d|2[0-3])[0-5]\d(?: ?h(?:rs?)?)?|(?:day|pod|hd|dol) ?#?\d{1,3}|(?:\d{1,2} )?"
    r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?(?: \d{1,2})?(?:,? \d{4})?"
    r"|admission|baseline|today|yesterday|discharge",
    re.IGNORECASE,
)
"""What stands over a column of values that were measured at one time."""


_BRACKET = re.compile(r"[(\[]([^()\[\]]{1,16})[)\]]\Z")
_OVER_NAMES = re.compile(r"tests?|labs?|vitals?|parameter|component|analyte|result|name", re.IGNORECASE)


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
        times = _times(text, lines[place]) if head is None else []
        place += 1
        if times:
            found += _beside_names(text, lines[place : place + _ROWS], times)
        if head is None:
            continue
        units = _units(text, lines[place : place + _ROWS], head)
        for row in lines[place : place + _ROWS]:
            if not text[row.start : row.end].strip():
                break
            if _RULE.fullmatch(text, row.start, row.end):
                continue
            values = list(_values(text, row, head, units))
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


def _units(text: str, rows: Sequence[Span], head: _Head) -> dict[Span, str]:
    """The units that a row below the names tells, by the place of the name."""
    for row in rows:
        cells = _cells(text, row)
        if not cells:
            return {}
        if re.fullmatch(r"units?:?", cells[0].of(text), re.IGNORECASE) and len(cells) == len(head.cells):
            return {name: unit_of(cell.of(text)) for (name, _), cell in zip(head.cells, cells, strict=True)}
    return {}


def _measured(text: str, test: Test, name: Span, cell: Span, unit: str = "") -> Measured | None:
    """The value of a cell in the unit that is written beside it, in a row of units, or behind the name in brackets."""
    value = value_at(text, cell.start, unit=test.unit) or value_at(text, cell.start)
    if value is None or max(value.end, value.unit_end) > cell.end:
        return None
    behind = _BRACKET.search(name.of(text))
    told = unit or (unit_of(behind[1]) if behind else "")
    if told and "unit" not in value.attributes and "systolic" not in value.attributes:
        value = replace(value, attributes={**value.attributes, "unit": told})
    return value if is_possible(test, value) else None


def _times(text: str, line: Span) -> list[Span]:
    """The cells of a row of times, the first of which may say that they are; empty where it is none."""
    if not 0 < len(line) <= _LONGEST:
        return []
    for pattern in (_CELL, _WORD):
        cells = _cells(text, line, pattern)
        if cells and (_NO_NAME.fullmatch(cells[0].of(text)) or _OVER_NAMES.fullmatch(cells[0].of(text))):
            cells = cells[1:]
        if len(cells) >= _LEAST and all(_MOMENT.fullmatch(cell.of(text)) for cell in cells):
            return cells
    return []


def _beside_names(text: str, rows: Sequence[Span], times: Sequence[Span]) -> Iterator[Column]:
    """The values of rows that begin with a name, below a row of times."""
    for row in rows:
        if _RULE.fullmatch(text, row.start, row.end) and text[row.start : row.end].strip():
            continue
        cells = _cells(text, row)
        if 0 < len(cells) < len(times) + 1:
            words = _cells(text, row, _WORD)
            cells = words if len(words) == len(times) + 1 else cells
        test = test_of(cells[0].of(text)) if cells else None
        if test is None or len(cells) < _LEAST:
            return
        for time, cell in _below(text, row, cells[1:], times):
            value = _measured(text, test, cells[0], cell)
            if value is not None:
                yield Column(test, cells[0], value, row, time)


def _below(text: str, row: Span, cells: Sequence[Span], times: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """Each time with the cell below it; where cells are empty, by place."""
    if len(cells) == len(times):
        yield from zip(times, cells, strict=True)
        return
    start = text.rfind("\n", 0, times[0].start) + 1
    for cell in cells if len(cells) < len(times) else ():
        time = min(times, key=lambda each: _apart(each, cell, start, row.start))
        if _apart(time, cell, start, row.start) <= len(time):
            yield time, cell


def _values(text: str, row: Span, head: _Head, units: Mapping[Span, str]) -> Iterator[Column]:
    """The values of a line below a row of names."""
    cells = _cells(text, row)
    if len(cells) < len(head.cells) and not head.has_bars:
        words = _cells(text, row, _WORD)
        cells = words if len(words) == len(head.cells) else cells
    for name, test, cell in _matched(text, row, cells, head):
        value = _measured(text, test, name, cell, units.get(name, ""))
        if value is not None:
            yield Column(test, name, value, row, row)


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
