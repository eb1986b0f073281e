"""Sequential control: whether outcomes still follow the scores, looked at one by one as they become known.

A window sees what changed since the profile; a CUSUM sees a change soon after it begins, whatever the windows. Where it
passes its limit that is said once, and the chart begins anew at zero: one that went on would stand beyond its limit for
long after the change was mended, and could tell nothing of the next.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from careloom.errors import InputError
from careloom.mlops.drift_thresholds import Thresholds

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chart:
    """Where two risk-adjusted CUSUMs stand.

    up, down  against odds that rose, and that fell; 0 and above
    outcomes  seen since the chart began, or began anew
    """

    up: float = 0.0
    down: float = 0.0
    outcomes: int = 0


NEW = Chart()


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where a chart passed its limit, and began anew.

    at        number (from 0) of the outcome, of those that were handed in
    upwards   whether the chart was the one against odds that rose
    outcomes  that the chart had seen by then
    """

    at: int
    upwards: bool
    outcomes: int


@dataclass(frozen=True, slots=True)
class Control:
    """The chart after outcomes, and where it passed its limit among them."""

    chart: Chart
    crossings: tuple[Crossing, ...]

    @property
    def crossed(self) -> int | None:
        """Number of the outcome at which the limit was passed first; None where it was not."""
        return self.crossings[0].at if self.crossings else None


def control(scores: Floats, outcomes: NDArray[np.bool_], thresholds: Thresholds, chart: Chart = NEW) -> Control:
    """Both CUSUMs over outcomes [n] in the order in which they became known, scores [n] as promised.

    Each outcome adds the log likelihood ratio of odds that are `odds_ratio` times as high (or as low) as promised.
    Where one passes `limit`, both begin anew at zero with the next outcome.

    chart   where they stood before
    raises  InputError where one is missing
    source  Steiner SH, Cook RJ, Farewell VT, Treasure T, Biostatistics 2000;1:441-452, equation 2.2; to begin anew at
            zero after a signal: Page ES, Biometrika 1954;41:100-115, and Montgomery DC, Introduction to Statistical
            Quality Control, 7th ed., Wiley 2013, section 9.1
    """
    if scores.shape != outcomes.shape or not ((scores >= 0) & (scores <= 1)).all():
        raise InputError("sequential control", "hand in a score, 0..1, and an outcome for each prediction")
    ratios = (thresholds.odds_ratio, 1 / thresholds.odds_ratio)
    weights = [_weights(scores, outcomes, ratio) for ratio in ratios]
    found: list[Crossing] = []
    begin = 0
    while begin < scores.size:
        paths = [_path(one[begin:], start) for one, start in zip(weights, (chart.up, chart.down), strict=True)]
        passed = np.flatnonzero((paths[0] > thresholds.limit) | (paths[1] > thresholds.limit))
        if not passed.size:
            chart = Chart(float(paths[0][-1]), float(paths[1][-1]), chart.outcomes + scores.size - begin)
            break
        first = int(passed[0])
        is_up = bool(paths[0][first] > thresholds.limit)
        found.append(Crossing(begin + first, is_up, chart.outcomes + first + 1))
        chart, begin = NEW, begin + first + 1
    return Control(chart, tuple(found))


def limit_for(outcomes: int, thresholds: Thresholds) -> float:
    """The limit that so many outcomes may pass while scores hold with a chance of `error_rate` at most: log(2 n / a).

    From each outcome on, the likelihood ratio is a martingale of mean 1, which ever passes exp(h) with a chance of
    exp(-h) at most (Ville's inequality); there are n such starts, and two sides. A chart that begins anew passes it
    from another start each time, so that a is no less than the expected number of crossings. Never below `limit`.
    source  Ville J, Etude critique de la notion de collectif, Gauthier-Villars 1939; Lorden G, Ann Math Stat
            1971;42:1897-1908
    """
    return max(thresholds.limit, log(2 * max(outcomes, 1) / thresholds.error_rate))


def _weights(scores: Floats, outcomes: NDArray[np.bool_], ratio: float) -> Floats:
    found = outcomes * log(ratio) - np.log1p((ratio - 1) * scores)
    return found.astype(np.float64)


def _path(weights: Floats, start: float) -> Floats:
    """[n] of a CUSUM that stood at `start` before: the sum since it was 0 last."""
    sums = np.cumsum(weights)
    found: Floats = sums - np.minimum(np.minimum.accumulate(sums), -start)
    return found
