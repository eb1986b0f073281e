"""FHIR search requests: text or parameters in, a typed `Query` out, or a QueryError that says what is understood.

Messages name parameters of the standard by their code and anything else by its position: a searched value may identify
a patient and is never repeated.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import cast
from urllib.parse import parse_qsl

from careloom.errors import QueryError
from careloom.fhir.search_parameters import Parameter, parameters, resource_types
from careloom.fhir.search_query import (
    Criterion,
    MissingValue,
    NumberValue,
    Prefix,
    QuantityValue,
    Query,
    ReferenceValue,
    TextValue,
    TimeValue,
    TokenValue,
    Total,
    UriValue,
    Value,
)
from careloom.fhir.search_values import TEXT_LENGTH, normal_text, precision_span, time_span

MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("missing", "not"),
    "string": ("exact", "missing"),
    "reference": ("identifier", "missing"),
    "date": ("missing",),
    "number": ("missing",),
    "quantity": ("missing",),
    "uri": ("missing",),
}
"""The modifiers that are understood for each kind of parameter; a reference also takes a type (``subject:Patient``)."""
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
MOST_PARAMETERS = 100
MOST_VALUES = 1000
"""Values of all parameters of a search together."""
CONTROLS = ("_count", "_sort", "_summary", "_total")
LATER = frozenset(
    {"_include", "_revinclude", "_has", "_elements", "_contained", "_containedType", "_filter", "_query", "_text"}
    | {"_content", "_list", "_type", "_source"}
)
IGNORED = frozenset({"_format", "_pretty"})
"""They shape an answer, not its matches."""

_ZONE_SPACE = re.compile(r"(T[\d:.]+) (\d\d:\d\d)$")


def parse_search(text: str) -> Query:
    """The query that ``Type?name=value&...`` asks; percent escapes and ``+`` are decoded.

    raises  QueryError
    """
    resource_type, _, rest = text.partition("?")
    return _parse(resource_type.strip().lstrip("/"), pairs_of(rest))


def pairs_of(text: str) -> list[tuple[str, str]]:
    """The names and values of ``name=value&...``, decoded, in order.

    raises  QueryError
    """
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise QueryError("the search is not UTF-8 after percent decoding", "encode its values as UTF-8") from None
    except ValueError:
        raise QueryError("the search has too many parameters", f"give at most {MOST_PARAMETERS}") from None


def parse_parameters(resource_type: str, given: Mapping[str, Sequence[str]]) -> Query:
    """The query that decoded parameters ask; a name that stands n times has n values in its list.

    raises  QueryError
    """
    pairs = [(name, value) for name, values in given.items() for value in values]
    if len(pairs) > MOST_PARAMETERS:
        raise QueryError("the search has too many parameters", f"give at most {MOST_PARAMETERS}")
    return _parse(resource_type, pairs)


def _parse(resource_type: str, pairs: Sequence[tuple[str, str]]) -> Query:
    if resource_type not in resource_types():
        near = get_close_matches(resource_type, resource_types(), n=3, cutoff=0.6)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "write it as FHIR R4 does, for example Observation?code=..."
        )
        raise QueryError("the search names no FHIR resource type", hint)
    _refuse_too_many(pairs)
    criteria: list[Criterion] = []
    ids: list[tuple[str, ...]] = []
    updated: list[tuple[TimeValue, ...]] = []
    controls: dict[str, str] = {}
    for position, (name, value) in enumerate(pairs, 1):
        if name in IGNORED:
            continue
        if name in CONTROLS:
            if name in controls:
                raise QueryError(f"{name} is given twice", "give it once")
            controls[name] = value
        elif name == "_id":
            ids.append(tuple(_unescape(part) for part in _alternatives(name, value)))
        elif name == "_lastUpdated":
            updated.append(tuple(_time(name, part) for part in _alternatives(name, value)))
        else:
            criteria.append(_criterion(resource_type, name, value, position))
    return Query(
        resource_type,
        tuple(criteria),
        tuple(ids),
        tuple(updated),
        count=_count(controls.get("_count")),
        sort="_lastUpdated" if "_lastUpdated" in controls.get("_sort", "") else "_id" if "_sort" in controls else "",
        is_descending=_is_descending(controls.get("_sort")),
        total=_total(controls.get("_total")),
        is_count_only=_is_count_only(controls),
    )


def _refuse_too_many(pairs: Sequence[tuple[str, str]]) -> None:
    count = 0
    for _, value in pairs:
        count += len(_split(value, ","))
        if count > MOST_VALUES:
            raise QueryError("the search has too many values", f"give at most {MOST_VALUES} in all")


def _criterion(resource_type: str, name: str, value: str, position: int) -> Criterion:
    code, _, modifier = name.partition(":")
    if code in LATER:
        raise QueryError(f"{code} is not answered yet", "search without it")
    if "." in name:
        raise QueryError(f"parameter {position} of the search is chained", "chains are not answered yet: search twice")
    parameter = parameters(resource_type).get(code)
    if parameter is None:
        known = [*parameters(resource_type), "_id", "_lastUpdated"]
        near = get_close_matches(code, known, n=4, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"{resource_type} has {', '.join(known)}"
        raise QueryError(f"parameter {position} of the search is none of {resource_type}'s", hint)
    target = ""
    if parameter.kind == "reference" and modifier in resource_types():
        modifier, target = "", modifier
    if modifier and modifier not in MODIFIERS[parameter.kind]:
        known = [f":{one}" for one in MODIFIERS[parameter.kind]]
        raise QueryError(f"the modifier of {code} is not answered", f"a {parameter.kind} takes {', '.join(known)}")
    if name.endswith(":"):
        raise QueryError(f"the modifier of {code} is empty", "leave the colon out")
    values = tuple(_value(parameter, modifier, part, target) for part in _alternatives(code, value))
    return Criterion(parameter, modifier, values)


def _value(parameter: Parameter, modifier: str, text: str, target: str) -> Value:
    code = parameter.code
    if modifier == "missing":
        if text not in ("true", "false"):
            raise QueryError(f"{code}:missing is neither true nor false", "write true or false")
        if any(use.only for use in parameter.uses):
            slots = " or ".join(dict.fromkeys(use.slot for use in parameter.uses))
            raise QueryError(f"{code}:missing is not answered", f"ask for {slots}:missing")
        return MissingValue(text == "true")
    if modifier == "identifier" or parameter.kind == "token":
        return _token(code, text)
    if parameter.kind == "reference":
        return _reference(parameter, text, target)
    if parameter.kind == "string":
        return _text(parameter, modifier, _unescape(text))
    if parameter.kind == "date":
        return _time(code, text)
    if parameter.kind == "number":
        return _number(code, _unescape(text))
    if parameter.kind == "quantity":
        return _quantity(code, text)
    return UriValue(_unescape(text))


def _token(code: str, text: str) -> TokenValue:
    parts = [_unescape(part) for part in _split(text, "|")]
    if len(parts) > 2:
        raise QueryError(f"a value of {code} has more than one |", "write system|code; a | inside is written \\|")
    if not parts[-1]:
        raise QueryError(f"a value of {code} names a system without a code", "name a code too: system|code")
    return TokenValue(parts[0] if len(parts) == 2 else None, parts[-1])


def _reference(parameter: Parameter, text: str, target: str) -> ReferenceValue:
    text = _unescape(text).partition("/_history/")[0]
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


def _prefixed(text: str) -> tuple[Prefix, str]:
    return (cast(Prefix, text[:2]), text[2:]) if text[:2] in PREFIXES else ("eq", text)


def _time(code: str, text: str) -> TimeValue:
    prefix, rest = _prefixed(_unescape(text))
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
    parts = [_unescape(part) for part in _split(text, "|")]
    number = _number(code, parts[0])
    if len(parts) == 1:
        return QuantityValue(number)
    if len(parts) != 3 or not parts[2]:
        raise QueryError(f"a value of {code} has half a unit", "write 5.4|http://unitsofmeasure.org|mg or 5.4||mg")
    return QuantityValue(number, parts[1] or None, parts[2])


def _alternatives(code: str, value: str) -> list[str]:
    parts = _split(value, ",")
    if "" in parts:
        raise QueryError(f"{code} has an empty value", "leave it out, or give a value")
    return parts


def _split(text: str, separator: str) -> list[str]:
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


def _unescape(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text) if "\\" in text else text


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise QueryError("_count is no number", "give a number from 0 on")
    return int(text)


def _is_descending(text: str | None) -> bool:
    if text is not None and text.removeprefix("-") not in ("_id", "_lastUpdated"):
        raise QueryError("_sort is not answered so", "sort by one of _id, -_id, _lastUpdated, -_lastUpdated")
    return text is not None and text.startswith("-")


def _total(text: str | None) -> Total:
    if text not in (None, "none", "estimate", "accurate"):
        raise QueryError("_total is not understood", "write none, estimate or accurate")
    return cast(Total, text or "none")


def _is_count_only(controls: Mapping[str, str]) -> bool:
    summary = controls.get("_summary", "false")
    if summary not in ("count", "false"):
        raise QueryError("_summary is not answered so yet", "write count or false")
    return summary == "count" or _count(controls.get("_count")) == 0
