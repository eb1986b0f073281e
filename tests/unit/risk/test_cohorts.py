"""Cohorts out of facts: who is an index and why not, what came of it, and what nobody can tell yet."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from careloom.errors import FormatError, NotFound, QueryError
from careloom.risk.cohorts import Cohort, extract, why
from careloom.risk.cohorts_definition import Definition, from_toml, ready, shipped
from careloom.risk.cohorts_events import EVENTS, meds_events
from careloom.risk.splits import GAP, temporal
from careloom.runtime import packaged
from careloom.terminology.packaged import lookup
from tests.unit.risk.events_made import at, diagnosis, events, fact, person, stay

END = fact("observation", 1000, "z")
"""Somebody else's last fact: the data reach that far."""
END_OF_ALL = fact("observation", 4000, "z")
READMISSION = shipped("readmission_30_days")


def found(definition: Definition, *parts: Any) -> dict[str, dict[str, Any]]:
    return {row["resource_key"]: row for row in extract(definition, events(person(), *parts, END)).rows.to_dicts()}


@pytest.mark.parametrize(
    ("second", "state"),
    [
        (stay(10, 12), "event"),
        (stay(35, 36), "event"),  # 30 days after the discharge on day 5, to the minute
        (stay(35.01, 36), "none"),
        (stay(5, 6), "none"),  # at the index time itself: nothing after it
        (stay(10, 12, priority="EL"), "none"),
        (stay(10, None), "event"),
        (stay(10, 12, "b"), "none"),
        ([fact("visit", 10, code="EMER")], "none"),
        ([fact("death", 20)], "death"),
        ([fact("death", 20), *stay(10, 20, detail="20")], "event"),
        ([fact("death", 40)], "none"),
    ],
)
def test_what_comes_first_within_thirty_days_is_the_state(second: list[Any], state: str) -> None:
    row = found(READMISSION, stay(0, 5), second)["Encounter/a-0"]
    assert (row["state"], row["label"]) == (state, {"event": True, "none": False, "death": None}[state])
    assert row["index_time"] == at(5)
    assert row["horizon_end"] == at(35)
    assert (row["outcome_time"] is None) is (state == "none")


def test_what_nobody_can_tell_yet_is_no_negative() -> None:
    def states(*parts: Any) -> list[str]:
        return extract(READMISSION, events(person(), stay(0, 5), *parts)).rows["state"].to_list()

    assert states(fact("observation", 20)) == ["censored"]
    assert states(fact("observation", 35)) == ["none"]
    assert states(fact("observation", 35, "b")) == ["none"]
    assert states(fact("observation", 20), fact("booking", 300, "b"), fact("appointment", 300, "b")) == ["censored"]
    own = replace(READMISSION, follow_up="patient")
    assert extract(own, events(person(), stay(0, 5), fact("observation", 35, "b"))).rows["state"].to_list() == [
        "censored"
    ]


def test_what_was_seen_before_the_end_of_follow_up_counts_no_more_than_what_was_not() -> None:
    given = [person(), stay(0, 5), stay(10, 12)]
    for told, state in ((fact("observation", 34), "censored"), (fact("observation", 35), "event")):
        row = extract(READMISSION, events(*given, told)).rows.to_dicts()[0]
        assert (row["state"], row["label"]) == (state, True if state == "event" else None)
        assert (row["outcome_time"], row["outcome_key"]) == (
            (at(10), "Encounter/a-10") if state == "event" else (None, None)
        )
    dead = [person(), stay(0, 5), fact("death", 20)]
    late = fact("observation", 30)
    for policy in ("drop", "negative", "competing"):
        rows = extract(replace(READMISSION, death=policy), events(*dead, late)).rows
        assert (rows["state"].to_list(), rows["label"].to_list()) == (["censored"], [None])
    own = replace(READMISSION, follow_up="patient")
    assert extract(own, events(*dead)).rows["state"].to_list() == ["death"]


def test_an_early_discharge_counts_no_more_than_a_late_one_that_nobody_can_tell_yet() -> None:
    long = shipped("length_of_stay_7_days")
    given = [person(), stay(0, 3)]
    assert extract(long, events(*given, fact("observation", 6))).rows["label"].to_list() == [None]
    assert extract(long, events(*given, fact("observation", 7))).rows["label"].to_list() == [False]


