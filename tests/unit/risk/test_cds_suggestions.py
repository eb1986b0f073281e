"""Suggestions: a test that a rule asks for as a draft that is valid FHIR, an order taken out; never a drug."""

from typing import Any
from uuid import UUID

import pytest

from careloom.api.cds_cards_schemas import CdsCards, sound
from careloom.fhir.validate import check
from careloom.risk.care_gaps import Finding, Rule, rules
from careloom.risk.cds_suggestions import AT_MOST, suggestion_id, taken, to_order, to_take_out, with_suggestions

CARD_ID = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
CARD = {"uuid": CARD_ID, "summary": "x", "indicator": "info", "source": {"label": "x"}}
BY_ID = {one.rule_id: one for one in rules()}


def gap(rule: Rule) -> Finding:
    return Finding(rule, "gap", (), ())


def ordered(rule: str, encounter: str = "") -> list[list[str]]:
    """The codes that each suggestion orders."""
    found = to_order([gap(BY_ID[rule])], "p1", encounter)
    return [[action["resource"]["code"]["coding"][0]["code"] for action in one["actions"]] for one in found]


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("a1c_twice_a_year", [["4548-4"]]), ("kidney_monitoring", [["33914-3", "14959-1"]]),
        ("diabetic_foot_examination", [["401191002"]]),
        ("diabetic_statin", []), ("metformin_low_filtration", []), ("diabetic_eye_examination", []),
    ],
)  # fmt: skip
def test_a_test_is_suggested_where_a_rule_has_one_way_to_be_met(rule: str, codes: list[list[str]]) -> None:
    assert ordered(rule) == codes


def test_every_draft_is_valid_fhir_and_says_who_asks_for_it() -> None:
    drafts = [
        action["resource"]
        for rule in rules()
        for one in to_order([gap(rule)], "p1", "e1")
        for action in one["actions"]
    ]  # fmt: skip
    assert len(drafts) > 5
    for one in drafts:
        assert check(one) == []
        assert (one["status"], one["intent"]) == ("draft", "order")
        assert one["subject"] == {"reference": "Patient/p1"}
        assert one["encounter"] == {"reference": "Encounter/e1"}
        assert one["reasonCode"][0]["text"]


def test_the_same_tests_are_suggested_once_and_few_altogether() -> None:
    assert len(to_order([gap(BY_ID["a1c_twice_a_year"]), gap(BY_ID["a1c_quarterly"])], "p1", "")) == 1
    assert len(to_order([gap(one) for one in rules()], "p1", "")) == AT_MOST


def test_a_card_with_suggestions_keeps_the_rules_of_cds_hooks() -> None:
    both = [*to_order([gap(BY_ID["kidney_monitoring"])], "p1", ""), *to_take_out("ServiceRequest/s1")]
    found: dict[str, Any] = with_suggestions(CARD, both)
    told = sound(CdsCards, {"cards": [found]})
    assert CdsCards.model_validate(told).model_dump(exclude_unset=True) == told
    assert (found["selectionBehavior"], len({one["uuid"] for one in found["suggestions"]})) == ("any", 2)
    assert found["suggestions"][1]["actions"] == [
        {"type": "delete", "description": "Take this order out", "resourceId": "ServiceRequest/s1"}
    ]
    assert with_suggestions(CARD, []) == CARD


def test_which_suggestions_were_accepted_is_known_by_their_ids_alone() -> None:
    ids = [suggestion_id(CARD_ID, number) for number in range(3)]
    assert len({UUID(one) for one in ids}) == 3
    assert taken(CARD_ID, [ids[0], ids[2].upper()], 3) == 0b101
    assert taken(CARD_ID, [ids[2], "unknown", CARD_ID], 2) == 0
