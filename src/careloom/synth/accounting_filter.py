"""When to stop: whether a further use of the data still keeps to a budget, however its parameters were chosen.

Analysts choose the noise of the next fit in view of the last one. Composition theorems for parameters fixed beforehand
do not cover that; filters do. The rule is fixed together with the budget:

``renyi``  Renyi divergences at one order add up to what the budget allows there (Feldman, Zrnic 2021, theorem 4.5). The
           order is the one at which Gaussian noise would use up the whole budget. A tenth of delta is kept for what
           brings a delta of its own.
``sum``    epsilons add up and deltas add up (Rogers, Roth, Ullman, Vadhan 2016, theorem 5.1).

To take whichever of the two has more room would need twice the delta.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from careloom.errors import QueryError
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.accounting_renyi import ORDERS, claimed_delta, curve, epsilon_at

Rule = Literal["renyi", "sum"]
RULES: tuple[Rule, ...] = ("renyi", "sum")
_CLAIMED_SHARE = 0.1
_SLACK = 1e-12
"""For sums of floating-point numbers: ten entries of a tenth are a whole."""


@dataclass(frozen=True)
class Use:
    """One use of the data: its mechanisms, and the delta at which its own epsilon is told."""

    mechanisms: tuple[Mechanism, ...]
    delta: float

    @cached_property
    def epsilon(self) -> float:
        """What this use alone spends at its delta; 0 for what only reworks what was published."""
        return spent(self.mechanisms, self.delta).epsilon if self.mechanisms else 0.0


@dataclass(frozen=True)
class Budget:
    """The most that all uses together may spend, and the rule by which they add up."""

    epsilon: float
    delta: float
    rule: Rule = "renyi"

    def __post_init__(self) -> None:
        """raises QueryError for a budget that is none."""
        if not (0 < self.epsilon <= 100 and math.isfinite(self.epsilon)):
            raise QueryError("epsilon of a budget is out of range", "It has to be above 0 and at most 100.")
        if not 0 < self.delta <= 0.01:
            raise QueryError("delta of a budget is out of range", "It has to be above 0 and at most 0.01.")
        if self.rule not in RULES:
            raise QueryError("there is no such rule of a budget", f"Choose one of {', '.join(RULES)}.")

    @cached_property
    def order(self) -> float:
        """The order of ``renyi``: where a Gaussian that uses up the budget has its epsilon."""
        orders, free = ORDERS, self.delta * (1 - _CLAIMED_SHARE)
        fixed = epsilon_at(orders, np.zeros(len(orders)), free)
        room = (self.epsilon - fixed) / orders
        return float(orders[int(np.argmax(np.where(fixed > 0, room, -math.inf)))])

    def used(self, uses: Sequence[Use]) -> float:
        """The share of the budget that is used: 1 is all of it; infinite where delta is."""
        if self.rule == "sum":
            epsilon, delta = (sum(one.epsilon for one in uses if one.mechanisms), _deltas(uses))
            return max(epsilon / self.epsilon, delta / self.delta)
        named = [one for use in uses for one in use.mechanisms]
        if not named:
            return 0.0
        orders = np.array([self.order])
        fixed = float(epsilon_at(orders, np.zeros(1), self.delta * (1 - _CLAIMED_SHARE))[0])
        share = float(curve(named, orders)[0]) / max(self.epsilon - fixed, 1e-300)
        return max(share, claimed_delta(named) / (self.delta * _CLAIMED_SHARE))

    def admits(self, uses: Sequence[Use]) -> bool:
        """True while all of these together keep to the budget."""
        return self.used(uses) <= 1 + _SLACK


def _deltas(uses: Sequence[Use]) -> float:
    return sum(one.delta for one in uses if one.mechanisms)
