"""What becomes of a model where its inputs are worse than those it learnt from: gaps, a concept that stops, a shift."""

from typing import Any

import numpy as np
import polars as pl

from careloom.risk.evaluate_measures import Floats, Marks, additive_parts, ranking
from careloom.risk.models import Model
from careloom.risk.models_training import Rows

SHARES = (0.1, 0.3, 0.5)
"""Shares of values that are taken away."""
Json = dict[str, Any]


def stressed(model: Model, test: Rows, seed: int) -> list[Json]:
    """AUROC and calibration error of test rows as they are, and spoilt.

    returns  what, auroc (0..1; nan with one outcome), ece (0..1): values of features that may be null taken away by
             lot; the heaviest concept that may be null taken away; the heaviest number raised by a standard deviation;
             events halved and doubled in number
    """
    found = [_told("as they are", model, test)]
    draw = np.random.default_rng(seed)
    found += [_told(f"{share:.0%} of values lost", model, _gaps(model, test, share, draw)) for share in SHARES]
    weights = _weights(model, test)
    lost = next((concept for concept in weights if _nullable(model, concept)), None)
    if lost is not None:
        found.append(_told(f"{lost} no longer recorded", model, _without(model, test, lost)))
    moved = _shifted(model, test, tuple(weights))
    if moved is not None:
        found.append(_told(f"{moved[0]} one standard deviation too high", model, moved[1]))
    found += [
        _told(f"events {word}", model, _rarer(test, factor, draw))
        for word, factor in (("halved", 0.5), ("doubled", 2.0))
    ]
    return found


def _told(what: str, model: Model, rows: Rows) -> Json:
    area, error = quick(rows.happened, model.score(rows.frame))
    return {"what": what, "auroc": area, "ece": error, "rows": rows.frame.height}


def quick(happened: Marks, risk: Floats, bins: int = 10) -> tuple[float, float]:
    """AUROC and expected calibration error without intervals."""
    area = float(ranking(happened, risk, np.ones((1, risk.size)))[0][0])
    return area, calibration_error(happened, risk, bins)


def calibration_error(happened: Marks, risk: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal numbers of rows."""
    parts = additive_parts(happened, risk, bins, (0.0, 1.0), 0.0)
    return float(np.abs(parts[:, 10:].sum(axis=0)).sum() / risk.size)


def _weights(model: Model, test: Rows) -> list[str]:
    """Concepts by how far they move the log odds, the heaviest first."""
    told = model.contributions(test.frame).select(model.concepts)
    spread = {name: float(told[name].abs().mean() or 0.0) for name in told.columns}  # type: ignore[arg-type]
    return sorted(spread, key=lambda name: -spread[name])


def _nullable(model: Model, concept: str) -> bool:
    return all(one.nullable for one in model.features if one.concept == concept)


def _gaps(model: Model, test: Rows, share: float, draw: np.random.Generator) -> Rows:
    names = [one.name for one in model.features if one.nullable]
    gone = {name: pl.Series(draw.random(test.frame.height) < share) for name in names}
    frame = test.frame.with_columns(pl.when(~pl.lit(gone[name])).then(pl.col(name)).alias(name) for name in names)
    return Rows(frame, test.happened, test.patients)


def _without(model: Model, test: Rows, concept: str) -> Rows:
    names = [one.name for one in model.features if one.concept == concept]
    kinds = {name: test.frame.schema[name] for name in names}
    frame = test.frame.with_columns(pl.lit(None, dtype=kinds[name]).alias(name) for name in names)
    return Rows(frame, test.happened, test.patients)


def _shifted(model: Model, test: Rows, concepts: tuple[str, ...]) -> tuple[str, Rows] | None:
    for concept in concepts:
        for one in model.features:
            if one.concept == concept and one.type == "number":
                column = test.frame[one.name].cast(pl.Float64)
                frame = test.frame.with_columns((column + (column.std() or 0.0)).alias(one.name))
                return one.name, Rows(frame, test.happened, test.patients)
    return None


def _rarer(test: Rows, factor: float, draw: np.random.Generator) -> Rows:
    """Rows with the odds of an event changed by leaving rows out: events for rarer ones, others for commoner ones."""
    leave = test.happened if factor < 1 else ~test.happened
    kept = ~leave | (draw.random(test.happened.size) < min(factor, 1 / factor))
    return test.only(kept)
