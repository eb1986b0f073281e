"""FHIR R4 JSON that rules change in place: checked when it is read, its elements as nodes of FHIRPath.

A node is a place in the JSON, so that what one rule had is known when another finds it. What is taken out leaves its
place empty until the JSON is written: the numbers of others in a list stay.
"""

from itertools import zip_longest
from typing import Any

from careloom.fhir.fhirpath_types import Form, by_key
from careloom.fhir.fhirpath_values import Node, all_children, children, type_of
from careloom.fhir.validate_tables import resource_types

Json = dict[str, Any]
_CARRIERS = frozenset({"Bundle", "Parameters"})
"""Resource types with resources in other elements than ``contained``."""


class ShapeError(Exception):
    """JSON that is no FHIR R4: an element or type that the specification does not have; holds no value."""


def read_resource(resource: Any) -> Json:
    """A copy of a resource for rules to change; an item alone where a list belongs stands in a list.

    raises  ShapeError naming the place where it is no FHIR R4
    """
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str) or kind not in resource_types():
        raise ShapeError("no resource type of FHIR R4")
    return {"resourceType": kind, **read_element({k: v for k, v in resource.items() if k != "resourceType"}, kind)}


def read_element(value: Any, kind: str) -> Json:
    """The same of an element of a type, or of a resource without its ``resourceType``. raises ShapeError"""
    if not isinstance(value, dict):
        raise ShapeError(f"{kind} is no JSON object")
    known, made = by_key(kind), {}
    for key, item in value.items():
        if key not in known:
            raise ShapeError(f"{kind} has an element that FHIR R4 does not know")
        form = known[key][1]
        if item is not None:
            made[key] = _read(item, form, kind, is_beside=key != form.key)
    return made


def _read(item: Any, form: Form, owner: str, *, is_beside: bool) -> Any:
    if form.many:
        return [_read_one(one, form, owner, is_beside) for one in (item if isinstance(item, list) else [item])]
    if isinstance(item, list) and (is_beside or not form.primitive):
        raise ShapeError(f"{owner}.{form.key} is a list")
    return _read_one(item, form, owner, is_beside)


def _read_one(item: Any, form: Form, owner: str, is_beside: bool) -> Any:
    if form.primitive and not is_beside:
        if isinstance(item, dict | list):
            raise ShapeError(f"{owner}.{form.key} is no plain value")
        return item
    if item is None and form.primitive:
        return None
    if form.kind == "Resource":
        return read_resource(item)
    return read_element(item, "Element" if form.primitive else form.kind)


def written(held: Json) -> Json:
    """The JSON without elements that hold neither a value nor other elements; resources stay."""
    out: Json = {}
    for key in held:
        name = key.removeprefix("_")
        if name != key and name in held:
            continue
        value, beside = _filled(held.get(name)), _filled(held.get("_" + name))
        if value.__class__ is list or beside.__class__ is list:
            value, beside = _lists(value or [], beside or [])
        if value is not None:
            out[name] = value
        if beside is not None:
            out["_" + name] = beside
    return out


def _filled(value: Any) -> Any:
    if value.__class__ is dict:
        return written(value) or None
    return [_filled(item) for item in value] if value.__class__ is list else value


def _lists(values: list[Any], beside: list[Any]) -> tuple[list[Any] | None, list[Any] | None]:
    """Both lists without the items that are empty in both; None for one that holds nothing."""
    pairs = [pair for pair in zip_longest(values, beside) if pair != (None, None)]
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    first, second = (side if any(item is not None for item in side) else None for side in sides)
    return first, second


def is_resource(node: Node) -> bool:
    """True for a resource, contained ones and those of entries too."""
    return node.value.__class__ is dict and "resourceType" in node.value


def is_primitive(node: Node) -> bool:
    """True for an element of a primitive type, whether or not it has a value."""
    return node.value.__class__ is not dict


def value_of(node: Node) -> Any:
    """What a primitive holds; None for others, and for one that is empty."""
    return None if node.value.__class__ is dict or node.value == "" else node.value


def name_of(node: Node) -> str:
    """The name of an element in paths, ``value`` for ``valueQuantity``; "" of the outermost resource."""
    return "" if node.parent is None else by_key(node.parent.kind)[node.key][0]


def kind_of(node: Node) -> str:
    """The type of an element as paths know it: ``BackboneElement`` for what has none of its own."""
    return type_of(node).name if "." in node.kind else node.kind


def own(node: Node) -> list[Node]:
    """Everything below but contained resources, resources of entries, and what they hold; parents first."""
    found: list[Node] = []
    for child in all_children(node):
        if child.value.__class__ is not dict and child.beside is None:
            found.append(child)
        elif not is_resource(child):
            found.append(child)
            found += own(child)
    return found


def inside(resource: Node) -> list[Node]:
    """The resources that stand directly in a resource: contained ones, those of entries, and those of parameters."""
    if resource.kind not in _CARRIERS:
        return children(resource, "contained")
    found: list[Node] = []
    waiting = [resource]
    while waiting:
        for child in all_children(waiting.pop()):
            (found if is_resource(child) else waiting).append(child)
    return found


def put(node: Node, value: Any) -> None:
    """Gives a primitive that value, in the JSON too; None takes it away."""
    node.value = value
    _set(_holder(node), node.key, node.index, value)


def remove(node: Node) -> None:
    """Empties the place of an element."""
    held = _holder(node)
    for key in (node.key, "_" + node.key):
        if key in held:
            _set(held, key, node.index, None)


def add(node: Node, child: Node) -> None:
    """Puts an element of another JSON among the children of a node: after those of its list, or in its only place."""
    held, index = _inner(node), child.index
    if index >= 0:
        index = max(len(held.get(child.key) or ()), len(held.get("_" + child.key) or ()))
    _set(held, child.key, index, child.value)
    if child.beside is not None:
        _set(held, "_" + child.key, index, child.beside)


def _holder(node: Node) -> Json:
    if node.parent is None:
        raise ValueError("the outermost resource hangs nowhere")
    held: Json = node.parent.value
    return held


def _inner(node: Node) -> Json:
    """The JSON in which the children of a node stand; of a primitive what stands beside it."""
    if not is_primitive(node):
        held: Json = node.value
        return held
    if node.beside is None:
        node.beside = {}
        _set(_holder(node), "_" + node.key, node.index, node.beside)
    inner: Json = node.beside
    return inner


def _set(held: Json, key: str, index: int, value: Any) -> None:
    if index < 0:
        held[key] = value
        return
    if not isinstance(held.get(key), list):
        held[key] = []
    values: list[Any] = held[key]
    values.extend([None] * (index + 1 - len(values)))
    values[index] = value
