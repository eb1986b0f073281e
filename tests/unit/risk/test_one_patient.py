"""One patient without frames: the same facts, features and rules as the frames say, whatever the record holds."""

import math
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from careloom.fhir.readmissions import instant
from careloom.risk.cohorts import extract
from careloom.risk.cohorts_definition import ready, shipped
from careloom.risk.cohorts_events import EVENTS
from careloom.risk.cohorts_one import Judge
from careloom.risk.facts_one import Fact, as_frame, facts_of_one, moment_of
from careloom.risk.features import built
from careloom.risk.features_definition import shipped_features
from careloom.risk.features_one import FeatureReader, Moment, columns_of, frame_of
from tests.unit.risk.one_patient import Resource, events_of, records, rows_of

GENERAL = shipped_features("general")
READER = FeatureReader(GENERAL)
AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
NAMES = [name for name in EVENTS.dtypes if name != "event_id"]


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(NAMES).sort(NAMES)


def facts(resources: list[Resource]) -> list[Fact]:
    return facts_of_one(rows_of(resources), "p")


@settings(max_examples=150, deadline=None)
@given(records())
def test_the_facts_of_one_patient_are_those_of_the_frames(resources: list[Resource]) -> None:
    assert_frame_equal(_sorted(as_frame(facts(resources), "p")), _sorted(events_of(resources)), rel_tol=1e-12)


@settings(max_examples=60, deadline=None)
@given(records(), st.sampled_from([AS_OF, datetime(2024, 1, 5, 8, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]))
def test_the_features_of_one_patient_and_their_facts_are_those_of_the_frames(
    resources: list[Resource], at: datetime
) -> None:
    index = pl.DataFrame(
        {"candidate": [0], "patient_id": ["p"], "index_time": [at], "encounter_key": ["Encounter/e0"],
         "resource_key": [""]},
        schema_overrides={"index_time": pl.Datetime("us", "UTC")},
    )  # fmt: skip
    oracle = built(GENERAL, index, events_of(resources))
    one = READER.row(facts(resources), Moment(at, "Encounter/e0"))
    frame = frame_of(GENERAL, [one])
    assert frame.schema == oracle.frame.drop("candidate").schema
    for name in frame.columns:
        found, expected = frame[name].item(), oracle.frame[name].item()
        same = math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12) if isinstance(found, float) else None
        assert found == expected or same, name
    behind = {
        (name, fact.resource_key, fact.time, fact.code) for name, told in one.basis.items() for fact in told
    }  # fmt: skip
    assert behind == set(oracle.basis.select("feature", "resource_key", "time", "code").iter_rows())


@settings(max_examples=40, deadline=None)
@given(records(), st.sampled_from([name for name in ready() if shipped(name).death != "drop"]))
def test_the_rules_hold_for_one_patient_where_they_hold_in_the_frames(resources: list[Resource], name: str) -> None:
    definition = shipped(name)
    verdicts = extract(definition, events_of(resources)).verdicts
    expected = {
        (row["index_time"], row["resource_key"]): {rule.name for rule in definition.rules if not row[rule.name]}
        for row in verdicts.to_dicts()
    }
    found = Judge(definition).indexes(facts(resources))
    if definition.index.date is None or expected:
        assert {(one.moment.time, one.moment.resource_key): set(one.failed) for one in found} == expected


@pytest.mark.parametrize(
    "text",
    ["2024", "2024-02", "2024-02-30", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00.5+05:30", "2024-02-29T10:00Z",
     "2024-02-29T10:00:00.1234567Z",
     "0000-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday",
     "", "2024-13-01", "２０２４-01-01"],
)  # fmt: skip
def test_a_text_is_the_moment_that_the_frames_take_it_for(text: str) -> None:
    try:
        expected = pl.select(instant(pl.lit(text))).item()
    except (ValueError, OverflowError):
        with pytest.raises((ValueError, OverflowError)):
            moment_of(text)
    else:
        assert moment_of(text) == expected


def _stay(number: int, start: str, end: str = "", **more: Any) -> Resource:
    period = {"start": start, **({"end": end} if end else {})}
    return {"resourceType": "Encounter", "id": f"e{number}", "status": "finished" if end else "in-progress",
            "class": {"code": "IMP", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"},
            "subject": {"reference": "Patient/p"}, "period": period, **more}  # fmt: skip


ADULT: Resource = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01", "gender": "male"}
CHILD = ADULT | {"birthDate": "2015-01-01"}
JUDGE = Judge(shipped("readmission_30_days"))


@pytest.mark.parametrize(
    ("resources", "state", "failed"),
    [
        ([ADULT], "no-index", None),
        ([ADULT, _stay(0, "2024-02-01", "2024-02-10")], "open", ()),
        ([ADULT, _stay(0, "2024-01-01", "2024-01-10")], "over", ()),
        ([CHILD, _stay(0, "2024-02-01", "2024-02-10")], "not-eligible", ("adult",)),
        ([ADULT, _stay(0, "2024-02-01", "2024-02-10"), _stay(1, "2024-03-02", "2024-03-04")], "open", ()),
        ([ADULT, _stay(0, "2024-03-02", "2024-03-04")], "no-index", None),
    ],
)
def test_a_patient_stands_to_a_cohort_by_the_newest_index(
    resources: list[Resource], state: str, failed: tuple[str, ...] | None
) -> None:
    found = JUDGE.standing(facts(resources), AS_OF)
    assert (found.state, found.index and found.index.failed) == (state, failed)


@pytest.mark.parametrize(("end", "state"), [("", "open"), ("2024-02-25", "over")])
def test_nobody_is_at_risk_of_a_death_in_a_stay_that_is_over(end: str, state: str) -> None:
    judge = Judge(shipped("in_hospital_death"))
    assert judge.standing(facts([ADULT, _stay(0, "2024-02-20", end)]), AS_OF).state == state


def test_a_stay_that_runs_is_looked_at_as_if_it_ended_now() -> None:
    held = facts([ADULT, _stay(0, "2024-01-01", "2024-01-03"), _stay(1, "2024-02-20")])
    found = JUDGE.now(held, AS_OF)
    assert found is not None
    assert (found.moment.resource_key, found.moment.value, found.failed) == ("Encounter/e1", 10.0, ())
    assert JUDGE.now(held, AS_OF, "Encounter/e0") is None
    assert JUDGE.now(held, datetime(2024, 2, 1, tzinfo=UTC)) is None
    features = READER.row(held, found.moment).values
    assert (features["index_value"], features["admissions_365d"]) == (10.0, 2)


def test_no_patient_is_a_row_of_nothing_known() -> None:
    row = READER.row([], Moment(AS_OF)).values
    assert list(row) == list(columns_of(GENERAL))
    assert (row["age_years"], row["visits_365d"], row["has_copd"], row["sodium_last"], row["sodium_last_missing"]) == (
        None, 0, False, None, True,
    )  # fmt: skip
