"""Cards: as CDS Hooks wants them, only where somebody is to be told, with nothing that Markdown would obey."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.validate import check
from careloom.risk.assessment import UNCOMPARED, Assessment, Interval, gap_sentence, mitigation, percent
from careloom.risk.assessment_fhir import provenance, risk_assessment
from careloom.risk.care_gaps import Finding, rules
from careloom.risk.cds_cards import OVERRIDE_REASONS, card, summary
from careloom.risk.explain import Behind, Explanation, Factor, Statement

AT = datetime(2024, 2, 20, 8, tzinfo=UTC)
UUID_TEXT = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
HERE = "https://a.example"


def factor(concept: str, log_odds: float, *, modifiable: bool = False, text: str = "Said: 3.") -> Factor:
    said = Statement("x", text, 3, "", (Behind("Observation/o/_history/1", AT),), 1)
    return Factor(concept, log_odds, modifiable, (said,))


def made(probability: float, **more: Any) -> Assessment:
    factors = (factor("Sodium", 0.8, modifiable=True), factor("Age", -0.2))
    one = Assessment(
        "p", "readmission-30d@3", "unplanned readmission within 30 days", AT, AT + timedelta(days=30), "Encounter/e",
        running=False, probability=probability, alert_from=0.2, explanation=Explanation(-2.0, factors, 0.1, 0.0),
        interval=Interval(0.1, 0.5, event_possible=True, no_event_possible=True), prevalence=0.1,
        gaps=tuple(Finding(rule, "gap", (), ()) for rule in rules()[:6]), basis=("Observation/o/_history/1",),
    )  # fmt: skip
    return replace(one, **more)


def shape(value: object, place: str = "") -> list[str]:
    """Places of what CDS Hooks forbids: null and empty values."""
    if value is None or value in ("", [], {}):
        return [place]
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in shape(inner, f"{place}.{key}")]
    if isinstance(value, list):
        return [found for number, inner in enumerate(value) for found in shape(inner, f"{place}[{number}]")]
    return []


@given(st.floats(0, 1), st.floats(0, 1.2))
def test_a_card_is_made_from_the_threshold_on_and_never_below(probability: float, threshold: float) -> None:
    found = card(made(probability, alert_from=threshold), UUID_TEXT, HERE)
    assert (found is not None) is (probability >= threshold)


def test_without_a_threshold_nobody_is_told() -> None:
    assert card(made(0.99, alert_from=None), UUID_TEXT, HERE) is None


@settings(max_examples=25)
@given(st.text(max_size=300).filter(str.strip), st.text(max_size=200))
def test_a_card_has_what_cds_hooks_asks_for_and_nothing_empty(outcome: str, said: str) -> None:
    factors = (factor("Blood | pressure", 0.8, text=said or "x"),)
    one = made(0.6, outcome=outcome, explanation=Explanation(-2.0, factors, 0.0, 0.0))
    found = card(one, UUID_TEXT, HERE)
    assert found is not None
    assert shape(found) == []
    assert (UUID(found["uuid"]).version, len(found["summary"]) < 140) == (4, True)
    assert found["indicator"] in ("info", "warning", "critical")
    assert found["source"]["label"]
    assert {one["code"] for one in found["overrideReasons"]} == set(OVERRIDE_REASONS)
    assert all(one["display"] for one in found["overrideReasons"])
    addresses = [found["source"]["url"], *(link["url"] for link in found["links"])]
    assert all(address.startswith(f"{HERE}/dashboard/") for address in addresses)
    lines = found["detail"].splitlines()
    assert sum(line.startswith("- ") for line in lines) == 5


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "[a](http://b)", "# head\n- item", "`code` *x* _y_ |z|"])
def test_what_a_record_says_is_no_markup_on_a_card(text: str) -> None:
    factors = (factor("C", 0.8, text=text),)
    found = card(made(0.6, explanation=Explanation(-2.0, factors, 0.0, 0.0)), UUID_TEXT, HERE)
    assert found is not None
    (line,) = [one for one in found["detail"].splitlines() if one.startswith("- C: ")]
    said = line.removeprefix("- C: ")
    assert not any(mark in said.replace(f"\\{mark}", "") for mark in "`*_[]<>#|")


@pytest.mark.parametrize(
    ("probability", "said"), [(0.001, "below 1 %"), (0.234, "23 %"), (0.999, "above 99 %"), (0.5, "50 %")]
)
def test_a_probability_is_said_as_percent(probability: float, said: str) -> None:
    assert percent(probability) == said
    assert said in summary(made(probability))


@pytest.mark.parametrize(
    "more",
    [
        {}, {"interval": None, "prevalence": None}, {"gaps": (), "basis": ()}, {"running": True, "left_out": 3},
        {"index_key": "", "alert_from": None}, {"explanation": Explanation(-2.0, (), 0.0, 0.0), "gaps": ()},
        {"index_key": "Appointment/a"},
    ],
)  # fmt: skip
def test_an_assessment_is_valid_fhir_whatever_the_model_leaves_out(more: dict[str, Any]) -> None:
    one = made(0.31, **more)
    resource = risk_assessment(one, "r")
    assert check(resource) == []
    assert shape(resource) == []
    assert check(provenance(one, "v", "RiskAssessment/r/_history/1", AT, "ab" * 16)) == []
    assert resource["status"] == ("preliminary" if one.running else "final")
    assert resource["prediction"][0]["probabilityDecimal"] == 31.0  # a percentage, as FHIR R4 has it


@pytest.mark.parametrize(
    ("probability", "prevalence", "band"),
    [(0.25, 0.1, "high"), (0.15, 0.1, "moderate"), (0.05, 0.1, "low"), (0.05, None, None), (0.25, None, "high")],
)
def test_a_band_is_told_from_threshold_and_average(probability: float, prevalence: float | None, band: str) -> None:
    assert made(probability, prevalence=prevalence).band == band


def test_what_can_be_done_names_factors_that_can_be_changed_and_sources_with_their_year() -> None:
    said = mitigation(made(0.6))
    assert said.startswith("Can be changed: Sodium. ")
    source = rules()[0].source
    assert f"({source.organisation}, {source.guideline}, {source.year})." in said


def test_a_suggestion_that_was_compared_with_nothing_says_so() -> None:
    """On a card, in an assessment, and by no rule that was compared."""
    said = {rule.rule_id: gap_sentence(Finding(rule, "gap", (), ())) for rule in rules()}
    assert {name for name, text in said.items() if UNCOMPARED in text} == {
        rule.rule_id for rule in rules() if rule.source.checked == "no"
    }
    one = replace(rules()[0], source=replace(rules()[0].source, checked="no"))
    shown = card(made(0.6, gaps=(Finding(one, "gap", (), ()),)), UUID_TEXT, HERE)
    assert shown is not None
    assert UNCOMPARED in shown["detail"]
    assert UNCOMPARED in mitigation(made(0.6, gaps=(Finding(one, "gap", (), ()),)))
