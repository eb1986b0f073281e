"""Index entries of a resource by walking its path programs: slow, tolerant of any JSON, easy to check.

The truth that the generated extractors of `careloom.fhir.search_compile` are tested against, and what answers when a
resource has a shape they do not expect.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from careloom.fhir import search_values as values
from careloom.fhir.search_parameters import Slot, Step, slots

Entry = tuple[Any, ...]
"""See `careloom.fhir.search_index.extract`."""


def interpret(resource: dict[str, Any]) -> list[Entry]:
    """The entries of a resource, as `careloom.fhir.search_index.extract` gives them, in order of slot."""
    entries: list[Entry] = []
    present = []
    resource_type = resource.get("resourceType")
    for slot in slots(resource_type if isinstance(resource_type, str) else "").values():
        found = list(_slot_entries(slot, resource))
        entries += found
        if found:
            present.append(slot.name)
    entries.append(("p", "", ",".join(present)))
    return entries


def _slot_entries(slot: Slot, resource: dict[str, Any]) -> Iterator[Entry]:
    for program in slot.programs:
        if program.emits == "Deceased":
            yield _deceased(slot.name, resource)
            continue
        for node in nodes_of(resource, program.steps):
            yield from EMITTERS[program.emits](slot.name, node)


def nodes_of(start: Any, steps: Sequence[Step]) -> list[Any]:
    """What lies at the end of the steps, in order."""
    nodes = [start]
    for step in steps:
        nodes = [child for node in nodes for child in _children(node, step)]
    return nodes


def _children(node: Any, step: Step) -> list[Any]:
    child = node.get(step.name) if isinstance(node, dict) else None
    found = child if isinstance(child, list) else [child]
    if not step.field:
        return [one for one in found if one is not None]
    return [one for one in found if isinstance(one, dict) and one.get(step.field) == step.value]


def _deceased(slot: str, resource: dict[str, Any]) -> Entry:
    said = resource.get("deceasedBoolean") is True or isinstance(resource.get("deceasedDateTime"), str)
    return ("t", slot, "", "true" if said else "false")


def _code(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, str):
        yield ("t", slot, "", node)


def _boolean(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, bool):
        yield ("t", slot, "", "true" if node else "false")


def _coding(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, dict) and isinstance(node.get("code"), str) and isinstance(node.get("system", ""), str):
        yield ("t", slot, node.get("system", ""), node["code"])


def _concept(slot: str, node: Any) -> Iterator[Entry]:
    codings = node.get("coding") if isinstance(node, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        yield from _coding(slot, coding)


def _identifier(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, dict) and isinstance(node.get("value"), str) and isinstance(node.get("system", ""), str):
        yield ("i", slot, node.get("system", ""), node["value"])


def _reference(slot: str, node: Any) -> Iterator[Entry]:
    if not isinstance(node, dict):
        return
    if isinstance(node.get("reference"), str):
        key = values.reference_key(node["reference"])
        if key:
            yield ("r", slot, key)
    yield from _identifier(slot + ":identifier", node.get("identifier"))


def _canonical(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, str):
        yield ("u", slot, node)
        if "|" in node:
            yield ("u", slot, node.partition("|")[0])


def _uri(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, str):
        yield ("u", slot, node)


def _string(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, str):
        yield ("s", slot, node)


def _whole(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, str):
        yield ("w", slot, node)


def _date(slot: str, node: Any) -> Iterator[Entry]:
    span = values.time_span(node) if isinstance(node, str) else None
    if span:
        yield ("d", slot, *span)


def _birth_date(slot: str, node: Any) -> Iterator[Entry]:
    if isinstance(node, str) and len(node) <= 10 and values.time_span(node):
        yield ("b", slot, node)


def _spanned(kind: str, read: Callable[[dict[str, Any]], tuple[Any, ...] | None]) -> Callable[..., Iterator[Entry]]:
    def emit(slot: str, node: Any) -> Iterator[Entry]:
        span = read(node) if isinstance(node, dict) else None
        if span:
            yield (kind, slot, *span)

    return emit


def _number(slot: str, node: Any) -> Iterator[Entry]:
    point = values.number_point(node)
    if point is not None:
        yield ("n", slot, point, point)


def _number_range(slot: str, node: Any) -> Iterator[Entry]:
    span = values.range_span(node) if isinstance(node, dict) else None
    if span:
        yield ("n", slot, span[0], span[1])


EMITTERS: dict[str, Callable[[str, Any], Iterator[Entry]]] = {
    "code": _code,
    "boolean": _boolean,
    "Coding": _coding,
    "CodeableConcept": _concept,
    "Identifier": _identifier,
    "ContactPoint": _identifier,
    "Reference": _reference,
    "canonical": _canonical,
    "uri": _uri,
    "string": _string,
    "whole": _whole,
    "date": _date,
    "BirthDate": _birth_date,
    "Period": _spanned("d", values.period_span),
    "Timing": _spanned("d", values.timing_span),
    "Quantity": _spanned("q", values.quantity_span),
    "Money": _spanned("q", values.money_span),
    "Range": _spanned("q", values.range_span),
    "number": _number,
    "NumberRange": _number_range,
}
"""What the index makes of a node, by what the program emits."""
