"""How much worse a risk ranks within a group than among all, and what of it is more than chance.

The worst of many groups looks bad by chance alone: the fewer its events and the more groups there are, the worse. So
each gap has a lower bound that holds for all groups at once: whoever says that a group whose bound lies above a limit
is served worse than that errs, of whichever group, in at most `ALPHA` of all cases.

source  standard error from resampling patients, all rows of a patient at once: Field CA, Welsh AH, J R Stat Soc B
        2007;69:369-390; bound by the normal distribution: Efron B, Tibshirani RJ, An Introduction to the Bootstrap,
        1993, section 12.4; all groups at once: Dunn OJ, J Am Stat Assoc 1961;56:52-64 (Bonferroni), which Holm's steps
        (Scand J Stat 1979;6:65-70) equal where it is asked whether any group breaks a limit
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from careloom.risk.evaluate import Resampling, draws
from careloom.risk.evaluate_measures import Floats, Marks, ranking

LEAST_EVENTS = 30
"""Events of a group, and rows without one, from which on its AUROC counts: of fewer its error is not known either."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Gap:
    """AUROC of all less that of a group; above 0 the group is served worse.

    error  standard error of the gap
    low    it is at least this, with 95 % certainty for all groups at once
    """

    attribute: str
    group: str
    gap: float
    error: float
    low: float


def gaps(rows: pl.DataFrame, attributes: Sequence[str], how: Resampling) -> list[Gap]:
    """The gap of each group that has `LEAST_EVENTS` events and rows without, the greatest bound first.

    rows  [n] patient_id, happened (0 or 1, or boolean), risk (0..1) and the attributes; null is a group, ``unknown``
    """
    happened, risk = rows["happened"].to_numpy().astype(np.bool_), rows["risk"].to_numpy()
    named = [(name, rows[name].cast(pl.String).fill_null("unknown")) for name in attributes]
    marked = [(name, str(group), (told == group).to_numpy()) for name, told in named for group in sorted(told.unique())]
    counted = [one for one in marked if _is_enough(happened[one[2]])]
    if not counted or not _is_enough(happened):
        return []
    _, owner = np.unique(rows["patient_id"].to_numpy(), return_inverse=True)
    drawn: list[list[Floats]] = [[] for _ in counted]
    for counts in draws(int(owner.max()) + 1, how, happened.size):
        weights = counts[:, owner]
        of_all = ranking(happened, risk, weights)[0]
        for place, (_, _, mask) in enumerate(counted):
            drawn[place].append(of_all - ranking(happened[mask], risk[mask], weights[:, mask])[0])
    reach = NormalDist().inv_cdf(1 - ALPHA / len(counted))
    whole = float(ranking(happened, risk, np.ones((1, risk.size)))[0][0])
    found = []
    for (name, group, mask), each in zip(counted, drawn, strict=True):
        gap = whole - float(ranking(happened[mask], risk[mask], np.ones((1, int(mask.sum()))))[0][0])
        error = float(np.nanstd(np.concatenate(each), ddof=1))
        found.append(Gap(name, group, gap, error, gap - reach * error))
    return sorted(found, key=lambda one: -one.low)


def _is_enough(happened: Marks) -> bool:
    events = int(happened.sum())
    return min(events, happened.size - events) >= LEAST_EVENTS
