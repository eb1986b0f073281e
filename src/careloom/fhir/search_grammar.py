"""FHIR search requests: text or parameters in, a typed `Query` out, or a QueryError that says what is understood.

Messages name parameters of the standard by their code and anything else by its position: a searched value may identify
a patient and is never repeated.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import cast
from urllib.parse import parse_qsl

from careloom.errors import QueryError
from careloom.fhir.search_parameters import parameters, resource_types
from careloom.fhir.search_query import Criterion, Query, TimeValue, Total
from careloom.fhir.search_texts import alternatives, read_time, read_value, split, unescape

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
            ids.append(tuple(unescape(part) for part in alternatives(name, value)))
        elif name == "_lastUpdated":
            updated.append(tuple(read_time(name, part) for part in alternatives(name, value)))
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
        count += len(split(value, ","))
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
    values = tuple(read_value(parameter, modifier, part, target) for part in alternatives(code, value))
    return Criterion(parameter, modifier, values)


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
