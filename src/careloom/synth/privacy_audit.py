"""A lower bound of epsilon by experiment: what an attacker who looks for canaries proves about a claim.

A canary is a patient who is easy to find. Its score says how much it looks as if it had been learnt. A bound above the
claimed epsilon is a proof that the claim is wrong; one below proves nothing but that this attacker saw no more.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from careloom.errors import InputError
from careloom.metrics import beta_below, exact_interval
from careloom.synth.accounting import gaussian_epsilon

Floats = npt.NDArray[np.float64]
Release = Callable[[bool, int], float]
"""(with the canary, number of the run) -> the canary's score, higher where it seems to have been learnt."""
CONFIDENCE = 0.95
_MOST = 200.0
_LEVELS = 60
"""Thresholds that are tried."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit proves.

    lower   epsilon at `delta` is at least this, with this confidence; 0 where nothing was seen
    runs    fits of the generator
    most    the largest bound that so many runs, or canaries, can prove: every guess right
    """

    lower: float
    delta: float
    confidence: float
    runs: int
    most: float


def campaign(release: Release, runs: int) -> tuple[Floats, Floats]:
    """[runs] scores of the canary with it and without it, each run with a number of its own."""
    return (
        np.array([release(True, 2 * run) for run in range(runs)]),
        np.array([release(False, 2 * run + 1) for run in range(runs)]),
    )


def audit(within: Floats, without: Floats, delta: float, confidence: float = CONFIDENCE) -> Audited:
    """The bound by many runs; the threshold is chosen on the first half of the runs, and judged on the second.

    within, without  as of `campaign`, as many of each
    raises           InputError for fewer than 4 runs of each
    source           Jagielski, Ullman, Oprea, NeurIPS 2020 (arXiv 2006.07709); Nasr et al, S&P 2021 (arXiv 2101.04535)
    """
    return _audited(
        within,
        without,
        lambda found, wrong, runs: by_counts(found, wrong, runs, delta, confidence),
        (delta, confidence),
    )


def audit_gaussian(within: Floats, without: Floats, delta: float, confidence: float = CONFIDENCE) -> Audited:
    """As `audit`, for generators all of whose noise is Gaussian: the same hits prove more there.

    The bound is of mu, the distance of two normal distributions that are as far apart; a claim by composed Gaussians
    has mu^2 / 2 = rho. Selections by the exponential mechanism, or sampling, are not of that kind.
    source  Dong, Roth, Su, JRSS-B 2022;84:3-37; Nasr et al, Tight Auditing, USENIX Security 2023 (arXiv 2302.07956)
    """

    def bound(found: int, wrong: int, runs: int) -> float:
        low, high = exact_interval(found, runs, confidence).low, exact_interval(wrong, runs, confidence).high
        if not (0 < low < 1 and 0 < high < 1):
            return 0.0
        mu = NormalDist().inv_cdf(low) - NormalDist().inv_cdf(high)
        return gaussian_epsilon(mu * mu / 2, delta) if mu > 0 else 0.0

    return _audited(within, without, bound, (delta, confidence))


def by_counts(found: int, wrong: int, runs: int, delta: float, confidence: float = CONFIDENCE) -> float:
    """The bound where the canary was seen in `found` of the runs with it, and in `wrong` of as many without it.

    Each of the two shares is bounded by Clopper and Pearson's interval on its one side, at half of what may go wrong.
    """
    low, high = exact_interval(found, runs, confidence).low, exact_interval(wrong, runs, confidence).high
    ratios = [(low - delta, high), (1 - high - delta, 1 - low)]
    return max([0.0, *(math.log(up / down) for up, down in ratios if up > 0 and down > 0)])


def _audited(
    within: Floats, without: Floats, bound: Callable[[int, int, int], float], asked: tuple[float, float]
) -> Audited:
    """The bound of the second half of the runs, at the threshold that proves most in the first."""
    if len(within) != len(without) or len(within) < 4:
        raise InputError("audit: there are too few runs", "Give 4 runs with the canary at least, and as many without.")
    half = len(within) // 2
    levels = np.unique(np.concatenate([within[:half], without[:half]]))
    levels = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2])
    levels = levels[np.unique(np.linspace(0, len(levels) - 1, _LEVELS).astype(int))]
    above = [[int((side[:half] > level).sum()) for level in levels] for side in (within, without)]
    worth = [bound(found, wrong, half) for found, wrong in zip(*above, strict=True)]
    threshold = levels[int(np.argmax(worth))]
    runs = len(within) - half
    lower = bound(int((within[half:] > threshold).sum()), int((without[half:] > threshold).sum()), runs)
    return Audited(lower, *asked, 2 * len(within), bound(runs, 0, runs))


def audit_one_run(
    scores: Floats, included: npt.NDArray[np.bool_], guesses: int, delta: float, confidence: float = CONFIDENCE
) -> Audited:
    """The bound by one fit with many canaries, each of which was put in or left out by the toss of a fair coin.

    scores    [m] of the canaries
    included  [m] the tosses
    guesses   how many of the highest are taken to be in, and how many of the lowest to be out; fixed beforehand
    raises    InputError for more guesses than canaries
    source    Steinke, Nasr, Jagielski, Privacy Auditing with One (1) Training Run, NeurIPS 2023 (arXiv 2305.08846),
              theorem 5.2
    """
    if len(scores) != len(included) or not 0 < 2 * guesses <= len(scores):
        raise InputError("audit: the guesses do not fit the canaries", "Guess at most half of them to be in.")
    order = np.argsort(-scores, kind="stable")
    right = int(included[order[:guesses]].sum()) + int((~included[order[-guesses:]]).sum())
    counts = len(scores), 2 * guesses
    return Audited(
        _one_run(*counts, right, delta, confidence),
        delta,
        confidence,
        1,
        _one_run(*counts, 2 * guesses, delta, confidence),
    )


def _one_run(canaries: int, guesses: int, right: int, delta: float, confidence: float) -> float:
    """The largest epsilon under which so many right guesses are less likely than 1 - confidence."""
    low, high = 0.0, _MOST
    if chance_of_guesses(canaries, guesses, right, low, delta) > 1 - confidence:
        return 0.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        is_refuted = chance_of_guesses(canaries, guesses, right, middle, delta) <= 1 - confidence
        low, high = (middle, high) if is_refuted else (low, middle)
    return low


def chance_of_guesses(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """At most how likely so many right guesses are under (epsilon, delta)."""
    q = 1 / (1 + math.exp(-epsilon))

    def at_least(count: int) -> float:  # P(Binomial(guesses, q) >= count)
        return 1.0 if count <= 0 else beta_below(q, count, guesses - count + 1)

    beyond = at_least(right)
    if delta == 0:
        return beyond
    steepest = max(((at_least(right - i) - beyond) / i for i in range(1, right + 1)), default=0.0)
    return min(1.0, beyond + 2 * canaries * delta * steepest)
