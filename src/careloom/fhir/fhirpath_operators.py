"""Operators of FHIRPath on two collections.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), section 6
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from careloom.fhir import fhirpath_numbers as numbers
from careloom.fhir.fhirpath_collections import union
from careloom.fhir.fhirpath_compare import all_equal, all_equivalent, compare, key
from careloom.fhir.fhirpath_errors import PathEvaluationError
from careloom.fhir.fhirpath_scope import Scope
from careloom.fhir.fhirpath_values import Items, single, text_of

Operator = Callable[[Scope, Items, Items], Items]


def _equality(wanted: bool) -> Operator:
    def operate(scope: Scope, one: Items, other: Items) -> Items:
        scope.spend(min(len(one), len(other)))
        same = all_equal(one, other, utc=scope.environment.utc)
        return [] if same is None else [same is wanted]

    return operate


def _equivalence(wanted: bool) -> Operator:
    def operate(scope: Scope, one: Items, other: Items) -> Items:
        scope.spend(len(one) + len(other))
        return [all_equivalent(one, other) is wanted]

    return operate


def _order(fits: Callable[[int], bool]) -> Operator:
    def operate(scope: Scope, one: Items, other: Items) -> Items:
        if not one or not other:
            return []
        if len(one) > 1 or len(other) > 1:
            raise PathEvaluationError("several items are compared", "Choose one: first(), [0], where(...).")
        order = compare(one[0], other[0], utc=scope.environment.utc)
        return [] if order is None else [fits(order)]

    return operate


def _arithmetic(made: Callable[[Any, Any], Any]) -> Operator:
    def operate(_scope: Scope, one: Items, other: Items) -> Items:
        left, right = single(one, "an operand"), single(other, "an operand")
        if left is None or right is None:
            return []
        found = made(left, right)
        return [] if found is None else [found]

    return operate


def _joined(scope: Scope, one: Items, other: Items) -> Items:
    left, right = ("" if (value := single(items, "an operand")) is None else text_of(value) for items in (one, other))
    if left is None or right is None:
        raise PathEvaluationError("'&' joins what has no text", "Name an element that holds a text or a number.")
    scope.spend(1 + (len(left) + len(right)) // 64)
    return [numbers.joined(left, right)]


def _within(scope: Scope, one: Items, other: Items) -> Items:
    if not one:
        return []
    if not other:
        return [False]
    single(one, "the left of 'in'")
    scope.spend(len(other))
    wanted = key(one[0])
    return [any(key(item) == wanted for item in other)]


OPERATORS = MappingProxyType[str, Operator](
    {
        "<": _order(lambda order: order < 0),
        "<=": _order(lambda order: order <= 0),
        ">": _order(lambda order: order > 0),
        ">=": _order(lambda order: order >= 0),
        "=": _equality(wanted=True),
        "!=": _equality(wanted=False),
        "~": _equivalence(wanted=True),
        "!~": _equivalence(wanted=False),
        "|": union,
        "in": _within,
        "contains": lambda scope, one, other: _within(scope, other, one),
        "+": _arithmetic(numbers.add),
        "-": _arithmetic(numbers.subtract),
        "*": _arithmetic(numbers.multiply),
        "/": _arithmetic(numbers.divide),
        "div": _arithmetic(numbers.whole_quotient),
        "mod": _arithmetic(numbers.remainder),
        "&": _joined,
    }
)
"""Sign -> what it makes of two collections; the signs of logic are in `LOGIC`."""


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


LOGIC = MappingProxyType[str, tuple[Callable[[bool | None, bool | None], bool | None], bool | None]](
    {"and": (_and, False), "or": (_or, True), "xor": (_xor, None), "implies": (_implies, False)}
)
"""Sign -> (its table of truth in three values, the left operand that needs no right one)."""
