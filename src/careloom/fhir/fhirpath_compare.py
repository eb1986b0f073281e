"""How items of FHIRPath compare: equal, equivalent, ordered; with None where that cannot be told.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), sections 6.1 and 6.2
"""

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import orjson

from careloom.fhir import fhirpath_moments
from careloom.fhir.fhirpath_errors import PathEvaluationError, PathLimitError
from careloom.fhir.fhirpath_moments import Moment
from careloom.fhir.fhirpath_values import Items, Node, Quantity, number_of, quantity, system
from careloom.terminology.ucum import UnitError, convert, exact, is_comparable
from careloom.terminology.ucum import parse as parse_unit

_YEARS = {"year": 12, "month": 1}
_CODES = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}


def code_of(unit: Quantity) -> str:
    """The UCUM code of a quantity's unit; of calendar years and months their words, which are no UCUM."""
    return _CODES.get(unit.unit, unit.unit) if unit.calendar else unit.unit


def measured(one: Quantity, other: Quantity) -> tuple[Fraction, Fraction] | None:
    """Both numbers on one scale; None where the units measure different things, or none that UCUM knows."""
    first, second = code_of(one), code_of(other)
    if first == second:
        return exact(one.number), exact(other.number)
    if first in _YEARS and second in _YEARS and one.calendar and other.calendar:
        return exact(one.number) * _YEARS[first], exact(other.number) * _YEARS[second]
    if (one.calendar and first in _YEARS) or (other.calendar and second in _YEARS):
        return None
    if not is_comparable(first, second):
        return None
    left, right = parse_unit(first), parse_unit(second)
    if not left.scale and not right.scale:
        return exact(one.number) * left.factor, exact(other.number) * right.factor
    try:
        return exact(one.number), exact(convert(other.number, second, first))
    except UnitError:
        return None


def equal(left: Any, right: Any, *, utc: bool = False) -> bool | None:
    """Whether two items are equal; None where that cannot be told: moments of other precision, quantities without."""
    one, other = system(left), system(right)
    if one is None or other is None:
        same = left.__class__ is Node and right.__class__ is Node and one is other and left.beside == right.beside
        return True if same else None
    if one.__class__ is Moment and other.__class__ is Moment:
        return _moments_equal(one, other, utc)
    first, second = number_of(one), number_of(other)
    if first is not None and second is not None:
        return first == second
    if one.__class__ is Node and other.__class__ is Node and one.value == other.value:
        return True
    if one.__class__ in (Quantity, Node) or other.__class__ in (Quantity, Node):
        return _quantities_equal(one, other)
    return one.__class__ is other.__class__ and bool(one == other)


def _moments_equal(one: Moment, other: Moment, utc: bool) -> bool | None:
    if (one.kind == "time") != (other.kind == "time"):
        return False
    order = fhirpath_moments.compare(one, other, utc=utc)
    return None if order is None else order == 0


def _quantities_equal(one: Any, other: Any) -> bool | None:
    first, second = _as_quantity(one), _as_quantity(other)
    if first is None or second is None:
        return False
    pair = measured(first, second)
    return None if pair is None else pair[0] == pair[1]


def _as_quantity(item: Any) -> Quantity | None:
    """A quantity, or a number as one without unit."""
    number = number_of(item)
    return quantity(item) if number is None else Quantity(Decimal(number))


def all_equal(left: Items, right: Items, *, utc: bool = False) -> bool | None:
    """Whether two collections are equal, item by item; None where either is empty or one pair leaves it open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    found: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equal(one, other, utc=utc)
        if same is False:
            return False
        found = None if same is None else found
    return found


def key(item: Any) -> Any:
    """The same for items that are equal, different for others; hashable, so that sets of items cost no square."""
    value = system(item)
    kind = value.__class__
    if kind is str:
        return value
    if kind is bool:
        return ("boolean", value)
    if kind in (int, Decimal):
        return ("number", value)
    if kind is Moment:
        return fhirpath_moments.key(value)
    if kind is Node:
        return ("node", _bytes(value.value))
    if kind is Quantity:
        return _quantity_key(value)
    return ("other", str(value), id(item) if value is None else 0)


def _bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)
    except orjson.JSONEncodeError:  # more than 254 levels
        raise PathLimitError("an element is nested too deep to be compared", "Compare what is in it.") from None


def _quantity_key(value: Quantity) -> Any:
    code = code_of(value)
    if code in _YEARS and value.calendar:
        return ("quantity", exact(value.number) * _YEARS[code], "month")
    try:
        unit = parse_unit(code)
    except UnitError:
        return ("quantity", value.number, code)
    if unit.scale:
        return ("quantity", value.number, code)
    return ("quantity", exact(value.number) * unit.factor, unit.dimension)


def distinct(items: Iterable[Any], told: Callable[[Any], Any] = key) -> Items:
    """Items in order, each of those that are equal once: those of which `told` says the same."""
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault(told(item), item)
    return list(found.values())


def equivalent(left: Any, right: Any) -> bool:
    """Whether two items are the same for most purposes: case, white space, and digits that one lacks do not count."""
    one, other = system(left), system(right)
    if isinstance(one, str) and isinstance(other, str):
        return _folded(one) == _folded(other)
    first, second = number_of(one), number_of(other)
    if first is not None and second is not None:
        return _alike(Decimal(first), Decimal(second))
    if one.__class__ in (Quantity, Node) or other.__class__ in (Quantity, Node):
        return _nodes_equivalent(one, other)
    return equal(left, right) is True


def _nodes_equivalent(one: Any, other: Any) -> bool:
    first, second = _as_quantity(one), _as_quantity(other)
    if first is not None and second is not None:
        if first.calendar != second.calendar:
            first, second = _without_calendar(first), _without_calendar(second)
        return _quantities_alike(first, second)
    if one.__class__ is Node and other.__class__ is Node:
        return bool(_json_key(one.value) == _json_key(other.value))
    return False


def _without_calendar(one: Quantity) -> Quantity:
    """The same with a UCUM unit: for equivalence a year is as long as UCUM's mean Julian one."""
    codes = {**_CODES, "year": "a", "month": "mo"}
    return Quantity(one.number, codes[one.unit]) if one.calendar else one


