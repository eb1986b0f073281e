"""What a prediction leaves open, covered whatever the distribution: intervals of numbers, sets of outcomes.

Holds for rows that are exchangeable with those it was fitted on: one row a patient, or patients drawn at random.
source  Vovk V, Gammerman A, Shafer G, Algorithmic Learning in a Random World, 2005 (split conformal);
        by outcome: Sadinle M, Lei J, Wasserman L, J Am Stat Assoc 2019;114:223-234
"""

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import ArrayLike

from careloom.errors import InputError
from careloom.risk.evaluate import checked
from careloom.risk.evaluate_measures import Floats, Marks


def conformal_quantile(scores: ArrayLike, miss: float) -> float:
    """The ceil((n + 1) * (1 - miss))-th smallest score; infinite where n is too small for such a coverage.

    raises  InputError for a `miss` that is not above 0 and below 1, or a score that is no number
    """
    told = np.sort(np.asarray(scores, dtype=np.float64).ravel())
    if not 0 < miss < 1 or np.isnan(told).any():
        raise InputError("conformal quantile", "miss lies above 0 and below 1, and every score is a number")
    rank = ceil((told.size + 1) * (1 - miss) - 1e-9)
    return inf if rank > told.size else float(told[rank - 1])


@dataclass(frozen=True, slots=True)
class ConformalInterval:
    """Intervals of a number: prediction - reach * spread to prediction + reach * spread.

    miss   at most this share of new rows lies outside
    low    no value lies below it, e.g. 0 for counts and days
    """

    miss: float
    reach: float
    low: float = -inf

    def around(self, predicted: ArrayLike, spread: ArrayLike = 1.0) -> tuple[Floats, Floats]:
        """Lower and upper end of each interval."""
        middle = np.asarray(predicted, dtype=np.float64)
        half = self.reach * np.asarray(spread, dtype=np.float64)
        return np.maximum(middle - half, self.low), middle + half


def fit_interval(
    actual: ArrayLike, predicted: ArrayLike, *, miss: float, spread: ArrayLike = 1.0, low: float = -inf
) -> ConformalInterval:
    """Intervals from rows that fitted nothing.

    spread  how far off a prediction is expected to be, above 0; wider where the model knows less
    """
    off = np.abs(np.asarray(actual, dtype=np.float64) - np.asarray(predicted, dtype=np.float64))
    wide = np.broadcast_to(np.asarray(spread, dtype=np.float64), off.shape)
    if not (wide > 0).all():
        raise InputError("conformal interval", "every spread lies above 0")
    return ConformalInterval(miss, conformal_quantile(off / wide, miss), low)


@dataclass(frozen=True, slots=True)
class ConformalSet:
    """Which outcomes cannot be ruled out: `yes` where the risk reaches `yes_from`, `no` where it is at most `no_until`.

    The coverage holds for patients with the outcome and for those without, each on its own.
    """

    miss: float
    yes_from: float
    no_until: float

    def sets(self, risk: ArrayLike) -> tuple[Marks, Marks]:
        """(yes is possible, no is possible) of each row; both says that the model does not know."""
        told = np.asarray(risk, dtype=np.float64)
        return told >= self.yes_from, told <= self.no_until


def fit_set(happened: ArrayLike, risk: ArrayLike, *, miss: float) -> ConformalSet:
    """Sets from rows that fitted nothing.

    raises  InputError where one of the outcomes has no row
    """
    outcome, told = checked(happened, risk)
    if outcome.all() or not outcome.any():
        raise InputError("conformal set", "both outcomes need rows")
    return ConformalSet(miss, -conformal_quantile(-told[outcome], miss), conformal_quantile(told[~outcome], miss))
