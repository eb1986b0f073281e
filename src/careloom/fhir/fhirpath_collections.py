"""Functions of FHIRPath on collections: existence, filtering, choosing, combining.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), sections 5.1 to 5.4, 5.8, 7; sort: FHIRPath 3.0, section 5.4
"""

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from careloom.fhir import fhirpath_compare
from careloom.fhir.fhirpath_compare import distinct, key
from careloom.fhir.fhirpath_errors import PathEvaluationError
from careloom.fhir.fhirpath_scope import Lazy, Scope
from careloom.fhir.fhirpath_texts import text, whole
from careloom.fhir.fhirpath_values import Items, Node, all_children, as_boolean, each_below, plain, single, system

_STEPS_OF_A_NODE = 3  # what is made of a node and kept weighs more than what passes by


def exists(scope: Scope, items: Items, criteria: Lazy | None = None) -> Items:
    """True where there is an item, or one that meets the criteria."""
    if criteria is None:
        return [bool(items)]
    return [any(as_boolean(found) is True for _, found in criteria.each(scope, items))]


def for_all(scope: Scope, items: Items, criteria: Lazy) -> Items:
    """True where every item meets the criteria."""
    return [all(as_boolean(found) is True for _, found in criteria.each(scope, items))]


def where(scope: Scope, items: Items, criteria: Lazy) -> Items:
    """The items that meet the criteria."""
    return [item for item, found in criteria.each(scope, items) if as_boolean(found) is True]


def select(scope: Scope, items: Items, projection: Lazy) -> Items:
    """What the projection finds at each item, in one collection."""
    found: Items = []
    for _, more in projection.each(scope, items):
        scope.spend(len(more))
        found.extend(more)
    return found


def repeat(scope: Scope, items: Items, projection: Lazy) -> Items:
    """What the projection finds at each item, at what it found, and so on; each of those that are equal once."""
    found: dict[Any, Any] = {}
    todo = items
    told = _told_apart(scope)
    while todo:
        following = []
        for _, more in projection.each(scope, todo):
            scope.spend(len(more))
            for item in more:
                same = told(item)
                if same not in found:
                    found[same] = item
                    following.append(item)
        todo = following
    return list(found.values())


def aggregate(scope: Scope, items: Items, step: Lazy, first: Items | None = None) -> Items:
    """``$total`` after the step was asked of each item."""
    outer = scope.total
    scope.total = [] if first is None else first
    try:
        for _, found in step.each(scope, items):
            scope.total = found
        return scope.total
    finally:
        scope.total = outer


def iif(scope: Scope, items: Items, criterion: Lazy, then: Lazy, otherwise: Lazy | None = None) -> Items:
    """What one branch finds; the other is not asked."""
    single(items, "the input of iif()")
    if as_boolean(criterion.run(scope, items)) is True:
        return then.run(scope, items)
    return [] if otherwise is None else otherwise.run(scope, items)


def trace(scope: Scope, items: Items, name: Items, projection: Lazy | None = None) -> Items:
    """The items as they are; who asked is told of them, or of the projection."""
    if scope.environment.trace is not None:
        told = items if projection is None else select(scope, items, projection)
        scope.environment.trace(text(name, "a name") or "", [plain(item) for item in told])
    return items


def sort(scope: Scope, items: Items, *keys: tuple[Lazy, bool]) -> Items:
    """The items in order of the keys (key, descending), of themselves where there is none; empty keys come first."""
    columns = [[[system(item)] for item in items]] if not keys else []
    for lazy, _ in keys:
        columns.append([found for _, found in lazy.each(scope, items)])
    turned = [descending for _, descending in keys] or [False]
    scope.spend(len(items) * len(columns) * max(1, len(items).bit_length()))

    def order(one: int, other: int) -> int:
        for column, descending in zip(columns, turned, strict=True):
            first, second = single(column[one], "a key of sort()"), single(column[other], "a key of sort()")
            found = _key_order(first, second)
            if found:
                return -found if descending else found
        return 0

    return [items[at] for at in sorted(range(len(items)), key=cmp_to_key(order))]


def _key_order(first: Any, second: Any) -> int:
    if first is None or second is None:
        return int(first is not None) - int(second is not None)
    return fhirpath_compare.compare(first, second) or 0


def _truths(items: Items) -> list[bool | None]:
    found = [system(item) for item in items]
    if any(value is not None and value.__class__ is not bool for value in found):
        raise PathEvaluationError("an item is no boolean", "Compare first: select(this = that).allTrue().")
    return found


