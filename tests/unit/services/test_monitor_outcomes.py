"""Outcomes of predictions: of the index event that the task defines, final after the grace, or retired, and why."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from careloom.mlops.drift_thresholds import shipped
from careloom.pipeline.registry import REGISTRY
from careloom.risk.cohorts_definition import shipped as cohort
from careloom.services.erase import erase
from careloom.services.monitor import LookAsk, look
from careloom.services.monitor_labels import Feedback, take_feedback
from careloom.services.monitor_outcomes import REASONS, When, looked_up
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.store.predictions import Logged, Prediction
from tests.models_kit import ENGINEER
from tests.monitor_kit import BEGIN, HORIZON, VERSION, Watched
from tests.rights_kit import OFFICER
from tests.unit.risk.events_made import at, events, fact, person, stay
from tests.unit.services.test_monitor import CLINICIAN, DAY, outcomes_of

LIMITS = replace(shipped(), grace_days=7.0, unknown_days=60.0, index_days=120.0)
END = fact("observation", 1000, "z")
"""Somebody else's last fact: the data reach that far."""
READMISSION, DEATH = cohort("readmission_30_days"), cohort("in_hospital_death")


def asked(day: float, horizon_days: float = 30.0) -> Logged:
    """A prediction for patient a as of a day."""
    said = Prediction("a", "m", "1", 0.2, alert=False, index_time=at(day), horizon_days=horizon_days)
    return Logged("one", said, at(day), at(day + horizon_days), None, "", "")


def said(definition: Any, one: Logged, now: float, *parts: Any, **when: Any) -> bool | str:
    """The outcome that is found at a day, why there will be none, or that it waits."""
    found = looked_up(definition, [one], events(person(), *parts), When(at(now), LIMITS, **when))
    assert found.waiting + len(found.came) + len(found.retired) == 1
    return found.came.get("one", found.retired.get("one", "waits"))


@pytest.mark.parametrize(
    ("now", "parts", "outcome"),
    [
        (41.9, stay(20, 22), "waits"),  # the horizon ends on day 35, the grace on day 42
        (42, stay(20, 22), True),
        (42, [], False),
        (42, [fact("death", 20)], "death"),
        (42, [fact("death", 20), *stay(10, 20)], True),
    ],
    ids=["within the grace", "came", "stayed away", "died before", "died after it came"],
)
def test_an_outcome_is_final_after_horizon_and_grace(now: float, parts: list[Any], outcome: bool | str) -> None:
    assert said(READMISSION, asked(5), now, stay(0, 5), parts, END) == outcome


def test_what_a_feed_brings_within_the_grace_counts() -> None:
    before = said(READMISSION, asked(5), 36, stay(0, 5), END)
    late = said(READMISSION, asked(5), 42, stay(0, 5), stay(34, 36), END)  # of day 34, brought on day 40
    assert (before, late) == ("waits", True)


@pytest.mark.parametrize(
    ("discharged", "now", "parts", "outcome"),
    [
        (9, 45.9, stay(36, 37), "waits"),  # thirty days of the prediction are over, those of the discharge are not
        (9, 46, stay(36, 37), True),
        (9, 46, stay(39.1, 40), False),
        (None, 46, [], "waits"),
        (None, 122.9, [], "waits"),
        (None, 123, [], "index-never-came"),
    ],
    ids=["too early", "came", "too late", "not discharged", "not yet", "never discharged"],
)
def test_a_readmission_asked_for_within_the_stay_is_looked_for_from_its_discharge_on(
    discharged: float | None, now: float, parts: list[Any], outcome: bool | str
) -> None:
    found = said(READMISSION, asked(3), now, stay(0, discharged), parts, END)
    assert found == outcome


def test_the_horizon_of_a_prediction_within_a_stay_ends_where_that_of_its_discharge_does() -> None:
    given = events(person(), stay(0, 9), END)
    found = looked_up(READMISSION, [asked(3)], given, When(at(46), LIMITS))
    assert found.ended == {"one": at(39)}


@pytest.mark.parametrize("detail", ["exp", "other-hcf"], ids=["died there", "moved to another hospital"])
def test_a_discharge_that_the_task_does_not_ask_about_has_no_outcome(detail: str) -> None:
    assert said(READMISSION, asked(3), 46, stay(0, 9, detail=detail), END) == "not-eligible"


def test_a_discharge_that_was_corrected_afterwards_is_still_that_of_the_prediction() -> None:
    for corrected in (4.5, 5.5):
        assert said(READMISSION, asked(5), 60, stay(0, corrected), stay(20, 22), END) is True


def test_whom_the_record_does_not_reach_is_given_up_in_the_end() -> None:
    last = fact("observation", 20, "z")  # the whole data end on day 20
    assert said(READMISSION, asked(5), 101.9, stay(0, 5), last) == "waits"
    assert said(READMISSION, asked(5), 102, stay(0, 5), last) == "no-coverage"


