"""A view as expressions of Polars over a table of the JSON that it looks at, for views whose every path is plain.

Plain paths are those of `views_walk`. Beside the rows stands which of them are not to be believed, because a value of
another JSON type, or there are several where one is wanted: those resources are left to the view's function, so that
rows and refusals are the same whichever way they came.
"""

from dataclasses import dataclass

import polars as pl

from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir import views_walk as steps
from careloom.fhir.fhirpath_fhir import key_of
from careloom.fhir.fhirpath_types import system_name
from careloom.fhir.validate_tables import resource_types
from careloom.fhir.views_definition import Column, Definition, Select, is_row_index
from careloom.fhir.views_shape import Shape
from careloom.fhir.views_walk import NotPlainError, Walk, walk

LINE = "%line"
"""Column with the number of the row of the parsed table: no view's column has such a name."""
_ODD = "%odd"
_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(), "boolean": pl.Boolean(), "integer": pl.Int64(), "decimal": pl.Float64(),
}  # fmt: skip
_ITEM = pl.element()


@dataclass(frozen=True, slots=True)
class Answer:
    """What expressions say of a part of the parsed resources.

    rows       a table of the view's columns behind `LINE`, the number of the resource in the part
    odd        numbers of those that the function is to look at, in order
    resources  how many of the others are of the view's type
    """

    rows: pl.DataFrame
    odd: list[int]
    resources: int


@dataclass(frozen=True, slots=True)
class Expressions:
    """A view as expressions.

    shape    of the table that they are asked of
    typed    whether the resource is of the view's type; null where that cannot be told
    where    whether a resource of that type is in the view
    found    what its paths find, as JSON texts, by names of their own
    columns  the values of its columns, made from `found`
    odd      whether any of them is not to be believed
    """

    shape: Shape
    typed: pl.Expr
    where: pl.Expr
    found: tuple[pl.Expr, ...]
    columns: tuple[pl.Expr, ...]
    odd: pl.Expr

    def answer(self, parsed: pl.DataFrame) -> Answer:
        """The rows of resources parsed as `shape` says, each in a row of its own."""
        kinds = parsed.lazy().with_row_index(LINE).with_columns(self.typed.alias("%typed"))
        found = kinds.filter(pl.col("%typed") & self.where).select(LINE, *self.found)
        asked = found.select(LINE, *self.columns, self.odd.alias(_ODD))
        told = kinds.select(
            pl.col("%typed").sum().alias("ours"), pl.col(LINE).filter(pl.col("%typed").is_null()).implode()
        )
        rows, counted = pl.collect_all([asked, told])
        untold = counted[LINE][0].to_list()
        odd = rows.filter(pl.col(_ODD))[LINE].to_list()
        if odd:
            rows = rows.filter(~pl.col(_ODD))
        return Answer(rows.drop(_ODD), sorted([*untold, *odd]), int(counted["ours"][0] or 0) - len(odd))


def expressions(definition: Definition) -> Expressions | None:
    """The view as expressions; None where a part of it is more than a plain path."""
    writer = _Writer(definition)
    try:
        columns = [writer.column(column, focus).alias(column.name) for column, focus in _columns(definition.root)]
        where = [writer.truth(one.tree, definition.resource) for one in definition.where]
    except NotPlainError:
        return None
    kind = pl.col("resourceType")
    writer.shape.at("resourceType")
    typed = pl.when(_is("text", kind) & kind.is_not_null()).then(kind == f'"{definition.resource}"')
    holds = pl.all_horizontal(pl.lit(value=True), *where).fill_null(value=False)
    odd = pl.any_horizontal(pl.lit(value=False), *writer.odd).fill_null(value=False)
    return Expressions(writer.shape, typed, holds, tuple(writer.found), tuple(columns), odd)


def _columns(select: Select) -> list[tuple[Column, str]]:
    """The columns of selects that go through nothing, with the type that each is asked of. raises NotPlainError"""
    if select.each or select.unions:
        raise NotPlainError
    own = [(column, select.focus) for column in select.columns]
    return own + [one for part in select.selects for one in _columns(part)]


@dataclass(frozen=True, slots=True)
class _Found:
    """What some steps find.

    items  the one thing, a null where there is none; where `each` stands, the list it is asked of; None: the resource
    each   what is to be found in the list, as an expression of its items
    shape  of what is found
    guard  property beside the last that holds what a primitive has besides its value, where the last was a primitive
    """

    items: pl.Expr | None
    shape: Shape
    each: pl.Expr | None = None
    guard: tuple[Shape, str] | None = None

    def field(self, key: str) -> pl.Expr:
        """A property of each thing that is found."""
        if self.items is None:
            return pl.col(key)
        return (self.items if self.each is None else self.each).struct.field(key)

    def listed(self) -> pl.Expr:
        """All that is found, as a list; null or empty where there is nothing."""
        if self.items is None:
            raise NotPlainError
        if self.each is None:
            return _listed(self.items)
        return self.items if self.each is _ITEM else self.items.list.eval(self.each)


