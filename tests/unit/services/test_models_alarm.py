"""Where the scores of two arms differ, their profiles say whose are wrong: the canary ends, or people are told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from careloom.mlops.drift_profile import make_profile
from careloom.runtime import Runtime
from careloom.services.models import RegisterAsk, register
from careloom.services.models_alarm import KIND
from careloom.services.models_kept import traffic_of
from careloom.services.models_watch import count, watch
from careloom.services.monitor_shown import alarms
from careloom.store.alarms import waiting
from tests.api.kit import Clock, Installation
from tests.models_kit import ENGINEER, SECOND, counted
from tests.score_kit import lead

NAME = "arms"
LINEAGE: dict[str, Any] = {
    "data": {"zone": "synthetic", "snapshot": "gold/patients@1"}, "seeds": {"fit": 1},
    "evaluation": {"data": "rows drawn", "measures": {"epsilon": {"value": 1.0, "low": None, "high": 1.0}}},
}  # fmt: skip


def risks(seed: int, at: float = 0.0, n: int = 600) -> Any:
    return 1 / (1 + np.exp(-(np.random.default_rng(seed).normal(-1 + at, 1, n))))


STUCK = np.full(600, 0.5)


class Arms(Installation):
    """A champion and a canary with half of the patients, each with the profile of the scores that it was judged by."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        super().__init__(folder, Runtime(clock=self.clock), monitor={"webhook": "https://alarms.example.org/"})
        for scores in (risks(1), risks(2)):
            frame = pl.DataFrame({"age": np.arange(scores.size, dtype=float)})
            profile = make_profile(frame, [{"name": "age", "type": "number"}], scores)
            files = {"model.json": b"{}", "profile.json": profile.as_json()}
            register(self.platform, ENGINEER, RegisterAsk(NAME, files, LINEAGE, gates="synthetic"))
        lead(self.platform, NAME, champion=1, challenger=2, share=0.5)

    def say(self, champion: Any, canary: Any) -> dict[str, Any]:
        """What both said, counted; who answers after the limits were looked at."""
        count(self.platform, ENGINEER, NAME, {1: counted(champion), 2: counted(canary)})
        return {name: traffic_of(self.platform, NAME)[name] for name in ("champion", "challenger")}

    def standing(self) -> list[dict[str, Any]]:
        return [one for one in alarms(self.platform, SECOND, f"{NAME}@1", "standing") if one["kind"] == KIND]

    def messages(self) -> list[Any]:
        with self.platform.store("identified").connect() as connection:
            return [one.body["alarms"][0]["event"] for one in waiting(connection, f"{NAME}@1")]


@pytest.fixture
def arms(tmp_path: Path) -> Iterator[Arms]:
    with Arms(tmp_path) as made:
        yield made


BOTH = {"champion": 1, "challenger": 2}


def test_a_canary_stays_where_the_scores_of_the_champion_stick_and_people_are_told_once(arms: Arms) -> None:
    assert arms.say(STUCK, risks(4)) == BOTH
    (alarm,) = arms.standing()
    assert (alarm["place"], alarm["level"], alarm["waiting"]) == ("", "large", ["webhook"])
    assert arms.say(STUCK, risks(5)) == BOTH
    assert arms.standing()[0]["id"] == alarm["id"]
    assert arms.messages() == ["opened"]
    told = watch(arms.platform, SECOND, NAME)["parts"]
    assert [len(told[part]["alarms"]) for part in ("champion", "challenger")] == [1, 0]


def test_the_alarm_closes_when_the_scores_are_back_and_that_is_told(arms: Arms) -> None:
    arms.say(STUCK, risks(4))
    arms.clock.move(hours=30)
    assert arms.say(risks(6), risks(7)) == BOTH
    assert arms.standing() == []
    assert arms.messages() == ["opened", "resolved"]


@pytest.mark.parametrize(
    ("champion", "canary"),
    [(risks(3), STUCK), (STUCK, risks(4, at=2.0)), (risks(3), risks(4, at=2.0))],
    ids=["it sticks", "both err", "it moved"],
)
def test_a_canary_that_left_its_profile_ends_and_nobody_accuses_the_champion(
    arms: Arms, champion: Any, canary: Any
) -> None:
    assert arms.say(champion, canary) == {"champion": 1, "challenger": None}
    assert arms.standing() == []


def test_where_nothing_is_wrong_nothing_is_said(arms: Arms) -> None:
    assert arms.say(risks(3), risks(4)) == BOTH
    assert (arms.standing(), arms.messages()) == ([], [])
