"""FHIRPath over trees of nodes: an expression is compiled once and then asked of many nodes.

The paths of Microsoft anonymizer configurations need the nodes themselves, not their JSON, for a rule changes them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from careloom.deid import fhirpath_grammar as grammar
from careloom.deid.fhirpath_functions import FUNCTIONS, OF_ITEMS, Items, Lazy, as_boolean, is_of_type, single, united
from careloom.deid.fhirpath_values import (
    Moment,
    PathError,
    Quantity,
    compared,
    equal,
    equivalent,
    is_number,
    later,
    moment,
    text_of,
)  # fmt: skip
from careloom.deid.typed_nodes import Node


@dataclass(frozen=True, slots=True)
class _Scope:
    """What ``$this``, ``$index``, ``$total``, ``%context`` and ``today()`` mean here."""

    this: Items
    index: int
    total: Items
    context: Items
    resource: Items
    today: date


_Step = Callable[[Items, _Scope], Items]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    _step: _Step

    def select(self, node: Node, today: date) -> Items:
        """What the expression finds at a node: nodes, or values that it made. raises PathError"""
        top = node
        while top.parent is not None and not top.is_resource:
            top = top.parent
        return self._step([node], _Scope([node], 0, [], [node], [top], today))

    def holds(self, node: Node, today: date) -> bool:
        """Whether a condition does not fail: an empty answer holds, as Microsoft's anonymizer takes it.

        raises  PathError
        """
        return as_boolean(self.select(node, today)) is not False

    def value(self, node: Node, today: date) -> Any:
        """The single value that the expression makes, as JSON has it; None for none. raises PathError"""
        found = single(self.select(node, today))
        if isinstance(found, Node | Quantity):
            raise PathError("a plain value is wanted")
        return str(found) if isinstance(found, Moment) else found


@lru_cache(4096)
def compiled(text: str) -> Expression:
    """An expression, ready to be asked. raises PathError if it is no FHIRPath, or needs what is not built here"""
    try:
        return Expression(_compile(grammar.parse(text)))
    except RecursionError:
        raise PathError("the expression is nested too deep") from None


def _compile(tree: Any) -> _Step:
    match tree:
        case grammar.Literal(value):
            found = [] if value is None else [value]
            return lambda focus, scope: found
        case grammar.Variable(name):
            return _variable(name)
        case grammar.Member(source, name):
            return _member(_source(source), name)
        case grammar.Call(source, name, arguments):
            return _call(_source(source), name, arguments)
        case grammar.Index(source, number):
            return _index(_source(source), _compile(number))
        case grammar.Negative(operand):
            return _negative(_compile(operand))
        case grammar.Operation("is" | "as" as sign, left, right):
            return _typed(_compile(left), sign, right)
        case grammar.Operation(sign, left, right):
            return _operation(sign, _compile(left), _compile(right))
    raise PathError("an expression of a kind that is not built here")


def _source(source: Any) -> _Step:
    return (lambda focus, scope: focus) if source is None else _compile(source)


def _variable(name: str) -> _Step:
    if name == "$this":
        return lambda focus, scope: scope.this
    if name == "$index":
        return lambda focus, scope: [scope.index]
    if name == "$total":
        return lambda focus, scope: scope.total
    if name == "%context":
        return lambda focus, scope: scope.context
    if name in ("%resource", "%rootResource"):
        return lambda focus, scope: scope.resource
    known = {"%ucum": "http://unitsofmeasure.org", "%sct": "http://snomed.info/sct", "%loinc": "http://loinc.org"}
    if name not in known:
        raise PathError("a variable that is not known here")
    return lambda focus, scope: [known[name]]


def _member(source: _Step, name: str) -> _Step:
    if name[0].isupper():  # a type: the root of a path, which may be left out

        def typed(focus: Items, scope: _Scope) -> Items:
            return [item for item in source(focus, scope) if isinstance(item, Node) and is_of_type(item, name)]

        return typed

    def member(focus: Items, scope: _Scope) -> Items:
        return [child for item in source(focus, scope) if isinstance(item, Node) for child in item.named(name)]

    return member


def _call(source: _Step, name: str, arguments: tuple[Any, ...]) -> _Step:
    if name in ("is", "as", "ofType"):
        return _typed(source, name, arguments[0])
    if name in ("today", "now") and not arguments:
        return lambda focus, scope: [moment("date", scope.today.isoformat())]
    if name == "aggregate" and len(arguments) in (1, 2):
        return _aggregate(source, *map(_compile, arguments))
    if name not in FUNCTIONS:
        raise PathError("a function that is not known here")
    function, fewest, most = FUNCTIONS[name]
    if not fewest <= len(arguments) <= most:
        raise PathError(f"{name}() takes {fewest if fewest == most else f'{fewest} to {most}'} arguments")
    steps = [_compile(argument) for argument in arguments]

    def call(focus: Items, scope: _Scope) -> Items:
        def of_items(step: _Step) -> Lazy:
            return lambda items, index: step(
                items, replace(scope, this=items, index=scope.index if index < 0 else index)
            )

        def of_focus(step: _Step) -> Lazy:
            return lambda items, index: step(focus, scope)

        lazy = of_items if name in OF_ITEMS else of_focus
        return function(source(focus, scope), *(lazy(step) for step in steps))

    return call


def _aggregate(source: _Step, step: _Step, start: _Step | None = None) -> _Step:
    def aggregate(focus: Items, scope: _Scope) -> Items:
        total = [] if start is None else start(focus, scope)
        for index, item in enumerate(source(focus, scope)):
            total = step([item], replace(scope, this=[item], index=index, total=total))
        return total

    return aggregate


def _index(source: _Step, number: _Step) -> _Step:
    def index(focus: Items, scope: _Scope) -> Items:
        at = single(number(focus, scope))
        if type(at) is not int:
            raise PathError("an index is no whole number")
        items = source(focus, scope)
        return [items[at]] if 0 <= at < len(items) else []

    return index


def _negative(operand: _Step) -> _Step:
    def negative(focus: Items, scope: _Scope) -> Items:
        value = single(operand(focus, scope))
        if value is None:
            return []
        if not is_number(value):
            raise PathError("the sign of what is no number")
        return [-value]

    return negative


def _typed(source: _Step, sign: str, kind: str) -> _Step:
    def typed(focus: Items, scope: _Scope) -> Items:
        items = source(focus, scope)
        if sign == "is":
            single(items)
            return [is_of_type(items[0], kind)] if items else []
        return [item for item in items if is_of_type(item, kind)]

    return typed


def _operation(sign: str, left: _Step, right: _Step) -> _Step:
    table = _LOGIC if sign in _LOGIC else _OPERATORS
    if sign not in table:
        raise PathError("an operator that is not known here")
    operate = table[sign]

    def operation(focus: Items, scope: _Scope) -> Items:
        return operate(left(focus, scope), right(focus, scope))

    return operation


def _logic(rule: Callable[[bool | None, bool | None], bool | None]) -> Callable[[Items, Items], Items]:
    def operate(one: Items, other: Items) -> Items:
        answer = rule(as_boolean(one), as_boolean(other))
        return [] if answer is None else [answer]

    return operate


def _and(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _or(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False


def _xor(one: bool | None, other: bool | None) -> bool | None:
    return None if one is None or other is None else one is not other


def _implies(one: bool | None, other: bool | None) -> bool | None:
    return _or(None if one is None else not one, other)


def _order(fits: Callable[[int], bool]) -> Callable[[Items, Items], Items]:
    def operate(one: Items, other: Items) -> Items:
        if not one or not other:
            return []
        single(one), single(other)
        order = compared(one[0], other[0])
        return [] if order is None else [fits(order)]

    return operate


def _equals(one: Items, other: Items, *, wanted: bool) -> Items:
    if not one or not other:
        return []
    answers = [equal(mine, theirs) for mine, theirs in zip(one, other, strict=False)]
    if len(one) != len(other) or False in answers:
        return [not wanted]
    return [] if None in answers else [wanted]


def _equivalent(one: Items, other: Items, *, wanted: bool) -> Items:
    same = len(one) == len(other) and all(any(equivalent(mine, theirs) for theirs in other) for mine in one)
    return [same is wanted]


def _in(one: Items, other: Items) -> Items:
    single(one)
    return [any(equal(one[0], each) for each in other)] if one else []


def _arithmetic(made: Callable[[Any, Any], Any]) -> Callable[[Items, Items], Items]:
    def operate(one: Items, other: Items) -> Items:
        left, right = single(one), single(other)
        if left is None or right is None:
            return []
        if not (is_number(left) and is_number(right)):
            raise PathError("arithmetic with what is no number")
        try:
            return [made(left, right)]
        except ArithmeticError:
            return []

    return operate


def _plus(one: Items, other: Items) -> Items:
    left, right = single(one), single(other)
    if isinstance(left, str) and isinstance(right, str):
        return [left + right]
    if isinstance(left, Moment) and isinstance(right, Quantity):
        return _found(later(left, right))
    return _arithmetic(lambda first, second: first + second)(one, other)


def _minus(one: Items, other: Items) -> Items:
    left, right = single(one), single(other)
    if isinstance(left, Moment) and isinstance(right, Quantity):
        return _found(later(left, Quantity(-right.number, right.unit)))
    return _arithmetic(lambda first, second: first - second)(one, other)


def _found(item: Any) -> Items:
    return [] if item is None else [item]


def _joined(one: Items, other: Items) -> Items:
    return ["".join("" if value is None else text_of(value) for value in (single(one), single(other)))]


def _whole(first: Any, second: Any) -> int:
    return int(Decimal(first) / Decimal(second))  # towards zero


_OPERATORS: dict[str, Callable[[Items, Items], Items]] = {
    "<": _order(lambda order: order < 0),
    "<=": _order(lambda order: order <= 0),
    ">": _order(lambda order: order > 0),
    ">=": _order(lambda order: order >= 0),
    "=": lambda one, other: _equals(one, other, wanted=True),
    "!=": lambda one, other: _equals(one, other, wanted=False),
    "~": lambda one, other: _equivalent(one, other, wanted=True),
    "!~": lambda one, other: _equivalent(one, other, wanted=False),
    "|": lambda one, other: united(one + other),
    "in": _in,
    "contains": lambda one, other: _in(other, one),
    "+": _plus,
    "-": _minus,
    "*": _arithmetic(lambda first, second: first * second),
    "/": _arithmetic(lambda first, second: Decimal(first) / Decimal(second)),
    "div": _arithmetic(_whole),
    "mod": _arithmetic(lambda first, second: first - second * _whole(first, second)),
    "&": _joined,
}
_LOGIC: dict[str, Callable[[Items, Items], Items]] = {
    "and": _logic(_and),
    "or": _logic(_or),
    "xor": _logic(_xor),
    "implies": _logic(_implies),
}
