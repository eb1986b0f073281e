"""What tests of the registry share: a small logistic model of real data, its files and lineage, and people who may."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from careloom.errors import StateError
from careloom.mlops.counting import Counts
from careloom.risk.evaluate import Resampling, evaluate
from careloom.services.access import ZONES, Principal
from careloom.services.models_trainer import Asked, Fitted

ENGINEER = Principal("edda", frozenset({"data-engineer"}), ZONES)
SECOND = Principal("sten", frozenset({"data-steward"}), ZONES)
OFFICER = Principal("petra", frozenset({"privacy-officer"}), ZONES)
SCIENTIST = Principal("sid", frozenset({"data-scientist"}), frozenset({"research", "synthetic"}))
MODEL = "tumour-malignant"
GATES = """
version = 1
name = "small"
meaning = "Of a test: a few hundred rows hold no narrow interval."
[[gate]]
measure = "auroc"
at_least = 0.9
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
[[gate]]
measure = "auroc"
not_worse_by = 0.02
"""


@dataclass(frozen=True)
class Trained:
    """A logistic model, what it says of rows that it did not learn from, and what happened to them."""

    files: Mapping[str, bytes]
    risk: Any
    happened: Any

    @property
    def lineage(self) -> dict[str, Any]:
        found = evaluate(self.happened, self.risk, np.arange(len(self.risk)), Resampling(7, 200))
        told = {
            name: {"value": each.value, "low": each.low, "high": each.high}
            for name, each in (("auroc", found.auroc), ("ece", found.ece), ("brier", found.brier))
        }
        return {
            "data": {"zone": "public", "snapshot": "sklearn breast cancer, every third row held out"},
            "seeds": {"split": 7}, "leaks": {"findings": 0},
            "evaluation": {"data": "every third row", "measures": told, "subgroups": self._groups()},
        }  # fmt: skip

    def _groups(self) -> list[dict[str, Any]]:
        """AUROC of the smaller and of the larger half of the tumours that it did not learn from."""
        radius = _radius()
        halves = {"small": radius <= np.median(radius), "large": radius > np.median(radius)}
        areas = {name: _area(self.happened[half], self.risk[half]) for name, half in halves.items()}
        return [
            {"attribute": "size", "group": name, "n": int(half.sum()), "auroc": areas[name]}
            for name, half in halves.items()
        ]


@cache
def trained(columns: int = 10, seed: int = 0) -> Trained:
    """Fits on two thirds of the 569 tumours of Wolberg, Street and Mangasarian (1995), as scikit-learn ships them.

    columns  how many of the measured features it sees: fewer make a worse model
    """
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    rows, target = load_breast_cancer(return_X_y=True)
    rows, happened = rows[:, :columns], target == 0
    held = np.arange(len(rows)) % 3 == 0
    middle, spread = rows[~held].mean(axis=0), rows[~held].std(axis=0)
    made = LogisticRegression(C=1.0, max_iter=500, random_state=seed).fit(
        (rows[~held] - middle) / spread, happened[~held]
    )
    coefficients = (made.coef_[0] / spread).tolist()
    intercept = float(made.intercept_[0] - np.dot(made.coef_[0] / spread, middle))
    told = {
        "format": 1, "name": MODEL, "kind": "logistic", "coefficients": coefficients, "intercept": intercept,
        "calibration": {}, "features": [{"name": f"f{each}"} for each in range(columns)],
    }  # fmt: skip
    files = {"model.json": orjson.dumps(told)}
    return Trained(files, score(files, rows[held]), happened[held])


@cache
def _radius() -> Any:
    from sklearn.datasets import load_breast_cancer

    rows, _ = load_breast_cancer(return_X_y=True)
    return rows[np.arange(len(rows)) % 3 == 0, 0]


def score(files: Mapping[str, bytes], rows: Any) -> Any:
    """The risk of each row by the coefficients of the model's file."""
    told = orjson.loads(files["model.json"])
    return 1 / (
        1 + np.exp(-(rows[:, : len(told["coefficients"])] @ np.array(told["coefficients"]) + told["intercept"]))
    )


