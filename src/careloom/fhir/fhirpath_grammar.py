"""FHIRPath as a tree: what an expression says, before it meets any data.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), grammar in appendix B, precedence in section 6.8
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from careloom.fhir.fhirpath_errors import PathLimitError, PathSyntaxError
from careloom.fhir.fhirpath_moments import UNITS, Moment, moment
from careloom.fhir.fhirpath_tokens import Token, tokens, unescaped

NESTED_AT_MOST = 64
"""Parentheses, arguments and indexers inside each other."""
DEEP_AT_MOST = 150
"""Steps and operators that hang on each other."""

# Binary operators by how tightly they bind, loosest first.
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<", "<=", ">", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_BINDING = {sign: level for level, signs in enumerate(_LEVELS) for sign in signs}
_TYPE_LEVEL = _BINDING["is"]
_TYPED = ("is", "as", "ofType", "getReferenceKey")


@dataclass(frozen=True, slots=True)
class Quantified:
    """A quantity as it is written; `calendar` where its unit is a word (``1 year``), not UCUM (``1 'a'``)."""

    number: Decimal
    unit: str
    calendar: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """One node of the tree: where it stands, how deep what hangs below it is, and how many nodes that is."""

    column: int
    depth: int
    weight: int


@dataclass(frozen=True, slots=True)
class Literal(Tree):
    """A value that stands in the expression; None for the empty collection."""

    value: bool | int | Decimal | str | Moment | Quantified | None


@dataclass(frozen=True, slots=True)
class Variable(Tree):
    """``$this``, ``$index``, ``$total`` or ``%name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Tree):
    """A step to children of a name, from `source` or, if it is None, from ``$this``."""

    source: "Tree | None"
    name: str


