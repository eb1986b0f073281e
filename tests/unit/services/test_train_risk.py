"""A risk model trained on a zone: refused where it leaks, registered with its lineage, queued, and read again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from careloom.errors import AccessError, FormatError, InputError, NotFound, QueryError, StateError
from careloom.mlops.card_declared import shipped as shipped_texts
from careloom.mlops.card_declared import written
from careloom.mlops.drift_profile import Profile
from careloom.mlops.gates import Shown, judge, shipped
from careloom.risk.definition_texts import texts_of
from careloom.risk.models_package import unpack
from careloom.risk.tasks import ready_tasks, shipped_task, task_from_toml
from careloom.services import score_models
from careloom.services.access import Principal
from careloom.services.jobs import work
from careloom.services.model_card import make_card, stale_fields
from careloom.services.models import open_version, shown
from careloom.services.models_kept import resolve
from careloom.services.risk_facts import make_facts
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.train_risk import TrainAsk, TrainReport, evaluation, task_named, tasks, train_risk
from careloom.services.train_risk_jobs import submit_training, training_state
from tests.api.kit import Installation
from tests.store_kit import event, put

PATIENTS = 640
CLASS: dict[str, Any] = {"class": {"code": "IMP", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"}}


def _of(number: int, draw: np.random.Generator) -> list[Any]:
    """A patient with a stay and a sodium; the lower it is, the likelier is a stay within a month."""
    name, sodium = f"p{number}", float(draw.normal(138, 5))
    who: dict[str, Any] = {"subject": {"reference": f"Patient/{name}"}}
    start = datetime(2023, 1, 1) + timedelta(days=int(draw.integers(0, 300)))  # noqa: DTZ001  (written without a zone)
    end = start + timedelta(days=int(draw.integers(1, 12)))
    is_back = draw.random() < 1 / (1 + np.exp((sodium - 136) / 2))
    back = end + timedelta(days=int(draw.integers(2, 28)) if is_back else 300)
    stays = [(start, end), (back, back + timedelta(days=2))]
    code = {"coding": [{"system": "http://loinc.org", "code": "2951-2"}]}
    born = f"{1930 + int(draw.integers(0, 70))}-03-01"
    return [
        put("Patient", name, (name,), birthDate=born, gender="female" if number % 2 else "male"),
        *(
            put("Encounter", f"{name}e{place}", (name,), status="finished", **who, **CLASS,
                period={"start": f"{begin:%Y-%m-%d}", "end": f"{over:%Y-%m-%d}"})
            for place, (begin, over) in enumerate(stays)
        ),
        put("Observation", f"{name}o", (name,), status="final", **who, code=code,
            effectiveDateTime=f"{start:%Y-%m-%d}T03:00:00Z",
            valueQuantity={"value": round(sodium, 1), "system": "http://unitsofmeasure.org", "code": "mmol/L"}),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    draw = np.random.default_rng(5)
    with Installation(tmp_path_factory.mktemp("training")) as one:
        with one.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
            transaction.write([write for number in range(PATIENTS) for write in _of(number, draw)])
        yield one


@pytest.fixture(scope="module")
def trained(made: Installation) -> TrainReport:
    ask = TrainAsk("readmission-30d", "synthetic", seed=2, resamples=40, reason="the first")
    return train_risk(made.platform, made.operator, ask)


ACES = """
predicates:
  admission: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  discharge: {code: {regex: "^HOSPITAL_DISCHARGE//"}}
trigger: discharge
windows:
  input: {start: end - 365d, end: trigger, start_inclusive: True, end_inclusive: True, index_timestamp: end}
  target: {start: input.end, end: start + 30d, start_inclusive: False, end_inclusive: True, label: admission}
