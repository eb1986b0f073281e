"""A ViewDefinition of SQL-on-FHIR as what it asks for: its columns with their types, its conditions, how its rows come.

source  SQL-on-FHIR v2.0, StructureDefinition ViewDefinition, and its processing algorithm
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from careloom.errors import InputError
from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir.fhirpath import NODES, Expression, compile_fhirpath, outside_names
from careloom.fhir.fhirpath_check import Shape, check
from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.fhirpath_moments import Moment
from careloom.fhir.fhirpath_types import SYSTEM_OF, by_key, system_name
from careloom.fhir.fhirpath_values import Node, system
from careloom.fhir.validate_tables import resource_types

SELECTS_AT_MOST = 200
COLUMNS_AT_MOST = 1_000
LEVELS_AT_MOST = 20
ROW_INDEX = "rowIndex"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*").fullmatch
_SELECT = {"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll", "id", "extension"}
_COLUMN = {"name", "path", "type", "collection", "description", "tag", "id", "extension"}
_TAKEN = {f"%{ROW_INDEX}", "%ucum", "%sct", "%loinc", *NODES}
_KEPT_AS = {"Boolean": "boolean", "Integer": "integer", "Decimal": "decimal"}


class ViewError(InputError):
    """A view that cannot be understood, or that a resource cannot be put into; names the place, never a value."""

    code: ClassVar[str] = "input.view"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    kind        its FHIR type; "" where neither the view nor the path tells
    collection  it holds lists
    place       where it stands in the view, e.g. ``select[0].column[1]``
    """

    name: str
    path: Expression
    kind: str
    collection: bool
    place: str

    @property
    def kept_as(self) -> str:
        """How its values are kept: boolean, integer, decimal or text; "" where its type is not known."""
        return kept_as(self.kind) if self.kind else ""


