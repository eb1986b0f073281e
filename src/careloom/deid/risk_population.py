"""How large a class is among all people, when only a sample of them is at hand: estimates, each with its assumption."""

from dataclasses import dataclass
from math import exp, inf, isfinite, lgamma, log

import numpy as np
import numpy.typing as npt

from careloom.errors import QueryError

Real = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
STEPS_AT_MOST = 200
PITMAN_BELOW = 0.1  # Dankar et al 2012: Pitman's model where at most a tenth of the population is in the sample
TAIL = 4_000


@dataclass(frozen=True, slots=True)
class UniquePeople:
    """How many people nobody else in the population looks like, as estimated from a sample.

    people    estimated number in the population
    share     of the population, 0..1
    method    the estimator
    zayatz    number after Zayatz; None if it cannot be computed
    pitman    number after Pitman's sampling formula; None if its likelihood has no maximum inside its range
    """

    people: float | None
    share: float | None
    method: str
    zayatz: float | None
    pitman: float | None


def sampling_share(sample: int, population: int) -> float:
    """The share of a population that a sample is.

    raises  QueryError if the sample is larger
    """
    if population < max(sample, 1):
        raise QueryError(
            "population: it is smaller than the table", "give the number of people whom the table was drawn from"
        )
    return sample / population


def inverse_size(sizes: Whole, share: float) -> Real:
    """[n] Expected 1/F for classes of these sizes in a sample, F their size in the population.

    sizes   1 or more
    share   of the population that is in the sample, above 0 up to 1
    source  Benedetti R, Franconi L, NTTS 1998: given f, F counts the trials until the f-th success, negative binomial
            with p = share. It holds if each person was drawn alone and with one probability, and each F was as likely
            before. E[1/F] = p * integral over u from 0 to 1 of u^(f-1) / (p + (1-p) u). Franconi L, Polettini S, 2004
    """
    if sizes.size == 0 or share >= 1:
        return np.asarray(1 / sizes, dtype=np.float64)
    miss = 1 - share
    largest = int(sizes.max())
    integral = np.empty(largest + 1)
    if share < 0.5:
        # miss * I(f+1) + share * I(f) = 1/f; in this direction errors shrink.
        integral[1] = -log(share) / miss
        for f in range(1, largest):
            integral[f + 1] = (1 / f - share * integral[f]) / miss
    else:
        start = largest + TAIL
        value = 1 / (start * (share + miss * start / (start + 1)))
        for f in range(start - 1, 0, -1):
            value = (1 / f - miss * value) / share
            if f <= largest:
                integral[f] = value
    return np.asarray(np.minimum(share * integral[sizes], 1 / sizes), dtype=np.float64)


def unique_people(histogram: tuple[tuple[int, int], ...], population: int) -> UniquePeople:
    """The people who are unique in the population, estimated from the class sizes of a sample.

    histogram   (size, classes of that size) of the sample
    population  people in all
    source      Dankar FK, El Emam K, Neisa A, Roffey T, BMC Med Inform Decis Mak 2012;12:66: Pitman's model up to a
                sampling share of 0.1, else the smaller of Zayatz's and the slide negative binomial. The latter is not
                computed here: Zayatz alone, which is never below their rule. Zayatz too where Pitman's likelihood has
                no maximum.
    """
    sample = sum(size * classes for size, classes in histogram)
    if sample == 0:
        return UniquePeople(None, None, "none: the table is empty", None, None)
    share = sampling_share(sample, population)
    alone = dict(histogram).get(1, 0)
    if alone == 0:
        return UniquePeople(0.0, 0.0, "no record is unique in the table, so the estimate is none", 0.0, 0.0)
    zayatz = _zayatz(histogram, sample, population)
    pitman = _pitman(histogram, sample, population)
    if share <= PITMAN_BELOW and pitman is not None:
        return UniquePeople(pitman, pitman / population, "Pitman", zayatz, pitman)
    return UniquePeople(zayatz, zayatz / population, "Zayatz", zayatz, pitman)


def _zayatz(histogram: tuple[tuple[int, int], ...], sample: int, population: int) -> float:
    """Number of population uniques.

    source  Zayatz LV, Bureau of the Census, SRD Research Report 91/08, 1991: the classes of the population have the
            sizes of those of the sample, so that Bayes gives the chance that a sample unique is a population unique
    """

    def seen_once(size: int) -> float:
        """The chance that exactly one of `size` people is in the sample, drawn without replacement."""
        if population - size < sample - 1:
            return 0.0
        ways = _choose(population - size, sample - 1) - _choose(population, sample)
        return exp(log(size) + ways)

    alone = dict(histogram)[1]
    every = sum(classes * seen_once(size) for size, classes in histogram)
    return min(float(population), alone * (alone * seen_once(1) / every) * population / sample)


