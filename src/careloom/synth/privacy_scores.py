"""How well scores tell patients who were learnt from, from patients who were not; shares against a control's share."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.metrics import Proportion, overlap_at_least

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
CONFIDENCE = 0.95
FALSE_ALARMS = 0.01
"""The share of non-members that an attacker may take for members where `hits_at` counts."""
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the bounds of its interval at 95 %."""

    value: float
    low: float
    high: float

    def has(self, value: float) -> bool:
        """The interval contains it."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Told:
    """How well scores tell members from controls.

    area    under the ROC curve, 0.5 is not at all; interval of DeLong
    hits    the share of members found while `FALSE_ALARMS` of the controls are taken for members; by resampling
    chance  how often members and controls that do not differ look as different as these: by the area (Mann, Whitney) or
            by how many members stand above the accused controls (exact); the less likely one, counted twice
    """

    area: Estimate
    hits: Estimate
    chance: float


def told(members: Floats, controls: Floats, draw: np.random.Generator) -> Told:
    """How well higher scores point to members; one score a patient."""
    found, hits = area(members, controls), hits_at(members, controls, draw)
    spread = sqrt((len(members) + len(controls) + 1) / (12 * len(members) * len(controls)))
    by_area = 1 - NormalDist().cdf((found.value - 0.5) / spread)
    accused, above = int(FALSE_ALARMS * len(controls)), round(hits.value * len(members))
    by_hits = overlap_at_least(above, above + accused, len(members), len(members) + len(controls))
    return Told(found, hits, min(1.0, 2 * min(by_area, by_hits)))


def area(members: Floats, controls: Floats) -> Estimate:
    """The area under the ROC curve: how often a member scores above a control, ties counted by half.

    source  DeLong, DeLong, Clarke-Pearson, Biometrics 1988;44:837-845; by ranks as Sun, Xu, IEEE Signal Process Lett
            2014;21:1389-1393
    """
    m, n = len(members), len(controls)
    together = pl.Series(np.concatenate([members, controls])).rank().to_numpy()
    of_members = (together[:m] - pl.Series(members).rank().to_numpy()) / n
    of_controls = 1 - (together[m:] - pl.Series(controls).rank().to_numpy()) / m
    value = float(of_members.mean())
    error = sqrt(of_members.var(ddof=1) / m + of_controls.var(ddof=1) / n) if min(m, n) > 1 else 1.0
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * error
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def hits_at(members: Floats, controls: Floats, draw: np.random.Generator) -> Estimate:
    """The share of members above the score that `FALSE_ALARMS` of the controls reach; both sides resampled."""

    def share(one: Floats, other: Floats) -> float:
        place = len(other) - 1 - int(FALSE_ALARMS * len(other))
        return float((one > np.partition(other, place)[place]).mean())

    def again(side: Floats) -> Floats:
        return side[draw.integers(0, len(side), len(side))]

    found = [share(again(members), again(controls)) for _ in range(RESAMPLES)]
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    value = share(members, controls)
    return Estimate(value, min(value, float(low)), max(value, float(high)))


def by_patient(scores: Floats, patients: Codes, how: Literal["mean", "highest"]) -> Floats:
    """One score a patient, in the order of their numbers: of its rows the mean, or the highest."""
    _, place = np.unique(patients, return_inverse=True)
    size = int(place.max(initial=-1)) + 1
    if how == "mean":
        return np.asarray(np.bincount(place, weights=scores, minlength=size) / np.bincount(place, minlength=size))
    highest = np.full(size, -np.inf)
    np.maximum.at(highest, place, scores)
    return highest


@dataclass(frozen=True, slots=True)
class Risk:
    """How often an attack meets members, and how often it meets people who were not learnt from.

    naive   how often guessing without the release meets members; None where it was not asked
    beyond  (members - controls) / (1 - controls): what the release tells of those who were learnt from
    """

    members: Proportion
    controls: Proportion
    naive: Proportion | None
    beyond: Estimate

    @property
    def chance(self) -> float:
        """How often members and controls that do not differ look as different as these."""
        found, every = (
            self.members.successes + self.controls.successes,
            self.members.trials + self.controls.trials,
        )
        return overlap_at_least(self.members.successes, found, self.members.trials, every)


def risk(members: Proportion, controls: Proportion, naive: Proportion | None = None) -> Risk:
    """What is beyond the control, with the errors of both sides carried on.

    source  Giomi et al, A Unified Framework for Quantifying Privacy Risk in Synthetic Data, PoPETs 2023(2):312-328,
            section 3.2; errors of unequal sides after Zou, Donner, Stat Med 2008;27:1693-1702
    """
    if not members.trials or not controls.trials:
        return Risk(members, controls, naive, Estimate(0.0, -1.0, 1.0))
    main, other = members.successes / members.trials, controls.successes / controls.trials
    left = max(1 - other, 1e-12)
    steep = (1 - main) / left**2
    down = sqrt(((main - members.low) / left) ** 2 + ((controls.high - other) * steep) ** 2)
    up = sqrt(((members.high - main) / left) ** 2 + ((other - controls.low) * steep) ** 2)
    value = max(-1.0, (main - other) / left)
    return Risk(members, controls, naive, Estimate(value, max(-1.0, value - down), min(1.0, value + up)))
