"""Leaks of columns: copies of the label, encodings by it, features that tell it all, identifiers, order, gaps."""

import math
from collections.abc import Iterator

import polars as pl

from careloom.risk.leaks import LeakFinding, Scene

PERFECT = 0.98
"""AUROC of one column from which on it is taken for the outcome in disguise: published models of whole records reach
0.94 at best (death after the discharge, MEDS-Tab on MIMIC-IV)."""
GAPS = 0.85
"""AUROC of a column's being null from which on the gap is taken for the outcome: that a test was not ordered is honest
information, that it is missing of nearly all who have the outcome is not."""
_ORDER = 0.1
_SIGMAS = 4.0
_LEAST = 10
_PURE = 0.999
_FEW_VALUES = 20
_EXACT = 1e-6


def auroc(score: pl.Series, label: pl.Series) -> float | None:
    """Area under the ROC curve of a score without nulls; None without 10 rows of each label. Ties count half."""
    positives, rows = int(label.sum()), label.len()
    if min(positives, rows - positives) < _LEAST:
        return None
    ranks = float(score.rank("average").filter(label == 1).sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * (rows - positives))


def _numbers(scene: Scene) -> Iterator[tuple[str, pl.DataFrame]]:
    """Features as [k] x (Float64) and y, of rows where both are known; texts by their order."""
    rows = scene.labelled
    for name in scene.features:
        dtype = rows.schema[name]
        if dtype.is_numeric() or dtype == pl.Boolean:
            x = pl.col(name).cast(pl.Float64)
        elif dtype == pl.String:
            x = pl.col(name).rank("dense").cast(pl.Float64)
        else:
            continue
        told = rows.select(x.alias("x"), pl.col(scene.label).alias("y")).drop_nulls().filter(pl.col("x").is_finite())
        if not told.is_empty():
            yield name, told


def copies(scene: Scene) -> list[LeakFinding]:
    """Columns of few values, each of which goes with one label only."""
    found, rows = [], scene.labelled
    remedy = "Leave the column out: it is the label under another name."
    for name in scene.features:
        told = rows.select(pl.col(name).alias("x"), pl.col(scene.label).alias("y")).drop_nulls()
        if not 2 <= told["x"].n_unique() <= _FEW_VALUES or told["y"].n_unique() < 2 or told.height < rows.height / 2:
            continue
        groups = told.group_by("x").agg(pl.len().alias("rows"), pl.col("y").sum().alias("ones"))
        pure = groups.select(pl.max_horizontal("ones", pl.col("rows") - pl.col("ones")).sum()).item()
        rare = min(int(told["y"].sum()), told.height - int(told["y"].sum()))
        if rare >= _LEAST and (told.height - pure) <= (1 - _PURE) * rare * 2:
            evidence = f"each value goes with one label in {pure} of {told.height} rows"
            found.append(LeakFinding("target-copied", name, evidence, remedy, told.height))
    return found


def near_perfect(scene: Scene) -> list[LeakFinding]:
    """Columns that alone order the rows by their label, or texts whose values do, judged on the other half of rows."""
    found = []
    for name, told in _numbers(scene):
        if scene.rows.schema[name] == pl.String:
            told = _encoded(told)
        area = auroc(told["x"], told["y"])
        if area is not None and max(area, 1 - area) >= PERFECT:
            evidence = f"AUROC {max(area, 1 - area):.3f} of this column alone over {told.height} rows"
            remedy = "Find out when and by whom it is filled; leave it out unless it was known at the index time."
            found.append(LeakFinding("near-perfect-feature", name, evidence, remedy))
    return found


def _encoded(told: pl.DataFrame) -> pl.DataFrame:
    """x as the share of positives of its value among the other half of the rows."""
    half = told.with_columns(half=pl.int_range(pl.len()) % 2)
    rates = half.group_by("x", "half").agg(pl.col("y").mean().alias("rate")).with_columns(half=1 - pl.col("half"))
    joined = half.join(rates, on=["x", "half"], how="left", maintain_order="left")
    return joined.select(pl.col("rate").fill_null(half["y"].mean()).alias("x"), "y")


