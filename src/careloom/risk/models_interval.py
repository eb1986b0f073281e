"""How sure one can be of a risk: bounds of the probability, and the outcomes that cannot be ruled out.

source  bounds: Venn-Abers predictors, Vovk V, Petej I, UAI 2014, arXiv:1211.0025: one of the two bounds is calibrated
        whatever the distribution; outcomes: `careloom.risk.conformal.ConformalSet`
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from careloom.errors import FormatError
from careloom.risk.calibration import fit_isotonic
from careloom.risk.conformal import ConformalSet, fit_set
from careloom.risk.evaluate import checked
from careloom.risk.evaluate_measures import Floats

POINTS = 40
"""Risks at which the bounds are computed; between two of them the wider ones hold."""
_MOST_RISKS = 1000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RiskInterval:
    """Fitted on rows that fitted nothing else.

    at, low, high  rising learnt risks, and the bounds of the probability at each
    outcomes       which outcomes cannot be ruled out, by learnt risk
    """

    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    outcomes: ConformalSet

    def around(self, learnt: ArrayLike, score: ArrayLike) -> pl.DataFrame:
        """What is left open of each row.

        learnt   [n] risk before the calibration
        score    [n] calibrated risk; the bounds are widened to hold it
        returns  [n] low, high (0..1), event_possible, no_event_possible (both: the model does not know)
        """
        told, given = np.asarray(learnt, dtype=np.float64), np.asarray(score, dtype=np.float64)
        below = np.searchsorted(self.at, told, side="right")
        above = np.searchsorted(self.at, told, side="left")
        low = np.concatenate(([0.0], self.low))[below]
        high = np.concatenate((self.high, [1.0]))[above]
        yes, no = self.outcomes.sets(told)
        return pl.DataFrame(
            {
                "low": np.minimum(low, given),
                "high": np.maximum(high, given),
                "event_possible": yes,
                "no_event_possible": no,
            }
        )

    def as_json(self) -> Json:
        """The intervals as plain data, which `risk_interval` reads."""
        sets = {"miss": self.outcomes.miss, "yes_from": _plain(self.outcomes.yes_from)}
        return {
            "at": list(self.at), "low": list(self.low), "high": list(self.high),
            "outcomes": sets | {"no_until": _plain(self.outcomes.no_until)},
        }  # fmt: skip


def _plain(number: float) -> float:
    """Infinite bounds of risks as -1 and 2: JSON has no infinity."""
    return float(np.clip(number, -1.0, 2.0))


def risk_interval(told: Json) -> RiskInterval:
    """The intervals that `as_json` wrote. raises FormatError"""
    try:
        sets = told["outcomes"]
        found = ConformalSet(float(sets["miss"]), float(sets["yes_from"]), float(sets["no_until"]))
        at, low, high = (tuple(float(value) for value in told[name]) for name in ("at", "low", "high"))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError("model.json: conformal", "Write at, low, high and outcomes.") from error
    if list(at) != sorted(at) or not len(at) == len(low) == len(high):
        raise FormatError("model.json: conformal", "The points rise, and each has a low and a high.")
    return RiskInterval(at, low, high, found)


def fit_risk_interval(happened: ArrayLike, learnt: ArrayLike, *, miss: float = 0.1) -> RiskInterval:
    """Bounds and sets from rows that fitted nothing.

    miss    share of either outcome that may be ruled out wrongly
    raises  InputError where one of the outcomes has no row
    """
    outcome, told = checked(happened, learnt)
    sets = fit_set(outcome, told, miss=miss)
    risks = _thinned(told)
    at = np.unique(np.quantile(risks, np.linspace(0, 1, POINTS), method="nearest"))
    labels = outcome.astype(np.int64)
    bounds = [_bounds(labels, risks, float(point)) for point in at]
    low = np.maximum.accumulate([one[0] for one in bounds])
    high = np.minimum.accumulate([one[1] for one in bounds][::-1])[::-1]
    return RiskInterval(tuple(at.tolist()), tuple(low.tolist()), tuple(high.tolist()), sets)


def _bounds(labels: Any, risks: Floats, point: float) -> tuple[float, float]:
    """The isotonic map's value at a point that is added once without and once with the event."""
    with_point = np.append(risks, point)
    found = [float(fit_isotonic(np.append(labels, added), with_point).apply([point])[0]) for added in (0, 1)]
    return found[0], found[1]


def _thinned(risks: Floats) -> Floats:
    """Risks brought to a thousand values at most, by rank: a fit of as many rows takes its time by distinct values."""
    values, inverse = np.unique(risks, return_inverse=True)
    if values.size <= _MOST_RISKS:
        return risks
    kept = values[(np.arange(values.size) * _MOST_RISKS // values.size) * values.size // _MOST_RISKS]
    return np.asarray(kept[inverse], dtype=np.float64)
