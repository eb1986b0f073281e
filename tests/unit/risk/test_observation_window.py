"""A window of observation bounds every feature, of many patients and of one, and of nothing that ships."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from careloom.errors import FormatError
from careloom.risk.cohorts import extract
from careloom.risk.cohorts_definition import LONGEST_WINDOW_DAYS, from_toml, ready, shipped, shipped_text
from careloom.risk.definition_texts import observed_days
from careloom.risk.explain import sentence
from careloom.risk.facts_one import facts_of_one
from careloom.risk.features import built
from careloom.risk.features_definition import ready_features, shipped_features
from careloom.risk.features_one import FeatureReader, Moment
from careloom.risk.models_sequence import codebook
from careloom.risk.models_sequence_facts import facts_before
from careloom.risk.models_sequence_told import SequenceReader, Telling
from careloom.risk.tasks_baselines import score_inputs
from tests.unit.risk.events_made import ACT, ICD, at, diagnosis, events, fact, lab, person, stay
from tests.unit.risk.one_patient import Resource, events_of, records, rows_of

GENERAL = shipped_features("general")
AS_OF = [datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 1, 6, 13, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]
DAYS = [0.04, 1.0, 55.0, 365.0, 4_000.0]
UNTIMED = ("birth", "sex", "race")


def _index(moment: datetime, days: float) -> pl.DataFrame:
    begun = moment - timedelta(seconds=round(days * 86_400))
    return pl.DataFrame(
        {"candidate": [0], "patient_id": ["p"], "index_time": [moment], "encounter_key": ["Encounter/e0"],
         "resource_key": [""], "observation_start": [begun]},
        schema_overrides={name: pl.Datetime("us", "UTC") for name in ("index_time", "observation_start")},
    )  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(records(), st.sampled_from(AS_OF), st.sampled_from(DAYS))
def test_of_one_patient_and_of_many_a_window_lets_the_same_be_seen(
    resources: list[Resource], moment: datetime, days: float
) -> None:
    index, record = _index(moment, days), events_of(resources)
    many = built(GENERAL.within(days), index, record)
    whole = built(GENERAL, index, record, is_bounded=True)
    assert_frame_equal(many.frame, whole.frame)
    assert_frame_equal(many.basis, whole.basis)
    one = FeatureReader(GENERAL.within(days)).row(facts_of_one(rows_of(resources), "p"), Moment(moment, "Encounter/e0"))
    for name, found in one.values.items():
        expected = many.frame[name].item()
        assert found == (pytest.approx(expected, rel=1e-9, abs=1e-12) if isinstance(found, float) else expected), name
    begun = index["observation_start"].item()
    assert all(told.time is not None and told.time >= begun for held in one.basis.values() for told in held)
    behind = {(name, told.resource_key, told.time) for name, held in one.basis.items() for told in held}
    assert behind == set(many.basis.select("feature", "resource_key", "time").iter_rows())


@settings(max_examples=60, deadline=None)
@given(records(), st.sampled_from(AS_OF), st.sampled_from(DAYS))
def test_facts_from_before_the_window_change_nothing(resources: list[Resource], moment: datetime, days: float) -> None:
    index, record = _index(moment, days), events_of(resources)
    is_seen = (pl.col("time") >= index["observation_start"].item()) | pl.col("kind").is_in(UNTIMED)
    assert_frame_equal(
        built(GENERAL.within(days), index, record).frame,
        built(GENERAL.within(days), index, record.filter(is_seen.fill_null(value=True))).frame,
    )


@settings(max_examples=30, deadline=None)
@given(records(), st.sampled_from(ready()))
def test_no_cohort_that_ships_bounds_what_its_features_see(resources: list[Resource], name: str) -> None:
    definition, record = shipped(name), events_of(resources)
    assert definition.observation_days == 0
    for features in map(shipped_features, ready_features()):
        assert features.within(definition.observation_days) == features
    rows = extract(definition, record).rows
    assert rows["observation_start"].null_count() == rows.height
    kind = definition.events[definition.index.event].kind
    told = built(GENERAL.within(definition.observation_days), rows, record, kind)
    assert_frame_equal(told.frame, built(GENERAL, rows, record, kind).frame)


def test_a_feature_that_looks_less_far_for_a_window_says_so_and_others_stay_as_they_are() -> None:
    seen = {one.name: one for one in GENERAL.within(180).features}
    own = {one.name: one for one in GENERAL.features}
    assert [one.window_days for one in seen.values() if one.event is not None and not 0 < one.window_days <= 180] == []
    for name in ("age_years", "is_female", "index_value", "medications_180d", "sodium_last"):
        assert (seen[name] == own[name]) is (own[name].event is None or 0 < own[name].window_days <= 180), name
    assert sentence("has_cancer", seen["has_cancer"], value=False) == (
        "Not recorded: cancer was diagnosed at any time before (facts of the last 180 days alone)."
    )
    assert GENERAL.within(180).digest != GENERAL.digest
    assert GENERAL.within(0) is GENERAL


TEXT = shipped_text("heart_failure_1_year")


def windowed(days: object) -> str:
    return TEXT.replace("\n[events.visit]", f"observation_days = {days}\n\n[events.visit]", 1)


def test_a_window_decides_neither_who_is_in_nor_a_label() -> None:
    record = events(
        person(), fact("visit", 0, system=ACT, code="AMB"), fact("visit", 400, system=ACT, code="AMB"),
        diagnosis("I50.9", 500), diagnosis("I10", -300),
    )  # fmt: skip
    bounded, whole = (extract(one, record) for one in (from_toml(windowed(30)), from_toml(TEXT)))
    assert bounded.definition.observation_days == 30
    assert bounded.definition.digest == whole.definition.digest
    assert_frame_equal(bounded.rows.drop("observation_start"), whole.rows.drop("observation_start"))
    assert bounded.rows["observation_start"].to_list() == [
        one - timedelta(days=30) for one in bounded.rows["index_time"].to_list()
    ]
    assert whole.rows.height > 0


@pytest.mark.parametrize("days", [-1, LONGEST_WINDOW_DAYS + 1, '"all"', "true"])
def test_a_window_that_is_none_is_refused(days: object) -> None:
    with pytest.raises(FormatError) as refused:
        from_toml(windowed(days))
    assert "observation_days" in refused.value.where


@pytest.mark.parametrize("told", [-1, "365", True, None, 1e9])
def test_what_a_version_says_of_its_window_is_a_number_of_days(told: Any) -> None:
    with pytest.raises(FormatError):
        observed_days({"observation_days": told})
    assert (observed_days({}), observed_days({"observation_days": 90})) == (0.0, 90.0)


def _rows() -> pl.DataFrame:
    return pl.DataFrame(
        {"candidate": [0], "patient_id": ["a"], "index_time": [at(100)], "resource_key": ["Encounter/a-90"],
         "index_value": [10.0]},
        schema_overrides={"index_time": pl.Datetime("us", "UTC")},
    )  # fmt: skip


RECORD = events(
    person(), stay(90, 100), stay(40, 42), diagnosis("I50.9", 95, known=96), diagnosis("C78.0", 20),
    diagnosis("C50.9", 60), fact("visit", 45, system=ACT, code="EMER"), fact("visit", 70, system=ACT, code="EMER"),
    lab("718-7", 85, 11.0, unit="g/dL"), lab("2951-2", 97, 133.0, unit="mmol/L"), fact("procedure", 92),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "column", "days", "expected"),
    [
        ("charlson", "points", 0, 8.0), ("charlson", "points", 50, 4.0), ("charlson", "points", 10, 2.0),
        ("elixhauser", "points", 0, 23.0), ("elixhauser", "points", 10, 7.0),
        ("lace", "emergency_visits_6_months", 0, 2), ("lace", "emergency_visits_6_months", 40, 1),
        ("lace", "length_of_stay_days", 1, 10.0),
        ("hospital", "oncology_discharge", 0, True), ("hospital", "oncology_discharge", 30, False),
        ("hospital", "admissions_12_months", 0, 1), ("hospital", "admissions_12_months", 50, 0),
        ("hospital", "had_procedure", 0, True), ("hospital", "had_procedure", 5, False),
    ],
)  # fmt: skip
def test_a_score_beside_a_model_sees_what_the_window_lets_be_seen(
    name: str, column: str, days: float, expected: object
) -> None:
    assert score_inputs(name, _rows(), RECORD, days)[column].to_list() == [expected]


def test_vital_signs_from_before_a_window_give_news2_nothing() -> None:
    record = events(person(), stay(90, 100), lab("8867-4", 99.2, 90.0, unit="/min"))
    told = [score_inputs("news2", _rows(), record, days)["heart_rate_per_min"].to_list() for days in (0, 0.5)]
    assert told == [[90.0], [None]]


def test_a_sequence_is_told_of_its_window_alone_in_training_and_in_use() -> None:
    index = _rows().select("candidate", "patient_id", "index_time")
    whole, seen = (facts_before(index, RECORD, observed_days=days) for days in (0.0, 20.0))
    assert whole.height > seen.height
    assert seen["days"].drop_nulls().max() == 15
    assert set(seen.filter(pl.col("days").is_null())["code"]) == {"age", "sex:female"}
    of = Telling(codebook(whole, fewest=1), 16)
    reader = SequenceReader(of, (), 20.0)
    assert_frame_equal(reader.frame(index, RECORD), of.frame(index, seen))
    assert not reader.frame(index, RECORD).equals(SequenceReader(of, ()).frame(index, RECORD))


CODED = (("I50.9", "2023-06-01"), ("C50", "2024-02-01"), ("C50", "2022-02-01"))


def test_the_facts_behind_a_sequence_lie_in_its_window() -> None:
    resources: list[Resource] = [
        {"resourceType": "Patient", "id": "p", "birthDate": "1950-03-01"},
        *(
            {"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": "Patient/p"},
             "code": {"coding": [{"system": ICD, "code": code}]}, "recordedDate": day}
            for number, (code, day) in enumerate(CODED)
        ),
    ]  # fmt: skip
    moment = datetime(2024, 3, 1, tzinfo=UTC)
    record = facts_of_one(rows_of(resources), "p")
    whole = facts_before(_index(moment, 1).select("candidate", "patient_id", "index_time"), events_of(resources))
    of = Telling(codebook(whole, fewest=1), 8)
    behind = [
        {told.resource_key for held in SequenceReader(of, (), days).row(record, Moment(moment)).basis.values()
         for told in held if told.kind == "diagnosis"}
        for days in (0.0, 60.0)
    ]  # fmt: skip
    assert behind == [{"Condition/c0", "Condition/c1"}, {"Condition/c1"}]