class _Writer:
    """Writes the expressions of a view, and learns the shape on the way."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.shape = Shape()
        self.found: list[pl.Expr] = []
        self.odd: list[pl.Expr] = []

    def kept(self, found: pl.Expr) -> pl.Expr:
        """A column of what a path finds, so that its value and the doubts about it do not look for it twice."""
        name = f"%{len(self.found)}"
        self.found.append(found.alias(name))
        return pl.col(name)

    def column(self, column: Column, focus: str) -> pl.Expr:
        """The value of a column; when it is not to be believed goes to `odd`. raises NotPlainError"""
        if is_row_index(column):
            return pl.lit(0, pl.Int64) if column.kept_as else pl.lit("0")
        tree = column.path.tree
        if isinstance(tree, grammar.Literal):
            return _literal(column, tree)
        found = walk(tree, focus)
        last = found.steps[-1] if found.steps else None
        if isinstance(last, steps.Exists):
            made = self.kept(self.existence(found, _Found(None, self.shape)))
        elif isinstance(last, steps.Key):
            made = self.key(self.path(found.steps[:-1]), last)
        else:
            return self.value(column, self.path(found.steps))
        return _listed(made) if column.collection else made

    def value(self, column: Column, found: _Found) -> pl.Expr:
        """The primitives that were found, as the column keeps them."""
        kept = column.kept_as
        if not kept or found.items is None or found.shape.inner:
            raise NotPlainError
        if column.collection:
            items = self.kept(found.listed())
            self.odd.append(~items.list.eval(_is(kept, _ITEM)).list.all())
            return items.list.eval(_as(kept, _ITEM)).fill_null(pl.lit([], pl.List(_DTYPES[kept])))
        one = found.items
        if found.each is not None:
            items = self.kept(found.listed())
            self.odd.append(items.list.len() > 1)
            one = items.list.first()
        else:
            one = self.kept(one)
        self.odd.append(~_is(kept, one))
        return _as(kept, one)

    def key(self, found: _Found, step: steps.Key) -> pl.Expr:
        """The key of a resource, or of what a Reference names."""
        if found.each is not None:
            raise NotPlainError
        name = "reference" if step.of_reference else "id"
        text = self.kept(found.field(name))
        found.shape.at(name)
        self.odd.append(~_is("text", text))
        if not step.of_reference:
            return pl.lit(f"{self.definition.resource}/") + _as("text", text)
        named = _as("text", text)
        plain = named.str.contains(f"^{step.kind}/[A-Za-z0-9.-]{{1,64}}$") & (step.kind in resource_types())
        others = (
            pl.when(~plain)
            .then(named)
            .map_batches(lambda texts: _keys(texts, step.kind), pl.String(), is_elementwise=True)
        )
        return pl.when(plain).then(named).otherwise(others)

    # --- conditions ---

    def truth(self, tree: grammar.Tree, kind: str, of: _Found | None = None) -> pl.Expr:
        """Whether a condition holds, for each of what was found; null is as good as false. raises NotPlainError"""
        of = of or _Found(None, self.shape)
        match tree:
            case grammar.Operation(sign="and" | "or" as sign, left=left, right=right):
                one, other = self.truth(left, kind, of), self.truth(right, kind, of)
                return one & other if sign == "and" else one | other
            case grammar.Operation(sign="=", left=left, right=right):
                if isinstance(left, (grammar.Literal, grammar.Variable)):
                    left, right = right, left
                return self.equals(walk(left, kind), steps.fixed(right, self.definition.constants), of)
            case grammar.Call(name="exists" | "empty"):
                return self.existence(walk(tree, kind), of)
            case grammar.Literal(value=bool() as value):
                return pl.lit(value)
        raise NotPlainError

    def equals(self, found: Walk, value: str | bool, of: _Found) -> pl.Expr:
        wanted = "Boolean" if isinstance(value, bool) else "String"
        if not found.steps or system_name(found.kind) != wanted:
            raise NotPlainError
        return self.chain(found.steps, of) == (str(value).lower() if isinstance(value, bool) else _quoted(value))

    def chain(self, found: tuple[steps.Step, ...], of: _Found) -> pl.Expr:
        """Properties of single things, one in another."""
        if any(not isinstance(step, steps.Get) or step.many for step in found):
            raise NotPlainError
        made = self.path(found, of if of.each is None else _Found(of.each, of.shape))
        if made.items is None:
            raise NotPlainError
        return made.items

    def existence(self, found: Walk, of: _Found) -> pl.Expr:
        """Whether something is found, or nothing where that is asked."""
        last, inner = found.steps[-1], found.steps[:-1]
        gets = [step for step in inner if isinstance(step, steps.Get)]
        if not isinstance(last, steps.Exists) or not gets or gets[-1].primitive:
            raise NotPlainError
        if of.each is not None:
            there = self.chain(inner, of).is_not_null()
        else:
            made = self.path(inner, of)
            there = (made.listed().list.len() > 0).fill_null(value=False) if made.each is not None else _there(made)
        return there if last.wanted else ~there

    # --- paths ---

    def path(self, found: tuple[steps.Step, ...], start: _Found | None = None) -> _Found:
        """What some steps find. raises NotPlainError"""
        made = start or _Found(None, self.shape)
        for step in found:
            if made.guard is not None and not isinstance(step, steps.At):
                raise NotPlainError  # what a primitive holds besides its value
            made = self.step(step, made)
        return made

    def step(self, step: steps.Step, of: _Found) -> _Found:
        match step:
            case steps.Get(key=key, many=many, primitive=primitive):
                guard = (of.shape, f"_{key}") if primitive else None
                held, shape = of.field(key), of.shape.at(key, many=many)
                if of.each is not None:
                    return _Found(of.items, shape, (held.explode() if many else held).drop_nulls(), guard)
                return _Found(held, shape, _ITEM if many else None, guard)
            case steps.Keep(tree=tree, kind=kind):
                return self.keep(self.truth(tree, kind, of), of)
            case steps.KeepUrl(url=url):
                of.shape.at("url")
                return self.keep(of.field("url") == _quoted(url), of)
            case steps.At(number=number):
                return self.nth(number, of)
        raise NotPlainError

    @staticmethod
    def keep(condition: pl.Expr, of: _Found) -> _Found:
        if of.items is None:
            raise NotPlainError
        if of.each is not None:
            return _Found(of.items, of.shape, of.each.filter(condition))
        return _Found(pl.when(condition).then(of.items), of.shape)

    @staticmethod
    def nth(number: int, of: _Found) -> _Found:
        if of.items is None:
            raise NotPlainError
        if of.guard is not None:
            of.guard[0].at(of.guard[1])
        if of.each is None:
            return of if number == 0 else _Found(pl.when(pl.lit(value=False)).then(of.items), of.shape)
        return _Found(of.listed().list.get(number, null_on_oob=True), of.shape, guard=of.guard)


def _there(found: _Found) -> pl.Expr:
    if found.items is None:
        raise NotPlainError
    return found.items.is_not_null()


def _literal(column: Column, tree: grammar.Literal) -> pl.Expr:
    """A text or truth that stands in the view. raises NotPlainError"""
    kind = {str: "text", bool: "boolean"}.get(type(tree.value))
    if kind is None or kind != column.kept_as or column.collection:
        raise NotPlainError
    return pl.lit(tree.value, _DTYPES[kind])


def _listed(one: pl.Expr) -> pl.Expr:
    """What is there or not, as a list of one or none."""
    return pl.concat_list(one).list.drop_nulls()


def _quoted(text: str) -> str:
    """A text as JSON. raises NotPlainError for one that JSON may write in several ways"""
    if not text.isascii() or not text.isprintable() or {'"', "\\"} & {*text}:
        raise NotPlainError
    return f'"{text}"'


def _is(kept: str, json: pl.Expr) -> pl.Expr:
    """Whether JSON texts are what a column keeps, or nothing. A text with escapes is left to the function."""
    if kept == "text":
        return json.is_null() | (json.str.starts_with('"') & ~json.str.contains("\\", literal=True))
    if kept == "boolean":
        return json.is_null() | (json == "true") | (json == "false")
    value = _as(kept, json)
    return json.is_null() | (value.is_finite() if kept == "decimal" else value.is_not_null()).fill_null(value=False)


def _as(kept: str, json: pl.Expr) -> pl.Expr:
    """The values of JSON texts that `_is` lets through."""
    if kept == "text":
        return json.str.strip_chars('"')
    if kept == "boolean":
        return json == "true"
    return json.cast(_DTYPES[kept], strict=False)


def _keys(texts: pl.Series, kind: str) -> pl.Series:
    """The keys that references name."""
    known = texts.drop_nulls().unique()
    return texts.replace_strict(known, [key_of(one, kind) for one in known], default=None, return_dtype=pl.String())