"""
BY_WINDOWS = """
name = "by-windows"
title = "Readmission within 30 days"
outcome = "readmission"
horizon_days = 30
cohort = "readmission_30_days"
features = "general"
learner = "logistic"
gates = "clinical-risk"
[[candidates]]
penalty = 100.0
knots = 3
"""


def test_a_task_file_of_aces_is_a_cohort_to_train_on_and_to_train_on_again(
    made: Installation, trained: TrainReport
) -> None:
    who, platform = made.operator, made.platform
    ask = TrainAsk(BY_WINDOWS, "synthetic", seed=2, resamples=20, cohort=ACES, judge=(), is_kept=True)
    found = train_risk(platform, who, ask)
    assert found.report["measures"]["auroc"]["value"] > 0.7
    manifest = orjson.loads(found.files["training.json"])
    assert (manifest["leaks"], manifest["observation"]) == ([], "bounded")
    assert manifest["foretold"][0]["kind"] == "admission"
    assert "[windows.target]" in manifest["definitions"]["cohort"]
    assert "[windows.target]" in str(found.lineage["retraining"]).replace("\\n", "\n")
    at = datetime(2023, 8, 1, tzinfo=UTC)
    whole = score_cohort(platform, who, CohortScoreAsk(found.version, "synthetic", as_of=at, trial=True))
    assert whole.states["open"] == whole.stratified.of >= len(whole.listed) > 5  # a risk of 0 is not called
    rows = {row["patient"]: row for row in whole.listed}
    assert {row["index_time"][:7] for row in rows.values()} <= {"2023-07", "2023-08"}
    for patient in sorted(rows)[:5]:
        one = score(platform, who, ScoreAsk(found.version, patient, "synthetic", at, trial=True, gaps=False)).assessment
        assert one is not None
        assert one.probability == pytest.approx(rows[patient]["risk"])
        assert (one.index_key, one.index_time.isoformat()) == (rows[patient]["index"], rows[patient]["index_time"])
        assert one.until == one.index_time + timedelta(days=30)
        assert any(said.facts for factor in one.explanation.factors for said in factor.statements)
    with pytest.raises(InputError, match="windows"):
        score(platform, who, ScoreAsk(found.version, min(rows), "synthetic", at, now=True, trial=True))
    assert manifest["index_kind"] == "discharge"
    texts = texts_of(manifest)
    assert texts is not None
    served = score_models.Served("by-windows", "1", "d1", unpack(found.files), texts=texts)
    with pytest.raises(StateError, match="of which kind its index events are"):
        score_models.scorer(served)
    ahead = texts.cohort.replace("[windows.target]", '[windows.target]\nhas = { discharge = "(1, None)" }')
    with pytest.raises(StateError, match=r"windows\.target\.has"):
        score_models.scorer(replace(served, digest="d2", manifest=manifest, texts=replace(texts, cohort=ahead)))
    sequence = ACES.replace("start: end - 365d", "start: end - 364d")
    with pytest.raises(QueryError, match="observation window"):
        train_risk(platform, who, TrainAsk(BY_WINDOWS, "synthetic", cohort=sequence, judge=(), learner="sequence"))


def test_a_model_is_trained_judged_and_registered_with_all_that_it_rests_on(
    made: Installation, trained: TrainReport
) -> None:
    assert trained.version == "readmission-30d@1"
    assert trained.report["measures"]["auroc"]["value"] > 0.7
    assert "LACE" in trained.report["baselines"]
    told = shown(made.platform, made.operator, trained.version)
    lineage = told["lineage"]
    assert lineage["data"]["snapshot"] == trained.snapshot
    assert lineage["leaks"] == {"findings": 0}
    assert lineage["evaluation"]["measures"]["auroc"]["low"] < lineage["evaluation"]["measures"]["auroc"]["value"]
    assert {one["rule"] for one in trained.findings if "leaks" in one["rule"] and one["passed"]}
    assert any(b"train-risk" in orjson.dumps(one) for one in made.platform.store("synthetic").audit_events())


def test_the_registered_files_are_the_model_its_evaluation_its_training_set_and_its_profile(
    made: Installation, trained: TrainReport
) -> None:
    files = open_version(made.platform, trained.version)[1]
    model = unpack(files)
    assert model.training["cohort"]["name"] == "readmission_30_days"
    assert model.training["snapshot"] == trained.snapshot
    assert model.threshold is not None
    frame = made.platform.lake("synthetic").read(trained.snapshot)
    scores = model.score(frame)
    assert ((scores >= 0) & (scores <= 1)).all()
    told = model.contributions(frame)
    assert told["Sodium"].std() > told["Age"].std()  # type: ignore[operator]
    profile = Profile.read(files["profile.json"])
    assert {one.name for one in profile.columns} == {one.name for one in model.features}
    evaluation = orjson.loads(files["evaluation.json"])
    assert evaluation["counts"]["n"] == trained.report["rows"]["rows"]
    assert orjson.loads(files["training.json"])["demographics"]["sex"].keys() == {"female", "male"}
    names = [f'"p{number}"'.encode() for number in range(PATIENTS)]
    assert not any(name in data for name in names for data in files.values())


def test_the_same_zone_task_and_seed_give_the_same_model(made: Installation, trained: TrainReport) -> None:
    again = train_risk(
        made.platform, made.operator, TrainAsk("readmission-30d", "synthetic", seed=2, is_kept=False, resamples=40)
    )
    assert again.version == ""
    told, first = (orjson.loads(one.files["model.json"]) for one in (again, trained))
    for one in (told, first):
        del one["training"]["snapshot"], one["training"]["pin"]
    assert told == first


def test_another_learner_is_searched_under_a_budget(made: Installation) -> None:
    pytest.importorskip("optuna")
    ask = TrainAsk(
        "readmission-30d", "synthetic", is_kept=False, resamples=20, learner="lightgbm", trials=2, seconds=0.01
    )
    done = train_risk(made.platform, made.operator, ask)
    model = unpack(done.files)
    assert (model.kind, model.training["learner"]) == ("lightgbm", "lightgbm")
    assert model.training["settings"]["rounds"] > 0
    with pytest.raises(QueryError):
        train_risk(made.platform, made.operator, TrainAsk("readmission-30d", "synthetic", learner="forest"))


def test_a_queued_training_is_done_by_the_worker_in_the_name_of_whoever_asked(made: Installation) -> None:
    queued = submit_training(
        made.platform, made.operator, TrainAsk("readmission-30d", "synthetic", is_kept=False, resamples=20)
    )
    assert queued["state"] == "waiting"
    work(made.platform, once=True)
    done = training_state(made.platform, made.operator, queued["id"])
    assert (done["state"], done["result"]["task"]) == ("done", "readmission-30d")
    with pytest.raises(NotFound):
        training_state(made.platform, made.operator, "another")


def test_a_set_that_leaks_trains_nothing(made: Installation, tmp_path: Path) -> None:
    """A feature that is named as what comes after the index."""
    pin = make_facts(made.platform, made.operator, "synthetic").name
    leaky = tmp_path / "features.toml"
    leaky.write_text(
        'name = "leaky"\ntitle = "t"\n[events.a]\nkind = "admission"\n[[features]]\nname = "next_admission"\n'
        'concept = "c"\nmeaning = "m"\naggregation = "count"\nevent = "a"\n'
    )
    task = tmp_path / "task.toml"
    task.write_text(
        f'name = "leaky"\ntitle = "t"\noutcome = "o"\nhorizon_days = 30\ncohort = "readmission_30_days"\n'
        f'features = "{leaky}"\nlearner = "logistic"\ngates = "clinical-risk"\n'
    )
    with pytest.raises(StateError, match="leaks"):
        train_risk(made.platform, made.operator, TrainAsk(str(task), "synthetic", pin))


def test_who_may_not_train_and_what_is_no_task_are_refused(made: Installation, tmp_path: Path) -> None:
    with pytest.raises(AccessError):
        train_risk(
            made.platform,
            Principal("stranger", frozenset({"clinician"}), frozenset({"research"})),
            TrainAsk("readmission-30d", "synthetic"),
        )
    for name in ("no-task", str(tmp_path)):
        with pytest.raises(NotFound):
            train_risk(made.platform, made.operator, TrainAsk(name, "synthetic"))
    with pytest.raises(QueryError):
        train_risk(made.platform, made.operator, TrainAsk("readmission-30d", "identified"))
    with pytest.raises(QueryError):
        train_risk(made.platform, made.operator, TrainAsk("no-show", "synthetic"))


def test_every_task_that_ships_names_a_cohort_and_features_that_ship() -> None:
    from careloom.risk.cohorts_definition import ready, shipped
    from careloom.risk.features_definition import shipped_features

    assert {one["name"] for one in tasks()} == set(ready_tasks())
    for name in ready_tasks():
        task = shipped_task(name)
        assert task.name == name
        assert task.cohort in ready()
        features = {one.name for one in shipped_features(task.features).features}
        assert set(task.left_out) | set(task.directions) <= features
        assert shipped(task.cohort).outcome.horizon_days == task.horizon_days or task.horizon_days in (0, 365)
        assert task_named(name) == task


SPOILT = {
    "no toml": "name = ",
    "an unknown key": 'depth = 3\nname = "a"',
    "another learner": 'name = "a"\nlearner = "forest"',
    "a risk of one": 'name = "a"\ntitle = "t"\noutcome = "o"\nhorizon_days = 1\ncohort = "c"\nfeatures = "f"\n'
    'learner = "logistic"\ngates = "g"\nat_risk = 1.0',
    "another baseline": 'name = "a"\ntitle = "t"\noutcome = "o"\nhorizon_days = 1\ncohort = "c"\nfeatures = "f"\n'
    'learner = "logistic"\ngates = "g"\nbaselines = ["x"]',
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_task_that_says_something_else_is_refused(how: str) -> None:
    with pytest.raises(FormatError):
        task_from_toml(SPOILT[how])


def test_the_card_of_a_trained_version_is_computed_and_lets_it_be_promoted(
    made: Installation, trained: TrainReport
) -> None:
    card = make_card(made.platform, made.operator, trained.version)
    area = trained.report["measures"]["auroc"]["value"]
    assert f"AUROC {area:.3f}" in card.of("validity_same_source").text
    assert {one.number for one in card.answers if one.state == "computed"} == {3, 4, 11, 12, 13, 14, 21, 22}
    assert card.counts == {
        "asked": 31, "answered": 31, "filled": 22, "computed": 8, "declared": 14, "unavailable": 9, "missing": 0,
        "stale": 0,
    }  # fmt: skip
    assert "synthetic records of nobody" in card.of("training_relevance").text
    assert trained.files["card.toml"] == written(shipped_texts("readmission-30d"))
    files = shown(made.platform, made.operator, trained.version)["files"]
    assert files["card.toml"]["sha256"] == card.texts["registered_sha256"] == card.texts["sha256"]
    assert stale_fields(made.platform, resolve(made.platform, trained.version)) == []
    assert card.of("validity_local").state == "unavailable", "simulated patients are of no place"


@pytest.mark.parametrize(("error", "by_chance", "beyond"), [(0.05, 0.03, 0.04), (0.02, 0.021, 0.0), (0.02, 0.0, 0.02)])
def test_an_error_and_what_chance_does_add_as_squares(error: float, by_chance: float, beyond: float) -> None:
    assert _measured(error, by_chance, [])["ece_excess"]["value"] == pytest.approx(beyond)


def test_where_no_group_has_enough_events_nothing_says_that_none_is_served_worse() -> None:
    assert _measured(0.0, 0.0, [])["subgroup_gap_auroc"] == {"value": None, "low": None, "high": None}
    assert not _passes_its_groups([])


def test_a_group_is_refused_for_what_is_certain_of_its_gap_not_for_how_it_looks() -> None:
    noisy, sure = {"gap": 0.3, "low": 0.05}, {"gap": 0.25, "low": 0.18}
    assert _measured(0.0, 0.0, [noisy])["subgroup_gap_auroc"] == {"value": 0.3, "low": 0.05, "high": None}
    assert _passes_its_groups([noisy])
    assert _passes_its_groups([{"gap": -0.1, "low": -0.2}])
    assert not _passes_its_groups([noisy, sure])


def _passes_its_groups(groups: list[dict[str, Any]]) -> bool:
    (told,) = [
        one
        for one in judge(shipped("clinical-risk"), Shown(_measured(0.0, 0.0, groups)))
        if one["rule"].startswith("subgroup_gap_auroc")
    ]
    return bool(told["passed"])


def _measured(error: float, by_chance: float, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """The measures of a page with this calibration error and these groups."""
    page = {
        "rows": {"rows": 900, "patients": 900, "events": 300},
        "measures": {"auroc": {"value": 0.7, "low": 0.6, "high": 0.8}, "ece": {"value": error}},
        "ece_by_chance": by_chance, "subgroups": {"table": [], "apart": groups}, "threshold": {},
    }  # fmt: skip
    measures: dict[str, Any] = evaluation(page, "a snapshot")["measures"]
    return measures
