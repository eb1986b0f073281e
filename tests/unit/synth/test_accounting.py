"""What privacy accounting says: against closed forms, published values, and laws that every account keeps."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import QueryError
from careloom.synth.accounting import calibrated, gaussian_delta, gaussian_epsilon, spent
from careloom.synth.accounting_mechanisms import (
    Claimed,
    Gaussian,
    Laplace,
    Mechanism,
    SampledGaussian,
    Selection,
    as_json,
    from_json,
    per_patient,
)
from careloom.synth.accounting_prv import prv_delta, prv_epsilon
from careloom.synth.accounting_renyi import concentrated, concentrated_epsilon, curve, renyi_epsilon

DELTA = 1e-5


# --- exact values ---


def test_the_analytic_gaussian_mechanism_needs_the_published_noise() -> None:
    """3.730632 at (1, 1e-5): Balle and Wang's own program; the classical mechanism needs 4.84."""
    assert calibrated(lambda factor: [Gaussian(factor)], 1.0, DELTA) == pytest.approx(3.730632, rel=2e-4)


@pytest.mark.parametrize(("noise", "epsilon"), [(0.7, 2.0), (2.0, 0.5), (10.0, 0.1)])
def test_the_exact_delta_of_gaussian_noise_is_the_integral(noise: float, epsilon: float) -> None:
    z = np.linspace(-15 * noise, 15 * noise + 1, 1_000_001)
    p, q = (np.exp(-((z - at) ** 2) / (2 * noise**2)) / (noise * math.sqrt(2 * math.pi)) for at in (1, 0))
    integral = float(np.maximum(p - math.exp(epsilon) * q, 0).sum() * (z[1] - z[0]))
    assert gaussian_delta(noise, epsilon) == pytest.approx(integral, rel=1e-5)


def test_gaussians_together_are_one_gaussian() -> None:
    together = gaussian_epsilon(concentrated([Gaussian(20.0, 50)]), DELTA)
    assert together == pytest.approx(gaussian_epsilon(0.5 * 50 / 20**2, DELTA), rel=1e-12)
    assert gaussian_delta(20 / math.sqrt(50), together) == pytest.approx(DELTA, rel=1e-6)


def response_delta(epsilon: float, runs: int, target: float) -> float:
    """Exact delta of `runs` randomized responses, by the binomial sum (Kairouz, Oh, Viswanath 2015, theorem 3.3)."""
    high = 1 / (1 + math.exp(-epsilon))
    return sum(
        math.comb(runs, k) * max(0.0, high ** (runs - k) * (1 - high) ** k
                                 - math.exp(target) * high**k * (1 - high) ** (runs - k))
        for k in range(runs + 1)
    )  # fmt: skip


@pytest.mark.parametrize(("epsilon", "runs"), [(0.1, 1), (0.1, 30), (0.5, 10), (1.0, 4)])
def test_composed_losses_of_randomized_response_are_the_exact_ones(epsilon: float, runs: int) -> None:
    told = prv_epsilon([Claimed(epsilon, 0.0, runs)], DELTA)
    assert response_delta(epsilon, runs, told) <= DELTA * (1 + 1e-6)
    assert response_delta(epsilon, runs, told * 0.99 - 1e-3) > DELTA


@pytest.mark.parametrize("noise", [0.7, 1.0, 3.73, 30.0])
def test_composed_losses_of_gaussians_lie_above_the_exact_value_and_near_it(noise: float) -> None:
    exact = gaussian_epsilon(0.5 * 40 / noise**2, DELTA)
    assert exact <= prv_epsilon([Gaussian(noise, 40)], DELTA) <= exact * 1.002 + 1e-4


def test_a_single_laplace_has_the_exact_delta() -> None:
    for at in (0.0, 0.3, 0.9):
        assert prv_delta([Laplace(1.0)], at) == pytest.approx(1 - math.exp((at - 1) / 2), abs=1e-4)
    assert spent([Laplace(1.0)], DELTA).epsilon == 1.0


@pytest.mark.parametrize("order", [2, 3, 8, 32])
@pytest.mark.parametrize(("noise", "rate"), [(1.0, 0.01), (1.2, 0.2), (4.0, 0.5)])
def test_renyi_of_drawn_patients_is_the_binomial_sum_at_whole_orders(noise: float, rate: float, order: int) -> None:
    total = sum(
        math.comb(order, k) * (1 - rate) ** (order - k) * rate**k * math.exp(k * (k - 1) / (2 * noise**2))
        for k in range(order + 1)
    )
    found = curve([SampledGaussian(noise, rate)], np.array([float(order)]))[0]
    assert found == pytest.approx(math.log(total) / (order - 1), rel=1e-9)


def test_the_conversion_of_zcdp_is_the_published_one_and_better_than_the_first() -> None:
    rho = 0.1
    first = rho + 2 * math.sqrt(rho * math.log(1 / DELTA))
    assert gaussian_epsilon(rho, DELTA) < concentrated_epsilon(rho, DELTA) < first


OPACUS = [(1.0, 0.01, 1000, 1.829), (2.0, 0.0256, 2000, 2.548), (20.0, 1.0, 50, 1.357)]
"""noise, rate, steps, epsilon at 1e-5 by the PRV accountant of Opacus 1.6.0 (error at most 0.001)."""


@pytest.mark.parametrize(("noise", "rate", "steps", "epsilon"), OPACUS)
def test_composed_losses_are_those_of_opacus(noise: float, rate: float, steps: int, epsilon: float) -> None:
    assert prv_epsilon([SampledGaussian(noise, rate, steps)], DELTA) == pytest.approx(epsilon, abs=2e-3)


