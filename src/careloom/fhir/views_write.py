"""Writes one Python function that makes the rows of a view from well-formed resources, and compiles it.

Plain paths become look-ups in the JSON, each list its own loop; other paths are asked of the evaluator in place.
Whatever the function does not expect (another JSON type, several values where one is wanted) raises one of
`UNEXPECTED`: the caller then interprets the view step by step, which tells what is wrong.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir import views_walk as steps
from careloom.fhir.fhirpath import Expression
from careloom.fhir.fhirpath_fhir import key_of
from careloom.fhir.fhirpath_types import system_name
from careloom.fhir.views_asked import Asked
from careloom.fhir.views_definition import Column, Definition, Select, is_row_index, kept_as
from careloom.fhir.views_interpret import INTEGERS, ROWS_AT_MOST, Row, fitted, null_row, rows_at_most
from careloom.fhir.views_walk import NotPlainError, Walk, condition, walk

_CLASSES = {"text": "str", "boolean": "bool", "integer": "int", "object": "dict"}
_REMEMBERED_AT_MOST = 128
UNEXPECTED = (AttributeError, TypeError, KeyError, ValueError, IndexError, RecursionError)
Rows = Callable[[Any], list[Row]]


def written(definition: Definition) -> Rows | None:
    """The function: a resource of the view's type -> its rows. None where the view goes through what is not plain.

    It raises one of `UNEXPECTED`, PathError or ViewError on what it does not expect.
    """
    writer = _Writer(definition)
    try:
        text = writer.text()
    except NotPlainError:
        return None
    scope: dict[str, Any] = {
        "key": _key,
        "decimal": _decimal,
        "several": _several,
        "begin": writer.asked.begin,
        "ask": writer.asked.value,
        "holds": writer.asked.holds,
        **{f"null{at}": row for at, row in enumerate(writer.nulls)},
    }
    exec(text, scope)  # noqa: S102 - written from the parsed view; names and texts of the view enter it by repr only
    function: Rows = scope["rows"]
    return function


def source(definition: Definition) -> str:
    """The text of the function, for who wants to read it. raises NotPlainError"""
    return _Writer(definition).text()


def _key(reference: str, kind: str) -> str | None:
    return _remembered_key(reference, kind) if len(reference) <= _REMEMBERED_AT_MOST else key_of(reference, kind)


@lru_cache(65_536)
def _remembered_key(reference: str, kind: str) -> str | None:
    return key_of(reference, kind)


def _decimal(value: Any) -> float:
    if value.__class__ is int or value.__class__ is Decimal:
        return float(value)
    raise TypeError


def _row_of(rows: str) -> str:
    """The name of one of the rows of a list of that name."""
    return f"r{rows}"


def _several() -> None:
    raise ValueError


def _checked(name: str, kept: str) -> list[str]:
    """Statements that refuse a value of another JSON type, or turn it into what its column keeps."""
    if kept == "decimal":
        return [f"if {name}.__class__ is not float: {name} = decimal({name})"]
    if kept == "integer":
        return [f"if {name}.__class__ is not int or not {-INTEGERS} <= {name} < {INTEGERS}: raise TypeError"]
    return [f"if {name}.__class__ is not {_CLASSES[kept]}: raise TypeError"]


class _Writer:
    """Writes the functions one after another: those of paths, those of selects, at last ``rows``."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.asked = Asked(definition)
        self.lines: list[str] = []
        self.nulls: list[Row] = []
        self.names = 0

    def name(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    def text(self) -> str:
        """All functions."""
        kind = self.definition.resource
        conditions = [self.truth(one, kind) for one in self.definition.where]
        asks_first = bool(self.asked.conditions)
        body = self.block(self.definition.root, "v0", "0", " ")
        begin = [" begin(v0)"] if self.asked.columns or asks_first else []
        tests = [f" if not {one}: return []" for one in conditions]
        head = [*begin, *tests] if asks_first else [*tests, *begin]
        return "\n".join(
            [*self.lines, "def rows(v0):", *head, " out = []", " add = out.append", *body, " return out", ""]
        )

    def truth(self, expression: Expression, kind: str) -> str:
        """A condition of the view as an expression of Python."""
        lines = len(self.lines)
        try:
            return self.plain_truth(expression.tree, kind)
        except NotPlainError:
            del self.lines[lines:]
            self.asked.conditions.append(expression)
            return f"holds({len(self.asked.conditions) - 1})"

    def plain_truth(self, tree: grammar.Tree, kind: str) -> str:
        try:
            return condition(tree, kind, "v0", self.definition.constants)
        except NotPlainError:
            if isinstance(tree, grammar.Operation) and tree.sign in ("and", "or"):
                return f"({self.plain_truth(tree.left, kind)} {tree.sign} {self.plain_truth(tree.right, kind)})"
            found = walk(tree, kind)
            if not found.steps or not isinstance(found.steps[-1], steps.Exists):
                raise
            return self.existence(found, "v0")

    def existence(self, found: Walk, variable: str) -> str:
        last = found.steps[-1]
        inner = found.steps[:-1]
        ends = [step for step in inner if isinstance(step, steps.Get)]
        if not isinstance(last, steps.Exists) or not ends or ends[-1].primitive:
            raise NotPlainError
        call = f"{self.path(inner, 'any')}({variable})"
        return call if last.wanted else f"(not {call})"

    # --- rows ---

    def block(self, select: Select, variable: str, index: str, pad: str) -> list[str]:
        """Statements that add the rows of a select for one item."""
        lines: list[str] = []
        cells: list[str] = []
        lists: list[str] = []
        self.cells(select, variable, index, (lines, cells, lists))
        lines = [pad + line for line in lines]
        if lists:
            count = " * ".join(f"len({rows})" for rows in lists)
            lines.append(f"{pad}count = {count}")
            lines.append(f"{pad}if len(out) + count > {rows_at_most(len(select.all_columns()))}: several()")
            lines.append(f"{pad}if count:")
            pad += " "
        for rows in lists:
            lines.append(f"{pad}for {_row_of(rows)} in {rows}:")
            pad += " "
        return [*lines, f"{pad}add(({''.join(f'{cell}, ' for cell in cells)}))"]

    def cells(self, select: Select, variable: str, index: str, into: tuple[list[str], list[str], list[str]]) -> None:
        """What a row of a select is made of: statements before it, its cells, the lists of rows it is crossed with."""
        lines = into[0]
        for column in select.columns:
            into[1].append(self.column(column, select.focus, variable, index, lines))
        for part in select.selects:
            if part.each:
                self.loop(f"{self.each(part, select.focus)}({variable}, {index})", into)
            else:
                self.cells(part, variable, index, into)
        if select.unions:
            self.loop(f"{self.union(select)}({variable}, {index})", into)

    def loop(self, rows: str, into: tuple[list[str], list[str], list[str]]) -> None:
        lines, cells, lists = into
        name = self.name("t")
        lines.append(f"{name} = {rows}")
        cells.append(f"*{_row_of(name)}")
        lists.append(name)

    def union(self, select: Select) -> str:
        """A function (item, its number) -> the rows of all branches of a union, one after another."""
        most = rows_at_most(len(select.unions[0].all_columns()))
        body = [" out = []"]
        for branch in select.unions:
            body += [f" out += {self.each(branch, select.focus)}(v0, i0)", f" if len(out) > {most}: several()"]
        name = self.name("s")
        self.lines += [f"def {name}(v0, i0):", *body, " return out"]
        return name

    def each(self, select: Select, focus: str) -> str:
        """A function (item, its number) -> rows of a select there."""
        if not select.each:
            body = self.block(select, "v0", "i0", " ")
        else:
            if not select.focus:
                raise NotPlainError
            items = self.items(select, focus)
            body = [f" items = {items}(v0)"]
            if select.each == "forEachOrNull":
                self.nulls.append(null_row(select))
                body.append(f" if not items: return [null{len(self.nulls) - 1}]")
            body.append(f" if len(items) > {rows_at_most(len(select.all_columns()))}: several()")
            body += [" for i1, v1 in enumerate(items):", *self.block(select, "v1", "i1", "  ")]
        name = self.name("s")
        self.lines += [f"def {name}(v0, i0):", " out = []", " add = out.append", *body, " return out"]
        return name

    def items(self, select: Select, focus: str) -> str:
        """A function: an item -> the list of what a select goes through."""
        kept = "object" if system_name(select.focus) in ("", "Quantity") else kept_as(select.focus)
        first = [self.list_of(path, focus, kept) for path in select.paths]
        if select.each != "repeat":
            return first[0]
        below = [self.list_of(path, select.focus, kept) for path in select.paths]
        name, down = self.name("r"), self.name("r")
        self.lines += [f"def {down}(v0, found):", f" if len(found) > {ROWS_AT_MOST}: several()"]
        for one in below:
            self.lines += [f" for v1 in {one}(v0):", "  found.append(v1)", f"  {down}(v1, found)"]
        self.lines += [f"def {name}(v0):", " found = []"]
        for one in first:
            self.lines += [f" for v1 in {one}(v0):", "  found.append(v1)", f"  {down}(v1, found)"]
        self.lines += [" return found"]
        return name

    def list_of(self, path: Expression, focus: str, kept: str) -> str:
        found = walk(path.tree, focus)
        if not any(isinstance(step, steps.Get) for step in found.steps) or isinstance(found.steps[-1], steps.Exists):
            raise NotPlainError
        return self.path(found.steps, "items", kept)

    def column(self, column: Column, focus: str, variable: str, index: str, lines: list[str]) -> str:
        """Statements that find the value of a column go to `lines`; returns what stands for it in the row."""
        if is_row_index(column):
            return index
        tree = column.path.tree
        if isinstance(tree, grammar.Literal) and isinstance(tree.value, (str, bool)) and not column.collection:
            return repr(fitted(column, tree.value))
        name = self.name("c")
        before = len(self.lines)
        try:
            lines += self.plain_column(column, walk(tree, focus), variable, name)
        except NotPlainError:
            del self.lines[before:]
            if system_name(focus) not in ("", "Quantity"):
                raise
            self.asked.columns.append(column)
            lines.append(f"{name} = ask({len(self.asked.columns) - 1}, {variable}, {focus!r}, {index})")
        return name

    def plain_column(self, column: Column, found: Walk, variable: str, name: str) -> list[str]:
        if found.steps and isinstance(found.steps[-1], steps.Exists):
            existence = self.existence(found, variable)
            return [f"{name} = {f'[{existence}]' if column.collection else existence}"]
        kept = column.kept_as
        if not kept:
            raise NotPlainError
        if column.collection:
            return [f"{name} = {self.path(found.steps, 'list', kept)}({variable})"]
        if found.branches:
            return [f"{name} = {self.path(found.steps, 'one', kept)}({variable})"]
        looks = [look for step in found.steps for look in _looks(step, self.definition.resource)] or ["{v}"]
        lines = [f"{name} = {looks[0].replace('{v}', variable)}"]
        lines += [f"if {name} is not None: {name} = {look.replace('{v}', name)}" for look in looks[1:]]
        (check,) = _checked(name, kept)
        return [*lines, f"if {name} is not None:", f" {check}"]

    # --- paths ---

    def path(self, found: tuple[steps.Step, ...], mode: str, kept: str = "object") -> str:
        """A function: an item -> what a path finds there: the one value or None, a list, or whether there is any.

        mode  ``one``, ``list`` (of values), ``items`` (to go through: those without a value count), ``any``
        """
        nothing = {"one": "None", "any": "False"}.get(mode, "[]")
        guard = mode == "items"
        body: list[str] = []
        segment: list[steps.Step] = []
        for step in found:
            if isinstance(step, steps.At):
                body += [f" v0 = {self.nth(segment, step.number)}(v0)", f" if v0 is None: return {nothing}"]
                segment = []
            else:
                segment.append(step)
        check = _checked("{v}", kept) if mode != "any" else []
        loops = any(isinstance(step, steps.Get) and step.many for step in segment)
        if mode == "any" or (mode == "one" and not loops):
            sink = [*check, "return True" if mode == "any" else "return {v}"]
            body += [*self.loops(segment, "v0", " ", sink), f" return {nothing}"]
        else:
            sink = [*check, "found.append({v})"]
            body += [" found = []", *self.loops(segment, "v0", " ", sink, guard=guard)]
            body += [" if len(found) > 1: several()", " return found[0] if found else None"] if mode == "one" else []
            body += [" return found"] if mode != "one" else []
        name = self.name("p")
        self.lines += [f"def {name}(v0):", *body]
        return name

    def nth(self, segment: list[steps.Step], number: int) -> str:
        """A function: an item -> the one with that number of what some steps find there, or None."""
        last = segment[-1] if segment else None
        guard = isinstance(last, steps.Get) and last.primitive
        sink = ["return {v}"] if number == 0 else ["found.append({v})"]
        body = [*([" found = []"] if number else []), *self.loops(segment, "v0", " ", sink, guard=guard)]
        end = " return None" if number == 0 else f" return found[{number}] if len(found) > {number} else None"
        name = self.name("p")
        self.lines += [f"def {name}(v0):", *body, end]
        return name

    def loops(
        self, segment: list[steps.Step], variable: str, pad: str, sink: list[str], *, guard: bool = False
    ) -> list[str]:
        """Statements that go through what some steps find, with those of `sink` for each; ``{v}`` is the item there.

        guard  refuse a primitive that holds extensions only: it would count as an item
        """
        lines: list[str] = []
        for at, step in enumerate(segment):
            name = self.name("v")
            match step:
                case steps.Get(many=True, key=key, primitive=primitive):
                    if guard and at == len(segment) - 1:
                        lines.append(f"{pad}if {'_' + key!r} in {variable}: raise TypeError")
                    lines += [f"{pad}{name} = {variable}.get({key!r})", f"{pad}if {name} is not None:"]
                    lines.append(f"{pad} if {name}.__class__ is not list: raise TypeError")
                    lines.append(f"{pad} for {name} in {name}:")
                    lines += [f"{pad}  if {name} is None: raise TypeError"] if primitive else []
                    pad += "  "
                case steps.Get(key=key):
                    if guard and at == len(segment) - 1:
                        lines.append(f"{pad}if {'_' + key!r} in {variable}: raise TypeError")
                    lines += [f"{pad}{name} = {variable}.get({key!r})", f"{pad}if {name} is not None:"]
                    pad += " "
                case steps.Keep(tree=tree, kind=kind):
                    lines.append(f"{pad}if {condition(tree, kind, variable, self.definition.constants)}:")
                    pad, name = pad + " ", variable
                case steps.KeepUrl(url=url):
                    lines.append(f"{pad}if {variable}.get('url') == {url!r}:")
                    pad, name = pad + " ", variable
                case steps.Key():
                    for look in _looks(step, self.definition.resource):
                        lines += [f"{pad}{name} = {look.replace('{v}', variable)}", f"{pad}if {name} is not None:"]
                        pad, variable = pad + " ", name
                case _:
                    raise NotPlainError
            variable = name
        return [*lines, *(pad + line.replace("{v}", variable) for line in sink)]


def _looks(step: steps.Step, resource: str) -> list[str]:
    """What a step that cannot branch looks up in ``{v}``, one look after another, each in what the one before found."""
    match step:
        case steps.Get(key=key, many=False):
            return [f"{{v}}.get({key!r})"]
        case steps.Key(of_reference=True, kind=kind):
            return ["{v}.get('reference')", f"key({{v}}, {kind!r})"]
        case steps.Key(of_reference=False):
            return ["{v}.get('id')", f"{resource + '/'!r} + {{v}}"]
    raise NotPlainError
