"""Cohorts of a zone: in memory for who may see it, from a pinned table of its lake, and training sets beside it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from careloom.errors import AccessError, FormatError, IntegrityError, NotFound, QueryError, StateError
from careloom.risk.cohorts import COVERED_STEP
from careloom.risk.cohorts_events import as_meds
from careloom.services.access import Principal
from careloom.services.deidentify import deidentify
from careloom.services.risk_aces import TaskAsk, task_of_table, task_of_zone
from careloom.services.risk_cohorts import (
    CohortAsk,
    TrainingAsk,
    cohort,
    cohort_why,
    cohorts,
    feature_sets,
    make_training_set,
)
from careloom.services.risk_facts import make_facts, newest_facts, note_fact, read_facts, zone_facts
from careloom.services.stored_notes import known_of
from tests.api.kit import Installation
from tests.store_kit import event, put

PATIENTS = 24
READMISSION = "readmission_30_days"


def _of(number: int) -> list[Any]:
    """A patient with two stays; every third comes back within a month, the others after a year."""
    name = f"p{number}"
    who = {"subject": {"reference": f"Patient/{name}"}}
    back = ("2024-02-01", "2024-02-04") if number % 3 == 0 else ("2025-02-01", "2025-02-04")
    stays = [("2024-01-01", f"2024-01-{8 + number % 4:02d}"), back]
    return [
        put("Patient", name, (name,), birthDate=f"19{40 + number}-03-01", gender="female"),
        *(
            put("Encounter", f"{name}e{place}", (name,), status="finished", **who, **{"class": {"code": "IMP", "system":
                "http://terminology.hl7.org/CodeSystem/v3-ActCode"}}, period={"start": start, "end": end})
            for place, (start, end) in enumerate(stays)
        ),
        put("Observation", f"{name}o", (name,), status="final", **who, effectiveDateTime="2024-01-02T03:00:00Z",
            code={"coding": [{"system": "http://loinc.org", "code": "2951-2"}]},
            valueQuantity={"value": 130 + number * 0.4, "system": "http://unitsofmeasure.org", "code": "mmol/L"}),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("cohorts")) as one:
        for zone in ("identified", "synthetic"):
            with one.platform.store(zone).transaction(event(zone=zone)) as transaction:
                transaction.write([write for number in range(PATIENTS) for write in _of(number)])
        yield one


@pytest.mark.parametrize("zone", ["identified", "synthetic"])
def test_a_cohort_of_a_zone_is_counted_rule_by_rule_and_told_in_the_audit_chain(made: Installation, zone: str) -> None:
    report = cohort(made.platform, made.operator, zone, CohortAsk(READMISSION, limit=3))
    assert report.counts["states"] == {"event": 8, "none": 24, "death": 0, "censored": 16}
    assert [one["rows"] for one in report.counts["steps"]] == [48, 48, 48, 48]
    assert len(report.rows) == 3
    assert any(b"risk-cohort" in orjson.dumps(one) for one in made.platform.store(zone).audit_events())


def test_a_patient_is_told_why(made: Installation) -> None:
    first, second = cohort_why(made.platform, made.operator, "identified", CohortAsk(READMISSION), "Patient/p0")
    assert (first["state"], second["state"]) == ("event", "none")
    assert first["resource_key"] == "Encounter/p0e0"
    with pytest.raises(QueryError):
        cohort_why(made.platform, made.operator, "identified", CohortAsk(READMISSION), "nobody")


def test_facts_in_a_table_are_those_in_memory_and_are_read_by_what_they_hash_to(made: Installation) -> None:
    report = make_facts(made.platform, made.operator, "synthetic")
    assert newest_facts(made.platform, "synthetic") == report.name
    again = read_facts(made.platform, made.operator, "synthetic", report.name)
    live = zone_facts(made.platform, made.operator, "synthetic")
    assert again.sort("event_id").equals(live.sort("event_id"))
    assert (report.patients, report.kinds["admission"]) == (PATIENTS, 2 * PATIENTS)
    by_table = cohort(made.platform, made.operator, "synthetic", CohortAsk(READMISSION, "newest"))
    assert by_table.counts == cohort(made.platform, made.operator, "synthetic", CohortAsk(READMISSION)).counts
    with pytest.raises(IntegrityError):
        read_facts(
            made.platform, made.operator, "synthetic", report.name[:-1] + ("0" if report.name[-1] != "0" else "1")
        )
    with pytest.raises(QueryError):
        read_facts(made.platform, made.operator, "synthetic", "silver/observations@0")
    with pytest.raises(QueryError):
        make_facts(made.platform, made.operator, "identified")


def test_a_training_set_is_pinned_to_its_facts_and_the_same_when_it_is_made_again(made: Installation) -> None:
    pin = make_facts(made.platform, made.operator, "synthetic").name
    first = make_training_set(made.platform, made.operator, "synthetic", TrainingAsk(READMISSION))
    lake = made.platform.lake("synthetic")
    assert (first.rows, first.manifest["facts"], first.manifest["leaks"]) == (48, pin, [])
    assert orjson.loads(lake.state(first.name).facts["manifest"]) == first.manifest
    held = lake.read(first.name)
    assert held["sodium_last"].drop_nulls().len() > 0
    again = make_training_set(made.platform, made.operator, "synthetic", TrainingAsk(READMISSION, facts=pin))
    assert again.name.partition("#")[2] == first.name.partition("#")[2]
    cut = TrainingAsk(READMISSION, split="temporal", cut=datetime(2024, 6, 1, tzinfo=UTC))
    in_time = make_training_set(made.platform, made.operator, "synthetic", cut)
    assert set(in_time.manifest["folds"]) == {"test", "train", "gap"} - (
        set() if "train" in in_time.manifest["folds"] else {"train"}
    )


def test_a_set_with_a_leak_is_kept_only_where_somebody_allows_it(made: Installation, tmp_path: Path) -> None:
    make_facts(made.platform, made.operator, "synthetic")
    leaky = tmp_path / "leaky.toml"
    leaky.write_text(
        'name = "leaky"\ntitle = "t"\n[events.a]\nkind = "admission"\n[[features]]\nname = "next_admission"\n'
        'concept = "c"\nmeaning = "m"\naggregation = "count"\nevent = "a"\n'
    )
    ask = TrainingAsk(READMISSION, str(leaky))
    with pytest.raises(StateError) as refused:
        make_training_set(made.platform, made.operator, "synthetic", ask)
    assert "future-coded-field at next_admission" in refused.value.where
    kept = make_training_set(made.platform, made.operator, "synthetic", replace(ask, allow_leaks=True))
    assert [one["kind"] for one in kept.manifest["leaks"]] == ["future-coded-field"]


def test_who_may_not_search_a_zone_gets_no_cohort_of_it_and_a_name_that_is_none_is_refused(made: Installation) -> None:
    stranger = Principal("stranger", frozenset({"data-scientist"}), frozenset({"research"}))
    with pytest.raises(AccessError):
        cohort(made.platform, stranger, "identified", CohortAsk(READMISSION))
    with pytest.raises(NotFound):
        cohort(made.platform, made.operator, "identified", CohortAsk("readmission"))
    with pytest.raises(NotFound):
        newest_facts(made.platform, "research")
    with pytest.raises(QueryError):
        make_training_set(made.platform, made.operator, "identified", TrainingAsk(READMISSION))
    with pytest.raises(QueryError):
        make_training_set(made.platform, made.operator, "synthetic", TrainingAsk(READMISSION, split="temporal"))
    assert {one["name"] for one in cohorts()} >= {READMISSION, "no_show"}
    assert feature_sets()[0]["features"] > 40


def test_a_value_set_of_a_definition_is_expanded_by_the_terminology(made: Installation, tmp_path: Path) -> None:
    from careloom.runtime import packaged

    text = packaged("risk", f"definitions/{READMISSION}.toml").decode()
    own = tmp_path / "own.toml"
    own.write_text(text.replace('details = ["exp"', 'value_set = "http://nowhere/ValueSet/x"\ndetails = ["exp"', 1))
    with pytest.raises((NotFound, QueryError)):
        cohort(made.platform, made.operator, "synthetic", CohortAsk(str(own)))
    own.write_text("name = 1")
    with pytest.raises(FormatError):
        cohort(made.platform, made.operator, "synthetic", CohortAsk(str(own)))


def test_what_a_note_says_is_a_fact_with_its_assertion() -> None:
    item = {
        "note": "DocumentReference/n/_history/1", "patient": "Patient/p0", "encounter": "Encounter/e",
        "time": "2024-01-02T08:00:00Z", "known": "2024-01-02T08:00:00Z",
        "codes": [{"system": "http://snomed.info/sct", "code": "84114007"}],
        "assertion": {"presence": "absent", "temporality": "current", "experiencer": "patient"},
    }  # fmt: skip
    made = note_fact(item)
    assert made is not None
    assert (made["detail"], made["resource_key"], made["patient_id"]) == ("absent", "DocumentReference/n", "p0")
    past = note_fact(item | {"assertion": {"presence": "present", "temporality": "historical"}})
    relative = note_fact(item | {"assertion": {"presence": "present", "experiencer": "family"}})
    assert past is not None
    assert relative is not None
    assert (past["detail"], relative["detail"]) == ("present/historical", "family")
    assert note_fact(item | {"codes": []}) is None
    assert note_fact(item | {"time": ""}) is None


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"date": "2024-01-05T08:00:00Z"}, datetime(2024, 1, 5, 8, tzinfo=UTC)),
        ({"date": "2024-01-05"}, datetime(2024, 1, 6, tzinfo=UTC)),
        ({"date": "2023"}, datetime(2024, 1, 1, tzinfo=UTC)),
        ({"context": {"period": {"start": "2024-01-02", "end": "2024-01-09"}}}, datetime(2024, 1, 10, tzinfo=UTC)),
        ({"context": {"period": {"start": "2024-01-02T08:00:00Z"}}}, None),
    ],
)
def test_a_note_is_known_when_it_is_written_not_when_its_stay_begins(
    told: dict[str, Any], known: datetime | None
) -> None:
    item = {
        "note": "DocumentReference/n/_history/1", "patient": "Patient/p0", "time": "2024-01-02T08:00:00Z",
        "known": known_of(told), "codes": [{"system": "http://snomed.info/sct", "code": "84114007"}],
    }  # fmt: skip
    made = note_fact(item)
    assert (None if made is None else made["available_time"]) == known


TASK = """
predicates:
  admission: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  discharge: {code: {regex: "^HOSPITAL_DISCHARGE//"}}