# --- laws ---

noises = st.floats(0.7, 50)
mechanisms: st.SearchStrategy[Mechanism] = st.one_of(
    st.builds(Gaussian, noises, st.integers(1, 20)),
    st.builds(SampledGaussian, noises, st.floats(0.01, 0.9), st.integers(1, 200)),
    st.builds(Laplace, st.floats(0.01, 1), st.integers(1, 10)),
    st.builds(Selection, st.floats(0.01, 1), st.integers(1, 10)),
    st.builds(Claimed, st.floats(0.01, 1), st.just(0.0), st.integers(1, 5)),
)


@settings(max_examples=15, deadline=None)
@given(mechanisms, mechanisms)
def test_a_further_run_never_makes_it_less(one: Mechanism, other: Mechanism) -> None:
    alone, both = spent([one], DELTA), spent([one, other], DELTA)
    assert both.epsilon >= alone.epsilon * (1 - 2e-3) - 1e-4
    assert renyi_epsilon([one, other], DELTA) >= renyi_epsilon([one], DELTA)


@settings(max_examples=8, deadline=None)
@given(noises, st.floats(0.01, 1), st.integers(1, 200))
def test_more_noise_fewer_steps_and_more_delta_never_cost_more(noise: float, rate: float, steps: int) -> None:
    here = prv_epsilon([SampledGaussian(noise, rate, steps)], DELTA)
    slack = here * 2e-3 + 1e-4
    assert prv_epsilon([SampledGaussian(noise * 1.3, rate, steps)], DELTA) <= here + slack
    assert prv_epsilon([SampledGaussian(noise, rate, 2 * steps)], DELTA) >= here - slack
    assert prv_epsilon([SampledGaussian(noise, rate, steps)], 10 * DELTA) <= here + slack
    assert here <= renyi_epsilon([SampledGaussian(noise, rate, steps)], DELTA) + slack


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 2), st.floats(0.0, 1.0))
def test_a_selection_costs_at_least_what_its_worst_pair_tells(epsilon: float, share: float) -> None:
    at = share * epsilon
    worst = (1 - math.exp((at - epsilon) / 2)) ** 2 / (1 - math.exp(-epsilon))
    assert worst - 1e-9 <= prv_delta([Selection(epsilon)], at) <= worst + 5e-3


@settings(max_examples=20, deadline=None)
@given(mechanisms)
def test_what_is_kept_of_a_mechanism_makes_it_again(one: Mechanism) -> None:
    assert from_json(as_json(one)) == one


# --- patients with several rows ---


def test_a_patient_with_several_rows_costs_more() -> None:
    assert per_patient(Gaussian(10.0), 5) == Gaussian(2.0)
    assert per_patient(Laplace(0.1, 3), 4) == Laplace(0.4, 3)
    drawn = per_patient(SampledGaussian(10.0, 0.01, 7), 3)
    assert isinstance(drawn, SampledGaussian)
    assert (drawn.noise, drawn.count) == (pytest.approx(10 / 3), 7)
    assert drawn.rate == pytest.approx(1 - 0.99**3)
    widened = per_patient(Claimed(0.5, 1e-6), 2)
    assert isinstance(widened, Claimed)
    assert widened.epsilon == 1.0
    assert widened.delta == pytest.approx(1e-6 * (1 + math.exp(0.5)))


def test_the_loss_of_one_row_drawn_from_several_is_at_most_that_of_the_patient() -> None:
    """The exact loss of a patient with two rows, by integration, against what `per_patient` answers."""
    noise, rate, at = 1.5, 0.1, 0.2
    z = np.linspace(-20, 25, 400_001)
    bell = np.exp(-(z**2) / (2 * noise**2)) / (noise * math.sqrt(2 * math.pi))
    weights = ((1 - rate) ** 2, 2 * rate * (1 - rate), rate**2)
    shifted = [np.exp(-((z - k) ** 2) / (2 * noise**2)) / (noise * math.sqrt(2 * math.pi)) for k in range(3)]
    mixture = sum(w * one for w, one in zip(weights, shifted, strict=True))
    exact = float(np.maximum(mixture - math.exp(at) * bell, 0).sum() * (z[1] - z[0]))
    assert exact <= prv_delta([per_patient(SampledGaussian(noise, rate), 2)], at)


# --- refusals ---

WRONG: list[dict[str, Any]] = [
    {"kind": "gaussian", "noise": 0},
    {"kind": "gaussian", "noise": 1, "count": 0},
    {"kind": "sampled-gaussian", "noise": 1, "rate": 1.5},
    {"kind": "laplace", "epsilon": -1},
    {"kind": "claimed", "epsilon": 1, "delta": 1},
    {"kind": "none"},
    {"kind": "gaussian", "sigma": 1},
    {"kind": "gaussian", "noise": "much"},
]


@pytest.mark.parametrize("kept", WRONG)
def test_parameters_that_are_none_are_refused(kept: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        from_json(kept)


def test_a_delta_below_the_claimed_ones_is_never_reached() -> None:
    assert math.isinf(spent([Claimed(0.1, 1e-4)], DELTA).epsilon)


def test_a_target_that_no_noise_keeps_is_refused() -> None:
    with pytest.raises(QueryError):
        calibrated(lambda factor: [Gaussian(factor), Claimed(2.0)], 1.0, DELTA)
