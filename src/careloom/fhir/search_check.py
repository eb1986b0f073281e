"""Whether a resource meets the conditions that no index answers: its content is read, by the programs of the index.

Comparisons are those of ``careloom.store.search_plan``, in Python: see ``docs/reference/search.md``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from careloom.fhir.search_interpret import EMITTERS, Entry, nodes_of
from careloom.fhir.search_own import places_of
from careloom.fhir.search_parameters import Component, Composite, Parameter, parameters, resource_types, slots
from careloom.fhir.search_query import (
    Check,
    CompositeValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    TextValue,
    TimeValue,
    TokenValue,
    UriValue,
    Value,
)
from careloom.fhir.search_units import Bounds, bounds_by_unit, bounds_of
from careloom.fhir.search_values import Span, normal_text

StoredIds = Callable[[str, str], Sequence[str]]
"""The ids under which a (type, id) of a request may be stored."""


def meets(resource: dict[str, Any], check: Check, stored_ids: StoredIds) -> bool:
    """True when the resource meets the condition."""
    if isinstance(check.parameter, Composite):
        return _meets_composite(resource, check.parameter, check.values, stored_ids)
    found = list(places(resource, check.parameter))
    if check.modifier in ("contains", "text"):
        words = [normal_text(value.text) for value in check.values if isinstance(value, TextValue)]
        texts = (text for node, _ in found for text in _texts(node))
        if check.modifier == "text":
            return any(text.startswith(one) for text in texts for one in words)
        return any(one in text for text in texts for one in words)
    if check.modifier == "of-type":
        return any(
            _is_of_type(node, value) for node, _ in found for value in check.values if isinstance(value, CompositeValue)
        )
    entries = [(entry, only) for node, (emits, only) in found for entry in EMITTERS[emits]("", node)]
    if check.modifier == "below":
        return any(
            _is_below(entry[2], value.uri)
            for entry, _ in entries
            for value in check.values
            if isinstance(value, UriValue)
        )
    return any(
        (not only or entry[2] == only) and fits(entry, value, check.parameter, stored_ids)
        for entry, only in entries
        for value in check.values
    )


def references(resource: dict[str, Any], parameter: Parameter) -> Iterator[tuple[str, str]]:
    """(type, id) of every resource that a parameter points to by a relative reference."""
    for node, (emits, only) in places(resource, parameter):
        for entry in EMITTERS[emits]("", node) if emits == "Reference" else ():
            target, _, name = entry[2].partition("/") if entry[0] == "r" else ("", "", "")
            if name and "/" not in name and target in resource_types() and only in ("", target):
                yield target, name


def places(resource: dict[str, Any], parameter: Parameter) -> Iterator[tuple[Any, tuple[str, str]]]:
    """Where a parameter reads: nodes with (what the index makes of it, the one system or type it wants)."""
    if parameter.expression:
        yield from ((node, (emits, "")) for emits, node in places_of(resource, parameter))
        return
    known = slots(parameter.resource_type)
    for use in parameter.uses:
        for program in known[use.slot].programs:
            if program.emits != "Deceased":
                for node in nodes_of(resource, program.steps):
                    yield node, (program.emits, use.only)


def _texts(node: Any) -> Iterator[str]:
    """The normal texts of a node: itself, or what people call a code."""
    if isinstance(node, str):
        yield normal_text(node)
    elif isinstance(node, dict):
        kind = node.get("type")
        holders = [node, *_listed(node.get("coding")), *([kind] if isinstance(kind, dict) else [])]
        for holder in holders:
            for name in ("text", "display"):
                if isinstance(holder, dict) and isinstance(holder.get(name), str):
                    yield normal_text(holder[name])


def _is_of_type(node: Any, value: CompositeValue) -> bool:
    """True for an identifier with that value, one of whose types is that code."""
    kind, number = value.parts
    if not isinstance(node, dict) or not isinstance(kind, TokenValue) or not isinstance(number, TokenValue):
        return False
    held = node.get("type")
    types = _listed(held.get("coding")) if isinstance(held, dict) else []
    codes = [(one.get("system"), one.get("code")) for one in types if isinstance(one, dict)]
    return node.get("value") == number.code and (kind.system, kind.code) in codes


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_below(stored: str, asked: str) -> bool:
    return stored == asked or ("://" in asked and stored.startswith(asked.rstrip("/") + "/"))


def _meets_composite(
    resource: dict[str, Any], composite: Composite, values: Iterable[Value], stored_ids: StoredIds
) -> bool:
    wanted = [value for value in values if isinstance(value, CompositeValue)]
    own = parameters(composite.resource_type)
    for base in composite.bases:
        for part in nodes_of(resource, base):
            entries = [list(_entries(resource, part, component)) for component in composite.components]
            for value in wanted:
                asked = zip(entries, value.parts, composite.components, strict=True)
                if all(
                    any(fits(e, one, own[component.code], stored_ids) for e in found) for found, one, component in asked
                ):
                    return True
    return False


def _entries(resource: dict[str, Any], part: Any, component: Component) -> Iterator[Entry]:
    start = resource if component.of_root else part
    for program in component.programs:
        for node in nodes_of(start, program.steps):
            yield from EMITTERS[program.emits]("", node)


def fits(entry: Entry, value: Value, parameter: Parameter, stored_ids: StoredIds) -> bool:
    """True when an entry of the index, as `careloom.fhir.search_index.extract` gives it, is what a value asks for."""
    kind, _, *what = entry
    if isinstance(value, TokenValue):
        is_system = value.system in (None, what[0]) or (not what[0] and value.system in parameter.systems)
        return is_system and (not value.code or what[1] == value.code)
    if isinstance(value, ReferenceValue):
        ids = {f"{one}/{stored}" for one in value.types for stored in stored_ids(one, value.id)}
        return what[0] in ids or (bool(value.url) and what[0] == value.url)
    if isinstance(value, TextValue):
        stored, asked = normal_text(what[0]), normal_text(value.text)
        return stored == asked if kind == "w" else stored.startswith(asked)
    if isinstance(value, UriValue):
        return bool(what[0] == value.uri)
    if isinstance(value, TimeValue):
        return _fits_time(value, (what[0], what[1]))
    if isinstance(value, QuantityValue):
        if value.code is None:
            return _fits_number(value.number.prefix, bounds_of(value.number), what[0], what[1])
        bounds = bounds_by_unit(value).get(what[3]) if value.system in (None, what[2]) else None
        return bounds is not None and _fits_number(value.number.prefix, bounds, what[0], what[1])
    return isinstance(value, NumberValue) and _fits_number(value.prefix, bounds_of(value), what[0], what[1])


def _fits_time(value: TimeValue, stored: Span) -> bool:
    low, high = stored
    first, end, around = value.low, value.high, value.high - value.low
    return {
        "eq": low >= first and high <= end,
        "ne": low < first or high > end,
        "gt": high > end,
        "lt": low < first,
        "ge": low >= first or high > end,
        "le": low < first or high <= end,
        "sa": low >= end,
        "eb": high <= first,
        "ap": low < end + around and high > first - around,
    }[value.prefix]


def _fits_number(prefix: str, bounds: Bounds, low: float, high: float) -> bool:
    asked = bounds.asked
    return {
        "eq": low >= bounds.low and high < bounds.high,
        "ne": low < bounds.low or high >= bounds.high,
        "gt": high > asked,
        "lt": low < asked,
        "ge": high >= asked,
        "le": low <= asked,
        "sa": low > asked,
        "eb": high < asked,
        "ap": low <= bounds.over and high >= bounds.under,
    }[prefix]
