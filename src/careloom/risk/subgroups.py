"""Does a risk hold in every group: a table by sex, age band, race and ethnicity, language, payer, site, ..."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from careloom.risk.evaluate import Evaluation, Resampling, evaluate
from careloom.risk.evaluate_measures import Marks
from careloom.tables.schema import SchemaMismatch

SMALLEST_GROUP = 11
"""Groups of fewer patients are named without numbers: the cell size of CMS (ResDAC, cell size suppression policy)."""
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "ppv")


@dataclass(frozen=True, slots=True)
class Subgroups:
    """What `by_subgroup` found.

    table  attribute, group, n, patients, events (null in a group that is too small), prevalence, mean_risk,
           auroc with low and high, ece, slope, in_the_large, selection_rate, true_positive_rate, false_positive_rate,
           ppv; null where a group does not define a measure
    gaps   attribute, and for AUROC and each rate the greatest less the least over the groups that have it
    """

    table: pl.DataFrame
    gaps: pl.DataFrame


def by_subgroup(
    rows: pl.DataFrame,
    attributes: Sequence[str],
    *,
    threshold: float,
    how: Resampling,
    smallest_group: int = SMALLEST_GROUP,
) -> Subgroups:
    """Measures of a risk in each group of each attribute, and how far groups lie apart.

    rows       [n] patient_id, happened (0 or 1, or boolean), risk (0..1) and the attributes (any type; null is a group
               of its own, `unknown`)
    threshold  alert where the risk is at least this: the rates are of that decision
    raises     SchemaMismatch if a column is missing
    source     differences of rates: Hardt M, Price E, Srebro N, NeurIPS 2016 (equalized odds)
    """
    for name in ("patient_id", "happened", "risk", *attributes):
        if name not in rows.columns:
            raise SchemaMismatch(f"rows of subgroups: no column {name}", "add it")
    table = []
    for attribute in attributes:
        told = rows.with_columns(pl.col(attribute).cast(pl.String).fill_null("unknown").alias("__group"))
        for (group,), part in sorted(told.group_by("__group"), key=lambda pair: str(pair[0][0])):
            measured = _group(part, threshold, how, smallest_group)
            table.append({"attribute": attribute, "group": str(group)} | measured)
    schema = {"attribute": pl.String, "group": pl.String, "n": pl.Int64, "patients": pl.Int64, "events": pl.Int64}
    numbers = ["prevalence", "mean_risk", "auroc", "auroc_low", "auroc_high", "ece", "slope", "in_the_large", *RATES]
    found = pl.DataFrame(table, schema=schema | dict.fromkeys(numbers, pl.Float64))
    spread = [(pl.col(name).max() - pl.col(name).min()).alias(name) for name in ("auroc", *RATES)]
    return Subgroups(found, found.group_by("attribute", maintain_order=True).agg(spread))


def _group(part: pl.DataFrame, threshold: float, how: Resampling, smallest: int) -> dict[str, float | int | None]:
    patients = part["patient_id"].n_unique()
    if patients < smallest:
        return {"n": None, "patients": None, "events": None}
    happened, risk = part["happened"].to_numpy().astype(np.bool_), part["risk"].to_numpy()
    told = evaluate(happened, risk, part["patient_id"].to_numpy(), how)
    return (
        {"n": told.n, "patients": patients, "events": told.events, "mean_risk": float(risk.mean())}
        | _measures(told)
        | _rates(happened, risk >= threshold)
    )


def _measures(told: Evaluation) -> dict[str, float | int | None]:
    return {
        "prevalence": told.prevalence.value,
        "auroc": told.auroc.value,
        "auroc_low": told.auroc.low,
        "auroc_high": told.auroc.high,
        "ece": told.ece.value,
        "slope": told.slope.value,
        "in_the_large": told.in_the_large.value,
    }


def _rates(happened: Marks, flagged: Marks) -> dict[str, float | int | None]:
    def share(of: Marks, among: Marks) -> float | None:
        return float(of[among].mean()) if among.any() else None

    return {
        "selection_rate": float(flagged.mean()),
        "true_positive_rate": share(flagged, happened),
        "false_positive_rate": share(flagged, ~happened),
        "ppv": share(happened, flagged),
    }
