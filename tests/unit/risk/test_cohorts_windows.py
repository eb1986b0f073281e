"""Cohorts by windows: what ACES makes of its task files, point-in-time, follow-up, why, and TOML that says it."""

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from careloom.errors import FormatError, QueryError
from careloom.risk.cohorts_aces import read_task
from careloom.risk.cohorts_aces_extract import extract_task
from careloom.risk.cohorts_any import any_from_toml, extract_any, why_any
from careloom.risk.cohorts_windows import WindowCohort, imported, is_task_file
from careloom.risk.definition_texts import foretold
from careloom.risk.features import built
from careloom.risk.features_definition import shipped_features
from careloom.risk.features_training import training_set
from careloom.risk.splits import patient_grouped
from tests.unit.risk.events_made import BEGIN, at, diagnosis, events, fact, lab, person, stay

GOLDEN = Path(__file__).parents[2] / "golden" / "aces"
TASKS = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
READMISSION = (GOLDEN / "readmission.yaml").read_text()
DIABETES = """
description: A first diagnosis of diabetes
predicates:
  visit: {code: {regex: "^VISIT//"}}
  diabetes: {code: {regex: "^DIAGNOSIS//http://hl7.org/fhir/sid/icd-10-cm//E11"}}
  sodium: {code: "LAB//http://loinc.org//2951-2"}
trigger: visit
windows:
  input:
    start: end - 365d
    end: trigger
    start_inclusive: True
    end_inclusive: True
    has: {diabetes: "(None, 0)"}
    index_timestamp: end
  target:
    start: input.end
    end: start + 30d
    start_inclusive: False
    end_inclusive: True
    label: diabetes
"""


def cohort(text: str, **more: str) -> WindowCohort:
    made = any_from_toml(imported(text, "mine") + "".join(f"[{name}]\n{value}\n" for name, value in more.items()))
    assert isinstance(made, WindowCohort)
    return made


@pytest.mark.parametrize("name", TASKS)
def test_a_task_file_and_the_toml_that_it_becomes_mean_what_aces_makes_of_it(name: str) -> None:
    text = (GOLDEN / f"{name}.yaml").read_text()
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float64}
    meds = pl.read_csv(GOLDEN / "events.csv", schema=schema)
    told = json.loads((GOLDEN / "expected.json").read_text())[name]
    definition = cohort(text)
    assert definition.task == read_task(text)
    rows = extract_task(definition.task, meds).rows.sort("subject_id", "trigger_time")
    moments = [pl.col(one).dt.to_string("%Y-%m-%dT%H:%M:%S") for one in ("trigger_time", "index_time")]
    assert [list(row) for row in rows.select("subject_id", *moments, "label_count").iter_rows()] == told


def visit(day: float, patient: str = "a") -> dict[str, Any]:
    return fact("visit", day, patient, source=f"Encounter/{patient}-v{day}", system="x", code="AMB")


RECORD = events(
    person(), visit(0), visit(100), diagnosis("E11.9", 120),
    person("b"), visit(0, "b"), diagnosis("E11.9", -10, "b", known=5),  # told five days after the visit
    person("c"), visit(0, "c"), diagnosis("E11.9", -10, "c"),
    person("d"), visit(120, "d"), fact("visit", 130, "d", system="x", code="AMB"),
)  # fmt: skip


def test_a_fact_stands_where_it_was_known_and_a_horizon_that_the_data_do_not_reach_is_unknown() -> None:
    found = extract_any(cohort(DIABETES), RECORD)
    assert found.rows.select("patient_id", "state", "label").rows() == [
        ("a", "none", False), ("a", "event", True), ("b", "event", True), ("d", "censored", None),
        ("d", "censored", None),
    ]  # fmt: skip
    assert [(one.name, one.why, one.rows, one.removed) for one in found.steps] == [
        ("trigger: visit", "", 6, 0), ("input: it begins and ends", "", 6, 0),
        ("input: 0 to 0 diabetes", "", 5, 1), ("target: it begins and ends", "looks past the index time", 5, 0),
    ]  # fmt: skip
    whole = extract_any(cohort(DIABETES, censoring='follow_up = "none"'), RECORD)
    assert whole.states == {"event": 2, "none": 3, "death": 0, "censored": 0}
    own = extract_any(cohort(DIABETES, censoring='follow_up = "patient"'), RECORD)
    assert own.rows["state"].to_list() == ["none", "censored", "censored", "censored", "censored"]
    assert found.index_kind == "visit"
    assert [(one.kind, dict(one.codes)) for one in found.outcome] == [
        ("diagnosis", {"http://hl7.org/fhir/sid/icd-10-cm": ("E11.9",)})
    ]
    assert found.rows["outcome_time"].to_list()[1] == at(120)


def test_where_dates_are_shifted_a_span_has_to_be_covered_by_everybody() -> None:
    found = extract_any(cohort(DIABETES), RECORD, shift_days=30.0)
    assert found.steps[-1].name == "a horizon that everybody's data cover"
    assert found.rows["index_time"].to_list() == [BEGIN, BEGIN]
    ended = extract_any(cohort(READMISSION.replace("start + 30 days", "start -> admission")), RECORD, shift_days=30.0)
    assert ended.steps[-1].removed == 0


