"""Our UCUM against pint's definitions, and against every unit that FHIR calls common."""

import gzip
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from careloom.terminology import ucum
from careloom.terminology.ucum_table import table
from tests.later import Later

pint = Later("pint")

# UCUM atom -> pint's name for the same unit. Left out: what pint has under the same name with another definition
# (its year is 365.25 d, its calorie 4.184 J, its mercury has another density), and what it lacks.
PINT = {
    "m": "meter",
    "s": "second",
    "g": "gram",
    "K": "kelvin",
    "C": "coulomb",
    "cd": "candela",
    "rad": "radian",
    "mol": "(6.02214076e23)",
    "eq": "(6.02214076e23)",
    "osm": "(6.02214076e23)",
    "%": "(0.01)",
    "[pi]": "(3.141592653589793)",
    "[ppm]": "(1e-6)",
    "sr": "steradian",
    "Hz": "hertz",
    "N": "newton",
    "Pa": "pascal",
    "J": "joule",
    "W": "watt",
    "A": "ampere",
    "V": "volt",
    "F": "farad",
    "Ohm": "ohm",
    "S": "siemens",
    "Wb": "weber",
    "T": "tesla",
    "H": "henry",
    "lm": "lumen",
    "lx": "lux",
    "Bq": "becquerel",
    "Gy": "gray",
    "Sv": "sievert",
    "l": "liter",
    "L": "liter",
    "ar": "are",
    "t": "metric_ton",
    "bar": "bar",
    "eV": "electron_volt",
    "deg": "degree",
    "'": "arcminute",
    "''": "arcsecond",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "wk": "week",
    "a": "julian_year",
    "[c]": "speed_of_light",
    "[h]": "planck_constant",
    "[k]": "boltzmann_constant",
    "[e]": "elementary_charge",
    "[g]": "standard_gravity",
    "atm": "standard_atmosphere",
    "cal": "calorie",
    "[Cal]": "kilocalorie",
    "erg": "erg",
    "dyn": "dyne",
    "P": "poise",
    "St": "stokes",
    "Ci": "curie",
    "[in_i]": "inch",
    "[ft_i]": "foot",
    "[yd_i]": "yard",
    "[mi_i]": "mile",
    "[nmi_i]": "nautical_mile",
    "[lb_av]": "pound",
    "[oz_av]": "ounce",
    "[gr]": "grain",
    "[dr_av]": "dram",
    "[stone_av]": "stone",
    "[oz_tr]": "troy_ounce",
    "[lb_tr]": "troy_pound",
    "[gal_us]": "gallon",
    "[qt_us]": "quart",
    "[pt_us]": "pint",
    "[cup_us]": "cup",
    "[foz_us]": "fluid_ounce",
    "[tbs_us]": "tablespoon",
    "[tsp_us]": "teaspoon",
    "[gal_br]": "imperial_gallon",
    "[pt_br]": "imperial_pint",
    "[HP]": "horsepower",
    "[psi]": "pound_force_per_square_inch",
    "[lbf_av]": "pound_force",
    "kat": "(6.02214076e23/second)",
    "U": "(6.02214076e23 * 1e-6/minute)",
    "b": "barn",
    "Ao": "angstrom",
}
PREFIXES = {code: str(float(factor)) for code, factor in table().prefixes.items()}
TOKEN = re.compile(r"10[*^]|(?:[^\s.()/{}\[\]0-9+\-]|\[[^\]]*\])+")


def in_pint(code: str) -> str | None:
    """A UCUM code as a pint expression, without our parser; None where pint lacks a unit."""
    text = re.sub(r"(^|[./(])\{[^}]*\}", r"\g<1>1", code)
    text = re.sub(r"\{[^}]*\}", "", text)
    text = f"1{text}" if text.startswith("/") else text
    pieces = []
    while text:
        if found := TOKEN.match(text):
            name = symbol(found[0])
            if name is None:
                return None
            text = text[found.end() :]
            exponent = re.match(r"[+-]?\d+", text)
            text = text[exponent.end() :] if exponent else text
            pieces.append(f"({name})**({int(exponent[0]) if exponent else 1})")
        else:
            pieces.append({".": "*", "/": "/"}.get(text[0], text[0]))
            text = text[1:]
    return "".join(pieces)


def symbol(text: str) -> str | None:
    if text in ("10*", "10^"):
        return "10"
    if text in table().atoms:
        return PINT.get(text)
    for prefix, factor in PREFIXES.items():
        atom = text.removeprefix(prefix)
        if text.startswith(prefix) and atom in PINT:
            return f"{factor}*{PINT[atom]}"
    return None


@pytest.fixture(scope="module")
def common(suites: Path) -> list[str]:
    bundle = json.loads(gzip.decompress((suites / "fhir_definitions" / "valuesets.json.gz").read_bytes()))
    sets = {entry["resource"]["id"]: entry["resource"] for entry in bundle["entry"] if "id" in entry["resource"]}
    return [concept["code"] for concept in sets["ucum-common"]["compose"]["include"][0]["concept"]]


def test_every_common_unit_of_fhir_parses_converts_and_comes_back(common: list[str]) -> None:
    assert len(common) == 1364
    for code in common:
        unit = ucum.parse(code)
        _, base = ucum.canonical(code)
        assert ucum.parse(base).dimension == unit.dimension, code
        there = ucum.convert("3.7", code, base)
        digits = 14 if "tan" in unit.scale else 25
        assert abs(ucum.convert(there, base, code) - Decimal("3.7")) < Decimal(10) ** -digits, code


def test_scales_are_those_of_pint_where_it_knows_the_unit(common: list[str]) -> None:
    registry = pint.UnitRegistry()
    bases = {"m": "meter", "s": "second", "g": "gram", "rad": "radian", "K": "kelvin", "C": "coulomb", "cd": "candela"}
    compared = 0
    for code in sorted({*common, *PINT}):
        expression = in_pint(code)
        unit = ucum.parse(code)
        if expression is None or unit.scale or not {base for base, _ in unit.dimension} <= set(bases):
            continue
        theirs = registry.Quantity(registry.parse_expression(expression))
        base = "*".join(f"{bases[name]}**({power})" for name, power in unit.dimension) or "dimensionless"
        assert float(theirs.to(base).magnitude) == pytest.approx(float(unit.factor), rel=1e-9), code
        compared += 1
    assert compared > 1090


@pytest.mark.parametrize(("celsius", "value"), [("Cel", 36.6), ("[degF]", 101.3), ("K", 310.15)])
def test_temperatures_are_those_of_pint(celsius: str, value: float) -> None:
    registry = pint.UnitRegistry()
    names = {"Cel": "degC", "[degF]": "degF", "K": "kelvin"}
    theirs = registry.Quantity(value, names[celsius])
    for target, name in names.items():
        assert float(ucum.convert(value, celsius, target)) == pytest.approx(theirs.to(name).magnitude, rel=1e-12)
