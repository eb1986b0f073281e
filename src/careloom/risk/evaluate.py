"""How good a predicted risk is: discrimination, error and calibration, with intervals that respect the patient.

evaluate(happened, risk, patients, Resampling(seed=1)).auroc      Interval(value=0.68, low=0.66, high=0.70)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from careloom.errors import InputError
from careloom.metrics import wilson_interval
from careloom.risk.evaluate_measures import (
    Floats,
    Marks,
    additive_parts,
    equal_mass_bins,
    from_sums,
    ranking,
    recalibration,
    shift_in_the_large,
)

ROWS_AT_ONCE = 2_000_000
"""Weights held at a time while resampling: bounds the memory, changes no number."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made: the same seed gives the same ones."""

    seed: int
    resamples: int = 1000
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A measure with its percentile interval; all None where the data do not define it (one outcome only, ...).

    resamples  how many of the resamples defined the measure
    """

    value: float | None
    low: float | None
    high: float | None
    resamples: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` found.

    n, patients, events  rows, distinct patients, rows whose outcome happened
    auroc, auprc         area under the ROC curve (0..1, ties half); average precision (0..1)
    brier                mean squared error of the risk (0..1)
    ece                  expected calibration error over `bins` bins of equal numbers of rows (0..1)
    slope, intercept     of the logistic recalibration: 1 and 0 where the risk is calibrated
    in_the_large         intercept with the slope held at 1: above 0 the risk is too low
    """

    n: int
    patients: int
    events: int
    bins: int
    confidence: float
    prevalence: Interval
    auroc: Interval
    auprc: Interval
    brier: Interval
    ece: Interval
    slope: Interval
    intercept: Interval
    in_the_large: Interval


def checked(happened: ArrayLike, risk: ArrayLike) -> tuple[Marks, Floats]:
    """Outcomes as booleans and risks as numbers.

    raises  InputError where they are empty, of unequal length, not 0 and 1, or not within 0..1
    """
    outcome, told = np.asarray(happened), np.asarray(risk, dtype=np.float64)
    if outcome.ndim != 1 or outcome.shape != told.shape or outcome.size == 0:
        raise InputError("outcomes and risks", "hand in two columns of the same length, one row at least")
    if outcome.dtype != np.bool_ and not np.isin(outcome, (0, 1)).all():
        raise InputError("outcomes", "an outcome is 0 or 1: leave out rows whose outcome is not known")
    if not ((told >= 0) & (told <= 1)).all():
        raise InputError("risks", "a risk lies within 0..1: leave out rows without one")
    return outcome.astype(np.bool_), told


def evaluate(
    happened: ArrayLike,
    risk: ArrayLike,
    patients: ArrayLike,
    how: Resampling,
    *,
    bins: int = 10,
) -> Evaluation:
    """Measures of a risk with percentile intervals from resampling patients, all rows of a patient at once.

    happened   [n] outcome, 0 or 1
    risk       [n] predicted probability
    patients   [n] whose row it is: any labels
    how        seed and number of the resamples
    bins       of `ece`; their borders are those of the whole data in every resample
    raises     InputError for data that cannot be judged
    source     patients as the unit: Field CA, Welsh AH, J R Stat Soc B 2007;69:369-390
    """
    outcome, told = checked(happened, risk)
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    if owner.shape != told.shape:
        raise InputError("patients", "hand in one label a row")
    own = int(owner.max()) + 1
    start, shift = recalibration(outcome, told), shift_in_the_large(outcome, told)
    parts = additive_parts(outcome, told, bins, start or (0.0, 1.0), shift or 0.0)
    by_patient = np.zeros((own, parts.shape[1]))
    np.add.at(by_patient, owner, parts)
    drawn: dict[str, list[Floats]] = {}
    for counts in draws(own, how, told.size):
        area, average = ranking(outcome, told, counts[:, owner])
        found = from_sums(counts @ by_patient, start or (0.0, 1.0), shift or 0.0)
        for name, values in ({"auroc": area, "auprc": average} | found).items():
            drawn.setdefault(name, []).append(values)
    whole = _whole(outcome, told, parts, start, shift)
    intervals = {name: _interval(whole[name], np.concatenate(drawn[name]), how.confidence) for name in whole}
    return Evaluation(told.size, own, int(outcome.sum()), bins, how.confidence, **intervals)


