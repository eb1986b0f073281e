"""Sequential control: whether outcomes still follow the scores, looked at one by one as they become known.

A window sees what changed since the profile; a CUSUM sees a change soon after it begins, whatever the windows.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from careloom.errors import InputError
from careloom.mlops.drift_thresholds import Thresholds

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Control:
    """Where two risk-adjusted CUSUMs stand.

    up, down          at the end: against odds that rose, and that fell; 0 and above
    crossed           number of the outcome (from 0) at which one of them passed the limit first; None if none did
    upwards           whether that was the one against odds that rose
    """

    up: float
    down: float
    crossed: int | None
    upwards: bool


def control(scores: Floats, outcomes: NDArray[np.bool_], thresholds: Thresholds) -> Control:
    """Both CUSUMs over outcomes [n] in the order in which they became known, scores [n] as promised.

    Each outcome adds the log likelihood ratio of odds that are `odds_ratio` times as high (or as low) as promised.
    raises  InputError where one is missing
    source  Steiner SH, Cook RJ, Farewell VT, Treasure T, Biostatistics 2000;1:441-452, equation 2.2
    """
    if scores.shape != outcomes.shape or not ((scores >= 0) & (scores <= 1)).all():
        raise InputError("sequential control", "hand in a score, 0..1, and an outcome for each prediction")
    paths = [_path(scores, outcomes, ratio) for ratio in (thresholds.odds_ratio, 1 / thresholds.odds_ratio)]
    first = [np.flatnonzero(path > thresholds.limit) for path in paths]
    at = [int(one[0]) if one.size else None for one in first]
    known = [one for one in at if one is not None]
    crossed = min(known) if known else None
    last = [float(path[-1]) if path.size else 0.0 for path in paths]
    return Control(last[0], last[1], crossed, crossed is not None and crossed == at[0])


def limit_for(outcomes: int, thresholds: Thresholds) -> float:
    """The limit that so many outcomes may pass while scores hold with a chance of `error_rate` at most: log(2 n / a).

    From each outcome on, the likelihood ratio is a martingale of mean 1, which ever passes exp(h) with a chance of
    exp(-h) at most (Ville's inequality); there are n such starts, and two sides. Never below `limit`.
    source  Ville J, Etude critique de la notion de collectif, Gauthier-Villars 1939; Lorden G, Ann Math Stat
            1971;42:1897-1908
    """
    return max(thresholds.limit, log(2 * max(outcomes, 1) / thresholds.error_rate))


def _path(scores: Floats, outcomes: NDArray[np.bool_], ratio: float) -> Floats:
    weights = outcomes * log(ratio) - np.log1p((ratio - 1) * scores)
    sums = np.concatenate(([0.0], np.cumsum(weights)))
    found: Floats = (sums - np.minimum.accumulate(sums))[1:]
    return found
