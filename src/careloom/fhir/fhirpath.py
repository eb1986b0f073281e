"""FHIRPath on FHIR R4 resources: an expression is compiled once to closures and then asked of many resources.

    family = compile_fhirpath("Patient.name.where(use = 'official').family", of="Patient")
    family.evaluate({"resourceType": "Patient", "name": [{"use": "official", "family": "Chalmers"}]})   # ["Chalmers"]

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), and what FHIR R4 (section 2.9.1) adds to it
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from careloom.fhir import fhirpath_collections as collections
from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir.fhirpath_check import check
from careloom.fhir.fhirpath_errors import PathError, PathEvaluationError, PathLimitError, PathMeaningError
from careloom.fhir.fhirpath_fhir import reference_key
from careloom.fhir.fhirpath_functions import FUNCTIONS, LAZY, TO, Function, check_call
from careloom.fhir.fhirpath_numbers import negative
from careloom.fhir.fhirpath_operators import LOGIC, OPERATORS
from careloom.fhir.fhirpath_scope import Environment, Lazy, Run, Scope, start
from careloom.fhir.fhirpath_types import is_fhir, is_kind, type_name
from careloom.fhir.fhirpath_values import (
    Items,
    Node,
    Quantity,
    TypeInfo,
    as_boolean,
    children,
    is_of_type,
    plain,
    resource_node,
    single,
    text_of,
)  # fmt: skip

Known = Mapping[str, Function]
_EMPTY = Environment()
_REMEMBERED_AT_MOST = 500
"""Characters of an expression that is remembered: longer ones would fill the memory of who takes them from anybody."""
_CONSTANTS = {
    "%ucum": "http://unitsofmeasure.org",
    "%sct": "http://snomed.info/sct",
    "%loinc": "http://loinc.org",
}
NODES = ("%context", "%resource", "%rootResource")
"""Variables that stand for what an expression is asked of, or is in."""
_PREFIXES = {"%vs-": "http://hl7.org/fhir/ValueSet/", "%ext-": "http://hl7.org/fhir/StructureDefinition/"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    text  as it was written
    tree  what the grammar makes of it
    run   what it finds, given a scope and the collection that ``$this`` is
    """

    text: str
    tree: grammar.Tree
    run: Run

    def items(self, item: Node, environment: Environment = _EMPTY) -> Items:
        """What the expression finds at a node: nodes, and values that it made.

        raises  PathEvaluationError, PathLimitError
        """
        try:
            return self.run(start(item, environment), [item])
        except RecursionError:
            raise PathLimitError("what the expression met is nested too deep", "Ask for less.") from None

    def evaluate(self, resource: Any, environment: Environment = _EMPTY) -> list[Any]:
        """The same of a resource in JSON, as JSON: objects, texts (dates too), numbers, booleans; a primitive that
        holds extensions only is None.

        raises  PathEvaluationError, PathLimitError
        """
        return [plain(item) for item in self.items(resource_node(resource), environment)]

    def holds(self, resource: Any, environment: Environment = _EMPTY) -> bool | None:
        """Whether a condition holds of a resource in JSON; None where it has no answer.

        raises  PathEvaluationError (also where it finds several items), PathLimitError
        """
        return as_boolean(self.items(resource_node(resource), environment))


def compile_fhirpath(text: str, of: str = "", *, strict: bool = False) -> Expression:
    """An expression, ready to be asked; remembered, unless it is long, so that the same text is compiled once.

    of      the FHIR type that it will be asked of; where it is told, elements that the type does not have are refused
    strict  also refuses elements after ``as`` and ``ofType`` that their type lacks, and the first of what has no order
    raises  PathSyntaxError, PathMeaningError, PathLimitError
    """
    return (_remembered if len(text) <= _REMEMBERED_AT_MOST else _compile)(text, of, strict)


def compile_with(functions: Mapping[str, Function], text: str) -> Expression:
    """An expression that may use functions beside those of FHIRPath; an element that no type has finds nothing.

    functions  name -> (function of the scope and the evaluated collections, fewest arguments, most)
    raises     PathSyntaxError, PathMeaningError, PathLimitError
    """
    return _compile(text, None, strict=False, known={**FUNCTIONS, **functions})


def _compile(text: str, of: str | None, strict: bool, known: Known = FUNCTIONS) -> Expression:
    """Where `of` is None, elements are not checked."""
    try:
        tree = grammar.parse(text)
        run = _compiled(tree, known)
        if of is not None:
            check(tree, of, strict=strict)
    except RecursionError:
        raise PathLimitError("the expression is nested too deep", "Write it in parts.") from None
    return Expression(text, tree, run)


