"""Units in UCUM: parse a code, tell its dimension, convert a value.

    convert(5.5, "mmol/L", "umol/L")      Decimal('5500.0')
    convert("98.6", "[degF]", "Cel")      Decimal('37.00')
    is_comparable("mg/dL", "g/L")         True
    canonical("mm[Hg]")                   (Fraction(133322), 'g.m-1.s-2')

Factors are exact fractions, as UCUM defines them; a result is right to 28 significant digits (on a tangent scale: 15).
As in UCUM, an annotation in braces has no meaning (``ug/mL{FEU}`` is ``ug/mL``), mol is a number (6.02214076e23), and
an arbitrary unit such as ``[iU]`` is comparable with nothing but itself. What a unit does not say, such as the mass of
a mole of glucose, is in `careloom.terminology.molar_mass`; what senders write instead of UCUM, in `ucum_spellings`.

source  The Unified Code for Units of Measure, version 2.2 (2024-06-17), https://ucum.org, case-sensitive form
"""

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

from careloom.errors import InputError
from careloom.terminology.ucum_scales import ARITHMETIC, SCALES
from careloom.terminology.ucum_table import Atom, table

CHARACTERS_AT_MOST = 255
EXPONENT_AT_MOST = 99
_RESULT = Context(prec=28)
_CACHED = 8192

Dimension = tuple[tuple[str, int], ...]
"""Sorted (base unit or arbitrary unit, exponent): ``(("g", 1), ("m", -3))``; empty for a plain number."""
Number = Decimal | Fraction | float | int | str


class UnitError(InputError):
    """A unit that is not UCUM, or two units that measure different things; never holds the unit or the value."""

    code = "input.unit"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a UCUM code means.

    code       as it was written
    factor     one of this unit is that many canonical units; of a special unit: one of its ratio unit
    dimension  exponents of the canonical units: m, s, g, rad, K, C, cd and arbitrary units
    scale      the scale of a special unit (``Cel``, ``pH``, ``lg``, ...); empty for all others
    step       a special unit's prefix: a number in this unit, times `step`, is a number on the scale (dB: 1/10)
    annotations  the texts in braces, in order; they have no meaning in UCUM
    """

    code: str
    factor: Fraction
    dimension: Dimension
    scale: str = ""
    step: Fraction = Fraction(1)
    annotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Term:
    """A part of a unit while it is read."""

    factor: Fraction
    powers: dict[str, int]
    scale: str = ""
    step: Fraction = Fraction(1)

    def raised(self, exponent: int) -> "_Term":
        return _Term(self.factor**exponent, {base: power * exponent for base, power in self.powers.items()})

    def times(self, other: "_Term", sign: int) -> "_Term":
        powers = dict(self.powers)
        for base, power in other.powers.items():
            powers[base] = powers.get(base, 0) + sign * power
        return _Term(self.factor * other.factor**sign, powers)


_ONE = _Term(Fraction(1), {})
_NUMBER = re.compile(r"[0-9]+")
_ATOM = re.compile(r"10[*^]|(?:[^\x00-\x20\x7f-\U0010ffff.()/{}\[\]0-9+\-]|\[[^\]\s]*\])+")
_EXPONENT = re.compile(r"[+-]?[0-9]+")
_ANNOTATION = re.compile(r"\{([ !-z|~]*)\}")  # a space is no UCUM, but FHIR's own common units have it


class _Reader:
    """Recursive descent over one code: ``main = ["/"] term``, ``term = component (("." | "/") component)*``."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.at = 0
        self.annotations: list[str] = []

    def refuse(self, why: str) -> UnitError:
        return UnitError(f"a unit, character {self.at + 1}: {why}", "Write the unit in UCUM: https://ucum.org.")

    def peek(self) -> str:
        return self.code[self.at : self.at + 1]

    def main(self, closing: str) -> _Term:
        if self.peek() == "/":
            self.at += 1
            result = self.combine(_ONE, self.component(), -1)
        else:
            result = self.component()
        while (operator := self.peek()) in (".", "/") and operator:
            self.at += 1
            result = self.combine(result, self.component(), 1 if operator == "." else -1)
        if self.peek() != closing:
            raise self.refuse("expected an operator or the end" if not closing else "expected a closing parenthesis")
        return result

    def combine(self, left: _Term, right: _Term, sign: int) -> _Term:
        if left.scale or right.scale:
            raise self.refuse("a unit that is no ratio (Cel, [pH], dB) stands alone; use K or another ratio unit")
        return left.times(right, sign)

    def component(self) -> _Term:
        if self.peek() == "{":
            self.annotation()
            return _ONE
        if self.peek() == "(":
            self.at += 1
            result = self.main(")")
            self.at += 1
        else:
            result = self.annotatable()
        if self.peek() == "{":
            self.annotation()
        return result

    def annotation(self) -> None:
        found = _ANNOTATION.match(self.code, self.at)
        if found is None:
            raise self.refuse("an annotation is ASCII text without braces, closed by a brace")
        self.annotations.append(found[1])
        self.at = found.end()

    def annotatable(self) -> _Term:
        found = _ATOM.match(self.code, self.at)
        if found is None:
            number = _NUMBER.match(self.code, self.at)
            if number is None or int(number[0]) == 0:
                raise self.refuse("expected a unit or a whole number above zero")
            self.at = number.end()
            return _Term(Fraction(int(number[0])), {})
        simple = _simple(found[0])
        if simple is None:
            raise self.refuse("no such unit in UCUM; case matters")
        self.at = found.end()
        power = _EXPONENT.match(self.code, self.at)
        if power is None:
            return simple
        if simple.scale or not 0 < abs(int(power[0])) <= EXPONENT_AT_MOST:
            raise self.refuse(f"an exponent is -{EXPONENT_AT_MOST} to {EXPONENT_AT_MOST}, not 0, of a ratio unit")
        self.at = power.end()
        return simple.raised(int(power[0]))


