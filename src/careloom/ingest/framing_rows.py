"""Lines of a delimited file to rows, and rows to records of one patient."""

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from careloom.ingest.detect import Problem
from careloom.ingest.framing_limits import NUL, FrameLimits
from careloom.ingest.framing_lines import Block
from careloom.pipeline.record import FileContext, Record

Restore = Callable[[bytes], bytes]
"""Bytes as they are framed -> the exact bytes of the file."""

_GROUP_BYTES = 1 << 20
_LOOK_AT = 50
_FEW_LINES = 4
_SEPARATOR_HINT = re.compile(rb"sep=[,;|\t]\r?")
OPEN_QUOTE: Problem = (
    "ingest.csv-unterminated-quote",
    "a quoted cell is never closed",
    'write a quote inside a quoted cell as "" and close each quoted cell',
)


class Dialect:
    """How the cells of a row are told apart: as RFC 4180 says; a quote inside an unquoted cell is a plain character."""

    def __init__(self, delimiter: str, quote: str, columns: int, patient: int | None) -> None:
        self.delimiter, self.quote = delimiter.encode(), quote.encode()
        self.columns, self.patient = columns, patient
        d, q = re.escape(self.delimiter), re.escape(self.quote)
        after = b"(?:[^Q]+|QQ)*+Q[^D]*+".replace(b"Q", q).replace(b"D", d)
        cell = b"(?:" + q + after + b"|[^" + q + d + b"][^" + d + b"]*+|)"
        self._row = re.compile(cell + b"(?:" + d + cell + b")*+")
        self._row_from_quoted = re.compile(after + b"(?:" + d + cell + b")*+")
        self._cell = re.compile(b"(" + cell + b")(?:" + d + b"|$)")
        self._patient_cell = re.compile(b"(?:" + cell + d + b"){%d}(" % (patient or 0) + cell + b")")

    def closes(self, line: bytes, *, quoted: bool) -> bool:
        """True when a row ends with this line, which begins inside a quoted cell or not."""
        return (self._row_from_quoted if quoted else self._row).fullmatch(line) is not None

    def cells(self, row: bytes) -> list[bytes]:
        """The cells of a row as they stand, quotes and all."""
        found, place = [], 0
        while cell := self._cell.match(row, place):
            found.append(cell[1])
            if cell.end() == cell.end(1):
                break
            place = cell.end()
        return found

    def patient_of(self, row: bytes) -> bytes | None:
        """The cell that names the patient; None where the row has none."""
        if self.patient is None:
            return None
        cells = row.split(self.delimiter, self.patient + 1)
        if len(cells) <= self.patient:
            return None
        if self.quote in row and (found := self._patient_cell.match(row)) is not None:
            return found[1].strip(self.quote)
        return cells[self.patient]


class Grouper:
    """Collects consecutive rows of one patient into records."""

    def __init__(self, context: FileContext, limits: FrameLimits, restore: Restore) -> None:
        self.position = 0
        self._header = replace(context, options={**(context.options or {}), "part": "header"})
        self._context, self._max_rows, self._restore = context, limits.max_group_rows, restore
        self._rows: list[bytes] = []
        self._patient: bytes | None = None
        self._first = self._last = self._size = 0

    def add(self, row: bytes, patient: bytes | None, first: int, last: int) -> Record | None:
        """Take a row; gives the record that it ends, if any. `first` and `last` are its line numbers."""
        rows = self._rows
        fits = patient is not None and patient == self._patient and self._size < _GROUP_BYTES
        if rows and fits and len(rows) < self._max_rows:
            rows.append(row)
            self._last = last
            self._size += len(row)
            return None
        record = self.flush()
        self._rows, self._patient = [row], patient
        self._first, self._last, self._size = first, last, len(row)
        return record

    def flush(self) -> Record | None:
        """The record of the rows collected so far."""
        if not self._rows:
            return None
        raw = self._rows[0] if len(self._rows) == 1 else b"\n".join(self._rows)
        self._rows = []
        return self._record(raw, self._first, self._last, None)

    def header(self, raw: bytes, first: int, last: int) -> Record:
        """The record of the header; ``options["part"]`` says so."""
        record = self._record(raw, first, last, None)
        return replace(record, context=self._header)

    def refuse(self, raw: bytes, number: int, problem: Problem) -> Record:
        """A record of bytes that are no row; `flush` first."""
        return self._record(raw, number, number, problem)

    def _record(self, raw: bytes, first: int, last: int, problem: Problem | None) -> Record:
        place = f"line {first}" if first == last else f"lines {first}-{last}"
        bare = raw[:-1] if raw.endswith(b"\r") else raw
        record = Record(self.position, self._restore(bare), place, self._context, problem)
        self.position += 1
        return record


