"""A cohort with a window of observation: its model is trained and asked within it, one of before as it was trained."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

from careloom.errors import QueryError
from careloom.mlops.pipeline_file import read
from careloom.risk.cohorts_definition import shipped_text
from careloom.risk.definition_texts import texts_of
from careloom.risk.evaluate import Resampling
from careloom.risk.features_definition import FeatureSet
from careloom.risk.models_package import FILE, unpack
from careloom.risk.models_training import Rows
from careloom.services import score_models
from careloom.services.model_card import make_card
from careloom.services.models import RegisterAsk, open_version
from careloom.services.models_brought import EvaluateOn, bring_in
from careloom.services.risk_champion import compared, inputs_of
from careloom.services.risk_facts import read_facts
from careloom.services.score import ScoreAsk, score
from careloom.services.score_assess import looked_up
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.score_facts import record_of
from careloom.services.train_risk import TrainAsk, TrainReport, train_risk
from tests.api.kit import Installation
from tests.score_kit import lead, lineage
from tests.store_kit import event, put
from tests.unit.services.test_train_risk import PATIENTS, _of

DAYS = 60
AT = datetime(2023, 8, 1, tzinfo=UTC)
OWN = shipped_text("readmission_30_days").replace('"readmission_30_days"', '"back_soon"')
BOUNDED = OWN.replace("\n[events.discharge]", f"observation_days = {DAYS}\n\n[events.discharge]", 1)
TASK = """
name = "windowed"
title = "Readmission within 30 days"
outcome = "readmission"
horizon_days = 30
cohort = "readmission_30_days"
features = "general"
learner = "logistic"
gates = "clinical-risk"
baselines = ["lace", "charlson"]
[[candidates]]
penalty = 100.0
knots = 3
"""


def _diagnosed(name: str, key: str, code: str, when: datetime) -> Any:
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]}
    who = {"subject": {"reference": f"Patient/{name}"}}
    return put("Condition", key, (name,), **who, code=coded, recordedDate=f"{when:%Y-%m-%d}")


def _with_history(number: int, draw: np.random.Generator) -> list[Any]:
    """A patient of stays; two in three had heart failure 300 days before, of every second it is written again now."""
    made = _of(number, draw)
    born = datetime(1930, 1, 1, tzinfo=UTC) + timedelta(days=37 * number)  # of each another day: no two rows are alike
    made[0].resource["birthDate"] = f"{born:%Y-%m-%d}"
    made[0].content = orjson.dumps(made[0].resource, option=orjson.OPT_SORT_KEYS)
    name, begin = made[0].id, datetime.fromisoformat(made[1].resource["period"]["start"])
    old = _diagnosed(name, f"{name}c0", "I50.9", begin - timedelta(days=300))
    return [
        *made,
        *([old] if number % 3 else []),
        *([_diagnosed(name, f"{name}c1", "I50.9", begin)] if number % 2 else []),
    ]


@dataclass
class Place:
    made: Installation
    whole: TrainReport
    bounded: TrainReport

    def features(self, one: TrainReport) -> FeatureSet:
        """What the version is told, as it answers."""
        return self.scorer(one.version).features

    def scorer(self, version: str) -> score_models.Scorer:
        return score_models.scorer(score_models.served(self.made.platform, version))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    draw = np.random.default_rng(5)
    with Installation(tmp_path_factory.mktemp("windowed")) as made:
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([write for number in range(PATIENTS) for write in _with_history(number, draw)])
        ask = TrainAsk(TASK, "synthetic", seed=2, resamples=20, cohort=OWN, judge=())
        whole = train_risk(made.platform, made.operator, ask)
        lead(made.platform, "windowed", champion=1)
        asked = TrainAsk(TASK, "synthetic", seed=2, resamples=20, cohort=BOUNDED, judge=())
        yield Place(made, whole, train_risk(made.platform, made.operator, asked))


def test_the_training_set_holds_what_the_window_lets_be_seen_and_says_so(place: Place) -> None:
    lake = place.made.platform.lake("synthetic")
    whole, bounded = (lake.read(one.snapshot) for one in (place.whole, place.bounded))
    same = ["patient_id", "index_time", "label", "fold", "age_years", "index_value"]
    assert whole.select(same).equals(bounded.select(same))
    number = pl.col("patient_id").str.strip_prefix("p").cast(pl.Int64)
    is_first, is_again = pl.col("resource_key").str.ends_with("e0"), number % 2 == 1
    for frame, expected in ((whole, is_again | (number % 3 > 0)), (bounded, is_again)):
        told = frame.filter(is_first)
        assert told["has_heart_failure"].to_list() == told.select(expected).to_series().to_list()
    manifest = orjson.loads(place.bounded.files["training.json"])
    assert (manifest["observation"], manifest["observation_days"]) == ("bounded", DAYS)
    assert max(one["window_days"] for one in manifest["features"]["columns"]) == DAYS
    before = orjson.loads(place.whole.files["training.json"])
    assert (before["observation"], "observation_days" in before) == ("whole", False)
    assert manifest["cohort"]["digest"] == before["cohort"]["digest"]


def test_one_patient_is_told_what_the_training_set_tells_of_the_same_index(place: Place) -> None:
    frame = place.made.platform.lake("synthetic").read(place.bounded.snapshot)
    scorer = place.scorer(place.bounded.version)
    model = [one.name for one in scorer.served.model.features]
    for row in frame.filter(pl.col("patient_id").is_in([f"p{number}" for number in range(8)])).to_dicts():
        record = record_of(
            place.made.platform, place.made.operator, "synthetic", row["patient_id"], gaps=False, notes=False
        )
        found = looked_up(scorer, record, row["index_time"] + timedelta(hours=1))
        assert found.told is not None
        assert found.row is not None
        assert found.told == {name: pytest.approx(row[name], nan_ok=True) for name in model}
        since = row["index_time"] - timedelta(days=DAYS)
        assert all(fact.time >= since for held in found.row.basis.values() for fact in held if fact.time is not None)


def test_one_and_many_are_asked_alike_and_older_facts_change_nothing(place: Place) -> None:
    platform, who = place.made.platform, place.made.operator
    version = place.bounded.version
    ask = CohortScoreAsk(version, "synthetic", as_of=AT, trial=True)
    many = {row["patient"]: row["risk"] for row in score_cohort(platform, who, ask).listed}
    assert len(many) > 5
    for name in sorted(many)[:6]:
        one = score(platform, who, ScoreAsk(version, name, "synthetic", AT, trial=True, gaps=False)).assessment
        assert one is not None
        assert one.probability == pytest.approx(many[name])
        assert not any(f"{name}c0" in key for key in one.basis)
        said = {told.text for factor in one.explanation.factors for told in factor.statements}
        assert all(f"last {DAYS} days alone" in text for text in said if "at any time before" in text)
    with platform.store("synthetic").transaction(event(zone="synthetic")) as step:
        step.write([_diagnosed(name, f"{name}late", "C78.0", datetime(2022, 1, 1, tzinfo=UTC)) for name in many])
    again = {row["patient"]: row["risk"] for row in score_cohort(platform, who, ask).listed}
    assert again == many


def test_a_version_that_was_trained_before_windows_bounded_features_is_asked_as_it_was_trained(place: Place) -> None:
    files = dict(place.whole.files)
    manifest = orjson.loads(files["training.json"])
    manifest["definitions"]["cohort"] = BOUNDED  # as it stood there, and bounded nothing
    older = score_models.Served("windowed", "9", "of before", unpack(files), texts=texts_of(manifest))
    scorer = score_models.scorer(older)
    assert scorer.judge.definition.observation_days == DAYS  # type: ignore[union-attr]
    assert scorer.features == place.features(place.whole)
    assert {one.window_days for one in scorer.features.features if one.name == "has_heart_failure"} == {0.0}
    assert {one.window_days for one in place.features(place.bounded).features if one.event is not None} >= {DAYS}
    frame = place.made.platform.lake("synthetic").read(place.whole.snapshot)
    events = read_facts(place.made.platform, place.made.operator, "synthetic", manifest["facts"])
    index = frame.select("candidate", "patient_id", "index_time", "resource_key").with_columns(
        encounter_key=pl.col("resource_key")
    )
    names = [one.name for one in older.model.features]
    assert scorer.frame(index, events).select(names).equals(frame.select(names))


def test_a_model_is_compared_with_a_champion_that_is_told_what_it_learnt_to_read(place: Place) -> None:
    assert place.whole.lineage["evaluation"]["against"] == {}
    told = place.bounded.lineage["evaluation"]["against"]
    frames = [place.made.platform.lake("synthetic").read(one.snapshot) for one in (place.whole, place.bounded)]
    whole, bounded = (one.filter((pl.col("fold") == "test") & pl.col("label").is_not_null()) for one in frames)
    happened = whole["label"].to_numpy().astype(np.bool_)
    champion, model = (unpack(one.files) for one in (place.whole, place.bounded))
    rows = Rows(bounded, happened, bounded["patient_id"])
    risks = model.score(bounded), champion.score(whole)
    assert told["champion"] == place.whole.version
    assert told["measures"] == compared(rows, *risks, Resampling(2, 20))
    assert told["measures"] != compared(rows, risks[0], champion.score(bounded), Resampling(2, 20))
    files = open_version(place.made.platform, place.bounded.version)[1]
    pin = orjson.loads(place.whole.files["training.json"])["facts"]
    events = read_facts(place.made.platform, place.made.operator, "synthetic", pin)
    names = [one.name for one in model.features]
    seen = inputs_of(files, champion, Rows(whole, happened, whole["patient_id"]), events)
    assert seen.select(names).equals(bounded.select(names))


def test_what_trains_it_again_says_the_window(place: Place) -> None:
    again = read(str(place.bounded.lineage["retraining"]))
    assert f"observation_days = {DAYS}" in str(again.options["cohort"])


def test_scores_beside_it_see_the_window_and_its_card_says_it(place: Place) -> None:
    assert {one["name"] for one in place.bounded.report["beside"]} == {"lace", "charlson"}
    whole, bounded = (one.report["baselines"]["Charlson"]["measures"] for one in (place.whole, place.bounded))
    assert whole != bounded
    platform, who = place.made.platform, place.made.operator
    cards = [make_card(platform, who, one.version).of("input_variables").text for one in (place.whole, place.bounded)]
    assert f"more than {DAYS} days before" not in cards[0]
    assert f"more than {DAYS} days before" in cards[1]


def test_a_model_of_a_window_is_not_measured_by_a_task_without_one(place: Place) -> None:
    told = orjson.loads(place.bounded.files[FILE])
    assert told["training"]["observation_days"] == DAYS
    files = {name: data for name, data in place.bounded.files.items() if name.startswith("model")}
    files["training.json"] = place.bounded.files["training.json"]
    asked = RegisterAsk("windowed-elsewhere", files, lineage())
    with pytest.raises(QueryError, match="window of observation"):
        bring_in(place.made.platform, place.made.operator, asked, EvaluateOn(TASK, "synthetic", resamples=20))
