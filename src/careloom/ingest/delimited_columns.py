"""Cells of a delimited file to typed values: one compiled closure per declared column."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from datetime import date as calendar_date
from typing import Any
from zoneinfo import ZoneInfo

from careloom.errors import SetupError
from careloom.ingest.delimited_mapping import Column

ParseCell = Callable[[str], Any]
"""Text of a cell -> value, None where it holds none; raises `BadCell`."""

_CACHE_SIZE = 8192
_CODE = re.compile(r"\S+( \S+)*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_COMPARATOR = re.compile(r"(?:<=?|>=?|≤|≥)\s*")
_COMPARATORS = {"≤": "<=", "≥": ">="}
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
_DATE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(\.\d{1,9})?\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


class BadCell(Exception):  # noqa: N818  never leaves the room
    """A cell that its column's type does not allow; carries the issue code and a sentence without the value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def compile_column(column: Column) -> ParseCell:
    """The parser of `column`; repeated texts are answered from a bounded cache."""
    makers: dict[str, Callable[[Column], ParseCell]] = {
        "string": lambda _: str,
        "code": lambda _: _parse_code,
        "uri": lambda _: _parse_uri,
        "date": _date_parser,
        "datetime": _date_time_parser,
        "decimal": _decimal_parser,
        "integer": lambda _: _parse_integer,
        "boolean": _boolean_parser,
        "comparator": lambda _: _parse_comparator,
    }
    parse = makers[column.type](column)
    null = column.null | {""}
    if column.type == "string":
        return _plain_text(null)
    return _cached(parse, null)


def _plain_text(null: frozenset[str]) -> ParseCell:
    def parse_cell(text: str) -> str | None:
        text = text.strip()
        return None if text in null else text

    return parse_cell


def _cached(parse: ParseCell, null: frozenset[str]) -> ParseCell:
    seen: dict[str, Any] = {}

    def parse_cell(text: str) -> Any:
        if text in seen:
            return seen[text]
        stripped = text.strip()
        value = None if stripped in null else parse(stripped)
        if len(seen) >= _CACHE_SIZE:
            seen.clear()
        seen[text] = value
        return value

    return parse_cell


def _parse_code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise BadCell("delimited.bad-code", "a code holds white space other than single spaces")
    return text


def _parse_uri(text: str) -> str:
    if any(character.isspace() for character in text):
        raise BadCell("delimited.bad-uri", "a URI holds white space")
    return text


def _parse_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise BadCell("delimited.bad-number", "the cell is no whole number of at most 18 digits")
    return int(text)


def _parse_comparator(text: str) -> str | None:
    found = _COMPARATOR.match(text)
    return None if found is None else _COMPARATORS.get(found[0].rstrip(), found[0].rstrip())


def _decimal_parser(column: Column) -> ParseCell:
    def parse(text: str) -> int | float | None:
        try:
            return _number(text, column)
        except BadCell:
            if column.or_text:
                return None
            raise

    return parse


def _number(text: str, column: Column) -> int | float:
    if column.comparator:
        text = _COMPARATOR.sub("", text, count=1)
    if column.decimal_comma and "," in text:
        text = text.replace(".", "").replace(",", ".")
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise BadCell("delimited.bad-number", "the cell is no number")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadCell("delimited.bad-number", "the number is too large")
    return value


def _boolean_parser(column: Column) -> ParseCell:
    def parse(text: str) -> bool:
        word = text.lower()
        if word in column.true:
            return True
        if word in column.false:
            return False
        raise BadCell("delimited.unknown-value", "the cell is none of the declared words for true and false")

    return parse


_NO_DATE = "the cell is no date of the calendar in a declared format"


