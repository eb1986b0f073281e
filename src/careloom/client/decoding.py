"""Answers as values: JSON objects, and the dataclasses of `careloom.client.reports` made from them.

New fields of a later platform are passed over; a field that is missing or of another kind is an error.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

import httpx

from careloom.errors import SetupError

T = TypeVar("T")


def document_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object that an answer holds. raises SetupError if it holds none."""
    try:
        document = json.loads(response.content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    raise SetupError(
        f"the answer with HTTP status {response.status_code} holds no JSON object",
        "Look at the base URL: something other than Careloom may answer there.",
    )


def decode(kind: type[T], value: object) -> T:
    """A report of that kind from JSON.

    raises  SetupError that names the field which is missing or of another kind
    """
    decoded: T = _decode(kind, value, kind.__name__)
    return decoded


def _decode(kind: Any, value: Any, place: str) -> Any:
    if is_dataclass(kind):
        return _decode_report(kind, value, place)
    outer, inner = get_origin(kind), get_args(kind)
    if outer in (Union, types.UnionType):
        return None if value is None else _decode(next(each for each in inner if each is not type(None)), value, place)
    if outer is tuple and isinstance(value, list):
        return tuple(_decode(inner[0], each, f"{place}[{index}]") for index, each in enumerate(value))
    if outer is Mapping and isinstance(value, dict):
        return types.MappingProxyType({name: _decode(inner[1], each, place) for name, each in value.items()})
    if outer is dict and isinstance(value, dict):
        return value
    if kind is datetime and isinstance(value, str):
        return _time(value, place)
    if kind in (date, Decimal) and isinstance(value, str):
        return _written(kind, value, place)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    return _differs(place)


def _decode_report(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        _differs(place)
    found = {}
    for name, hint in _hints(kind).items():
        if name not in value:
            _differs(f"{place}.{name}")
        found[name] = _decode(hint, value[name], f"{place}.{name}")
    return kind(**found)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _time(text: str, place: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        _differs(place)
    return time if time.tzinfo else _differs(place)


def _written(kind: Any, text: str, place: str) -> Any:
    """A day or a number that JSON holds as a text."""
    try:
        return date.fromisoformat(text) if kind is date else Decimal(text)
    except (ValueError, InvalidOperation):
        return _differs(place)


def _differs(place: str) -> NoReturn:
    raise SetupError(
        f"the answer is not what this client knows at {place}", "Use a client of the same version as the platform."
    )


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)