@dataclass(slots=True)
class _Open:
    """Lines of a row whose quoted cell has not closed yet."""

    lines: list[bytes]
    first: int
    size: int


class RowReader:
    """Turns blocks of lines into rows for a grouper; the first row is the header and stands alone.

    number  lines read so far
    """

    def __init__(self, dialect: Dialect, grouper: Grouper, limits: FrameLimits) -> None:
        self.number = 0
        self._dialect, self._grouper = dialect, grouper
        self._max_quoted = limits.max_quoted_bytes
        self._replay_bytes = 4 * limits.max_quoted_bytes
        self._has_header = False
        self._open: _Open | None = None

    def take(self, block: Block) -> Iterator[Record]:
        """The records that these whole lines complete."""
        is_plain = self._dialect.quote not in block.text and b"\x00" not in block.text
        if not is_plain or self._open is not None or not self._has_header:
            yield from self._take_quoted(block.lines)
            return
        add, patient_of, number = self._grouper.add, self._dialect.patient_of, self.number
        for line in block.lines:
            number += 1
            blank = not line or line.isspace()
            record = self._grouper.flush() if blank else add(line, patient_of(line), number, number)
            if record is not None:
                yield record
        self.number = number

    def close(self) -> Iterator[Record]:
        """The records that are still held; call it where the lines end or break off."""
        while self._open is not None:
            yield from self._take_quoted((yield from self._give_up(self._open)))
        yield from _some(self._grouper.flush())

    def _take_quoted(self, block: list[bytes]) -> Iterator[Record]:
        queue = block[::-1]
        while queue:
            line = queue.pop()
            self.number += 1
            run = self._open
            if run is None:
                yield from self._begin(line)
                continue
            run.lines.append(line)
            run.size += len(line) + 1
            if self._dialect.quote in line and self._dialect.closes(line, quoted=True):
                queue += (yield from self._finish(run))[::-1]
            elif run.size > self._max_quoted:
                queue += (yield from self._give_up(run))[::-1]

    def _begin(self, line: bytes) -> Iterator[Record]:
        if not line or line.isspace() or (not self._has_header and _SEPARATOR_HINT.fullmatch(line)):
            yield from _some(self._grouper.flush())
        elif self._dialect.quote in line and not self._dialect.closes(line, quoted=False):
            self._open = _Open([line], self.number, len(line))
        else:
            yield from self._row(line, self.number)

    def _row(self, row: bytes, first: int) -> Iterator[Record]:
        if b"\x00" in row:
            yield from self._refuse(row, first, NUL)
            return
        if not self._has_header:
            self._has_header = True
            yield self._grouper.header(row, first, self.number)
            return
        yield from _some(self._grouper.add(row, self._dialect.patient_of(row), first, self.number))

    def _finish(self, run: _Open) -> Generator[Record, None, list[bytes]]:
        """The row that a run of lines makes; or only its first line, refused, and the lines to read again."""
        self._open = None
        row = b"\n".join(run.lines)
        fits = len(self._dialect.cells(row)) == self._dialect.columns
        if self._can_replay(run, share=0.9 if fits else 0.5) and (not fits or len(run.lines) > _FEW_LINES):
            return (yield from self._refuse_first(run))
        yield from self._row(row, run.first)
        return []

    def _give_up(self, run: _Open) -> Generator[Record, None, list[bytes]]:
        """A run that never closed: its first line refused and the others read again, or all of it refused."""
        self._open = None
        if self._can_replay(run, share=0.5):
            return (yield from self._refuse_first(run))
        yield from self._refuse(b"\n".join(run.lines), run.first, OPEN_QUOTE)
        return []

    def _can_replay(self, run: _Open, share: float) -> bool:
        """True when this share of the lines inside the quotes has as many cells as the header: the quote was a slip."""
        inside = run.lines[1 : 1 + _LOOK_AT]
        cells = self._dialect.columns - 1
        likely = sum(line.count(self._dialect.delimiter) == cells for line in inside)
        return likely > share * len(inside) and run.size <= self._replay_bytes

    def _refuse_first(self, run: _Open) -> Generator[Record, None, list[bytes]]:
        self._replay_bytes -= run.size
        yield from self._refuse(run.lines[0], run.first, OPEN_QUOTE)
        self.number = run.first
        return run.lines[1:]

    def _refuse(self, raw: bytes, first: int, problem: Problem) -> Iterator[Record]:
        self._has_header = True
        yield from _some(self._grouper.flush())
        yield self._grouper.refuse(raw, first, problem)


def _some(record: Record | None) -> Iterator[Record]:
    if record is not None:
        yield record