trigger: admission
windows:
  input: {start: trigger, end: start -> discharge, start_inclusive: False, end_inclusive: True, index_timestamp: end}
  target: {start: input.end, end: start + 30 days, start_inclusive: False, end_inclusive: True, label: admission}
"""


def test_a_task_file_of_aces_finds_in_a_zone_what_the_definition_finds(made: Installation, tmp_path: Path) -> None:
    task = tmp_path / "readmission.yaml"
    task.write_text(TASK)
    report = task_of_zone(made.platform, made.operator, "synthetic", TaskAsk(task, limit=2))
    assert (report.rows, report.labels) == (48, {"true": 8, "false": 40})
    assert len(report.shown) == 2
    table = tmp_path / "meds.parquet"
    as_meds(zone_facts(made.platform, made.operator, "synthetic")).write_parquet(table)
    assert replace(task_of_table(task, table), shown=[]) == replace(report, shown=[])
    with pytest.raises(NotFound):
        task_of_table(task, tmp_path / "nothing.parquet")
    with pytest.raises(FormatError):
        task_of_table(task, task)
    with pytest.raises(NotFound):
        task_of_zone(made.platform, made.operator, "synthetic", TaskAsk(tmp_path / "nothing.yaml"))


def test_a_zone_with_shifted_dates_leaves_out_what_some_patients_data_may_not_cover(tmp_path: Path) -> None:
    with Installation(tmp_path) as one:
        with one.platform.store("identified").transaction(event(zone="identified")) as transaction:
            transaction.write([write for number in range(PATIENTS) for write in _of(number)])
        deidentify(one.platform, one.operator, "first")
        told = cohort(one.platform, one.operator, "research", CohortAsk(READMISSION)).counts["steps"]
        last = told[-1]
        assert (last["name"], last["rows"] + last["removed"]) == (COVERED_STEP, 2 * PATIENTS)
        assert last["removed"] >= PATIENTS * 2 // 3  # who came back after a year: that is the end of their data
        stays = zone_facts(one.platform, one.operator, "research").filter(pl.col("kind") == "admission")
        spans = stays.group_by("patient_id").agg(pl.col("time").max() - pl.col("time").min())
        pseudonym = spans.filter(pl.col("time") > timedelta(days=300))["patient_id"][0]
        because = cohort_why(one.platform, one.operator, "research", CohortAsk(READMISSION), pseudonym)
        assert because[-1]["left_out"] == COVERED_STEP
        make_facts(one.platform, one.operator, "research")
        made = make_training_set(one.platform, one.operator, "research", TrainingAsk(READMISSION))
        assert (made.rows, made.manifest["cohort"]["steps"][-1]) == (last["rows"], last)
        deidentify(one.platform, one.operator, "limited-data-set")
        true_dates = cohort(one.platform, one.operator, "research", CohortAsk(READMISSION)).counts
        assert true_dates["states"] == {"event": 8, "none": 24, "death": 0, "censored": 16}
        assert COVERED_STEP not in {step["name"] for step in true_dates["steps"]}