@pytest.mark.parametrize(
    ("policy", "rows", "label"), [("drop", 0, ()), ("negative", 1, (False,)), ("competing", 1, (None,))]
)
def test_a_death_before_the_outcome_is_what_the_policy_says(policy: Any, rows: int, label: tuple[Any, ...]) -> None:
    cohort = extract(replace(READMISSION, death=policy), events(person(), stay(0, 5), fact("death", 20), END))
    assert (cohort.rows.height, tuple(cohort.rows["label"])) == (rows, label)
    assert (cohort.steps[-1].name == "no death before the outcome") is (policy == "drop")


def test_an_appointment_to_come_that_was_cancelled_tells_of_no_follow_up() -> None:
    ahead = fact("appointment", 90, code="cancelled")
    (row,) = extract(READMISSION, events(person(), stay(0, 5), fact("observation", 20), ahead)).rows.to_dicts()
    assert row["state"] == "censored"


def test_attrition_counts_rows_and_patients_rule_by_rule() -> None:
    given = events(
        person("a"), stay(0, 5), stay(100, 104), person("b", born=-365 * 10), stay(0, 3, "b"),
        person("c"), stay(0, 4, "c", detail="20"), person("d"), stay(0, 2, "d", detail="07"), stay(0, 2, "e"), END,
    )  # fmt: skip
    steps = extract(READMISSION, given).steps
    assert [(one.rows, one.patients, one.removed) for one in steps] == [(6, 5, 0), (4, 3, 2), (3, 2, 1), (2, 1, 1)]
    assert [one.name for one in steps[1:]] == [rule.name for rule in READMISSION.rules]


def test_a_patient_is_told_which_rule_keeps_a_moment_out_and_by_which_facts() -> None:
    given = events(person(), stay(0, 5), stay(50, 52, detail="07"), person("b", born=-3650), stay(0, 2, "b"), END)
    first, second = why(READMISSION, given, "a")
    assert (first["is_in"], first["failed"], first["state"]) == (True, [], "none")
    left = READMISSION.rules[2].name
    assert (second["is_in"], second["failed"], second["near_miss"]) == (False, [left], True)
    assert second["facts"][left] == ["Encounter/a-50"]
    assert why(READMISSION, given, "b")[0]["failed"] == ["adult"]
    assert why(READMISSION, given, "z") == []
    with pytest.raises(QueryError):
        why(READMISSION, given, "nobody")


def test_why_says_of_every_patient_what_the_cohort_says() -> None:
    given = events(
        *[part for name in "abcdef" for part in (person(name), stay(ord(name) % 3, 5, name), stay(20, 24, name))],
        fact("death", 30, "f"), END,
    )  # fmt: skip
    told = {
        (one["resource_key"], one["is_in"], one["state"]) for name in "abcdef" for one in why(READMISSION, given, name)
    }
    cohort = extract(READMISSION, given)
    assert {row for row in told if row[1]} == {
        (row["resource_key"], True, row["state"]) for row in cohort.rows.to_dicts()
    }
    assert len(told) == cohort.verdicts.height


def test_a_prediction_within_the_stay_looks_no_further_than_its_discharge() -> None:
    death = shipped("in_hospital_death")
    assert found(death, stay(0, 5, detail="20"))["Encounter/a-0"]["state"] == "event"
    assert found(death, stay(0, 5), stay(9, 12, detail="20"))["Encounter/a-0"]["state"] == "none"
    assert found(death, stay(0, 0.9, detail="20")) == {}
    assert found(death, stay(0, 5, detail="DIED"))["Encounter/a-0"]["outcome_time"] == at(5)
    running = extract(death, events(person(), stay(0, None), fact("observation", 3)))
    assert running.rows["state"].to_list() == ["censored"]


@pytest.mark.parametrize(
    ("end", "died", "state"),
    [(5.3, 5.3, "event"), (5.3, 5.0, "event"), (5.3, 5.9, "event"), (5.3, 6.0, "none"), (5.3, 3.0, "event"),
     (None, 3.0, "event"), (5.3, 90.0, "none")],
    ids=["at the discharge", "told by day", "the same day", "the next day", "before it", "no discharge", "months on"],
)  # fmt: skip
def test_a_death_that_no_disposition_tells_is_one_in_hospital(end: float | None, died: float, state: str) -> None:
    for detail in (None, "home"):
        given = events(person(), stay(0, end, detail=detail), fact("death", died), END)
        assert extract(shipped("in_hospital_death"), given).rows["state"].to_list() == [state]