def _read(code: str) -> tuple[_Term, tuple[str, ...]]:
    reader = _Reader(code)
    if not 0 < len(code) <= CHARACTERS_AT_MOST:
        raise reader.refuse(f"a unit has 1 to {CHARACTERS_AT_MOST} characters; that of a plain number is 1")
    return reader.main(""), tuple(reader.annotations)


@lru_cache(maxsize=_CACHED)
def _simple(symbol: str) -> _Term | None:
    """An atom, or a metric atom with its prefix."""
    units = table()
    if symbol in units.atoms:
        return _defined(units.atoms[symbol])
    for prefix, factor in units.prefixes.items():
        atom = units.atoms.get(symbol.removeprefix(prefix)) if symbol.startswith(prefix) else None
        if atom is not None and atom.is_metric:
            term = _defined(atom)
            if term.scale:
                return _Term(term.factor, term.powers, term.scale, factor)
            return _Term(term.factor * factor, term.powers)
    return None


def _defined(atom: Atom) -> _Term:
    if atom.code in table().base or (atom.is_arbitrary and atom.unit == "1"):
        return _Term(Fraction(1), {atom.code: 1})
    if atom.code in ("10*", "10^"):
        return _Term(Fraction(10), {})
    term, _ = _read(atom.unit)
    return _Term(term.factor * atom.number, term.powers, atom.function)


@lru_cache(maxsize=_CACHED)
def parse(code: str) -> Unit:
    """The meaning of a UCUM code.

    raises  UnitError if the code is not UCUM, with the character where it ceases to be
    """
    term, annotations = _read(code)
    dimension = tuple(sorted((base, power) for base, power in term.powers.items() if power))
    return Unit(code, term.factor, dimension, term.scale, term.step, annotations)


def is_valid(code: str) -> bool:
    """True where `code` is UCUM."""
    try:
        parse(code)
    except UnitError:
        return False
    return True


def is_comparable(first: str, second: str) -> bool:
    """True where both codes are UCUM and measure the same thing, so that `convert` can go from one to the other."""
    try:
        return parse(first).dimension == parse(second).dimension
    except UnitError:
        return False


def canonical(code: str) -> tuple[Fraction, str]:
    """(factor, canonical unit): one of `code` is `factor` of a product of base units; of a special unit, one of its
    ratio unit. The canonical unit of a plain number is ``1``.

    raises  UnitError
    """
    unit = parse(code)
    return unit.factor, ".".join(f"{base}{'' if power == 1 else power}" for base, power in unit.dimension) or "1"


def _decimal(value: Number) -> Decimal:
    if isinstance(value, Fraction):
        return ARITHMETIC.divide(Decimal(value.numerator), Decimal(value.denominator))
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except ArithmeticError:
        number = Decimal("nan")
    if not number.is_finite():
        raise UnitError("a value to convert", "Give a finite number.")
    return number


def exact(value: Number) -> Fraction:
    """A number as a fraction; a float is the decimal that it prints as.

    raises  UnitError if it is no finite number
    """
    return value if isinstance(value, Fraction) else Fraction(_decimal(value))


def _times(value: Decimal, factor: Fraction) -> Decimal:
    if factor == 1:
        return value
    return ARITHMETIC.divide(ARITHMETIC.multiply(value, Decimal(factor.numerator)), Decimal(factor.denominator))


@lru_cache(maxsize=_CACHED)
def factor(source: str, target: str) -> Fraction:
    """One of `source` is exactly that many of `target`; both on a ratio scale.

    raises  UnitError
    """
    before, after = parse(source), parse(target)
    if before.dimension != after.dimension:
        raise UnitError("two units", "They measure different things; see is_comparable.")
    if before.scale or after.scale:
        raise UnitError("two units", "One of them has an offset or a logarithm: use convert.")
    return before.factor / after.factor


def convert(value: Number, source: str, target: str) -> Decimal:
    """`value` of the unit `source`, as a number of the unit `target`; right to 28 significant digits.

    A float counts as the decimal that it prints as: 0.1 is a tenth.

    raises  UnitError if a unit is not UCUM, if they measure different things, or if the scale has no such number
    """
    number = _decimal(value)
    before, after = parse(source), parse(target)
    if before.dimension != after.dimension:
        raise UnitError("two units", "They measure different things; see is_comparable.")
    try:
        if not before.scale and not after.scale:
            return _RESULT.plus(_times(number, factor(source, target)))
        if before.scale:
            number = SCALES[before.scale].up(_times(number, before.step))
        number = _times(number, before.factor / after.factor)
        if after.scale:
            number = _times(SCALES[after.scale].down(number), 1 / after.step)
        return _RESULT.plus(number)
    except ArithmeticError:
        raise UnitError("a value to convert", "It has no place on the scale of the other unit.") from None
