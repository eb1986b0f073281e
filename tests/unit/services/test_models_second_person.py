"""The second person stays asked, whatever was decided before; and nobody's word overwrites what changed meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, Conflict, QueryError
from careloom.pipeline.registry import REGISTRY
from careloom.services.access import Principal
from careloom.services.models import RegisterAsk, models, register, shown
from careloom.services.models_gates import CARD
from careloom.services.models_kept import Change, resolve, write
from careloom.services.models_promote import approve, promote, retire, roll_back
from careloom.services.models_traffic import canary
from tests.models_kit import ENGINEER, GATES, MODEL, SECOND, trained
from tests.unit.services.test_models_traffic import WHY, Place

CARDED = GATES.replace('"small"', '"carded"') + '[[gate]]\nmeasure = "card_stale"\nat_most = 0\n'
MEANWHILE: list[Callable[[], object]] = []
"""What somebody else does while a version's gates are looked at: each once."""


def looked_at(*_: Any) -> list[str]:
    """The look at a model's card, during which others act."""
    while MEANWHILE:
        MEANWHILE.pop()()
    return []


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setitem(REGISTRY, CARD, f"{__name__}:looked_at")
    made = Place(tmp_path)
    (tmp_path / "gates/carded.toml").write_text(CARDED)
    yield made
    made.close()
    MEANWHILE.clear()


def registrar(place: Place) -> Principal:
    """Who has every role, and registers the next version."""
    return place.operator


def test_who_registered_a_version_cannot_put_it_back_after_a_rollback(place: Place) -> None:
    place.champion()
    second = str(
        register(place.platform, registrar(place), RegisterAsk(MODEL, trained().files, lineage(), (), "small"))[
            "version"
        ]
    )
    promote(place.platform, SECOND, second, WHY)
    roll_back(place.platform, registrar(place), MODEL, "alerts doubled")
    told = shown(place.platform, SECOND, second)
    assert (told["state"], told["approval"]) == ("registered", None)
    for act in (approve, promote):
        with pytest.raises(AccessError):
            act(place.platform, registrar(place), second, "mine")
    with pytest.raises(Conflict):
        canary(place.platform, registrar(place), second, 1.0)
    assert promote(place.platform, SECOND, second, "mended")["aliases"] == ["champion"]


def test_who_registered_a_version_cannot_promote_it_on_the_approval_of_another(place: Place) -> None:
    ask = RegisterAsk(MODEL, trained().files, trained().lineage, (), "small")
    register(place.platform, registrar(place), ask)
    approve(place.platform, SECOND, f"{MODEL}@1", WHY)
    with pytest.raises(AccessError):
        promote(place.platform, registrar(place), f"{MODEL}@1", "mine")
    assert place.aliases()["champion"] is None


def test_a_canary_that_a_person_ends_needs_a_new_approval(place: Place) -> None:
    place.champion()
    second = place.next()
    canary(place.platform, ENGINEER, second, 0.5)
    roll_back(place.platform, ENGINEER, MODEL, "too early")
    with pytest.raises(Conflict):
        canary(place.platform, ENGINEER, second, 0.5)
    approve(place.platform, SECOND, second, "looked again")
    canary(place.platform, ENGINEER, second, 0.5)


def lineage() -> dict[str, Any]:
    """Of a version that was compared with the first, which is the same: nothing between them differs."""
    told = trained().lineage
    same = {"auroc": {"value": 0.0, "low": 0.0, "high": 0.0}}
    told["evaluation"]["against"] = {"champion": f"{MODEL}@1", "measures": same}
    return told


def carded(place: Place, *, openly: bool = False) -> str:
    """A version whose card is looked at before somebody's word counts."""
    ask = RegisterAsk(MODEL, trained().files, lineage(), (), "carded", new_gates=openly)
    return str(register(place.platform, ENGINEER, ask)["version"])


def tainted(place: Place, version: str) -> None:
    one = resolve(place.platform, version)
    body = {**one.body, "tainted": {"causes": ["objection"], "retraining": ""}}
    write(
        place.platform, SECOND, Change("models-taint", {"version": version}),
        lambda step: step.models.change("version", version, one.state, body),
    )  # fmt: skip


@pytest.mark.parametrize("act", [approve, promote], ids=["approve", "promote"])
def test_a_taint_that_comes_while_a_version_is_looked_at_is_not_overwritten(
    place: Place, act: Callable[..., Any]
) -> None:
    version = carded(place)
    MEANWHILE.append(lambda: tainted(place, version))
    with pytest.raises(Conflict, match="meanwhile"):
        act(place.platform, SECOND, version, WHY)
    one = resolve(place.platform, version)
    assert (one.state, one.body["tainted"]["causes"]) == ("registered", ["objection"])


@pytest.mark.parametrize("act", [approve, promote], ids=["approve", "promote"])
def test_a_version_that_is_retired_while_it_is_looked_at_stays_so(place: Place, act: Callable[..., Any]) -> None:
    version = carded(place)
    MEANWHILE.append(lambda: retire(place.platform, ENGINEER, version, "it erred"))
    with pytest.raises(Conflict, match="meanwhile"):
        act(place.platform, SECOND, version, WHY)
    assert resolve(place.platform, version).state == "retired"


def test_a_rollback_while_a_version_is_looked_at_is_not_undone(place: Place) -> None:
    place.champion()
    version = carded(place, openly=True)
    approve(place.platform, SECOND, version, WHY)

    def tried() -> None:
        promote(place.platform, SECOND, version, WHY)
        roll_back(place.platform, ENGINEER, MODEL, "it erred")

    MEANWHILE.append(tried)
    with pytest.raises(Conflict):
        promote(place.platform, SECOND, version, WHY)
    assert place.aliases()["champion"] == 1
    assert resolve(place.platform, version).body["approval"] is None


def test_who_becomes_champion_while_another_is_looked_at_is_not_replaced_unseen(place: Place) -> None:
    version = carded(place)
    other = carded(place)
    MEANWHILE.append(lambda: promote(place.platform, SECOND, other, WHY))
    with pytest.raises(Conflict):
        promote(place.platform, SECOND, version, WHY)
    assert place.aliases()["champion"] == 2


@pytest.mark.parametrize("gates", ["language", "synthetic"])
def test_a_model_of_risk_is_judged_by_clinical_gates_alone(place: Place, gates: str) -> None:
    with pytest.raises(QueryError, match="a patient's risk"):
        register(place.platform, ENGINEER, RegisterAsk(MODEL, trained().files, trained().lineage, (), gates))
    assert models(place.platform, SECOND) == []


def test_a_model_keeps_its_gates_unless_somebody_says_openly_that_they_change(place: Place) -> None:
    first = place.registered(trained())
    assert "others than before" not in str(shown(place.platform, SECOND, first)["findings"])
    with pytest.raises(Conflict, match="gates small"):
        carded(place)
    ask = RegisterAsk(MODEL, trained().files, trained().lineage, (), "carded", new_gates=True)
    second = register(place.platform, ENGINEER, ask)
    told = (second["findings"][0], approve(place.platform, SECOND, second["version"], WHY)["approval"]["findings"][0])
    assert {one["why"] for one in told} == {"versions before were judged by small, this one by carded"}
    third = carded(place)
    assert "judged by small" in shown(place.platform, SECOND, third)["findings"][0]["why"], "it stays in sight"