@pytest.mark.parametrize(
    ("end", "died", "known"),
    [(5.3, None, 6), (5.3, 5.9, 6), (5.3, 90.0, 6), (None, 3.0, 3), (None, None, 366)],
    ids=["discharged", "died that day", "died months on", "died without a discharge", "still there"],
)
def test_a_death_in_hospital_is_known_when_the_stay_has_ended_and_not_a_year_on(
    end: float | None, died: float | None, known: float
) -> None:
    parts = [fact("death", died)] if died is not None else []
    (row,) = extract(shipped("in_hospital_death"), events(person(), stay(0, end), *parts, END)).rows.to_dicts()
    assert row["horizon_end"] == at(known)
    assert row["outcome_time"] is None or row["outcome_time"] <= row["horizon_end"]


def test_a_stay_that_ended_before_the_cut_is_learnt_from() -> None:
    given = events(person(), stay(0, 5.3), person("b"), stay(8, 30, "b"), person("c"), stay(20, 25, "c"), END)
    rows = extract(shipped("in_hospital_death"), given).rows
    fold = temporal(rows, at(10))
    told = dict(zip(rows["patient_id"], fold, strict=True))
    assert told == {"a": "train", "b": GAP, "c": "test"}


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        (stay(0, 6.9), "none"),
        (stay(0, 7.1), "event"),
        (stay(0, None), "event"),
        (stay(0, 6.9, detail="20"), "death"),
        (stay(0, 9, detail="20"), "event"),
    ],
)
def test_a_long_stay_is_a_discharge_that_does_not_come(parts: list[Any], state: str) -> None:
    row = found(shipped("length_of_stay_7_days"), parts)["Encounter/a-0"]
    assert (row["state"], row["index_time"], row["horizon_end"]) == (state, at(1), at(7))


def visit(day: float, patient: str = "a") -> dict[str, Any]:
    from tests.unit.risk.events_made import ACT

    return fact("visit", day, patient, system=ACT, code="AMB")


def test_a_first_diagnosis_is_of_who_could_have_had_it_before_and_had_not() -> None:
    onset = shipped("diabetes_type_2_1_year")
    old = fact("observation", -400)
    row = found(onset, old, visit(0), visit(50), diagnosis("E119", 100))
    assert [(one["index_time"], one["state"]) for one in row.values()] == [(at(0), "event")]
    assert found(onset, visit(0), diagnosis("E11.9", 100)) == {}  # no year of record
    assert found(onset, old, visit(0), diagnosis("E10.9", -30)) == {}
    late = found(onset, old, visit(0), diagnosis("E11.9", -30, known=5))  # had it, but nobody knew
    assert [one["state"] for one in late.values()] == ["none"]
    assert found(onset, old, visit(0), diagnosis("R73.03", 20))[f"visit/a-{0}-AMB"]["state"] == "none"


def test_one_visit_of_each_year_of_a_patient_is_chosen_among_those_that_fit() -> None:
    onset = shipped("heart_failure_1_year")
    days = [0, 200, 364, 366, 700, 731, 1800]
    row = found(onset, fact("observation", -400), [visit(day) for day in days], diagnosis("I50.9", 1500), END_OF_ALL)
    assert [one["index_time"] for one in row.values()] == [at(0), at(366), at(731)]
    assert [one["state"] for one in row.values()] == ["none", "none", "none"]
    late = found(onset, fact("observation", -400), [visit(day) for day in days], diagnosis("I50.9", 720), END_OF_ALL)
    assert [one["state"] for one in late.values()] == ["none", "event"]


def test_an_appointment_is_foretold_a_day_ahead_if_it_was_booked_by_then() -> None:
    def due(day: float, status: str) -> dict[str, Any]:
        key = {"source": "Appointment/1", "encounter_key": "Appointment/1"}
        return fact("appointment", day, system="http://hl7.org/fhir/appointmentstatus", code=status, **key)

    booked = fact("booking", 0, source="Appointment/1", encounter_key="Appointment/1", code="booked")
    no_show = shipped("no_show")
    assert found(no_show, booked, due(10, "noshow"))["Appointment/1"]["label"] is True
    assert found(no_show, booked, due(10, "fulfilled"))["Appointment/1"]["label"] is False
    assert found(no_show, booked, due(10, "cancelled")) == {}
    assert found(no_show, booked, due(0.5, "noshow")) == {}


