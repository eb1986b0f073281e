"""After an erasure nothing of who left stays in the files of a version, however it came to be retired."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careloom.pipeline.registry import REGISTRY
from careloom.services.erase import erase
from careloom.services.models import RegisterAsk, register, shown
from careloom.services.models_kept import folder_of, keep_files, resolve
from careloom.services.models_pipeline import run
from careloom.services.models_promote import retire
from careloom.services.models_runs import RETRAINER, run_named
from careloom.services.models_taint import sweep
from careloom.services.subject_rules import RuleAsk, set_rule
from tests.models_kit import ENGINEER, LOGISTIC, MODEL, OFFICER, PIPELINE, SECOND, trained
from tests.unit.services.test_models_traffic import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setitem(REGISTRY, "models.trainer.logistic", "tests.models_kit:LOGISTIC")
    monkeypatch.setattr(LOGISTIC, "people", frozenset())
    made = Place(tmp_path)
    made.ingest([{"resourceType": "Patient", "id": name, "birthDate": "1961-04-05"} for name in ("p1", "p2")])
    store = made.platform.store("identified")
    LOGISTIC.people = frozenset(store.pseudonym(made.stored_id("Patient", name)) for name in ("p1", "p2"))
    run(made.platform, ENGINEER, PIPELINE)
    yield made
    made.close()


def files(place: Place) -> list[Path]:
    return sorted((folder_of(place.platform) / "artefacts" / MODEL).rglob("*.sealed"))


def by_hand(place: Place) -> None:
    retire(place.platform, ENGINEER, f"{MODEL}@1", "replaced")


def by_objection(place: Place) -> None:
    patient = f"Patient/{place.stored_id('Patient', 'p1')}"
    set_rule(place.platform, OFFICER, RuleAsk("object", patient, reason="asked by letter"))


@pytest.mark.parametrize("before", [by_hand, by_objection])
def test_an_erasure_removes_the_files_of_a_version_that_was_retired_before(
    place: Place, before: Callable[[Place], None]
) -> None:
    before(place)
    assert shown(place.platform, SECOND, f"{MODEL}@1")["state"] == "retired"
    assert files(place)
    erase(place.platform, OFFICER, f"Patient/{place.stored_id('Patient', 'p1')}", search=False)
    assert files(place) == []


def test_a_version_that_was_trained_by_hand_is_trained_again_without_who_left(place: Place) -> None:
    lineage = {**trained().lineage, "data": {"zone": "identified", "snapshot": "a pin"}, "retraining": PIPELINE}
    ask = RegisterAsk(MODEL, trained().files, lineage, LOGISTIC.people, "small")
    version = str(register(place.platform, ENGINEER, ask)["version"])
    by_hand(place)  # the version of the pipeline is out already: the other one has to tell how it is trained
    by_objection(place)
    told = resolve(place.platform, version).body["tainted"]
    run_ = run_named(place.platform, told["retraining"])
    assert (told["causes"], run_.state, run_.body["starter"]) == (["object"], "queued", RETRAINER)
    assert run_.body["text"] == PIPELINE


def test_a_recipe_that_is_no_pipeline_holds_up_neither_a_retirement_nor_an_erasure(place: Place) -> None:
    lineage = {**trained().lineage, "data": {"zone": "identified", "snapshot": "a pin"}, "retraining": "no toml"}
    ask = RegisterAsk(MODEL, trained().files, lineage, LOGISTIC.people, "small")
    version = str(register(place.platform, ENGINEER, ask)["version"])
    by_objection(place)
    one = resolve(place.platform, version)
    assert (one.state, one.body["tainted"]["retraining"]) == ("retired", "")
    assert shown(place.platform, SECOND, f"{MODEL}@1")["state"] == "retired"
    sweep(place.platform)
    erase(place.platform, OFFICER, f"Patient/{place.stored_id('Patient', 'p1')}", search=False)
    assert files(place) == []


def test_files_that_a_killed_run_left_go_at_the_next_sweep_and_never_come_back(place: Place) -> None:
    erase(place.platform, OFFICER, f"Patient/{place.stored_id('Patient', 'p1')}", search=False)
    one = resolve(place.platform, f"{MODEL}@1")
    keep_files(place.platform, MODEL, 1, trained().files)
    assert (one.state, len(files(place))) == ("retired", 1)
    sweep(place.platform)
    assert files(place) == []
    sweep(place.platform)
    assert shown(place.platform, SECOND, f"{MODEL}@1")["state"] == "retired"
