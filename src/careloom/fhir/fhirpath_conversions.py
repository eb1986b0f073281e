"""Conversions of FHIRPath: to...() gives the value or nothing, convertsTo...() tells which.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), section 5.5
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from careloom.fhir.fhirpath_compare import code_of
from careloom.fhir.fhirpath_moments import UNITS, Moment, moment
from careloom.fhir.fhirpath_numbers import within
from careloom.fhir.fhirpath_values import Quantity, number_of, quantity, text_of
from careloom.terminology.ucum import UnitError, convert

_INTEGER = re.compile(r"[+-]?\d{1,10}").fullmatch
_DECIMAL = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?").fullmatch
_QUANTITY = re.compile(r"([+-]?\d{1,40}(?:\.\d{1,40})?)\s*(?:'([^']+)'|([a-zA-Z]+))?").fullmatch
_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")


def to_boolean(value: Any) -> bool | None:
    """True or False; None where the value says neither."""
    if value.__class__ is bool:
        return value
    if value.__class__ is str:
        said = value.lower()
        return True if said in _TRUE else False if said in _FALSE else None
    number = number_of(value)
    return None if number is None or number not in (0, 1) else number == 1


def to_integer(value: Any) -> int | None:
    """A whole number of 32 bits; None where the value is none."""
    if value.__class__ is bool:
        return int(value)
    if value.__class__ is int:
        return value
    if value.__class__ is str and _INTEGER(value):
        found: int | None = within(int(value))
        return found
    return None


def to_decimal(value: Any) -> Decimal | None:
    """A decimal; None where the value is no number."""
    if value.__class__ is bool or number_of(value) is not None:
        return Decimal(value)
    return Decimal(value) if value.__class__ is str and _DECIMAL(value) else None


def to_quantity(value: Any, unit: str | None = None) -> Quantity | None:
    """A quantity, in that unit where one is given; None where the value is none, or the unit measures other things."""
    found = _quantity(value)
    if found is None or unit is None:
        return found
    word = UNITS.get(unit)
    wanted = Quantity(Decimal(1), word or unit, calendar=word is not None)
    try:
        return Quantity(convert(found.number, code_of(found), code_of(wanted)), wanted.unit, wanted.calendar)
    except UnitError:
        return None


def _quantity(value: Any) -> Quantity | None:
    if value.__class__ is bool:
        return Quantity(Decimal("1.0" if value else "0.0"))
    number = number_of(value)
    if number is not None:
        return Quantity(Decimal(number))
    if value.__class__ is not str:
        return quantity(value)
    said = _QUANTITY(value)
    if said is None or (said[3] and said[3] not in UNITS):
        return None
    if said[3]:
        return Quantity(Decimal(said[1]), UNITS[said[3]], calendar=True)
    return Quantity(Decimal(said[1]), said[2] or "1")


def to_date(value: Any) -> Moment | None:
    """The date of a date, a dateTime or a text; None where there is none."""
    if value.__class__ is str:
        value = moment("dateTime", value)
    if value.__class__ is not Moment or value.kind == "time":
        return None
    return moment("date", value.text[:10])


def to_datetime(value: Any) -> Moment | None:
    """A dateTime of a date, a dateTime or a text; None where there is none."""
    if value.__class__ is str:
        return moment("dateTime", value)
    if value.__class__ is not Moment or value.kind == "time":
        return None
    return moment("dateTime", value.text)


def to_time(value: Any) -> Moment | None:
    """A time of day of a time or a text; None where there is none."""
    if value.__class__ is str:
        return moment("time", value.removeprefix("T"))
    return value if value.__class__ is Moment and value.kind == "time" else None


CONVERSIONS: dict[str, Callable[..., Any]] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Decimal": to_decimal,
    "Quantity": to_quantity,
    "Date": to_date,
    "DateTime": to_datetime,
    "Time": to_time,
    "String": text_of,
}
"""Name of a System type -> what turns a value into it, or into None."""
