"""A quantity is found in every usual unit that measures the same, and in none that does not."""

import pytest

from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_query import QuantityValue
from careloom.fhir.search_units import UCUM, USUAL, Bounds, bounds_by_unit
from careloom.terminology.ucum import is_valid


def bounds(text: str) -> dict[str, Bounds]:
    (value,) = parse_search(f"Observation?value-quantity={text}").criteria[0].values
    assert isinstance(value, QuantityValue)
    return bounds_by_unit(value)


CONVERTED = [
    ("5.4", "g", "mg", (5350, 5450, 5400, 4860, 5940)),
    ("5.40", "mmol/L", "umol/L", (5395, 5405, 5400, 4860, 5940)),
    ("100", "[degF]", "Cel", (37.5, 38.05555555555556, 37.77777777777778, 32.22222222222222, 43.333333333333336)),
    ("120", "mm[Hg]", "kPa", (15.9320235, 16.0653455, 15.9986844, 14.39881596, 17.59855284)),
    ("1", "d", "h", (12, 36, 24, 21.6, 26.4)),
    ("2", "ukat/L", "U/L", (90, 150, 120, 108, 132)),
]


@pytest.mark.parametrize(
    ("number", "unit", "other", "expected"), CONVERTED, ids=[f"{row[1]} {row[2]}" for row in CONVERTED]
)
def test_a_question_is_converted_whole(number: str, unit: str, other: str, expected: tuple[float, ...]) -> None:
    assert bounds(f"{number}|{UCUM}|{unit}")[other] == pytest.approx(expected, rel=1e-5)


APART = [
    ("g", "mmol"),
    ("g", "mg/mmol"),
    ("meq/L", "mmol/L"),
    ("mosm/L", "mmol/L"),
    ("mmol/mol", "%"),
    ("U/L", "[iU]/L"),
]


@pytest.mark.parametrize(("unit", "other"), APART)
def test_what_a_clinician_keeps_apart_is_not_compared(unit: str, other: str) -> None:
    assert other not in bounds(f"1|{UCUM}|{unit}")
    assert unit not in bounds(f"1|{UCUM}|{other}")


@pytest.mark.parametrize("text", ["5||g", "5|urn:other|g", f"5|{UCUM}|no unit"])
def test_units_of_no_known_meaning_are_codes(text: str) -> None:
    assert len(bounds(text)) == 1


def test_every_usual_unit_is_ucum_and_stands_once() -> None:
    assert all(map(is_valid, USUAL))
    assert len(set(USUAL)) == len(USUAL)