def _choose(n: int, k: int) -> float:
    """log of n over k."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _pitman(histogram: tuple[tuple[int, int], ...], sample: int, population: int) -> float | None:
    """Expected population uniques under Pitman's sampling formula with theta and alpha of greatest likelihood.

    source  Hoshino N, J Off Stat 2001;17:499-520; the expectation is exact, without its Stirling approximation
    """
    found = _pitman_fit(histogram, sample)
    if found is None:
        return None
    theta, alpha = found
    people = exp(
        log(population)
        + lgamma(theta + alpha + population - 1)
        - lgamma(theta + population)
        + lgamma(theta + 1)
        - lgamma(theta + alpha)
    )
    return people if isfinite(people) and people <= population else None


def _pitman_fit(histogram: tuple[tuple[int, int], ...], sample: int) -> tuple[float, float] | None:
    """theta > -alpha and 0 < alpha < 1 of greatest likelihood, or None if it has no maximum there."""
    sizes = np.array([size for size, _ in histogram], dtype=np.float64)
    counts = np.array([classes for _, classes in histogram], dtype=np.float64)
    classes = int(counts.sum())
    if classes in (1, sample):
        return None
    surface = _Surface(
        np.arange(1, classes, dtype=np.float64),
        np.arange(1, sample, dtype=np.float64),
        np.arange(1, int(sizes.max()), dtype=np.float64),
        _larger(sizes, counts, np.arange(1, int(sizes.max()), dtype=np.float64)),
    )
    theta, alpha = 1.0, 0.5
    best = surface.height(theta, alpha)
    for _ in range(STEPS_AT_MOST):
        step = _step(*surface.tangent(theta, alpha))
        scale = 1.0
        while scale > 1e-12 and (value := surface.height(theta + scale * step[0], alpha + scale * step[1])) <= best:
            scale /= 2
        if scale <= 1e-12:
            break
        theta, alpha = theta + scale * step[0], alpha + scale * step[1]
        gained, best = value - best, value
        if gained < 1e-12 * abs(best):
            break
    inside = 1e-6 < alpha < 1 - 1e-6 and theta > -alpha + 1e-9 and theta < 1e12
    return (float(theta), float(alpha)) if inside else None


@dataclass(frozen=True, slots=True, eq=False)
class _Surface:
    """The log-likelihood of Pitman's sampling formula (Hoshino 2001) over theta and alpha.

    upward, every  1 .. classes - 1; 1 .. records - 1
    inner, larger  1 .. largest class - 1; how many classes are larger than each
    """

    upward: Real
    every: Real
    inner: Real
    larger: Real

    def height(self, theta: float, alpha: float) -> float:
        """The log-likelihood, less what does not depend on either; minus infinity outside of their range."""
        if not 0 < alpha < 1 or theta <= -alpha:
            return -inf
        return float(
            np.log(theta + self.upward * alpha).sum()
            - np.log(theta + self.every).sum()
            + (self.larger * np.log(self.inner - alpha)).sum()
        )

    def tangent(self, theta: float, alpha: float) -> tuple[Real, Real]:
        """First and second derivatives."""
        rising, falling, low = 1 / (theta + self.upward * alpha), 1 / (theta + self.every), 1 / (self.inner - alpha)
        mixed = -(self.upward * rising**2).sum()
        slope = [rising.sum() - falling.sum(), (self.upward * rising).sum() - (self.larger * low).sum()]
        bend = [
            [(falling**2).sum() - (rising**2).sum(), mixed],
            [mixed, -((self.upward * rising) ** 2).sum() - (self.larger * low**2).sum()],
        ]
        return np.array(slope), np.array(bend)


def _larger(sizes: Real, counts: Real, inner: Real) -> Real:
    """For each j, how many classes are larger than j."""
    below = np.concatenate(([0.0], np.cumsum(counts)))
    return np.asarray(below[-1] - below[np.searchsorted(sizes, inner, side="right")], dtype=np.float64)


def _step(slope: Real, bend: Real) -> Real:
    """Newton's step uphill; along the slope, scaled, where the surface does not bend down."""
    determinant = bend[0, 0] * bend[1, 1] - bend[0, 1] * bend[1, 0]
    if bend[0, 0] < 0 and determinant > 0:
        return np.asarray(-np.linalg.solve(bend, slope), dtype=np.float64)
    return np.asarray(slope / np.maximum(np.abs(np.diag(bend)), 1e-12), dtype=np.float64)
