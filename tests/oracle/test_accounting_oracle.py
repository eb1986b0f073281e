"""Privacy accounting against the accountants of Opacus."""

import pytest

from careloom.synth.accounting_mechanisms import SampledGaussian
from careloom.synth.accounting_prv import prv_epsilon
from careloom.synth.accounting_renyi import renyi_epsilon

pytestmark = pytest.mark.long
RUNS = [(noise, rate, steps) for noise in (0.7, 1.0, 2.0) for rate in (0.02, 0.2) for steps in (50, 1000)]


@pytest.mark.parametrize("delta", [1e-5, 1e-7])
@pytest.mark.parametrize(("noise", "rate", "steps"), RUNS)
def test_epsilon_is_that_of_opacus(noise: float, rate: float, steps: int, delta: float) -> None:
    accountants = pytest.importorskip("opacus.accountants", reason="needs the extra ml")
    losses, renyi = accountants.PRVAccountant(), accountants.RDPAccountant()
    losses.history = renyi.history = [(noise, rate, steps)]
    run = [SampledGaussian(noise, rate, steps)]
    theirs = float(losses.get_epsilon(delta, eps_error=0.01))
    assert theirs - 0.011 <= prv_epsilon(run, delta) <= theirs + 0.001
    assert renyi_epsilon(run, delta) <= float(renyi.get_epsilon(delta)) * 1.02 + 1e-3
