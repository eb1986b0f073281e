"""Orders in the making against the record: allergies, the same drug or test, rules; and nothing that is not known."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.api.cds_cards_schemas import CdsCards, sound
from careloom.risk.cds_order_cards import order_card
from careloom.risk.cds_orders import Concern, concerns

NOW = datetime(2024, 3, 1, tzinfo=UTC)
RXNORM, LOINC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org"
SNOMED = "http://snomed.info/sct"
AMOXICILLIN, CLAVULANATE = ("723", "amoxicillin"), ("617993", "Amoxicillin 120 MG/ML / clavulanate")
METFORMIN, METFORMIN_500 = ("6809", "metformin"), ("860975", "24 HR metformin 500 MG")
PIOGLITAZONE, GABAPENTIN = ("33738", "pioglitazone"), ("25480", "gabapentin")
A1C, SODIUM = ("4548-4", "Hemoglobin A1c"), ("2951-2", "Sodium")
UNTOLD = {"code": {"text": "x"}}
Told = dict[str, Any]


def concept(system: str, coded: tuple[str, str]) -> Told:
    return {"coding": [{"system": system, "code": coded[0], "display": coded[1]}]}


def drug(name: str, coded: tuple[str, str], **more: Any) -> Told:
    return {"resourceType": "MedicationRequest", "id": name, "status": "draft", "intent": "order",
        "medicationCodeableConcept": concept(RXNORM, coded), **more}  # fmt: skip


def lab(name: str, coded: tuple[str, str], **more: Any) -> Told:
    return {"resourceType": "ServiceRequest", "id": name, "status": "draft", "intent": "order",
        "code": concept(LOINC, coded), **more}  # fmt: skip


def allergy(coded: tuple[str, str], **more: Any) -> Told:
    return {"resourceType": "AllergyIntolerance", "id": "a", "code": concept(RXNORM, coded), **more}


def result(coded: tuple[str, str], day: str, value: float, unit: str) -> Told:
    quantity = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
    return {"resourceType": "Observation", "id": coded[0], "status": "final", "code": concept(LOINC, coded),
        "effectiveDateTime": day, "valueQuantity": quantity}  # fmt: skip


def status(kind: str, code: str) -> Told:
    return {kind: {"coding": [{"code": code}]}}


PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01", "gender": "female"}
DIABETES = {"resourceType": "Condition", "id": "c", "code": concept(SNOMED, ("44054006", "type 2 diabetes")),
    "recordedDate": "2019-01-01"}  # fmt: skip
KIDNEY = result(("33914-3", "eGFR"), "2024-02-01", 22, "mL/min")


def said(orders: list[Told], record: list[Told], beside: list[Told] | None = None) -> list[tuple[str, str]]:
    return [(one.kind, one.about) for one in concerns(orders, beside or [], [PATIENT, *record], NOW)]


@pytest.mark.parametrize(
    ("order", "record", "found"),
    [
        (CLAVULANATE, [allergy(AMOXICILLIN)], [("allergy", "amoxicillin")]),
        (AMOXICILLIN, [allergy(CLAVULANATE)], [("allergy", "amoxicillin")]),
        (CLAVULANATE, [allergy(("0", "x"), code={"text": "Amoxicillin"})], [("allergy", "amoxicillin")]),
        (CLAVULANATE, [allergy(AMOXICILLIN, **status("clinicalStatus", "resolved"))], []),
        (CLAVULANATE, [allergy(AMOXICILLIN, **status("verificationStatus", "refuted"))], []),
        (CLAVULANATE, [allergy(("0", "x"), code={"text": "x"},
            reaction=[{"substance": concept(RXNORM, AMOXICILLIN)}])], [("allergy", "amoxicillin")]),
        (GABAPENTIN, [allergy(AMOXICILLIN)], []),
        (GABAPENTIN, [allergy(("0", "x"), code=concept(SNOMED, ("716186003", "No known allergy")))], []),
        (METFORMIN, [drug("m", METFORMIN_500, status="active")], [("duplicate", "metformin")]),
        (METFORMIN, [drug("m", METFORMIN_500, status="stopped")], []),
        (METFORMIN, [drug("order", METFORMIN_500, status="active")], []),
        (PIOGLITAZONE, [drug("m", METFORMIN_500, status="active")], []),
        (METFORMIN, [KIDNEY], [("rule", "Metformin with a filtration rate below 30")]),
        (GABAPENTIN, [KIDNEY], []),
        (METFORMIN, [result(("33914-3", "eGFR"), "2024-02-01", 80, "mL/min")], []),
    ],
)  # fmt: skip
def test_a_drug_meets_what_the_record_says_of_it(order: tuple[str, str], record: list[Told], found: list[Any]) -> None:
    assert said([drug("order", order)], record) == found


@pytest.mark.parametrize(
    ("order", "record", "found"),
    [
        (A1C, [DIABETES, result(A1C, "2024-02-01", 6.2, "%")], [("done", "HbA1c every six months")]),
        (A1C, [DIABETES, result(A1C, "2023-06-01", 6.2, "%")], []),
        (A1C, [DIABETES, result(A1C, "2023-11-01", 9.1, "%")], []),  # while it is high, every three months
        (A1C, [result(A1C, "2024-02-01", 6.2, "%")], []),
        (SODIUM, [DIABETES, result(SODIUM, "2024-02-29", 138, "mmol/L")], []),
        (A1C, [lab("s", A1C, status="active")], [("duplicate", "hemoglobin a1c")]),
        (A1C, [lab("s", A1C, status="completed")], []),
    ],
)  # fmt: skip
def test_a_test_meets_what_is_done_or_ordered_already(
    order: tuple[str, str], record: list[Told], found: list[Any]
) -> None:
    assert said([lab("order", order)], record) == found


def test_two_drafts_of_one_session_are_duplicates_once() -> None:
    one, other = drug("1", METFORMIN), drug("2", METFORMIN_500)
    assert said([one, other], []) == [("duplicate", "metformin")]
    assert said([one], [], [other]) == [("duplicate", "metformin")]
    nameless = {name: value for name, value in one.items() if name != "id"}
    assert said([nameless], []) == []


def test_a_drug_that_is_named_by_a_reference_is_looked_up() -> None:
    inside = {"resourceType": "Medication", "id": "m", "code": concept(RXNORM, AMOXICILLIN)}
    order = {"resourceType": "MedicationRequest", "id": "o", "medicationReference": {"reference": "#m"}}
    assert said([order | {"contained": [inside]}], [allergy(CLAVULANATE)]) == [("allergy", "amoxicillin")]
    outside = order | {"medicationReference": {"reference": "Medication/m"}}
    assert said([outside, inside], [allergy(CLAVULANATE)]) == [("allergy", "amoxicillin")]


def test_facts_of_a_concern_are_named_with_their_day() -> None:
    (one,) = concerns([drug("o", METFORMIN)], [], [PATIENT, KIDNEY], NOW)
    assert one.facts == (("Observation/33914-3", "2024-02-01", "egfr 22 mL/min"),)
    assert one.finding is not None
    assert one.finding.rule.source.organisation == "US Food and Drug Administration"


def every_kind() -> list[Concern]:
    record = [PATIENT, DIABETES, KIDNEY, allergy(METFORMIN, criticality="high"), result(A1C, "2024-02-01", 6.2, "%")]
    return concerns([drug("o", METFORMIN), drug("o2", METFORMIN_500), lab("l", A1C)], [], record, NOW)


def test_cards_of_every_kind_keep_the_rules_of_cds_hooks() -> None:
    made = {
        one.kind: order_card(one, "u", "https://a.example", "p", {"AllergyIntolerance/a": 3}) for one in every_kind()
    }
    assert set(made) == {"allergy", "duplicate", "rule", "done"}
    told = sound(CdsCards, {"cards": list(made.values())})
    assert CdsCards.model_validate(told).model_dump(exclude_unset=True) == told
    assert {kind: one["indicator"] for kind, one in made.items()} == {
        "allergy": "critical", "duplicate": "warning", "rule": "warning", "done": "info",
    }  # fmt: skip
    assert "`AllergyIntolerance/a/_history/3`" in made["allergy"]["detail"]
    assert made["rule"]["source"]["label"].startswith("US Food and Drug Administration")
    assert "links" not in order_card(every_kind()[0], "u", "https://a.example", "", {})


_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
_MEMBERS = st.sampled_from(["coding", "text", "code", "system", "display", "reference", "id"])
_ANY = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_MEMBERS, inner, max_size=4),
    max_leaves=12,
)
_DRAFTS = st.fixed_dictionaries(
    {"resourceType": st.sampled_from(["MedicationRequest", "ServiceRequest", "Medication", "NutritionOrder"])},
    optional=dict.fromkeys(("id", "code", "medicationCodeableConcept", "medicationReference", "contained"), _ANY),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_DRAFTS, max_size=3))
def test_a_draft_of_any_shape_is_looked_at(orders: list[Told]) -> None:
    for one in concerns(orders, orders, [PATIENT, DIABETES, KIDNEY, allergy(AMOXICILLIN)], NOW):
        sound(CdsCards, {"cards": [order_card(one, "u", "https://a.example", "", {})]})
