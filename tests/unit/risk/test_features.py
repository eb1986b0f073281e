"""Features: each as a clinician would count it by hand, of what somebody could have known before the index time."""

import tomllib
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import FormatError, NotFound, QueryError
from careloom.risk.cohorts import extract
from careloom.risk.cohorts_definition import shipped
from careloom.risk.features import Features, built, facts_behind
from careloom.risk.features_definition import features_from_toml, ready_features, shipped_features
from careloom.risk.features_training import training_set
from careloom.risk.leaks_guard import CHECKS
from careloom.risk.tasks_material import lace_inputs
from careloom.runtime import packaged
from careloom.terminology.packaged import lookup
from tests.unit.risk.events_made import ACT, diagnosis, events, fact, lab, person, stay

COHORT = shipped("readmission_30_days")
HEAD = """
name = "few"
title = "A few"
[events.sodium]
kind = "observation"
codes = { loinc = ["2951-2"] }
[events.heart_failure]
kind = "diagnosis"
prefixes = { icd10cm = ["I50"] }
[events.admission]
kind = "admission"
[events.smoker_by_note]
kind = "note"
codes = { snomed = ["77176002"] }
details = ["present"]
"""


def feature(aggregation: str, event: str = "sodium", **more: Any) -> str:
    told = {"name": "x", "concept": "c", "meaning": "m", "aggregation": aggregation, **more}
    if event:
        told["event"] = event
    lines = [f"{name} = {str(value).lower() if isinstance(value, bool | float | int) else repr(value)}"
             for name, value in told.items()]  # fmt: skip
    return "\n[[features]]\n" + "\n".join(lines).replace("'", '"')


def made(text: str, *parts: Any) -> Features:
    """The features of one stay of day 0 to 5: the index is day 5."""
    given = events(person(), stay(0, 5), *parts)
    return built(features_from_toml(HEAD + text), extract(COHORT, given).rows, given, "discharge")


def value(text: str, *parts: Any) -> Any:
    return made(text, *parts).frame["x"].to_list()[0]


SODIUM = [lab("2951-2", day, number, unit="mmol/L") for day, number in ((-400, 150.0), (1, 130.0), (3, 136.0))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (feature("count"), 3),
        (feature("count", window_days=10), 2),
        (feature("ever"), True),
        (feature("last"), 136.0),
        (feature("min", window_days=10), 130.0),
        (feature("max"), 150.0),
        (feature("mean", window_days=10), 133.0),
        (feature("slope", window_days=10), 3.0),
        (feature("days_since"), 2.0),
        (feature("last", at_most=135), 130.0),
        (feature("last", unit="mmol/L"), 136.0),
        (feature("last", unit="mol/L"), 0.136),
        (feature("last", unit="mg/dL"), None),
        (feature("count", "heart_failure"), 0),
        (feature("ever", "heart_failure"), False),
        (feature("days_since", "heart_failure"), None),
        (feature("count", "admission"), 1),
        (feature("index_value", ""), 5.0),
        (feature("index_detail", ""), "home"),
        (feature("sex", "", **{"is": "female"}), True),
    ],
)
def test_a_feature_is_what_one_counts_by_hand(text: str, expected: Any) -> None:
    found = value(text, SODIUM)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    "late",
    [
        lab("2951-2", 5, 120.0),  # at the index time
        lab("2951-2", 6, 120.0),
        lab("2951-2", 4, 120.0, known=5),  # taken before, issued at the index time
        lab("2951-2", 4, 120.0, known=9),
        lab("2951-2", 4, 120.0, "b"),
    ],
)
def test_what_nobody_knew_before_the_index_time_is_in_no_feature(late: dict[str, Any]) -> None:
    for aggregation in ("count", "last", "min", "mean", "ever", "days_since"):
        text = feature(aggregation)
        assert value(text, SODIUM, late) == value(text, SODIUM)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(5, 60), st.floats(100, 160)), max_size=4))
def test_nothing_that_comes_after_the_index_moves_a_feature(later: list[tuple[float, float]]) -> None:
    ready = shipped_features("general")
    before = events(person(), stay(0, 5), SODIUM, diagnosis("I50.9", -3))
    after = events(person(), stay(0, 5), SODIUM, diagnosis("I50.9", -3),
                   [lab("2951-2", day, number, source=f"Observation/l{place}")
                    for place, (day, number) in enumerate(later)], diagnosis("E11.9", 8))  # fmt: skip
    rows = extract(COHORT, before).rows
    assert built(ready, rows, before, "discharge").frame.equals(built(ready, rows, after, "discharge").frame)


def test_a_gap_is_said_and_what_could_not_be_used_is_counted() -> None:
    bare = made(feature("last"))
    assert bare.frame.select("x", "x_missing").row(0) == (None, True)
    mixed = made(feature("last", unit="mmol/L"), SODIUM, lab("2951-2", 4, 3.0), lab("2951-2", 4.5, 2.0, unit="kg"))
    assert (mixed.frame["x"].item(), mixed.left_out) == (136.0, {"x": {"unit": 2}})
    assert made(feature("last", at_least=140), SODIUM).left_out == {"x": {"range": 2}}


def test_a_value_names_the_facts_that_it_rests_on() -> None:
    told = made(feature("last"), SODIUM)
    assert facts_behind(told, told.frame["candidate"].item()) == {"x": ["observation/a-3-2951-2"]}
    lowest = made(feature("min"), SODIUM)
    assert facts_behind(lowest, lowest.frame["candidate"].item()) == {"x": ["observation/a-1-2951-2"]}
    assert len(made(feature("mean"), SODIUM).basis) == 3


