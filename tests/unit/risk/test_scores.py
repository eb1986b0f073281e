"""Published scores: cases worked by hand, borders, what missing and impossible inputs do."""

import polars as pl
import pytest

from careloom.errors import InputError
from careloom.risk.scores import NAMES, points, score
from careloom.risk.scores_comorbidity import NAMES as INDEXES
from careloom.risk.scores_comorbidity import categories_of, comorbidities, comorbidity_points, index
from careloom.tables.schema import SchemaMismatch

NORMAL = score("news2").cases[0]["inputs"]


@pytest.mark.parametrize("name", NAMES)
def test_each_case_worked_by_hand_gets_its_total(name: str) -> None:
    told = score(name)
    found = points(pl.DataFrame([case["inputs"] for case in told.cases], infer_schema_length=None), told)
    assert found["total"].to_list() == [case["total"] for case in told.cases]
    assert found["class"].to_list() == [case.get("class") for case in told.cases]
    assert {case["total"] for case in told.cases} & {told.range[1]}, "the highest total has its case"
    assert found["total"].is_between(*told.range).all()


@pytest.mark.parametrize(
    ("name", "value", "item", "given"),
    [
        ("temperature_cel", 35.04, "temperature", 3),
        ("temperature_cel", 35.1, "temperature", 1),
        ("temperature_cel", 36.1, "temperature", 0),
        ("temperature_cel", 38.0, "temperature", 0),
        ("temperature_cel", 38.1, "temperature", 1),
        ("temperature_cel", 39.1, "temperature", 2),
        ("respiratory_rate_per_min", 8, "respiration", 3),
        ("respiratory_rate_per_min", 11, "respiration", 1),
        ("respiratory_rate_per_min", 24, "respiration", 2),
        ("systolic_mm_hg", 110, "systolic", 1),
        ("systolic_mm_hg", 219, "systolic", 0),
        ("heart_rate_per_min", 40, "pulse", 3),
        ("heart_rate_per_min", 130, "pulse", 2),
    ],
)
def test_news2_keeps_the_borders_of_the_chart(name: str, value: float, item: str, given: int) -> None:
    found = points(pl.DataFrame([{**NORMAL, name: value}]), score("news2"))
    assert found[f"points_{item}"].item() == given
    assert found["total"].item() == given


@pytest.mark.parametrize("percent", range(80, 101))
@pytest.mark.parametrize("on_oxygen", [False, True])
def test_spo2_scale_2_is_the_printed_row(percent: int, on_oxygen: bool) -> None:
    """83 or less 3, 84-85 2, 86-87 1, 88-92 or more on air 0, on oxygen 93-94 1, 95-96 2, 97 or more 3."""
    below = 3 if percent <= 83 else 2 if percent <= 85 else 1 if percent <= 87 else 0
    above = 0 if percent <= 92 or not on_oxygen else 1 if percent <= 94 else 2 if percent <= 96 else 3
    told = {**NORMAL, "spo2_percent": percent, "spo2_scale": "2", "on_oxygen": on_oxygen}
    assert points(pl.DataFrame([told]), score("news2"))["total"].item() == below + above + 2 * on_oxygen


def test_a_missing_input_leaves_the_score_empty_unless_the_caller_counts_it_as_normal() -> None:
    told = score("hospital")
    row = {**told.cases[0]["inputs"], "sodium_mmol_per_l": None}
    frame = pl.DataFrame([row], schema_overrides={"sodium_mmol_per_l": pl.Float64})
    refused = points(frame, told)
    assert refused["total"].item() is None
    assert refused["class"].item() is None
    assert refused["missing"].to_list() == [["sodium_mmol_per_l"]]
    counted = points(frame, told, count_as_normal=["sodium_mmol_per_l"])
    assert counted["total"].item() == told.cases[0]["total"] - 1
    assert counted["assumed"].to_list() == [["sodium_mmol_per_l"]]
    with pytest.raises(InputError):
        points(frame, told, count_as_normal=["potassium"])


def test_an_impossible_number_or_word_is_refused_and_named() -> None:
    told = score("news2")
    frame = pl.DataFrame([{**NORMAL, "temperature_cel": 98.6}, {**NORMAL, "consciousness": "X"}, NORMAL])
    found = points(frame, told)
    assert found["total"].to_list() == [None, None, 0]
    assert found["refused"].to_list() == [["temperature_cel"], ["consciousness"], []]


def test_a_missing_column_and_a_foreign_name_are_the_callers_fault() -> None:
    with pytest.raises(SchemaMismatch):
        points(pl.DataFrame({"length_of_stay_days": [1]}), score("lace"))
    with pytest.raises(InputError):
        score("apache")
    with pytest.raises(InputError):
        index("apache")
    with pytest.raises(SchemaMismatch):
        comorbidities(pl.DataFrame({"patient_id": ["a"]}))


@pytest.mark.parametrize("name", INDEXES)
def test_each_index_gets_the_totals_worked_by_hand(name: str) -> None:
    told = index(name)
    rows = [
        {"patient_id": str(number), "code": code}
        for number, case in enumerate(told.cases)
        for code in case["codes"] or [None]
    ]
    held = comorbidities(pl.DataFrame(rows, schema={"patient_id": pl.String, "code": pl.String}), name)
    for weights in told.ranges:
        expected = [case["totals"][weights] for case in told.cases]
        assert comorbidity_points(held, weights, name).to_list() == expected
    with pytest.raises(InputError):
        comorbidity_points(held, "mine", name)


@pytest.mark.parametrize("name", INDEXES)
def test_the_weights_reach_the_published_range(name: str) -> None:
    """Every condition at once, but for those that a severer one replaces; for the least, the negative weights alone."""
    told = index(name)
    replaced = {one.replaces for one in told.categories}
    for weights, (low, high) in told.ranges.items():
        counted = [one.weights[weights] for one in told.categories if one.name not in replaced]
        assert (sum(min(0, one) for one in counted), sum(max(0, one) for one in counted)) == (low, high)


def test_a_code_counts_by_its_prefix_with_or_without_its_dot() -> None:
    assert categories_of("E11.22") == categories_of("e1122") == ("diabetes_with_complications",)
    assert categories_of("I42.6", "elixhauser") == ("congestive_heart_failure", "alcohol_abuse")
    assert categories_of("Z00.00") == ()
    assert categories_of("") == ()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("410.71", "myocardial_infarction"), ("41071", "myocardial_infarction"), ("428", "congestive_heart_failure"),
        ("250.13", "diabetes"), ("250.4", "diabetes_with_complications"), ("042", "aids_hiv"), ("42", "aids_hiv"),
        ("70.22", "mild_liver_disease"), ("V45.1", "renal_disease"), ("196", "metastatic_cancer"),
        ("4254", "congestive_heart_failure"),
    ],
)  # fmt: skip
def test_a_code_of_icd9cm_counts_by_its_prefix_with_or_without_the_zeros_it_begins_with(code: str, found: str) -> None:
    assert categories_of(code, coding="icd9cm") == (found,)
    assert categories_of("401.9", coding="icd9cm") == ()
