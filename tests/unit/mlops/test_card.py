"""Cards: 31 attributes with where each comes from, what is stale, and what keeps a version from being promoted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from careloom.errors import FormatError
from careloom.mlops.card import Stale, card, refusals, stale
from careloom.mlops.card_attributes import Variable, attributes, freshness, notice, read, variables
from careloom.mlops.card_computed import COMPUTED
from careloom.mlops.card_declared import Declarations, declarations, digest, shipped
from careloom.mlops.card_facts import judged
from careloom.mlops.card_tripod import by_item
from tests.unit.mlops.card_made import (
    DIGEST,
    EXTERNAL,
    LOCAL,
    MODEL,
    MONITORING,
    NOW,
    SAME_SOURCE,
    WEIGHTS,
    aged,
    declared,
    facts,
    people,
    report,
)


def test_the_rule_asks_for_31_attributes_in_nine_groups() -> None:
    sizes: dict[str, int] = {}
    for one in attributes():
        sizes[one.group] = sizes.get(one.group, 0) + 1
    assert list(sizes.values()) == [4, 4, 2, 4, 2, 4, 5, 4, 2]
    assert [one.number for one in attributes()] == list(range(1, 32))
    assert len({one.id for one in attributes()} | {one.paragraph for one in attributes()}) == 62


def test_eleven_attributes_may_be_shown_as_not_available() -> None:
    free = {one.paragraph for one in attributes() if one.may_be_unavailable}
    assert free == {
        "(6)(i)", "(6)(ii)", "(6)(iii)", "(6)(iv)", "(7)(iii)", "(7)(iv)", "(7)(v)", "(8)(ii)", "(8)(iv)", "(9)(i)",
        "(9)(ii)",
    }  # fmt: skip


def test_every_computable_attribute_has_a_function_and_no_other_has() -> None:
    assert set(COMPUTED) == {one.id for one in attributes() if one.is_computable}


def test_a_card_of_all_facts_fills_31_of_31() -> None:
    made = card(facts(), NOW)
    assert (made.filled, made.unavailable, made.stale) == (31, 0, ())
    assert {one.state for one in made.answers if one.number in (3, 4, 11, 12, 13, 14, 21, 22)} == {"computed"}
    assert all(one.text and one.source for one in made.answers)


def test_every_value_says_where_it_comes_from() -> None:
    made = card(facts(), NOW)
    assert (
        made.of("validity_same_source").source
        == "computed from evaluation on held-out data of the same source of 2026-11-27"
    )
    assert made.of("validity_same_source").basis == {"evaluation": f"{DIGEST}@{SAME_SOURCE.at.isoformat()}"}
    assert made.of("developer").source == "declared by Dr Ada Example on 2026-11-01"


def test_measures_stand_in_the_card_as_the_evaluation_gave_them() -> None:
    value = SAME_SOURCE.measures["auroc"]
    told = card(facts(), NOW).of("validity_same_source").text
    assert f"AUROC {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})" in told
    assert f"{SAME_SOURCE.counts['events']} with the outcome" in told


def test_fairness_is_the_greatest_less_the_least_over_groups() -> None:
    rows = [row for row in SAME_SOURCE.subgroups if row["attribute"] == "sex"]
    apart = max(row["auroc"] for row in rows) - min(row["auroc"] for row in rows)
    assert f"Sex (2 groups): AUROC {apart:.3f}" in card(facts(), NOW).of("fairness_same_source").text


MISSING: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "nobody-declared": ({"declared": Declarations()}, {"developer": "not declared", "output_value": "computed"}),
    "nobody-evaluated": ({"same_source": None}, {"validity_same_source": "not computed"}),
    "no-other-source": ({"external": None}, {"external_data": "unavailable", "validity_external": "unavailable"}),
    "not-served": ({"monitoring": None, "local": None}, {"validity_monitoring": "not declared"}),
    "no-cohort": ({"training": {}}, {"training_criteria": "not declared"}),
    "no-groups": ({"same_source": replace(SAME_SOURCE, subgroups=())}, {"fairness_same_source": "not computed"}),
}


@pytest.mark.parametrize(("changed", "states"), MISSING.values(), ids=MISSING)
def test_what_is_not_there_is_shown_and_not_counted(changed: dict[str, Any], states: dict[str, str]) -> None:
    made = card(facts(**changed), NOW)
    assert {name: made.of(name).state for name in states} == states
    assert made.filled < 31


@pytest.mark.parametrize("without", [one.id for one in attributes() if not one.is_computable])
def test_each_text_that_nobody_declared_is_one_less(without: str) -> None:
    made = card(facts(declared=declared(without)), NOW)
    assert (made.filled, made.of(without).state) == (30, "not declared")


@pytest.mark.parametrize("zone", ["synthetic", "public"])
def test_training_data_of_no_place_of_use_are_said_to_be_so(zone: str) -> None:
    made = card(facts(trained_here=False, monitoring=None, lineage={"zone": zone, "snapshot": "facts 3"}), NOW)
    told = made.of("training_relevance")
    assert told.state == "computed"
    assert f"{zone}" in told.text
    assert "has to be judged on records of that place" in told.text


def test_what_ships_with_a_task_answers_31_of_31_and_counts_what_is_not_available_apart() -> None:
    known = facts(declared=shipped("readmission-30d"), external=None, local=None, monitoring=None)
    found = card(known, NOW)
    assert found.missing == ()
    assert found.counts == {
        "asked": 31, "answered": 31, "filled": 24, "computed": 10, "declared": 14, "unavailable": 7, "missing": 0,
        "stale": 0,
    }  # fmt: skip


def test_the_card_tells_which_texts_are_others_than_were_registered() -> None:
    then = shipped("no-show")
    own = declarations(b'by = "A"\non = 2026-11-01\n[developer]\ntext = "We, 1."\n')
    told = card(facts(registered=then, declared=then.over(own)), NOW).texts
    assert (told["changed"], told["registered_sha256"]) == (["developer"], digest(then))
    assert told["sha256"] != told["registered_sha256"]
    assert card(facts(declared=then), NOW).texts == {"sha256": digest(then), "registered_sha256": "", "changed": []}


def test_what_is_not_available_is_said_but_not_filled() -> None:
    said = declarations(b'by = "A"\non = 2026-11-01\n[outcome_references]\nunavailable = "Nobody studied it."\n')
    made = card(facts(declared=declared().over(said)), NOW)
    assert (made.filled, made.unavailable, made.of("outcome_references").text) == (30, 1, "Nobody studied it.")


def test_held_out_patients_of_the_place_of_use_are_local_data() -> None:
    here, elsewhere = facts(local=None), facts(local=None, trained_here=False)
    assert card(here, NOW).of("validity_local").text == card(here, NOW).of("validity_same_source").text
    assert card(elsewhere, NOW).of("validity_local").state == "unavailable"


def test_a_declared_text_fills_what_could_not_be_computed_and_remarks_what_could() -> None:
    said = declarations(b'by = "A"\non = 2026-11-01\n[external_data]\ntext = "A registry."\n')
    without, with_both = facts(declared=said, external=None), facts(declared=said)
    assert (card(without, NOW).of("external_data").state, card(with_both, NOW).of("external_data").state) == (
        "declared",
        "computed",
    )
    assert card(with_both, NOW).of("external_data").remark == "A registry. (A on 2026-11-01)"


def whys(found: list[Stale]) -> dict[str, str]:
    """Attribute -> why it is stale."""
    return {one.id: one.why for one in found}


LATER = NOW + timedelta(days=1)
MOVED: dict[str, tuple[dict[str, Any], set[str], str]] = {
    "other-bytes": ({"digest": "sha256:ffff"}, {"output_value", "input_variables", "training_criteria"}, "moved on"),
    "new-evaluation": (
        {"same_source": aged(SAME_SOURCE, 0)},
        {"validity_same_source", "fairness_same_source", "training_demographics"},
        "moved on",
    ),
    "new-look": (
        {"monitoring": replace(MONITORING, at=NOW)},
        {"validity_monitoring", "fairness_monitoring", "training_relevance"},
        "moved on",
    ),
    "no-look-any-more": ({"monitoring": None}, {"validity_monitoring"}, "none any more"),
}


@pytest.mark.parametrize(("changed", "names", "why"), MOVED.values(), ids=MOVED)
def test_a_card_is_stale_where_what_it_rests_on_moved_on(changed: dict[str, Any], names: set[str], why: str) -> None:
    kept = orjson.loads(orjson.dumps(card(facts(), NOW).as_json()))
    found = whys(refusals(kept, facts(**changed), LATER))
    assert names <= set(found)
    assert all(why in found[name] for name in names)
    untouched = {"output_value"} - names if "digest" not in changed else set()
    assert not untouched & set(found)


OLD: dict[str, dict[str, Any]] = {
    "evaluation": {"same_source": aged(SAME_SOURCE, freshness()["evaluation"] + 1)},
    "external": {"external": aged(EXTERNAL, freshness()["external"] + 1)},
    "local": {"local": aged(LOCAL, freshness()["local"] + 1)},
    "monitoring": {"monitoring": replace(MONITORING, at=NOW - timedelta(days=freshness()["monitoring"] + 1))},
}
ON_LIMIT: dict[str, dict[str, Any]] = {
    "evaluation": {"same_source": aged(SAME_SOURCE, freshness()["evaluation"])},
    "monitoring": {"monitoring": replace(MONITORING, at=NOW - timedelta(days=freshness()["monitoring"]))},
}


@pytest.mark.parametrize("name", OLD)
def test_a_fresh_card_of_old_facts_is_stale(name: str) -> None:
    known = facts(**OLD[name])
    made = card(known, NOW)
    resting = {one.id for one in attributes() if name in one.rests_on}
    if name == "evaluation":
        resting -= {"validity_local", "fairness_local"}  # they rest on what was judged since
    found = whys(refusals(made, known, NOW))
    assert resting == set(found)
    assert all("days old" in why for why in found.values())
    assert made.stale == tuple(stale(made, known, NOW))


@pytest.mark.parametrize("name", ON_LIMIT)
def test_what_is_just_as_old_as_allowed_is_fresh(name: str) -> None:
    known = facts(**ON_LIMIT[name])
    assert refusals(card(known, NOW), known, NOW) == []


def test_an_evaluation_of_another_version_keeps_from_promotion() -> None:
    known = facts(same_source=replace(SAME_SOURCE, of="sha256:other"))
    assert "of another version" in whys(refusals(card(known, NOW), known, NOW))["validity_same_source"]


def test_a_version_that_nobody_evaluated_is_not_promoted() -> None:
    known = facts(same_source=None)
    assert {"validity_same_source", "fairness_same_source"} <= set(whys(refusals(card(known, NOW), known, NOW)))


def test_measures_are_never_declared_in_place_of_an_evaluation() -> None:
    said = declarations(b'by = "A"\non = 2026-11-01\n[validity_same_source]\ntext = "AUROC 0.99"\n')
    known = facts(same_source=None, declared=declared().over(said))
    made = card(known, NOW)
    assert made.of("validity_same_source").state == "not computed"
    assert "validity_same_source" in whys(refusals(made, known, NOW))


def test_an_evaluation_of_another_kind_of_model_is_told_by_its_own_measures() -> None:
    kept = {"data": "Held-out notes", "measures": {"f1": {"value": 0.91, "low": 0.89, "high": 0.93}}}
    known = facts(same_source=judged(kept, of=DIGEST, at=NOW))
    assert "f1 0.910 (0.890 to 0.930)" in card(known, NOW).of("validity_same_source").text


def test_a_first_version_is_promoted_without_monitoring_and_without_another_source() -> None:
    known = facts(monitoring=None, local=None, external=None)
    assert refusals(card(known, NOW), known, NOW) == []


def test_an_old_text_is_told_but_keeps_nobody_from_promoting() -> None:
    later = NOW + timedelta(days=freshness()["declared"])
    made = card(facts(), NOW)
    found = [one for one in stale(made, facts(), later) if one.id == "intended_use"]
    assert [(one.is_computable, "a person looked" in one.why) for one in found] == [(False, True)]


def test_another_text_in_the_file_is_told() -> None:
    said = declarations(b'by = "A"\non = 2026-11-29\n[intended_use]\ntext = "Something else."\n')
    found = whys(stale(card(facts(), NOW), facts(declared=declared().over(said)), NOW))
    assert found == {"intended_use": "the text in card.toml is another: make the card anew"}


def test_a_card_without_an_evaluation_that_there_is_by_now_has_to_be_made_anew() -> None:
    made = card(facts(external=None, declared=declared()), NOW)
    assert "validity_external" in whys(refusals(made, facts(), NOW))


BAD_CARDS = {"empty": {}, "format": {"format": 2, "attributes": []}, "rows": {"format": 1, "attributes": [{"x": 1}]}}


@pytest.mark.parametrize("document", BAD_CARDS.values(), ids=BAD_CARDS)
def test_what_is_no_card_is_refused(document: dict[str, Any]) -> None:
    whole = {"made_at": NOW.isoformat()} | document
    with pytest.raises(FormatError):
        stale(whole, facts(), NOW)


def test_a_card_says_that_the_rules_are_changing() -> None:
    told = card(facts(), NOW).as_json()
    assert told["notice"] == notice()
    assert "HTI-5" in notice()
    assert "changing" in notice()


def test_input_variables_are_told_by_the_features_of_the_model() -> None:
    told = card(facts(), NOW).of("input_variables").text
    assert "sex (is_female)" in told
    assert "date of birth (age) (age_years)" in told
    assert "Not inputs: race, ethnicity, language" in told


NAMED = {
    "race": ("race", "Race", {"race"}),
    "gender-of-diabetes130": ("gender", "Gender", {"sex"}),
    "gender-identity": ("gender_identity_female", "Gender identity", {"gender_identity"}),
    "age": ("age_years", "Age", {"date_of_birth"}),
    "average-is-no-age": ("average_stay", "Length of stay", set()),
    "female": ("is_female", "Sex", {"sex"}),
    "smoking": ("smoker", "Smoking", {"health_status"}),
    "housing": ("x", "Housing", {"social_determinants"}),
}


@pytest.mark.parametrize(("name", "concept", "wanted"), NAMED.values(), ids=NAMED)
def test_a_feature_is_of_a_variable_by_its_name_or_concept(name: str, concept: str, wanted: set[str]) -> None:
    assert {one.id for one in variables() if one.is_told_by(name, concept)} == wanted


def test_there_are_nine_variables() -> None:
    assert len(variables()) == 9
    assert all(isinstance(one, Variable) and one.names for one in variables())


def test_a_report_without_its_parts_is_refused() -> None:
    whole = report(people(100, 5), WEIGHTS, "x")
    for name, place in {"of": "of", "at": "at", "data": "data", "evaluation": "measures"}.items():
        with pytest.raises(FormatError) as caught:
            judged({key: value for key, value in whole.items() if key != name})
        assert place in caught.value.where
    with pytest.raises(FormatError):
        judged(whole | {"at": "2026-11-30"})


def test_tripod_has_27_items_and_52_rows() -> None:
    assert (len(card(facts(), NOW).tripod), len(by_item(card(facts(), NOW).tripod))) == (52, 27)


def test_tripod_is_reported_where_all_that_it_asks_is_told() -> None:
    whole, bare = card(facts(), NOW), card(facts(declared=Declarations(), same_source=None), NOW)
    states = {one.item: one.state for one in whole.tripod}
    assert {item for item, state in states.items() if state != "reported"} == {"5b", "6a", "12d", "23b"}
    less = {one.item: one.state for one in bare.tripod}
    assert (less["17"], less["23a"], less["15"], less["3b"]) == (
        "not reported",
        "not reported",
        "reported",
        "not reported",
    )


def test_every_source_of_tripod_is_known() -> None:
    made = card(facts(), NOW)
    known = {one.id for one in (*made.answers, *made.further)}
    asked = {name for one in read("tripod_ai")["items"] for name in one["from"]}
    assert {name for name in asked - known if not name.startswith("study_")} == set()


def test_a_model_without_a_threshold_classifies_nobody() -> None:
    made = card(facts(model={**MODEL, "threshold": None}), NOW)
    assert made.of("output_type").text == "Prediction."


def test_a_measure_that_bears_the_name_of_a_count_is_none() -> None:
    measure = {"value": 0.5, "low": None, "high": None}
    told = judged({"data": "rows drawn", "measures": {"n": measure, "events": measure}}, "digest", NOW)
    assert told.counts == {}
    assert set(told.measures) == {"n", "events"}