def _quantities_alike(one: Quantity, other: Quantity) -> bool:
    pair = measured(one, other)
    if pair is None:
        return False
    if pair[0] == pair[1] or code_of(one) == code_of(other):
        return bool(pair[0] == pair[1]) or _alike(one.number, other.number)
    try:
        there = convert(other.number, code_of(other), code_of(one))
        here = convert(one.number, code_of(one), code_of(other))
    except UnitError:
        return False
    return _alike(one.number, there, coarse=one.number) or _alike(here, other.number, coarse=other.number)


def _alike(one: Decimal, other: Decimal, coarse: Decimal | None = None) -> bool:
    """Equal to as many decimals as the one with fewer has, or as `coarse` has."""
    places = _places(coarse) if coarse is not None else min(_places(one), _places(other))
    step = Decimal(1).scaleb(-places)
    try:
        return one.quantize(step, ROUND_HALF_UP) == other.quantize(step, ROUND_HALF_UP)
    except ArithmeticError:
        return one == other


def _places(number: Decimal) -> int:
    """Decimals that count: zeros at the end do not."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _json_key(value: Any) -> Any:
    """Of JSON what equivalence looks at: names and folded values, lists in any order."""
    if isinstance(value, dict):
        return ("object", tuple(sorted((name, repr(_json_key(one))) for name, one in value.items() if name != "id")))
    if isinstance(value, list):
        return ("list", tuple(sorted(repr(_json_key(one)) for one in value)))
    return _folded(value) if isinstance(value, str) else value


def equivalence_key(item: Any) -> Any:
    """The same for items that are surely equivalent; used to pair off large collections."""
    value = system(item)
    return _folded(value) if value.__class__ is str else key(item)


def all_equivalent(left: Items, right: Items) -> bool:
    """Whether two collections are equivalent: the same number of items, paired off in any order."""
    if len(left) != len(right):
        return False
    rest: dict[Any, list[Any]] = {}
    for item in right:
        rest.setdefault(equivalence_key(item), []).append(item)
    lonely = []
    for item in left:
        same = rest.get(equivalence_key(item))
        if same:
            same.pop()
        else:
            lonely.append(item)
    others = [item for several in rest.values() for item in several]
    return _paired(lonely, others)


def _paired(left: Items, right: Items) -> bool:
    """True where each item on the left takes an equivalent one from the right; at most 1,000 on a side."""
    if len(left) > 1000:
        return False
    for item in left:
        at = next((at for at, other in enumerate(right) if equivalent(item, other)), -1)
        if at < 0:
            return False
        right.pop(at)
    return True


def compare(left: Any, right: Any, *, utc: bool = False) -> int | None:
    """-1, 0 or 1 as `left` is less, equal or more; None where that cannot be told (precision, units, no value).

    utc     whether a moment without a zone is in UTC

    raises  PathEvaluationError where the types have no order
    """
    one, other = system(left), system(right)
    if one is None or other is None:
        return None
    first, second = number_of(one), number_of(other)
    if (first is not None and second is not None) or (one.__class__ is str and other.__class__ is str):
        return int(one > other) - int(one < other)
    if one.__class__ is Moment and other.__class__ is Moment and (one.kind == "time") == (other.kind == "time"):
        return fhirpath_moments.compare(one, other, utc=utc)
    here, there = _as_quantity(one), _as_quantity(other)
    if here is not None and there is not None:
        pair = measured(here, there)
        return None if pair is None else int(pair[0] > pair[1]) - int(pair[0] < pair[1])
    raise PathEvaluationError("values of these types have no order", "Compare numbers, texts, times or quantities.")
