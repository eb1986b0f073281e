"""Drift runs the pipeline of a version again, once, and what that trains waits for a second person."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careloom.errors import AccessError, QueryError
from careloom.pipeline.registry import REGISTRY
from careloom.services.access import local_operator
from careloom.services.client_grants import Grants, change_grants, disable
from careloom.services.jobs import work
from careloom.services.models import RegisterAsk, register, shown
from careloom.services.models_kept import resolve, traffic_of
from careloom.services.models_pipeline import submit
from careloom.services.models_promote import approve, roll_back
from careloom.services.models_retrain import queue_retraining
from careloom.services.models_runs import RETRAINER, run_named, runs
from careloom.services.monitor import reports_of
from careloom.services.monitor_retrain import retrain
from careloom.services.scopes import parse
from careloom.services.tokens import principal_for
from tests.models_kit import ENGINEER, LOGISTIC, MODEL, PIPELINE, SECOND, trained
from tests.unit.services.test_models_pipeline import gone
from tests.unit.services.test_models_traffic import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setitem(REGISTRY, "models.trainer.logistic", "tests.models_kit:LOGISTIC")
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")
    monkeypatch.setattr(LOGISTIC, "people", frozenset())
    monkeypatch.setattr(LOGISTIC, "broken", set())
    monkeypatch.setattr(LOGISTIC, "asked", [])
    made = Place(tmp_path)
    yield made
    made.close()


def kept(place: Place, name: str, run_name: str) -> None:
    """A look that opened a retraining."""
    reports_of(place.platform, MODEL, "1").keep({"id": name, "retraining": run_name}, most=10)


def test_drift_opens_one_retraining_which_waits_for_a_second_person(place: Place) -> None:
    done = gone(place)
    opened = retrain(place.platform, ENGINEER, done["version"], "drift in look x: values")
    (newest, *_) = runs(place.platform, SECOND)
    assert (newest["run"], newest["state"], newest["starter"]) == (opened, "queued", RETRAINER)
    kept(place, "20260301T080000Z-abcdef", opened)
    assert retrain(place.platform, ENGINEER, done["version"], "drift in look y: values") == opened
    place.clock.move(seconds=1)
    work(place.platform, once=True)
    (newest, *_) = runs(place.platform, SECOND)
    assert newest["state"] in ("waiting", "withheld")  # a person decides, or the gates did
    assert shown(place.platform, SECOND, MODEL)["number"] == 1
    assert retrain(place.platform, ENGINEER, done["version"], "drift in look z: values") == opened


def test_a_retraining_that_failed_is_opened_again(place: Place) -> None:
    done = gone(place)
    LOGISTIC.broken.add("train")
    opened = retrain(place.platform, ENGINEER, done["version"], "drift")
    kept(place, "20260301T080000Z-abcdef", opened)
    place.clock.move(seconds=1)
    work(place.platform, once=True)
    assert retrain(place.platform, ENGINEER, done["version"], "drift") != opened


def test_a_retraining_that_its_gates_kept_back_is_followed_by_another_once_there_are_other_data(place: Place) -> None:
    done = gone(place)
    LOGISTIC.broken.add("checks")  # the leakage guard finds something: a gate does not hold
    opened = retrain(place.platform, ENGINEER, done["version"], "drift")
    kept(place, "20260301T080000Z-abcdef", opened)
    place.clock.move(seconds=1)
    work(place.platform, once=True)
    assert run_named(place.platform, opened).state == "withheld"
    place.clock.move(hours=24 * 7 - 1)
    assert retrain(place.platform, ENGINEER, done["version"], "drift") == opened
    place.clock.move(hours=2)
    assert retrain(place.platform, ENGINEER, done["version"], "drift") != opened


def test_a_retraining_that_is_done_is_enough_while_what_it_trained_answers(place: Place) -> None:
    done = gone(place)
    opened = retrain(place.platform, ENGINEER, done["version"], "drift")
    kept(place, "20260301T080000Z-abcdef", opened)
    place.clock.move(seconds=1)
    work(place.platform, once=True)
    approve(place.platform, SECOND, f"{MODEL}@2", "looked at its card")
    work(place.platform, once=True)
    assert (run_named(place.platform, opened).state, canary_of(place)) == ("done", 2)
    place.clock.move(days=30)
    assert retrain(place.platform, ENGINEER, done["version"], "drift") == opened
    roll_back(place.platform, ENGINEER, MODEL, "no better")
    assert retrain(place.platform, ENGINEER, done["version"], "drift") != opened


def canary_of(place: Place) -> int | None:
    """The number of the version that answers for a share."""
    return traffic_of(place.platform, MODEL)["challenger"]  # type: ignore[no-any-return]


def test_a_version_that_was_trained_by_hand_is_trained_again_as_it_wrote_down(place: Place) -> None:
    lineage = {**trained().lineage, "retraining": PIPELINE}
    asked = RegisterAsk(MODEL, trained().files, lineage, (), "small")
    version = str(register(place.platform, ENGINEER, asked)["version"])
    opened = retrain(place.platform, ENGINEER, version, "drift")
    (newest, *_) = runs(place.platform, SECOND)
    assert (newest["run"], newest["pipeline"], newest["starter"]) == (opened, "tumours", RETRAINER)


def test_who_made_a_version_cannot_approve_what_its_retraining_makes(place: Place) -> None:
    lineage = {**trained().lineage, "retraining": PIPELINE}
    asked = RegisterAsk(MODEL, trained().files, lineage, (), "small", trainers=("rita",))
    version = str(register(place.platform, place.operator, asked)["version"])
    opened = retrain(place.platform, ENGINEER, version, "drift")
    work(place.platform, once=True)
    second = run_named(place.platform, opened).body["version"]
    for who in (place.operator, local_operator("rita")):
        with pytest.raises(AccessError):
            approve(place.platform, who, second, "mine")
    third = retrain(place.platform, ENGINEER, second, "drift")
    assert {place.operator.name, "rita", RETRAINER} <= set(run_named(place.platform, third).body["resumers"])
    assert approve(place.platform, SECOND, second, "looked at")["state"] == "approved"


def test_a_recipe_of_another_model_is_run_by_nobody(place: Place) -> None:
    lineage = {**trained().lineage, "retraining": PIPELINE.replace(MODEL, "another-model")}
    version = str(
        register(place.platform, ENGINEER, RegisterAsk(MODEL, trained().files, lineage, (), "small"))["version"]
    )
    with pytest.raises(QueryError):
        retrain(place.platform, ENGINEER, version, "drift")
    assert runs(place.platform, SECOND) == []


def test_a_version_that_tells_nobody_how_it_was_trained_is_retrained_by_nobody(place: Place) -> None:
    version = place.registered(trained())
    before = runs(place.platform, SECOND)
    assert retrain(place.platform, ENGINEER, version, "drift") == ""
    assert runs(place.platform, SECOND) == before


def test_a_retraining_reads_with_the_rights_of_the_first_training_or_not_at_all(place: Place) -> None:
    client = place.register(("data-engineer",), ("research", "identified"), name="sid").client
    who = principal_for(client, parse(client.scopes))
    submit(place.platform, who, PIPELINE)
    work(place.platform, once=True)
    opened = retrain(place.platform, ENGINEER, f"{MODEL}@1", "drift")
    LOGISTIC.asked.clear()
    work(place.platform, once=True)
    assert LOGISTIC.asked == [replace(who, name=RETRAINER)] * 2
    first, second = (resolve(place.platform, f"{MODEL}@{number}").body["manifest"]["report"] for number in (1, 2))
    assert first["lineage"]["rights"] == second["lineage"]["rights"] == run_named(place.platform, opened).body["rights"]

    waits = retrain(place.platform, ENGINEER, f"{MODEL}@2", "drift")
    change_grants(place.platform, place.operator, "sid", Grants(("data-engineer",), ("research",)))
    work(place.platform, once=True)
    assert (run_named(place.platform, waits).state, run_named(place.platform, waits).body["error"]) == (
        "failed", AccessError.code,
    )  # fmt: skip
    for act, lost in ((None, "zones identified"), (disable, "may not come in")):
        if act is not None:
            act(place.platform, place.operator, "sid")
        with pytest.raises(AccessError, match=lost) as refused:
            retrain(place.platform, ENGINEER, f"{MODEL}@1", "drift")
        assert "Train it anew" in refused.value.remedy


def test_a_version_of_before_rights_were_written_down_is_not_trained_again_by_itself(place: Place) -> None:
    one = resolve(place.platform, gone(place)["version"])
    lineage = {name: told for name, told in one.body["manifest"]["report"]["lineage"].items() if name != "rights"}
    report = {**one.body["manifest"]["report"], "lineage": lineage}
    older = replace(one, body={**one.body, "manifest": {**one.body["manifest"], "report": report}})
    with pytest.raises(AccessError, match="which rights"):
        queue_retraining(place.platform, older)
