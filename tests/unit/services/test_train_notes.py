"""What annotated notes say is told to a model beside its task's features, where facts hold any."""

from collections.abc import Iterator

import numpy as np
import orjson
import polars as pl
import pytest

from careloom.errors import FormatError
from careloom.risk.cohorts_definition import shipped
from careloom.risk.cohorts_events import EVENTS, as_events
from careloom.risk.definition_texts import joined, notes_to_leave_out, outcome_of, texts_of
from careloom.risk.features_definition import features_from_toml, shipped_features, shipped_features_text
from careloom.risk.models_package import unpack
from careloom.services.access import local_operator
from careloom.services.models import RegisterAsk, shown
from careloom.services.models_brought import EvaluateOn, bring_in
from careloom.services.risk_facts import state_of_zone, zone_facts
from careloom.services.risk_simulated import SIMULATED
from careloom.services.train_risk import TrainAsk, notes_of, train_risk
from careloom.store import lake_snapshots as snapshots
from tests.api.kit import Installation
from tests.score_kit import lead
from tests.store_kit import event
from tests.unit.services.test_train_risk import PATIENTS, _of

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, str]]:
    """Stays, and of those who come back mostly a note of heart failure; the name of the facts with the notes."""
    draw = np.random.default_rng(5)
    with Installation(tmp_path_factory.mktemp("noted")) as one:
        with one.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([write for number in range(PATIENTS) for write in _of(number, draw)])
        facts = zone_facts(one.platform, one.operator, "synthetic")
        stays = facts.filter(pl.col("kind") == "admission").group_by("patient_id").agg(
            pl.col("time").min().alias("first"), pl.col("time").max().alias("last")
        ).sort("patient_id")  # fmt: skip
        back = (stays["last"] - stays["first"]).dt.total_days() < 60
        told = draw.random(stays.height) < np.where(back.to_numpy(), 0.8, 0.1)
        notes = stays.filter(pl.Series(told)).select(
            "patient_id", pl.lit("note").alias("kind"), pl.col("first").alias("time"),
            pl.col("first").alias("available_time"), pl.lit(ICD10).alias("system"), pl.lit("I50.9").alias("code"),
            pl.lit("present").alias("detail"),
            (pl.lit("DocumentReference/") + pl.col("patient_id")).alias("resource_key"),
        )  # fmt: skip
        found = as_events(pl.concat([facts.drop("event_id"), notes], how="diagonal"))
        lake, run = one.platform.lake("synthetic"), one.platform.run_id()
        marks = state_of_zone(one.platform, "synthetic").marks
        version = lake.replace(EVENTS, [found], run, marks, {SIMULATED: "of a test"})
        yield one, snapshots.keep(lake, f"{EVENTS.path}@{version}", run).name


def test_a_model_of_facts_with_notes_is_told_them_and_carries_their_features(made: tuple[Installation, str]) -> None:
    one, pin = made
    ask = TrainAsk("readmission-30d", "synthetic", pin, is_kept=False, resamples=20, judge=())
    done = train_risk(one.platform, one.operator, ask)
    model = unpack(done.files)
    assert {"note_heart_failure", "sodium_last", "note_findings_365d"} <= {feature.name for feature in model.features}
    frame = one.platform.lake("synthetic").read(done.snapshot)
    parts = model.contributions(frame)
    assert parts["Heart failure"].std() > parts["Age"].std()  # type: ignore[operator]
    texts = texts_of(orjson.loads(done.files["training.json"]))
    assert texts is not None
    assert texts.read()[1].name == "general+notes"


def test_a_model_that_reads_notes_is_measured_and_compared_where_it_is_brought_in(
    made: tuple[Installation, str],
) -> None:
    one, pin = made
    lineage = {"data": {"zone": "public", "snapshot": "elsewhere"}, "seeds": {"training": 1}}
    on = EvaluateOn("readmission-30d", "synthetic", pin, resamples=20)
    ask = TrainAsk("readmission-30d", "synthetic", pin, is_kept=False, resamples=20, judge=())
    told = {name: data for name, data in train_risk(one.platform, one.operator, ask).files.items() if "model." in name}
    brought = RegisterAsk("noted", told, lineage, gates="clinical-risk")
    first = bring_in(one.platform, one.operator, brought, on)
    lead(one.platform, "noted", champion=first["number"])
    second = bring_in(one.platform, one.operator, brought, on)
    evaluation = shown(one.platform, one.operator, second["version"])["lineage"]["evaluation"]
    assert evaluation["by"] == "careloom"
    assert evaluation["against"]["champion"] == first["version"]
    assert evaluation["against"]["measures"]["auroc"]["value"] == pytest.approx(0.0)


def test_only_the_research_zone_has_notes_for_training_and_only_for_who_may_search_them() -> None:
    assert notes_of(local_operator("tester"), "research")
    assert not notes_of(local_operator("tester"), "synthetic")


def test_a_note_that_tells_of_the_outcome_itself_is_left_out() -> None:
    notes = shipped_features("notes")
    assert notes_to_leave_out([outcome_of(shipped("heart_failure_1_year"))], notes) == ("note_heart_failure",)
    assert notes_to_leave_out([outcome_of(shipped("diabetes_type_2_1_year"))], notes) == ("note_diabetes",)
    for name in ("readmission_30_days", "in_hospital_death"):
        assert notes_to_leave_out([outcome_of(shipped(name))], notes) == ()


def test_two_sets_are_joined_with_the_features_of_both_in_their_order() -> None:
    both = features_from_toml(joined(shipped_features_text("general"), shipped_features_text("notes")))
    parts = [shipped_features(name) for name in ("general", "notes")]
    assert both.features == tuple(feature for part in parts for feature in part.features)
    assert (both.name, both.title) == ("general+notes", parts[0].title)


def test_a_set_that_has_the_features_already_is_not_joined_twice() -> None:
    """A training that is asked for again hands in the joined text."""
    both = joined(shipped_features_text("general"), shipped_features_text("notes"))
    assert joined(both, shipped_features_text("notes")) == both


OWN = """
name = "own"
title = "Age, and a disease"
sources = "of a test"
[events.EVENT]
kind = "KIND"
codes = { snomed = ["73211009"] }
[[features]]
name = "age_years"
concept = "Age"
meaning = "Years since birth"
aggregation = "age"
[[features]]
name = "FEATURE"
concept = "Diabetes"
meaning = "It is told"
aggregation = "ever"
event = "EVENT"
"""


@pytest.mark.parametrize(
    ("event", "kind", "feature", "is_joined"),
    [
        ("told", "diagnosis", "diabetes", True),
        ("told", "note", "diabetes", False),
        ("note_diabetes", "note", "diabetes", False),
        ("note_diabetes", "diagnosis", "diabetes", False),
        ("told", "diagnosis", "note_diabetes", False),
    ],
)
def test_a_set_of_ones_own_that_reads_notes_or_uses_their_names_is_trained_as_it_is(
    event: str, kind: str, feature: str, is_joined: bool
) -> None:
    own = OWN.replace("EVENT", event).replace("KIND", kind).replace("FEATURE", feature)
    both = joined(own, shipped_features_text("notes"))
    assert features_from_toml(both).name == ("own+notes" if is_joined else "own")
    assert is_joined or both == own


def test_what_is_no_set_is_not_joined() -> None:
    with pytest.raises(FormatError):
        joined("name = ", shipped_features_text("notes"))