def test_every_code_of_the_ready_definitions_is_one_of_the_terminology() -> None:
    for name in ready():
        for one in shipped(name).events.values():
            for system, codes in {**one.codes, **one.prefixes}.items():
                if system == "http://hl7.org/fhir/sid/icd-10-cm":
                    assert [code for code in codes if lookup(system, code) is None] == [], name
            assert shipped(name).source


GOOD = packaged("risk", "definitions/readmission_30_days.toml").decode()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('kind = "alive"', 'kind = "alive"\nmust = "have"', "rules[1] says must"),
        ('event = "unplanned_admission"', 'event = "admission"', "outcome.event"),
        ("horizon_days = 30", "horizon_days = 0", "outcome.horizon_days"),
        ("horizon_days = 30", "", "outcome.horizon_days"),
        ('policy = "competing"', 'policy = "ignore"', "death.policy"),
        ("min_years = 18", "", "rules[0]"),
        ('kind = "discharge"', 'kind = "leaving"', "events.discharge.kind"),
        ('event = "discharge"\n\n[[rules]]', "[[rules]]", "index"),
        ("\n[events.discharge]", "observation_days = -1\n[events.discharge]", "observation_days"),
        ('"urn:careloom:meds" = ["IMP"]', '"nonsense" = ["IMP"]', "no system is called"),
        ('details = ["exp"', 'value_set = "http://x"\ndetails = ["exp"', "value_set"),
        ('name = "adult"', 'name = "alive at discharge"', "one name"),
        ("\n[index]\n", "\n[index\n", "TOML"),
    ],
)
def test_a_definition_that_is_not_understood_is_refused_with_its_place(old: str, new: str, place: str) -> None:
    assert old in GOOD
    with pytest.raises(FormatError) as refused:
        from_toml(GOOD.replace(old, new, 1))
    assert place in refused.value.where
    assert refused.value.remedy


def test_a_value_set_becomes_the_codes_that_the_terminology_says() -> None:
    text = GOOD.replace('details = ["exp"', 'value_set = "http://x"\ndetails = ["exp"', 1)
    made = from_toml(text, {"http://x": {"http://loinc.org": ("1-8",)}}.__getitem__)
    assert made.events["unfit_discharge"].codes == {"http://loinc.org": ("1-8",)}
    assert made.digest != READMISSION.digest
    with pytest.raises(NotFound):
        shipped("readmission")


def test_a_table_in_meds_becomes_facts_with_stays_and_bills_that_come_late() -> None:
    told = [
        (1, None, "GENDER//F", None), (1, at(-9000), "MEDS_BIRTH", None),
        (1, at(0), "HOSPITAL_ADMISSION//URGENT//x", None),
        (1, at(1), "LAB//50912//mg/dL", 1.5), (1, at(4), "HOSPITAL_DISCHARGE//HOME", None),
        (1, at(4), "DIAGNOSIS//ICD//10//E119", None), (1, at(9), "LAB//50912//UNK", 2.0),
    ]  # fmt: skip
    made = meds_events(pl.DataFrame(told, schema=["subject_id", "time", "code", "value"], orient="row"))
    EVENTS.require(made)
    by_kind = {row["kind"]: row for row in made.filter(pl.col("time") != at(9)).to_dicts()}
    assert (by_kind["discharge"]["value"], by_kind["discharge"]["detail"]) == (4.0, "HOME")
    assert (by_kind["observation"]["unit"], by_kind["observation"]["encounter_key"]) == ("mg/dL", "Encounter/1-1")
    assert (by_kind["diagnosis"]["code"], by_kind["diagnosis"]["encounter_key"]) == ("E11.9", "Encounter/1-1")
    assert by_kind["diagnosis"]["available_time"] == at(4) + timedelta(microseconds=1)
    assert made.filter(pl.col("time") == at(9))["encounter_key"].to_list() == [None]
    assert isinstance(extract(READMISSION, made), Cohort)
    with pytest.raises(FormatError):
        meds_events(pl.DataFrame({"subject_id": [1]}))