@pytest.mark.parametrize("why", ["restricted", "withheld"])
def test_whose_data_may_not_be_processed_or_seen_has_no_outcome(why: str) -> None:
    kept_from: dict[str, Any] = {why: frozenset({"a"})}
    assert said(READMISSION, asked(5), 41, END, **kept_from) == "waits"
    assert said(READMISSION, asked(5), 42, END, **kept_from) == why
    died, left = [stay(0, None), fact("death", 3.0)], [stay(0, 5.3)]
    for parts in (died, left):  # the stay ends the horizon of this task long before its year is over
        assert said(DEATH, asked(1, 365), 13, *parts, END, **kept_from) == "waits"
        assert said(DEATH, asked(1, 365), 373, *parts, END, **kept_from) == why


@pytest.mark.parametrize(
    ("now", "end", "parts", "outcome", "known"),
    [
        (12.9, 5.3, [], "waits", None),
        (13, 5.3, [], False, 6),  # at the end of the day of the discharge, and the grace
        (13, 5.3, [fact("death", 5.9)], True, 6),
        (13, 5.3, [fact("death", 6.1)], False, 6),
        (10, None, [fact("death", 3.0)], True, 3),
        (300, None, [], "waits", None),
    ],
    ids=["within the grace", "left alive", "died that day", "died the day after", "died there", "still there"],
)
def test_a_death_in_hospital_is_known_once_the_stay_has_ended_and_not_a_year_on(
    now: float, end: float | None, parts: list[Any], outcome: bool | str, known: float | None
) -> None:
    one = asked(1, 365)
    assert said(DEATH, one, now, stay(0, end), parts, END) == outcome
    found = looked_up(DEATH, [one], events(person(), stay(0, end), parts, END), When(at(now), LIMITS))
    assert found.ended == ({} if known is None else {"one": at(known)})


def told(one: Logged, outcome: bool, day: float) -> Logged:
    return replace(one, told=outcome, told_at=at(day))


RUNS, LEFT = stay(0, None), stay(0, 9)


@pytest.mark.parametrize(
    ("came", "when", "now", "parts", "outcome"),
    [
        (True, 12, 45.9, LEFT, "waits"),
        (True, 12, 46, LEFT, False),
        (True, 40, 46, LEFT, True),
        (False, 12, 46, [*LEFT, *stay(20, 22)], True),
        (False, 40, 46, [*LEFT, *stay(20, 22)], True),
        (False, 40, 46, LEFT, False),
        (False, 40, 60, RUNS, "waits"),
        (True, 40, 60, RUNS, "waits"),
        (True, 40, 46, [*LEFT, fact("death", 20)], True),
        (True, 12, 46, [*LEFT, fact("death", 20)], "death"),
        (False, 40, 46.9, [], False),
        (True, 20, 46.9, [], "waits"),
    ],
    ids=[
        "within the grace", "told early, not in the record", "told after the end", "came after it was denied early",
        "came though it was denied after the end", "stayed away", "still there", "still there, it is told",
        "told after the end of who died", "told early of who died", "no stay at all", "no stay, told early",
    ],
)  # fmt: skip
def test_what_was_told_of_a_readmission_is_provisional_until_horizon_and_grace_have_passed(
    came: bool, when: float, now: float, parts: list[Any], outcome: bool | str
) -> None:
    assert said(READMISSION, told(asked(3), came, when), now, parts, END) == outcome


@pytest.mark.parametrize(
    ("came", "when", "now", "parts", "outcome"),
    [
        (False, 3, 60, RUNS, "waits"),
        (False, 3, 17, [*LEFT, fact("death", 9)], True),
        (False, 11, 16.9, LEFT, "waits"),
        (False, 11, 17, LEFT, False),
        (True, 3, 9.9, RUNS, "waits"),
        (True, 3, 10, RUNS, True),
        (True, 3, 17, LEFT, True),
    ],
    ids=[
        "still there", "died later", "within the grace", "left alive", "died, within the grace", "died",
        "died, and the stay was closed as any",
    ],
)  # fmt: skip
def test_what_was_told_of_a_death_in_hospital_is_provisional_until_the_stay_has_ended_by_it_or_otherwise(
    came: bool, when: float, now: float, parts: list[Any], outcome: bool | str
) -> None:
    assert said(DEATH, told(asked(1, 365), came, when), now, parts, END) == outcome


def test_of_a_version_without_a_cohort_what_is_told_after_the_end_becomes_final_and_nothing_is_retired() -> None:
    for when, now, outcome in ((4, 400, "waits"), (36, 41, "waits"), (36, 42, False)):
        assert said(None, told(asked(5), False, when), now, END) == outcome
    assert said(None, told(asked(5), True, 36), 42, END, restricted=frozenset({"a"})) == "waits"


def test_a_long_stay_counts_from_the_admission() -> None:
    long = cohort("length_of_stay_7_days")
    assert said(long, asked(1, 6), 14, stay(0, 6.5), END) is False
    assert said(long, asked(1, 6), 14, stay(0, 7.5), END) is True


def test_every_reason_has_words() -> None:
    assert set(REASONS) == {
        "death", "restricted", "withheld", "no-coverage", "not-eligible", "index-never-came", "erased", "old"
    }  # fmt: skip


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")
    opened = Watched(tmp_path, monitor={"every_hours": 24, "retrain": False})
    yield opened
    opened.close()


