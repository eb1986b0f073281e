"""Arithmetic of FHIRPath: numbers, quantities, spans added to moments; mathematics; boundaries of decimals.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), sections 5.7 and 6.6; boundaries: FHIRPath 3.0, section 5.6
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from careloom.fhir import fhirpath_moments
from careloom.fhir.fhirpath_compare import code_of
from careloom.fhir.fhirpath_errors import PathEvaluationError
from careloom.fhir.fhirpath_moments import UCUM_UNITS, UNITS, Moment
from careloom.fhir.fhirpath_values import NUMBERS, STRING_AT_MOST, Quantity, number_of, quantity
from careloom.terminology.ucum import UnitError, canonical, convert, factor, is_comparable

_INTEGER_AT_MOST = 2**31 - 1
_PLACES_AT_MOST = 31


def _no_sense(sign: str) -> PathEvaluationError:
    return PathEvaluationError(
        f"'{sign}' has no meaning for values of these types", "Convert one of them: toDecimal(), toString(), ..."
    )


def within(number: Any) -> Any:
    """A whole number of 32 bits as it is, None beyond; a decimal as it is."""
    return None if number.__class__ is int and not -_INTEGER_AT_MOST - 1 <= number <= _INTEGER_AT_MOST else number


def _numbers(left: Any, right: Any, made: Callable[[Any, Any], Any]) -> Any:
    try:
        return within(made(left, right))
    except ArithmeticError:
        return None


def add(left: Any, right: Any) -> Any:
    """``left + right``; None where there is no such value. raises PathEvaluationError"""
    if number_of(left) is not None and number_of(right) is not None:
        whole = left.__class__ is int and right.__class__ is int
        return _numbers(left, right, lambda one, other: one + other if whole else NUMBERS.add(one, other))
    if left.__class__ is str and right.__class__ is str:
        return joined(left, right)
    if left.__class__ is Moment:
        return _later(left, right, 1, "+")
    return _quantity_sum(left, right, 1, "+")


def subtract(left: Any, right: Any) -> Any:
    """``left - right``; None where there is no such value. raises PathEvaluationError"""
    if number_of(left) is not None and number_of(right) is not None:
        whole = left.__class__ is int and right.__class__ is int
        return _numbers(left, right, lambda one, other: one - other if whole else NUMBERS.subtract(one, other))
    if left.__class__ is Moment:
        return _later(left, right, -1, "-")
    return _quantity_sum(left, right, -1, "-")


def joined(left: str, right: str) -> str:
    """Two texts as one. raises PathEvaluationError beyond the limit of a string"""
    if len(left) + len(right) > STRING_AT_MOST:
        raise PathEvaluationError("the text grows too long", f"Keep texts below {STRING_AT_MOST} characters.")
    return left + right


def _later(start: Moment, span: Any, sign: int, said: str) -> Moment | None:
    found = quantity(span)
    if found is None:
        raise _no_sense(said)
    unit = UNITS.get(found.unit) or UCUM_UNITS.get(found.unit)
    if unit is None:
        raise PathEvaluationError("a span that is no time is added to a time", "Use a unit such as days or 'd'.")
    return fhirpath_moments.plus(start, sign * found.number, unit)


def _quantity_sum(left: Any, right: Any, sign: int, said: str) -> Quantity | None:
    one, other = quantity(left), quantity(right)
    if one is None or other is None:
        raise _no_sense(said)
    if (one.unit, one.calendar) == (other.unit, other.calendar):
        return Quantity(NUMBERS.add(one.number, sign * other.number), one.unit, one.calendar)
    first, second = code_of(one), code_of(other)
    if not is_comparable(first, second):
        return None
    try:
        fine = first if factor(first, second) < 1 else second
        total = NUMBERS.add(convert(one.number, first, fine), sign * convert(other.number, second, fine))
    except UnitError:
        return None
    return Quantity(total, fine)


def multiply(left: Any, right: Any) -> Any:
    """``left * right``; None where there is no such value. raises PathEvaluationError"""
    if number_of(left) is not None and number_of(right) is not None:
        whole = left.__class__ is int and right.__class__ is int
        return _numbers(left, right, lambda one, other: one * other if whole else NUMBERS.multiply(one, other))
    return _quantity_product(left, right, "*")


def divide(left: Any, right: Any) -> Any:
    """``left / right`` as a decimal; None for a division by zero. raises PathEvaluationError"""
    if number_of(left) is not None and number_of(right) is not None:
        return _numbers(Decimal(left), Decimal(right), NUMBERS.divide)
    return _quantity_product(left, right, "/")


def _quantity_product(left: Any, right: Any, sign: str) -> Quantity | None:
    one, other = (
        quantity(item) if (number := number_of(item)) is None else Quantity(Decimal(number)) for item in (left, right)
    )
    if one is None or other is None:
        raise _no_sense(sign)
    operate = NUMBERS.multiply if sign == "*" else NUMBERS.divide
    try:
        number = operate(one.number, other.number)
        if code_of(other) == "1":
            return Quantity(number, one.unit, one.calendar)
        times, unit = canonical(f"({code_of(one)}){'.' if sign == '*' else '/'}({code_of(other)})")
        number = NUMBERS.divide(NUMBERS.multiply(number, Decimal(times.numerator)), Decimal(times.denominator))
        return Quantity(number, unit)
    except (ArithmeticError, UnitError):
        return None


def whole_quotient(left: Any, right: Any) -> Any:
    """``left div right``: the quotient cut towards zero. raises PathEvaluationError"""
    _need_numbers(left, right, "div")
    return _numbers(left, right, lambda one, other: int(NUMBERS.divide(Decimal(one), Decimal(other))))


def remainder(left: Any, right: Any) -> Any:
    """``left mod right``, with the sign of `left`. raises PathEvaluationError"""
    _need_numbers(left, right, "mod")
    whole = left.__class__ is int and right.__class__ is int
    found = _numbers(Decimal(left), Decimal(right), NUMBERS.remainder)
    return int(found) if whole and found is not None else found


def _need_numbers(left: Any, right: Any, sign: str) -> None:
    if number_of(left) is None or number_of(right) is None:
        raise _no_sense(sign)


def negative(value: Any) -> Any:
    """A number or quantity with its sign turned. raises PathEvaluationError for anything else"""
    if number_of(value) is not None:
        return within(-value)
    found = quantity(value)
    if found is None:
        raise PathEvaluationError("a sign stands before what is no number", "Write the step in brackets: (-1).abs().")
    return Quantity(-found.number, found.unit, found.calendar)


def of_number(work: Callable[..., Any]) -> Callable[..., Any]:
    """Mathematics of one number (and numbers): None where there is no result, an error for what is no number."""

    def worked(value: Any, *others: Any) -> Any:
        numbers = [number_of(one) for one in (value, *others)]
        if any(number is None for number in numbers):
            raise PathEvaluationError("mathematics of what is no number", "Convert it first: toDecimal().")
        try:
            found = work(*numbers)
        except ArithmeticError:
            return None
        return None if isinstance(found, Decimal) and not found.is_finite() else found

    return worked


def absolute(value: Any) -> Any:
    """A number or quantity without its sign. raises PathEvaluationError"""
    found = quantity(value)
    if found is not None:
        return Quantity(abs(found.number), found.unit, found.calendar)
    return of_number(lambda number: within(abs(number)))(value)


def _whole(number: Decimal) -> int | None:
    found = int(number)
    return found if within(found) is not None else None


def _rounded(number: Any, places: Any = 0) -> Decimal:
    if places.__class__ is not int or not 0 <= places <= _PLACES_AT_MOST:
        raise PathEvaluationError("round() takes a number of decimals from 0 to 31", "Write round(2).")
    return Decimal(number).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, NUMBERS)


def _power(number: Any, exponent: Any) -> Any:
    found = NUMBERS.power(Decimal(number), Decimal(exponent))
    whole = number.__class__ is int and exponent.__class__ is int and exponent >= 0
    return within(int(found)) if whole else found


def _logarithm(number: Any, base: Any) -> Decimal:
    found = NUMBERS.divide(NUMBERS.ln(Decimal(number)), NUMBERS.ln(Decimal(base)))
    return found.quantize(Decimal(1).scaleb(-16), ROUND_HALF_UP, NUMBERS)


MATHEMATICS: dict[str, Callable[..., Any]] = {
    "ceiling": of_number(lambda number: _whole(Decimal(number).to_integral_value(ROUND_CEILING))),
    "floor": of_number(lambda number: _whole(Decimal(number).to_integral_value(ROUND_FLOOR))),
    "truncate": of_number(lambda number: _whole(Decimal(number))),
    "round": of_number(_rounded),
    "exp": of_number(lambda number: NUMBERS.exp(Decimal(number))),
    "ln": of_number(lambda number: NUMBERS.ln(Decimal(number))),
    "log": of_number(_logarithm),
    "power": of_number(_power),
    "sqrt": of_number(lambda number: NUMBERS.sqrt(Decimal(number))),
    "abs": absolute,
}
"""Functions of one number, by name."""


def boundary(value: Any, digits: Any, *, low: bool) -> Any:
    """The least or greatest value that a decimal, quantity or moment may stand for; None where it has none.

    digits  how many decimals the result has (0 to 31; 8 where None); of a moment how many digits

    A number without a digit other than zero at that precision stays zero.
    raises  PathEvaluationError for other values
    """
    if digits is not None and digits.__class__ is not int:
        raise PathEvaluationError("a precision is no whole number", "Write lowBoundary(8).")
    if value.__class__ is Moment:
        return fhirpath_moments.boundary(value, digits, low=low)
    found = quantity(value)
    if found is not None:
        number = _decimal_boundary(found.number, digits, low=low)
        return None if number is None else Quantity(number, found.unit, found.calendar)
    plain_number = number_of(value)
    if plain_number is None:
        raise PathEvaluationError("a boundary of what is no number, quantity or time", "Choose such an element.")
    return _decimal_boundary(Decimal(plain_number), digits, low=low)


def _decimal_boundary(number: Decimal, digits: int | None, *, low: bool) -> Decimal | None:
    places = 8 if digits is None else digits
    if not 0 <= places <= _PLACES_AT_MOST:
        return None
    step = Decimal(1).scaleb(-places)
    if number != 0 and abs(number) < step:
        return Decimal(0).copy_sign(number).quantize(step)
    exponent = number.as_tuple().exponent
    half = Decimal(5).scaleb(min(int(exponent), 0) - 1)
    try:
        edge = NUMBERS.subtract(number, half) if low else NUMBERS.add(number, half)
        return edge.quantize(step, ROUND_FLOOR if low else ROUND_CEILING, NUMBERS)
    except ArithmeticError:
        return None


def precision(value: Any) -> int:
    """How many decimals a number is written with, or digits a moment. raises PathEvaluationError"""
    if value.__class__ is Moment:
        return fhirpath_moments.precision(value)
    number = number_of(value)
    if number is None:
        raise PathEvaluationError("the precision of what is no number or time", "Choose such an element.")
    return max(0, -int(Decimal(number).as_tuple().exponent))
