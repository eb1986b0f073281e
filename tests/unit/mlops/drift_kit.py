"""A small watched model whose drift is known: three features, scores, outcomes that follow them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from careloom.mlops.drift import PredictionWindow
from careloom.mlops.drift_profile import Profile, make_profile

FEATURES: list[dict[str, Any]] = [
    {"name": "glucose", "type": "number", "minimum": 40.0, "maximum": 300.0},
    {"name": "sex", "type": "code", "levels": ["female", "male"]},
    {"name": "smoker", "type": "flag"},
]
Change = Callable[[pl.DataFrame], pl.DataFrame]


def rows(count: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "glucose": np.clip(draw.normal(110, 25, count), 45, 290),
            "sex": draw.choice(["female", "male"], count, p=[0.55, 0.45]),
            "smoker": draw.random(count) < 0.2,
        }
    ).with_columns(pl.when(pl.Series(draw.random(count) < 0.1)).then(None).otherwise("glucose").alias("glucose"))


def scores_of(frame: pl.DataFrame) -> np.ndarray:
    odds = frame.select(
        -2 + 0.02 * (pl.col("glucose").fill_null(110) - 110) + 0.8 * pl.col("smoker").cast(pl.Float64)
    ).to_series()
    return np.asarray(1 / (1 + np.exp(-odds.to_numpy())))


def came(scores: np.ndarray, seed: int, *, shift: float = 0.0) -> np.ndarray:
    odds = np.log(scores / (1 - scores)) + shift
    return np.asarray(np.random.default_rng(seed).random(scores.size) < 1 / (1 + np.exp(-odds)), dtype=np.int8)


def profiled() -> Profile:
    frame = rows(6000, 1)
    scores = scores_of(frame)
    return make_profile(frame, FEATURES, scores, came(scores, 2), threshold=0.3, groups=frame.select("sex"))


def window(
    profile: Profile, count: int = 1000, seed: int = 7, *, change: Change = lambda frame: frame, shift: float = 0.0,
    is_ripe: bool = True,
) -> PredictionWindow:  # fmt: skip
    """A window of later rows; `change` is made to what the model was fed, the scores stay those of the true values."""
    frame = rows(count, seed)
    scores = scores_of(frame)
    outcomes = came(scores, seed + 1, shift=shift) if is_ripe else np.full(count, -1, dtype=np.int8)
    groups = {"sex": frame["sex"].to_numpy().astype(str)}
    return PredictionWindow(profile.bins(change(frame)), scores, scores >= 0.3, outcomes, groups)