_remembered = lru_cache(2048)(_compile)


def parent_and_name(expression: Expression) -> tuple[Expression, str] | None:
    """An expression that ends with the name of an element, as the expression before it and that name; else None."""
    tree = expression.tree
    if not isinstance(tree, grammar.Member) or tree.source is None:
        return None
    return Expression(expression.text, tree.source, _compiled(tree.source)), tree.name


def outside_names(expression: Expression) -> set[str]:
    """The names of the variables (without ``%``) that a caller has to hand in."""
    return {
        tree.name[1:]
        for tree in grammar.each_part(expression.tree)
        if isinstance(tree, grammar.Variable)
        and tree.name.startswith("%")
        and tree.name not in NODES
        and built_in(tree.name) is None
    }


def built_in(name: str) -> str | None:
    """The url that a variable of FHIR (``%loinc``, ``%vs-gender``) stands for; None for any other."""
    for prefix, url in _PREFIXES.items():
        if name.startswith(prefix):
            return url + name.removeprefix(prefix)
    return _CONSTANTS.get(name)


def _compiled(tree: grammar.Tree, known: Known = FUNCTIONS) -> Run:
    match tree:
        case grammar.Literal():
            return _literal(tree)
        case grammar.Variable():
            return _variable(tree)
        case grammar.Member():
            return _member(tree, known)
        case grammar.Call():
            return _call(tree, known)
        case grammar.Index():
            return _indexed(tree, known)
        case grammar.Signed():
            return _signed(tree, known)
        case grammar.Typed():
            operand = _compiled(tree.operand, known)
            return _placed(tree.column, _typed(operand, tree.sign, _type(tree.kind, tree.column)))
        case grammar.Operation():
            return _operation(tree, known)
    raise PathMeaningError("a part of no known kind", "Report this expression.", tree.column)


def _placed(column: int, run: Run) -> Run:
    """The same, whose errors know where they arise."""

    def placed(scope: Scope, this: Items) -> Items:
        try:
            return run(scope, this)
        except PathError as error:
            raise error.placed(column) from None

    return placed


def _source(source: grammar.Tree | None, known: Known) -> Run | None:
    return None if source is None else _compiled(source, known)


def _literal(tree: grammar.Literal) -> Run:
    value: Any = tree.value
    if isinstance(value, grammar.Quantified):
        value = Quantity(value.number, value.unit, value.calendar)
    found = [] if value is None else [value]
    return lambda scope, this: found


def _variable(tree: grammar.Variable) -> Run:
    name, fixed = tree.name, built_in(tree.name)
    known: dict[str, Run] = {
        "$this": lambda scope, this: this,
        "$index": lambda scope, this: [] if scope.index is None else [scope.index],
        "$total": lambda scope, this: scope.total,
        "%context": lambda scope, this: scope.context,
        "%resource": lambda scope, this: scope.resource,
        "%rootResource": lambda scope, this: scope.root,
    }
    if name in known:
        return known[name]
    found: Items = [fixed]
    return _outside(tree) if fixed is None else lambda scope, this: found


def _outside(tree: grammar.Variable) -> Run:
    name = tree.name[1:]

    def outside(scope: Scope, _this: Items) -> Items:
        if name not in scope.variables:
            raise PathEvaluationError("a variable that nobody handed in", "Define it, or mend its name.", tree.column)
        value = scope.variables[name]
        items = value if value.__class__ is list else [value]
        return [resource_node(item) if item.__class__ is dict else item for item in items if item is not None]

    return outside


def _member(tree: grammar.Member, known: Known) -> Run:
    source, name = _source(tree.source, known), tree.name
    if source is None and is_fhir(name) and name[0].isupper():
        return _root(name)

    def member(scope: Scope, this: Items) -> Items:
        items = this if source is None else source(scope, this)
        if len(items) == 1:
            found = children(items[0], name) if items[0].__class__ is Node else _of_value(items[0], name)
        else:
            found = []
            for item in items:
                found += children(item, name) if item.__class__ is Node else _of_value(item, name)
        scope.left -= len(found) + 1
        if scope.left < 0:
            scope.spend(0)
        return found

    return member


def _root(name: str) -> Run:
    """A type at the beginning of a path: what is asked, if it is of that type; else a child with such a name."""

    def root(_scope: Scope, this: Items) -> Items:
        found = [item for item in this if item.__class__ is Node and is_kind(item.kind, name)]
        return found or [child for item in this if item.__class__ is Node for child in children(item, name)]

    return root


