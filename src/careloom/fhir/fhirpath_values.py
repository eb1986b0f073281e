"""What expressions work on: nodes of a resource with their types, and the values of FHIRPath itself.

A collection is a list. Its items are `Node` (an element of FHIR with its JSON), bool, int, Decimal, str, `Moment`,
`Quantity` and `TypeInfo`.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020); FHIR R4 4.0.1, section 2.9.1 "Using FHIRPath with FHIR"
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from careloom.fhir.fhirpath_errors import PathEvaluationError
from careloom.fhir.fhirpath_moments import UCUM_UNITS, Moment, moment
from careloom.fhir.fhirpath_types import Form, TypeName, by_key, forms, is_kind

Items = list[Any]
UCUM = "http://unitsofmeasure.org"
NUMBERS = Context(prec=34, Emax=99, Emin=-99, traps=[DivisionByZero, InvalidOperation, Overflow])
"""Arithmetic of decimals: 34 digits; beyond 1e99 there is no result."""
STRING_AT_MOST = 1_048_576
"""Characters of a string, as in FHIR."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit: UCUM, or a calendar unit such as ``year`` where `calendar`."""

    number: Decimal
    unit: str = "1"
    calendar: bool = False

    def __str__(self) -> str:
        if self.calendar:
            return f"{self.number:f} {self.unit}{'' if self.number == 1 else 's'}"
        return f"{self.number:f} '{self.unit}'"


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What ``type()`` tells of an item."""

    namespace: str
    name: str


class Node:
    """An element of a resource.

    value   its JSON: an object, or what a primitive holds; None for a primitive that holds extensions only
    kind    its FHIR type; a path (``Patient.contact``) for what has no type of its own
    beside  the object beside a primitive (``_birthDate``), or None
    parent, key, index  where it hangs: ``parent.value[key]``, and its number there or -1 where that is no list

    Two nodes are the same (``==``, in sets) where they stand at one place of one JSON, whatever is there by now. That
    is not equality as expressions have it, which compares what elements hold.
    """

    __slots__ = ("beside", "index", "key", "kind", "parent", "value")

    def __init__(
        self,
        value: Any,
        kind: str,
        beside: Any = None,
        parent: "Node | None" = None,
        key: str = "",
        index: int = -1,
    ) -> None:
        self.value = value
        self.kind = kind
        self.beside = beside
        self.parent = parent
        self.key = key
        self.index = index

    def __eq__(self, other: object) -> bool:
        return other.__class__ is Node and self.place == other.place

    def __hash__(self) -> int:
        return hash(self.place)

    @property
    def place(self) -> tuple[int, str, int]:
        """The object of the JSON in which it hangs (of a root itself), key and index; valid while the JSON lives."""
        return (id(self.value if self.parent is None else self.parent.value), self.key, self.index)


def resource_node(resource: Any, parent: Node | None = None, key: str = "", index: int = -1) -> Node:
    """The node of a resource; its type is its ``resourceType``."""
    kind = resource.get("resourceType") if resource.__class__ is dict else None
    return Node(resource, kind if kind.__class__ is str else "Resource", None, parent, key, index)


def children(node: Node, name: str) -> Items:
    """The children of that name, in order; a choice (``value``) whatever its type."""
    value = node.value
    if value.__class__ is not dict or node.beside is not None:
        return _of_primitive(node, name)
    several = forms(node.kind).get(name)
    if several is None:
        return []
    if len(several) == 1:
        return _children(node, several[0])
    return [child for form in several for child in _children(node, form)]


def _of_primitive(node: Node, name: str) -> Items:
    if name == "value" and node.value.__class__ is not dict:
        found = system(node)
        return [] if found is None else [found]
    if node.beside.__class__ is dict and name in ("id", "extension"):
        return children(Node(node.beside, "Element", None, node), name)
    return []


def _children(node: Node, form: Form) -> Items:
    key, beside_key, kind, primitive, _ = form
    value = node.value.get(key)
    beside = node.value.get(beside_key) if primitive else None
    if value is None and beside is None:
        return []
    if value.__class__ is list or beside.__class__ is list:
        return _listed(node, form, value, beside)
    if kind == "Resource":
        return [resource_node(value, node, key)]
    return [Node(value, kind, beside, node, key)]


def _listed(node: Node, form: Form, value: Any, beside: Any) -> Items:
    key, _, kind, primitive, _ = form
    values = value if value.__class__ is list else []
    if kind == "Resource":
        return [resource_node(one, node, key, index) for index, one in enumerate(values) if one is not None]
    if not primitive or beside.__class__ is not list:
        return [Node(one, kind, None, node, key, index) for index, one in enumerate(values) if one is not None]
    found = []
    for index in range(max(len(values), len(beside))):
        one = values[index] if index < len(values) else None
        other = beside[index] if index < len(beside) else None
        if one is not None or other is not None:
            found.append(Node(one, kind, other, node, key, index))
    return found


def all_children(node: Node) -> Items:
    """All children of a node, in the order of its JSON."""
    if node.value.__class__ is not dict or node.beside is not None:
        names = () if node.beside is None else ("id", "extension")
        return [child for name in names for child in _of_primitive(node, name)]
    known, held = by_key(node.kind), node.value
    found: Items = []
    for key in held:
        form = known.get(key)
        if form is not None and (key == form[1].key or form[1].key not in held):
            found += _children(node, form[1])
    return found


def system(item: Any) -> Any:
    """The value of an item in the types of FHIRPath; None for a primitive without a value, a node as it is otherwise.

    A Quantity of FHIR stays a node: see `quantity`.
    """
    if item.__class__ is not Node:
        return item
    value, kind = item.value, item.kind
    if value.__class__ is str:
        if kind in ("date", "dateTime", "instant", "time"):
            found = moment("dateTime" if kind == "instant" else kind, value)
            return value if found is None else found
        return value
    if value.__class__ is float:
        return Decimal(repr(value))
    if value.__class__ is int:
        return Decimal(value) if kind == "decimal" else value
    return item if value.__class__ is dict else value


def number_of(value: Any) -> Decimal | int | None:
    """An int or Decimal as it is; None for anything else, booleans too."""
    return value if value.__class__ is int or value.__class__ is Decimal else None


def quantity(item: Any) -> Quantity | None:
    """A Quantity of FHIRPath or of FHIR as Quantity; None for anything else, and where it has a comparator."""
    if item.__class__ is Quantity:
        return item
    if item.__class__ is not Node or item.value.__class__ is not dict or not is_kind(item.kind, "Quantity"):
        return None
    held = item.value
    number = number_of(system(Node(held.get("value"), "decimal")))
    if number is None or "comparator" in held:
        return None
    code = held.get("code") if held.get("system") == UCUM else None
    unit = code if code.__class__ is str else held.get("unit")
    if unit in ("a", "mo") and code is not None:
        return Quantity(Decimal(number), UCUM_UNITS[unit], calendar=True)
    return Quantity(Decimal(number), unit if unit.__class__ is str and unit else "1")


def type_of(item: Any) -> TypeInfo:
    """The type of an item."""
    if item.__class__ is Node:
        kind = item.kind
        if "." in kind:
            kind = "BackboneElement" if is_kind(kind, "BackboneElement") else "Element"
        return TypeInfo("FHIR", kind)
    names: dict[type, str] = {bool: "Boolean", int: "Integer", Decimal: "Decimal", str: "String", Quantity: "Quantity"}
    if item.__class__ is Moment:
        return TypeInfo("System", {"date": "Date", "dateTime": "DateTime", "time": "Time"}[item.kind])
    return TypeInfo("System", names.get(item.__class__, "Any"))


def is_of_type(item: Any, wanted: TypeName) -> bool:
    """True where an item has that type or one made from it."""
    if item.__class__ is Node:
        return wanted.namespace != "System" and is_kind(item.kind, wanted.name)
    return wanted.namespace != "FHIR" and (wanted.name == "Any" or type_of(item).name == wanted.name)


def single(items: Items, what: str = "this") -> Any:
    """The only item in the types of FHIRPath; None for none.

    raises  PathEvaluationError where there are several
    """
    if not items:
        return None
    if len(items) > 1:
        raise PathEvaluationError(
            f"{what} has several items where one is wanted", "Choose one: first(), [0], where(...)."
        )
    return system(items[0])


def as_boolean(items: Items) -> bool | None:
    """What a collection says where a truth is wanted: one item that is no boolean is true.

    raises  PathEvaluationError where there are several
    """
    value = single(items, "a condition")
    if value is None:
        return True if items and items[0].__class__ is Node and items[0].beside is not None else None
    return value if value.__class__ is bool else True


def text_of(value: Any) -> str | None:
    """A value as ``toString()`` says it; None where it has no text."""
    if value.__class__ is str:
        return value
    if value.__class__ is bool:
        return "true" if value else "false"
    if value.__class__ is Decimal:
        return format(value, "f")
    if value.__class__ in (int, Moment, Quantity):
        return str(value)
    found = quantity(value)
    return None if found is None else str(found)


def plain(item: Any) -> Any:
    """An item as JSON has it: of a node its JSON, of a moment its text, of a quantity a FHIR Quantity."""
    if item.__class__ is Node:
        return item.value
    if item.__class__ is Moment:
        return item.text
    if item.__class__ is Quantity:
        held = {"value": item.number, "unit": item.unit}
        return held if item.calendar else {**held, "system": UCUM, "code": item.unit}
    return {"namespace": item.namespace, "name": item.name} if item.__class__ is TypeInfo else item


def each_below(nodes: Items) -> Iterator[Node]:
    """Every node below some nodes, parents before children, in document order."""
    stack = [iter([child for node in nodes if node.__class__ is Node for child in all_children(node)])]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.__class__ is Node:
            yield child
            stack.append(iter(all_children(child)))
