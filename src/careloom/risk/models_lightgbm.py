"""Boosted trees of LightGBM: monotone where declared, codes as categories, nulls as they are; kept as text.

source  Ke G et al, NeurIPS 2017 (LightGBM); contributions: exact SHAP values of trees, Lundberg SM et al,
        Nature Machine Intelligence 2020;2:56-67
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import lightgbm
import numpy as np
from numpy.typing import ArrayLike

from careloom.errors import FormatError, InputError
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models_features import ModelFeature

FILE = "model.txt"
Objective = Literal["binary", "regression_l1"]
_METRICS: Mapping[Objective, str] = {"binary": "binary_logloss", "regression_l1": "l1"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How trees are grown.

    rounds     trees at most; fewer where the validation rows stop gaining for `patience` trees
    objective  binary: log odds of an outcome; regression_l1: the median of a number, without directions, for LightGBM
               has none there
    """

    seed: int
    rounds: int = 600
    patience: int = 40
    learning_rate: float = 0.05
    leaves: int = 15
    least_rows: int = 60
    row_share: float = 0.8
    column_share: float = 0.6
    ridge: float = 5.0
    category_smoothing: float = 30.0
    threads: int = 1
    objective: Objective = "binary"

    def as_json(self) -> Json:
        """The recipe as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Boosted:
    """Grown trees.

    fill  of each feature, what a null counts as where no training row has one (their median, or ``other``); nan where
          trees know what to do with it. LightGBM itself would take such a null for 0
    """

    booster: lightgbm.Booster
    fill: tuple[float, ...]
    threads: int = 1

    @property
    def kind(self) -> str:
        """``lightgbm``."""
        return "lightgbm"

    def log_odds(self, told: Floats) -> Floats:
        """[n] log odds of encoded rows."""
        if told.shape[0] == 0:
            return np.zeros(0)
        return np.asarray(
            self.booster.predict(self._filled(told), raw_score=True, num_threads=self.threads), dtype=np.float64
        )

    def parts(self, told: Floats) -> Floats:
        """[n, p + 1] SHAP values; the last is the mean of the training rows."""
        if told.shape[0] == 0:
            return np.zeros((0, told.shape[1] + 1))
        return np.asarray(
            self.booster.predict(self._filled(told), pred_contrib=True, num_threads=self.threads), dtype=np.float64
        )

    def _filled(self, told: Floats) -> Floats:
        filled: Floats = np.where(np.isnan(told), np.asarray(self.fill), told)
        return filled

    def files(self) -> tuple[Json, dict[str, bytes]]:
        """The trees as LightGBM's own text."""
        fill = [None if np.isnan(one) else one for one in self.fill]
        return {"file": FILE, "trees": self.booster.num_trees(), "fill": fill}, {
            FILE: self.booster.model_to_string().encode()
        }


def boosted(features: tuple[ModelFeature, ...], told: Mapping[str, Any], text: bytes) -> Boosted:
    """The trees that `Boosted.files` wrote. raises FormatError"""
    words = text.decode("utf-8", "replace")
    if not words.startswith("tree\n") or "end of trees" not in words:
        raise FormatError(f"{FILE}: it is no whole model of LightGBM", "Take the file as it was written.")
    try:
        booster = lightgbm.Booster(model_str=words)
    except lightgbm.basic.LightGBMError as error:
        raise FormatError(f"{FILE}: LightGBM cannot read it", "Take the file as it was written.") from error
    if booster.num_feature() != len(features) or booster.num_trees() != told.get("trees"):
        raise FormatError(f"{FILE}: features or trees are not those of model.json", "Take both files of one model.")
    fill = tuple(np.nan if one is None else float(one) for one in told.get("fill", ()))
    if len(fill) != len(features):
        raise FormatError("model.json: learnt.fill", "Write a number or null a feature.")
    return Boosted(booster, fill)


def fit_boosted(
    features: tuple[ModelFeature, ...],
    train: tuple[Floats, ArrayLike],
    validation: tuple[Floats, ArrayLike] | None,
    recipe: Recipe,
) -> Boosted:
    """Trees that fit the training rows, as many as the validation rows gain by; all of them without.

    train, validation  (encoded rows [n, p], outcomes or numbers [n])
    raises             InputError where all training rows have the same outcome, or number
    """
    outcome = np.asarray(train[1], dtype=np.float64)
    if outcome.size == 0 or outcome.min() == outcome.max():
        raise InputError("boosted trees", "both outcomes need rows, and numbers have to differ")
    codes = [place for place, one in enumerate(features) if one.type == "code"]
    rows = lightgbm.Dataset(train[0], outcome, categorical_feature=codes, free_raw_data=False, params={"verbosity": -1})
    watched: list[lightgbm.Dataset] = []
    calls: list[Any] = []
    if validation is not None:
        labels = np.asarray(validation[1], dtype=np.float64)
        watched = [lightgbm.Dataset(validation[0], labels, reference=rows, categorical_feature=codes)]
        calls = [lightgbm.early_stopping(recipe.patience, verbose=False)]
    grown = lightgbm.train(_parameters(features, recipe), rows, recipe.rounds, valid_sets=watched, callbacks=calls)
    best = grown.best_iteration if validation is not None else recipe.rounds
    text = grown.model_to_string(num_iteration=best)
    return Boosted(lightgbm.Booster(model_str=text), _fill(features, train[0]), recipe.threads)


def _fill(features: tuple[ModelFeature, ...], told: Floats) -> tuple[float, ...]:
    found = []
    for place, one in enumerate(features):
        column = told[:, place]
        if np.isnan(column).any():
            found.append(np.nan)
        else:
            found.append(float(len(one.levels)) if one.type == "code" else float(np.median(column)))
    return tuple(found)


def _parameters(features: tuple[ModelFeature, ...], recipe: Recipe) -> Json:
    directions = {
        "monotone_constraints": [one.monotone for one in features], "monotone_constraints_method": "intermediate",
    }  # fmt: skip
    return {
        "objective": recipe.objective, "metric": _METRICS[recipe.objective], "learning_rate": recipe.learning_rate,
        "num_leaves": recipe.leaves, "min_data_in_leaf": recipe.least_rows, "bagging_fraction": recipe.row_share,
        "bagging_freq": 1, "feature_fraction": recipe.column_share, "lambda_l2": recipe.ridge,
        "cat_smooth": recipe.category_smoothing, "cat_l2": 10.0, "max_cat_threshold": 32,
        **(directions if recipe.objective == "binary" else {}),
        "seed": recipe.seed, "deterministic": True, "force_row_wise": True, "num_threads": recipe.threads,
        "verbosity": -1,
    }  # fmt: skip