def _of_value(item: Any, name: str) -> Items:
    if item.__class__ is TypeInfo and name in ("namespace", "name"):
        return [getattr(item, name)]
    if item.__class__ is Quantity and name in ("value", "unit"):
        return [item.number if name == "value" else item.unit]
    return []


def _indexed(tree: grammar.Index, known: Known) -> Run:
    source, number = _compiled(tree.source, known), _compiled(tree.number, known)
    return _placed(tree.column, lambda scope, this: collections.index(scope, source(scope, this), number(scope, this)))


def _signed(tree: grammar.Signed, known: Known) -> Run:
    operand = _compiled(tree.operand, known)

    def signed(scope: Scope, this: Items) -> Items:
        value = single(operand(scope, this), "what a sign stands before")
        if value is None:
            return []
        turned = negative(value)
        found = turned if tree.negative else value
        return [] if found is None else [found]

    return _placed(tree.column, signed)


def _type(kind: str, column: int) -> Any:
    try:
        return type_name(kind)
    except PathMeaningError as error:
        raise error.placed(column) from None


def _typed(source: Run | None, sign: str, wanted: Any) -> Run:
    def is_type(scope: Scope, this: Items) -> Items:
        items = this if source is None else source(scope, this)
        single(items, "the left of 'is'")
        return [is_of_type(items[0], wanted)] if items else []

    def of_type(scope: Scope, this: Items) -> Items:
        items = this if source is None else source(scope, this)
        return [item for item in items if is_of_type(item, wanted)]

    return is_type if sign == "is" else of_type


def _operation(tree: grammar.Operation, known: Known) -> Run:
    left, right = _compiled(tree.left, known), _compiled(tree.right, known)
    if tree.sign in LOGIC:
        truth, decided = LOGIC[tree.sign]

        def logic(scope: Scope, this: Items) -> Items:
            one = as_boolean(left(scope, this))
            if one is not None and one is decided:
                return [truth(one, None)]
            answer = truth(one, as_boolean(right(scope, this)))
            return [] if answer is None else [answer]

        return _placed(tree.column, logic)
    operate = OPERATORS[tree.sign]
    return _placed(tree.column, lambda scope, this: operate(scope, left(scope, this), right(scope, this)))


def _call(tree: grammar.Call, known: Known) -> Run:
    check_call(tree, known)
    source = _source(tree.source, known)
    if tree.name == "getReferenceKey":
        return lambda scope, this: reference_key(this if source is None else source(scope, this), tree.kind)
    if tree.kind:
        return _placed(tree.column, _typed(source, tree.name, _type(tree.kind, tree.column)))
    if tree.name in TO:
        return _placed(tree.column, _conversion(tree, source, known))
    if tree.name in LAZY:
        return _placed(tree.column, _lazy_call(tree, source, known))
    work: Callable[..., Items] = known[tree.name][0]
    arguments = [_compiled(argument, known) for argument in tree.arguments]

    def call(scope: Scope, this: Items) -> Items:
        items = this if source is None else source(scope, this)
        return work(scope, items, *[argument(scope, this) for argument in arguments])

    return _placed(tree.column, call)


def _lazy(tree: grammar.Tree, known: Known) -> Lazy:
    return Lazy(_compiled(tree, known), tree.weight)


def _lazy_call(tree: grammar.Call, source: Run | None, known: Known) -> Run:
    work = LAZY[tree.name][0]
    if tree.name == "sort":
        keys = [
            (_lazy(one.operand, known), one.negative) if isinstance(one, grammar.Signed) else (_lazy(one, known), False)
            for one in tree.arguments
        ]
        return lambda scope, this: work(scope, this if source is None else source(scope, this), *keys)
    lazies = [_lazy(one, known) for one in tree.arguments]
    eager = {"aggregate": 1, "trace": 0}.get(tree.name, -1)

    def call(scope: Scope, this: Items) -> Items:
        items = this if source is None else source(scope, this)
        given = [lazy.run(scope, this) if at == eager else lazy for at, lazy in enumerate(lazies)]
        return work(scope, items, *given)

    return call


def _conversion(tree: grammar.Call, source: Run | None, known: Known) -> Run:
    asks = tree.name.startswith("converts")
    convert = TO[tree.name][0]
    units = [_compiled(argument, known) for argument in tree.arguments]

    def conversion(scope: Scope, this: Items) -> Items:
        value = single(this if source is None else source(scope, this), f"the input of {tree.name}()")
        if value is None:
            return []
        unit = [text_of(single(one(scope, this), "a unit")) for one in units]
        found = convert(value, *unit)
        return [found is not None] if asks else [] if found is None else [found]

    return conversion
