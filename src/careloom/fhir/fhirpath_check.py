"""What an expression can find, told from types alone: refuses elements that a type does not have.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), section 11 "Type safety and strict evaluation"
"""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir.fhirpath_errors import PathMeaningError
from careloom.fhir.fhirpath_texts import TEXTS
from careloom.fhir.fhirpath_types import by_key, forms, is_fhir, is_kind, system_name, type_name

_OPEN = ("Resource", "DomainResource", "Element", "BackboneElement")
_SAME = ("where", "trace", "sort", "distinct", "skip", "take", "tail", "exclude", "intersect")
_ONE = ("first", "last", "single")
_IN_ORDER = ("first", "last", "skip", "take", "tail")
_PER_ITEM = ("where", "select", "all", "exists", "repeat", "aggregate", "sort", "trace")
_BOOLEANS = (
    "all allTrue allFalse anyTrue anyFalse empty exists not contains startsWith endsWith matches matchesFull hasValue "
    "isDistinct subsetOf supersetOf memberOf subsumes subsumedBy conformsTo htmlChecks is"
).split()
_INTEGERS = ("count", "length", "indexOf", "precision")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a part of an expression can find.

    kinds     types: those of FHIR by name, those of FHIRPath as ``System.String``; None where they are not known
    one       at most one item
    ordered   False where the order of the items means nothing
    narrowed  the types are what ``as`` or ``ofType`` left of others
    """

    kinds: frozenset[str] | None
    one: bool = False
    ordered: bool = True
    narrowed: bool = False


_UNKNOWN = Shape(None)


def _system(name: str) -> Shape:
    return Shape(frozenset({f"System.{name}"}), one=True)


def check(tree: grammar.Tree, of: str, *, strict: bool) -> Shape:
    """What an expression that is asked of that type can find.

    raises  PathMeaningError where it can find nothing because it names what is not there
    """
    root = _UNKNOWN if not of or of in _OPEN else Shape(frozenset({of}), one=True)
    return _Checker(root, strict=strict).shape(tree, root)


class _Checker:
    """Walks the tree with the shape of ``$this``."""

    def __init__(self, root: Shape, *, strict: bool) -> None:
        self.root = root
        self.strict = strict

    def shape(self, tree: grammar.Tree, this: Shape) -> Shape:
        match tree:
            case grammar.Literal():
                return self.literal(tree)
            case grammar.Variable():
                return {"$this": this, "%context": self.root, "$index": _system("Integer")}.get(tree.name, _UNKNOWN)
            case grammar.Member():
                return self.member(tree, this)
            case grammar.Call():
                return self.call(tree, this)
            case grammar.Index():
                self.shape(tree.number, this)
                source = self.shape(tree.source, this)
                self.need_order(source, tree.column)
                return replace(source, one=True)
            case grammar.Signed():
                return self.shape(tree.operand, this)
            case grammar.Typed():
                return self.typed(self.shape(tree.operand, this), tree.sign, tree.kind, tree.column)
            case grammar.Operation():
                return self.operation(tree, this)
        return _UNKNOWN

    def literal(self, tree: grammar.Literal) -> Shape:
        if tree.value is None:
            return Shape(frozenset(), one=True)
        names = {bool: "Boolean", int: "Integer", str: "String", grammar.Quantified: "Quantity"}
        name = names.get(type(tree.value))
        return Shape(None, one=True) if name is None else _system(name)

    def member(self, tree: grammar.Member, this: Shape) -> Shape:
        name = tree.name
        if tree.source is None and name[:1].isupper() and is_fhir(name):
            return self.root_type(this, name, tree.column)
        source = this if tree.source is None else self.shape(tree.source, this)
        if not source.kinds:
            return Shape(None, one=False, ordered=source.ordered)
        if any(kind in _OPEN for kind in source.kinds):
            return Shape(None, ordered=source.ordered)
        found = [form for kind in source.kinds for form in _children(kind, name)]
        if not found:
            if source.narrowed and not self.strict:
                return Shape(frozenset(), ordered=source.ordered)
            raise _no_such(source.kinds, name, tree.column)
        kinds = None if any(kind == "Resource" for kind, _ in found) else frozenset(kind for kind, _ in found)
        return Shape(kinds, source.one and not any(many for _, many in found), source.ordered)

    def root_type(self, this: Shape, name: str, column: int) -> Shape:
        if this.kinds is None:
            return Shape(frozenset({name}), one=this.one)
        fitting = {kind for kind in this.kinds if is_kind(kind, name)}
        if not fitting and not any(is_kind(name, kind) for kind in this.kinds):
            raise PathMeaningError(
                f"the path begins with {name}, but is asked of {_listed(this.kinds)}", "Begin it with that.", column
            )
        return replace(this, kinds=frozenset(fitting or {name}))

    def typed(self, source: Shape, sign: str, text: str, column: int) -> Shape:
        if sign == "is":
            return _system("Boolean")
        try:
            wanted = type_name(text)
        except PathMeaningError as error:
            raise error.placed(column) from None
        name = wanted.name if wanted.namespace != "System" else f"System.{wanted.name}"
        if source.kinds is None or name.startswith("System.") or any(kind in _OPEN for kind in source.kinds):
            return Shape(frozenset({name}), source.one, source.ordered, narrowed=True)
        fitting = {kind for kind in source.kinds if is_kind(kind, name)}
        if not fitting and any(is_kind(name, kind) for kind in source.kinds):
            fitting = {name}
        if not fitting and self.strict and source.kinds:
            raise PathMeaningError(f"{_listed(source.kinds)} is never {name}", "Name one of its types.", column)
        return Shape(frozenset(fitting), source.one, source.ordered, narrowed=True)

    def operation(self, tree: grammar.Operation, this: Shape) -> Shape:
        left, right = self.shape(tree.left, this), self.shape(tree.right, this)
        if tree.sign == "|":
            return _both(left, right)
        if tree.sign in ("+", "-", "*", "/", "div", "mod"):
            return Shape(None, one=True)
        return _system("String" if tree.sign == "&" else "Boolean")

    def call(self, tree: grammar.Call, this: Shape) -> Shape:
        name = tree.name
        source = this if tree.source is None else self.shape(tree.source, this)
        if name == "getReferenceKey":
            return replace(_system("String"), one=source.one)
        if tree.kind:
            return self.typed(source, name, tree.kind, tree.column)
        if name in _IN_ORDER:
            self.need_order(source, tree.column)
        if name in TEXTS and name != "join":
            self.need_text(source, name, tree.column)
        inner = replace(source, one=True, ordered=True) if name in _PER_ITEM else this
        if name == "aggregate":
            inner = _UNKNOWN
        inner = source if name == "iif" and tree.source is not None else inner
        found = [self.shape(argument, inner) for argument in tree.arguments]
        if name == "iif":
            return self.branches(found, tree.column)
        return _result(name, source, found)

    def branches(self, found: list[Shape], column: int) -> Shape:
        criterion = found[0]
        never_false = criterion.kinds and all(kind.startswith("System.") for kind in criterion.kinds)
        if never_false and "System.Boolean" not in (criterion.kinds or ()):
            raise PathMeaningError("the criterion of iif() is no condition", "Compare, or ask exists().", column)
        return _both(found[1], found[2]) if len(found) > 2 else found[1]

    def need_order(self, source: Shape, column: int) -> None:
        if self.strict and not source.ordered:
            raise PathMeaningError(
                "the items have no order", "Name the elements, instead of children() or descendants().", column
            )

    def need_text(self, source: Shape, name: str, column: int) -> None:
        if source.kinds and not any(_system_of(kind) == "String" for kind in source.kinds):
            raise PathMeaningError(
                f"{name}() is asked of {_listed(source.kinds)}, which is no text", "Name an element of it.", column
            )


def _system_of(kind: str) -> str:
    return kind.removeprefix("System.") if kind.startswith("System.") else system_name(kind)


def _children(kind: str, name: str) -> Iterable[tuple[str, bool]]:
    """(type, whether it repeats) of the children of that name."""
    if kind.startswith("System."):
        return [("System.Decimal", False)] if kind == "System.Quantity" and name in ("value", "unit") else []
    found = [(form.kind, form.many) for form in forms(kind).get(name, ())]
    if not found and not forms(kind):  # a primitive
        inner = {"id": ("string", False), "extension": ("Extension", True)}
        if name == "value":
            return [(f"System.{system_name(kind)}", False)]
        return [inner[name]] if name in inner else []
    return found


def _no_such(kinds: frozenset[str], name: str, column: int) -> PathMeaningError:
    for kind in kinds:
        choice = by_key(kind).get(name)
        if choice is not None and choice[0] != name:
            return PathMeaningError(
                f"{name} is how JSON writes {choice[0]}", f"Write {choice[0]}.ofType({choice[1].kind}).", column
            )
    near = difflib.get_close_matches(name, {known for kind in kinds for known in forms(kind)}, 1)
    remedy = f"Perhaps {near[0]} is meant." if near else "See the elements of that type in FHIR R4."
    return PathMeaningError(f"{_listed(kinds)} has no element {name[:40]}", remedy, column)


def _listed(kinds: frozenset[str]) -> str:
    names = sorted(kinds)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _both(one: Shape, other: Shape) -> Shape:
    kinds = None if one.kinds is None or other.kinds is None else one.kinds | other.kinds
    return Shape(kinds, one=False, ordered=one.ordered and other.ordered, narrowed=one.narrowed or other.narrowed)


_RESULTS: dict[str, Callable[[Shape, list[Shape]], Shape]] = {
    "children": lambda source, found: Shape(None, ordered=False),
    "descendants": lambda source, found: Shape(None, ordered=False),
    "extension": lambda source, found: Shape(frozenset({"Extension"})),
    "select": lambda source, found: replace(found[0], one=source.one and found[0].one),
    "combine": lambda source, found: _both(source, found[0]),
    "union": lambda source, found: _both(source, found[0]),
    **dict.fromkeys(_SAME, lambda source, found: source),
    **dict.fromkeys(_ONE, lambda source, found: replace(source, one=True)),
    **dict.fromkeys(_BOOLEANS, lambda source, found: _system("Boolean")),
    **dict.fromkeys(_INTEGERS, lambda source, found: _system("Integer")),
}


def _result(name: str, source: Shape, found: list[Shape]) -> Shape:
    if name in _RESULTS:
        return _RESULTS[name](source, found)
    if name.startswith("convertsTo"):
        return _system("Boolean")
    if name in ("toInteger", "toString", "toDecimal", "toBoolean", "toDate", "toDateTime", "toTime", "toQuantity"):
        return _system(name[2:])
    if name in TEXTS and name not in ("split", "toChars"):
        return _system("String")
    return _UNKNOWN
