"""Values of FHIR as people read them."""

from typing import Any

import pytest

from careloom.dashboard.values import amount, concept, value_of

CONCEPTS: list[tuple[Any, tuple[str, str]]] = [
    (None, ("", "")),
    ([], ("", "")),
    ({}, ("", "")),
    (17, ("", "")),
    ("active", ("active", "active")),
    ({"text": "Glucose"}, ("Glucose", "")),
    ({"coding": [{"code": "2339-0"}]}, ("2339-0", "2339-0")),
    ({"coding": [{"code": "2339-0"}, {"display": "Glucose"}]}, ("Glucose", "2339-0")),
    ({"coding": [{"code": "2339-0", "display": "Glucose"}], "text": "Sugar"}, ("Sugar", "2339-0")),
    ([{"text": "first"}, {"text": "second"}], ("first", "")),
    ({"code": "IMP", "display": "inpatient"}, ("inpatient", "IMP")),
]


@pytest.mark.parametrize(("found", "expected"), CONCEPTS)
def test_a_concept_is_told_in_its_words_and_its_code(found: Any, expected: tuple[str, str]) -> None:
    assert concept(found) == expected


AMOUNTS: list[tuple[Any, str]] = [
    (None, ""),
    ({}, ""),
    ({"value": 0}, "0"),
    ({"value": 120, "unit": "mm[Hg]"}, "120 mmHg"),
    ({"value": 37.0, "code": "Cel"}, "37 °C"),
    ({"value": 99, "unit": "%"}, "99 %"),
    ({"value": 4, "unit": "{score}"}, "4"),
    ({"value": 5, "comparator": "<", "unit": "mg/dL"}, "<5 mg/dL"),
    ({"value": 0.1 + 0.2, "unit": "mmol/L"}, "0.3 mmol/L"),
    ({"value": 5.14159265}, "5.1416"),
]


@pytest.mark.parametrize(("found", "expected"), AMOUNTS)
def test_an_amount_has_its_unit_as_written_by_hand(found: Any, expected: str) -> None:
    assert amount(found) == expected


def component(text: str, value: float) -> dict[str, Any]:
    return {"code": {"text": text}, "valueQuantity": {"value": value, "unit": "mmHg"}}


VALUES: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"valueQuantity": {"value": 72, "unit": "/min"}}, "72 /min"),
    ({"valueCodeableConcept": {"text": "Never smoker"}}, "Never smoker"),
    ({"valueString": "clear"}, "clear"),
    ({"valueBoolean": False}, "no"),
    ({"valueInteger": 3}, "3"),
    ({"valueDateTime": "2024-05-17T10:15:00Z"}, "2024-05-17 10:15:00Z"),
    ({"valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, "1 to 2"),
    ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 40}}}, "1 : 40"),
    ({"valuePeriod": {"start": "2024-05-17"}}, "2024-05-17 to"),
    ({"component": [component("Systolic", 121), component("Diastolic", 78)]}, "Systolic 121 mmHg; Diastolic 78 mmHg"),
    ({"component": [{"code": {"text": "Systolic"}}]}, ""),
    ({"dataAbsentReason": {"text": "not performed"}}, "not performed"),
]


@pytest.mark.parametrize(("observation", "expected"), VALUES)
def test_an_observation_says_what_it_found(observation: dict[str, Any], expected: str) -> None:
    assert value_of(observation) == expected
