"""Numbers with units, as a search compares them: what is asked in one UCUM unit is asked in every usual one, too.

The index holds what was stored. A search for ``5.4|http://unitsofmeasure.org|g`` therefore asks for 5.4 g, 5,400 mg and
so on: in the unit that is asked and in those of `USUAL` that measure the same, each time with the whole question
converted. UCUM takes a mole, an equivalent and an osmole for plain numbers; they are no such thing to a clinician, so
units of different ones are not compared.

source  UCUM 2.2; the usual units after HL7's value set of common UCUM units
"""

import re
from functools import lru_cache
from typing import NamedTuple

from careloom.errors import CareloomError
from careloom.fhir.search_query import NumberValue, QuantityValue
from careloom.terminology.ucum import convert, is_comparable

UCUM = "http://unitsofmeasure.org"
USUAL = (
    "kg g mg ug ng pg [lb_av] [oz_av] mol mmol umol nmol pmol eq meq "
    "kg/L g/L g/dL g/mL mg/L mg/dL mg/mL ug/L ug/dL ug/mL ng/L ng/dL ng/mL pg/mL pg/L pg/dL "
    "mol/L mmol/L umol/L nmol/L pmol/L mmol/dL mol/m3 meq/L eq/L mmol/mol mg/g ug/mg ug/g mg/mmol "
    "m cm mm um nm km [in_i] [ft_i] m2 cm2 mm2 L dL mL uL fL nL pL m3 cm3 "
    "s ms us min h d wk mo a /s /min /h Hz mm[Hg] kPa Pa cm[H2O] bar mbar Cel [degF] K "
    "U/L U/mL mU/L mU/mL kU/L uU/mL ukat/L nkat/L "
    "[iU]/L [IU]/L [iU]/mL [IU]/mL m[iU]/L m[IU]/L m[IU]/mL u[IU]/mL k[IU]/L "
    "10*3/uL 10*9/L 10*6/uL 10*12/L 10*3/mL 10*6/mL 10*6/L /uL /mL /L % 1 [ppth] [ppm] "
    "L/min mL/min mL/h mL/s L/s L/h mg/h ug/min ug/kg/min mg/kg/h kg/m2 g/cm2 mosm/kg osm/kg mosm/L "
    "J kJ kcal cal W V mV uV A mA mmol/kg mg/kg ug/kg ng/kg mm/h cm/h"
).split()


_COUNTED = re.compile(r"(?P<osmoles>osm)|(?P<moles>mol)|(?P<equivalents>eq)|(?P<enzyme>kat|(?<![\[iI])U)")


class Bounds(NamedTuple):
    """What a number is compared with: the ends of its range, itself, and a tenth below and above it."""

    low: float
    high: float
    asked: float
    under: float
    over: float


def bounds_of(number: NumberValue) -> Bounds:
    """The bounds of a number as it is asked."""
    tenth = abs(number.value) / 10
    return Bounds(number.low, number.high, number.value, number.value - tenth, number.value + tenth)


def bounds_by_unit(value: QuantityValue) -> dict[str, Bounds]:
    """UCUM code -> what is asked in that unit: the asked unit first, then the usual ones that measure the same.

    The asked code alone if it is not of UCUM.
    """
    asked, code = bounds_of(value.number), value.code or ""
    found = {code: asked}
    if value.system == UCUM:
        for unit in _alike(code):
            try:
                found[unit] = Bounds(*(float(convert(number, code, unit)) for number in asked))
            except CareloomError:  # a scale without such a number: nothing can be stored there either
                continue
    return found


@lru_cache(1024)
def _alike(code: str) -> tuple[str, ...]:
    kinds = _amounts(code)
    return tuple(one for one in USUAL if one != code and is_comparable(code, one) and _amounts(one) == kinds)


def _amounts(code: str) -> set[str]:
    """What a unit counts: moles, equivalents, osmoles, or what an enzyme turns over."""
    return {next(name for name, text in found.groupdict().items() if text) for found in _COUNTED.finditer(code)}
