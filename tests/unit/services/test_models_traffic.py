"""From registered to champion and back: gates and a second person, shadow, canary, breach, rollback, retirement."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from careloom.errors import AccessError, Conflict, NotFound, QueryError, StateError, Withheld
from careloom.runtime import Runtime
from careloom.services.models import RegisterAsk, open_version, register, shown
from careloom.services.models_promote import approve, promote, retire, roll_back
from careloom.services.models_traffic import canary, routed, shadow
from careloom.services.models_watch import count, sweep, watch
from tests.api.kit import Clock, Installation
from tests.models_kit import ENGINEER, GATES, MODEL, OFFICER, SECOND, Trained, compared, counted, trained

WHY = "looked at its card"


class Place(Installation):
    """An installation with gates that a small model can meet."""

    def __init__(self, folder: Path) -> None:
        (folder / "gates").mkdir()
        (folder / "gates/small.toml").write_text(GATES)
        self.clock = Clock()
        super().__init__(folder, Runtime(clock=self.clock), models={"gates": folder / "gates"})

    def registered(self, one: Trained, against: Trained | None = None, champion: str = "") -> str:
        lineage = one.lineage
        if against is not None:
            lineage["evaluation"]["against"] = compared(one, against, champion or f"{MODEL}@1")
        return str(register(self.platform, ENGINEER, RegisterAsk(MODEL, one.files, lineage, (), "small"))["version"])

    def champion(self) -> str:
        """The first version, which a second person promoted."""
        version = self.registered(trained(10))
        promote(self.platform, SECOND, version, WHY)
        return version

    def next(self) -> str:
        """A second version, approved."""
        version = self.registered(trained(30), trained(10))
        approve(self.platform, SECOND, version, WHY)
        return version

    def aliases(self) -> dict[str, Any]:
        traffic = shown(self.platform, SECOND, f"{MODEL}@1")["traffic"]
        return {name: traffic[name] for name in ("champion", "challenger", "shadow")}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def test_a_second_person_makes_a_version_the_champion(place: Place) -> None:
    version = place.registered(trained())
    with pytest.raises(AccessError):
        promote(place.platform, ENGINEER, version, WHY)
    made = promote(place.platform, SECOND, version, WHY)
    assert (made["aliases"], made["state"], made["approval"]["by"]) == (["champion"], "approved", "sten")
    assert open_version(place.platform, MODEL)[0].name == version


def test_who_registered_it_cannot_approve_it_whatever_their_roles(place: Place) -> None:
    lineage = trained().lineage
    ask = RegisterAsk(MODEL, trained().files, lineage, (), "small")
    register(place.platform, place.operator, ask)
    for act in (approve, promote):
        with pytest.raises(AccessError):
            act(place.platform, place.operator, f"{MODEL}@1", WHY)
    refused = [one for one in place.events() if one["outcome"] == "refused"]
    assert [one["operation"] for one in refused] == ["models-approve", "models-promote"]


def test_gates_that_do_not_hold_keep_a_version_back_and_it_stays_registered(place: Place) -> None:
    lineage = trained().lineage | {"leaks": {"findings": 1}}
    ask = RegisterAsk(MODEL, trained().files, lineage, (), "small")
    version = str(register(place.platform, ENGINEER, ask)["version"])
    with pytest.raises(Withheld):
        approve(place.platform, SECOND, version, WHY)
    with pytest.raises(Withheld):
        shadow(place.platform, ENGINEER, version)
    assert shown(place.platform, SECOND, version)["state"] == "registered"


def test_a_version_that_was_not_compared_with_the_champion_of_now_waits(place: Place) -> None:
    place.champion()
    alone = place.registered(trained(30))
    worse = place.registered(trained(2), trained(10))
    with pytest.raises(Withheld):
        approve(place.platform, SECOND, alone, WHY)
    with pytest.raises(Withheld):
        approve(place.platform, SECOND, worse, WHY)


def test_a_version_that_was_changed_is_not_approved(place: Place) -> None:
    version = place.registered(trained())
    file = next((place.platform.settings.data.directory / "models/artefacts").rglob("model.json.sealed"))
    file.write_bytes(file.read_bytes()[:-9] + b"123456789")
    with pytest.raises(StateError):
        approve(place.platform, SECOND, version, WHY)


def test_shadow_then_canary_then_champion(place: Place) -> None:
    first, second = place.champion(), place.next()
    shadow(place.platform, ENGINEER, second)
    assert routed(place.platform, MODEL, "someone").listens == 2
    canary(place.platform, ENGINEER, second, 0.5)
    assert place.aliases() == {"champion": 1, "challenger": 2, "shadow": None}
    arms = {routed(place.platform, MODEL, f"p{each}").answers for each in range(40)}
    assert arms == {1, 2}
    with pytest.raises(Conflict):
        promote(place.platform, SECOND, second, WHY)
    count(place.platform, ENGINEER, MODEL, {2: counted(trained(30).risk), 1: counted(trained(10).risk)})
    with pytest.raises(Conflict):
        promote(place.platform, SECOND, second, WHY)
    count(place.platform, ENGINEER, MODEL, {2: counted(trained(30).risk)})
    made = promote(place.platform, SECOND, second, WHY)
    assert made["aliases"] == ["champion"]
    back = roll_back(place.platform, ENGINEER, MODEL, "the nurses say that it errs")
    assert (back["was"], back["now"]) == (second, first)
    assert place.aliases() == {"champion": 1, "challenger": None, "shadow": None}


def test_a_canary_needs_an_approval_a_champion_and_a_share(place: Place) -> None:
    version = place.registered(trained())
    with pytest.raises(Conflict):
        canary(place.platform, ENGINEER, version)
    approve(place.platform, SECOND, version, WHY)
    with pytest.raises(Conflict):
        canary(place.platform, ENGINEER, version)
    promote(place.platform, SECOND, version, WHY)
    second = place.next()
    for share in (0.0, 1.5, -1.0):
        with pytest.raises(QueryError):
            canary(place.platform, ENGINEER, second, share)
    canary(place.platform, ENGINEER, second)
    assert shown(place.platform, SECOND, second)["traffic"]["share"] == 0.1


def regression(kind: str) -> Any:
    """What a broken version would count of the same held-out patients."""
    one = trained(30)
    return {
        "errors": counted(one.risk, errors=30),
        "slow": counted(one.risk, slow=60),
        "scores": counted(np.full(len(one.risk), 0.5)),
        "outcomes": counted(1 - one.risk, one.happened),
    }[kind]


@pytest.mark.parametrize("kind", ["errors", "slow", "scores", "outcomes"])
def test_a_canary_that_breaks_a_limit_is_taken_out_by_itself(place: Place, kind: str) -> None:
    first, second = place.champion(), place.next()
    canary(place.platform, ENGINEER, second, 0.3)
    champion = counted(trained(10).risk, trained(10).happened)
    (done,) = count(place.platform, ENGINEER, MODEL, {1: champion, 2: regression(kind)})
    assert (done["part"], done["version"], done["now"]) == ("challenger", second, first)
    assert place.aliases()["challenger"] is None
    told = shown(place.platform, SECOND, second)
    assert (told["state"], told["approval"]) == ("registered", None)
    with pytest.raises(Conflict):
        canary(place.platform, ENGINEER, second)
    (step,) = [one for one in place.events() if one["operation"] == "models-rollback"]
    assert (step["actor"], step["detail"]["by"]) == ("careloom-watch", "limit")


def test_a_champion_that_breaks_a_limit_is_replaced_by_the_one_before(place: Place) -> None:
    first, second = place.champion(), place.next()
    promote(place.platform, SECOND, second, WHY)
    (done,) = count(place.platform, ENGINEER, MODEL, {2: regression("errors")})
    assert (done["part"], done["now"]) == ("champion", first)
    assert count(place.platform, ENGINEER, MODEL, {1: counted(trained(10).risk, errors=99)}) == []
    assert place.aliases()["champion"] == 1, "the only champion stays: people decide whether no answer is better"


def test_a_shadow_that_breaks_a_limit_stops_to_listen(place: Place) -> None:
    place.champion()
    second = place.next()
    shadow(place.platform, ENGINEER, second)
    (done,) = count(place.platform, ENGINEER, MODEL, {2: regression("errors")})
    assert (done["part"], place.aliases()["shadow"]) == ("shadow", None)


def test_a_version_without_fault_stays_and_old_counts_are_forgotten(place: Place) -> None:
    place.champion()
    second = place.next()
    canary(place.platform, ENGINEER, second, 0.5)
    good = {1: counted(trained(10).risk, trained(10).happened), 2: counted(trained(30).risk, trained(30).happened)}
    assert count(place.platform, ENGINEER, MODEL, good) == []
    assert watch(place.platform, SECOND, MODEL)["parts"]["challenger"]["seen"]["errors"]["n"] == len(trained(30).risk)
    place.clock.move(hours=2)
    sweep(place.platform)
    assert watch(place.platform, SECOND, MODEL)["parts"]["challenger"]["seen"]["errors"]["n"] == 0
    assert place.aliases()["challenger"] == 2


def test_a_retired_version_answers_for_nobody_and_never_again(place: Place) -> None:
    first = place.champion()
    second = place.next()
    with pytest.raises(Conflict):
        retire(place.platform, ENGINEER, first, "old")
    promote(place.platform, SECOND, second, WHY)
    retire(place.platform, ENGINEER, first, "old")
    for act in (
        lambda: promote(place.platform, SECOND, first, WHY),
        lambda: shadow(place.platform, ENGINEER, first),
        lambda: open_version(place.platform, first),
        lambda: roll_back(place.platform, ENGINEER, MODEL, "no"),
        lambda: retire(place.platform, ENGINEER, first, "again"),
    ):
        with pytest.raises(StateError):
            act()


def test_who_may_neither_run_nor_approve_does_nothing(place: Place) -> None:
    version = place.registered(trained())
    acts: list[Any] = [
        lambda: approve(place.platform, OFFICER, version, WHY),
        lambda: promote(place.platform, OFFICER, version, WHY),
        lambda: shadow(place.platform, SECOND, version),
        lambda: canary(place.platform, SECOND, version),
        lambda: roll_back(place.platform, SECOND, MODEL, WHY),
        lambda: retire(place.platform, SECOND, version, WHY),
        lambda: count(place.platform, SECOND, MODEL, {}),
    ]
    for act in acts:
        with pytest.raises(AccessError):
            act()


def test_a_model_that_nobody_answers_for_says_so(place: Place) -> None:
    place.registered(trained())
    with pytest.raises(NotFound):
        routed(place.platform, MODEL, "someone")
    with pytest.raises(NotFound):
        roll_back(place.platform, ENGINEER, MODEL, "nobody")
