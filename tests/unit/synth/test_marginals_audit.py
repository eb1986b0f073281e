"""An attacker's lower bound of epsilon: never above what is claimed, and far above it where a bound is broken."""

import math

import numpy as np
import pytest

from careloom.synth.marginals import fit
from careloom.synth.marginals_plan import Ask, Table

pytestmark = pytest.mark.long
TABLE, ASK = Table((2, 6), target=0), Ask(1.0, extra=0, steps=5)
ROWS = np.tile(np.array([[0, 0], [1, 1], [0, 2], [1, 3]]), (50, 1))
CANARY = np.array([[1, 5]])
"""Of a code that nobody else has: the patient who is easiest to find."""
RUNS = 200


def seen(canaries: int, seed: int) -> np.ndarray:
    """How likely the canary's code is under the model, in each of `RUNS` fits."""
    rows = np.concatenate([ROWS, np.repeat(CANARY, canaries, axis=0)])
    found = []
    for run in range(RUNS):
        model = fit(rows, TABLE, ASK, np.random.default_rng([seed, run]))
        column = model.marginals[0].sum(axis=0)
        found.append(model.total * column[model.kept[1][5]] * model.shares[1][5])
    return np.array(found)


def bound_of(canaries: int) -> float:
    """Lower bound of epsilon at 95 %: the threshold is set on the first half of the runs, and judged on the second."""
    without, within = seen(0, 1), seen(canaries, 2)
    half = RUNS // 2
    levels = np.unique(np.concatenate([without[:half], within[:half]]))
    threshold = max(levels, key=lambda at: (within[:half] > at).mean() / max((without[:half] > at).mean(), 0.05))
    low, _ = interval(int((within[half:] > threshold).sum()), half)
    _, high = interval(int((without[half:] > threshold).sum()), half)
    return math.log((low - ASK.delta) / high) if low > ASK.delta else -math.inf


def interval(hits: int, runs: int) -> tuple[float, float]:
    """Clopper and Pearson's, at 97.5 % on either side."""

    def at_most(p: float, upto: int) -> float:
        return sum(math.comb(runs, k) * p**k * (1 - p) ** (runs - k) for k in range(upto + 1))

    def rate(tail: float, upto: int) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(middle, upto) > tail else (low, middle)
        return high

    return (rate(0.975, hits - 1) if hits else 0.0), (rate(0.025, hits) if hits < runs else 1.0)


def test_canaries_show_no_more_than_the_claimed_epsilon() -> None:
    assert bound_of(1) <= ASK.epsilon


def test_a_patient_with_more_rows_than_the_bound_says_is_caught() -> None:
    assert bound_of(30) > ASK.epsilon
