"""The rows of a resource under a view, step by step: any view and any resource, and the errors of both.

Slow and simple; `careloom.fhir.views_write` writes a function that finds the same rows for well-formed resources.

source  SQL-on-FHIR v2.0, processing algorithm
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.fhirpath_scope import Environment, Scope, start
from careloom.fhir.fhirpath_values import Items, Node, plain, resource_node
from careloom.fhir.views_definition import ROW_INDEX, Column, Definition, Select, ViewError, is_row_index

ROWS_AT_MOST = 100_000
"""Rows of one resource."""
CELLS_AT_MOST = 1_000_000
"""Rows times columns of one resource."""
INTEGERS = 1 << 63
"""Integers from minus this up to it fit a column."""
Row = tuple[Any, ...]


def rows_at_most(columns: int) -> int:
    """Rows that one resource may make of so many columns."""
    return min(ROWS_AT_MOST, CELLS_AT_MOST // max(columns, 1))


def check_rows(count: int, columns: int = 1) -> None:
    """Nothing while a resource makes no more rows, of so many columns, than allowed. raises ViewError"""
    if count > (most := rows_at_most(columns)):
        raise ViewError("select", f"One resource makes more than {most} rows: go through fewer lists at once.")


def interpreted(definition: Definition, resource: Any) -> list[Row]:
    """The rows of a resource; none of one of another type, or that does not meet the conditions.

    raises  ViewError where a column would hold several values or one of another type, or where a path cannot be
            evaluated on the resource
    """
    node = resource_node(resource)
    if node.kind != definition.resource:
        return []
    scope = start(node, Environment(variables={**definition.constants, ROW_INDEX: 0}))
    for at, condition in enumerate(definition.where):
        if not _holds(condition.run, scope, node, f"where[{at}].path"):
            return []
    return _rows(definition.root, scope, node, 0)


def _found(run: Any, scope: Scope, node: Node, index: int, place: str) -> Items:
    scope.variables[ROW_INDEX] = index
    scope.index = None
    try:
        found: Items = run(scope, [node])
    except PathError as error:
        raise ViewError(f"{place}, column {error.column}: {error.problem}", error.remedy) from None
    except RecursionError:
        raise ViewError(place, "The resource is nested too deep for this path.") from None
    return found


def _holds(run: Any, scope: Scope, node: Node, place: str) -> bool:
    values = [plain(item) for item in _found(run, scope, node, 0, place)]
    if len(values) > 1 or (values and values[0].__class__ is not bool and values[0] is not None):
        raise ViewError(place, "Write a condition that is true, false or empty: compare, or ask exists().")
    return values == [True]


def _rows(select: Select, scope: Scope, node: Node, index: int) -> list[Row]:
    """The rows of a select at a node."""
    if not select.each:
        return _product(select, scope, node, index)
    place = f"{select.place}.{select.each}"
    if select.each == "repeat":
        nodes = _repeated(select, scope, node, place)
    else:
        nodes = _nodes(_found(select.paths[0].run, scope, node, index, place), place)
    if not nodes and select.each == "forEachOrNull":
        return [null_row(select)]
    return _united(_product(select, scope, item, at) for at, item in enumerate(nodes))


def _nodes(items: Items, place: str) -> list[Node]:
    """Items to go through, as nodes: a text or number becomes an element that holds it."""
    names = {str: "string", bool: "boolean", int: "integer", Decimal: "decimal"}
    check_rows(len(items))
    if any(item.__class__ is not Node and item.__class__ not in names for item in items):
        raise ViewError(place, "Go through elements of the resource.")
    return [item if item.__class__ is Node else Node(item, names[item.__class__]) for item in items]


def _repeated(select: Select, scope: Scope, node: Node, place: str) -> list[Node]:
    """What the paths find at a node, at what they found, and so on: each before what is found at it."""
    found: list[Node] = []
    stack = [_below(select, scope, node, place)]
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
            continue
        found.append(item)
        check_rows(len(found) + len(stack))
        stack.append(_below(select, scope, item, place))
    return found


def _below(select: Select, scope: Scope, node: Node, place: str) -> Iterator[Node]:
    """What each path of a ``repeat`` finds at a node, one path after another."""
    several = [_nodes(_found(path.run, scope, node, 0, place), place) for path in select.paths]
    return iter([one for nodes in several for one in nodes])


def null_row(select: Select) -> Row:
    """The row of a ``forEachOrNull`` that finds nothing: nulls, and 0 as its own number."""
    own = [0 if is_row_index(column) else None for column in select.columns]
    return (*own, *(None for _ in select.all_columns()[len(own) :]))


def _product(select: Select, scope: Scope, node: Node, index: int) -> list[Row]:
    """Own columns beside each row of each part."""
    rows: list[Row] = [tuple(_value(column, scope, node, index) for column in select.columns)]
    for part in select.selects:
        more = _rows(part, scope, node, index)
        rows = _crossed(rows, more)
    if select.unions:
        rows = _crossed(rows, _united(_rows(union, scope, node, index) for union in select.unions))
    return rows


def _united(parts: Iterable[list[Row]]) -> list[Row]:
    """The rows of parts one after another. raises ViewError once they are too many"""
    rows: list[Row] = []
    for part in parts:
        rows += part
        check_rows(len(rows), len(rows[0]) if rows else 1)
    return rows


def _crossed(rows: list[Row], others: list[Row]) -> list[Row]:
    """Each row beside each other one. raises ViewError, before it makes any, where they would be too many"""
    if rows and others:
        check_rows(len(rows) * len(others), len(rows[0]) + len(others[0]))
    return [(*row, *other) for row in rows for other in others]


def _value(column: Column, scope: Scope, node: Node, index: int) -> Any:
    items = _found(column.path.run, scope, node, index, f"{column.place}.path")
    values = [fitted(column, value) for item in items if (value := plain(item)) is not None]
    if column.collection:
        return values
    if len(values) > 1:
        raise ViewError(f"{column.place}.path", "It finds several values: choose one, or declare it a collection.")
    return values[0] if values else None


def fitted(column: Column, value: Any) -> Any:
    """A value as its column keeps it; decimals as float. raises ViewError for one of another type"""
    kind = column.kept_as
    number = value.__class__ in (int, float, Decimal)
    if kind == "decimal" and number:
        return float(value)
    if not kind and value.__class__ is Decimal:
        return float(value)
    fits = {
        "text": value.__class__ is str,
        "boolean": value.__class__ is bool,
        "integer": value.__class__ is int and -INTEGERS <= value < INTEGERS,
    }
    if fits.get(kind, kind == "" and not isinstance(value, (dict, list))):
        return value
    raise ViewError(f"{column.place}.path", f"It finds what is no {column.kind or 'primitive'}: declare its type.")
