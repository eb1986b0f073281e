"""Treatments that a policy declares with its own numbers, read and checked; `careloom.deid.declared` applies them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from careloom.fhir.primitives import PRIMITIVES
from careloom.fhir.validate_tables import plain_codes

TOP_AGE_YEARS = 90
"""From here on all ages are one: 45 CFR 164.514(b)(2)(i)(C)."""
NUMBERS = frozenset(
    {"decimal", "integer", "positiveInt", "unsignedInt"}
    | {"Quantity", "SimpleQuantity", "Duration", "Count", "Distance", "Age"}
)
_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})
_TEXTUAL = frozenset({"id", "xhtml", "base64Binary"})


@dataclass(frozen=True, slots=True)
class AgeBand:
    """Bands of so many years, beginning at 0; 90 and more are one."""

    years: int


@dataclass(frozen=True, slots=True)
class Perturb:
    """Noise: at most `share` of the number, or at most `most` in its own unit; the result has `digits` decimals."""

    share: float
    most: float
    digits: int


@dataclass(frozen=True, slots=True)
class Substitute:
    """One value for everybody."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Encrypt:
    """What a role can have reversed in the vault."""


@dataclass(frozen=True, slots=True)
class PostalArea:
    """The first digits of a postal code of which at least two more follow, or the letters that it begins with."""

    digits: int


Declared = AgeBand | Perturb | Substitute | Encrypt | PostalArea
KINDS: Mapping[type[Declared], frozenset[str]] = {
    AgeBand: frozenset({"date", "Age"}),
    Perturb: NUMBERS,
    Substitute: frozenset(PRIMITIVES) - _TEXTUAL,
    Encrypt: frozenset({"Identifier", "string"}),
    PostalArea: frozenset({"string"}),
}
"""Treatment -> the FHIR data types that it is for."""


def read_treatments(source: Mapping[str, Any]) -> dict[str, Declared]:
    """The tables ``[treatment.NAME]`` of a policy. raises ValueError, with what is wrong, where one is not sound"""
    return {name: _read(name, dict(rule)) for name, rule in source.items()}


def fits(how: Declared, kind: str, codes: str) -> bool:
    """True where a treatment can be given to an element of this data type, bound to this list of codes.

    Noise of less than 1 cannot be given to whole numbers: each would pass as it is.
    """
    if kind not in KINDS[type(how)]:
        return False
    if isinstance(how, Perturb):
        return not how.most or how.most >= 1 or kind not in _INTEGERS
    if not isinstance(how, Substitute):
        return True
    return PRIMITIVES[kind](how.value) and (not codes or how.value in plain_codes(codes))


def _read(name: str, rule: dict[str, Any]) -> Declared:
    action = rule.pop("action", "")
    if action not in _READERS:
        raise ValueError(f"treatment {name}: write an action, one of {', '.join(sorted(_READERS))}")
    try:
        return _READERS[action](**rule)
    except (TypeError, ValueError):
        raise ValueError(f"treatment {name}: {_SAYS[action]}") from None


def _age_band(*, years: int) -> AgeBand:
    return AgeBand(_whole(years, 2, TOP_AGE_YEARS))


def _perturb(*, digits: int, share: float | None = None, most: float | None = None) -> Perturb:
    bounds = [one for one in (share, most) if one is not None]
    if len(bounds) != 1 or type(bounds[0]) not in (int, float) or not 0 < bounds[0] < (1 if most is None else 1e9):
        raise ValueError
    how = Perturb(float(share or 0), float(most or 0), _whole(digits, 0, 6))
    if most is not None and how.most < 10**-how.digits:  # a number of so few decimals has no other within reach
        raise ValueError
    return how


def _substitute(*, value: str | int | float | bool) -> Substitute:
    if type(value) not in (str, int, float, bool):
        raise ValueError
    return Substitute(value)


def _postal_area(*, digits: int) -> PostalArea:
    return PostalArea(_whole(digits, 1, 3))


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError
    return value


_READERS: Mapping[str, Callable[..., Declared]] = {
    "age-band": _age_band,
    "perturb": _perturb,
    "substitute": _substitute,
    "encrypt": Encrypt,
    "postal-area": _postal_area,
}
_SAYS = {
    "age-band": f"give years, a whole number from 2 to {TOP_AGE_YEARS}, and nothing else",
    "perturb": "give digits (0 to 6) and either share (above 0, below 1) or most (one of the last digit or more)",
    "substitute": "give value, a text, a number, true or false, and nothing else",
    "encrypt": "it takes nothing else",
    "postal-area": "give digits, from 1 to 3, and nothing else",
}