def test_why_names_the_rule_and_what_it_saw_and_judges_everybody_as_the_cohort_does() -> None:
    definition = cohort(DIABETES)
    [told] = why_any(definition, RECORD, "c")
    assert (told["is_in"], told["failed"], told["near_miss"]) == (False, ["input: 0 to 0 diabetes"], True)
    assert told["facts"]["input: 0 to 0 diabetes"] == ["diagnosis/c--10-E11.9"]
    found = extract_any(definition, RECORD)
    for patient in "abcd":
        mine = [(row["index_time"], row["state"]) for row in why_any(definition, RECORD, patient) if row["is_in"]]
        assert mine == found.rows.filter(pl.col("patient_id") == patient).select("index_time", "state").rows()
    with pytest.raises(QueryError):
        why_any(definition, RECORD, "nobody")


def test_a_rule_that_nothing_is_left_to_judge_by_does_not_fail() -> None:
    text = DIABETES.replace("start + 30d", "start -> sodium").replace(
        "    label:", "    has: {visit: '(None, 5)'}\n    label:"
    )
    [told] = why_any(cohort(text), RECORD, "b")
    assert told["failed"] == ["target: it begins and ends"]
    assert not told["near_miss"]


def test_a_training_set_sees_the_observation_window_alone_and_the_guard_knows_the_outcome() -> None:
    record = events(
        person(), stay(-30, -29), stay(0, 40), lab("2951-2", -400, 120.0), lab("2951-2", -20, 140.0),
        lab("2951-2", 3, 141.0), diagnosis("I10", -500), fact("visit", 200, code="AMB"),
        person("b"), stay(0, 2, "b"), stay(9, 10, "b"), lab("2951-2", -1, 139.0, "b", known=2.5),
    )  # fmt: skip
    found = extract_any(cohort(READMISSION.replace("start: NULL", "start: end - 60 days")), record)
    features = shipped_features("general")
    seen = built(features, found.rows, record, found.index_kind, is_bounded=True)
    assert found.index_kind == "discharge"
    bounds = seen.basis.join(found.rows.select("candidate", "index_time", "observation_start"), on="candidate")
    assert bounds.filter(pl.col("time") < pl.col("observation_start")).is_empty()
    assert bounds.filter(pl.col("available_time") >= pl.col("index_time")).is_empty()
    whole = built(features, found.rows, record, found.index_kind).basis
    assert whole.height > seen.basis.height > 0
    fold = patient_grouped(found.rows, b"0" * 16, {"train": 0.5, "test": 0.5})
    manifest = training_set(found, seen, fold, {"kind": "patient"}, "pin").manifest
    assert [one.kind for one in foretold(json.loads(json.dumps(manifest)))] == [one.kind for one in found.outcome]


def test_an_index_event_that_is_still_to_come_tells_nothing() -> None:
    text = READMISSION.replace("end: trigger\n", "end: trigger - 1d\n")
    found = extract_any(cohort(text), events(person(), stay(0, 9), stay(20, 22)))
    assert found.rows["index_time"].to_list() == [at(8), at(21)]
    assert found.index_kind == ""


@pytest.mark.parametrize(
    ("text", "old", "new", "place"),
    [
        (DIABETES, "    index_timestamp: end\n", "", "none has index_timestamp"),
        (DIABETES, "    label: diabetes\n", "", "none has label"),
        (DIABETES, '{regex: "^VISIT//"}', "ICU_ADMISSION//x", "predicates.visit.code"),
        (DIABETES, '"^VISIT//"', '"^ICU_ADMISSION//"', "predicates.visit.code.regex"),
        (DIABETES, "LAB//http://loinc.org//2951-2", "LAB//50983//mEq/L", "predicates.sodium.code"),
        (DIABETES, '"LAB//http://loinc.org//2951-2"', "MEDS_DEATH//x", "predicates.sodium.code"),
        (READMISSION, "GENDER//female", "GENDER//F", "predicates.female.code"),
        (READMISSION, "code: MEDS_DEATH", "code: HOSPITAL_DISCHARGE", "predicates.death.code"),
        (DIABETES, "(None, 0)", "(None, None)", "windows.input.has.diabetes"),
        (DIABETES, "(None, 0)", "(2, 1)", "windows.input.has.diabetes"),
        (DIABETES, '"^VISIT//"', '"^VISIT(?=//)"', "predicates.visit.code.regex"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_cohort_is_refused_with_its_place(text: str, old: str, new: str, place: str) -> None:
    assert old in text
    with pytest.raises(FormatError) as refused:
        imported(text.replace(old, new))
    assert place in refused.value.where
    assert refused.value.remedy


def test_a_label_that_begins_before_the_prediction_is_refused() -> None:
    text = DIABETES.replace("start: input.end", "start: trigger - 7d")
    with pytest.raises(FormatError) as refused:
        extract_any(cohort(text), RECORD)
    assert "windows.target.start" in refused.value.where


def test_the_toml_names_what_the_file_lacks_and_takes_predicates_of_a_second_file() -> None:
    text = DIABETES.replace('{code: {regex: "^VISIT//"}}', "???")
    assert [is_task_file(one) for one in (text, 'trigger = "a"', "[windows]")] == [True, False, False]
    made = tomllib.loads(imported(text, "1st Try!", 'predicates:\n  visit: {code: {any: ["VISIT//UNK//AMB"]}}\n'))
    assert (made["name"], made["title"]) == ("aces_1st_try", "A first diagnosis of diabetes")
    assert made["predicates"]["visit"] == {"code": {"any": ["VISIT//UNK//AMB"]}}
    assert made["windows"]["input"]["has"] == {"diabetes": "(None, 0)"}
    assert cohort(DIABETES).digest != cohort(DIABETES.replace("30d", "31d")).digest
    assert timedelta(days=30) == timedelta(seconds=cohort(DIABETES).label_window.end.seconds)