def encodings(scene: Scene) -> list[LeakFinding]:
    """Columns whose values are shares of positives over all rows, plain or smoothed, and not over the training rows.

    An encoding by target was fitted with the labels of the test where each value equals the share of positives among
    the rows that have it. Without folds, any such column is one.
    """
    found, rows = [], scene.labelled
    train = scene.parts.get("train")
    for name in scene.features:
        if not rows.schema[name].is_float():
            continue
        if not _is_share(rows, name, scene.label):
            continue
        if train is not None and _is_share(train.drop_nulls(scene.label), name, scene.label):
            continue
        evidence = f"{rows[name].n_unique()} values, each the share of positives among its rows, test rows included"
        remedy = "Fit the encoding on the training rows, out of fold, and apply it to the others."
        found.append(LeakFinding("target-encoding-all-rows", name, evidence, remedy, rows.height))
    return found


def _is_share(rows: pl.DataFrame, name: str, label: str) -> bool:
    told = rows.select(pl.col(name).alias("x"), pl.col(label).cast(pl.Float64).alias("y")).drop_nulls()
    values = told["x"].n_unique()
    if not 3 <= values <= told.height / 5:
        return False
    prior = told["y"].mean()
    groups = told.group_by("x").agg(pl.col("y").mean().alias("share"), pl.len().alias("rows"))
    if groups.select(((pl.col("x") - pl.col("share")).abs() <= _EXACT).mean()).item() >= _PURE:
        return True
    weight = pl.col("rows") * (pl.col("share") - pl.col("x")) / (pl.col("x") - prior)
    weights = groups.filter((pl.col("share") - prior).abs() > 1e-3).select(weight.alias("weight"))["weight"]
    middle = weights.median()
    if weights.len() < 3 or not isinstance(middle, float) or not 0 < middle < math.inf:
        return False
    times = weights / middle  # categories with one share and size are one group, of twice the weight
    return bool(((times - times.round()).abs() <= 1e-3).all() and ((times - 1).abs() <= 1e-3).mean() >= 0.75)  # type: ignore[operator]


def _is_telling(area: float | None, ones: int, rows: int) -> bool:
    if area is None:
        return False
    spread = math.sqrt((rows + 1) / (12 * ones * (rows - ones)))
    return abs(area - 0.5) > max(_ORDER, _SIGMAS * spread)


def identifiers(scene: Scene) -> list[LeakFinding]:
    """Features that number the rows or the patients and order them by the label; and the patient's own name."""
    found, rows = [], scene.labelled
    remedy = "Leave identifiers out of the features; shuffle the rows by a keyed hash before they are numbered."
    for name, told in _numbers(scene):
        dtype = rows.schema[name]
        if name == scene.patient:
            found.append(LeakFinding("identifier-tells-label", name, "it names the patient", remedy))
            continue
        if not (dtype.is_integer() or dtype == pl.String) or told["x"].n_unique() < 0.95 * max(told.height, 50):
            continue
        area = auroc(told["x"], told["y"])
        if area is not None and _is_telling(area, int(told["y"].sum()), told.height):
            evidence = f"nearly every row has a value of its own, and their order has AUROC {max(area, 1 - area):.2f}"
            found.append(LeakFinding("identifier-tells-label", name, evidence, remedy))
    return found


def row_order(scene: Scene) -> list[LeakFinding]:
    """The order in which the rows stand, where it tells the label: sorted, or appended class by class."""
    rows = scene.labelled
    area = auroc(pl.Series(range(rows.height)), rows[scene.label])
    if area is None or not _is_telling(area, int(rows[scene.label].sum()), rows.height):
        return []
    evidence = f"the number of the row alone has AUROC {max(area, 1 - area):.2f}"
    remedy = "Order the rows by a keyed hash of the patient before they are split or numbered."
    return [LeakFinding("row-order-tells-label", "rows", evidence, remedy, rows.height)]


def gaps(scene: Scene) -> list[LeakFinding]:
    """Columns that are null for nearly all rows of one label and nearly none of the other."""
    found, rows = [], scene.labelled
    for name in scene.features:
        missing = rows[name].is_null()
        if not _LEAST <= int(missing.sum()) <= rows.height - _LEAST:
            continue
        area = auroc(missing.cast(pl.Int8), rows[scene.label])
        if area is not None and max(area, 1 - area) >= GAPS:
            evidence = f"that the column is null has AUROC {max(area, 1 - area):.2f}; null in {int(missing.sum())} rows"
            remedy = (
                "Find out what makes the gap: a field that is filled, or a join that fails, because of the outcome."
            )
            found.append(LeakFinding("missingness-tells-label", name, evidence, remedy, int(missing.sum())))
    return found
