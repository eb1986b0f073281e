"""Formats of the FHIR R4 primitive types: one predicate each, true for a well-formed JSON value.

Source: FHIR R4 4.0.1, section 2.24.0.1 (regular expressions), with real calendar days, the limits of the text (1 MiB
strings, 64 characters of id, 32 bit integers) and the rules that HL7's validator draws from RFC 3986, 4122 and 3061:
``urn:uuid:`` and ``urn:oid:`` must hold one, ``oid:`` and ``uuid:`` are no schemes.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

import pybase64

MAX_STRING = 1_048_576
_MEMO = 50_000
_INT = 2_147_483_647

_YEAR = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_DAY = r"(0[1-9]|[1-2][0-9]|3[0-1])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_DATE = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2])(-{_DAY})?)?").fullmatch
_DATETIME = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2])(-{_DAY}(T{_CLOCK}{_ZONE})?)?)?").fullmatch
_INSTANT = re.compile(rf"{_YEAR}-(0[1-9]|1[0-2])-{_DAY}T{_CLOCK}{_ZONE}").fullmatch
_TAIL = re.compile(rf"(\.[0-9]+)?{_ZONE}").fullmatch
_TIME = re.compile(_CLOCK).fullmatch
ID_FORM = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_CODE = re.compile(r"[^\s]+(\s[^\s]+)*").fullmatch
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+").fullmatch
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+").fullmatch
_SPACE = re.compile(r"\s").search
_STRAY = re.compile(r"[^\t\n\r\x20-\U0010FFFF]").search
_MONTH_DAYS = {"02": 29, "04": 30, "06": 30, "09": 30, "11": 30}

Check = Callable[[Any], bool]


def is_string(value: Any) -> bool:
    """A string with something visible in it, no control characters but tab and line ends, at most 1 MiB."""
    return (
        isinstance(value, str)
        and bool(value)
        and len(value) <= MAX_STRING
        and not value.isspace()
        and _STRAY(value) is None
    )


def is_boolean(value: Any) -> bool:
    """JSON true or false."""
    return value is True or value is False


def is_integer(value: Any) -> bool:
    """A whole number of 32 bits."""
    return value.__class__ is int and -_INT - 1 <= value <= _INT


def is_unsigned(value: Any) -> bool:
    """A whole number from 0."""
    return value.__class__ is int and 0 <= value <= _INT


def is_positive(value: Any) -> bool:
    """A whole number from 1."""
    return value.__class__ is int and 0 < value <= _INT


def is_decimal(value: Any) -> bool:
    """A finite number."""
    return (value.__class__ is float and value - value == 0) or value.__class__ is int


def is_id(value: Any) -> bool:
    """1 to 64 letters, digits, dashes and dots."""
    return isinstance(value, str) and ID_FORM(value) is not None


def is_code(value: Any) -> bool:
    """Words with single white space between, none at the ends."""
    return isinstance(value, str) and _CODE(value) is not None and len(value) <= MAX_STRING


def _calendar(value: str) -> bool:
    """False for a day that its month does not have."""
    if len(value) < 10 or value[8:10] <= "28":
        return True
    month, day = value[5:7], int(value[8:10])
    if month == "02" and day == 29:
        year = int(value[:4])
        return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return day <= _MONTH_DAYS.get(month, 31)


def is_date(value: Any) -> bool:
    """YYYY, YYYY-MM or YYYY-MM-DD that the calendar has."""
    return isinstance(value, str) and _DATE(value) is not None and _calendar(value)


@lru_cache(maxsize=4096)
def _is_tail(tail: str) -> bool:
    """What may follow the seconds: a fraction, and a zone."""
    return _TAIL(tail) is not None


def _is_moment(value: str) -> bool:
    """True for a usual full moment, quickly; False says nothing."""
    if value[4:8:3] == "--" and value[10:17:3] == "T::" and _is_tail(value[19:]):
        try:
            datetime.fromisoformat(value[:19])
        except ValueError:
            return False
        return True
    return False


def is_datetime(value: Any) -> bool:
    """A date, or a date with time to the second and zone."""
    if isinstance(value, str) and _is_moment(value):
        return True
    return isinstance(value, str) and _DATETIME(value) is not None and _calendar(value)


def is_instant(value: Any) -> bool:
    """A moment with date, time to the second and zone."""
    if isinstance(value, str) and _is_moment(value):
        return True
    return isinstance(value, str) and _INSTANT(value) is not None and _calendar(value)


def is_time(value: Any) -> bool:
    """HH:MM:SS without zone."""
    return isinstance(value, str) and _TIME(value) is not None


def is_uri(value: Any) -> bool:
    """No white space; where it is an OID or UUID urn, a well-formed one."""
    if not isinstance(value, str) or not value or len(value) > MAX_STRING or _SPACE(value) is not None:
        return False
    if value[:4] == "urn:":
        if value[:8] == "urn:oid:":
            return _OID(value) is not None
        return value[:9] != "urn:uuid:" or _UUID(value) is not None
    return value[:4] != "oid:" and value[:5] != "uuid:"


def is_canonical(value: Any) -> bool:
    """A uri, perhaps with ``|version``, or ``#`` and the id of a contained resource (the spec has relative ones)."""
    return is_uri(value)


def is_absolute(value: str) -> bool:
    """True for a uri with a scheme."""
    return _ABSOLUTE(value) is not None


def is_oid(value: Any) -> bool:
    """``urn:oid:`` and an OID."""
    return isinstance(value, str) and _OID(value) is not None


def is_uuid(value: Any) -> bool:
    """``urn:uuid:`` and a UUID in lower case."""
    return isinstance(value, str) and _UUID(value) is not None


def base64_size(value: Any) -> int | None:
    """Bytes that a base64Binary stands for; None when it is none. White space may stand anywhere."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return len(pybase64.b64decode(value, validate=True))
    except ValueError:
        plain = "".join(value.split())
    try:
        return len(pybase64.b64decode(plain, validate=True)) if plain and len(plain) < len(value) else None
    except ValueError:
        return None


def is_base64(value: Any) -> bool:
    """Strict base64 (RFC 4648) with white space allowed."""
    return base64_size(value) is not None


def remembering(check: Check, seen: set[str]) -> Check:
    """The check, putting every accepted string into `seen`, which is emptied when it grows too large."""

    def remembered(value: Any) -> bool:
        if not check(value):
            return False
        if len(value) < 128:
            if len(seen) >= _MEMO:
                seen.clear()
            seen.add(value)
        return True

    return remembered


PRIMITIVES: dict[str, Check] = {
    "base64Binary": is_base64,
    "boolean": is_boolean,
    "canonical": is_canonical,
    "code": is_code,
    "date": is_date,
    "dateTime": is_datetime,
    "decimal": is_decimal,
    "id": is_id,
    "instant": is_instant,
    "integer": is_integer,
    "markdown": is_string,
    "oid": is_oid,
    "positiveInt": is_positive,
    "string": is_string,
    "time": is_time,
    "unsignedInt": is_unsigned,
    "uri": is_uri,
    "url": is_uri,
    "uuid": is_uuid,
}
"""Type name to its check; ``xhtml`` is in `careloom.fhir.narrative`."""
