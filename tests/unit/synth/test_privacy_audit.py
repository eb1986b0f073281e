"""Lower bounds of epsilon: those of mechanisms whose epsilon is known, and the sums behind them."""

import math

import numpy as np
import pytest

from careloom.errors import InputError
from careloom.synth.accounting import gaussian_epsilon
from careloom.synth.privacy_audit import audit, audit_gaussian, audit_one_run, by_counts, campaign, chance_of_guesses

DRAW = np.random.default_rng(0)


def answered(epsilon: float, is_in: np.ndarray) -> np.ndarray:
    """Randomized response: the truth with the odds that epsilon allows."""
    truth = DRAW.random(len(is_in)) < 1 / (1 + math.exp(-epsilon))
    return np.where(truth, is_in, ~is_in).astype(float)


def test_the_bound_of_counts_is_that_of_the_exact_intervals() -> None:
    assert by_counts(100, 0, 100, 0.0) == pytest.approx(math.log(0.96378 / 0.03622), abs=1e-3)
    assert by_counts(50, 50, 100, 0.0) == 0
    assert by_counts(0, 0, 100, 0.0) == 0
    assert by_counts(60, 20, 100, 0.0) == pytest.approx(by_counts(80, 40, 100, 0.0))  # the other way round
    assert by_counts(100, 0, 100, 0.1) < by_counts(100, 0, 100, 0.0)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_bounds_of_randomized_response_stay_below_its_epsilon_and_come_near(epsilon: float) -> None:
    runs = 400
    bounds = [
        audit(answered(epsilon, np.ones(runs, bool)), answered(epsilon, np.zeros(runs, bool)), 0.0).lower
        for _ in range(20)
    ]
    assert sum(bound > epsilon for bound in bounds) <= 2
    assert np.mean(bounds) > 0.35 * epsilon
    tosses = [DRAW.random(2_000) < 0.5 for _ in range(20)]
    ones = [audit_one_run(answered(epsilon, toss), toss, 1_000, 0.0).lower for toss in tosses]
    assert sum(bound > epsilon for bound in ones) <= 2
    assert np.mean(ones) > 0.75 * epsilon


def test_gaussian_noise_is_bounded_more_closely_when_it_is_known_to_be_gaussian() -> None:
    noise, delta = 1.0, 1e-5
    within, without = campaign(lambda is_in, run: float(is_in) + noise * np.random.default_rng(run).normal(), 2_000)
    claimed = gaussian_epsilon(0.5 / noise**2, delta)
    any_noise, gaussian = audit(within, without, delta), audit_gaussian(within, without, delta)
    assert 0 < any_noise.lower < gaussian.lower < claimed
    assert gaussian.lower > 0.6 * claimed
    assert gaussian.runs == 4_000


def test_without_noise_as_much_is_proved_as_so_many_runs_can_prove() -> None:
    within, without = campaign(lambda is_in, run: float(is_in), 100)
    found = audit(within, without, 1e-5)
    assert found.lower == found.most == pytest.approx(by_counts(50, 0, 50, 1e-5))
    toss = DRAW.random(200) < 0.5
    toss[:200] = np.arange(200) % 2 == 0
    one = audit_one_run(toss.astype(float), toss, 100, 1e-5)
    assert one.lower == one.most > 3.5
    assert audit_one_run(np.zeros(200), DRAW.random(200) < 0.5, 20, 1e-5).lower < 1


def test_a_delta_makes_right_guesses_likelier_and_never_less_likely() -> None:
    exact = sum(math.comb(20, k) for k in range(15, 21)) / 2**20
    assert chance_of_guesses(50, 20, 15, 0.0, 0.0) == pytest.approx(exact)
    chances = [chance_of_guesses(50, 20, 15, 0.5, delta) for delta in (0.0, 1e-6, 1e-3, 0.1)]
    assert chances == sorted(chances)
    assert chances[-1] <= 1


def test_too_few_runs_and_too_many_guesses_are_refused() -> None:
    with pytest.raises(InputError):
        audit(np.zeros(3), np.zeros(3), 0.0)
    with pytest.raises(InputError):
        audit_one_run(np.zeros(10), np.zeros(10, bool), 6, 0.0)
