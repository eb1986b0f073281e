"""Composition of privacy loss random variables by Fourier transform: the tight account, from above.

Each loss is put on a grid by connecting the dots of its privacy profile (Doroshenko, Ghazi, Kamath, Kumar, Manurangsi
2022), which never tells less than there is; losses of several mechanisms add up as in
Koskela, Jaelkoe, Honkela 2020 and Gopi, Lee, Wutschitz 2021. What falls outside the window counts as told in full.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from careloom.errors import QueryError
from careloom.synth.accounting_losses import Losses, losses, spread
from careloom.synth.accounting_mechanisms import Gaussian, Mechanism

Floats = NDArray[np.float64]
LEAST_DELTA = 1e-10
"""Below it rounding of the transform would show; Renyi accounting has no such limit."""
_TAIL = 1e-13
"""Probability outside the window, counted as told; with `_ROUNDING` far below every delta."""
_ROUNDING = 1e-13
_MOST_POINTS = 1 << 22
_MOST_OF_ONE = 1 << 19


@dataclass(frozen=True, slots=True)
class Account:
    """The loss of a composition: `mass` at the losses `at`, and `told`: the probability that all is told."""

    at: Floats
    mass: Floats
    told: float

    def delta(self, epsilon: float) -> float:
        """The delta at an epsilon."""
        beyond = self.at > epsilon
        rest = float((-np.expm1(epsilon - self.at[beyond]) * self.mass[beyond]).sum())
        return min(1.0, self.told + rest)

    def epsilon(self, delta: float) -> float:
        """The least epsilon at a delta; infinite where there is none."""
        if delta <= self.told:
            return math.inf
        if self.delta(0.0) <= delta:
            return 0.0
        low, high = 0.0, float(self.at[-1])
        while high - low > 1e-9 * max(1.0, high):
            middle = (low + high) / 2
            low, high = (low, middle) if self.delta(middle) <= delta else (middle, high)
        return high


def compose(mechanisms: Sequence[Mechanism]) -> tuple[Account, ...]:
    """The accounts of both directions: a patient left, a patient came."""
    merged = _merged(mechanisms)
    return tuple(_composed(merged, is_added=is_added) for is_added in (False, True))


def prv_epsilon(mechanisms: Sequence[Mechanism], delta: float) -> float:
    """The epsilon at `delta` of all of these, run one after the other. raises QueryError below `LEAST_DELTA`"""
    if not mechanisms:
        return 0.0
    if delta < LEAST_DELTA:
        raise QueryError("delta is too small for the composition of losses", f"Give at least {LEAST_DELTA:g}.")
    return max(one.epsilon(delta) for one in compose(mechanisms))


def prv_delta(mechanisms: Sequence[Mechanism], epsilon: float) -> float:
    """The delta at `epsilon` of all of these."""
    return max((one.delta(epsilon) for one in compose(mechanisms)), default=0.0)


def _step(mechanisms: Sequence[Mechanism]) -> float:
    """The grid: a fiftieth of what a run spreads on average, so that rounding adds less than 1 in 5,000 to it."""
    runs = sum(one.count for one in mechanisms)
    variance = sum(one.count * spread(one)[2] ** 2 for one in mechanisms)
    widest = max(high - low for low, high, _ in map(spread, mechanisms))
    return max(min(0.02, 0.02 * math.sqrt(variance / runs)), widest / _MOST_OF_ONE)


def _merged(mechanisms: Sequence[Mechanism]) -> list[Mechanism]:
    """The same losses in fewer parts: Gaussians are one Gaussian, and equals are counted together."""
    strength = sum(one.count / one.noise**2 for one in mechanisms if isinstance(one, Gaussian))
    counts: Counter[Mechanism] = Counter()
    for one in mechanisms:
        if not isinstance(one, Gaussian):
            counts[replace(one, count=1)] += one.count
    rest = [replace(one, count=count) for one, count in counts.items()]
    return ([Gaussian(strength**-0.5)] if strength else []) + rest


def _composed(mechanisms: Sequence[Mechanism], *, is_added: bool) -> Account:
    step = _step(mechanisms)
    while True:
        singles = [_on_grid(one, step, is_added=is_added) for one in mechanisms]
        counts = [one.count for one in mechanisms]
        low, high = _window(singles, counts, step)
        points = 1 << max(4, math.ceil(math.log2((high - low) / step + 4)))
        if points <= _MOST_POINTS:
            break
        step *= 2
    first = math.floor(low / step)
    transform = np.ones(points // 2 + 1, complex)
    shift = 0
    for (start, mass, _), count in zip(singles, counts, strict=True):
        folded = np.bincount(np.arange(len(mass)) % points, weights=mass, minlength=points)
        transform *= np.fft.rfft(folded) ** count
        shift += start * count
    mass = np.roll(np.maximum(np.fft.irfft(transform, points), 0.0), shift - first)
    kept = sum(count * math.log1p(-told) for (_, _, told), count in zip(singles, counts, strict=True))
    at = np.asarray((first + np.arange(points)) * step, np.float64)
    return Account(at, mass, -math.expm1(kept) + _TAIL + _ROUNDING)


def _on_grid(one: Mechanism, step: float, *, is_added: bool) -> tuple[int, Floats, float]:
    """Index of the first loss on the grid, mass at each, and the mass that is told in full."""
    low, high, _ = spread(one)
    start = math.floor(low / step) - 1
    x = np.asarray(step * np.arange(start, math.ceil(high / step) + 2), np.float64)
    return start, *_dots(losses(one, x, is_added=is_added), x, step)


def _dots(found: Losses, x: Floats, step: float) -> tuple[Floats, float]:
    """Mass of P at each of `x`: what lies between two of them is shared so that both P and Q keep their mass."""
    p, q = -np.diff(found.above_p), -np.diff(found.above_q)
    p, q = np.maximum(p, 0.0), np.maximum(q, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        up = (p - np.exp(x[:-1]) * q) / -math.expm1(-step)
    up = np.clip(np.nan_to_num(up, nan=0.0, posinf=np.inf, neginf=0.0), 0.0, p)
    mass = np.zeros(len(x))
    mass[1:] += up
    mass[:-1] += p - up
    top = float(found.above_p[-1])
    mass[0] += max(0.0, 1 - found.never - float(found.above_p[0]))
    return mass, top + found.never


def _window(singles: Sequence[tuple[int, Floats, float]], counts: Sequence[int], step: float) -> tuple[float, float]:
    """Losses between which the sum lies but for `_TAIL`, by Chernoff's bound."""
    slack, low, high = -math.log(_TAIL / 2), 0.0, 0.0
    for start, mass, _ in singles:
        low, high = min(low, step * start), max(high, step * (start + len(mass)))
    scale = np.geomspace(1e-3, 50.0, 24) / step / 50
    rates = scale[scale * max(-low, high) < 600]
    up = min(((_cumulant(singles, counts, step, one) + slack) / one for one in rates), default=math.inf)
    down = max((-(_cumulant(singles, counts, step, -one) + slack) / one for one in rates), default=-math.inf)
    farthest = step * sum(count * (start + len(mass)) for (start, mass, _), count in zip(singles, counts, strict=True))
    nearest = step * sum(count * start for (start, _, _), count in zip(singles, counts, strict=True))
    return max(down, nearest), min(up, farthest)


def _cumulant(singles: Sequence[tuple[int, Floats, float]], counts: Sequence[int], step: float, rate: float) -> float:
    """log E[exp(rate * sum of losses)]."""
    total = 0.0
    for (start, mass, _), count in zip(singles, counts, strict=True):
        at = rate * step * (start + np.arange(len(mass)))
        peak = float(at.max())
        total += count * (peak + math.log(float((np.exp(at - peak) * mass).sum())))
    return total
