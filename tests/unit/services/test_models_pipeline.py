"""A pipeline goes from data to patients, stops where a person decides, and goes on where it was killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, Conflict, FormatError, QueryError, StateError, Withheld
from careloom.mlops import pipeline_file
from careloom.mlops.gates import SHIPPED
from careloom.pipeline.registry import REGISTRY
from careloom.services.access import ZONES, Principal
from careloom.services.erase import erase
from careloom.services.jobs import work
from careloom.services.models import shown
from careloom.services.models_kept import folder_of
from careloom.services.models_pipeline import resume, run, submit
from careloom.services.models_promote import approve, promote
from careloom.services.models_runs import runs, show_run
from careloom.services.models_taint import sweep
from careloom.services.models_trainer import trainers
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.settings import Models
from tests.models_kit import ENGINEER, LOGISTIC, MODEL, OFFICER, PIPELINE, SECOND
from tests.unit.services.test_models_traffic import WHY, Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setitem(REGISTRY, "models.trainer.logistic", "tests.models_kit:LOGISTIC")
    monkeypatch.setattr(LOGISTIC, "people", frozenset())
    monkeypatch.setattr(LOGISTIC, "broken", set())
    made = Place(tmp_path)
    yield made
    made.close()


def gone(place: Place, text: str = PIPELINE) -> dict[str, Any]:
    """A run that was approved by a second person and is done."""
    one = run(place.platform, ENGINEER, text)
    approve(place.platform, SECOND, one["version"], WHY)
    place.clock.move(seconds=1)
    return resume(place.platform, ENGINEER, one["run"])


def test_a_run_stops_at_the_approval_and_then_deploys(place: Place) -> None:
    one = run(place.platform, ENGINEER, PIPELINE)
    assert (one["state"], one["at"], one["version"]) == ("waiting", "approval", f"{MODEL}@1")
    assert resume(place.platform, ENGINEER, one["run"])["state"] == "waiting"
    approve(place.platform, SECOND, one["version"], WHY)
    done = resume(place.platform, ENGINEER, one["run"])
    assert (done["state"], done["done"][-1]) == ("done", "monitor")
    told = shown(place.platform, SECOND, MODEL)
    assert (told["aliases"], told["pipeline"], told["lineage"]["recipe"]["name"]) == (
        ["champion"],
        one["run"],
        "tumours",
    )
    with pytest.raises(Conflict):
        resume(place.platform, ENGINEER, one["run"])


def test_the_second_version_becomes_a_canary(place: Place) -> None:
    gone(place)
    done = gone(place, PIPELINE.replace("columns = 10", "columns = 30"))
    assert show_run(place.platform, SECOND, done["run"])["outputs"]["deploy"] == {"to": "canary", "share": 0.5}
    assert place.aliases() == {"champion": 1, "challenger": 2, "shadow": None}


def test_a_worse_model_is_withheld_and_never_registered(place: Place) -> None:
    gone(place)
    with pytest.raises(Withheld):
        run(place.platform, ENGINEER, PIPELINE.replace("columns = 10", "columns = 2"))
    (newest, _) = runs(place.platform, SECOND)
    assert (newest["state"], newest["at"], newest["error"]) == ("withheld", "gates", "state.withheld")
    assert len([one for one in place.events() if one["operation"] == "models-register"]) == 1


def test_data_that_leak_are_withheld(place: Place) -> None:
    LOGISTIC.broken.add("checks")
    with pytest.raises(Withheld):
        run(place.platform, ENGINEER, PIPELINE)


@pytest.mark.parametrize("step", ["snapshot", "train", "evaluate"])
def test_a_run_that_failed_goes_on_from_the_step_that_failed(place: Place, step: str) -> None:
    LOGISTIC.broken.add(step)
    with pytest.raises(StateError):
        run(place.platform, ENGINEER, PIPELINE)
    (one,) = runs(place.platform, SECOND)
    assert (one["state"], one["at"]) == ("failed", step)
    LOGISTIC.broken.clear()
    done = resume(place.platform, ENGINEER, one["run"])
    assert (done["state"], done["run"]) == ("waiting", one["run"])


def test_who_started_or_resumed_a_run_cannot_approve_what_it_trained(place: Place) -> None:
    starter, third = (Principal(name, frozenset({"data-engineer", "data-steward"}), ZONES) for name in ("ada", "bo"))
    for who, step in ((starter, "train"), (third, "evaluate")):
        LOGISTIC.broken = {step}
        with pytest.raises(StateError):
            run(place.platform, who, PIPELINE) if step == "train" else resume(place.platform, who, newest(place))
    LOGISTIC.broken = set()
    version = resume(place.platform, ENGINEER, newest(place))["version"]
    told = shown(place.platform, SECOND, version)
    assert (told["registrar"], told["manifest"]["report"]["trainers"]) == ("edda", ["ada", "bo", "edda"])
    for who in (starter, third):
        for act in (approve, promote):
            with pytest.raises(AccessError):
                act(place.platform, who, version, "mine")
    assert approve(place.platform, SECOND, version, WHY)["state"] == "approved"


def newest(place: Place) -> str:
    return str(runs(place.platform, SECOND)[0]["run"])


def test_a_version_that_answers_otherwise_than_measured_is_taken_out(place: Place) -> None:
    gone(place)
    one = run(place.platform, ENGINEER, PIPELINE.replace("columns = 10", "columns = 30"))
    approve(place.platform, SECOND, one["version"], WHY)
    LOGISTIC.broken.add("smoke")
    with pytest.raises(StateError):
        resume(place.platform, ENGINEER, one["run"])
    assert place.aliases() == {"champion": 1, "challenger": None, "shadow": None}
    assert shown(place.platform, SECOND, one["version"])["state"] == "registered"


def test_a_queued_run_is_worked_off_and_goes_on_when_it_is_approved(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")
    one = submit(place.platform, ENGINEER, PIPELINE)
    assert one["state"] == "queued"
    work(place.platform, once=True)
    assert show_run(place.platform, SECOND, one["run"])["state"] == "waiting"
    approve(place.platform, SECOND, f"{MODEL}@1", WHY)
    work(place.platform, once=True)
    assert show_run(place.platform, SECOND, one["run"])["state"] == "done"


def no_mirror(*_: Any) -> dict[str, Any]:
    """MLflow takes seconds to load: what it shows is tested in test_models_mirror."""
    return {}


def learnt_from(place: Place) -> str:
    """A patient whom the champion learnt from; another one stays."""
    place.ingest([{"resourceType": "Patient", "id": name, "birthDate": "1961-04-05"} for name in ("p1", "p2")])
    store = place.platform.store("identified")
    stored = place.stored_id("Patient", "p1")
    LOGISTIC.people = frozenset(store.pseudonym(place.stored_id("Patient", name)) for name in ("p1", "p2"))
    gone(place)
    return stored


def test_an_erasure_retires_the_version_and_queues_a_training(place: Place) -> None:
    stored = learnt_from(place)
    erase(place.platform, OFFICER, f"Patient/{stored}", search=False)
    told = shown(place.platform, SECOND, f"{MODEL}@1")
    assert (told["state"], told["aliases"]) == ("retired", [])
    assert list((folder_of(place.platform) / "artefacts" / MODEL).rglob("*.sealed")) == []
    (newest, _) = runs(place.platform, SECOND)
    assert (newest["state"], newest["starter"]) == ("queued", "careloom-retraining")
    sweep(place.platform)
    assert len(runs(place.platform, SECOND)) == 2
    LOGISTIC.people = frozenset([place.platform.store("identified").pseudonym(place.stored_id("Patient", "p2"))])
    done = resume(place.platform, ENGINEER, newest["run"])
    assert (done["state"], done["version"]) == ("waiting", f"{MODEL}@2")
    assert place.aliases()["champion"] is None, "the same gates and a second person, before anybody gets its answers"


def test_an_objection_retires_it_but_keeps_its_files(place: Place) -> None:
    stored = learnt_from(place)
    set_rule(place.platform, OFFICER, RuleAsk("object", f"Patient/{stored}", reason="asked by letter"))
    assert shown(place.platform, SECOND, f"{MODEL}@1")["state"] == "retired"
    assert list((folder_of(place.platform) / "artefacts" / MODEL).rglob("*.sealed"))


def test_a_champion_may_be_given_some_days(place: Place) -> None:
    settings = place.platform.settings
    kept = Models(gates=settings.models.gates, tainted_days=2)
    place.platform.settings = settings.model_copy(update={"models": kept})
    stored = learnt_from(place)
    erase(place.platform, OFFICER, f"Patient/{stored}", search=False)
    assert place.aliases()["champion"] == 1
    place.clock.move(days=1)
    sweep(place.platform)
    assert place.aliases()["champion"] == 1
    place.clock.move(days=2)
    sweep(place.platform)
    assert place.aliases()["champion"] is None
    assert len(runs(place.platform, SECOND)) == 2


def test_who_may_not_train_starts_nothing(place: Place) -> None:
    for act in (run, submit):
        with pytest.raises(AccessError):
            act(place.platform, OFFICER, PIPELINE)


BROKEN: list[tuple[str, str, type[Exception]]] = [
    ('trainer = "logistic"', 'trainer = "magic"', QueryError),
    ('gates = "small"', "", FormatError),
    ('name = "tumours"', 'names = "tumours"', FormatError),
    ('"approval", "deploy"', '"deploy"', FormatError),
    ('"snapshot", "checks"', '"checks", "snapshot"', FormatError),
    ('"snapshot", ', "", FormatError),
    ('"monitor"', '"prayer"', FormatError),
    ("share = 0.5", "share = 2", FormatError),
    ('to = "canary"', 'to = "everybody"', FormatError),
    (f'model = "{MODEL}"', 'model = "Über Modell"', QueryError),
    ("version = 1", "version = 2", FormatError),
    ("[deploy]", "[deploy", FormatError),
]


@pytest.mark.parametrize(("part", "instead", "error"), BROKEN)
def test_a_pipeline_that_means_nothing_is_refused(
    place: Place, part: str, instead: str, error: type[Exception]
) -> None:
    assert part in PIPELINE
    with pytest.raises(error):
        run(place.platform, ENGINEER, PIPELINE.replace(part, instead))
    assert runs(place.platform, SECOND) == []


@pytest.mark.parametrize("name", pipeline_file.shipped_names())
def test_pipelines_that_ship_can_be_read_and_name_what_there_is(name: str) -> None:
    one = pipeline_file.read(pipeline_file.shipped(name))
    assert one.name == name
    assert one.gates in SHIPPED
    assert one.trainer in trainers()


def test_a_run_that_learnt_from_who_left_before_it_was_registered_trains_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.ingest([{"resourceType": "Patient", "id": name, "birthDate": "1961-04-05"} for name in ("p1", "p2")])
    store = place.platform.store("identified")
    one, other = (store.pseudonym(place.stored_id("Patient", name)) for name in ("p1", "p2"))
    LOGISTIC.people = frozenset([one, other])
    LOGISTIC.broken.add("evaluate")
    with pytest.raises(StateError):
        run(place.platform, ENGINEER, PIPELINE)
    laid_by = folder_of(place.platform) / "artefacts/runs"
    assert list(laid_by.rglob("*.sealed"))
    erase(place.platform, OFFICER, f"Patient/{place.stored_id('Patient', 'p1')}", search=False)
    assert list(laid_by.rglob("*.sealed")) == []
    LOGISTIC.broken.clear()
    LOGISTIC.people = frozenset([other])
    (begun,) = runs(place.platform, SECOND)
    assert "train" not in begun["done"]
    assert resume(place.platform, ENGINEER, begun["run"])["state"] == "waiting"


def test_nothing_of_a_withheld_run_is_kept(place: Place) -> None:
    LOGISTIC.broken.add("checks")
    with pytest.raises(Withheld):
        run(place.platform, ENGINEER, PIPELINE)
    assert list((folder_of(place.platform) / "artefacts").rglob("*.sealed")) == []


def test_a_reason_that_is_a_novel_is_refused(place: Place) -> None:
    one = run(place.platform, ENGINEER, PIPELINE)
    with pytest.raises(QueryError):
        approve(place.platform, SECOND, one["version"], "x" * 501)
