"""A model that is told what notes say is told it of one patient, of many, and where outcomes are looked up."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

from careloom.pipeline.registry import REGISTRY
from careloom.risk.cohorts_definition import shipped, shipped_text
from careloom.risk.definition_texts import Texts, reads_notes
from careloom.risk.features_definition import features_from_toml
from careloom.risk.models import Model
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_logistic import fit_logistic
from careloom.risk.models_package import pack
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.models import RegisterAsk, register
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.score_facts import record_of
from tests.api.kit import Installation
from tests.score_kit import lineage, patient, set_state
from tests.store_kit import event, put

AT = datetime(2024, 2, 25, tzinfo=UTC)
STAY = {"start": "2024-02-01T08:00:00Z", "end": "2024-02-22T08:00:00Z"}
FEATURES = """
name = "own"
title = "Age, and diabetes in notes"
sources = "of a test"
[events.said]
kind = "note"
prefixes = { icd10cm = ["E11"] }
details = ["present"]
[[features]]
name = "age_years"
concept = "Age"
meaning = "Years since birth"
aggregation = "age"
[[features]]
name = "diabetes_in_notes"
concept = "Diabetes"
meaning = "A note says that there is diabetes"
aggregation = "ever"
event = "said"
"""


def note(name: str, text: str, written: str, **more: Any) -> Any:
    attachment = {"contentType": "text/plain", "data": b64encode(text.encode()).decode()}
    return put("DocumentReference", f"{name}n", (name,), status="current", **({"date": written} if written else more),
               subject={"reference": f"Patient/{name}"}, content=[{"attachment": attachment}])  # fmt: skip


def files() -> dict[str, bytes]:
    """A model of drawn rows in which diabetes of notes doubles the odds, with the texts of its cohort and features."""
    draw = np.random.default_rng(1)
    said, age = draw.random(2000) < 0.5, draw.uniform(20, 90, 2000)
    happened = draw.random(2000) < np.where(said, 0.6, 0.2)
    frame = pl.DataFrame({"age_years": age, "diabetes_in_notes": said})
    features = described(frame, {"age_years": About("Age"), "diabetes_in_notes": About("Diabetes", nullable=False)})
    learnt = fit_logistic(features, encoded(features, frame), happened, penalty=1.0, knots=0)
    training = {"cohort": {"name": "readmission_30_days"}, "features": {"name": "own"}}
    made = pack(Model("noted", "an outcome", 30, features, learnt, training=training))
    texts = Texts(shipped_text("readmission_30_days"), FEATURES)
    return {**made, "training.json": orjson.dumps({"definitions": texts.as_json()})}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    before = REGISTRY.get("reader.nlp")
    REGISTRY["reader.nlp"] = "tests.nlp_kit:simple_reader"
    try:
        with Installation(tmp_path_factory.mktemp("notes")) as one:
            with one.platform.store("identified").transaction(event()) as step:
                step.write([
                    *patient("told"), note("told", "She has diabetes.", "2024-02-01T08:00:00Z"),
                    *patient("late"), note("late", "She has diabetes.", "2024-02-22T08:00:00Z"), *patient("mute"),
                    *patient("summed"), note("summed", "She has diabetes.", "", context={"period": STAY}),
                ])  # fmt: skip
            annotate(one.platform, one.operator, AnnotateAsk())
            version = register(one.platform, one.operator, RegisterAsk("noted", files(), lineage(), reason="of a test"))
            set_state(one.platform, str(version["version"]), "approved")
            yield one
    finally:
        REGISTRY["reader.nlp"] = str(before)


def test_what_a_note_said_before_the_index_raises_the_risk_and_leads_to_the_note(place: Installation) -> None:
    found = {
        name: score(place.platform, place.operator, ScoreAsk("noted@1", name, as_of=AT)).assessment
        for name in ("told", "late", "mute", "summed")
    }
    told, late, mute, summed = (found[name] for name in ("told", "late", "mute", "summed"))
    assert told is not None
    assert late is not None
    assert mute is not None
    assert summed is not None
    assert told.probability > mute.probability + 0.2
    assert late.probability == mute.probability, "a note of after the discharge tells nothing"
    assert summed.probability == mute.probability, "nor one that tells only when what it is of began and ended"
    assert "DocumentReference/toldn/_history/1" in told.basis


def test_many_are_told_the_same_of_their_notes_as_one_by_one(place: Installation) -> None:
    made = score_cohort(place.platform, place.operator, CohortScoreAsk("noted@1", as_of=AT))
    risks = {one["patient"]: one["risk"] for one in made.as_json()["listed"]}
    for name, risk in risks.items():
        one = score(place.platform, place.operator, ScoreAsk("noted@1", name, as_of=AT)).assessment
        assert one is not None
        assert one.probability == pytest.approx(risk)
    assert len(set(risks.values())) == 2


def test_notes_are_read_only_for_a_model_that_is_told_of_them(place: Installation) -> None:
    own = features_from_toml(FEATURES)
    assert reads_notes(shipped("readmission_30_days"), own)
    assert not reads_notes(shipped("readmission_30_days"), own.only(("age_years",)))
    noted = replace(shipped("readmission_30_days"), events={"a": own.features[1].event})  # type: ignore[dict-item]
    assert reads_notes(noted)
    bare = record_of(place.platform, place.operator, "identified", "told", gaps=False)
    whole = record_of(place.platform, place.operator, "identified", "told", gaps=False, notes=True)
    assert {fact.kind for fact in whole.facts} - {fact.kind for fact in bare.facts} == {"note"}
    assert (bare.with_notes, whole.with_notes) == (False, True)
    times = [fact.time for fact in whole.facts if fact.time is not None]
    assert times == sorted(times)
    assert times[0] < AT - timedelta(days=1000)
