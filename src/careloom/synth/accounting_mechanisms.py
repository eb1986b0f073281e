"""What was done to the data, as privacy accounting sees it: mechanisms with the parameters of their noise.

Neighbours are two data sets of which one has one patient more. Every mechanism counts how often it ran.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from careloom.errors import QueryError

_MOST = 10_000_000
"""Runs of one mechanism: more is a slip."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Sums published with Gaussian noise.

    noise  standard deviation over the L2 sensitivity: what one patient can change
    """

    kind: ClassVar = "gaussian"
    noise: float
    count: int = 1

    def __post_init__(self) -> None:
        """raises QueryError for parameters that are none."""
        _require(self.noise > 0 and math.isfinite(self.noise), "noise", "a positive number")
        _require_count(self.count)


@dataclass(frozen=True, slots=True)
class SampledGaussian:
    """Gaussian noise on sums over patients drawn anew at every step, each by its own coin (Poisson): DP-SGD.

    noise  standard deviation over the bound on one patient's contribution: the noise multiplier
    rate   probability that a patient is drawn
    count  steps
    """

    kind: ClassVar = "sampled-gaussian"
    noise: float
    rate: float
    count: int = 1

    def __post_init__(self) -> None:
        """raises QueryError for parameters that are none."""
        _require(self.noise > 0 and math.isfinite(self.noise), "noise", "a positive number")
        _require(0 < self.rate <= 1, "rate", "above 0 and at most 1")
        _require_count(self.count)


@dataclass(frozen=True, slots=True)
class Laplace:
    """Sums published with Laplace noise; `epsilon` is the L1 sensitivity over the scale."""

    kind: ClassVar = "laplace"
    epsilon: float
    count: int = 1

    def __post_init__(self) -> None:
        """raises QueryError for parameters that are none."""
        _require_epsilon(self.epsilon)
        _require_count(self.count)


@dataclass(frozen=True, slots=True)
class Selection:
    """The exponential mechanism: one of many chosen with probability ~ exp(epsilon * score / (2 * sensitivity)).

    Its privacy loss lies in an interval of width `epsilon` (bounded range: Dong, Durfee, Rogers, ICML 2020).
    """

    kind: ClassVar = "selection"
    epsilon: float
    count: int = 1

    def __post_init__(self) -> None:
        """raises QueryError for parameters that are none."""
        _require_epsilon(self.epsilon)
        _require_count(self.count)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Something of which is known only that each run is (epsilon, delta) differentially private."""

    kind: ClassVar = "claimed"
    epsilon: float
    delta: float = 0.0
    count: int = 1

    def __post_init__(self) -> None:
        """raises QueryError for parameters that are none."""
        _require_epsilon(self.epsilon)
        _require(0 <= self.delta < 1, "delta", "at least 0 and below 1")
        _require_count(self.count)


Mechanism = Gaussian | SampledGaussian | Laplace | Selection | Claimed
KINDS: dict[str, type[Mechanism]] = {one.kind: one for one in (Gaussian, SampledGaussian, Laplace, Selection, Claimed)}


def as_json(mechanism: Mechanism) -> dict[str, Any]:
    """kind and the parameters, as a ledger keeps them."""
    return {"kind": mechanism.kind, **asdict(mechanism)}


def from_json(kept: Mapping[str, Any]) -> Mechanism:
    """The inverse of `as_json`. raises QueryError for a kind or a parameter that is none"""
    told = dict(kept)
    kind = KINDS.get(str(told.pop("kind", "")))
    if kind is None:
        raise QueryError("there is no such mechanism", f"Choose a kind of {', '.join(KINDS)}.")
    try:
        whole: dict[str, Any] = {name: int(one) if name == "count" else float(one) for name, one in told.items()}
        return kind(**whole)
    except (TypeError, ValueError):
        raise QueryError(f"these are no parameters of {kind.kind}", f"Give {_names(kind)}, all numbers.") from None


def per_patient(mechanism: Mechanism, rows: int) -> Mechanism:
    """The same mechanism where it was set up for one row and a patient has up to `rows` of them.

    Gaussian noise counts `rows` times the sensitivity; what is purely private is so at `rows` times the epsilon. Rows
    drawn one by one are a draw of patients at the rate that any of their rows is in, with all rows in (a patient with
    fewer rows in is that, with noise added). An (epsilon, delta) is widened row by row (Vadhan 2017, 2.2).
    """
    _require(1 <= rows <= _MOST, "rows", f"from 1 to {_MOST:,}")
    if isinstance(mechanism, Gaussian):
        return replace(mechanism, noise=mechanism.noise / rows)
    if isinstance(mechanism, SampledGaussian):
        rate = -math.expm1(rows * math.log1p(-mechanism.rate)) if mechanism.rate < 1 else 1.0
        return replace(mechanism, noise=mechanism.noise / rows, rate=min(1.0, rate))
    if isinstance(mechanism, Claimed) and mechanism.delta > 0:
        grown = mechanism.delta * sum(math.exp(min(700.0, one * mechanism.epsilon)) for one in range(rows))
        _require(grown < 1, "rows", "so few that delta stays below 1; bound the rows of a patient first")
        return replace(mechanism, epsilon=mechanism.epsilon * rows, delta=grown)
    return replace(mechanism, epsilon=mechanism.epsilon * rows)


def _require(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise QueryError(f"privacy accounting: {name} is out of range", f"It has to be {what}.")


def _require_epsilon(epsilon: float) -> None:
    _require(0 < epsilon <= 500, "epsilon", "above 0 and at most 500")


def _require_count(count: int) -> None:
    _require(1 <= count <= _MOST, "count", f"from 1 to {_MOST:,}")


def _names(kind: type[Mechanism]) -> str:
    return " and ".join(kind.__dataclass_fields__)
