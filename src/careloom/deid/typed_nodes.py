"""A resource as a tree of typed nodes that rules can change in place: FHIR R4's own types, choices without suffix."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.fhir.validate_tables import resource_types, type_table

Json = dict[str, Any]


class ShapeError(Exception):
    """JSON that is no FHIR R4: an element or type that the specification does not have; holds no value."""


class Node:
    """One element.

    name       as in paths: ``value`` for ``valueQuantity``
    kind       its FHIR type: ``HumanName``, ``date``, ``BackboneElement``, ``Patient``
    structure  the name of its type's table: ``Patient.contact`` for a backbone element
    value      what a primitive holds; None for others, and for a primitive whose value was removed
    many       True for one of a list; choice  True where JSON names the type with the element
    """

    __slots__ = ("children", "choice", "is_resource", "kind", "many", "name", "parent", "structure", "value")

    def __init__(self, name: str, kind: str, structure: str, parent: "Node | None") -> None:
        self.name = name
        self.kind = kind
        self.structure = structure
        self.parent = parent
        self.value: Any = None
        self.children: list[Node] = []
        self.is_resource = False
        self.many = False
        self.choice = False

    def named(self, name: str) -> list["Node"]:
        """The children of that name."""
        return [child for child in self.children if child.name == name]

    def descendants(self) -> Iterator["Node"]:
        """Everything below, resources inside too; parents first."""
        for child in self.children:
            yield child
            yield from child.descendants()

    def own(self) -> Iterator["Node"]:
        """Everything below but contained resources, resources of entries, and what they hold."""
        for child in self.children:
            if not child.is_resource:
                yield child
                yield from child.own()

    def copy(self, parent: "Node | None") -> "Node":
        """The same again, below `parent`."""
        made = Node(self.name, self.kind, self.structure, parent)
        made.value, made.is_resource, made.many, made.choice = self.value, self.is_resource, self.many, self.choice
        made.children = [child.copy(made) for child in self.children]
        return made


def read_resource(resource: Json) -> Node:
    """The tree of a resource.

    raises  ShapeError naming the place where it is no FHIR R4
    """
    return _resource(resource, "", None)


def read_fragment(value: Json, like: Node) -> Node:
    """The tree of JSON that could stand where `like` stands. raises ShapeError"""
    made = Node(like.name, like.kind, like.structure, None)
    _fill(made, value)
    return made


def write_resource(node: Node) -> Json:
    """The JSON of a tree."""
    out: Json = {"resourceType": node.kind} if node.is_resource else {}
    for name in dict.fromkeys(child.name for child in node.children):
        _write_element(node.named(name), out)
    return out


def remove_empty(node: Node) -> None:
    """Takes out every element below that holds neither a value nor other elements; resources stay."""
    for child in node.children:
        if child.children:
            remove_empty(child)
    node.children = [child for child in node.children if child.children or child.value is not None or child.is_resource]


def _resource(resource: Any, name: str, parent: Node | None) -> Node:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str) or kind not in resource_types():
        raise ShapeError("no resource type of FHIR R4")
    node = Node(name, kind, kind, parent)
    node.is_resource = True
    _fill(node, {key: value for key, value in resource.items() if key != "resourceType"})
    return node


@dataclass(frozen=True, slots=True)
class _Slot:
    """What stands under one JSON property of a structure."""

    name: str
    kind: str
    structure: str
    many: bool
    choice: bool
    primitive: bool


@cache
def _slots(structure: str) -> dict[str, _Slot]:
    """JSON property -> what stands there; of a primitive also the property with ``_`` before its name."""
    found: dict[str, _Slot] = {}
    for key, element in type_table(structure).properties.items():
        inner = "Element" if element.primitive else element.kind
        kind = element.kind if element.primitive else _kind_of(element.kind)
        choice = element.name.endswith("[x]")
        name = element.name.removesuffix("[x]")
        found[key] = _Slot(name, kind, inner, element.many, choice, element.primitive)
        if element.primitive:
            found[f"_{key}"] = found[key]
    return found


def _kind_of(structure: str) -> str:
    """The type that paths know: backbone elements have no type of their own."""
    if "." not in structure:
        return structure
    return "BackboneElement" if "modifierExtension" in type_table(structure).properties else "Element"


def _fill(node: Node, value: Any) -> None:
    if not isinstance(value, dict):
        raise ShapeError(f"{node.structure} is no JSON object")
    slots = _slots(node.structure)
    for key, item in value.items():
        slot = slots.get(key)
        if slot is None:
            raise ShapeError(f"{node.structure} has an element that FHIR R4 does not know")
        if slot.primitive:
            if key[0] != "_":
                _primitives(node, slot, item, value.get(f"_{key}"))
            elif key[1:] not in value:
                _primitives(node, slot, None, item)
        elif item is not None:
            for one in _items(node, slot, item):
                _complex(node, slot, one)


def _items(node: Node, slot: _Slot, value: Any) -> list[Any]:
    """The items of an element; one alone is taken for a list of one, as the original takes it."""
    if not isinstance(value, list):
        return [value]
    if not slot.many:
        raise ShapeError(f"{node.structure}.{slot.name} is a list")
    return value


def _complex(parent: Node, slot: _Slot, value: Any) -> None:
    if slot.structure == "Resource":
        child = _resource(value, slot.name, parent)
    else:
        child = Node(slot.name, slot.kind, slot.structure, parent)
        _fill(child, value)
    child.many, child.choice = slot.many, slot.choice
    parent.children.append(child)


def _primitives(parent: Node, slot: _Slot, values: Any, siblings: Any) -> None:
    plain = [] if values is None else _items(parent, slot, values)
    beside = [] if siblings is None else _items(parent, slot, siblings)
    for index in range(max(len(plain), len(beside))):
        value = plain[index] if index < len(plain) else None
        if isinstance(value, dict | list):
            raise ShapeError(f"{parent.structure}.{slot.name} is no plain value")
        child = Node(slot.name, slot.kind, "Element", parent)
        child.value, child.many, child.choice = value, slot.many, slot.choice
        if index < len(beside) and beside[index] is not None:
            _fill(child, beside[index])
        parent.children.append(child)


def _write_element(nodes: list[Node], out: Json) -> None:
    first = nodes[0]
    key = first.name + (first.kind[0].upper() + first.kind[1:] if first.choice else "")
    if first.is_resource or not type_is_primitive(first.kind):
        written: list[Any] = [write_resource(node) for node in nodes]
        out[key] = written if first.many else written[0]
        return
    values = [node.value for node in nodes]
    beside = [write_resource(node) if node.children else None for node in nodes]
    if any(value is not None for value in values):
        out[key] = values if first.many else values[0]
    if any(beside):
        out[f"_{key}"] = beside if first.many else beside[0]


@cache
def type_is_primitive(kind: str) -> bool:
    """True for the primitive types of FHIR, which begin with a small letter."""
    return kind[:1].islower()
