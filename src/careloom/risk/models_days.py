"""Days beside a risk, such as those of a stay: a median, and an interval that holds whatever the distribution.

Both learners are told the logarithm of the days: a tenth more is as far off for a short stay as for a long one, the
median stays the median, and an interval is a factor. What their files call log odds is that logarithm.

Why so many days: SHAP values of the logarithm, brought to days by the logarithmic mean of the days with and without
them, which is the Aumann-Shapley value of the days along the straight way from a patient of whom nothing is special.
They sum, keep sign and order, and those of a concept are the sum of its features'.

source  Ang BW, Energy Policy 2005;33:867-871 (additive, by logarithmic mean); Aumann RJ, Shapley LS, Values of
        Non-Atomic Games, 1974
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, Protocol

import numpy as np
import polars as pl

from careloom.errors import FormatError, InputError
from careloom.pipeline.registry import load
from careloom.risk.conformal import ConformalInterval, fit_interval
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models_features import About, ModelFeature, described, encoded
from careloom.risk.models_logistic import fit_linear, logistic
from careloom.risk.splits import folds

Learner = Literal["linear", "lightgbm"]
LEARNERS: tuple[Learner, ...] = ("linear", "lightgbm")
FILE = "days.txt"
"""The trees beside ``model.json``."""
LEAST_ROWS = 100
"""Rows with known days that each part needs: an interval of fewer says little."""
_FOLDS = 5
_KEYS = ("outcome", "least", "learner", "learnt", "interval", "training")
_SETTINGS: Mapping[Learner, Mapping[str, Any]] = {
    "linear": {"penalty": 100.0, "knots": 3},
    "lightgbm": {"objective": "regression_l1", "learning_rate": 0.05, "leaves": 12, "ridge": 10.0},
}
Json = dict[str, Any]


class Predictor(Protocol):
    """What was learnt: of `Learnt` what days need."""

    def log_odds(self, told: Floats) -> Floats:
        """[n] logarithm of the days of the encoded features [n, p]."""
        ...

    def parts(self, told: Floats) -> Floats:
        """[n, p + 1] what each feature adds to the logarithm, and in the last column where it starts from."""
        ...

    def files(self) -> tuple[Json, dict[str, bytes]]:
        """What goes into ``model.json``, and files beside it."""
        ...


@dataclass(frozen=True, slots=True)
class DaysTask:
    """Which days are foretold; see the grammar of tasks.

    outcome  what happens at their end, in words
    kind     of the fact of the index's own encounter whose value they are
    least    days that have passed at the index: no answer lies below
    miss     share of the intervals that may be missed
    """

    outcome: str
    kind: str
    least: float = 1.0
    miss: float = 0.1


@dataclass(frozen=True, slots=True)
class DaysModel:
    """Foretells days from the features of the model that it is beside.

    interval  of the logarithm
    training  learner, settings, rows, error in folds; plain JSON
    """

    outcome: str
    least: float
    learner: Learner
    learnt: Predictor
    interval: ConformalInterval
    training: Mapping[str, Any] = field(default_factory=dict)

    def foretold(self, told: Floats) -> pl.DataFrame:
        """[n] days, low, high of encoded rows; high is infinite where too few rows made the interval."""
        log = np.maximum(self.learnt.log_odds(told), np.log(self.least))
        low, high = self.interval.around(log)
        return pl.DataFrame({"days": np.exp(log), "low": np.exp(low), "high": np.exp(high)})

    def parts(self, told: Floats) -> Floats:
        """[n, p + 2] the days that each feature adds or takes off, those of a patient of whom nothing is special, and
        what `least` adds: a row sums to its days.
        """
        logs = self.learnt.parts(told)
        whole = logs.sum(axis=1)
        days = logs * _logarithmic_mean(logs[:, -1], whole)[:, None]
        days[:, -1] = np.exp(logs[:, -1])
        return np.column_stack([days, np.maximum(self.least - np.exp(whole), 0.0)])

    def files(self) -> tuple[Json, dict[str, bytes]]:
        """What goes into ``model.json`` under ``days``, and the trees beside it."""
        learnt, beside = self.learnt.files()
        told = {
            "outcome": self.outcome, "least": self.least, "learner": self.learner, "learnt": learnt,
            "interval": {
                "miss": self.interval.miss,
                "reach": self.interval.reach if isfinite(self.interval.reach) else None,
            },
            "training": dict(self.training),
        }  # fmt: skip
        return told, dict.fromkeys([FILE] if beside else [], b"".join(beside.values()))


def _logarithmic_mean(start: Floats, end: Floats) -> Floats:
    """[n] what a unit of the logarithm is worth in days, between exp(start) and exp(end)."""
    way = end - start
    flat = np.abs(way) < 1e-9
    steep = np.expm1(way) / np.where(flat, 1.0, way)
    found: Floats = np.exp(start) * np.where(flat, 1.0 + way / 2, steep)
    return found


def days_model(features: tuple[ModelFeature, ...], told: Any, files: Mapping[str, bytes]) -> DaysModel:
    """What `DaysModel.files` wrote. raises FormatError; SetupError where what reads the trees is not installed"""
    if not isinstance(told, dict) or any(name not in told for name in _KEYS) or told["learner"] not in LEARNERS:
        raise FormatError("model.json: days", f"It has {', '.join(_KEYS)}; learner is one of {', '.join(LEARNERS)}.")
    try:
        learnt: Predictor
        if told["learner"] == "linear":
            learnt = logistic(features, told["learnt"])
        else:
            learnt = load("risk.model.lightgbm")(features, told["learnt"], files[FILE])
        least, reach = float(told["least"]), told["interval"]["reach"]
        interval = ConformalInterval(
            float(told["interval"]["miss"]), np.inf if reach is None else float(reach), float(np.log(least))
        )
        return DaysModel(str(told["outcome"]), least, told["learner"], learnt, interval, told["training"])
    except KeyError as error:
        raise FormatError(f"the package: {error.args[0]}", "Hand in all files of a model.") from None
    except (TypeError, ValueError) as error:
        raise FormatError("model.json: days", "Take the file as it was written.") from error


@dataclass(frozen=True, slots=True)
class DaysRows:
    """Rows with days: nan where nobody knows them (the stay lasts, or nobody wrote its end)."""

    frame: pl.DataFrame
    days: Floats
    patients: pl.Series

    @property
    def known(self) -> "DaysRows":
        """The rows with known days."""
        mask = np.isfinite(self.days)
        return DaysRows(self.frame.filter(pl.Series(mask)), self.days[mask], self.patients.filter(pl.Series(mask)))


def days_of(task: DaysTask, rows: pl.DataFrame, events: pl.DataFrame) -> Floats:
    """[n] the days of each row's own encounter; nan where no fact tells them.

    rows  with resource_key of the index event
    """
    told = events.filter((pl.col("kind") == task.kind) & (pl.col("value") > 0)).select("resource_key", "value")
    by_key = told.unique("resource_key", keep="first", maintain_order=True)
    found = rows.select("resource_key").join(by_key, on="resource_key", how="left", maintain_order="left")
    return found["value"].fill_null(float("nan")).to_numpy()


@dataclass(frozen=True, slots=True)
class DaysMade:
    """The learner with the least error in folds, and the others, to stand beside it.

    median  days of the training rows: what one answer for all would be
    """

    model: DaysModel
    others: Mapping[str, Predictor]
    median: float


def fit_days(
    features: tuple[ModelFeature, ...], task: DaysTask, train: DaysRows, validation: DaysRows, key: bytes, seed: int
) -> DaysMade:
    """Days learnt by each learner from training rows; folds within them choose one, validation rows make its interval.

    features  of the model that it is beside: those of training rows
    raises    InputError for too few rows with known days; SetupError where LightGBM is not installed
    """
    train, validation = train.known, validation.known
    for name, part in (("training", train), ("validation", validation)):
        if part.days.size < LEAST_ROWS:
            raise InputError(f"the {name} rows", f"{LEAST_ROWS} with known days are needed to foretell days")
    logs = np.log(np.maximum(train.days, task.least))
    tried = {learner: _out_of_fold(learner, features, task, train, key, seed) for learner in LEARNERS}
    told = encoded(features, train.frame)
    made = {name: _fitted(name, one.settings, features, (told, logs), None, seed) for name, one in tried.items()}
    best = min(tried, key=lambda name: tried[name].error)
    actual = np.log(np.maximum(validation.days, task.least))
    interval = fit_interval(
        actual, made[best].log_odds(encoded(features, validation.frame)), miss=task.miss, low=float(np.log(task.least))
    )
    training = {
        "settings": dict(tried[best].settings), "rows": train.days.size, "validation_rows": validation.days.size,
        "days_off_out_of_fold": {name: one.error for name, one in tried.items()},
    }  # fmt: skip
    model = DaysModel(task.outcome, task.least, best, made[best], interval, training)
    others: dict[str, Predictor] = {name: one for name, one in made.items() if name != best}
    return DaysMade(model, others, float(np.median(train.days)))


@dataclass(frozen=True, slots=True)
class _Tried:
    settings: Mapping[str, Any]
    error: float


def _out_of_fold(
    learner: Learner, features: tuple[ModelFeature, ...], task: DaysTask, train: DaysRows, key: bytes, seed: int
) -> _Tried:
    """Mean absolute error in days by learners of the other folds' patients, and the settings they stopped at."""
    about = {one.name: About(one.concept, one.unit, one.modifiable, 0, nullable=True) for one in features}
    place = folds(pl.DataFrame({"patient_id": train.patients}), b"days" + key, _FOLDS).to_numpy()
    logs, found, trees = np.log(np.maximum(train.days, task.least)), np.zeros(train.days.size), []
    for number in range(_FOLDS):
        held = place == number
        inside, outside = train.frame.filter(pl.Series(held)), train.frame.filter(pl.Series(~held))
        own = described(outside, about)
        watched = (encoded(own, inside), logs[held])
        learnt = _fitted(learner, _SETTINGS[learner], own, (encoded(own, outside), logs[~held]), watched, seed)
        found[held] = learnt.log_odds(watched[0])
        trees.append(learnt.files()[0].get("trees", 0))
    rounds = {"rounds": max(1, round(float(np.mean(trees))))} if learner == "lightgbm" else {}
    off = np.abs(np.maximum(np.exp(found), task.least) - train.days)
    return _Tried({**_SETTINGS[learner], **rounds}, float(off.mean()))


def _fitted(
    learner: Learner,
    settings: Mapping[str, Any],
    features: tuple[ModelFeature, ...],
    rows: tuple[Floats, Floats],
    watched: tuple[Floats, Floats] | None,
    seed: int,
) -> Predictor:
    if learner == "linear":
        return fit_linear(features, *rows, **settings)
    recipe = load("risk.recipe.lightgbm")(**{"seed": seed, **settings})
    found: Predictor = load("risk.fit.lightgbm")(features, rows, watched, recipe)
    return found
