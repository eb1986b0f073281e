"""Values of a named substance from mass to amount and back: mg/dL to mmol/L, mmol/L to mEq/L.

    convert_measured(100, "mg/dL", "mmol/L", "glucose")        Decimal('5.550744...')
    convert_measured(9.2, "mg/dL", "meq/L", "calcium")         Decimal('4.591...')
    substance_of("2345-7")                                      'glucose'

A unit says nothing about the substance: `careloom.terminology.ucum` refuses mg/dL to mmol/L. Here the substance is
known, by name or by the LOINC code of the observation. Masses come from formulas and standard atomic weights; table
and sources are in ``units/molar_mass.toml``. Molar masses are right to about 1 in 10,000, which bounds the result.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache

from careloom import runtime
from careloom.terminology import ucum
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import LOINC

_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")
_AMOUNT = re.compile(r"(?:^|[./(])(?:da|[YZEPTGMkhdcmunpfazy])?(?:mol|eq)(?![A-Za-z_])")
_EQUIVALENTS = re.compile(r"(?:^|[./(])(?:da|[YZEPTGMkhdcmunpfazy])?eq(?![A-Za-z_])")


@dataclass(frozen=True, slots=True)
class Substance:
    """One measured substance.

    grams_per_mole        mass of a mole
    equivalents_per_mole  charges of its ion; None where equivalents mean nothing
    """

    name: str
    grams_per_mole: Fraction
    equivalents_per_mole: int | None


@cache
def _substances() -> tuple[Mapping[str, Substance], Mapping[str, str]]:
    """Substance by name; name by every name of it."""
    data = tomllib.loads(runtime.packaged("terminology", "units/molar_mass.toml").decode(), parse_float=Fraction)
    weights = data["atomic_weights"]
    found: dict[str, Substance] = {}
    names: dict[str, str] = {}
    for name, entry in data["substances"].items():
        mass = entry.get("mass")
        if mass is None:
            parts = _ELEMENT.findall(entry["formula"])
            mass = sum((weights[element] * int(count or 1) for element, count in parts), Fraction(0))
        found[name] = Substance(name, Fraction(mass), entry.get("charge"))
        names |= dict.fromkeys([name, *entry.get("names", [])], name)
    return found, names


def named(component: str) -> str | None:
    """The substance that a LOINC component or another name means; None where its molar mass is not known here."""
    return _substances()[1].get(component.strip().lower())


def substance(name: str) -> Substance | None:
    """What is known about a substance, by any of its names."""
    found = named(name)
    return _substances()[0][found] if found else None


def substance_of(loinc: str) -> str | None:
    """The substance that an observation with this LOINC code measures, where the packaged table says so."""
    concept = lookup(LOINC, loinc)
    return next(iter(concept.properties.get("substance", ())), None) if concept else None


def _apart(before: ucum.Unit, after: ucum.Unit) -> dict[str, int]:
    """The powers that the dimension of `after` has beyond that of `before`."""
    powers = dict(after.dimension)
    for key, power in before.dimension:
        powers[key] = powers.get(key, 0) - power
    return {key: power for key, power in powers.items() if power}


def convert_measured(value: ucum.Number, source: str, target: str, measured: str | None) -> Decimal:
    """`value` of `source` as a number of `target`, for a substance; right to 28 digits of the declared molar mass.

    measured   the substance, by any of its names; None where it is not known: then as `ucum.convert`
    raises     UnitError if a unit is not UCUM, if the units measure different things even for this substance, or if
               equivalents are asked for of a substance without a charge
    """
    known = substance(measured) if measured is not None else None
    before, after = ucum.parse(source), ucum.parse(target)
    apart = _apart(before, after)
    grams = apart.pop("g", 0)
    charged = len(_EQUIVALENTS.findall(target)) - len(_EQUIVALENTS.findall(source))
    if known is None or (not grams and not charged):
        return ucum.convert(value, source, target)
    amounts = bool(_AMOUNT.search(source)) != bool(_AMOUNT.search(target))
    if apart or abs(grams) > 1 or abs(charged) > 1 or (grams and not amounts):
        raise ucum.UnitError("two units", "They measure different things, for this substance too.")
    if charged and known.equivalents_per_mole is None:
        raise ucum.UnitError("a unit in equivalents", "The substance has no declared charge; use moles.")
    factor = before.factor / after.factor
    factor *= (known.grams_per_mole / ucum.parse("mol").factor) ** grams
    factor *= Fraction(known.equivalents_per_mole or 1) ** charged
    return ucum.convert(ucum.exact(value) * factor, "1", "1")
