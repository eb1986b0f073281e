"""Releases that go wrong at the bedside, rehearsed: train, gates, approval, shadow, canary, and back by itself.

Every answer is a card of CDS Hooks, or none, about a patient of the sealed store. Three canaries err, each in another
way: by its scores, by what clinicians make of its cards, and by what becomes of its patients.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
import pytest

from careloom.mlops.drift_thresholds import thresholds
from careloom.pipeline.registry import REGISTRY
from careloom.risk.cds_cards import OVERRIDE
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.models_package import pack, unpack
from careloom.risk.subgroups import by_subgroup
from careloom.runtime import Runtime
from careloom.services import audit
from careloom.services.cds_calls import HookAsk
from careloom.services.cds_services import cards, feedback
from careloom.services.models import shown, verify
from careloom.services.models_kept import traffic_of
from careloom.services.models_pipeline import resume, run
from careloom.services.models_promote import approve
from careloom.services.models_traffic import shadow
from careloom.services.models_trainer import Asked, Fitted
from careloom.services.models_watch import watch
from careloom.services.monitor_outcomes import label_due
from tests.api.kit import Clock, Installation
from tests.models_kit import ENGINEER, SECOND
from tests.score_kit import NAME, model, patient, rows, stay
from tests.store_kit import event

PEOPLE = 300
AT = datetime(2024, 2, 25, tzinfo=UTC)
VIEW = f"{NAME}.patient-view"
GATES = """
version = 1
name = "bedside"
meaning = "Of a test: drawn rows."
[[gate]]
measure = "auroc"
at_least = 0.6
of = "low"
[[gate]]
measure = "ece"
at_most = 0.1
[[gate]]
measure = "leaks"
at_most = 0
[[gate]]
measure = "tainted"
at_most = 0
"""
PIPELINE = f"""
version = 1
name = "bedside"
meaning = "Of a test."
model = "{NAME}"
trainer = "bedside"
gates = "bedside"
reason = "trained by the pipeline"
steps = ["snapshot", "checks", "train", "evaluate", "gates", "register", "approval", "deploy", "smoke", "monitor"]
[options]
shift = 0.0
[deploy]
to = "canary"
share = 0.5
"""


class Bedside:
    """Trains the model of `tests.score_kit` on the rows of a hospital: that of here, or one that lies otherwise."""

    def snapshot(self, asked: Asked) -> dict[str, Any]:
        return {"zone": "public", "snapshot": f"drawn rows, shift {asked.options['shift']}"}

    def checks(self, asked: Asked) -> dict[str, Any]:
        return {"findings": 0}

    def train(self, asked: Asked) -> Fitted:
        return Fitted(pack(model(10.0, asked.options["shift"])), {"rows": 20261130})

    def evaluate(self, asked: Asked, files: Mapping[str, bytes], champion: Any) -> dict[str, Any]:
        frame, came = rows(seed=7, shift=asked.options["shift"])
        risk, how = unpack(files).score(frame), Resampling(7, 200)
        found = evaluate(came, risk, np.arange(len(came)), how)
        people = frame.select(
            pl.Series("patient_id", np.arange(len(came))), pl.Series("happened", came), pl.Series("risk", risk),
            pl.when("is_female").then(pl.lit("female")).otherwise(pl.lit("male")).alias("sex"),
        )  # fmt: skip
        groups = by_subgroup(people, ["sex"], threshold=0.2, how=how).table.to_dicts()
        told = {name: getattr(found, name) for name in ("auroc", "ece", "brier")}
        measures = {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in told.items()}
        return {"data": "drawn rows, seed 7", "measures": measures, "subgroups": groups}

    def smoke(self, asked: Asked, files: Mapping[str, bytes]) -> dict[str, Any]:
        frame, _ = rows(50, seed=8)
        opened = unpack(files)
        wrong = abs(opened.score_rows(frame.to_dicts()) - opened.score(frame)) > 1e-9
        return {"answers": frame.height, "wrong": int(wrong.sum())}


BEDSIDE = Bedside()


class Ward(Installation):
    """Patients whose charts are opened, one every half minute."""

    def __init__(self, folder: Path) -> None:
        (folder / "gates").mkdir()
        (folder / "gates/bedside.toml").write_text(GATES)
        self.clock = Clock(AT)
        super().__init__(folder, Runtime(clock=self.clock), models={"gates": folder / "gates"})
        for first in range(0, PEOPLE, 50):
            with self.platform.store("identified").transaction(event()) as step:
                for number in range(first, first + 50):
                    born = f"{1932 + number % 60}-03-01"
                    step.write(patient(f"p{number}", born=born, sodium=114.0 + number % 13))

    def release(self, shift: float) -> str:
        """Trains a version, and lets it become the champion, or the canary of half of all beside one."""
        made = run(self.platform, ENGINEER, PIPELINE.replace("shift = 0.0", f"shift = {shift}"))
        if traffic_of(self.platform, NAME)["champion"] is not None:
            shadow(self.platform, ENGINEER, made["version"])
            self.open(range(20))
            seen = watch(self.platform, SECOND, NAME)["parts"]["shadow"]["seen"]
            assert (seen["errors"]["value"], seen["errors"]["n"]) == (None, 20), "it listens to each, and is too young"
        approve(self.platform, SECOND, made["version"], "looked at its card")
        assert resume(self.platform, ENGINEER, made["run"])["state"] == "done"
        return str(made["version"])

    def open(self, people: Any) -> dict[str, list[str]]:
        """Version -> the cards that it showed."""
        found: dict[str, list[str]] = {}
        for number in people:
            for one in cards(self.platform, self.operator, VIEW, HookAsk("patient-view", f"p{number}")):
                found.setdefault(one["source"]["label"].rpartition(" ")[2], []).append(one["uuid"])
            self.platform.shadows.settle()
            self.clock.move(seconds=30)
        return found

    def ended(self, version: str) -> str:
        """Why the limits ended a canary; the first version answers everybody again."""
        traffic = traffic_of(self.platform, NAME)
        assert (traffic["champion"], traffic["challenger"]) == (1, None)
        assert shown(self.platform, SECOND, version)["approval"] is None
        step = [one for one in self.events() if one["operation"] == "models-rollback"][-1]
        assert (step["actor"], step["detail"]["by"]) == ("careloom-watch", "limit")
        assert (step["detail"]["was"], step["detail"]["now"]) == (version, f"{NAME}@1")
        assert set(self.open(range(20))) <= {f"{NAME}@1"}
        return str(step["detail"]["reason"])


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    monkeypatch.setitem(REGISTRY, "models.trainer.bedside", f"{__name__}:BEDSIDE")
    made = Ward(tmp_path)
    yield made
    made.close()


def test_three_canaries_err_at_the_bedside_and_each_is_taken_back_by_itself(
    ward: Ward, capsys: pytest.CaptureFixture[str]
) -> None:
    began = perf_counter()
    assert ward.release(0.0) == f"{NAME}@1"
    assert set(ward.open(range(20))) == {f"{NAME}@1"}

    elsewhere = ward.release(2.5)  # to that hospital three times as many come back: its gates hold there
    ward.open(range(PEOPLE))
    assert "the scores moved" in ward.ended(elsewhere)

    disliked = ward.release(0.02)
    _answer(ward, disliked)
    assert "were overridden, more than of the arm beside" in ward.ended(disliked)

    wrong = ward.release(0.04)
    ward.open(range(PEOPLE))
    assert traffic_of(ward.platform, NAME)["challenger"] == 4, "nothing is wrong with its scores"
    _nobody_comes_back(ward)
    assert label_due(ward.platform, ENGINEER, NAME, "4", thresholds()).new > 100
    assert "outcomes lie" in ward.ended(wrong)

    assert audit.verify(ward.platform, ward.operator)["verified"]
    assert all(verify(ward.platform, SECOND, f"{NAME}@{number}")["whole"] for number in (1, 2, 3, 4))
    with capsys.disabled():
        print(f"\nthree canaries by cards, {perf_counter() - began:.1f} s")


def _answer(ward: Ward, disliked: str) -> None:
    """Clinicians accept the champion's cards, and close those of the canary."""
    reason = {"reason": {"system": OVERRIDE, "code": "disagree"}}
    for version, shown_cards in ward.open(range(120)).items():
        outcome = "overridden" if version == disliked else "accepted"
        told = [{"card": one, "outcome": outcome, "overrideReason": reason} for one in shown_cards]
        assert feedback(ward.platform, ward.operator, VIEW, told)["answers"] > 20


def _nobody_comes_back(ward: Ward) -> None:
    """The horizon passes, and each patient is seen again after it."""
    ward.clock.now = datetime(2024, 4, 5, tzinfo=UTC)
    with ward.platform.store("identified").transaction(event()) as step:
        for number in range(PEOPLE):
            step.write([stay(f"later{number}", f"p{number}", "2024-04-02T08:00:00Z", "2024-04-03T08:00:00Z")])