def calibration_curve(
    happened: ArrayLike, risk: ArrayLike, patients: ArrayLike, *, bins: int = 10, smallest: int = 11
) -> list[dict[str, float | int | None]]:
    """What was said and what came, in bins of equal numbers of rows, by rising risk.

    smallest   a bin of fewer patients is one with its neighbour: left out, it would follow from the others and the sum
    returns    risk (mean), came (share with the event), low and high (95 %, Wilson, as if rows were independent),
               rows; all but the risk null where all rows are of fewer patients
    raises     InputError for data that cannot be judged
    """
    outcome, told = checked(happened, risk)
    whose = np.asarray(patients)
    place = _merged(equal_mass_bins(told, bins), whose, smallest)
    found: list[dict[str, float | int | None]] = []
    for each in np.unique(place):
        own = place == each
        mean, rows, events = float(told[own].mean()), int(own.sum()), int(outcome[own].sum())
        if np.unique(whose[own]).size < smallest:
            found.append({"risk": mean, "came": None, "low": None, "high": None, "rows": None})
            continue
        share = wilson_interval(events, rows)
        found.append({"risk": mean, "came": events / rows, "low": share.low, "high": share.high, "rows": rows})
    return found


def _merged(place: NDArray[np.int64], whose: NDArray[Any], smallest: int) -> NDArray[np.int64]:
    """The bins, each too small one together with the next, or at the end with the one before."""
    to = place.copy()
    numbers = np.unique(place)
    begun: list[int] = []
    for number in numbers:
        if not begun or np.unique(whose[to == begun[-1]]).size >= smallest:
            begun.append(int(number))
        to[place == number] = begun[-1]
    if len(begun) > 1 and np.unique(whose[to == begun[-1]]).size < smallest:
        to[to == begun[-1]] = begun[-2]
    return to


def draws(patients: int, how: Resampling, rows: int) -> Iterator[Floats]:
    """How often each patient is in each resample, in blocks."""
    random = np.random.default_rng(how.seed)
    block = max(1, ROWS_AT_ONCE // max(rows, patients))
    for begin in range(0, how.resamples, block):
        size = min(block, how.resamples - begin)
        chosen = random.integers(0, patients, (size, patients))
        flat = chosen + np.arange(size)[:, None] * patients
        counts = np.bincount(flat.ravel(), minlength=size * patients).reshape(size, patients)
        yield counts.astype(np.float64)


def _whole(
    outcome: Marks, risk: Floats, parts: Floats, start: tuple[float, float] | None, shift: float | None
) -> Mapping[str, float | None]:
    ones = np.ones((1, risk.size))
    area, average = ranking(outcome, risk, ones)
    found = from_sums(parts.sum(axis=0, keepdims=True), start or (0.0, 1.0), shift or 0.0)
    two_sided = 0 < outcome.sum() < outcome.size
    return {
        "prevalence": float(found["prevalence"][0]),
        "auroc": float(area[0]) if two_sided else None,
        "auprc": float(average[0]) if outcome.any() else None,
        "brier": float(found["brier"][0]),
        "ece": float(found["ece"][0]),
        "slope": start[1] if start else None,
        "intercept": start[0] if start else None,
        "in_the_large": shift,
    }


def _interval(value: float | None, drawn: NDArray[np.float64], confidence: float) -> Interval:
    kept = drawn[np.isfinite(drawn)]
    if value is None or kept.size == 0:
        return Interval(value, None, None, 0)
    tail = 50 * (1 - confidence)
    low, high = np.percentile(kept, [tail, 100 - tail])
    return Interval(value, float(low), float(high), int(kept.size))
