"""Plain paths of a view as steps on JSON: which keys to follow, what to keep. Others are left to the evaluator.

A plain path names elements, chooses by type, by ``where`` of equal texts and truths, by ``extension(url)``, by number,
and may end with a key or with ``exists()``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir.fhirpath import built_in
from careloom.fhir.fhirpath_types import Form, forms, is_kind, system_name
from careloom.fhir.validate_tables import resource_types


class NotPlainError(Exception):
    """A path that is left to the evaluator of FHIRPath."""


@dataclass(frozen=True, slots=True)
class Get:
    """One property; each item of it where `many`. `kind` is the type of what it holds."""

    key: str
    many: bool
    kind: str
    primitive: bool


@dataclass(frozen=True, slots=True)
class Keep:
    """Only items of which a condition holds: a tree that `condition` writes."""

    tree: grammar.Tree
    kind: str


@dataclass(frozen=True, slots=True)
class KeepUrl:
    """Only extensions with that url."""

    url: str


@dataclass(frozen=True, slots=True)
class At:
    """One item by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a resource, or of what a Reference names: of that type, or of any where it is ""."""

    of_reference: bool
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether there is an item, or none where `not wanted`."""

    wanted: bool


Step = Get | Keep | KeepUrl | At | Key | Exists


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps of a plain path, and the type of what it finds."""

    steps: tuple[Step, ...]
    kind: str

    @property
    def branches(self) -> bool:
        """True where it may come upon several items on the way, or chooses among them."""
        return any(not isinstance(step, (Get, Key)) or (isinstance(step, Get) and step.many) for step in self.steps)


def walk(tree: grammar.Tree, kind: str) -> Walk:
    """The steps of a path that is asked of that type. raises NotPlainError"""
    steps, found = _steps(tree, kind)
    inner = steps[:-1] if steps else ()
    if any(isinstance(step, (Key, Exists)) for step in inner):
        raise NotPlainError
    return Walk(tuple(steps), found)


def _steps(tree: grammar.Tree | None, kind: str) -> tuple[list[Step], str]:
    match tree:
        case None:
            return [], kind
        case grammar.Variable(name="$this"):
            return [], kind
        case grammar.Member(source=source, name=name):
            if source is None and name == kind and name[0].isupper():  # a type, not an element (an id has the type id)
                return [], kind
            steps, owner = _steps(source, kind)
            several = forms(owner).get(name, ())
            if len(several) != 1 or several[0].kind == "Resource":
                raise NotPlainError
            return [*steps, _get(several[0])], several[0].kind
        case grammar.Call(name="ofType" | "as", source=source, kind=wanted):
            return _of_type(source, wanted, kind)
        case grammar.Typed(sign="as", operand=source, kind=wanted):
            return _of_type(source, wanted, kind)
        case grammar.Call(source=source, name=name, arguments=arguments):
            steps, owner = _steps(source, kind)
            return [*steps, *_call(name, arguments, owner, tree.kind)], _kind_after(name, owner)
        case grammar.Index(source=source, number=grammar.Literal(value=int() as number)):
            steps, owner = _steps(source, kind)
            return [*steps, At(number)], owner
    raise NotPlainError


def _get(form: Form) -> Get:
    return Get(form.key, form.many, form.kind, form.primitive)


def _of_type(source: grammar.Tree | None, wanted: str, kind: str) -> tuple[list[Step], str]:
    """A choice and its type: the one property for it."""
    if not isinstance(source, grammar.Member):
        raise NotPlainError
    steps, owner = _steps(source.source, kind)
    several = [form for form in forms(owner).get(source.name, ()) if is_kind(form.kind, wanted.removeprefix("FHIR."))]
    if len(several) != 1 or len(forms(owner)[source.name]) == 1:
        raise NotPlainError
    return [*steps, _get(several[0])], several[0].kind


def _call(name: str, arguments: tuple[grammar.Tree, ...], owner: str, kind: str) -> list[Step]:
    match name, arguments:
        case "first", ():
            return [At(0)]
        case "where", (criteria,):
            return [Keep(criteria, owner)]
        case "exists", ():
            return [Exists(wanted=True)]
        case "exists", (criteria,):
            return [Keep(criteria, owner), Exists(wanted=True)]
        case "empty", ():
            return [Exists(wanted=False)]
        case "extension", (grammar.Literal(value=str() as url),):
            if system_name(owner) in ("", "Quantity"):
                return [Get("extension", many=True, kind="Extension", primitive=False), KeepUrl(url)]
        case "getReferenceKey", ():
            if owner == "Reference":
                return [Key(of_reference=True, kind=kind)]
        case "getResourceKey", ():
            if owner in resource_types():
                return [Key(of_reference=False)]
    raise NotPlainError


def _kind_after(name: str, owner: str) -> str:
    if name in ("exists", "empty"):
        return "boolean"
    if name == "extension":
        return "Extension"
    return "string" if name in ("getReferenceKey", "getResourceKey") else owner


def condition(tree: grammar.Tree, kind: str, variable: str, constants: Mapping[str, Any]) -> str:
    """A condition on an object of that type, held in a variable, as an expression of Python: true where it holds.

    Only equality of texts and truths, ``exists()`` of one object, ``and``, ``or``: there no answer is as good as false.
    raises  NotPlainError
    """
    match tree:
        case grammar.Operation(sign="and" | "or" as sign, left=left, right=right):
            one, other = (condition(part, kind, variable, constants) for part in (left, right))
            return f"({one} {sign} {other})"
        case grammar.Operation(sign="=", left=left, right=right):
            if isinstance(left, (grammar.Literal, grammar.Variable)):
                left, right = right, left
            return _equals(walk(left, kind), fixed(right, constants), variable)
        case grammar.Call(name="exists", arguments=(), source=source) if source is not None:
            found = walk(source, kind)
            if found.steps and not system_name(found.kind):
                return f"({_chain(found, variable)} is not None)"
        case grammar.Literal(value=bool() as value):
            return repr(value)
    raise NotPlainError


def fixed(tree: grammar.Tree, constants: Mapping[str, Any]) -> Any:
    """A text or truth that stands in the view. raises NotPlainError"""
    value: Any = None
    if isinstance(tree, grammar.Literal):
        value = tree.value
    elif isinstance(tree, grammar.Variable) and tree.name.startswith("%"):
        value = built_in(tree.name) or constants.get(tree.name[1:])
    if not isinstance(value, (str, bool)):
        raise NotPlainError
    return value


def _equals(found: Walk, value: Any, variable: str) -> str:
    wanted = "Boolean" if isinstance(value, bool) else "String"
    if not found.steps or system_name(found.kind) != wanted:
        raise NotPlainError
    chain = _chain(found, variable)
    return f"({chain} is {value!r})" if isinstance(value, bool) else f"({chain} == {value!r})"


def _chain(found: Walk, variable: str) -> str:
    """Properties of single objects, one in another, as an expression that is None where one is missing."""
    text = variable
    for at, step in enumerate(found.steps):
        if not isinstance(step, Get) or step.many:
            raise NotPlainError
        name = f"{variable}_{at}"
        look = f"{variable if at == 0 else name}.get({step.key!r})"
        text = look if at == 0 else f"(None if ({name} := {text}) is None else {look})"
    return text
