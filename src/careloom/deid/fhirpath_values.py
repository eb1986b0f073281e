"""Values of FHIRPath: dates and times as precise as they were written, quantities, and how values compare.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), sections 5 and 6
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from careloom.deid.typed_nodes import Node


class PathError(Exception):
    """An expression that means nothing, or that cannot be evaluated for what it met; holds no patient's value."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, as in ``4 'mg'``."""

    number: Decimal
    unit: str


_DATE = r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
_TIME = r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?"
_DATE_TIME = re.compile(rf"{_DATE}(?:T(?:{_TIME})?(Z|[+-]\d\d:\d\d)?)?")
_TIME_ONLY = re.compile(_TIME)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, date with time, or time of day, as precise as it was written.

    kind    ``date``, ``dateTime`` or ``time``
    fields  year, month, day, hour, minute, second; or hour, minute, second; as many as are known, in UTC if it has
            an offset
    """

    kind: str
    text: str
    fields: tuple[Decimal, ...]

    def __str__(self) -> str:
        return self.text


def moment(kind: str, text: str) -> Moment | None:
    """The moment that a text says; None where it says none."""
    if kind == "time":
        found = _TIME_ONLY.fullmatch(text)
        return found and Moment(kind, text, tuple(Decimal(part) for part in found.groups() if part is not None))
    found = _DATE_TIME.fullmatch(text)
    if not found:
        return None
    *parts, offset = found.groups()
    fields = tuple(Decimal(part) for part in parts if part is not None)
    if offset not in (None, "Z") and len(fields) > 4:
        fields = _in_utc(fields, offset)
    return Moment(kind, text, fields)


def _in_utc(fields: tuple[Decimal, ...], offset: str) -> tuple[Decimal, ...]:
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    year, month, day, hour, minute = (int(field) for field in fields[:5])
    try:
        local = datetime(year, month, day, hour, minute)  # noqa: DTZ001 - its offset is taken away in the next line
        utc = local - timedelta(minutes=-minutes if offset[0] == "-" else minutes)
    except (ValueError, OverflowError):
        return fields
    return (*map(Decimal, (utc.year, utc.month, utc.day, utc.hour, utc.minute)), *fields[5:])


_STEPS = {
    "week": timedelta(weeks=1), "day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1), "millisecond": timedelta(milliseconds=1),
}  # fmt: skip
_UCUM = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
_FORMS = {1: "%Y", 2: "%Y-%m", 3: "%Y-%m-%d"}


def later(start: Moment, span: Quantity) -> Moment | None:
    """A moment that much later, as precise as it was; None beyond the calendar.

    raises  PathError where the unit is none of time, or finer than a date that lacks its day
    """
    unit = _UCUM.get(span.unit, span.unit.removesuffix("s") if len(span.unit) > 1 else span.unit)
    found = (_TIME_ONLY if start.kind == "time" else _DATE_TIME).fullmatch(start.text)
    known = [] if found is None else [part for part in found.groups()[: 3 if start.kind == "time" else 6] if part]
    if found is None or not (unit in _STEPS or (unit in ("year", "month") and start.kind != "time")):
        raise PathError("a time and a span that do not fit together")
    if start.kind != "time" and len(known) < 3 and unit not in ("year", "month"):
        raise PathError("a span finer than the date")
    numbers = [*map(Decimal, known)]
    try:
        return _later(start, numbers, unit, span.number, "" if start.kind == "time" else found[7] or "")
    except (ValueError, OverflowError):
        return None


def _later(start: Moment, known: list[Decimal], unit: str, number: Decimal, offset: str) -> Moment:
    is_time = start.kind == "time"
    year, month, day, *clock = [*(map(Decimal, (2000, 1, 1)) if is_time else ()), *known, *([Decimal(1)] * 2)][:6]
    clock = (known if is_time else known[3:]) + [Decimal(0)] * 3
    if unit in ("year", "month"):
        months = int(year) * 12 + int(month) - 1 + int(number) * (12 if unit == "year" else 1)
        year, month = Decimal(months // 12), Decimal(months % 12 + 1)
        day = min(day, Decimal(monthrange(int(year), int(month))[1]))
    microseconds = int(clock[2] % 1 * 1_000_000)
    at = datetime(int(year), int(month), int(day), int(clock[0]), int(clock[1]), int(clock[2]), microseconds)  # noqa: DTZ001
    if unit in _STEPS:
        at += _STEPS[unit] * (int(number) if unit not in ("second", "millisecond") else float(number))
    date_part = "" if is_time else at.strftime(_FORMS[min(len(known), 3)]).zfill(4)
    parts = len(known) - (0 if is_time else 3)
    places = len(str(known[-1]).partition(".")[2]) if parts == 3 else 0
    fraction = f".{at.microsecond:06d}"[: places + 1] if places else ""
    clock_part = ":".join(at.strftime("%H:%M:%S").split(":")[:parts]) + fraction if parts > 0 else ""
    text = clock_part if is_time else date_part + (f"T{clock_part}{offset}" if clock_part else "")
    made = moment(start.kind, text)
    return start if made is None else made


_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})


def plain(item: Any) -> Any:
    """The value of a node in the types of FHIRPath; anything else, a node without a value too, as it is."""
    if not isinstance(item, Node) or item.value is None:
        return item
    value = item.value
    if isinstance(value, str):
        kind = "dateTime" if item.kind == "instant" else item.kind
        if kind in ("date", "dateTime", "time"):
            found = moment(kind, value)
            return value if found is None else found
        return value
    if isinstance(value, bool):
        return value
    return int(value) if item.kind in _INTEGERS and value == int(value) else Decimal(value)


def is_number(value: Any) -> bool:
    """True for integers and decimals; a boolean is none."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def quantity_of(item: Any) -> Quantity | None:
    """A quantity literal, or a node of a quantity type, as Quantity."""
    if isinstance(item, Quantity):
        return item
    if not isinstance(item, Node):
        return None
    numbers = [child.value for child in item.named("value") if is_number(child.value)]
    units = [child.value for name in ("code", "unit") for child in item.named(name) if isinstance(child.value, str)]
    return Quantity(Decimal(numbers[0]), units[0] if units else "1") if numbers else None


