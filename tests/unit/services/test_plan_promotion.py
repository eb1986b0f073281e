"""What the workflow of promotion does next, asked of versions as they stand in a registry."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.mlops.breach import shipped as limits
from careloom.pipeline.registry import REGISTRY
from careloom.services.jobs import work
from careloom.services.models import shown
from careloom.services.models_pipeline import run
from careloom.services.models_promote import approve, promote, retire
from careloom.services.models_runs import run_named
from careloom.services.models_traffic import canary, shadow
from careloom.services.models_watch import count
from tests.models_kit import ENGINEER, LOGISTIC, MODEL, PIPELINE, SECOND, counted, trained
from tests.unit.services.test_models_traffic import Place
from tools.plan_promotion import needs_approval, step

WHY = "looked at its card"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setitem(REGISTRY, "models.trainer.logistic", "tests.models_kit:LOGISTIC")
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")
    monkeypatch.setattr(LOGISTIC, "people", frozenset())
    monkeypatch.setattr(LOGISTIC, "broken", set())
    made = Place(tmp_path)
    yield made
    made.close()


def told(place: Place, version: str) -> dict[str, Any]:
    return shown(place.platform, SECOND, version)


def done(place: Place, to: str, version: str) -> str:
    """Takes the steps of the workflow; which was the last."""
    if needs_approval(to, told(place, version)):
        approve(place.platform, SECOND, version, WHY, is_held=True)
    place.clock.move(seconds=1)
    work(place.platform, once=True)  # whatever waits goes on between the jobs of the workflow
    acts = {
        "shadow": lambda: shadow(place.platform, ENGINEER, version),
        "canary": lambda: canary(place.platform, ENGINEER, version),
        "promote": lambda: promote(place.platform, SECOND, version, WHY),
        "nothing": lambda: {},
    }
    next_step = step(to, told(place, version))
    acts[next_step]()
    return next_step


def test_a_version_of_a_pipeline_goes_from_shadow_to_canary_to_champion_as_the_workflow_was_asked(
    place: Place,
) -> None:
    first = run(place.platform, ENGINEER, PIPELINE)["version"]
    assert done(place, "champion", first) == "promote"
    second = run(place.platform, ENGINEER, PIPELINE.replace("columns = 10", "columns = 30"))
    version = second["version"]
    assert done(place, "shadow", version) == "shadow"
    assert (place.aliases(), told(place, version)["state"]) == (
        {"champion": 1, "challenger": None, "shadow": 2}, "registered",
    )  # fmt: skip
    assert run_named(place.platform, second["run"]).state == "waiting"
    assert done(place, "canary", version) == "canary"
    assert place.aliases() == {"champion": 1, "challenger": 2, "shadow": None}
    place.clock.move(seconds=1)
    work(place.platform, once=True)
    assert run_named(place.platform, second["run"]).state == "done"  # the run went on with its smoke test
    assert (done(place, "canary", version), needs_approval("champion", told(place, version))) == ("nothing", False)
    answered = counted(trained(30).risk.repeat(2)[: limits().canary_requests])
    count(place.platform, ENGINEER, MODEL, {2: answered})
    assert done(place, "champion", version) == "promote"
    assert place.aliases() == {"champion": 2, "challenger": None, "shadow": None}
    assert done(place, "champion", version) == "nothing"


def test_what_a_version_cannot_become_is_said_before_anybody_approves(place: Place) -> None:
    version = place.registered(trained())
    with pytest.raises(SystemExit, match="choose champion"):
        needs_approval("canary", told(place, version))
    promote(place.platform, SECOND, version, WHY)
    for to in ("shadow", "canary"):
        with pytest.raises(SystemExit, match="is the champion"):
            step(to, told(place, version))
    other = place.next()
    canary(place.platform, ENGINEER, other)
    with pytest.raises(SystemExit, match="is the canary"):
        step("shadow", told(place, other))
    retire(place.platform, ENGINEER, other, "replaced")
    with pytest.raises(SystemExit, match="retired"):
        step("champion", told(place, other))
