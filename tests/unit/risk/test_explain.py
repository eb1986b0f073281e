"""Explanations in words: values with units, what nobody knows, and sums that are those of the model."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.risk.explain import FACTORS_SHOWN, FACTS_SHOWN, Told, explained, sentence, unit_of
from careloom.risk.facts_one import Fact
from careloom.risk.features_definition import Feature, shipped_features
from careloom.risk.features_one import OneRow
from tests.unit.risk.events_made import BEGIN

GENERAL = {one.name: one for one in shipped_features("general").features}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sodium_last", 128.0, "Newest serum sodium: 128 mmol/L."),
        ("potassium_last", 4.2, "Newest serum potassium: 4.2 mmol/L."),
        ("creatinine_last", 0.04, "Newest serum creatinine: 0.04 mg/dL."),
        ("systolic_last", 150.4, "Newest systolic blood pressure: 150 mmHg."),
        ("systolic_last", None, "Not known: newest systolic blood pressure."),
        ("temperature_last", 38.25, "Newest body temperature: 38.2 °C."),
        ("age_years", 67.03, "Years since birth: 67 years."),
        ("days_since_admission", 12.0, "Days since the last admission: 12 days."),
        ("admissions_365d", 3, "Admissions in the year before: 3."),
        ("admissions_365d", 0, "Admissions in the year before: 0."),
        ("has_heart_failure", True, "Heart failure was diagnosed at any time before."),
        ("has_heart_failure", False, "Not recorded: heart failure was diagnosed at any time before."),
        ("is_female", True, "Recorded as female."),
        ("is_female", None, "Not known: recorded as female."),
        ("smoking_status", "449868002", "Newest recorded smoking status, as its code: 449868002."),
        ("hba1c_slope_365d", -0.01, "Change of haemoglobin A1c a day over the year before: -0.01 %/d."),
    ],
)
def test_a_feature_is_told_as_a_sentence_with_value_and_unit(name: str, value: Any, said: str) -> None:
    assert sentence(name, GENERAL[name], value) == said


def test_every_feature_that_ships_has_a_sentence_for_a_value_and_for_none() -> None:
    for name, one in GENERAL.items():
        for value in (None, 1.5, True):
            said = sentence(name, one, value)
            assert said.endswith(".")
            assert "None" not in said
        assert (unit_of(one) != "") >= (one.unit != "")
    assert sentence("payer_code", None, "MC") == "payer code: MC."


def _feature(name: str, concept: str) -> Feature:
    return Feature(name, concept, f"Newest: {name}", "last", unit="mmol/L")


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=14), st.floats(-4, 4), st.floats(-1, 1))
def test_factors_and_rest_sum_to_what_the_model_says(parts: list[float], base: float, moved: float) -> None:
    names = [f"x{place}" for place in range(len(parts))]
    concepts = {name: f"C{place // 2}" for place, name in enumerate(names)}
    by_concept: dict[str, float] = {"base": base, "calibration": moved}
    for name, value in zip(names, parts, strict=True):
        by_concept[concepts[name]] = by_concept.get(concepts[name], 0.0) + value
    told = Told(by_concept, dict(zip(names, parts, strict=True)), concepts, frozenset(("x0",)))
    row = OneRow(dict.fromkeys(names, 1.0))
    found = explained(told, [_feature(name, concepts[name]) for name in names], row, {})
    assert math.isclose(found.total, base + moved + sum(parts), abs_tol=1e-9)
    sizes = [abs(one.log_odds) for one in found.factors]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) <= FACTORS_SHOWN
    assert all(one.is_modifiable is (one.concept == "C0") for one in found.factors)
    assert all(one.statements for one in found.factors)


def test_a_value_and_its_indicator_are_one_statement_with_the_newest_facts() -> None:
    facts = tuple(Fact("observation", f"Observation/o{day}", BEGIN + timedelta(days=day)) for day in range(9))
    row = OneRow({"sodium": 120.0, "sodium_missing": False}, {"sodium": facts})
    concepts = dict.fromkeys(("sodium", "sodium_missing"), "Sodium")
    told = Told({"base": -2.0, "Sodium": 0.7}, {"sodium": 0.5, "sodium_missing": 0.2}, concepts, frozenset())
    (factor,) = explained(told, [_feature("sodium", "Sodium")], row, {"Observation/o8": 3}).factors
    (said,) = factor.statements
    assert (said.count, len(said.facts), said.facts[0].resource) == (9, FACTS_SHOWN, "Observation/o8/_history/3")
    assert said.facts[1].resource == "Observation/o7"
    assert factor.text == "Sodium raises the risk. Newest sodium: 120 mmol/L."