@dataclass(frozen=True, slots=True)
class Call(Tree):
    """A function of `source` (None: of ``$this``) with its arguments; `kind` is the type that is, as, ofType name."""

    source: "Tree | None"
    name: str
    arguments: tuple[Tree, ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Index(Tree):
    """One item by its number, from 0."""

    source: Tree
    number: Tree


@dataclass(frozen=True, slots=True)
class Operation(Tree):
    """Two operands and the sign between them."""

    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Typed(Tree):
    """``operand is kind`` or ``operand as kind``; the kind may have a namespace (``FHIR.string``)."""

    sign: str
    operand: Tree
    kind: str


@dataclass(frozen=True, slots=True)
class Signed(Tree):
    """A number with a sign before it; `negative` where it turns."""

    operand: Tree
    negative: bool


def parse(text: str) -> Tree:
    """The tree of an expression.

    raises  PathSyntaxError, PathLimitError
    """
    reader = _Reader(tokens(text))
    tree = reader.expression(0)
    if reader.kind != "end":
        raise reader.refuse("the expression should end here", "Join two expressions with an operator.")
    return tree


def each_part(tree: Tree) -> Iterator[Tree]:
    """A tree and every tree below it, in no particular order."""
    stack = [tree]
    while stack:
        one = stack.pop()
        yield one
        match one:
            case Member(source=source):
                stack += [] if source is None else [source]
            case Call(source=source, arguments=arguments):
                stack += [*([] if source is None else [source]), *arguments]
            case Index(source=source, number=number):
                stack += [source, number]
            case Operation(left=left, right=right):
                stack += [left, right]
            case Typed(operand=operand) | Signed(operand=operand):
                stack.append(operand)


class _Reader:
    """Walks the tokens from left to right."""

    def __init__(self, words: list[Token]) -> None:
        self._tokens = words
        self._at = 0
        self._nested = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    @property
    def kind(self) -> str:
        return self.token.kind

    def refuse(self, problem: str, remedy: str) -> PathSyntaxError:
        return PathSyntaxError(problem, remedy, self.token.column)

    def next(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def is_sign(self, sign: str) -> bool:
        return self.token.kind == "sign" and self.token.text == sign

    def expect(self, sign: str) -> None:
        if not self.is_sign(sign):
            raise self.refuse(f"'{sign}' is missing", f"Write '{sign}' here.")
        self.next()

    def made(self, kind: Any, column: int, *parts: Any, below: tuple[Tree | None, ...] = ()) -> Any:
        """A node over the nodes in `below`, unless it is too deep."""
        depth = 1 + max((tree.depth for tree in below if tree is not None), default=0)
        if depth > DEEP_AT_MOST:
            raise PathLimitError("the expression is too deep", f"Chain at most {DEEP_AT_MOST} steps.", column)
        weight = 1 + sum(tree.weight for tree in below if tree is not None)
        return kind(column, depth, weight, *parts)

    def inside(self) -> Tree:
        """An expression within brackets."""
        self._nested += 1
        if self._nested > NESTED_AT_MOST:
            raise PathLimitError(
                "the expression is nested too deep", f"Nest at most {NESTED_AT_MOST} brackets.", self.token.column
            )
        tree = self.expression(0)
        self._nested -= 1
        return tree

    def expression(self, loosest: int) -> Tree:
        left = self.unary()
        while self.kind in ("sign", "name") and _BINDING.get(self.token.text, -1) >= loosest:
            word = self.next()
            level = _BINDING[word.text]
            if level == _TYPE_LEVEL:
                left = self.made(Typed, word.column, word.text, left, self.type_name(), below=(left,))
            else:
                right = self.expression(level + 1)
                left = self.made(Operation, word.column, word.text, left, right, below=(left, right))
        return left

    def unary(self) -> Tree:
        signs = []
        while self.is_sign("-") or self.is_sign("+"):
            signs.append(self.next())
        tree = self.steps(self.term())
        for word in reversed(signs):
            tree = self.made(Signed, word.column, tree, word.text == "-", below=(tree,))
        return tree

    def steps(self, source: Tree) -> Tree:
        while True:
            column = self.token.column
            if self.is_sign("."):
                self.next()
                source = self.invocation(source)
            elif self.is_sign("["):
                self.next()
                number = self.inside()
                self.expect("]")
                source = self.made(Index, column, source, number, below=(source, number))
            else:
                return source

    def term(self) -> Tree:
        kind, text, column = self.token
        if kind == "string":
            return self.literal(column, unescaped(self.next()))
        if kind == "number":
            return self.number()
        if kind in ("date", "time"):
            return self.literal(column, self.moment())
        if kind == "outside":
            token = self.next()
            name = token.text[1:] if token.text[1].isalpha() or token.text[1] == "_" else unescaped(token)
            return self.made_variable(column, "%" + name)
        if kind == "name" and text in ("true", "false"):
            return self.literal(column, self.next().text == "true")
        if kind in ("name", "quoted", "special"):
            return self.invocation(None)
        if self.is_sign("("):
            self.next()
            inner = self.inside()
            self.expect(")")
            return inner
        if self.is_sign("{"):
            self.next()
            self.expect("}")
            return self.literal(column, None)
        raise self.refuse("an operand is missing", "Write a path, a literal or a bracket here.")

    def literal(self, column: int, value: Any) -> Tree:
        tree: Tree = self.made(Literal, column, value)
        return tree

    def made_variable(self, column: int, name: str) -> Tree:
        tree: Tree = self.made(Variable, column, name)
        return tree

    def number(self) -> Tree:
        token = self.next()
        number = Decimal(token.text) if "." in token.text else int(token.text)
        if self.kind == "string":
            return self.literal(token.column, Quantified(Decimal(token.text), unescaped(self.next()), calendar=False))
        if self.kind == "name" and self.token.text in UNITS:
            return self.literal(token.column, Quantified(Decimal(token.text), UNITS[self.next().text], calendar=True))
        if isinstance(number, int) and number >= 2**63:
            raise PathSyntaxError("the whole number is too large", "Write it with '.0', as a decimal.", token.column)
        return self.literal(token.column, number)

    def moment(self) -> Moment:
        token = self.next()
        kind = "time" if token.kind == "time" else "dateTime" if "T" in token.text else "date"
        text = token.text[2:] if kind == "time" else token.text[1:]
        found = moment(kind, text.removesuffix("T"))
        if found is None:
            raise PathSyntaxError("no calendar or clock has this", "Write a real date or time.", token.column)
        return found

    def name(self) -> str:
        if self.kind == "quoted":
            return unescaped(self.next())
        if self.kind == "name":
            return self.next().text
        raise self.refuse("a name is missing", "Write the name of an element or a function after the point.")

    def invocation(self, source: Tree | None) -> Tree:
        column = self.token.column
        if self.kind == "special":
            if source is not None:
                raise self.refuse("a variable follows a point", "Begin an expression with it.")
            return self.made_variable(column, self.next().text)
        name = self.name()
        if not self.is_sign("("):
            member: Tree = self.made(Member, column, source, name, below=(source,))
            return member
        self.next()
        arguments: tuple[Tree, ...] = ()
        kind = ""
        if name in _TYPED and not (name == "getReferenceKey" and self.is_sign(")")):
            kind = self.type_name()
        elif not self.is_sign(")"):
            arguments = self.arguments()
        self.expect(")")
        call: Tree = self.made(Call, column, source, name, arguments, kind, below=(source, *arguments))
        return call

    def arguments(self) -> tuple[Tree, ...]:
        found = [self.inside()]
        while self.is_sign(","):
            self.next()
            found.append(self.inside())
        return tuple(found)

    def type_name(self) -> str:
        name = self.name()
        while self.is_sign(".") and self._tokens[self._at + 1].kind in ("name", "quoted"):
            if self._tokens[self._at + 2].text == "(":
                break
            self.next()
            name += "." + self.name()
        return name
