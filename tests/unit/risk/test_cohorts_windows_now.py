"""Whom a cohort by windows predicts for now: what is known by then, and nothing that a later fact could change."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import InputError
from careloom.risk.cohorts_any import any_from_toml, extract_any
from careloom.risk.cohorts_events import EVENTS
from careloom.risk.cohorts_windows import WindowCohort, imported
from careloom.risk.cohorts_windows_now import NOT_YET, WindowJudge, standings_of_windows, why_not_asked
from careloom.risk.facts_one import Fact, in_order
from careloom.risk.features import built
from careloom.risk.features_definition import shipped_features
from careloom.risk.features_one import FeatureReader
from tests.unit.risk.events_made import at, events, lab, person, stay

GOLDEN = Path(__file__).parents[2] / "golden" / "aces"
DIED = (GOLDEN / "in_hospital_mortality.yaml").read_text()
BACK = (GOLDEN / "readmission.yaml").read_text()
HEADS = """
predicates:
  admission: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  discharge: {code: {regex: "^HOSPITAL_DISCHARGE//"}}
  death: {code: MEDS_DEATH}
  sodium: {code: "LAB//http://loinc.org//2951-2"}
"""
GAP = (
    HEADS
    + """
trigger: admission
windows:
  input: {start: end - 10d, end: trigger + 24h, start_inclusive: True, end_inclusive: True, index_timestamp: end}
  before: {start: end <- sodium, end: trigger, start_inclusive: True, end_inclusive: True}
  gap: {start: input.end, end: start + 24h, start_inclusive: False, end_inclusive: True, has: {discharge: "(None, 0)"}}
  target:
    start: gap.end
    end: start + 7d
    start_inclusive: False
    end_inclusive: True
    has: {death: "(None, 0)"}
    label: sodium