def compared(new: Trained, old: Trained, champion: str) -> dict[str, Any]:
    """The paired difference of AUROC on the same held-out rows, with a bootstrap interval of the rows."""
    draw = np.random.default_rng(5)
    found = []
    for _ in range(200):
        rows = draw.integers(0, len(new.risk), len(new.risk))
        found.append(_area(new.happened[rows], new.risk[rows]) - _area(old.happened[rows], old.risk[rows]))
    value = _area(new.happened, new.risk) - _area(old.happened, old.risk)
    low, high = np.percentile(found, [2.5, 97.5])
    return {"champion": champion, "measures": {"auroc": {"value": value, "low": float(low), "high": float(high)}}}


def _area(happened: Any, risk: Any) -> float:
    sick, well = risk[happened], risk[~happened]
    return float((sick[:, None] > well[None, :]).mean() + 0.5 * (sick[:, None] == well[None, :]).mean())


def counted(scores: Any, happened: Any = None, *, milliseconds: float = 5.0, slow: int = 0, errors: int = 0) -> Counts:
    """What a version would have counted: these scores, of which `slow` took ten times as long, and errors beside."""
    made = Counts()
    for number, each in enumerate(scores):
        made.answered(milliseconds * 100 if number < slow else milliseconds, float(each))
        if happened is not None:
            made.came_true(float(each), happened=bool(happened[number]))
    for _ in range(errors):
        made.failed()
    return made


PIPELINE = f"""
version = 1
name = "tumours"
meaning = "Of a test."
model = "{MODEL}"
trainer = "logistic"
gates = "small"
reason = "trained by the pipeline"
steps = ["snapshot", "checks", "train", "evaluate", "gates", "register", "approval", "deploy", "smoke", "monitor"]
[options]
columns = 10
[deploy]
to = "canary"
share = 0.5
"""


class Logistic:
    """Trains the model of `trained` by the steps of a pipeline.

    people  pseudonyms of whom it is said to learn from
    broken  steps that go wrong
    asked   who asked for the snapshots and trainings
    """

    def __init__(self) -> None:
        self.people: frozenset[str] = frozenset()
        self.broken: set[str] = set()
        self.asked: list[Principal] = []

    def snapshot(self, asked: Asked) -> dict[str, Any]:
        self._fail("snapshot")
        self.asked.append(asked.who)
        zone = "identified" if self.people else "public"
        return {"zone": zone, "snapshot": "sklearn breast cancer, every third row held out", "rows": 569}

    def checks(self, asked: Asked) -> dict[str, Any]:
        return {"findings": int("checks" in self.broken)}

    def train(self, asked: Asked) -> Fitted:
        self._fail("train")
        self.asked.append(asked.who)
        return Fitted(trained(asked.options["columns"]).files, {"split": 7}, self.people)

    def evaluate(
        self, asked: Asked, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None
    ) -> dict[str, Any]:
        self._fail("evaluate")
        one = trained(asked.options["columns"])
        told: dict[str, Any] = one.lineage["evaluation"]
        if champion is not None:
            columns = len(orjson.loads(champion["model.json"])["coefficients"])
            told["against"] = compared(one, trained(columns), "")["measures"]
        return told

    def smoke(self, asked: Asked, files: Mapping[str, bytes]) -> dict[str, Any]:
        rows, expected = held_out(asked.options["columns"])
        found = score(files, rows) + (1 if "smoke" in self.broken else 0)
        return {"answers": len(rows), "wrong": int((abs(found - expected) > 1e-9).sum())}

    def _fail(self, step: str) -> None:
        if step in self.broken:
            raise StateError(f"step {step} was told to fail", "Mend the test.")


def held_out(columns: int) -> tuple[Any, Any]:
    """The rows that `trained` did not learn from, and the risks that it gave them."""
    from sklearn.datasets import load_breast_cancer

    rows, _ = load_breast_cancer(return_X_y=True)
    return rows[np.arange(len(rows)) % 3 == 0], trained(columns).risk


LOGISTIC = Logistic()
"""What the registry of names loads under ``models.trainer.logistic`` in tests."""
