"""The values of a search from their texts, each of the kind that its parameter has.

A message names the parameter and never the value: it may identify a patient.
"""

import re
from typing import cast

from careloom.errors import QueryError
from careloom.fhir.search_parameters import Parameter, resource_types
from careloom.fhir.search_query import (
    MissingValue,
    NumberValue,
    Prefix,
    QuantityValue,
    ReferenceValue,
    TextValue,
    TimeValue,
    TokenValue,
    UriValue,
    Value,
)
from careloom.fhir.search_values import TEXT_LENGTH, normal_text, precision_span, time_span

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

_ZONE_SPACE = re.compile(r"(T[\d:.]+) (\d\d:\d\d)$")


def read_value(parameter: Parameter, modifier: str, text: str, target: str) -> Value:
    """One value of a parameter. raises QueryError."""
    code = parameter.code
    if modifier == "missing":
        if text not in ("true", "false"):
            raise QueryError(f"{code}:missing is neither true nor false", "write true or false")
        if any(use.only for use in parameter.uses):
            slots = " or ".join(dict.fromkeys(use.slot for use in parameter.uses))
            raise QueryError(f"{code}:missing is not answered", f"ask for {slots}:missing")
        return MissingValue(text == "true")
    if modifier in ("in", "not-in"):
        return UriValue(unescape(text))
    if modifier == "identifier" or parameter.kind == "token":
        token = read_token(code, text)
        if modifier in ("above", "below") and not token.system:
            raise QueryError(f"a value of {code}:{modifier} names no system", "write system|code")
        return token
    if parameter.kind == "reference":
        return _reference(parameter, text, target)
    if parameter.kind == "string":
        return _text(parameter, modifier, unescape(text))
    if parameter.kind == "date":
        return read_time(code, text)
    if parameter.kind == "number":
        return _number(code, unescape(text))
    if parameter.kind == "quantity":
        return _quantity(code, text)
    return UriValue(unescape(text))


def read_token(code: str, text: str) -> TokenValue:
    """``code``, ``system|code`` or ``|code``. raises QueryError."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) > 2:
        raise QueryError(f"a value of {code} has more than one |", "write system|code; a | inside is written \\|")
    if not parts[-1]:
        raise QueryError(f"a value of {code} names a system without a code", "name a code too: system|code")
    return TokenValue(parts[0] if len(parts) == 2 else None, parts[-1])


def _reference(parameter: Parameter, text: str, target: str) -> ReferenceValue:
    text = unescape(text).partition("/_history/")[0]
    head, _, tail = text.partition("/")
    if head in resource_types() and tail and "/" not in tail:
        if target and target != head:
            raise QueryError(f"{parameter.code} names two different types", "name the type once")
        return ReferenceValue((head,), tail)
    if ":" in text or "/" in text:
        return ReferenceValue(url=text)
    types = (target,) if target else parameter.targets
    if not types:
        raise QueryError(f"{parameter.code} may point to any type", "write Type/id instead of the id alone")
    return ReferenceValue(types, text)


def _text(parameter: Parameter, modifier: str, text: str) -> TextValue:
    if modifier == "exact":
        return TextValue(text)
    length = len(normal_text(text))
    if not length:
        raise QueryError(
            f"a value of {parameter.code} has no character to compare", "give at least one letter or digit"
        )
    if length > TEXT_LENGTH and "string" in parameter.emits:
        remedy = f"give the first {TEXT_LENGTH} characters, or the whole text with :exact"
        raise QueryError(f"a value of {parameter.code} has more than {TEXT_LENGTH} characters", remedy)
    return TextValue(text)


def read_text(code: str, text: str) -> TextValue:
    """A text to be looked for in others. raises QueryError."""
    if not normal_text(text):
        raise QueryError(f"a value of {code} has no character to compare", "give at least one letter or digit")
    return TextValue(text)


def _prefixed(text: str) -> tuple[Prefix, str]:
    return (cast(Prefix, text[:2]), text[2:]) if text[:2] in PREFIXES else ("eq", text)


def read_time(code: str, text: str) -> TimeValue:
    """A time after a prefix, ``eq`` if there is none. raises QueryError."""
    prefix, rest = _prefixed(unescape(text))
    span = time_span(_ZONE_SPACE.sub(r"\1+\2", rest))
    if span is None:
        remedy = "write it as 2024, 2024-05, 2024-05-17 or 2024-05-17T10:15:00Z, after eq ne gt lt ge le sa eb or ap"
        raise QueryError(f"a value of {code} is no time", remedy)
    return TimeValue(prefix, *span)


def _number(code: str, text: str) -> NumberValue:
    prefix, rest = _prefixed(text)
    span = precision_span(rest)
    if span is None:
        raise QueryError(
            f"a value of {code} is no number", "write it as 5.4 or 1e2, after eq ne gt lt ge le sa eb or ap"
        )
    return NumberValue(prefix, *span)


def _quantity(code: str, text: str) -> QuantityValue:
    parts = [unescape(part) for part in split(text, "|")]
    number = _number(code, parts[0])
    if len(parts) == 1:
        return QuantityValue(number)
    if len(parts) != 3 or not parts[2]:
        raise QueryError(f"a value of {code} has half a unit", "write 5.4|http://unitsofmeasure.org|mg or 5.4||mg")
    return QuantityValue(number, parts[1] or None, parts[2])


def alternatives(code: str, value: str) -> list[str]:
    """The texts between commas, with their escapes. raises QueryError if one is empty."""
    parts = split(value, ",")
    if "" in parts:
        raise QueryError(f"{code} has an empty value", "leave it out, or give a value")
    return parts


def split(text: str, separator: str) -> list[str]:
    r"""The parts of a text between separators that no ``\`` escapes; the parts keep their escapes."""
    if "\\" not in text:
        return text.split(separator)
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    r"""A text with ``\,`` ``\|`` ``\$`` and ``\\`` read."""
    return re.sub(r"\\([\\,|$])", r"\1", text) if "\\" in text else text