@dataclass(frozen=True, slots=True)
class Select:
    """A part of a view that makes rows: its own columns, beside those of each of `selects`, beside those of one of
    `unions`; once, or for each item that its paths find.

    each   "", ``forEach``, ``forEachOrNull`` or ``repeat``
    paths  what it goes through; several for ``repeat`` only
    focus  FHIR type of what its columns are asked of; "" where it is not known
    """

    each: str
    paths: tuple[Expression, ...]
    focus: str
    columns: tuple[Column, ...]
    selects: tuple["Select", ...]
    unions: tuple["Select", ...]
    place: str

    def all_columns(self) -> tuple[Column, ...]:
        """Its columns and those of its parts, in order; of a union those of its first branch."""
        inner = [column for part in self.selects for column in part.all_columns()]
        united = self.unions[0].all_columns() if self.unions else ()
        return (*self.columns, *inner, *united)


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole view: of which resources, under which conditions, which rows."""

    name: str
    resource: str
    constants: Mapping[str, Any]
    where: tuple[Expression, ...]
    root: Select


def kept_as(kind: str) -> str:
    """How values of a FHIR type are kept in a column: boolean, integer, decimal or text."""
    return _KEPT_AS.get(system_name(kind), "text")


def read_view(view: Any) -> Definition:
    """What a ViewDefinition asks for.

    view    its JSON
    raises  ViewError with the place and what to do
    """
    if not isinstance(view, dict):
        raise ViewError("the view", "Send a JSON object: a ViewDefinition of SQL-on-FHIR.")
    resource = view.get("resource")
    if not isinstance(resource, str) or resource not in resource_types():
        raise ViewError("resource", "Name the FHIR R4 resource type that the view is of.")
    constants = _constants(view.get("constant", []))
    reader = _Reader(constants)
    root = reader.group(_list(view, "select", "", needed=True), resource, "select")
    where = tuple(
        reader.condition(one, resource, f"where[{at}]") for at, one in enumerate(_list(view, "where", "", needed=False))
    )
    seen: set[str] = set()
    for column in root.all_columns():
        if column.name in seen:
            raise ViewError(f"{column.place}.name", "Give each column another name.")
        seen.add(column.name)
    if not seen:
        raise ViewError("select", "Give the view at least one column.")
    name = view.get("name")
    return Definition(name if isinstance(name, str) else "", resource, constants, where, root)


def _list(held: Mapping[str, Any], key: str, place: str, *, needed: bool) -> list[Any]:
    value = held.get(key, [])
    if not isinstance(value, list) or (needed and not value):
        raise ViewError(f"{place}{'.' if place else ''}{key}", "Write a list that is not empty.")
    return value


def _constants(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, list):
        raise ViewError("constant", "Write a list of objects with name and value[x].")
    found: dict[str, Any] = {}
    for at, one in enumerate(raw):
        place = f"constant[{at}]"
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not _NAME(name) or name in found or f"%{name}" in _TAKEN:
            raise ViewError(f"{place}.name", "Give each constant a name of its own: letters, digits, underscores.")
        known = by_key("Extension")
        values = [(key, known[key][1].kind) for key in one if key in known and known[key][0] == "value"]
        if len(values) != 1 or values[0][1] not in SYSTEM_OF or isinstance(one[values[0][0]], (dict, list)):
            raise ViewError(place, "Give the constant one value[x] of a primitive type.")
        found[name] = _constant(one[values[0][0]], values[0][1], place)
    return found


def _constant(value: Any, kind: str, place: str) -> Any:
    found = system(Node(value, kind))
    classes = {"Boolean": (bool,), "Integer": (int,), "String": (str,), "Decimal": (Decimal, int)}
    if type(found) not in classes.get(system_name(kind), (Moment,)):
        raise ViewError(place, f"Write a value that is a {kind}.")
    return found


class _Reader:
    """Reads the parts of a view, knowing its constants."""

    def __init__(self, constants: Mapping[str, Any]) -> None:
        self.constants = constants
        self.selects = 0
        self.columns = 0

    def group(self, parts: list[Any], focus: str, place: str, level: int = 0) -> Select:
        """Selects side by side, as one that goes through nothing."""
        selects = tuple(self.select(one, focus, f"{place}[{at}]", level) for at, one in enumerate(parts))
        return Select("", (), focus, (), selects, (), place)

    def path(self, text: Any, focus: str, place: str) -> tuple[Expression, Shape]:
        if not isinstance(text, str) or not text.strip():
            raise ViewError(place, "Write an expression of FHIRPath.")
        try:
            expression = compile_fhirpath(text, focus)
            shape = check(expression.tree, focus, strict=False)
        except PathError as error:
            where = f"{place}, column {error.column}" if error.column else place
            raise ViewError(f"{where}: {error.problem}", error.remedy) from None
        for name in outside_names(expression):
            if name not in self.constants and name != ROW_INDEX:
                raise ViewError(f"{place}: it names a constant that the view does not have", "Define it as a constant.")
        return expression, shape

    def condition(self, one: Any, focus: str, place: str) -> Expression:
        if not isinstance(one, dict):
            raise ViewError(place, "Write an object with a path.")
        expression, shape = self.path(one.get("path"), focus, f"{place}.path")
        if shape.kinds and not any(_kept(kind) == "boolean" for kind in shape.kinds):
            raise ViewError(f"{place}.path", "Write a condition: compare, or ask exists().")
        return expression

    def select(self, one: Any, focus: str, place: str, level: int) -> Select:
        self.selects += 1
        if self.selects > SELECTS_AT_MOST or level > LEVELS_AT_MOST:
            raise ViewError(place, f"Write at most {SELECTS_AT_MOST} selects, {LEVELS_AT_MOST} inside each other.")
        _known(one, _SELECT, place)
        each = [key for key in ("forEach", "forEachOrNull", "repeat") if key in one]
        if len(each) > 1:
            raise ViewError(place, "Use one of forEach, forEachOrNull and repeat.")
        paths, focus = self.through(one, each[0], focus, place) if each else ((), focus)
        columns = tuple(
            self.column(column, focus, f"{place}.column[{at}]")
            for at, column in enumerate(_list(one, "column", place, needed=False))
        )
        inner = self.group(_list(one, "select", place, needed=False), focus, f"{place}.select", level + 1).selects
        unions = self.group(_list(one, "unionAll", place, needed=False), focus, f"{place}.unionAll", level + 1).selects
        self.same_columns(unions)
        return Select(each[0] if each else "", paths, focus, columns, inner, unions, place)

    def through(self, one: Any, each: str, focus: str, place: str) -> tuple[tuple[Expression, ...], str]:
        texts = _list(one, each, place, needed=True) if each == "repeat" else [one[each]]
        found = [self.path(text, focus, f"{place}.{each}") for text in texts]
        kinds = {kind for _, shape in found for kind in shape.kinds or ("",)}
        (kind,) = kinds if len(kinds) == 1 else ("",)
        return tuple(expression for expression, _ in found), "" if kind.startswith("System.") else kind

    def column(self, one: Any, focus: str, place: str) -> Column:
        self.columns += 1
        if self.columns > COLUMNS_AT_MOST:
            raise ViewError(place, f"Write at most {COLUMNS_AT_MOST} columns.")
        _known(one, _COLUMN, place)
        name = one.get("name")
        if not isinstance(name, str) or not _NAME(name):
            raise ViewError(f"{place}.name", "Begin the name with a letter; go on with letters, digits, underscores.")
        collection = one.get("collection", False)
        if not isinstance(collection, bool):
            raise ViewError(f"{place}.collection", "Write true or false.")
        expression, shape = self.path(one.get("path"), focus, f"{place}.path")
        made = Column(name, expression, _column_kind(one.get("type"), shape, place), collection, place)
        if is_row_index(made) and (made.kept_as not in ("integer", "") or collection):
            raise ViewError(f"{place}.type", "A row's number is one integer: declare that, or nothing.")
        return made

    @staticmethod
    def same_columns(unions: tuple[Select, ...]) -> None:
        wanted = (
            [(column.name, column.kept_as, column.collection) for column in unions[0].all_columns()] if unions else []
        )
        for union in unions[1:]:
            if [(column.name, column.kept_as, column.collection) for column in union.all_columns()] != wanted:
                raise ViewError(union.place, "Give all branches of a union the same columns in the same order.")


def _known(one: Any, keys: set[str], place: str) -> None:
    if not isinstance(one, dict):
        raise ViewError(place, "Write an object.")
    unknown = sorted(set(one) - keys)
    if unknown:
        raise ViewError(f"{place}.{unknown[0][:40]}", f"Use only {', '.join(sorted(keys))}.")


def _kept(kind: str) -> str:
    name = kind.removeprefix("System.")
    return _KEPT_AS.get(name, "text") if name != kind else kept_as(kind)


def _primitive(kind: str) -> bool:
    if kind.startswith("System."):
        return kind != "System.Quantity"
    return system_name(kind) not in ("", "Quantity")


def _column_kind(declared: Any, shape: Shape, place: str) -> str:
    """The FHIR type of a column: as declared, else as the path tells, else ""."""
    kinds = shape.kinds or frozenset()
    if kinds and not any(_primitive(kind) for kind in kinds):
        raise ViewError(f"{place}.path", "Name a primitive element of what the path finds; a column holds no objects.")
    if declared is None:
        (kind,) = kinds if len(kinds) == 1 else ("",)
        system_kind = kind.removeprefix("System.")
        return system_kind[:1].lower() + system_kind[1:]
    kind = declared.rpartition("/")[2] if isinstance(declared, str) else ""
    if not _primitive(kind):
        raise ViewError(f"{place}.type", "Name a primitive type of FHIR: string, date, decimal, ...")
    possible = {_kept(one) for one in kinds if _primitive(one)}
    wanted = {kept_as(kind)} | ({"integer"} if kept_as(kind) == "decimal" else set())
    if possible and not possible & wanted:
        raise ViewError(f"{place}.type", f"The path finds {' or '.join(sorted(possible))}: declare that.")
    return kind


def each_select(select: Select) -> Iterator[Select]:
    """A select and all of its parts."""
    yield select
    for part in (*select.selects, *select.unions):
        yield from each_select(part)


def is_row_index(column: Column) -> bool:
    """True for a column that is the number of the row."""
    tree = column.path.tree
    return isinstance(tree, grammar.Variable) and tree.name == "%" + ROW_INDEX