def compared(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 as `left` is less, equal or more; None where that cannot be told (precision, units).

    raises  PathError where the types cannot be ordered
    """
    one, other = plain(left), plain(right)
    if is_number(one) and is_number(other):
        return _sign(one, other)
    if type(one) is str and type(other) is str:
        return _sign(one, other)
    if isinstance(one, Moment) and isinstance(other, Moment) and (one.kind == "time") == (other.kind == "time"):
        return _moments(one, other)
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        first, second = quantity_of(left), quantity_of(right)
        if first is not None and second is not None:
            if first.unit != second.unit:
                return None
            return _sign(first.number, second.number)
    raise PathError("values of these types have no order")


def _sign(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def _moments(one: Moment, other: Moment) -> int | None:
    for mine, theirs in zip(one.fields, other.fields, strict=False):
        if mine != theirs:
            return 1 if mine > theirs else -1
    return 0 if len(one.fields) == len(other.fields) else None


def equal(left: Any, right: Any) -> bool | None:
    """Whether two items are equal; None where that cannot be told, as between dates of different precision."""
    one, other = plain(left), plain(right)
    if isinstance(one, Node) and isinstance(other, Node):
        return _same_tree(one, other)
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        first, second = quantity_of(left), quantity_of(right)
        return None if first is None or second is None else first == second
    if isinstance(one, Moment) and isinstance(other, Moment):
        order = _moments(one, other) if (one.kind == "time") == (other.kind == "time") else 1
        return None if order is None else order == 0
    if is_number(one) and is_number(other):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


def _same_tree(one: Node, other: Node) -> bool:
    if one is other:
        return True
    if one.value != other.value or len(one.children) != len(other.children):
        return False
    pairs = zip(one.children, other.children, strict=True)
    return all(mine.name == theirs.name and _same_tree(mine, theirs) for mine, theirs in pairs)


def equivalent(left: Any, right: Any) -> bool:
    """As `equal`, but precision is part of a moment, and case and white space are none of a string."""
    one, other = plain(left), plain(right)
    if isinstance(one, str) and isinstance(other, str):
        return " ".join(one.lower().split()) == " ".join(other.lower().split())
    return bool(equal(one, other))


def text_of(value: Any) -> str:
    """A value as FHIRPath's ``toString()`` says it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Quantity):
        return f"{value.number:f} '{value.unit}'"
    return str(value)
