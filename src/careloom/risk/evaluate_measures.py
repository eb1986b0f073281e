"""Measures of a predicted risk that can be resampled by patient: ranking, error and calibration.

Weights ``[B, n]`` are how often each row is in each of B resamples; a weight of one everywhere is the data as they are.
Letters: B = resamples, n = rows.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]
SMALLEST_RISK = 1e-6
"""Risks are kept this far from 0 and 1 before a logit is taken."""


def logit(risk: Floats) -> Floats:
    """The log odds of a risk, which is first kept `SMALLEST_RISK` away from 0 and 1."""
    kept = np.clip(risk, SMALLEST_RISK, 1 - SMALLEST_RISK)
    odds: Floats = np.log(kept / (1 - kept))
    return odds


def sigmoid(log_odds: Floats) -> Floats:
    """The risk of log odds, without overflow."""
    small = np.exp(-np.abs(log_odds))
    risk: Floats = np.where(log_odds >= 0, 1 / (1 + small), small / (1 + small))
    return risk


def ranking(happened: Marks, risk: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Area under the ROC curve (ties count half) and average precision, [B] each; nan where a resample has one outcome.

    source  AUROC as the Mann-Whitney statistic: Hanley JA, McNeil BJ, Radiology 1982;143:29-36; average precision as
            the sum of precision over steps of recall, without interpolation
    """
    order = np.argsort(-risk, kind="stable")
    falling = risk[order]
    starts = np.flatnonzero(np.concatenate(([True], falling[1:] != falling[:-1])))
    sorted_weights = weights[:, order]
    every = np.add.reduceat(sorted_weights, starts, axis=1)
    true = np.add.reduceat(sorted_weights * happened[order], starts, axis=1)
    false = every - true
    true_so_far, false_so_far = np.cumsum(true, axis=1), np.cumsum(false, axis=1)
    trues, falses = true_so_far[:, -1], false_so_far[:, -1]
    below = falses[:, None] - false_so_far
    with np.errstate(divide="ignore", invalid="ignore"):
        area = np.sum(true * (below + false / 2), axis=1) / (trues * falses)
        flagged = true_so_far + false_so_far
        precision = np.where(flagged > 0, true_so_far / flagged, 0.0)
        average = np.sum(precision * true, axis=1) / trues
    return area, average


def equal_mass_bins(risk: Floats, bins: int) -> NDArray[np.intp]:
    """The bin of each row, 0 to at most bins - 1: equal numbers of rows by rising risk, equal risks in one bin."""
    _, inverse, counts = np.unique(risk, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    place: NDArray[np.intp] = np.minimum((middle * bins / risk.size).astype(np.intp), bins - 1)
    return place[inverse]


def additive_parts(happened: Marks, risk: Floats, bins: int, start: tuple[float, float], shift: float) -> Floats:
    """What Brier score, calibration error and recalibration are made of, a row each [n, 8 + 2 * bins].

    A resample's sum of these is all that `from_sums` needs, so sums by patient can be resampled instead of rows.
    Columns: 1, event, squared error; gradient (2) and information (3) of the logistic recalibration at `start`;
    gradient and information of the intercept alone at `shift`; then risk less event by bin.
    """
    odds, outcome = logit(risk), happened.astype(np.float64)
    fitted = sigmoid(start[0] + start[1] * odds)
    spread = fitted * (1 - fitted)
    moved = sigmoid(shift + odds)
    place = equal_mass_bins(risk, bins)
    gaps = np.zeros((risk.size, bins))
    gaps[np.arange(risk.size), place] = outcome - risk
    return np.column_stack(
        [
            np.ones_like(risk), outcome, (risk - outcome) ** 2,
            outcome - fitted, (outcome - fitted) * odds, spread, spread * odds, spread * odds * odds,
            outcome - moved, moved * (1 - moved), gaps,
        ]
    )  # fmt: skip


def from_sums(sums: Floats, start: tuple[float, float], shift: float) -> dict[str, Floats]:
    """Measures of each resample from its sums [B, 10 + bins]: brier, ece, slope, intercept, in_the_large, prevalence.

    Slope and intercept are one Newton step from `start`, the fit of the whole: the bootstrap of an estimator needs no
    more (Davidson R, MacKinnon JG, Int Econ Rev 1999;40:487-508). Where the information is singular they are nan.
    """
    n = sums[:, 0]
    g0, g1, i00, i01, i11 = (sums[:, column] for column in range(3, 8))
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = i00 * i11 - i01 * i01
        alive = determinant > 1e-12 * np.maximum(i00 * i11, 1e-300)
        step0 = np.where(alive, (i11 * g0 - i01 * g1) / determinant, np.nan)
        step1 = np.where(alive, (i00 * g1 - i01 * g0) / determinant, np.nan)
        moved = np.where(sums[:, 9] > 0, sums[:, 8] / sums[:, 9], np.nan)
        return {
            "prevalence": sums[:, 1] / n,
            "brier": sums[:, 2] / n,
            "ece": np.sum(np.abs(sums[:, 10:]), axis=1) / n,
            "intercept": start[0] + step0,
            "slope": start[1] + step1,
            "in_the_large": shift + moved,
        }


def error_by_chance(risk: Floats, bins: int = 10, draws: int = 200, seed: int = 1) -> float:
    """The calibration error (0..1) that risks have in the mean where outcomes are drawn from the risks themselves.

    A calibrated model measures no less on so few rows: what is above it is the model's own error.
    source  consistency resampling: Broecker J, Smith LA, Weather Forecast 2007;22:651-661
    """
    place, draw = equal_mass_bins(risk, bins), np.random.default_rng(seed)
    found = 0.0
    for _ in range(draws):
        gaps = np.bincount(place, (draw.random(risk.size) < risk) - risk, minlength=bins)
        found += float(np.abs(gaps).sum()) / risk.size
    return found / draws


def recalibration(happened: Marks, risk: Floats, rounds: int = 50) -> tuple[float, float] | None:
    """Intercept and slope of a logistic regression of the outcome on the log odds of the risk.

    None with one outcome only, one risk only, or where the risk separates the outcomes.
    source  Cox DR, Biometrika 1958;45:562-565; Van Calster B et al, BMC Med 2019;17:230
    """
    odds = logit(risk)
    if happened.all() or not happened.any() or np.ptp(odds) == 0:
        return None
    design = np.column_stack([np.ones_like(odds), odds])
    at = np.array([0.0, 1.0])
    for _ in range(rounds):
        fitted = sigmoid(design @ at)
        gradient = design.T @ (happened - fitted)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.det(information) <= 1e-12 * max(float(information[0, 0] * information[1, 1]), 1e-300):
            return None
        step = np.linalg.solve(information, gradient)
        at = at + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            return float(at[0]), float(at[1])
    return None


def shift_in_the_large(happened: Marks, risk: Floats, rounds: int = 50) -> float | None:
    """The intercept that makes the mean risk that of the outcomes, with the slope held at 1; None with one outcome."""
    if happened.all() or not happened.any():
        return None
    odds, at = logit(risk), 0.0
    for _ in range(rounds):
        fitted = sigmoid(at + odds)
        step = float(np.sum(happened - fitted) / max(float(np.sum(fitted * (1 - fitted))), 1e-12))
        at += max(-5.0, min(5.0, step))
        if abs(step) < 1e-10:
            break
    return at
