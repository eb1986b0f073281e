"""What monitoring finds, and when it is an alarm: likely no chance, and as large as medium drift may be.

Every test of a window is of one family: `settled` adjusts their p values together, so that a window in which nothing
changed raises an alarm with at most the chance that the thresholds state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import erfc, sqrt
from typing import Any, Literal

from careloom.metrics import beta_below
from careloom.mlops.drift_measures import benjamini_hochberg, holm
from careloom.mlops.drift_thresholds import Thresholds

Level = Literal["none", "small", "medium", "large"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was measured in a window.

    kind      values, missing, scores, mix, calibration, slope, group, ppv, overrides, outside, unknown, blank, stale,
              unjudged (a kind of group of which the window names no group that the profile has)
    place     feature, kind and group (``sex=female``), or empty for the whole
    rows      behind it
    effect    how large: PSI for values, missing, scores, mix; log odds for calibration and group; else a share or hours
    most      upper bound (one-sided 95 %) of it
    medium, large  from which effect on it counts as such
    p         by chance; adjusted by `settled` for all tests of the window
    level     how large it is, none where it may be chance
    """

    kind: str
    place: str
    rows: int
    effect: float
    most: float
    medium: float
    large: float
    p: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    level: Level = "none"
    is_alarm: bool = False

    def as_json(self) -> Json:
        """The finding as plain data."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "detail"} | {
            "detail": dict(self.detail)
        }


def settled(findings: Sequence[Finding], thresholds: Thresholds) -> list[Finding]:
    """The findings with adjusted p, level and alarm; alarms first, the largest effect against its limit first."""
    adjust = {"holm": holm, "benjamini-hochberg": benjamini_hochberg}[thresholds.correction]
    found = [
        _settled(one, chance, thresholds.error_rate)
        for one, chance in zip(findings, adjust([one.p for one in findings]), strict=True)
    ]
    return sorted(found, key=lambda one: (not one.is_alarm, -one.effect / one.medium, one.kind, one.place))


def _settled(one: Finding, chance: float, error_rate: float) -> Finding:
    is_real = chance < error_rate
    is_alarm = is_real and one.most >= one.medium
    level: Level = "none"
    if is_real:
        level = "large" if one.effect >= one.large else "medium" if is_alarm else "small"
    return replace(one, p=chance, level=level, is_alarm=is_alarm)


def two_sided(difference: float, error: float) -> float:
    """p of a difference with this standard error, by the normal distribution."""
    return erfc(abs(difference) / error / sqrt(2)) if error > 0 else 1.0


def share_above(count: int, trials: int, limit: float) -> float:
    """p that a share that is `limit` at most shows so many or more; exact. 1 where there are no trials."""
    if not trials or not count:
        return 1.0
    return beta_below(limit, count, trials - count + 1)


def share_below(count: int, trials: int, limit: float) -> float:
    """p that a share that is `limit` at least shows so many or fewer; exact. 1 where there are no trials."""
    if not trials or count >= trials:
        return 1.0
    return 1 - beta_below(limit, count + 1, trials - count)
