"""Text or not, in which encoding, and whether it is a table: told from the first bytes."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

DELIMITERS = (",", "\t", ";", "|")
_HEADER_CELL = re.compile(r"[^\W\d][\w .()/#%*\[\]:-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAMPLE_ROWS = 20


@dataclass(frozen=True, slots=True)
class Table:
    """The header of a delimited text and the character between its cells."""

    header: tuple[str, ...]
    delimiter: str


def decode_head(head: bytes) -> tuple[str | None, str]:
    """The text of `head` and its encoding: utf-8, utf-16-le, utf-16-be or cp1252; no text where it is binary.

    A character that the cut at the end of `head` splits is dropped.
    """
    if head.startswith(b"\xff\xfe"):
        return _wide(head[2:], "utf-16-le")
    if head.startswith(b"\xfe\xff"):
        return _wide(head[2:], "utf-16-be")
    if b"\x00" in head:
        return _guess_wide(head)
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text, encoding = _cut_or_cp1252(head, error)
        return (None if _is_binary(text) else text), encoding
    return (None if _is_binary(text) else text), "utf-8"


def _cut_or_cp1252(head: bytes, error: UnicodeDecodeError) -> tuple[str, str]:
    if error.start >= len(head) - 3 and error.reason == "unexpected end of data":
        return head[: error.start].decode("utf-8"), "utf-8"
    return head.decode("cp1252", "replace"), "cp1252"


def _wide(head: bytes, encoding: str) -> tuple[str | None, str]:
    text = head[: len(head) & ~1].decode(encoding, "replace")
    return (None if _is_binary(text) else text), encoding


def _guess_wide(head: bytes) -> tuple[str | None, str]:
    """UTF-16 without a byte order mark: every other byte of western text is zero."""
    sample = head[: len(head) & ~1][:4096]
    half = len(sample) // 2
    for encoding, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
        if half and zeros.count(0) > 0.7 * half:
            return _wide(head, encoding)
    return _nul_in_text(head)


def _nul_in_text(head: bytes) -> tuple[str | None, str]:
    """Text with a few stray NUL bytes is still text: the records that hold them are refused one by one."""
    if head.count(0) > max(4, len(head) // 100):
        return None, ""
    text, encoding = decode_head(head.replace(b"\x00", b""))
    return text, encoding


def _is_binary(text: str) -> bool:
    """Some control characters stray into text; many are no text."""
    return len(_CONTROL.findall(text)) * 200 > len(text) + 200 or text.count("\ufffd") * 20 > len(text)


def find_table(text: str, is_known: Callable[[tuple[str, ...]], bool]) -> Table | None:
    """The table that `text` begins with, if it is one: a known header, or lines that agree on their number of cells."""
    lines = [line for line in text.removeprefix("\ufeff").splitlines()[: _SAMPLE_ROWS + 1] if line.strip()]
    if not lines:
        return None
    if re.fullmatch(r"sep=[,;|\t]", lines[0].strip()):
        rest = "\n".join(lines[1:])
        header = split_header(lines[1] if lines[1:] else "", lines[0].strip()[4])
        return Table(header, lines[0].strip()[4]) if rest else None
    headers = [Table(split_header(lines[0], delimiter), delimiter) for delimiter in DELIMITERS]
    for table in headers:
        if is_known(table.header):
            return table
    for table in sorted(headers, key=lambda table: -len(table.header)):
        if is_header(table.header) and not _is_prose(lines[0], table) and _rows_agree(text, table):
            return table
    return None


def split_header(line: str, delimiter: str) -> tuple[str, ...]:
    """The column names of a header line, quotes and outer blanks taken off; none where a cell is beyond all measure."""
    try:
        row = next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return ()
    return tuple(cell.strip() for cell in row)


def is_header(header: tuple[str, ...]) -> bool:
    """True when the cells may be names of columns: different, short, and none begins with a digit or a sign."""
    named = [cell for cell in header if cell]
    return (
        len(named) > 1
        and len(set(named)) == len(named)
        and all(_HEADER_CELL.fullmatch(cell) and len(cell.split()) <= 5 for cell in named)
    )


def _is_prose(line: str, table: Table) -> bool:
    """A sentence with commas: each has a blank behind it, and a full stop ends the line."""
    commas = line.count(",")
    return table.delimiter == "," and (line.rstrip().endswith((".", ":", "?")) or line.count(", ") == commas)


def _rows_agree(text: str, table: Table) -> bool:
    """True when the rows below the header, as far as they can be seen whole, mostly have as many cells as it."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter):
            rows.append(row)
            if len(rows) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return False
    body = [row for row in rows[1:] if row]
    if not body:
        return all(len(cell.split()) == 1 for cell in table.header) and len(table.header) > 2
    agreeing = sum(len(row) == len(table.header) for row in body)
    return agreeing * 2 > len(body)
