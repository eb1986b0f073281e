"""How alike a synthetic table is to a real one: each measure beside that of real rows against real ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from careloom.synth.fidelity_columns import column_errors, mean_error, pair_errors
from careloom.synth.fidelity_joint import missing_error, support, triple_error
from careloom.synth.metadata import Table
from careloom.synth.metadata_check import check, conform

Detector = Callable[[Table, pl.DataFrame, pl.DataFrame, int], float]
"""(table, real, synthetic, seed) -> area under the ROC curve of telling them apart: 0.5 is not at all."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The measures of one table against the real one; errors are shares, 0 is best.

    shape            mean error of the columns (sdmetrics: Column Shapes)
    trend            mean error of all pairs of columns
    strong_trend     of the pairs that sdmetrics counts by default: those that depend on each other (Column Pair Trends)
    triples          mean total variation of triples
    missing          total variation of patterns of missing values
    alpha_precision  0..1, 1 is best
    beta_recall      0..1; two halves of one real table reach about 0.5 to 0.6
    detection        name of a detector -> its area under the ROC curve
    columns          column -> its error
    broken           rows that break a declared rule, by what and where
    """

    shape: float
    trend: float
    strong_trend: float
    triples: float
    missing: float
    alpha_precision: float
    beta_recall: float
    detection: dict[str, float]
    columns: dict[str, float]
    broken: dict[str, str]


@dataclass(frozen=True, slots=True)
class FidelityReport:
    """What was measured of the synthetic rows, and of real rows that no generator saw: what no generator can pass.

    control  None where there were no such rows
    """

    synthetic: Fidelity
    control: Fidelity | None


def judge_fidelity(
    table: Table,
    real: pl.DataFrame,
    synthetic: pl.DataFrame,
    control: pl.DataFrame | None,
    *,
    seed: int,
    detectors: dict[str, Detector] | None = None,
) -> FidelityReport:
    """How alike synthetic rows are to the real ones.

    real       the rows that the generator learnt from
    control    other real rows from the same source, as many if there are; they stand in every report beside the others
    seed       of triples, samples and detectors
    detectors  e.g. those of `careloom.synth.detection_sklearn`, through the registry; none: no detection
    raises     SchemaMismatch for a frame that does not fit the table
    """
    frames = [conform(table, each) for each in (real, synthetic)]
    judged = _judged(table, frames[0], frames[1], seed, detectors or {})
    if control is None:
        return FidelityReport(judged, None)
    return FidelityReport(judged, _judged(table, frames[0], conform(table, control), seed, detectors or {}))


def _judged(
    table: Table, real: pl.DataFrame, other: pl.DataFrame, seed: int, detectors: dict[str, Detector]
) -> Fidelity:
    draw = np.random.default_rng(seed)
    columns, pairs = column_errors(table, real, other), pair_errors(table, real, other)
    triples = triple_error(table, real, other, draw)
    lies = support(table, real, other, draw)
    defined = [error for error in columns.values() if not np.isnan(error)]
    return Fidelity(
        shape=float(np.mean(defined)) if defined else float("nan"),
        trend=mean_error(pairs),
        strong_trend=mean_error(pairs, only_strong=True),
        triples=triples,
        missing=missing_error(table, real, other),
        alpha_precision=lies.precision,
        beta_recall=lies.recall,
        detection={name: detector(table, real, other, seed) for name, detector in detectors.items()},
        columns=columns,
        broken={f"{issue.code} {issue.place}": issue.message for issue in check(table, other)},
    )