def _index_of_one(items: Items, number: int | None) -> Items:
    return [] if number is None or not 0 <= number < len(items) else [items[number]]


def index(_scope: Scope, items: Items, number: Items) -> Items:
    """One item by its number from 0; nothing where there is none such."""
    return _index_of_one(items, whole(number, "an index"))


def _skip(_scope: Scope, items: Items, number: Items) -> Items:
    count = whole(number, "a number to skip")
    return [] if count is None else items[max(count, 0) :]


def _take(_scope: Scope, items: Items, number: Items) -> Items:
    count = whole(number, "a number to take")
    return [] if count is None else items[: max(count, 0)]


def _single(_scope: Scope, items: Items) -> Items:
    single(items, "the input of single()")
    return items


def _is_subset(items: Items, others: Items) -> bool:
    known = {key(other) for other in others}
    return all(key(item) in known for item in items)


def combine(scope: Scope, items: Items, others: Items, _order: Items | None = None) -> Items:
    """Both collections, nothing dropped."""
    scope.spend(len(items) + len(others))
    return [*items, *others]


def union(scope: Scope, items: Items, others: Items) -> Items:
    """Both collections, each of equal items once."""
    scope.spend(len(items) + len(others))
    return distinct([*items, *others], _told_apart(scope))


def _told_apart(scope: Scope) -> Callable[[Any], Any]:
    """What is the same for items of which one is enough."""
    return _place_or_key if scope.environment.by_place else key


def _place_or_key(item: Any) -> Any:
    return item if item.__class__ is Node else key(item)


def _intersect(_scope: Scope, items: Items, others: Items) -> Items:
    known = {key(other) for other in others}
    return distinct(item for item in items if key(item) in known)


def _exclude(_scope: Scope, items: Items, others: Items) -> Items:
    known = {key(other) for other in others}
    return [item for item in items if key(item) not in known]


def _children(scope: Scope, items: Items) -> Items:
    found = [child for item in items if item.__class__ is Node for child in all_children(item)]
    scope.spend(len(found))
    return found


def _descendants(scope: Scope, items: Items) -> Items:
    found = []
    for node in each_below(items):
        scope.spend(_STEPS_OF_A_NODE)
        found.append(node)
    return found


def _is_distinct(_scope: Scope, items: Items) -> Items:
    return [len(distinct(items)) == len(items)]


def _not(_scope: Scope, items: Items) -> Items:
    truth = as_boolean(items)
    return [] if truth is None else [not truth]


COLLECTIONS: dict[str, tuple[Callable[..., Items], int, int]] = {
    "allFalse": (lambda _, items: [all(value is False for value in _truths(items))], 0, 0),
    "allTrue": (lambda _, items: [all(value is True for value in _truths(items))], 0, 0),
    "anyFalse": (lambda _, items: [any(value is False for value in _truths(items))], 0, 0),
    "anyTrue": (lambda _, items: [any(value is True for value in _truths(items))], 0, 0),
    "children": (_children, 0, 0),
    "combine": (combine, 1, 2),
    "count": (lambda _, items: [len(items)], 0, 0),
    "descendants": (_descendants, 0, 0),
    "distinct": (lambda _, items: distinct(items), 0, 0),
    "empty": (lambda _, items: [not items], 0, 0),
    "exclude": (_exclude, 1, 1),
    "first": (lambda _, items: items[:1], 0, 0),
    "intersect": (_intersect, 1, 1),
    "isDistinct": (_is_distinct, 0, 0),
    "last": (lambda _, items: items[-1:], 0, 0),
    "not": (_not, 0, 0),
    "single": (_single, 0, 0),
    "skip": (_skip, 1, 1),
    "subsetOf": (lambda _, items, others: [_is_subset(items, others)], 1, 1),
    "supersetOf": (lambda _, items, others: [_is_subset(others, items)], 1, 1),
    "tail": (lambda _, items: items[1:], 0, 0),
    "take": (_take, 1, 1),
    "union": (union, 1, 1),
}
"""Name -> (function of collections, fewest arguments, most arguments)."""
LAZY: dict[str, tuple[Callable[..., Items], int, int]] = {
    "all": (for_all, 1, 1),
    "exists": (exists, 0, 1),
    "iif": (iif, 2, 3),
    "repeat": (repeat, 1, 1),
    "select": (select, 1, 1),
    "where": (where, 1, 1),
}
"""The same for functions whose arguments are asked of each item."""
