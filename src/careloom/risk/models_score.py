"""A published score as a model: its points, and a straight line from points to log odds that data gave.

The points are the score's own (`careloom.risk.scores`); the line is fitted on training rows, since few scores publish a
probability and none for this hospital.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from careloom.errors import FormatError, InputError
from careloom.risk.evaluate_measures import Floats, sigmoid
from careloom.risk.models_features import ModelFeature
from careloom.risk.scores import Score, points, score

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Points:
    """Log odds = intercept + slope * points."""

    of: Score
    features: tuple[ModelFeature, ...]
    intercept: float
    slope: float

    @property
    def kind(self) -> str:
        """``score``."""
        return "score"

    def parts(self, told: Floats) -> Floats:
        """[n, p + 1] what the points of each input add; the intercept is the last column."""
        given = points(_decoded(self.of, self.features, told), self.of, count_as_normal=_may_lack(self.features))
        found = np.zeros((told.shape[0], len(self.features) + 1))
        for item in self.of.items:
            place = next(at for at, one in enumerate(self.features) if one.name == item.source)
            found[:, place] += self.slope * given[f"points_{item.name}"].to_numpy()
        found[:, -1] = self.intercept
        return found

    def log_odds(self, told: Floats) -> Floats:
        """[n] log odds of encoded rows."""
        whole: Floats = self.parts(told).sum(axis=1)
        return whole

    def files(self) -> tuple[Json, dict[str, bytes]]:
        """The name of the score and the line."""
        return {"score": self.of.score_id, "intercept": self.intercept, "slope": self.slope}, {}


def score_features(of: Score, concepts: Mapping[str, str], may_lack: tuple[str, ...] = ()) -> tuple[ModelFeature, ...]:
    """The inputs of a score as features of a model, in the score's order.

    concepts  input -> what a clinician calls it; the input's own name where it is not there
    may_lack  inputs whose absence gives no points; a null in any other is refused
    """
    made = []
    for name, one in of.inputs.items():
        low, high = (one.low, one.high) if one.kind == "number" else (None, None)
        kind = {"number": "number", "flag": "flag"}.get(one.kind, "code")
        made.append(
            ModelFeature(
                name, kind, concepts.get(name, name.replace("_", " ").capitalize()), one.unit, name in may_lack,  # type: ignore[arg-type]
                minimum=low, maximum=high, levels=one.choices,
            )
        )  # fmt: skip
    return tuple(made)


def fit_points(of: Score, features: tuple[ModelFeature, ...], told: Floats, happened: ArrayLike) -> Points:
    """The line with the greatest likelihood. raises InputError where points or outcomes are all alike"""
    total = Points(of, features, 0.0, 1.0).log_odds(told)
    outcome = np.asarray(happened, dtype=np.float64)
    if np.ptp(total) == 0 or outcome.min() == outcome.max():
        raise InputError(f"score {of.score_id}", "points and outcomes need two values at least")
    design, at = np.column_stack([np.ones_like(total), total]), np.zeros(2)
    for _ in range(50):
        fitted = sigmoid(design @ at)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        step = np.linalg.solve(information + 1e-9 * np.eye(2), design.T @ (outcome - fitted))
        at = at + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return Points(of, features, float(at[0]), float(at[1]))


def points_model(features: tuple[ModelFeature, ...], told: Mapping[str, Any]) -> Points:
    """The score that `Points.files` wrote. raises FormatError"""
    try:
        of = score(told["score"])
        made = Points(of, features, float(told["intercept"]), float(told["slope"]))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError("model.json: learnt", "Write score, intercept and slope.") from error
    if set(of.inputs) != {one.name for one in features}:
        raise FormatError("model.json: features", f"Those of the score {of.score_id}: {', '.join(of.inputs)}.")
    return made


def _may_lack(features: tuple[ModelFeature, ...]) -> tuple[str, ...]:
    return tuple(one.name for one in features if one.nullable)


def _decoded(of: Score, features: tuple[ModelFeature, ...], told: Floats) -> pl.DataFrame:
    """Encoded rows as the frame that a score is told; a text that is no choice counts as missing."""
    columns = []
    for place, one in enumerate(features):
        own = pl.Series(one.name, told[:, place]).fill_nan(None)
        if one.type == "flag":
            own = own.cast(pl.Boolean)
        elif one.type == "code":
            places = [float(at) for at in range(len(one.levels))]
            own = own.replace_strict(places, list(one.levels), default=None, return_dtype=pl.String)
        columns.append(own)
    return pl.DataFrame(columns)
