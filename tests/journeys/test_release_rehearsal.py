"""A release, rehearsed: train, gates, approval, shadow, canary, a regression, the way back by itself, the audit chain.

The model is small and real: it learns two thirds of the tumours that scikit-learn ships, and answers for the others.
"""

from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from careloom.errors import AccessError, Withheld
from careloom.mlops.counting import Counts
from careloom.pipeline.registry import REGISTRY
from careloom.services import audit
from careloom.services.models import open_version, shown, verify
from careloom.services.models_pipeline import resume, run
from careloom.services.models_promote import approve, promote, roll_back
from careloom.services.models_runs import show_run
from careloom.services.models_traffic import canary, routed, shadow
from careloom.services.models_watch import count
from tests.models_kit import ENGINEER, LOGISTIC, MODEL, PIPELINE, SECOND, held_out, score, trained
from tests.unit.services.test_models_traffic import Place

AT_MOST_SECONDS = 240
"""The limit of the whole rehearsal; rolling back has 5 seconds."""


class Ward:
    """Patients who are scored by whoever answers for each, as a server does it; counts are sent after every hundred."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rows, _ = held_out(30)
        self.happened = trained(30).happened
        self.broken: set[int] = set()
        self.steps: list[dict[str, Any]] = []

    def day(self, patients: int) -> dict[int, int]:
        """Version -> how many patients got its answer."""
        answered: dict[int, int] = {}
        counts: dict[int, Counts] = {}
        for number in range(patients):
            arms = routed(self.place.platform, MODEL, f"patient-{number}")
            answered[arms.answers or 0] = answered.get(arms.answers or 0, 0) + 1
            for version in {arms.answers, arms.listens} - {None}:
                self._answer(counts.setdefault(version or 0, Counts()), version or 0, number % len(self.rows))
            if number % 100 == 99:
                self.steps += count(self.place.platform, ENGINEER, MODEL, counts)
                counts = {}
        self.place.clock.move(minutes=20)
        return answered

    def _answer(self, counts: Counts, version: int, row: int) -> None:
        _, files = self.served(version)
        began = perf_counter()
        risk = float(score(files, self.rows[row : row + 1])[0])
        told = 1 - risk if version in self.broken else risk
        counts.answered((perf_counter() - began) * 1000, told)
        counts.came_true(told, happened=bool(self.happened[row]))

    def served(self, version: int) -> Any:
        if version not in self.__dict__.setdefault("_open", {}):
            self.__dict__["_open"][version] = open_version(self.place.platform, f"{MODEL}@{version}")
        return self.__dict__["_open"][version]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(REGISTRY, "models.trainer.logistic", "tests.models_kit:LOGISTIC")
    monkeypatch.setattr(LOGISTIC, "people", frozenset())
    monkeypatch.setattr(LOGISTIC, "broken", set())
    made = Place(tmp_path)
    yield made
    made.close()


def test_a_release_from_training_to_the_way_back(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    began = perf_counter()
    platform, ward = place.platform, Ward(place)

    first = run(platform, ENGINEER, PIPELINE)
    with pytest.raises(AccessError):
        approve(platform, ENGINEER, first["version"], "my own work is fine")
    approve(platform, SECOND, first["version"], "looked at its measures")
    assert resume(platform, ENGINEER, first["run"])["state"] == "done"
    assert ward.day(300) == {1: 300}

    with pytest.raises(Withheld):
        run(platform, ENGINEER, PIPELINE.replace("columns = 10", "columns = 1"))

    second = run(platform, ENGINEER, PIPELINE.replace("columns = 10", "columns = 30"))
    shadow(platform, ENGINEER, second["version"])
    assert ward.day(300) == {1: 300}, "a shadow is shown to nobody"
    approve(platform, SECOND, second["version"], "it listened for a day, and its scores are fine")
    assert resume(platform, ENGINEER, second["run"])["state"] == "done"
    assert show_run(platform, SECOND, second["run"])["outputs"]["deploy"]["to"] == "canary"

    canary(platform, ENGINEER, second["version"], 0.5)
    answered = ward.day(400)
    assert 100 < answered[2] < 300
    assert ward.steps == []

    ward.broken.add(2)
    at = perf_counter()
    ward.day(400)
    (step,) = ward.steps
    noticed = perf_counter() - at
    assert (step["version"], step["now"], step["part"]) == (f"{MODEL}@2", f"{MODEL}@1", "challenger")
    assert ward.day(100) == {1: 100}
    assert shown(platform, SECOND, f"{MODEL}@2")["approval"] is None

    spent = _rolled_back_by_hand(place)
    for version in (1, 2):
        assert verify(platform, SECOND, f"{MODEL}@{version}")["whole"]
    _audited(place)
    total = perf_counter() - began
    assert total < AT_MOST_SECONDS
    with capsys.disabled():
        print(f"\nrehearsal {total:.1f} s, noticed and taken out in {noticed:.2f} s, rollback {spent:.3f} s")


def _rolled_back_by_hand(place: Place) -> float:
    """Seconds that an operator's rollback of a promoted version takes; afterwards who did before answers again."""
    promote(place.platform, SECOND, f"{MODEL}@2", "mended")
    began = perf_counter()
    back = roll_back(place.platform, ENGINEER, MODEL, "rehearsed")
    spent = perf_counter() - began
    assert (back["was"], back["now"]) == (f"{MODEL}@2", f"{MODEL}@1")
    assert routed(place.platform, MODEL, "anybody").answers == 1
    assert spent < 5
    return spent


def _audited(place: Place) -> None:
    """The chain is whole, and tells each step with who took it."""
    assert audit.verify(place.platform, place.operator)["verified"]
    told = [(one["operation"], one["actor"]) for one in place.events() if one["operation"].startswith("models-")]
    steps = [
        ("models-register", "edda"), ("models-approve", "sten"), ("models-promote", "edda"), ("models-shadow", "edda"),
        ("models-canary", "edda"), ("models-rollback", "careloom-watch"), ("models-promote", "sten"),
        ("models-rollback", "edda"),
    ]  # fmt: skip
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    refused = [one["operation"] for one in place.events() if one["outcome"] == "refused"]
    assert "models-approve" in refused
