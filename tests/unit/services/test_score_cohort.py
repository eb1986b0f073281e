"""Scoring a zone: the same risks as patient by patient, who stands how, whom to call, what is logged and written."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import AccessError, InputError, QueryError
from careloom.mlops.drift_profile import make_profile
from careloom.risk.cohorts_definition import shipped
from careloom.risk.cohorts_one import Judge
from careloom.risk.facts_one import facts_of_one
from careloom.risk.models_package import pack
from careloom.risk.stratify import UnitCosts
from careloom.services.access import Principal, local_operator
from careloom.services.models import RegisterAsk, register
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import CohortScoreAsk, score_cohort, standings
from careloom.store.predictions import Window
from tests.api.kit import Installation
from tests.score_kit import COHORT, NAME, lineage, model, patient, registered, rows, set_state
from tests.store_kit import event
from tests.unit.risk.one_patient import Resource, events_of, records, rows_of

AT = datetime(2024, 2, 25, tzinfo=UTC)
CLINICIAN = Principal("cleo", frozenset({"clinician"}), frozenset({"identified"}))
PEOPLE = {f"p{place}": {"sodium": 120.0 + 2 * place, "failing": place % 2 == 0} for place in range(8)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("cohort")) as one:
        for zone in ("identified", "synthetic"):
            with one.platform.store(zone).transaction(event(zone=zone)) as step:
                for name, more in PEOPLE.items():
                    step.write(patient(name, **more))  # type: ignore[arg-type]
                step.write([*patient("young", born="2012-05-01"), *patient("twin", sodium=120.0)])
        registered(one.platform)
        yield one


def ask(**more: Any) -> CohortScoreAsk:
    return CohortScoreAsk(f"{NAME}@1", as_of=more.pop("as_of", AT), **more)


def test_many_are_told_the_same_as_one_by_one(place: Installation) -> None:
    found = score_cohort(place.platform, place.operator, ask())
    assert found.states == {"open": 9, "over": 0, "not-eligible": 1}
    assert len(found.listed) == 9
    for row in found.listed:
        one = score(place.platform, place.operator, ScoreAsk(f"{NAME}@1", row["patient"], as_of=AT)).assessment
        assert one is not None
        assert row["risk"] == pytest.approx(one.probability, abs=1e-12)
        assert (row["alert"], row["index"]) == (one.is_alert, one.index_key)
    assert sorted((row["risk"] for row in found.listed), reverse=True) == [row["risk"] for row in found.listed]


def test_a_capacity_names_whom_to_call_the_same_at_every_call(place: Installation) -> None:
    first = score_cohort(place.platform, place.operator, ask(capacity=1))
    again = score_cohort(place.platform, place.operator, ask(capacity=1))
    assert [row["patient"] for row in first.listed] == [row["patient"] for row in again.listed]
    assert {row["patient"] for row in first.listed} <= {"p0", "twin"}
    assert first.stratified.tied_out == 1
    assert first.stratified.expected_caught > first.stratified.by_chance
    costly = score_cohort(place.platform, place.operator, ask(capacity=9, costs=UnitCosts(1_000, 60, 0.2)))
    assert costly.stratified.rows.height < 9
    assert costly.stratified.saved is not None
    assert costly.stratified.saved > 0


def test_every_score_is_logged_with_its_audit_record(place: Installation) -> None:
    store = place.platform.store("identified")
    window = Window(NAME, "1", datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    with store.predictions() as log:
        before = len(log.window(window))
    score_cohort(place.platform, CLINICIAN, ask())
    with store.predictions() as log:
        kept = log.window(window)
    assert len(kept) - before == 9
    assert kept[-1].said.role == "batch"
    last = place.events()[-1]
    assert (last["operation"], last["actor"], last["detail"]["count"]) == ("score", "cleo", 9)
    assert len(last["subjects"]) == 9


def test_assessments_of_those_called_are_written_where_asked_for(place: Installation) -> None:
    found = score_cohort(place.platform, place.operator, ask(capacity=2, write=True))
    kept = list(place.platform.store("identified").scan(["RiskAssessment"]))
    assert (found.written, len(kept)) == (2, 2)
    called = {f"Patient/{row['patient']}" for row in found.listed}
    assert {one.resource()["subject"]["reference"] for one in kept} == called


def test_at_another_time_others_stand_there(place: Installation) -> None:
    over = score_cohort(place.platform, place.operator, ask(as_of=datetime(2024, 6, 1, tzinfo=UTC)))
    assert (over.states, over.listed) == ({"open": 0, "over": 9, "not-eligible": 1}, [])
    before = score_cohort(place.platform, place.operator, ask(as_of=datetime(2023, 6, 1, tzinfo=UTC), zone="synthetic"))
    assert before.states == {"open": 0, "over": 0, "not-eligible": 0}


@pytest.mark.parametrize(
    ("who", "more", "error"),
    [
        (None, {"cohort": "no_show"}, QueryError),
        (None, {"write": True, "zone": "synthetic"}, InputError),
        (None, {"capacity": -1}, InputError),
        (None, {"as_of": datetime(2024, 2, 25)}, InputError),  # noqa: DTZ001
        (CLINICIAN, {"zone": "synthetic"}, AccessError),
        (CLINICIAN, {"write": True}, AccessError),
    ],
)
def test_what_cannot_be_scored_is_refused(
    place: Installation, who: Principal | None, more: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        score_cohort(place.platform, who or place.operator, ask(**more))


def test_the_model_s_own_cohort_may_be_named(place: Installation) -> None:
    assert score_cohort(place.platform, place.operator, ask(cohort=COHORT, capacity=0)).listed == []


def test_a_batch_is_watched_as_single_scores_are(place: Installation) -> None:
    frame, happened = rows()
    profile = make_profile(
        frame, [one.as_json() for one in model().features], model().score(frame), happened, threshold=0.2
    )
    files = {**pack(model()), "profile.json": profile.as_json()}
    label = str(register(place.platform, local_operator("tester"), RegisterAsk(NAME, files, lineage()))["version"])
    set_state(place.platform, label, "approved")
    score_cohort(place.platform, place.operator, CohortScoreAsk(label, as_of=AT))
    window = Window(NAME, label.partition("@")[2], datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    with place.platform.store("identified").predictions() as log:
        batch = {one.said.patient: one.said for one in log.window(window)}
    assert len(batch) == 9
    for patient_id, said in batch.items():
        name = score(place.platform, place.operator, ScoreAsk(label, patient_id, as_of=AT)).prediction
        with place.platform.store("identified").predictions() as log:
            one = log.find(name).said
        assert (said.bins, said.profile, said.groups, said.horizon_days) == (
            one.bins, profile.digest, one.groups, one.horizon_days
        )  # fmt: skip
        assert len(said.bins) == len(profile.columns)
        assert said.groups["age_band"] in ("45 to 64", "65 to 79")


@settings(max_examples=80, deadline=None)
@given(records(), st.sampled_from(["readmission_30_days", "in_hospital_death"]))
def test_many_stand_as_each_of_them_does(resources: list[Resource], name: str) -> None:
    events = events_of(resources)
    past = events.filter(pl.col("time").is_null() | (pl.col("time") <= AT))
    index, states = standings(shipped(name), past, AT)
    one = Judge(shipped(name)).standing(facts_of_one(rows_of(resources), "p"), AT)
    assert {state for state, count in states.items() if count} == ({one.state} - {"no-index"})
    found = index.select("index_time", "encounter_key").rows()
    assert found == ([(one.index.moment.time, one.index.moment.encounter_key)] if one.state == "open" else [])


@pytest.mark.parametrize(("end", "state"), [("2024-02-24T08:00:00Z", "over"), ("", "open")])
def test_nobody_is_called_for_a_death_in_a_stay_that_is_over(end: str, state: str) -> None:
    period = {"start": "2024-02-20T08:00:00Z"} | ({"end": end} if end else {})
    adult = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}
    stay = {
        "resourceType": "Encounter", "id": "e0", "status": "finished" if end else "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": "Patient/p"}, "period": period,
    }  # fmt: skip
    past = events_of([adult, stay]).filter(pl.col("time").is_null() | (pl.col("time") <= AT))
    _, states = standings(shipped("in_hospital_death"), past, AT)
    assert states == {"open": 0, "over": 0, "not-eligible": 0} | {state: 1}
