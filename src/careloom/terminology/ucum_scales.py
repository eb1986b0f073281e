"""The scales of UCUM's special units: temperatures with an offset, logarithms, slopes.

A special unit is no ratio: 20 Cel is not twice 10 Cel. Its scale turns a number on it into a number of its ratio unit
(`up`), and back (`down`). Offsets are exact; logarithms are right to 30 significant digits, tangents to 15.

source  UCUM 2.2, sections 21 to 23 and table 1 of the special units
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from types import MappingProxyType

ARITHMETIC = Context(prec=40, traps=[DivisionByZero, InvalidOperation, Overflow])
"""Forty digits inside, so that the 28 that come out are right."""

_Step = Callable[[Decimal], Decimal]


@dataclass(frozen=True, slots=True)
class Scale:
    """`up`: number on the scale -> number of the ratio unit; `down`: its inverse."""

    up: _Step
    down: _Step


def _offset(text: str) -> Scale:
    offset = Decimal(text)
    return Scale(lambda value: ARITHMETIC.add(value, offset), lambda value: ARITHMETIC.subtract(value, offset))


def _logarithm(base: int | None, times: int = 1) -> Scale:
    """times · log_base(ratio); base None is e."""
    natural = Decimal(1) if base is None else ARITHMETIC.ln(Decimal(base))
    step = ARITHMETIC.divide(Decimal(times), natural)

    def up(value: Decimal) -> Decimal:
        return ARITHMETIC.exp(ARITHMETIC.divide(value, step))

    def down(value: Decimal) -> Decimal:
        if value <= 0:
            raise ArithmeticError
        return ARITHMETIC.multiply(ARITHMETIC.ln(value), step)

    def ten_up(value: Decimal) -> Decimal:
        return ARITHMETIC.power(Decimal(10), ARITHMETIC.divide(value, Decimal(times)))

    def ten_down(value: Decimal) -> Decimal:
        if value <= 0:
            raise ArithmeticError
        return ARITHMETIC.multiply(ARITHMETIC.log10(value), Decimal(times))

    return Scale(ten_up, ten_down) if base == 10 else Scale(up, down)


def _tangent(degrees: bool) -> Scale:
    """100 · tan(angle); the angle in degrees or radians."""

    def up(value: Decimal) -> Decimal:
        angle = math.atan(float(value) / 100)
        return Decimal(repr(math.degrees(angle) if degrees else angle))

    def down(value: Decimal) -> Decimal:
        angle = math.radians(float(value)) if degrees else float(value)
        return Decimal(repr(100 * math.tan(angle)))

    return Scale(up, down)


_ROOT = Scale(lambda value: ARITHMETIC.multiply(value, value), ARITHMETIC.sqrt)

SCALES = MappingProxyType(
    {
        "Cel": _offset("273.15"),
        "degF": _offset("459.67"),
        "degRe": _offset("218.52"),
        "pH": _logarithm(10, -1),
        "ln": _logarithm(None),
        "lg": _logarithm(10),
        "lgTimes2": _logarithm(10, 2),
        "ld": _logarithm(2),
        "hpX": _logarithm(10, -1),
        "hpC": _logarithm(100, -1),
        "hpM": _logarithm(1000, -1),
        "hpQ": _logarithm(50000, -1),
        "tanTimes100": _tangent(degrees=False),
        "100tan": _tangent(degrees=True),
        "sqrt": _ROOT,
    }
)
"""The name of the function in the essence -> its scale."""
