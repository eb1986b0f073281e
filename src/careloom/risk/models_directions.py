"""Whether a model keeps to the directions that its task declares: trees are made to, a regression is looked at."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from careloom.risk.models import Model
from careloom.risk.models_features import ModelFeature

STEPS = 201
_ROWS = 10
_TINY = 1e-9
Json = dict[str, Any]


def directions(model: Model, frame: pl.DataFrame, declared: Mapping[str, int]) -> list[Json]:
    """A row a declared feature: feature, declared (1 or -1), kept, and against (the farthest that the risk goes the
    other way over the range of the feature, in log odds; 0 where it never does).

    A spline has one shape for everybody; of other models ten rows stand for all. Calibration turns no direction.

    frame  rows that the model can score
    """
    by_name = {one.name: one for one in model.features}
    wanted = [(by_name[name], sign) for name, sign in declared.items() if sign and name in by_name]
    return [_row(model, frame, one, sign) for one, sign in wanted if one.type == "number"]


def _row(model: Model, frame: pl.DataFrame, one: ModelFeature, sign: int) -> Json:
    low, high = one.minimum or 0.0, one.maximum if one.maximum is not None else (one.minimum or 0.0)
    swept = pl.DataFrame({one.name: np.linspace(low, high, STEPS)}, schema={one.name: pl.Float64})
    places = np.linspace(0, frame.height - 1, min(_ROWS, frame.height)).astype(int).tolist()
    against = 0.0
    for place in places:
        rows = pl.concat([frame[place].drop(one.name)] * STEPS).hstack(swept)
        risk = model.learnt_risk(rows)
        odds = sign * np.log(risk / (1 - risk))
        against = max(against, float((np.maximum.accumulate(odds) - odds).max()))
    return {"feature": one.name, "declared": sign, "kept": against <= _TINY, "against": against}


def lines(told: list[Json]) -> list[str]:
    """The rows as a person reads them."""
    words = {1: ("never to fall", "falls"), -1: ("never to rise", "rises")}
    return [
        f"{one['feature']}: the risk is declared {words[one['declared']][0]} with it; "
        + ("kept" if one["kept"] else f"it {words[one['declared']][1]} by up to {one['against']:.3f} log odds")
        for one in told
    ]
