"""How much privacy is spent: (epsilon, delta) of any mix of mechanisms, and the noise that a target leaves.

The unit is the patient: neighbours are two data sets of which one has all rows of one patient more. See
docs/explanation/privacy-accounting.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from careloom.errors import QueryError
from careloom.synth.accounting_losses import normal_above
from careloom.synth.accounting_mechanisms import Gaussian, Mechanism, SampledGaussian
from careloom.synth.accounting_prv import LEAST_DELTA, prv_epsilon
from careloom.synth.accounting_renyi import claimed_delta, concentrated, concentrated_epsilon, renyi_epsilon

Method = Literal["exact", "losses", "renyi", "zcdp", "sum"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What mechanisms together cost.

    epsilon  at `delta`: the least that one of the methods proves
    method   which: ``exact`` for Gaussian noise alone, ``losses`` composed, ``renyi``, ``zcdp``, or the plain ``sum``
    """

    epsilon: float
    delta: float
    method: Method


def spent(mechanisms: Sequence[Mechanism], delta: float) -> Spent:
    """The least epsilon that holds for all of these run one after the other, their parameters fixed beforehand.

    Each may see what came out before. Where the parameters, too, were chosen by that, the account is a filter: see
    `careloom.synth.accounting_filter`. raises QueryError for a delta outside (0, 1)
    """
    if not 0 < delta < 1:
        raise QueryError("delta is out of range", "It has to be above 0 and below 1.")
    if not mechanisms:
        return Spent(0.0, delta, "sum")
    if all(isinstance(one, Gaussian) for one in mechanisms):
        return Spent(gaussian_epsilon(concentrated(mechanisms), delta), delta, "exact")
    found: list[tuple[float, Method]] = [(renyi_epsilon(mechanisms, delta), "renyi")]
    rho = concentrated(mechanisms)
    if math.isfinite(rho):
        found.append((concentrated_epsilon(rho, delta), "zcdp"))
    if claimed_delta(mechanisms) <= delta:
        found.append((sum(one.count * _pure(one) for one in mechanisms), "sum"))
    if delta >= LEAST_DELTA:
        found.append((prv_epsilon(mechanisms, delta), "losses"))
    epsilon, method = min(found)
    return Spent(epsilon, delta, method)


def _pure(one: Mechanism) -> float:
    return math.inf if isinstance(one, Gaussian | SampledGaussian) else one.epsilon


def gaussian_delta(noise: float, epsilon: float) -> float:
    """The exact delta of Gaussian noise (Balle, Wang 2018, theorem 8); `noise` as in `Gaussian`."""
    mu = 1 / noise
    told = float(normal_above(epsilon / mu - mu / 2))
    back = float(normal_above(epsilon / mu + mu / 2))
    return max(0.0, told - (math.exp(epsilon + math.log(back)) if back > 0 else 0.0))


def gaussian_epsilon(rho: float, delta: float) -> float:
    """The exact epsilon at `delta` of Gaussian noise of rho-zCDP, which is all that several Gaussians amount to."""
    if rho <= 0:
        return 0.0
    noise = math.sqrt(0.5 / rho)
    if gaussian_delta(noise, 0.0) <= delta:
        return 0.0
    high = 1.0
    while gaussian_delta(noise, high) > delta:
        high *= 2
    return _least(lambda epsilon: gaussian_delta(noise, epsilon) <= delta, 0.0, high)


def calibrated(
    made: Callable[[float], Sequence[Mechanism]],
    epsilon: float,
    delta: float,
    *,
    within: tuple[float, float] = (1e-3, 1e6),
) -> float:
    """The least factor of noise at which ``made(factor)`` stays within (epsilon, delta).

    made    mechanisms whose noise grows with the factor
    within  where the factor is looked for
    raises  QueryError where even the largest factor spends more, or the target is none
    """
    if not epsilon > 0:
        raise QueryError("epsilon is out of range", "It has to be above 0.")
    least, most = (math.log(one) for one in within)

    def fits_by_renyi(factor: float) -> bool:
        return renyi_epsilon(made(math.exp(factor)), delta) <= epsilon

    def fits(factor: float) -> bool:
        return spent(made(math.exp(factor)), delta).epsilon <= epsilon

    if not fits_by_renyi(most):
        high = most
        if not fits(high):
            raise QueryError("no noise within range keeps to this epsilon", "Ask for more epsilon, or for fewer runs.")
    else:
        high = _least(fits_by_renyi, least, most, 1e-3)  # a first answer that costs little, and is never too small
    low = high - 0.2
    while low > least and fits(low):
        low, high = low - 0.4, low
    return math.exp(_least(fits, low, high, 1e-4))


def _least(holds: Callable[[float], bool], low: float, high: float, precision: float = 1e-10) -> float:
    """The least number, from above, from which on `holds`; `holds(high)` is given."""
    while high - low > precision * max(1.0, abs(high)):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
