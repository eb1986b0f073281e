"""FHIRPath as a tree: what an expression says, before it meets any data.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), grammar in appendix B, precedence in section 6.8
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from careloom.deid.fhirpath_values import Moment, PathError, Quantity, moment

_TOKEN = re.compile(
    r"""\s+ | //[^\n]* | /\*.*?\*/
    | (?P<string>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<time>@T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)
    | (?P<date>@\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<quoted>`(?:[^`\\]|\\.)*`)
    | (?P<special>\$this|\$index|\$total)
    | (?P<outside>%(?:[A-Za-z_][A-Za-z0-9_-]*|`[^`]*`|'[^']*'))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_UNITS = "years? months? weeks? days? hours? minutes? seconds? milliseconds?".replace(" ", "|")
_UNIT = re.compile(_UNITS)

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


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the expression; None for the empty collection."""

    value: Any


@dataclass(frozen=True, slots=True)
class Variable:
    """``$this``, ``$index``, ``$total`` or ``%name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A step to children of a name, from `source` or, if it is None, from what the expression is asked of."""

    source: Any
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `source` with its arguments, which are trees too."""

    source: Any
    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """One item by its number, from 0."""

    source: Any
    number: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands; of ``is`` and ``as`` the second is the name of a type."""

    sign: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with its sign turned."""

    operand: Any


@lru_cache(4096)
def parse(text: str) -> Any:
    """The tree of an expression. raises PathError if it is no FHIRPath"""
    reader = _Reader(_tokens(text))
    tree = reader.expression(0)
    if reader.kind != "end":
        raise PathError("the expression goes on where it should end")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise PathError(f"character {at + 1} begins nothing that FHIRPath has")
        if match.lastgroup:
            found.append((match.lastgroup, match[0]))
        at = match.end()
    return [*found, ("end", "")]


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        letter = found[1]
        return chr(int(letter[1:], 16)) if len(letter) == 5 else _ESCAPES.get(letter, letter)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, text[1:-1], flags=re.DOTALL)


class _Reader:
    """Walks the tokens from left to right."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def text(self) -> str:
        return self._tokens[self._at][1]

    def next(self) -> str:
        text = self.text
        self._at += 1
        return text

    def is_sign(self, sign: str) -> bool:
        return self.kind == "sign" and self.text == sign

    def expect(self, sign: str) -> None:
        if not self.is_sign(sign):
            raise PathError(f"a {sign} is missing")
        self.next()

    def expression(self, loosest: int) -> Any:
        left = self.unary()
        while self.kind in ("sign", "name") and _BINDING.get(self.text, -1) >= loosest:
            sign = self.next()
            level = _BINDING[sign]
            right = self.type_name() if level == _TYPE_LEVEL else self.expression(level + 1)
            left = Operation(sign, left, right)
        return left

    def unary(self) -> Any:
        if self.is_sign("-") or self.is_sign("+"):
            sign = self.next()
            operand = self.unary()
            return Negative(operand) if sign == "-" else operand
        return self.steps(self.term())

    def steps(self, source: Any) -> Any:
        while True:
            if self.is_sign("."):
                self.next()
                source = self.invocation(source)
            elif self.is_sign("["):
                self.next()
                source = Index(source, self.expression(0))
                self.expect("]")
            else:
                return source

    def term(self) -> Any:
        kind, text = self.kind, self.text
        if kind == "string":
            return Literal(_unescaped(self.next()))
        if kind == "number":
            return self.number()
        if kind in ("date", "time"):
            return Literal(_moment(self.next()))
        if kind == "special":
            return Variable(self.next())
        if kind == "outside":
            return Variable("%" + self.next()[1:].strip("`'"))
        if kind == "name" and text in ("true", "false"):
            return Literal(self.next() == "true")
        if kind in ("name", "quoted"):
            return self.invocation(None)
        if self.is_sign("("):
            self.next()
            inner = self.expression(0)
            self.expect(")")
            return inner
        if self.is_sign("{"):
            self.next()
            self.expect("}")
            return Literal(None)
        raise PathError("an operand is missing")

    def number(self) -> Literal:
        text = self.next()
        number = Decimal(text) if "." in text else int(text)
        if self.kind == "string":
            return Literal(Quantity(Decimal(number), _unescaped(self.next())))
        if self.kind == "name" and _UNIT.fullmatch(self.text):
            return Literal(Quantity(Decimal(number), self.next().removesuffix("s")))
        return Literal(number)

    def name(self) -> str:
        if self.kind == "quoted":
            return _unescaped(self.next())
        if self.kind == "name":
            return self.next()
        raise PathError("a name is missing")

    def invocation(self, source: Any) -> Any:
        if self.kind == "special":
            return Variable(self.next())
        name = self.name()
        if not self.is_sign("("):
            return Member(source, name)
        self.next()
        if name in ("is", "as", "ofType"):
            arguments: tuple[Any, ...] = (self.type_name(),)
        else:
            arguments = self.arguments()
        self.expect(")")
        return Call(source, name, arguments)

    def arguments(self) -> tuple[Any, ...]:
        if self.is_sign(")"):
            return ()
        found = [self.expression(0)]
        while self.is_sign(","):
            self.next()
            found.append(self.expression(0))
        return tuple(found)

    def type_name(self) -> str:
        name = self.name()
        while self.is_sign("."):
            self.next()
            name += "." + self.name()
        return name


def _moment(text: str) -> Moment:
    kind = "time" if text.startswith("@T") else "dateTime" if "T" in text else "date"
    found = moment(kind, text[2:] if kind == "time" else text[1:])
    if found is None:
        raise PathError("a date or time that is none")
    return found if not text.endswith("T") else Moment(kind, text[1:-1], found.fields)
