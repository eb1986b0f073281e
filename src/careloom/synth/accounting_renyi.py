"""Privacy accounting by Renyi divergence: curves add up, whatever was chosen in view of what came before.

Sources: Mironov 2017 (RDP); Mironov, Talwar, Zhang 2019 (sampled Gaussian); Bun, Steinke 2016 (zCDP); Canonne, Kamath,
Steinke 2020, proposition 12 (conversion); Feldman, Zrnic 2021 (what a filter may add up).
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from careloom.synth.accounting_mechanisms import Claimed, Gaussian, Laplace, Mechanism, SampledGaussian, Selection

Floats = NDArray[np.float64]
ORDERS: Floats = np.array(
    [1 + x / 20 for x in range(1, 20)]
    + [2 + x / 4 for x in range(32)]
    + [10 + x / 2 for x in range(44)]
    + [float(x) for x in (*range(32, 64, 2), *range(64, 128, 8), 128, 160, 192, 256, 384, 512, 1024)]
)
"""Orders above 1 at which curves are kept; part of what a ledger means, so they stay."""


def curve(mechanisms: Iterable[Mechanism], orders: Floats = ORDERS) -> Floats:
    """[n orders] the Renyi differential privacy of all of these together.

    What is only claimed to be (epsilon, delta) counts by its epsilon; its delta is apart: see `claimed_delta`.
    """
    total = np.zeros(len(orders))
    for one in mechanisms:
        total = total + one.count * _single(one, tuple(orders))
    return total


def claimed_delta(mechanisms: Iterable[Mechanism]) -> float:
    """What the mechanisms that bring their own delta add up to; the conversion has so much less."""
    return sum(one.count * one.delta for one in mechanisms if isinstance(one, Claimed))


def epsilon_at(orders: Floats, renyi: Floats, delta: float) -> Floats:
    """[n orders] the epsilon that each order of a curve gives at this delta."""
    if delta <= 0:
        return np.full(len(orders), math.inf)
    found = renyi + np.log1p(-1 / orders) - (math.log(delta) + np.log(orders)) / (orders - 1)
    return np.asarray(np.maximum(found, 0.0))


def renyi_epsilon(mechanisms: Iterable[Mechanism], delta: float) -> float:
    """The least epsilon at `delta` that Renyi accounting proves; infinite where the claimed deltas use it up."""
    named = list(mechanisms)
    if not named:
        return 0.0
    return float(epsilon_at(ORDERS, curve(named), delta - claimed_delta(named)).min())


def concentrated_epsilon(rho: float, delta: float) -> float:
    """The epsilon at `delta` of rho-zCDP, over all orders."""
    if rho <= 0:
        return 0.0
    orders = 1 + np.geomspace(1e-4, 1e5, 20_001)
    return float(epsilon_at(orders, rho * orders, delta).min())


def concentrated(mechanisms: Iterable[Mechanism]) -> float:
    """The rho of zCDP of all of these; infinite where one has none (drawn patients, a delta of its own)."""
    return float(sum(one.count * _rho(one) for one in mechanisms))


def _rho(one: Mechanism) -> float:
    if isinstance(one, Gaussian):
        return 0.5 / one.noise**2
    if isinstance(one, Selection):
        return one.epsilon**2 / 8
    if isinstance(one, SampledGaussian):
        return 0.5 / one.noise**2 if one.rate == 1 else math.inf
    if isinstance(one, Claimed) and one.delta > 0:
        return math.inf
    return min(one.epsilon, one.epsilon**2 / 2)


def _single(one: Mechanism, orders: tuple[float, ...]) -> Floats:
    alphas = np.array(orders)
    if isinstance(one, Gaussian):
        return np.asarray(alphas / (2 * one.noise**2))
    if isinstance(one, SampledGaussian):
        return np.asarray(_sampled(one.noise, one.rate, orders), np.float64)
    if isinstance(one, Laplace):
        return _laplace(one.epsilon, alphas)
    if isinstance(one, Selection):
        return np.asarray(np.minimum(one.epsilon**2 / 8 * alphas, one.epsilon))
    return _response(one.epsilon, alphas)


def _laplace(epsilon: float, alphas: Floats) -> Floats:
    """Mironov 2017, proposition 6."""
    up = np.log(alphas / (2 * alphas - 1)) + (alphas - 1) * epsilon
    down = np.log((alphas - 1) / (2 * alphas - 1)) - alphas * epsilon
    return np.asarray(np.minimum(np.logaddexp(up, down) / (alphas - 1), epsilon))


def _response(epsilon: float, alphas: Floats) -> Floats:
    """Randomized response, which dominates whatever is purely private (Mironov 2017, proposition 5)."""
    log_p, log_q = -math.log1p(math.exp(-epsilon)), -math.log1p(math.exp(epsilon))
    there = alphas * log_p + (1 - alphas) * log_q
    back = alphas * log_q + (1 - alphas) * log_p
    return np.asarray(np.minimum(np.logaddexp(there, back) / (alphas - 1), epsilon))


@lru_cache(maxsize=256)
def _sampled(noise: float, rate: float, orders: tuple[float, ...]) -> Any:
    """Of both directions the worse, the one with the patient in the numerator (Mironov et al. 2019)."""
    if rate == 1:
        return np.array(orders) / (2 * noise**2)
    return np.array([_sampled_at(noise, rate, order) for order in orders])


def _sampled_at(noise: float, rate: float, order: float) -> float:
    """log E[((1 - q) + q exp((2x - 1) / 2s^2))^a] / (a - 1) over x ~ N(0, s^2), by the trapezoid rule.

    The integrand is analytic in a strip of half-width pi s^2 and falls off as a Gaussian, so the rule with steps of
    s / 24 is exact to the last digits; it is checked against the binomial sum at whole orders.
    """
    step = min(noise, noise**2) / 24
    ends = (-14 * noise, order + 14 * noise)
    points = int((ends[1] - ends[0]) / step) + 2
    if points > 2_000_000:
        return order / (2 * noise**2)
    x = ends[0] + step * np.arange(points)
    ratio = np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * x - 1) / (2 * noise**2))
    terms = order * ratio - x**2 / (2 * noise**2)
    peak = float(terms.max())
    total = peak + math.log(float(np.exp(terms - peak).sum()) * step / (noise * math.sqrt(2 * math.pi)))
    return max(0.0, total / (order - 1))