def _date_parser(column: Column) -> ParseCell:
    precisions = {pattern: _precision(pattern) for pattern in column.formats}

    def parse(text: str) -> str:
        if len(text) == 10 and text[4] == "-" and text[7] == "-" and text.isascii():
            try:
                calendar_date.fromisoformat(text)
            except ValueError:
                raise BadCell("delimited.bad-date", _NO_DATE) from None
            return text
        moment = _by_pattern(text, column.formats)
        if moment is not None:
            return moment[0].strftime("%Y-%m-%d").zfill(10)[: precisions[moment[1]]]
        found = _DATE_TIME.fullmatch(text)
        if found is not None:
            return parse(found[1])
        raise BadCell("delimited.bad-date", _NO_DATE)

    return parse


def _precision(pattern: str) -> int:
    if any(mark in pattern for mark in ("%d", "%j", "%D", "%x", "%c")):
        return 10
    return 7 if any(mark in pattern for mark in ("%m", "%b", "%B")) else 4


def _by_pattern(text: str, patterns: tuple[str, ...]) -> tuple[datetime, str] | None:
    for pattern in patterns:
        try:
            return datetime.strptime(text, pattern), pattern  # noqa: DTZ007  the caller adds the declared time zone
        except ValueError:
            continue
    return None


def _date_time_parser(column: Column) -> ParseCell:
    zone = time_zone(column.timezone, column.name) if column.timezone else None

    def parse(text: str) -> str:
        found = _DATE_TIME.fullmatch(text)
        if found is not None:
            return _with_offset(_moment(found), zone)
        if len(text) == 10 and text[4:8:3] == "--":
            try:
                return calendar_date.fromisoformat(text).isoformat()
            except ValueError:
                raise BadCell("delimited.bad-date", _NO_DATE) from None
        matched = _by_pattern(text, column.formats)
        if matched is None:
            raise BadCell("delimited.bad-date", _NO_DATE)
        moment, pattern = matched
        if not any(mark in pattern for mark in ("%H", "%I", "%c", "%X", "%T")):
            return moment.strftime("%Y-%m-%d").zfill(10)[: _precision(pattern)]
        return _with_offset(moment, zone)

    return parse


def _moment(found: re.Match[str]) -> datetime:
    day, minute, second, fraction, offset = found.groups()
    text = f"{day}T{minute}{second or ':00'}{(fraction or '')[:7]}"
    if offset and offset != "Z" and ":" not in offset:
        offset = f"{offset[:3]}:{offset[3:]}"
    try:
        return datetime.fromisoformat(text + (offset or ""))
    except ValueError:
        raise BadCell("delimited.bad-date", _NO_DATE) from None


def _with_offset(moment: datetime, zone: tzinfo | None) -> str:
    """ISO 8601 with an offset; a time that the clocks skipped is refused, of one that came twice the first holds."""
    if moment.tzinfo is None:
        if zone is None:
            raise BadCell("delimited.no-timezone", "the time has no offset and the mapping declares no time zone")
        moment = moment.replace(tzinfo=zone)
        try:
            back = moment.astimezone(UTC).astimezone(zone)
        except OverflowError:
            raise BadCell("delimited.bad-date", _NO_DATE) from None
        if back.replace(tzinfo=None) != moment.replace(tzinfo=None):
            raise BadCell("delimited.bad-date", "clocks in the declared time zone skipped this time")
    offset = moment.utcoffset()
    if offset is not None and offset.total_seconds() % 60:  # local mean time of the 19th century; FHIR knows minutes
        moment = moment.astimezone(UTC)
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def time_zone(name: str, place: str) -> tzinfo:
    """The zone called `name`: ``UTC``, a fixed offset or an IANA name; raises SetupError where it is unknown."""
    if name in ("UTC", "Z"):
        return UTC
    fixed = _OFFSET.fullmatch(name)
    if fixed is not None:
        minutes = int(fixed[2]) * 60 + int(fixed[3])
        return timezone(timedelta(minutes=-minutes if fixed[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise SetupError(f"column {place}: unknown time zone {name!r}", "Write UTC, +01:00 or an IANA name") from None