def test_what_a_note_says_counts_by_its_assertion_and_from_when_it_was_written() -> None:
    def said(detail: str, known: float) -> dict[str, Any]:
        return fact("note", 1, known=known, system="http://snomed.info/sct", code="77176002", detail=detail,
                    source="DocumentReference/n")  # fmt: skip

    text = feature("ever", "smoker_by_note")
    assert value(text, said("present", 2)) is True
    assert value(text, said("absent", 2)) is False
    assert value(text, said("family", 2)) is False
    assert value(text, said("present", 6)) is False


def test_every_code_of_the_ready_features_is_one_of_the_terminology() -> None:
    for name in ready_features():
        made_of = {one.event.name: one.event for one in shipped_features(name).features if one.event is not None}
        for event in made_of.values():
            for code in event.prefixes.get("http://hl7.org/fhir/sid/icd-10-cm", ()):
                whole = code if len(code) > 2 else f"{code}0"
                assert lookup("http://hl7.org/fhir/sid/icd-10-cm", whole) is not None, (event.name, code)
        assert all(f'"{one.name}"' in packaged("risk", f"features/{name}.toml").decode() for one in
                   shipped_features(name).features)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (feature("median"), "features[0].aggregation"),
        (feature("last", "glucose"), "features[0].event"),
        (feature("age"), "features[0].event"),
        (feature("last", unit="mmols"), "features[0].unit"),
        (feature("last", name="X y"), "features[0].name"),
        (feature("last", window=3), "features[0] says window"),
        (feature("last") + feature("min"), "one name"),
        (feature("last", window_days=-2), "window_days"),
        ("", "none"),
    ],
)
def test_a_feature_that_is_not_understood_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(FormatError) as refused:
        features_from_toml(HEAD + text)
    assert place in refused.value.where
    with pytest.raises(NotFound):
        shipped_features("special")


def test_a_training_set_says_what_it_was_made_from_and_what_leaks() -> None:
    people = [part for number in range(30) for part in (
        person(f"p{number}"), stay(0, 4 + number % 3, f"p{number}"),
        lab("2951-2", 2, 130.0 + number * 0.37, f"p{number}", unit="mmol/L"),
        lab("2951-2", 9, 131.0 + number * 0.37, f"p{number}", unit="mmol/L"))]  # fmt: skip
    back = [stay(12, 14, f"p{number}") for number in range(0, 30, 3)]
    given = events(*people, *back, fact("observation", 400, "z"))
    cohort = extract(COHORT, given)
    features = built(features_from_toml(HEAD + feature("last", unit="mmol/L")), cohort.rows, given, "discharge")
    fold = pl.Series(["train" if row % 2 else "test" for row in range(cohort.rows.height)])
    made_set = training_set(cohort, features, fold, {"kind": "by hand"}, "gold/risk_events@1#abc")
    manifest = made_set.manifest
    assert made_set.features == ("x", "x_missing")
    assert (manifest["facts"], manifest["cohort"]["digest"]) == ("gold/risk_events@1#abc", COHORT.digest)
    assert sum(one["rows"] for one in manifest["folds"].values()) == made_set.frame.height == 40
    assert sum(one["positive"] for one in manifest["folds"].values()) == 10
    assert [one["kind"] for one in manifest["leaks"]] == ["patient-overlap"]
    assert len(CHECKS) >= 12
    with pytest.raises(QueryError):
        training_set(extract(COHORT, events(person())), features, fold, {}, "")


def test_lace_counts_the_emergency_visits_before_the_admission_without_the_one_that_led_to_it() -> None:
    def emergency(day: float) -> dict[str, Any]:
        return fact("visit", day, system=ACT, code="EMER")

    given = events(
        person(), emergency(-181), emergency(-179), emergency(-1.5), emergency(-0.6), emergency(-0.2), stay(0, 30),
        person("b"), stay(0, 5, "b"), person("c"), fact("visit", -2, "c", system=ACT, code="EMER"), stay(0, 5, "c"),
        fact("observation", 100),
    )  # fmt: skip
    cohort = extract(COHORT, given).rows
    rows = cohort.join(built(shipped_features("general"), cohort, given, "discharge").frame, on="candidate")
    assert lace_inputs(rows, given)["emergency_visits_6_months"].to_list() == [3, 0, 1]


def test_cancer_is_what_charlson_calls_so_in_icd_9_cm() -> None:
    meant = {code for name in ("malignancy", "metastatic_cancer") for code in comorbidity_prefixes(name)}
    [cancer] = shipped_features("general").only(("has_cancer",)).features
    assert cancer.event is not None
    assert set(cancer.event.prefixes["http://hl7.org/fhir/sid/icd-9-cm"]) == meant
    made = features_from_toml(packaged("risk", "features/general.toml").decode())
    given = events(person(), stay(0, 5), fact("diagnosis", 1, system="http://hl7.org/fhir/sid/icd-9-cm", code="1749"))
    assert built(made, extract(COHORT, given).rows, given, "discharge").frame["has_cancer"].to_list() == [True]


def comorbidity_prefixes(name: str) -> list[str]:
    table = tomllib.loads(packaged("risk", "scores/charlson.toml").decode())
    return list(table["categories"][name]["icd9cm"])
