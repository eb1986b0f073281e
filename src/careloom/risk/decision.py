"""From risks to decisions: net benefit, alerts and what they cost in attention, thresholds under a budget.

source  Vickers AJ, Elkin EB, Med Decis Making 2006;26:565-574 (net benefit)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from careloom.errors import InputError
from careloom.risk.evaluate import checked
from careloom.risk.evaluate_measures import Floats


@dataclass(frozen=True, slots=True)
class Operating:
    """What alerting from a threshold on does.

    threshold        alert where the risk is at least this; above 1 where no alert is best
    alerts_per_100   alerts per 100 rows
    ppv, recall      share of alerts that were right; share of events that had an alert; None where there are none
    net_benefit      true alerts less false ones weighed by the odds of `at_risk`, a row
    at_risk          the risk at which a clinician is indifferent about acting
    """

    threshold: float
    alerts_per_100: float
    ppv: float | None
    recall: float | None
    net_benefit: float
    at_risk: float


def _cuts(happened: ArrayLike, risk: ArrayLike) -> tuple[Floats, Floats, Floats, int, int]:
    """Distinct risks, falling, with true and false alerts from each on; rows; events."""
    outcome, told = checked(happened, risk)
    order = np.argsort(-told, kind="stable")
    falling, hits = told[order], np.cumsum(outcome[order]).astype(np.float64)
    last = np.flatnonzero(np.concatenate((falling[1:] != falling[:-1], [True])))
    return falling[last], hits[last], (last + 1) - hits[last], told.size, int(outcome.sum())


def _odds(at_risk: float) -> float:
    if not 0 < at_risk < 1:
        raise InputError("threshold of risk", "it lies above 0 and below 1")
    return at_risk / (1 - at_risk)


def operating_point(happened: ArrayLike, risk: ArrayLike, threshold: float, at_risk: float | None = None) -> Operating:
    """What alerting from `threshold` on does to these rows; `at_risk` is the threshold itself where not given."""
    outcome, told = checked(happened, risk)
    weighed = threshold if at_risk is None else at_risk
    flagged = told >= threshold
    true, every, events = float((flagged & outcome).sum()), float(flagged.sum()), float(outcome.sum())
    benefit = (true - (every - true) * _odds(weighed)) / told.size
    return Operating(
        threshold,
        100 * every / told.size,
        true / every if every else None,
        true / events if events else None,
        benefit,
        weighed,
    )


def decision_curve(happened: ArrayLike, risk: ArrayLike, thresholds: Sequence[float]) -> pl.DataFrame:
    """Net benefit a row at each threshold of risk.

    returns  threshold, model, treat_all, treat_none (0), gained_per_100 (true alerts that the model is worth more than
             the better of the two, per 100 rows), alerts_per_100
    """
    outcome, told = checked(happened, risk)
    falling, true, false, n, events = _cuts(outcome, told)
    rows = []
    for threshold in thresholds:
        odds = _odds(threshold)
        place = int(np.searchsorted(-falling, -threshold, side="right")) - 1
        hits, errors = (true[place], false[place]) if place >= 0 else (0.0, 0.0)
        model, all_of_them = (hits - errors * odds) / n, (events - (n - events) * odds) / n
        rows.append(
            {
                "threshold": float(threshold),
                "model": float(model),
                "treat_all": float(all_of_them),
                "treat_none": 0.0,
                "gained_per_100": float(100 * (model - max(all_of_them, 0.0))),
                "alerts_per_100": float(100 * (hits + errors) / n),
            }
        )
    return pl.DataFrame(rows)


def threshold_under_budget(happened: ArrayLike, risk: ArrayLike, *, at_risk: float, alerts_per_100: float) -> Operating:
    """The threshold with the greatest net benefit at `at_risk` among those with no more than that many alerts.

    Choose it on validation data. Where every alert does harm, or even the highest risk alone is over the budget, the
    threshold lies above 1 and nobody is alerted.
    """
    falling, true, false, n, _ = _cuts(happened, risk)
    benefit = (true - false * _odds(at_risk)) / n
    allowed = (true + false) * 100 / n <= alerts_per_100 + 1e-9
    candidates = np.where(allowed, benefit, -np.inf)
    best = int(np.argmax(candidates))
    threshold = float(falling[best]) if candidates[best] > 0 else 1.0 + 1e-9
    return operating_point(happened, risk, threshold, at_risk)


def at_ppv_floor(happened: ArrayLike, risk: ArrayLike, *, ppv: float, at_risk: float | None = None) -> Operating:
    """The lowest threshold whose alerts are right at least that often: the most events found at such a burden.

    returns  a threshold above 1 and no alerts where none reaches it
    """
    if not 0 < ppv <= 1:
        raise InputError("floor of the predictive value", "it lies above 0 and is at most 1")
    falling, true, false, _, _ = _cuts(happened, risk)
    reached = np.flatnonzero(true >= ppv * (true + false) - 1e-12)
    threshold = float(falling[reached[-1]]) if reached.size else 1.0 + 1e-9
    weighed = at_risk if at_risk is not None else min(max(threshold, 1e-6), 1 - 1e-6)
    return operating_point(happened, risk, threshold, weighed)
