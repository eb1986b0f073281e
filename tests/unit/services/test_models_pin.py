"""Rights pinned on a version of before: by a second person, as its trainer holds them, and followed from then on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, Conflict, NotFound, StateError
from careloom.pipeline.registry import REGISTRY
from careloom.services.access import Principal, local_operator
from careloom.services.client_grants import Grants, change_grants, disable
from careloom.services.dependencies import Dependency, health
from careloom.services.jobs import work
from careloom.services.models import RegisterAsk, register, shown, verify
from careloom.services.models_kept import resolve
from careloom.services.models_pin import pin_rights
from careloom.services.models_promote import promote, retire
from careloom.services.models_runs import RETRAINER
from careloom.services.monitor_retrain import retrain
from careloom.services.scopes import parse
from careloom.services.tokens import principal_for
from tests.models_kit import ENGINEER, LOGISTIC, MODEL, PIPELINE, SECOND, trained
from tests.unit.services.test_models_traffic import Place

WHY = "trained in the research zone, as its trainer may today"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setitem(REGISTRY, "models.trainer.logistic", "tests.models_kit:LOGISTIC")
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")
    for name, value in (("people", frozenset()), ("broken", set()), ("asked", [])):
        monkeypatch.setattr(LOGISTIC, name, value)
    made = Place(tmp_path)
    yield made
    made.close()


def older(place: Place, who: Principal, **more: Any) -> str:
    """A version as one of before rights were pinned: its lineage tells none."""
    lineage = {**trained(10).lineage, "retraining": PIPELINE, "rights": None, **more}
    return str(register(place.platform, who, RegisterAsk(MODEL, trained(10).files, lineage, (), "small"))["version"])


def sid(place: Place) -> Principal:
    client = place.register(("data-engineer",), ("research", "identified"), name="sid").client
    return principal_for(client, parse(client.scopes))


def seen(place: Place) -> Dependency:
    return next(one for one in health(place.platform, place.operator) if one.name == "retraining")


def test_a_version_without_rights_is_refused_with_the_command_that_pins_them_and_health_tells(place: Place) -> None:
    version = older(place, sid(place))
    assert (seen(place).state, seen(place).numbers) == ("ok", {})
    promote(place.platform, SECOND, version, WHY)
    found = seen(place)
    assert (found.state, found.reason, found.numbers) == (
        "degraded", "rights-missing", {"versions": 1.0, "without_rights": 1.0},
    )  # fmt: skip
    answer = place.client.get("/metrics", headers=place.bearer())
    assert answer.status_code == 200
    assert "careloom_retraining_without_rights 1.0" in answer.text
    with pytest.raises(AccessError, match="which rights") as refused:
        retrain(place.platform, ENGINEER, version, "drift")
    assert f"careloom models pin-rights {version}" in refused.value.remedy


def test_a_second_person_pins_what_the_trainer_may_and_a_retraining_has_exactly_that(place: Place) -> None:
    who = sid(place)
    version = older(place, who)
    promote(place.platform, SECOND, version, WHY)
    told = pin_rights(place.platform, SECOND, version, WHY)
    rights = told["lineage"]["rights"]
    assert (rights["by"], rights["roles"], rights["zones"]) == ("sid", ["data-engineer"], ["identified", "research"])
    assert (rights["pinned"]["by"], rights["pinned"]["reason"]) == ("sten", WHY)
    assert verify(place.platform, SECOND, version)["whole"]
    assert shown(place.platform, SECOND, version)["lineage"]["rights"] == rights
    (event,) = [one for one in place.events() if one["operation"] == "models-pin-rights"]
    assert (event["actor"], event["outcome"], event["detail"]["of"]) == ("sten", "success", "sid")
    assert seen(place).state == "ok"

    LOGISTIC.asked.clear()
    assert retrain(place.platform, ENGINEER, version, "drift")
    work(place.platform, once=True)
    assert LOGISTIC.asked[0] == replace(who, name=RETRAINER)
    after = resolve(place.platform, f"{MODEL}@2").body["manifest"]["report"]["lineage"]["rights"]
    assert after == {name: value for name, value in rights.items() if name != "pinned"}

    change_grants(place.platform, place.operator, "sid", Grants(("data-engineer",), ("research",)))
    assert seen(place).reason == "rights-missing"
    with pytest.raises(AccessError, match="zones identified"):
        retrain(place.platform, ENGINEER, version, "drift")


def test_who_trained_it_pins_nothing_and_the_refusal_is_audited(place: Place) -> None:
    version = older(place, place.operator)
    with pytest.raises(AccessError):
        pin_rights(place.platform, place.operator, version, WHY)
    with pytest.raises(AccessError):
        pin_rights(place.platform, ENGINEER, version, WHY)  # an engineer approves nothing
    refused = [one for one in place.events() if one["operation"] == "models-pin-rights"]
    assert {one["outcome"] for one in refused} == {"refused"}
    assert resolve(place.platform, version).body.get("rights") is None


def test_what_has_rights_or_a_way_of_its_own_or_is_retired_is_refused(place: Place) -> None:
    who = sid(place)
    lineage = {**trained().lineage, "retraining": PIPELINE}
    new = str(register(place.platform, who, RegisterAsk(MODEL, trained().files, lineage, (), "small"))["version"])
    with pytest.raises(Conflict):
        pin_rights(place.platform, SECOND, new, WHY)
    with pytest.raises(StateError):
        pin_rights(place.platform, SECOND, older(place, who, retraining=""), WHY)
    gone = older(place, who)
    retire(place.platform, ENGINEER, gone, WHY)
    with pytest.raises(Conflict):
        pin_rights(place.platform, SECOND, gone, WHY)
    once = older(place, who)
    pin_rights(place.platform, SECOND, once, WHY)
    with pytest.raises(Conflict):
        pin_rights(place.platform, SECOND, once, WHY)
    with pytest.raises(NotFound):
        pin_rights(place.platform, SECOND, f"{MODEL}@99", WHY)


def test_nobody_lends_the_rights_of_who_may_not_come_in_or_not_train(place: Place) -> None:
    who = sid(place)
    version = older(place, who)
    change_grants(place.platform, place.operator, "sid", Grants(("clinician",), ("identified",)))
    with pytest.raises(AccessError, match="may not train"):
        pin_rights(place.platform, SECOND, version, WHY)
    disable(place.platform, place.operator, "sid")
    with pytest.raises(AccessError):
        pin_rights(place.platform, SECOND, version, WHY)


def test_the_rights_of_whom_nobody_registered_are_pinned_at_the_command_line_alone(place: Place) -> None:
    version = older(place, local_operator("rita"))
    client = place.register(("data-steward",), ("identified",), name="ida").client
    over_http = principal_for(client, parse(client.scopes))
    with pytest.raises(AccessError, match="nobody registered"):
        pin_rights(place.platform, over_http, version, WHY)
    told = pin_rights(place.platform, local_operator("otto"), version, WHY)
    assert told["lineage"]["rights"]["by"] == "rita"
    assert retrain(place.platform, ENGINEER, version, "drift")
    elsewhere = older(place, replace(local_operator("x"), name="https://idp.example.org:abc"))
    with pytest.raises(AccessError, match="nobody registered"):
        pin_rights(place.platform, local_operator("otto"), elsewhere, WHY)
