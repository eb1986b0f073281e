"""Maps from a model's risk to one that is calibrated: none, Platt's, isotonic; chosen on data that fitted neither."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from careloom.errors import InputError
from careloom.risk.evaluate import checked
from careloom.risk.evaluate_measures import SMALLEST_RISK, Floats, Marks, logit, recalibration, sigmoid

Kind = Literal["none", "platt", "isotonic"]


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """A map of risks that never turns their order round.

    kind      none: the risk as it is; platt: sigmoid(intercept + slope * log odds); isotonic: straight lines between
              the points (at, gives), flat beyond them
    """

    kind: Kind
    intercept: float = 0.0
    slope: float = 1.0
    at: tuple[float, ...] = ()
    gives: tuple[float, ...] = ()

    def apply(self, risk: ArrayLike) -> Floats:
        """The calibrated risk of each risk, within 0..1."""
        told = np.asarray(risk, dtype=np.float64)
        if self.kind == "platt":
            return sigmoid(self.intercept + self.slope * logit(told))
        if self.kind == "isotonic":
            return np.interp(told, self.at, self.gives)
        return told.copy()

    def as_json(self) -> dict[str, Any]:
        """The map as plain data, which `calibration_map` reads back to the same numbers."""
        return {
            "kind": self.kind,
            "intercept": self.intercept,
            "slope": self.slope,
            "at": list(self.at),
            "gives": list(self.gives),
        }


def calibration_map(told: dict[str, Any]) -> CalibrationMap:
    """The map that `as_json` wrote.

    raises  InputError for one that no version of this wrote, or that is not rising
    """
    try:
        read = CalibrationMap(
            told["kind"], float(told["intercept"]), float(told["slope"]), tuple(told["at"]), tuple(told["gives"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("calibration map", "it lacks a key or holds a word where a number belongs") from error
    rises = list(read.at) == sorted(read.at) and list(read.gives) == sorted(read.gives)
    if read.kind not in ("none", "platt", "isotonic") or not rises or len(read.at) != len(read.gives):
        raise InputError("calibration map", "the kind is not known or the points do not rise")
    return read


def fit_platt(happened: ArrayLike, risk: ArrayLike) -> CalibrationMap:
    """The logistic recalibration; the map that changes nothing where there is none, or where its slope is not positive.

    source  Platt J, Advances in Large Margin Classifiers 1999:61-74, on log odds instead of margins
    """
    outcome, told = checked(happened, risk)
    found = recalibration(outcome, told)
    if found is None or found[1] <= 0:
        return CalibrationMap("none")
    return CalibrationMap("platt", found[0], found[1])


def fit_isotonic(happened: ArrayLike, risk: ArrayLike) -> CalibrationMap:
    """The rising map with the least squared error.

    source  pool adjacent violators: Ayer M et al, Ann Math Stat 1955;26:641-647
    """
    outcome, told = checked(happened, risk)
    values, inverse, counts = np.unique(told, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=outcome.astype(np.float64)) / counts
    heights, weights, lengths = [], [], []
    for mean, weight in zip(means.tolist(), counts.tolist(), strict=True):
        heights.append(mean)
        weights.append(float(weight))
        lengths.append(1)
        while len(heights) > 1 and heights[-2] >= heights[-1]:
            joined = weights[-2] + weights[-1]
            heights[-2] = (heights[-2] * weights[-2] + heights[-1] * weights[-1]) / joined
            weights[-2], lengths[-2] = joined, lengths[-2] + lengths[-1]
            del heights[-1], weights[-1], lengths[-1]
    fitted = np.repeat(heights, lengths)
    inner = np.concatenate(([True], (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:]), [True]))
    keep = inner[: values.size]
    return CalibrationMap("isotonic", 0.0, 1.0, tuple(values[keep].tolist()), tuple(fitted[keep].tolist()))


def log_loss(happened: Marks, risk: Floats) -> float:
    """Mean negative log likelihood of outcomes, in nats; risks kept `SMALLEST_RISK` away from 0 and 1."""
    kept = np.clip(risk, SMALLEST_RISK, 1 - SMALLEST_RISK)
    return float(-np.mean(np.where(happened, np.log(kept), np.log(1 - kept))))


def choose_calibration(
    fit: tuple[ArrayLike, ArrayLike], choose: tuple[ArrayLike, ArrayLike]
) -> tuple[CalibrationMap, dict[Kind, float]]:
    """The map with the least log loss on `choose`, of those fitted on `fit`; the simpler one where two are equal.

    fit, choose  (outcomes, risks), of different patients, none of them of the test part
    returns      the map, and the log loss of each kind on `choose`
    """
    maps = {"none": CalibrationMap("none"), "platt": fit_platt(*fit), "isotonic": fit_isotonic(*fit)}
    outcome, told = checked(*choose)
    losses: dict[Kind, float] = {}
    best, least = maps["none"], float("inf")
    for found in maps.values():
        loss = log_loss(outcome, found.apply(told))
        losses.setdefault(found.kind, loss)
        if loss < least - 1e-12:
            best, least = found, loss
    return best, losses