def inpatient(name: str, patient: str, begin: datetime, end: datetime | None) -> dict[str, Any]:
    period = {"start": begin.isoformat()} | ({"end": end.isoformat()} if end else {})
    return {
        "resourceType": "Encounter", "id": name, "status": "finished" if end else "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{patient}"}, "period": period,
    }  # fmt: skip


def test_a_look_counts_what_nobody_will_know_and_why(made: Watched) -> None:
    out = BEGIN + DAY
    made.ingest([
        *(inpatient(f"e{number}", f"p{number}", out - 3 * DAY, out) for number in range(4)),
        inpatient("e4", "p4", out - 3 * DAY, None),
        inpatient("e9", "p9", out + 150 * DAY, out + 151 * DAY),
    ])  # fmt: skip
    dead = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-04-01", "deceasedDateTime": "2026-03-12"}
    made.ingest([dead])
    names = made.predict(out, count=5)
    set_rule(made.platform, OFFICER, RuleAsk("restrict", f"Patient/{made.ids[2]}", reason="asked for"))
    erase(made.platform, made.operator, f"Patient/{made.ids[3]}", search=False)
    made.clock.now = out + 152 * DAY
    report = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert report["labelled"] == 1
    assert report["unlabelled"] == {
        "waiting": 0, "retired": {"death": 1, "index-never-came": 1, "restricted": 1}, "gone": {"erased": 1}
    }  # fmt: skip
    assert outcomes_of(made, [names[0], names[1], names[2], names[4]]) == [
        False, "death", "restricted", "index-never-came"
    ]  # fmt: skip
    made.clock.move(days=31)
    later = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert later["unlabelled"] == {"waiting": 0, "retired": {}, "gone": {"erased": 1}}


def test_outcomes_are_looked_up_again_until_they_are_final(made: Watched) -> None:
    out = BEGIN + DAY
    made.ingest([inpatient("e0", "p0", out - 3 * DAY, out), inpatient("e9", "p9", out + 60 * DAY, out + 61 * DAY)])
    (name,) = made.predict(out, count=1)
    made.clock.now = out + timedelta(days=HORIZON + 1)
    report = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert (report["labelled"], report["unlabelled"]["waiting"]) == (0, 1)
    made.ingest([inpatient("late", "p0", out + 20 * DAY, out + 22 * DAY)])  # the feed brings it after the horizon
    made.clock.now = out + 60 * DAY
    assert look(made.platform, ENGINEER, LookAsk(VERSION))["labelled"] == 1
    assert outcomes_of(made, [name]) == [True]


def test_what_a_consent_keeps_from_the_look_does_not_become_an_outcome_that_stayed_away(made: Watched) -> None:
    out = BEGIN + DAY
    made.ingest([
        *(inpatient(f"e{number}", f"p{number}", out - 3 * DAY, out) for number in range(3)),
        *(inpatient(f"back{number}", f"p{number}", out + 10 * DAY, out + 12 * DAY) for number in range(2)),
        inpatient("e9", "p9", out + 150 * DAY, out + 151 * DAY),
    ])  # fmt: skip
    names = made.predict(out, count=3)
    denied = {"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "Encounter/back1"}}]}
    made.ingest([{
        "resourceType": "Consent", "id": "kept", "status": "active", "patient": {"reference": "Patient/p1"},
        "scope": {"coding": [{"code": "patient-privacy"}]}, "policy": [{"uri": "urn:policy"}],
        "category": [{"coding": [{"code": "INFA"}]}], "provision": {"type": "permit", "provision": [denied]},
    }])  # fmt: skip
    made.clock.now = out + 152 * DAY
    report = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert report["unlabelled"]["retired"] == {"withheld": 1}
    assert outcomes_of(made, names) == [True, "withheld", False]


def test_what_a_ward_tells_within_a_stay_waits_for_the_discharge_and_the_record(made: Watched) -> None:
    def tell(name: str, outcome: bool) -> tuple[int, int]:
        done = take_feedback(made.platform, CLINICIAN, [Feedback(name, outcome)])
        return done["outcomes"], done["provisional"]

    asked_at = BEGIN + DAY
    made.ingest([inpatient("e0", "p0", BEGIN, None), inpatient("e1", "p1", BEGIN, asked_at)])
    within, discharged = made.predict(asked_at, count=2)
    made.clock.now = asked_at + 60 * DAY
    assert tell(within, False) == (0, 1)
    assert tell(discharged, False) == (1, 0)
    report = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert (report["outcomes"], report["provisional"], report["unlabelled"]["waiting"]) == (1, 1, 1)
    left = BEGIN + 62 * DAY
    made.ingest([inpatient("e0", "p0", BEGIN, left), inpatient("e2", "p0", left + 5 * DAY, left + 6 * DAY)])
    made.clock.now = left + 37 * DAY
    made.ingest([inpatient("e9", "p9", made.clock.now - DAY, made.clock.now)])
    report = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert (report["labelled"], report["outcomes"], report["provisional"]) == (1, 1, 0)
    assert outcomes_of(made, [within, discharged]) == [True, False]
    assert tell(within, False) == (0, 0)
