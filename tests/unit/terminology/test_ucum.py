"""UCUM: what parses, what it measures, what a value becomes."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.terminology import ucum
from careloom.terminology.ucum import UnitError
from careloom.terminology.ucum_table import table

LEGAL = [
    ("1", "1", 1),
    ("10*3", "1", 1000),
    ("10^-3", "1", Fraction(1, 1000)),
    ("10*", "1", 10),
    ("%", "1", Fraction(1, 100)),
    ("m", "m", 1),
    ("km2", "m2", 10**6),
    ("m+2", "m2", 1),
    ("/min", "s-1", Fraction(1, 60)),
    ("/10*9", "1", Fraction(1, 10**9)),
    ("{beats}/min", "s-1", Fraction(1, 60)),
    ("{cells}", "1", 1),
    ("mg{creat}/dL", "g.m-3", 10),
    ("g/(8.h){shift}", "g.s-1", Fraction(1, 28800)),
    ("mL/min/(173.10*-2.m2)", "m.s-1", Fraction(1, 10**6) / 60 / Fraction(173, 100)),
    ("mL/min/1.73", "m3.s-1", Fraction(73, 10**6) / 60),  # 1 times 73: a whole number, a product, another whole number
    ("a/b.c", None, None),
    ("m/s.g", "g.m.s-1", 1),
    ("m/(s.g)", "g-1.m.s-1", 1),
    ("(m/s)/(/s)", "m", 1),
    ("mm[Hg]", "g.m-1.s-2", 133322),
    ("m[H2O]", "g.m-1.s-2", Fraction("9.80665") * 10**6),
    ("meq/L", "m-3", Fraction("6.02214076") * 10**23),
    ("[IU]/mL", "[iU].m-3", 10**6),
    ("k[IU]", "[iU]", 1000),
    ("[iU]/[IU]", "1", 1),
    ("dB", "1", 1),
    ("cal_[15]", "g.m2.s-2", Fraction("4.18580") * 1000),
    ("Pa", "g.m-1.s-2", 1000),
    ("cd", "cd", 1),
    ("min", "s", 60),
    ("ft", "g", Fraction(1, 10**9)),  # a femtotonne
    ("feet", None, None),
    ("dar", "m2", 10),
    ("daar", "m2", 1000),
    ("''", "rad", None),
    ("{Negative Control}", "1", 1),
]


@pytest.mark.parametrize(("code", "base", "factor"), LEGAL)
def test_a_code_has_a_canonical_unit_and_a_factor(code: str, base: str | None, factor: Fraction | int | None) -> None:
    if base is None:
        assert not ucum.is_valid(code)
        return
    found, unit = ucum.canonical(code)
    assert unit == base
    assert factor is None or found == factor


ILLEGAL = [
    ("", 1),
    (" m", 1),
    ("m ", 2),
    ("m/", 3),
    ("/", 2),
    ("m..s", 3),
    ("(m", 3),
    ("m)", 2),
    ("m2s", 3),
    ("mG/dX", 4),
    ("0", 1),
    ("m0", 2),
    ("m100", 2),
    ("10*999999999", 4),
    ("{open", 1),
    ("{a}{b}", 4),
    ("{é}", 1),
    ("µg", 1),
    ("kft", 1),
    ("k[in_i]", 1),
    ("kmin", 1),
    ("Cel/h", 6),
    ("Cel2", 4),
    ("2.[pH]", 7),
    ("[unknown]", 1),
    ("m" * 300, 1),
    ("(" * 200, 201),
]


@pytest.mark.parametrize(("code", "character"), ILLEGAL)
def test_what_is_no_ucum_is_refused_with_the_character(code: str, character: int) -> None:
    with pytest.raises(UnitError) as refused:
        ucum.parse(code)
    assert f"character {character}:" in refused.value.where


def test_an_error_never_holds_the_unit() -> None:
    with pytest.raises(UnitError) as refused:
        ucum.parse("mg{Zebedee Nightingale}q")
    assert "Zebedee" not in str(refused.value)


CONVERSIONS = [
    ("5.5", "mmol/L", "umol/L", "5500.0"),
    ("98.6", "[degF]", "Cel", "37"),
    ("37", "Cel", "[degF]", "98.6"),
    ("-40", "Cel", "[degF]", "-40"),
    ("0", "K", "Cel", "-273.15"),
    ("80", "[degRe]", "Cel", "100"),
    ("36600", "mCel", "Cel", "36.6"),
    ("1", "[lb_av]", "g", "453.59237"),
    ("72", "[in_i]", "cm", "182.88"),
    ("120", "mm[Hg]", "kPa", "15.99864"),
    ("10", "cm[H2O]", "Pa", "980.665"),
    ("1", "kcal", "J", "4184"),
    ("1", "U", "nkat", "16.66666666666666666666666667"),
    ("7", "[pH]", "mol/L", "1E-7"),
    ("1E-7", "mol/L", "[pH]", "7"),
    ("20", "dB", "1", "100"),
    ("100", "1", "dB", "20"),
    ("120", "dB[SPL]", "Pa", "20"),
    ("1", "B[V]", "B[mV]", "7"),
    ("3", "[hp'_X]", "1", "0.001"),
    ("8", "bit_s", "1", "256"),
    ("3", "[m/s2/Hz^(1/2)]", "m2/s4/Hz", "9"),
    ("1", "a", "d", "365.25"),
    ("1", "10*3/uL", "10*9/L", "1"),
    ("5", "%", "10*-2", "5"),
    ("0.1", "g/dL", "mg/L", "1000"),
]


@pytest.mark.parametrize(("value", "source", "target", "expected"), CONVERSIONS)
def test_a_value_is_converted(value: str, source: str, target: str, expected: str) -> None:
    found = ucum.convert(value, source, target)
    assert abs(found - Decimal(expected)) <= abs(Decimal(expected)) * Decimal("1E-26")


def test_slopes_are_right_to_fifteen_digits() -> None:
    assert abs(ucum.convert(100, "%[slope]", "deg") - 45) < Decimal("1E-13")
    assert abs(ucum.convert(100, "[p'diop]", "deg") - 45) < Decimal("1E-13")
    assert abs(ucum.convert(45, "deg", "%[slope]") - 100) < Decimal("1E-12")


def test_a_float_is_the_decimal_that_it_prints_as() -> None:
    assert ucum.convert(0.1, "g", "mg") == Decimal(100)
    assert str(ucum.convert(5.5, "mmol/L", "mmol/L")) == "5.5"
    assert ucum.convert(Fraction(1, 4), "kg", "g") == 250


APART = [
    ("mg", "mL"),
    ("mg/dL", "mmol/L"),
    ("[iU]", "U"),
    ("[iU]", "[CFU]"),
    ("Cel", "%"),
    ("mg", "no unit"),
    ("", "1"),
]


@pytest.mark.parametrize(("first", "second"), APART)
def test_what_measures_different_things_is_not_converted(first: str, second: str) -> None:
    assert not ucum.is_comparable(first, second)
    with pytest.raises(UnitError):
        ucum.convert(1, first, second)


@pytest.mark.parametrize(("value", "source", "target"), [("0", "mol/L", "[pH]"), ("-1", "1", "dB"), ("nan", "g", "mg")])
def test_a_value_without_a_place_on_the_scale_is_refused(value: str, source: str, target: str) -> None:
    with pytest.raises(UnitError):
        ucum.convert(value, source, target)


def test_a_factor_is_exact_and_refused_for_a_scale_that_is_no_ratio() -> None:
    assert ucum.factor("[in_i]", "m") == Fraction(254, 10000)
    with pytest.raises(UnitError):
        ucum.factor("Cel", "K")
    with pytest.raises(UnitError):
        ucum.factor("g", "m")


def test_the_annotations_are_kept_and_mean_nothing() -> None:
    assert ucum.parse("ng{FEU}/mL{plasma}").annotations == ("FEU", "plasma")
    assert ucum.factor("ng{FEU}/mL", "ug/L") == 1


def test_the_whole_table_is_defined_and_no_symbol_has_two_readings() -> None:
    units = table()
    assert (units.version, len(units.prefixes), len(units.atoms)) == ("2.2", 24, 312)
    for code in units.atoms:
        ucum.parse(code)
    symbols = [prefix + atom.code for prefix in units.prefixes for atom in units.atoms.values() if atom.is_metric]
    assert len({*symbols, *units.atoms}) == len(symbols) + len(units.atoms)


ATOMS = sorted(code for code in table().atoms if not ucum.parse(code).scale)
EXPONENT = st.integers(-3, 3).filter(bool)


@st.composite
def units(draw: st.DrawFn) -> str:
    """A legal ratio unit of up to four terms, with prefixes, exponents, parentheses and annotations."""
    text = draw(st.sampled_from(["", "", "/"]))
    for place in range(draw(st.integers(1, 4))):
        atom = table().atoms[draw(st.sampled_from(ATOMS))]
        prefix = draw(st.sampled_from(["", *table().prefixes])) if atom.is_metric else ""
        term = f"{prefix}{atom.code}{draw(st.one_of(st.just(''), EXPONENT.map(str)))}"
        term = draw(st.sampled_from([term, term, f"({term})", f"{term}{{note}}", f"(7.{term})"]))
        text += ("" if place == 0 else draw(st.sampled_from([".", "/"]))) + term
    return text


@given(units(), units())
def test_dimension_and_scale_of_a_product_and_a_quotient_are_those_of_its_parts(first: str, second: str) -> None:
    one, other = ucum.parse(f"({first})"), ucum.parse(f"({second})")
    product, quotient = ucum.parse(f"({first}).({second})"), ucum.parse(f"({first})/({second})")
    assert product.factor == one.factor * other.factor
    assert quotient.factor == one.factor / other.factor
    powers, less = dict(one.dimension), dict(one.dimension)
    for base, power in other.dimension:
        powers[base] = powers.get(base, 0) + power
        less[base] = less.get(base, 0) - power
    assert product.dimension == tuple(sorted((base, power) for base, power in powers.items() if power))
    assert quotient.dimension == tuple(sorted((base, power) for base, power in less.items() if power))


@given(units(), st.decimals(-(10**6), 10**6, places=3))
def test_a_value_comes_back_from_its_canonical_unit(code: str, value: Decimal) -> None:
    _, base = ucum.canonical(code)
    assert ucum.parse(base).dimension == ucum.parse(code).dimension
    assert ucum.canonical(base) == (1, base)
    back = ucum.convert(ucum.convert(value, code, base), base, code)
    assert abs(back - value) <= abs(value) * Decimal("1E-26")


@given(st.text(max_size=20))
def test_any_text_is_a_unit_or_a_unit_error(text: str) -> None:
    try:
        ucum.parse(text)
    except UnitError:
        assert not ucum.is_valid(text)
