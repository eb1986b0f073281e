"""Leaks of preprocessing: scalers and imputers that were fitted on the test, too, by what they leave in the data.

A column that was scaled with all rows has mean 0 and deviation 1 over all rows, to the last digits, and not over the
training rows; one that was imputed with the mean of all has that mean as the value of its gaps.
"""

from collections.abc import Mapping

import polars as pl

from careloom.risk.leaks import LeakFinding, Scene
from careloom.risk.leaks_folds import continuous

_EXACT = 1e-7
_LEAST_ROWS = 30
_LEAST_GAPS = 5
_SHARE_GAPS = 0.02
_REMEDY = "Fit scalers and imputers on the training rows only, and apply them to the others."


def fitted_on_all(scene: Scene) -> list[LeakFinding]:
    """Columns that were fitted on all rows, told by what preprocessing says of itself and by the data themselves."""
    parts = scene.parts
    if "train" not in parts or len(parts) < 2:
        return []
    found: dict[str, LeakFinding] = {}
    for name, said in scene.fits.items():
        source = scene.raw if scene.raw is not None else scene.rows
        if name in source.columns and _said_of_all(source[name], _is_train(scene), said):
            evidence = "the statistics it was fitted with are those of all rows, and not of the training rows"
            found[name] = LeakFinding("fitted-before-split", name, evidence, _REMEDY)
    train = parts["train"]
    every = pl.concat(list(parts.values()))
    for name in scene.features:
        if name in found or not scene.rows.schema[name].is_float():
            continue
        evidence = _scaled(every[name], train[name]) or (_imputed(scene, every, train, name))
        if evidence:
            found[name] = LeakFinding("fitted-before-split", name, evidence, _REMEDY)
    return list(found.values())


def _is_train(scene: Scene) -> pl.Series:
    return (scene.rows[scene.fold] == "train").fill_null(value=False)


def _said_of_all(column: pl.Series, is_train: pl.Series, said: Mapping[str, float]) -> bool:
    every, train = _statistics(column), _statistics(column.filter(is_train))
    known = [name for name in said if name in every]
    is_all = all(_near(said[name], every[name]) for name in known)
    is_training = all(_near(said[name], train[name]) for name in known)
    return bool(known) and is_all and not is_training


def _statistics(column: pl.Series) -> dict[str, float]:
    told = column.cast(pl.Float64).drop_nulls()
    if told.is_empty():
        return {}
    made = {"mean": told.mean(), "std": told.std(ddof=0), "min": told.min(), "max": told.max(), "median": told.median()}
    return {name: float(value) for name, value in made.items() if isinstance(value, int | float)}


def _near(first: float, second: float) -> bool:
    return abs(first - second) <= _EXACT * max(1.0, abs(first), abs(second))


def _scaled(every: pl.Series, train: pl.Series) -> str:
    """What shows that a column was scaled with all rows; empty where nothing does."""
    told, own = every.drop_nulls(), train.drop_nulls()
    if told.len() < _LEAST_ROWS or own.len() == told.len() or own.is_empty() or told.n_unique() < _LEAST_ROWS / 2:
        return ""
    if _is_standard(told) and not _is_standard(own):
        return "mean 0 and deviation 1 over all rows, and not over the training rows"
    if _is_spanned(told) and not _is_spanned(own):
        return "its range is 0 to 1 over all rows, and not over the training rows"
    return ""


def _is_standard(told: pl.Series) -> bool:
    mean = told.mean()
    spread = [told.std(ddof=degrees) for degrees in (0, 1)]
    is_one = any(isinstance(one, float) and abs(one - 1) <= _EXACT for one in spread)
    return isinstance(mean, float) and abs(mean) <= _EXACT and is_one


def _is_spanned(told: pl.Series) -> bool:
    """True where 0 and 1 are the ends, each stands few times, and most values are rows' own: a scaled measurement."""
    if told.min() != 0.0 or told.max() != 1.0 or told.n_unique() < told.len() / 2:
        return False
    return int((told == 0.0).sum()) <= 2 and int((told == 1.0).sum()) <= 2


def _imputed(scene: Scene, every: pl.DataFrame, train: pl.DataFrame, name: str) -> str:
    """What shows that gaps were filled with a statistic of all rows; empty where nothing does."""
    if name not in continuous_but_for_one(scene, name):
        return ""
    heap = every[name].drop_nulls().mode().to_list()
    if len(heap) != 1:
        return ""
    rest, own = every.filter(pl.col(name) != heap[0])[name], train.filter(pl.col(name) != heap[0])[name]
    filled = every.height - every[name].null_count() - rest.len()
    if filled < max(_LEAST_GAPS, _SHARE_GAPS * every.height) or rest.len() < _LEAST_ROWS or own.is_empty():
        return ""
    all_told, own_told = _statistics(rest), _statistics(own)
    for statistic in ("mean", "median"):
        if _near(heap[0], all_told[statistic]) and not _near(heap[0], own_told[statistic]):
            return (
                f"{filled} rows hold the {statistic} of the others, the test among them, not that of the training rows"
            )
    return ""


def continuous_but_for_one(scene: Scene, name: str) -> list[str]:
    """The column, where it is continuous once its commonest value is left out."""
    heap = scene.rows[name].drop_nulls().mode().head(1)
    rest = scene.rows.filter(~pl.col(name).is_in(heap.implode()))
    return continuous(rest, (name,)) if rest.height >= _LEAST_ROWS else []
