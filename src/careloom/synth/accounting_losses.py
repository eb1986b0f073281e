"""The privacy loss of one run of a mechanism as a random variable: its tails under both data sets.

With P, Q the outputs with and without a patient, ``L = log dP/dQ``. A mechanism is given by the pair (P, Q) that
dominates it (Zhu, Dong, Wang 2022): every pair of neighbours is at most as far apart, at every epsilon.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from careloom.synth.accounting_mechanisms import Claimed, Gaussian, Laplace, Mechanism, SampledGaussian, Selection

Floats = NDArray[np.float64]
_ERFC = np.frompyfunc(math.erfc, 1, 1)
_REACH = 8.5
"""Standard deviations beyond which a Gaussian has 1e-17; what lies there counts as told."""


def normal_above(x: Floats | float) -> Floats:
    """P(N(0, 1) > x), to the last digits far out, too."""
    return 0.5 * np.asarray(_ERFC(np.asarray(x, float) / math.sqrt(2)), float)


@dataclass(frozen=True, slots=True)
class Losses:
    """P(L > x) and Q(L > x) on a rising grid of x, and what is certain to be lost.

    never  probability of P that the loss has no bound
    """

    above_p: Floats
    above_q: Floats
    never: float = 0.0


def spread(one: Mechanism) -> tuple[float, float, float]:
    """The least and the largest loss of one run (beyond which nothing counts), and about its standard deviation."""
    if isinstance(one, Gaussian):
        return _gaussian_ends(1 / one.noise)
    if isinstance(one, SampledGaussian):
        if one.rate == 1:
            return _gaussian_ends(1 / one.noise)
        high = _mixture_loss(one, 1 + _REACH * one.noise)
        slope = math.expm1(min(1 / one.noise**2, 600.0))
        return -high, high, min(1 / one.noise, one.rate * math.sqrt(slope))
    width = one.epsilon / 2 if isinstance(one, Selection) else one.epsilon * math.tanh(one.epsilon / 2) ** 0.5
    return -one.epsilon, one.epsilon, width


def _gaussian_ends(mu: float) -> tuple[float, float, float]:
    return mu * mu / 2 - _REACH * mu, mu * mu / 2 + _REACH * mu, mu


def losses(one: Mechanism, x: Floats, *, is_added: bool) -> Losses:
    """The tails of one run on the grid `x`; `is_added`: the patient is in Q, not in P."""
    if isinstance(one, Gaussian):
        return _gaussian(1 / one.noise, x)
    if isinstance(one, SampledGaussian):
        if one.rate == 1:
            return _gaussian(1 / one.noise, x)
        return _added(one, x) if is_added else _removed(one, x)
    if isinstance(one, Laplace):
        return _laplace(one.epsilon, x)
    if isinstance(one, Selection):
        return _selection(one.epsilon, x)
    return _claimed(one, x)


def _gaussian(mu: float, x: Floats) -> Losses:
    return Losses(normal_above(x / mu - mu / 2), normal_above(x / mu + mu / 2))


def _mixture_loss(one: SampledGaussian, z: float) -> float:
    """log of the mixture over the plain Gaussian at z."""
    there = math.log(one.rate) + (2 * z - 1) / (2 * one.noise**2)
    return float(np.logaddexp(math.log1p(-one.rate), there))


def _place(one: SampledGaussian, loss: Floats) -> Floats:
    """Where the mixture's loss is `loss`: minus infinity where it is always above."""
    gap = np.expm1(loss) + one.rate
    with np.errstate(divide="ignore", invalid="ignore"):
        place = one.noise**2 * np.log(gap / one.rate) + 0.5
    return np.asarray(np.where(gap > 0, place, -np.inf))


def _removed(one: SampledGaussian, x: Floats) -> Losses:
    z = _place(one, x)
    plain, shifted = normal_above(z / one.noise), normal_above((z - 1) / one.noise)
    return Losses((1 - one.rate) * plain + one.rate * shifted, plain)


def _added(one: SampledGaussian, x: Floats) -> Losses:
    z = _place(one, -x)
    plain, shifted = normal_above(-z / one.noise), normal_above((1 - z) / one.noise)
    return Losses(plain, (1 - one.rate) * plain + one.rate * shifted)


def _laplace(epsilon: float, x: Floats) -> Losses:
    inside = np.clip(x, -epsilon, epsilon)
    p = np.where(x >= epsilon, 0.0, np.where(x < -epsilon, 1.0, 1 - 0.5 * np.exp((inside - epsilon) / 2)))
    q = np.where(x >= epsilon, 0.0, np.where(x < -epsilon, 1.0, 0.5 * np.exp(-(epsilon + inside) / 2)))
    return Losses(p, q)


def _selection(epsilon: float, x: Floats) -> Losses:
    """Bounded range: at x the worst pair has its losses at (x + epsilon) / 2 and that less epsilon.

    Their envelope ``(1 - s)^2 / (1 - e^-epsilon)``, ``s = e^((x - epsilon) / 2)``, is a privacy profile, and these are
    its tails.
    """
    s, scale = np.exp((np.clip(x, -epsilon, epsilon) - epsilon) / 2), -math.expm1(-epsilon)
    p = np.where(x < -epsilon, 1.0, (1 - s) / scale)
    q = np.where(x < -epsilon, 1.0, (1 - s) * math.exp(-epsilon) / (s * scale))
    return Losses(p, q)


def _claimed(one: Claimed, x: Floats) -> Losses:
    """Randomized response, and with probability delta everything is told (Kairouz, Oh, Viswanath 2015)."""
    high = 1 / (1 + math.exp(-one.epsilon))
    p = np.where(x >= one.epsilon, 0.0, np.where(x < -one.epsilon, 1.0, high)) * (1 - one.delta)
    q = np.where(x >= one.epsilon, 0.0, np.where(x < -one.epsilon, 1.0, 1 - high)) * (1 - one.delta)
    return Losses(p, q, one.delta)