"""
)
LATE = "  late: {start: target.end, end: start + 1d, start_inclusive: False, end_inclusive: True}\n"
UNTIL = GAP.replace("end: start + 7d", "end: start -> discharge")


def salt(day: float, value: float, patient: str = "a", **more: Any) -> dict[str, Any]:
    return lab("2951-2", day, value, patient, unit="mmol/L", **more)


def cohort(text: str) -> WindowCohort:
    made = any_from_toml(imported(text, "mine"))
    assert isinstance(made, WindowCohort)
    return made


def facts_of(frame: pl.DataFrame, patient: str = "a") -> list[Fact]:
    own = frame.filter(pl.col("patient_id") == patient).drop("patient_id", "event_id")
    return in_order(Fact(**{name: row[name] for name in Fact._fields}) for row in own.to_dicts())


IN = events(person(), salt(-3, 130.0), stay(0, 9), salt(5, 120.0))
GAP_RULE = "gap: 0 to 0 discharge"


@pytest.mark.parametrize(
    ("text", "record", "day", "state", "failed"),
    [
        (GAP, IN, 0.5, "no-index", ()),
        (GAP, IN, 1.5, "not-eligible", (f"{GAP_RULE} ({NOT_YET})",)),
        (GAP, IN, 2.0, "open", ()),
        (GAP, IN, 8.9, "open", ()),
        (GAP, IN, 9.0, "over", ()),
        (GAP, events(person(), salt(-3, 130.0), stay(0, 1.5)), 4, "not-eligible", (GAP_RULE,)),
        (GAP, events(person(), stay(0, 9)), 4, "not-eligible", ("before: it begins and ends",)),
        (GAP, events(person(), salt(-3, 130.0), stay(0, 9)), 4, "open", ()),
        (UNTIL, IN, 1.5, "not-eligible", (f"{GAP_RULE} ({NOT_YET})",)),
        (UNTIL, IN, 8.0, "open", ()),
        (UNTIL, IN, 9.0, "over", ()),
        (UNTIL, events(person(), salt(-3, 130.0), stay(0, None)), 30.9, "open", ()),
        (UNTIL, events(person(), salt(-3, 130.0), stay(0, None)), 31.0, "over", ()),
    ],
)  # fmt: skip
def test_a_patient_stands_to_windows_by_what_is_known_then(
    text: str, record: pl.DataFrame, day: float, state: str, failed: tuple[str, ...]
) -> None:
    found = WindowJudge(cohort(text), horizon_days=30.0).standing(facts_of(record), at(day))
    assert (found.state, found.index.failed if found.index else ()) == (state, failed)


def test_who_died_in_the_window_is_foretold_nothing() -> None:
    record = events(person(), salt(-3, 130.0), stay(0, 4, detail="exp"), _death(4))
    judge = WindowJudge(cohort(GAP))
    assert judge.standing(facts_of(record), at(3)).state == "open"
    found = judge.standing(facts_of(record), at(5))
    assert found.index is not None
    assert (found.state, found.index.failed) == ("not-eligible", ("target: 0 to 0 death",))


def _death(day: float) -> dict[str, Any]:
    return lab("x", day, 0.0) | {
        "kind": "death",
        "system": None,
        "code": None,
        "value": None,
        "resource_key": "Patient/a",
    }


@pytest.mark.parametrize(
    ("text", "days", "place"),
    [
        (GAP, 0.0, ""), (DIED, 365.0, ""), (BACK, 0.0, ""), (UNTIL, 30.0, ""),
        (UNTIL, 0.0, "windows.target.end"), (DIED, 0.0, "windows.target.end"),
        (GAP.replace('has: {death: "(None, 0)"}', 'has: {discharge: "(1, None)"}'), 0.0, "windows.target.has"),
        (GAP + LATE, 0.0, "windows.late"),
        (GAP.replace("end: start + 7d", "end: NULL"), 30.0, "the end of the record"),
        (GAP.replace('{discharge: "(None, 0)"}', '{_RECORD_END: "(None, 0)"}'), 0.0, "the end of the record"),
    ],
)  # fmt: skip
def test_a_cohort_that_asks_for_what_nobody_can_know_is_told_by_its_place(text: str, days: float, place: str) -> None:
    found = why_not_asked(cohort(text), days)
    assert (place in found) if place else found == ""


def test_windows_say_themselves_when_they_predict() -> None:
    with pytest.raises(InputError, match="windows"):
        WindowJudge(cohort(GAP)).now(facts_of(IN), at(3))


DAYS = st.integers(0, 40).map(lambda half: half / 2)
PARTS = st.one_of(
    st.builds(lambda begin, days: stay(begin, begin + days), DAYS, st.integers(1, 12)),
    st.builds(lambda begin: stay(begin, None), DAYS),
    st.builds(lambda day, late: [salt(day, 130.0, known=day + late)], DAYS, st.sampled_from([0.0, 0.5, 3.0])),
)
RECORDS = st.lists(PARTS, min_size=1, max_size=6).map(lambda parts: events(person(), *parts))
MINE = shipped_features("general").only(("age_years", "sodium_last", "admissions_365d"))


@settings(max_examples=120, deadline=None)
@given(RECORDS, DAYS, st.sampled_from([GAP, UNTIL, BACK.replace("female }", "male }"), DIED]))
def test_what_is_known_later_takes_back_nothing_that_was_said(record: pl.DataFrame, day: float, text: str) -> None:
    definition, as_of = cohort(text), at(day)
    told = standings_of_windows(definition, record, as_of, 365.0).to_dicts()
    whole = {
        (row["index_time"], row["resource_key"]): row for row in extract_any(definition, record).verdicts.to_dicts()
    }
    label = definition.label_window.name
    for row in told:
        later = whole[row["index_time"], row["resource_key"]]
        rules = [name for name in later if ": " in name and not name.startswith(f"{label}: ")]
        decided = [name for name in row["failed"] if not name.endswith(f"({NOT_YET})")]
        assert all(later[name] is False for name in decided)
        if not row["failed"]:
            assert all(later[name] for name in rules)
        assert row["index_time"] <= as_of


@settings(max_examples=60, deadline=None)
@given(RECORDS, DAYS, st.sampled_from([GAP, UNTIL, DIED]))
def test_one_patient_has_the_features_of_the_training_set_at_the_same_index(
    record: pl.DataFrame, day: float, text: str
) -> None:
    definition, facts = cohort(text), facts_of(record)
    found = WindowJudge(definition, "admission", 365.0).standing(facts, at(day))
    rows = extract_any(definition, record).rows
    if found.state not in ("open", "over") or found.index is None:
        return
    moment = found.index.moment
    same = rows.filter((pl.col("index_time") == moment.time) & (pl.col("resource_key") == moment.resource_key))
    if same.is_empty():  # what is foretold has no end yet, or a death came in it
        return
    bounds = same["observation_start"].to_list()
    assert bounds == [moment.observed_from]
    oracle = built(MINE, same, record, "admission", is_bounded=bounds[0] is not None)
    assert FeatureReader(MINE).row(facts, moment).values == oracle.frame.drop("candidate").row(0, named=True)


def test_facts_of_before_the_observation_are_not_seen_and_the_newest_index_of_each_patient_is_told() -> None:
    record = events(
        person(), salt(-3, 130.0), stay(0, 2), salt(-20, 110.0), stay(20, 29),
        person("b"), salt(1, 125.0, "b"), stay(2, 9, "b"),
    )  # fmt: skip
    found = standings_of_windows(cohort(GAP), record, at(23))
    assert found.select("patient_id", "index_time", "state").rows() == [("a", at(21), "open"), ("b", at(3), "over")]
    judge = WindowJudge(cohort(GAP), "admission")
    index = judge.standing(facts_of(record), at(23)).index
    assert index is not None
    values = FeatureReader(MINE).row(facts_of(record), index.moment).values
    assert values["sodium_last"] is None
    assert values["age_years"] is not None
    assert (judge.begun(index.moment), judge.horizon_end(index.moment)) == (at(20), at(29))
    earlier = judge.standing(facts_of(record), at(3)).index
    assert earlier is not None
    assert FeatureReader(MINE).row(facts_of(record), earlier.moment).values["sodium_last"] == 130.0


def test_a_zone_without_facts_has_nobody() -> None:
    none = pl.DataFrame(schema=EVENTS.dtypes)
    assert standings_of_windows(
        cohort(GAP), none, datetime.fromisoformat("2024-01-01T00:00:00Z") + timedelta(1)
    ).is_empty()
